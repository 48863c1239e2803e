"""Last words, heard by one."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=5)
def writer_dies_after_one_heard(world: World) -> None:
    """A writer dies when one of many has heard its last writes: that one tells all the others."""
    writer, witness, *others = world.start()
    world.partition([writer, witness], others)
    for number in range(20):
        world.write(writer, f"will/{number}", number)
    world.settle(within_s=10, among=[writer, witness])
    world.crash(writer)
    world.heal()
    world.measure("agreement_s", world.settle(within_s=20))
    expect(world.read(others[0], "will/19") == 19, "the last words of the dead reach everyone")
