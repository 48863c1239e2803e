"""Two sites that hear one computer in the middle, and not each other."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=5)
def bridge_node(world: World) -> None:
    """What one site writes reaches the other through the only node that hears both."""
    names = world.start()
    bridge, left, right = names[0], names[1::2], names[2::2]
    for one in left:
        for other in right:
            world.cut(one, other)
            world.cut(other, one)
    world.run(2)

    world.write(left[0], "left", 1)
    world.write(right[0], "right", 2)
    world.measure("agreement_s", world.settle(within_s=20))
    expect(world.read(right[0], "left") == 1 and world.read(left[0], "right") == 2, f"{bridge} carries both ways")
