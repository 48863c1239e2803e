"""A stadium."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=100, worlds=("simulated",), slow=True, seconds=40)
def a_thousand_peers(world: World) -> None:
    """One write reaches all of very many peers, and nobody drowns in beacons.

    Run it with `--nodes 1000` for the whole crowd.
    """
    names = world.start(skew_ms=500, meet=False)
    world.run(20)
    before, began = world.sent_bytes(), world.now
    world.run(10)
    idle = (world.sent_bytes() - before) / (world.now - began) / len(names)
    world.measure("idle_bytes_per_node_per_s", idle)

    reach_s = []
    before = world.sent_bytes()
    for number in range(10):
        began = world.now
        world.write(names[world.rng.randrange(len(names))], "score", number)
        late = set(names)
        while late and world.now - began < 10:
            world.run(0.001)
            for name in [name for name in late if world.read(name, "score") == number]:
                late.discard(name)
                reach_s.append(world.now - began)
        expect(not late, f"the write reaches all within 10 s; {len(late)} lack it")
    reach_s.sort()
    world.measure("reach_p50_s", reach_s[len(reach_s) // 2])
    world.measure("reach_p99_s", reach_s[len(reach_s) * 99 // 100])
    world.measure("bytes_per_node_per_write", (world.sent_bytes() - before) / len(names) / 10)
    world.settle(within_s=30)
