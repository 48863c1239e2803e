"""What all runs came to: verdicts, figures, and the difference to another version."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from ..result import Result
from .comparison import Change, Played, Spread, by_figure, changes, spread
from .elements import Child, element, table
from .units import counted, label, shown

ROWS_MAX = 100
STRIP_PX, ROW_PX = 240, 26


def verdict(results: Sequence[Result]) -> Element:
    """Return how many of some runs held, in one line that a glance takes in."""
    counts = Counter(result.outcome for result in results)
    parts = [f"{counts[outcome]} {outcome}" for outcome in ("held", "wrong", "skipped") if counts[outcome]]
    return element(
        "p",
        f"{counted(len(results), 'run')}: {', '.join(parts)}.",
        class_="verdict wrong" if counts["wrong"] else "verdict",
    )


def failures(results: Sequence[Result]) -> list[Element]:
    """Return what broke, and why."""
    wrong = [result for result in results if result.outcome == "wrong"]
    if not wrong:
        return []
    rows = ((name_of(key_of(result)), str(result.seed), element("pre", result.why)) for result in wrong[:ROWS_MAX])
    return [element("h2", "What broke" + first_of(wrong)), table(("scenario", "seed", "why"), rows, class_="failures")]


def figures(results: Sequence[Result]) -> list[Element]:
    """Return every figure of every scenario, over the seeds."""
    rows = [
        (name_of(played), label(figure), *columns(figure, spread(list(values.values()))))
        for (played, figure), values in sorted(by_figure(results).items())
    ]
    if not rows:
        return []
    head = ("scenario", "figure", "runs", "median", "middle half", "least", "most")
    return [element("h2", "Figures"), table(head, rows, class_="numbers-from-3", id="figures")]


def columns(figure: str, values: Spread) -> list[str]:
    """Return a spread as cells."""
    return [
        str(values.count),
        shown(figure, values.middle),
        f"{shown(figure, values.lower)} – {shown(figure, values.upper)}",
        shown(figure, values.least),
        shown(figure, values.most),
    ]


# -- the difference between two versions --------------------------------------------------------------


def comparison(results: Sequence[Result], compare_to: Sequence[Result]) -> list[Element]:
    """Return what changed from the version of `compare_to` to that of `results`."""
    before, after = versions(compare_to), versions(results)
    found = changes(compare_to, results)
    clear = sum(change.is_clear for change in found)
    text = (
        f"From {before} to {after}: {len(found)} figures, {clear} changed clearly. Same seeds are compared pair by "
        "pair; clear is what chance alone would bring about less than once in a hundred times (sign test)."
    )
    head = ("scenario", "figure", "before", "after", "change", "seeds", "middle half and median", "verdict")
    return [
        element("h2", "Compared"),
        element("p", text, class_="note"),
        *turned(results, compare_to),
        table(head, [row_of(change) for change in found], class_="comparison numbers-3-6", id="comparison"),
        histories(results, compare_to),
    ]


def row_of(change: Change) -> list[Child]:
    """Return a change as cells."""
    percent = "–" if math.isnan(change.ratio) else f"{(change.ratio - 1) * 100:+.1f} %"
    return [
        name_of(change.played),
        label(change.figure),
        shown(change.figure, change.before.middle),
        shown(change.figure, change.after.middle),
        percent,
        f"{change.rose} ↑ {change.fell} ↓",
        strips(change),
        element("span", change.verdict, class_="clear" if change.is_clear else "unclear"),
    ]


def strips(change: Change) -> Element:
    """Return two strips, before above after: a line from least to most, a box for the middle half, its median."""
    most = max(change.before.most, change.after.most)
    least = min(change.before.least, change.after.least, 0.0)
    scale = (STRIP_PX - 4) / ((most - least) or 1)

    def x(value: float) -> str:
        return f"{2 + (value - least) * scale:.1f}"

    def width(one: float, other: float) -> str:
        return f"{max(1.5, (other - one) * scale):.1f}"

    picture = element(
        "svg", viewBox=f"0 0 {STRIP_PX} {ROW_PX}", class_="strips", role="img", aria_label="before above after"
    )
    for y, values, name in ((7, change.before, "before"), (19, change.after, "after")):
        box = element("rect", element("title", f"{name}: {', '.join(columns(change.figure, values))}"))
        box.attrib.update({"x": x(values.lower), "y": str(y - 4), "width": width(values.lower, values.upper)})
        box.attrib.update({"height": "8", "class": name})
        picture.extend(
            (
                element("line", x1=x(values.least), x2=x(values.most), y1=y, y2=y, class_=name),
                box,
                element("line", x1=x(values.middle), x2=x(values.middle), y1=y - 5, y2=y + 5, class_="median"),
            )
        )
    return picture


def turned(results: Sequence[Result], compare_to: Sequence[Result]) -> list[Element]:
    """Return the runs whose outcome changed."""
    old = {(key_of(result), result.seed): result.outcome for result in compare_to}
    rows = [
        (name_of(key_of(result)), str(result.seed), f"{was} → {result.outcome}")
        for result in results
        if (was := old.get((key_of(result), result.seed))) not in (None, result.outcome)
    ]
    if not rows:
        return []
    caption = "Runs that turned" + first_of(rows)
    return [table(("scenario", "seed", "outcome"), rows[:ROWS_MAX], caption=caption, class_="turned")]


def histories(results: Sequence[Result], compare_to: Sequence[Result]) -> Element:
    """Return how many runs went exactly as before: the same journal."""
    old = {(key_of(result), result.seed): result.journal for result in compare_to if result.journal}
    pairs = [
        (result.journal, old[key_of(result), result.seed]) for result in results if (key_of(result), result.seed) in old
    ]
    same = sum(one == other for one, other in pairs)
    return element("p", f"{same} of {len(pairs)} runs of the same seed went exactly as before.", class_="note")


def first_of(rows: Sequence[object]) -> str:
    """Return what to say of a list that is too long to show."""
    return f" (the first {ROWS_MAX} of {len(rows)})" if len(rows) > ROWS_MAX else ""


def versions(results: Sequence[Result]) -> str:
    """Return the versions that gave these results."""
    return ", ".join(sorted({result.version for result in results})) or "nothing"


def key_of(result: Result) -> Played:
    """Return what was played."""
    return result.scenario, result.variant, result.nodes, result.world


def name_of(played: Played) -> str:
    """Return what was played, in words."""
    scenario, variant, nodes, world = played
    real = "" if world == "simulated" else f", {world}"
    return f"{scenario}{f' {variant}' if variant else ''} ({nodes} nodes{real})"
