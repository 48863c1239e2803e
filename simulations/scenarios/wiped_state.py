"""A card that was formatted."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=3)
def wiped_state(world: World) -> None:
    """A node loses all it held and starts anew, again and again; the others give it back."""
    names = world.start()
    for round_ in range(5):
        for number in range(10):
            world.write(names[0], f"key/{round_}/{number}", number)
        world.settle(within_s=10)
        world.kill(names[0])
        world.restart(names[0])
        world.write(names[0], f"new/{round_}", round_)
        world.run(world.rng.uniform(0, 2))
    world.measure("agreement_s", world.settle(within_s=20))
    expect(len(world.state(names[0])) == 55, "nothing that was acknowledged elsewhere is lost")
