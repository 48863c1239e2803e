"""Wi-Fi on a bad day: every datagram may be lost."""

from gossamer.simulation.scenario import World, scenario


@scenario(
    nodes=8,
    variants={f"{percent}%": {"loss": percent / 100} for percent in (10, 0, 1, 5, 30, 50)},
    seconds=60,
)
def lossy_multicast(world: World, loss: float) -> None:
    """Writes keep arriving whatever share of datagrams is lost; how long that takes and what it costs is measured."""
    names = world.start()
    world.weather(loss=loss)
    before = world.sent_bytes()
    for number in range(100):
        world.write(names[number % len(names)], f"key/{number}", number)
        world.run(0.02)
    took_s = world.settle(within_s=30)

    world.measure("agreement_s", took_s)
    world.measure("bytes_per_node_per_write", (world.sent_bytes() - before) / len(names) / 100)
