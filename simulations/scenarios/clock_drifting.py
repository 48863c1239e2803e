"""Clocks that run fast and slow, as cheap ones do in the sun."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=3, worlds=("simulated",), seconds=400)
def clock_drifting(world: World) -> None:
    """Clocks drift apart by a part in a hundred; keys with a time to live vanish everywhere at about their time."""
    for name, rate in (("fast", 1.01), ("true", 1.0), ("slow", 0.99)):
        world.add(name, clock_rate=rate)
    world.run(300)
    world.write("true", "short", 1, ttl_s=5.0)
    world.settle(within_s=4)
    expect(all(world.read(name, "short") == 1 for name in world.names), "it is there while it lives")
    world.run(12)
    expect(all(world.read(name, "short") is None for name in world.names), "it is gone everywhere")
    world.write("slow", "last", 1)
    world.measure("agreement_s", world.settle(within_s=10))
