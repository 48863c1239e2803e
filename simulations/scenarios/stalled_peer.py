"""A process that the debugger holds."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=5, seconds=60)
def stalled_peer(world: World) -> None:
    """A process stands still for 20 s: the others miss it, and it accuses nobody on waking."""
    names = world.start()
    stalled, *others = names
    world.pause(stalled)
    for number in range(20):
        world.write(others[number % len(others)], f"key/{number}", number)
        world.run(1)
    expect(stalled not in world.sees(others[0]), "the others miss it")

    world.resume(stalled)
    world.run(0.5)
    expect(world.sees(stalled) == set(others), "it accuses nobody on waking")
    world.measure("agreement_s", world.settle(within_s=10))
    world.run(3)
    expect(stalled in world.sees(others[0]), "it is welcomed back")
