"""A log file that grew until there was no byte left."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=3, worlds=("real",), seconds=30)
def disk_full(world: World) -> None:
    """The disk of one computer is full: its peer goes on, starts again and is joined by others, and nothing is lost."""
    names = world.start()
    full, other = names[0], names[-1]
    world.write(other, "before", 1)
    world.settle(within_s=10)

    world.fill_disk(full)
    world.write(full, "by the full one", 2)
    world.write(other, "by another", 3)
    world.measure("agreement_s", world.settle(within_s=10))
    world.add("late", peers=[full])
    world.measure("late_agreement_s", world.settle(within_s=15))
    expect(world.read("late", "by the full one") == 2, "a newcomer learns all")

    world.restart(full)  # its new process finds no byte free, and joins all the same
    world.measure("agreement_after_restart_s", world.settle(within_s=15))
    world.write(full, "after the restart", 4)
    world.settle(within_s=10)
    world.free_disk(full)
    world.write(full, "with room again", 5)
    world.settle(within_s=10)
    wanted = {"before": 1, "by the full one": 2, "by another": 3, "after the restart": 4, "with room again": 5}
    expect(all(world.state(name) == wanted for name in (*names, "late")), "nothing is lost")
