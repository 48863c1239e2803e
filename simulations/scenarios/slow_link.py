"""A radio modem: 256 kbit/s for everything."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=3, seconds=90)
def slow_link(world: World) -> None:
    """One node has more to say than 256 kbit/s carry: it coalesces, others are heard beside it, and all agree soon."""
    busy, other, *_, reader = world.start()
    world.weather(bandwidth_bits_per_s=256_000)
    before = world.sent_bytes()
    for number in range(5000):
        world.write(busy, f"sensor/{number % 200}", number)
        if number % 10 == 9:
            world.run(0.01)
        if number % 1000 == 0:
            world.write(other, "small", number)
        if number % 1000 == 999:
            expect(world.read(reader, "small") == number - 999, "what another node writes arrives within a second")
    world.measure("agreement_s", world.settle(within_s=30))
    world.measure("bytes_per_write", (world.sent_bytes() - before) / 5000)
