"""Two halves that cannot hear each other, and both go on."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=6)
def split_brain(world: World) -> None:
    """Two halves write the same keys, agree soon after they meet again, and lose nothing."""
    names = world.start()
    half = len(names) // 2
    left, right = names[:half], names[half:]
    world.weather(loss=0.1)

    world.partition(left, right)
    world.write(left[0], "door", "open")
    world.write(right[0], "door", "shut")
    for number in range(20):
        world.write(left[number % len(left)], f"left/{number}", number)
        world.write(right[number % len(right)], f"right/{number}", number)
    world.run(5)
    expect(world.read(left[-1], "door") != world.read(right[-1], "door"), "each half has its own door while split")

    world.heal()
    world.measure("agreement_s", world.settle(within_s=10))
    expect(len(world.state(names[0])) == 41, "both halves' writes are there after the heal")
