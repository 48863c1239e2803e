"""A delete that nobody ever heard of."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=4)
def deleter_dies_unheard(world: World) -> None:
    """A node deletes a key while it is cut off, and dies: for all others the key stays, and they agree."""
    deleter, *others = world.start()
    world.write(others[0], "key", 1)
    world.settle(within_s=10)
    world.partition([deleter], others)
    world.delete(deleter, "key")
    world.run(0.5)
    world.crash(deleter)
    world.heal()
    world.run(10)
    world.measure("agreement_s", world.settle(within_s=20))
    expect(all(world.read(name, "key") == 1 for name in others), "what was not heard did not happen")
