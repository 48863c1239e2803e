"""A laptop that lay in a drawer."""

from gossamer.simulation.scenario import World, expect, scenario

HALF_A_YEAR_S = 182 * 24 * 3600
LONGER_THAN_DELETES_ARE_REMEMBERED_S = 2 * 3600


@scenario(
    nodes=3,
    variants={
        "": {"awake_s": LONGER_THAN_DELETES_ARE_REMEMBERED_S},
        "awake for a day": {"awake_s": 24 * 3600},
    },
    worlds=("simulated",),
    seconds=HALF_A_YEAR_S,
)
def delete_and_half_a_year_of_absence(world: World, awake_s: float) -> None:
    """Keys are deleted, the deletes forgotten, and a peer that still holds the keys returns: they stay deleted.

    The others work on until they have forgotten, then shut their lids for the rest of the half year, as one does
    at the end of term: in sleep nothing changes, and simulating it costs nothing.
    """
    drawer, *others = world.start()
    for number in range(30):
        world.write(others[0], f"key/{number}", number)
    world.settle(within_s=10)
    world.partition([drawer], others)
    world.pause(drawer)
    for number in range(0, 30, 2):
        world.delete(others[-1], f"key/{number}")
    world.run(awake_s)

    world.say("the end of term")
    for name in others:
        world.pause(name)
    world.run(HALF_A_YEAR_S - awake_s)

    world.say("the drawer is opened")
    for name in world.names:
        world.resume(name)
    world.write(drawer, "mine", "written in the drawer")
    world.heal()
    world.measure("agreement_s", world.settle(within_s=60))
    state = world.state(drawer)
    expect(all(f"key/{n}" not in state for n in range(0, 30, 2)), "nothing deleted comes back")
    expect(len(state) == 16, "what was not deleted is there, and so is what was written away from home")
