"""The cable is pulled while two catch up, at any byte."""

from gossamer.simulation.scenario import expect, scenario
from gossamer.simulation.simulation import Simulation


@scenario(nodes=2, worlds=("simulated",), seconds=120)
def exchange_cut(world: Simulation) -> None:
    """A catch-up that is cut changes nothing; the next one brings everything."""
    writer, reader = world.start(2)
    for attempt in range(10):
        world.partition([writer], [reader])
        keys = {f"key/{attempt}/{n}": n for n in range(300)}
        for key, value in keys.items():
            world.write(writer, key, value)
        world.run(10)
        world.heal()
        world.links.break_stream_after(writer, reader, int(10 ** world.rng.uniform(1, 4)))
        world.run(1)
        have = [world.read(reader, key) is not None for key in keys]
        expect(have == sorted(have, reverse=True), "what arrived is a prefix of what was written")
        world.heal()
        world.settle(within_s=30)
    world.measure("agreement_s", world.settle(within_s=10))
