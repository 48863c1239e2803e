"""One traced run, as a section of the page: pictures that the script fills, and tables that need no script."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from ...crdt.writes import Write
from ...errors import GossamerError
from ...wire.values import decode_value
from ..trace import Trace
from ..trace.conflicts import Conflict
from ..trace.staleness import percentile
from .bars import bytes_section
from .elements import Child, element, table
from .space_time import space_time
from .story import Json, marks_of
from .units import counted, plain, shown

TEXT_MAX = 80
ROWS_MAX = 200


def run_section(number: int, trace: Trace, story: Json) -> Element:
    """Return the section of the run whose data stands under `story-{number}`."""
    return element(
        "section",
        element("h2", trace.title),
        summary(trace),
        figure("Messages through time", space_time(number, trace, story)),
        element(
            "div",
            figure(
                "Who agrees",
                note("Share of the nodes awake that hold the most common state, and how many states there are."),
                plot("agreement"),
            ),
            figure("Traffic", note("Bytes that all nodes sent, each second."), plot("traffic")),
            class_="pair",
        ),
        element(
            "div",
            figure("Staleness", *staleness(trace), plot("staleness")),
            figure("Bytes by node", *bytes_section(trace)),
            class_="pair",
        ),
        figure("Conflicts", *conflicts(trace)),
        element("details", element("summary", "All that happened, in words"), happenings(trace)),
        class_="run",
        data_story=f"story-{number}",
        id=f"run-{number}",
    )


def figure(title: str, *children: Child) -> Element:
    """Return a titled block."""
    return element("figure", element("h3", title), *children)


def note(text: str) -> Element:
    """Return a line of explanation."""
    return element("p", text, class_="note")


def plot(name: str) -> Element:
    """Return the place that the script draws a curve into."""
    return element("div", class_="plot", data_plot=name)


def summary(trace: Trace) -> Element:
    """Return the run in one line."""
    facts = (
        counted(len(trace.names()), "node"),
        f"{shown('_s', trace.now - trace.began)} of virtual time",
        counted(trace.writes, "write"),
        counted(trace.cuts.offered, "cut"),
        counted(len(trace.conflicts.all) + trace.conflicts.left_out, "conflict"),
    )
    text = "; ".join(facts) + "."
    return element("p", text, class_="lead")


# -- staleness --------------------------------------------------------------------------------------


def staleness(trace: Trace) -> list[Element]:
    """Return the percentiles of how long it took a write to reach a node."""
    ordered = sorted(trace.staleness.delays_s)
    missing = trace.staleness.missing(trace.awake())
    shares = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
    text = f"From a write, or from the start of a later process, until a node knew it: {len(ordered)} arrivals."
    if missing:
        text += f" {missing} more had not come to nodes that were awake at the end."
    return [
        note(text),
        table(
            [name for name, _ in shares],
            [[shown("_s", percentile(ordered, share)) for _, share in shares]],
            class_="percentiles",
        ),
    ]


# -- conflicts --------------------------------------------------------------------------------------


def conflicts(trace: Trace) -> list[Element]:
    """Return the list of conflicts."""
    found = trace.conflicts.all
    if not found:
        return [note("None: no node ever held two live writes of one key.")]
    rows: list[list[Child]] = []
    for conflict in found[:ROWS_MAX]:
        rivals = sorted(conflict.rivals.values(), key=lambda write: (write.stamp, write.origin), reverse=True)
        losers = element("ul", *(element("li", *written(trace, write)) for write in rivals[1:]))
        key = element("code", clipped(repr(conflict.key)))
        winner = element("span", *written(trace, conflict.winner))
        rows.append([key, shown("_s", conflict.at), winner, losers, outcome(conflict)])
    left_out = len(found) - len(rows) + trace.conflicts.left_out
    return [
        table(("key", "first seen", "wins", "loses, and stays readable", "then"), rows, class_="conflicts"),
        *([note(f"{left_out} more are not listed.")] if left_out else []),
    ]


def outcome(conflict: Conflict) -> str:
    """Return what became of a conflict."""
    if conflict.resolved_at is None:
        return "stands"
    at = shown("_s", conflict.resolved_at)
    return f"{conflict.resolved_by} wrote over it at {at}" if conflict.resolved_by else f"was over by {at}"


def written(trace: Trace, write: Write) -> list[Child]:
    """Return what a write says and who made it."""
    return [element("code", clipped(value_of(write))), f" by {trace.writers.get(write.origin, 'somebody')}"]


def value_of(write: Write) -> str:
    """Return the value of a write as a program prints it."""
    if write.value is None:
        return "deleted"
    try:
        return repr(decode_value(write.value))
    except GossamerError:
        return write.value.hex()


def clipped(text: str) -> str:
    """Return text, cut where it becomes too long to read."""
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"


# -- events -----------------------------------------------------------------------------------------


def happenings(trace: Trace) -> Element:
    """Return what happened, apart from messages, line by line."""
    marks = marks_of(trace)
    rows = ((f"{mark.at:.3f}", mark.name or "–", clipped(mark.text)) for mark in marks[:ROWS_MAX])
    more = f", the first {ROWS_MAX} of {plain(len(marks))}" if len(marks) > ROWS_MAX else ""
    return table(("second", "node", "what"), rows, caption=f"Events{more}", class_="numbers-1")
