"""Histories written out by hand: one line an operation, as short as can be read."""

from __future__ import annotations

from gossamer.simulation.workloads import History


def history(*calls: tuple) -> History:
    """Return the history of calls (process, function, argument, result), one a second, each done at once.

    A result that is a string of "fail" or "info" is how the call ended; a fault is ("nemesis", function, value).
    """
    made = History()
    for time_s, (process, function, *values) in enumerate(calls):
        if process == "nemesis":
            made.enter(process, "info", function, values[0] if values else None, float(time_s))
            continue
        argument, result = values
        made.enter(process, "invoke", function, argument, float(time_s))
        if result in ("fail", "info"):
            made.enter(process, result, function, argument, float(time_s))
        else:
            made.enter(process, "ok", function, result, float(time_s))
    return made


def problems(verdict) -> str:
    return "; ".join(verdict.problems)
