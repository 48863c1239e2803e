"""Scripts that start, write a line and end, all day long."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(
    nodes=3,
    variants={"60": {"runs": 60}, "400": {"runs": 400}, "10k": {"runs": 10_000}},
    worlds=("simulated",),
)
def churn(world: World, runs: int) -> None:
    """Thousands of short-lived peers leave their origins behind; idle traffic does not grow with them.

    What does grow is what one more script pays to join, for it learns of all that were there before; it is measured.
    """
    names = world.start()
    world.run(5)
    before = world.sent_bytes()
    world.run(10)
    quiet = (world.sent_bytes() - before) / 10

    world.add("script")
    for number in range(runs):
        began = world.sent_bytes()
        world.write("script", f"line/{number % 50}", number)
        world.run(0.3)
        world.stop("script")
        world.restart("script")
    world.measure("last_run_bytes", world.sent_bytes() - began)
    world.measure("agreement_s", world.settle(within_s=60))
    world.run(15)

    before = world.sent_bytes()
    world.run(10)
    after = (world.sent_bytes() - before) / 10 * len(names) / (len(names) + 1)
    world.measure("idle_bytes_per_s_before", quiet)
    world.measure("idle_bytes_per_s_after", after)
    expect(after < 1.5 * quiet, f"past peers cost nothing: {quiet:.0f} bytes a second before, {after:.0f} after")
