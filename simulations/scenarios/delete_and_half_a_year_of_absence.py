"""A laptop that lay in a drawer."""

from gossamer.simulation.scenario import World, expect, scenario

HALF_A_YEAR_S = 182 * 24 * 3600


@scenario(
    nodes=3,
    variants={"a day": {"away_s": 24 * 3600}, "half a year": {"away_s": HALF_A_YEAR_S}},
    worlds=("simulated",),
    seconds=HALF_A_YEAR_S,
    slow=True,
)
def delete_and_half_a_year_of_absence(world: World, away_s: float) -> None:
    """Keys are deleted, the deletes forgotten, and a peer that still holds the keys returns: they stay deleted."""
    drawer, *others = world.start()
    for number in range(30):
        world.write(others[0], f"key/{number}", number)
    world.settle(within_s=10)
    world.partition([drawer], others)
    world.pause(drawer)
    for number in range(0, 30, 2):
        world.delete(others[-1], f"key/{number}")
    world.run(away_s)

    world.resume(drawer)
    world.write(drawer, "mine", "written in the drawer")
    world.heal()
    world.measure("agreement_s", world.settle(within_s=60))
    state = world.state(drawer)
    expect(all(f"key/{n}" not in state for n in range(0, 30, 2)), "nothing deleted comes back")
    expect(len(state) == 16, "what was not deleted is there, and so is what was written away from home")
