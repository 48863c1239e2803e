"""A radio modem: 256 kbit/s for everything."""

from gossamer.simulation.scenario import World, scenario


@scenario(nodes=3, seconds=90)
def slow_link(world: World) -> None:
    """A burst of writes squeezes through 256 kbit/s, coalesced, and small writes do not starve behind it."""
    names = world.start()
    world.weather(bandwidth_bits_per_s=256_000)
    for number in range(2000):
        world.write(names[0], f"sensor/{number % 200}", number)
    world.write(names[1], "small", 1)
    world.measure("agreement_s", world.settle(within_s=60))
