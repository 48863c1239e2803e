"""Makes a failing schedule small: drops steps, nodes and options while it still fails the same way.

Delta debugging (Zeller & Hildebrandt, 2002): ever smaller runs of steps are left out;
what is still wrong without them is kept.  Then single values are made plain.  The order
is fixed, so the same failure shrinks to the same history, unless time runs out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from .oracle import Wrong
from .player import play
from .schedule import Schedule

Failure = str
"""What kind of failure it is: the error's type and its message without names and numbers."""


def failure_of(schedule: Schedule) -> Failure:
    """Play a schedule; return how it fails, "" if it does not."""
    try:
        play(schedule)
    except Exception as error:
        return kind_of(error)
    return ""


def kind_of(error: Exception) -> Failure:
    """Return what two failures of the same cause have in common."""
    if not isinstance(error, Wrong):
        return type(error).__name__
    words = re.sub(r"Write\(.*?\)|'[^']*'|\[[^\]]*\]|\bn\d+\b|\b[0-9a-f]*\d[0-9a-f.]*\b", "_", str(error))
    return f"Wrong: {words.split(':')[0][:60]}{' '.join(re.findall(r'came back|lost|agreement|silent|hold', words))}"


def shrink(
    schedule: Schedule, *, seconds: float = 60.0, failing: Callable[[Schedule], Failure] = failure_of
) -> Schedule:
    """Return the smallest schedule found within `seconds` of CPU that fails as `schedule` does.

    O(steps log steps) plays at best, their square at worst.  Returns `schedule` itself if it does not fail.
    """
    wanted = failing(schedule)
    if not wanted:
        return schedule
    ends_at = time.process_time() + seconds
    smallest = schedule
    shrunk = True
    while shrunk:
        shrunk = False
        for smaller in _smaller(smallest):
            if time.process_time() > ends_at:
                return smallest
            if failing(smaller) == wanted:
                smallest, shrunk = smaller, True
                break
    return smallest


def _smaller(schedule: Schedule) -> Iterator[Schedule]:
    """Yield what might still fail, the smallest first."""
    steps = schedule.steps
    size = len(steps) // 2
    while size:
        for start in range(0, len(steps), size):
            yield replace(schedule, steps=steps[:start] + steps[start + size :])
        size //= 2
    for at in range(len(schedule.nodes) - 1, 0, -1):
        yield replace(schedule, nodes=schedule.nodes[:at] + schedule.nodes[at + 1 :])
    for name in schedule.options:
        yield replace(schedule, options={other: value for other, value in schedule.options.items() if other != name})
    if not schedule.multicast:
        yield replace(schedule, multicast=True)
    for at, node in enumerate(schedule.nodes):
        plain = replace(node, skew_ms=0, multicast=True, knows_first=False)
        if node != plain:
            yield replace(schedule, nodes=(*schedule.nodes[:at], plain, *schedule.nodes[at + 1 :]))
    for at, step in enumerate(steps):
        if step.then_s:
            yield replace(schedule, steps=(*steps[:at], replace(step, then_s=0.0), *steps[at + 1 :]))
        if step.verb == "write_many" and step.arguments[2] > 1:
            fewer = replace(step, arguments=(*step.arguments[:2], step.arguments[2] // 2, *step.arguments[3:]))
            yield replace(schedule, steps=(*steps[:at], fewer, *steps[at + 1 :]))
