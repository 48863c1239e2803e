"""Scripts that start, write a line and end, all day long."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=3, variants={"60": {"runs": 60}, "10k": {"runs": 10_000}}, worlds=("simulated",), slow=True)
def churn(world: World, runs: int) -> None:
    """Thousands of short-lived peers leave their origins behind; idle traffic does not grow with them."""
    names = world.start()
    world.run(5)
    before = world.sent_bytes()
    world.run(10)
    quiet = (world.sent_bytes() - before) / 10

    world.add("script")
    for number in range(runs):
        world.write("script", f"line/{number % 50}", number)
        world.run(0.3)
        world.stop("script")
        world.restart("script")
    world.settle(within_s=60)
    world.run(15)

    before = world.sent_bytes()
    world.run(10)
    after = (world.sent_bytes() - before) / 10 * len(names) / (len(names) + 1)
    world.measure("idle_bytes_per_s_before", quiet)
    world.measure("idle_bytes_per_s_after", after)
    expect(after < 1.5 * quiet, f"past peers cost nothing: {quiet:.0f} bytes a second before, {after:.0f} after")
