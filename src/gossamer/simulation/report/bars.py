"""Bytes by node and family as horizontal bars, and as the table behind them."""

from __future__ import annotations

from collections import Counter
from statistics import median
from xml.etree.ElementTree import Element

from ..trace import Trace
from .elements import element, table
from .story import ALL_FAMILIES, FAMILY_OF, OTHERS
from .units import shown

BARS_MAX = 24
BAR_PX, STEP_PX, LABEL_PX, WIDTH_PX, TOTAL_PX = 14, 20, 96, 520, 70


def bytes_section(trace: Trace) -> list[Element]:
    """Return the picture, and the table by kind."""
    totals: Counter[str] = Counter()
    for (name, _), size in trace.bytes.items():
        totals[name] += size
    busiest = [name for name, _ in sorted(totals.items(), key=lambda item: -item[1])[:BARS_MAX]]
    names = [name for name in totals if name in busiest]
    about = f"{len(totals)} nodes sent {shown('_bytes', totals.total())}; the median node {median_of(totals)}."
    if len(totals) > BARS_MAX:
        about += f" The {BARS_MAX} that sent most are drawn."
    return [
        element("p", about, class_="note"),
        bars(trace, names, totals),
        element("details", element("summary", "By kind"), kinds_table(trace, totals.total())),
    ]


def median_of(totals: Counter[str]) -> str:
    """Return the median of what nodes sent."""
    return shown("_bytes", median(totals.values())) if totals else "nothing"


def bars(trace: Trace, names: list[str], totals: Counter[str]) -> Element:
    """Return one bar for each node, of as many pieces as families."""
    longest = max(totals.values(), default=0) or 1
    scale = (WIDTH_PX - LABEL_PX - TOTAL_PX) / longest
    picture = element(
        "svg",
        viewBox=f"0 0 {WIDTH_PX} {STEP_PX * max(1, len(names)) + 4}",
        class_="bars",
        role="img",
        aria_label="Bytes sent by each node, by family of messages",
    )
    for row, name in enumerate(names):
        y, x = row * STEP_PX + 4, float(LABEL_PX)
        picture.append(element("text", name[:13], x=LABEL_PX - 8, y=y + BAR_PX - 3, text_anchor="end"))
        for number, family in enumerate(ALL_FAMILIES):
            size = sum(
                size
                for (who, kind), size in trace.bytes.items()
                if who == name and FAMILY_OF.get(kind, OTHERS) == family
            )
            if size:
                piece = element("rect", element("title", f"{name}: {family}, {shown('_bytes', size)}"))
                piece.attrib.update(
                    {"x": f"{x:.1f}", "y": str(y), "width": f"{size * scale:.1f}", "height": str(BAR_PX)}
                )
                piece.set("class", f"family-{number}")
                picture.append(piece)
                x += size * scale
        picture.append(element("text", shown("_bytes", totals[name]), x=f"{x + 6:.1f}", y=y + BAR_PX - 3))
    return picture


def kinds_table(trace: Trace, total: int) -> Element:
    """Return how many bytes each kind took."""
    kinds: Counter[str] = Counter()
    for (_, kind), size in trace.bytes.items():
        kinds[kind] += size
    return table(
        ("kind", "family", "bytes", "share"),
        (
            (kind, FAMILY_OF.get(kind, OTHERS), shown("_bytes", size), shown("_share", size / total))
            for kind, size in kinds.most_common()
        ),
        class_="numbers-from-3",
    )
