"""A dashboard that draws a hundred changes a second, of a mesh that changes ten times as fast."""

from typing import Any

from gossamer.simulation.scenario import World, expect, scenario

CHANGES_MAX = 200
DRAWS = 100
HOT_KEYS = 5
BURST_KEYS = 300
SECONDS = 3


@scenario(nodes=4, seconds=30)
def slow_watcher(world: World) -> None:
    """Who takes a hundred changes a second holds up nobody, keeps no more than one a key, and ends with the truth."""
    names = world.start()
    slow, hot, bursty, reader = names[0], names[1], names[2], names[-1]
    world.begin_watching(slow, changes_max=CHANGES_MAX)
    drawn: dict[Any, Any] = {}
    told, behind, number = 0, 0, 0
    for second in range(SECONDS):
        ends = world.now + 1
        world.batch(bursty, {f"burst/{n}": [second, n] for n in range(BURST_KEYS)})
        if second:
            world.delete(bursty, f"gone/{second - 1}")
        world.write(bursty, f"gone/{second}", second)
        while world.now < ends:
            world.write(hot, f"hot/{number % HOT_KEYS}", number)
            world.run(0.001)
            if number % 100 == 99:
                behind = max(behind, number - latest(world, reader))
            number += 1
        taken = world.take_changes(slow, at_most=DRAWS)
        told += len(taken)
        draw(drawn, taken)
    world.measure("agreement_s", world.settle(within_s=5))
    rest = world.take_changes(slow)
    draw(drawn, rest)

    world.measure("waiting_changes", len(rest))
    world.measure("told_share", (told + len(rest)) / (number + SECONDS * BURST_KEYS))
    world.measure("behind_max_values", behind)
    keys = HOT_KEYS + BURST_KEYS + SECONDS
    expect(len(rest) <= CHANGES_MAX + keys, f"no more than {CHANGES_MAX} changes and one a key wait, not {len(rest)}")
    expect(
        told + len(rest) < number + SECONDS * BURST_KEYS,
        "the watcher was slow: it was not told of every change by itself",
    )
    expect(behind < 250, f"another reader is never further behind than a quarter of a second, not {behind} values")
    expect(drawn == world.state(slow), "what the watcher was told, from old to new, leads to what is there")


def latest(world: World, name: str) -> int:
    """Return the latest of the hot values that a node sees."""
    return max(world.read(name, f"hot/{key}") or 0 for key in range(HOT_KEYS))


def draw(drawn: dict[Any, Any], taken: list[tuple[Any, Any, Any]]) -> None:
    """Apply changes as a dashboard does; each must begin where the one before of its key ended."""
    for key, old, new in taken:
        expect(drawn.get(key) == old, f"the change of {key!r} begins at {drawn.get(key)!r}, not at {old!r}")
        if new is None:
            del drawn[key]
        else:
            drawn[key] = new
