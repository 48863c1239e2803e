"""The cable is pulled while a newcomer catches up, at any byte."""

from gossamer.simulation.scenario import expect, scenario
from gossamer.simulation.simulation import Simulation

KEYS = 2000


@scenario(nodes=1, worlds=("simulated",), seconds=60)
def exchange_cut(world: Simulation) -> None:
    """A catch-up that is cut teaches nothing, and the next one everything: no newcomer ever holds a part."""
    (writer,) = world.start(1)
    for start in range(0, KEYS, 100):
        world.batch(writer, {f"key/{n}": n for n in range(start, start + 100)})

    undisturbed_bytes, _ = catch_up(world, writer, "undisturbed")
    cuts, slowest_s = 0, 0.0
    for number in range(20):
        late = f"late{number}"
        world.links.break_stream_after(writer, late, int(10 ** world.rng.uniform(0.5, 4)))
        cost_bytes, took_s = catch_up(world, writer, late)
        cuts += cost_bytes > 1.5 * undisturbed_bytes
        slowest_s = max(slowest_s, took_s)
        world.heal()
    expect(cuts >= 5, f"cables were pulled in the middle of a delta, not {cuts} times only")
    world.measure("agreement_s", slowest_s)
    world.measure("undisturbed_bytes", undisturbed_bytes)


def catch_up(world: Simulation, writer: str, late: str) -> tuple[int, float]:
    """Let somebody join, learn all, and die; return what that cost the writer and how long it took."""
    before, began = world.sent_bytes(writer), world.now
    world.add(late)
    while (held := len(world.state(late))) < KEYS:
        expect(held == 0, f"{late} holds nothing or everything, not {held} keys")
        expect(world.now - began < 10, f"{late} has caught up within 10 s")
        world.run(0.005)
    cost_bytes, took_s = world.sent_bytes(writer) - before, world.now - began
    world.crash(late)  # so that the next learns from the writer
    return cost_bytes, took_s
