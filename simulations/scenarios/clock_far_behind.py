"""A Raspberry Pi without a battery: it is 1970 again."""

from gossamer.simulation.scenario import World, expect, scenario

FIFTY_YEARS_MS = 50 * 365 * 24 * 3600 * 1000


@scenario(nodes=4)
def clock_far_behind(world: World) -> None:
    """One clock is fifty years behind: what it writes over what it has seen still counts."""
    names = world.start()
    world.add("behind", skew_ms=-FIFTY_YEARS_MS)
    world.run(3)
    world.write(names[0], "valve", "open")
    world.settle(within_s=10)
    world.write("behind", "valve", "shut")
    world.write("behind", "hello", "from 1970")
    world.measure("agreement_s", world.settle(within_s=10))
    expect(world.read(names[1], "valve") == "shut", "a write that saw another beats it, whatever the clocks say")
