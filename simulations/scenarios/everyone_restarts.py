"""The power fails for the whole building."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=6)
def everyone_restarts(world: World) -> None:
    """All but one computer lose power at once and start empty: the survivor's state comes back to all."""
    names = world.start()
    for number in range(50):
        world.write(names[number % len(names)], f"key/{number}", number)
    world.settle(within_s=10)

    for name in names[1:]:
        world.crash(name)
    world.run(1)
    for name in names[1:]:
        world.restart(name)
    world.measure("agreement_s", world.settle(within_s=20))
    expect(len(world.state(names[-1])) == 50, "what one of them had kept is everywhere again")
