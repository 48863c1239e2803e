"""Nothing happens, and nearly nothing is said."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=5, seconds=40)
def quiet(world: World) -> None:
    """A mesh that agrees sends beacons and nothing else, however much it holds."""
    names = world.start()
    world.batch(names[0], {f"room/{n}/temp": 20.0 + n for n in range(200)})
    world.settle(within_s=10)
    world.run(10)

    before = world.sent_bytes()
    world.run(20)
    idle = (world.sent_bytes() - before) / 20 / len(names)

    world.measure("idle_bytes_per_node_per_s", idle)
    expect(idle < 400, f"a quiet node sends less than 400 bytes a second, not {idle:.0f}")
