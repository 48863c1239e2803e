"""A cable that is loose."""

from gossamer.simulation.scenario import World, scenario


@scenario(nodes=4, seconds=90)
def flapping_link(world: World) -> None:
    """A link comes and goes every second or so while both sides write; once it holds, all agree."""
    names = world.start()
    for number in range(20):
        world.partition(names[:2], names[2:])
        world.write(names[0], "left", number)
        world.run(world.rng.uniform(0.2, 2))
        world.heal()
        world.write(names[-1], "right", number)
        world.run(world.rng.uniform(0.2, 2))
    world.measure("agreement_s", world.settle(within_s=10))
