"""A sensor that says a thousand times a second what it says."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=3)
def hot_key(world: World) -> None:
    """One key at 1 kHz: queues do not grow, the last value always arrives, and soon."""
    names = world.start()
    before = world.sent_bytes()
    for number in range(3000):
        world.write(names[0], "sensor", number)
        world.run(0.001)
    took_s = world.settle(within_s=5)
    expect(world.read(names[-1], "sensor") == 2999, "the last value arrives")
    world.measure("agreement_s", took_s)
    world.measure("bytes_per_write", (world.sent_bytes() - before) / 3000)
