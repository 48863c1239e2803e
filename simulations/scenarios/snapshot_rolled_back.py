"""The undo button of a virtual machine."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=3, worlds=("simulated",))
def snapshot_rolled_back(world: World) -> None:
    """A virtual machine is put back to a snapshot: the others notice, and what it writes from then on counts."""
    names = world.start()
    machine = names[0]
    for number in range(20):
        world.write(machine, f"key/{number}", number)
    world.settle(within_s=10)
    world.remember(machine)
    for number in range(20, 40):
        world.write(machine, f"key/{number}", number)
    world.settle(within_s=10)

    world.roll_back(machine, by_s=0)
    world.write(machine, "after", 1)
    world.measure("agreement_s", world.settle(within_s=60))
    expect(world.read(names[1], "after") == 1, "what is written after the roll back reaches the others")
