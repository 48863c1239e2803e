"""A battery that died in the other direction."""

from gossamer.simulation.scenario import World, expect, scenario

TEN_YEARS_MS = 10 * 365 * 24 * 3600 * 1000


@scenario(nodes=4)
def clock_far_ahead(world: World) -> None:
    """One clock is ten years ahead: what it writes wins once, and anybody who saw it can overwrite it."""
    names = world.start()
    world.add("ahead", skew_ms=TEN_YEARS_MS)
    world.run(3)
    world.write("ahead", "valve", "open")
    world.settle(within_s=10)
    world.write(names[0], "valve", "shut")
    world.write(names[1], "other", 1)
    world.settle(within_s=10)
    expect(world.read("ahead", "valve") == "shut", "a key stamped in the future can still be overwritten")

    world.stop("ahead")
    world.write(names[2], "other", 2)
    world.measure("agreement_s", world.settle(within_s=10))
    expect(world.read(names[1], "other") == 2, "no other key runs ahead")
