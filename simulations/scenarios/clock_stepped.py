"""NTP wakes up in the middle of the day's work."""

from gossamer.simulation.scenario import World, expect, scenario

HOUR_MS = 3600 * 1000


@scenario(nodes=4)
def clock_stepped(world: World) -> None:
    """A clock is set by an hour, forth and back, while everybody writes: no write is lost to it."""
    names = world.start()
    for number in range(200):
        if number % 50 == 20:
            world.step_clock(names[0], HOUR_MS if number % 100 == 20 else -HOUR_MS)
        world.write(names[number % len(names)], "turn", number)
        world.run(0.02)
        if number % 40 == 39:
            world.settle(within_s=10)
            world.write(names[0], "turn", f"after {number}")
            world.settle(within_s=10)
            expect(world.read(names[-1], "turn") == f"after {number}", "the last writer, who saw all, wins")
    world.measure("agreement_s", world.settle(within_s=10))
