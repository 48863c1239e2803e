"""Nine o'clock in the classroom."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=30, worlds=("simulated",))
def join_storm(world: World) -> None:
    """Everybody starts within one second; nobody is missed, and the storm does not feed itself.

    Run it with `--nodes 200`.
    """
    names = [f"n{number}" for number in range(world.size)]
    for name in names:
        world.add(name, skew_ms=world.rng.randint(-500, 500))
        world.run(1 / world.size)
    world.write(names[0], "lesson", 1)
    world.write(names[-1], "answer", 42)
    world.measure("agreement_s", world.settle(within_s=30))
    world.run(10)
    expect(all(len(world.sees(name)) == len(names) - 1 for name in names), "everyone sees everyone")

    before = world.sent_bytes()
    world.run(10)
    world.measure("idle_bytes_per_node_per_s", (world.sent_bytes() - before) / 10 / len(names))
