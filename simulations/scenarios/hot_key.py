"""A sensor that says a thousand times a second what it says."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=3)
def hot_key(world: World) -> None:
    """One key at 1 kHz: nobody falls behind, however long it lasts, and the last value arrives at once."""
    names = world.start()
    before, behind = world.sent_bytes(), 0
    for number in range(3000):
        world.write(names[0], "sensor", number)
        world.run(0.001)
        if number % 100 == 99:
            behind = max(behind, number - (world.read(names[-1], "sensor") or 0))
    world.measure("agreement_s", world.settle(within_s=5))
    world.measure("behind_max_values", behind)
    world.measure("bytes_per_write", (world.sent_bytes() - before) / 3000)
    expect(behind < 250, f"a reader is never further behind than a quarter of a second, not {behind} values")
    expect(world.read(names[-1], "sensor") == 2999, "the last value arrives")
