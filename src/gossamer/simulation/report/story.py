"""What the page's script draws of a run: plain lists and numbers, as JSON.

Messages are told apart by family, for eighteen kinds are too many colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from ..trace import Trace
from ..trace.records import Datagram, Mark
from ..trace.staleness import Followed
from .units import shown

FAMILIES: dict[str, tuple[str, ...]] = {
    "writes": ("batch",),
    "catching up": ("repair", "known", "delta", "roster", "delta end", "abort"),
    "events and calls": ("events", "events repair", "call", "reply"),
    "confirmations": ("settled query", "settled"),
    "who is there": ("beacon", "introduce", "goodbye", "peers"),
    "probes": ("ping", "pong", "ping request"),
}
"""Family -> its kinds; what a datagram of several kinds counts as is the first that it has."""
OTHERS = "others"
FAMILY_OF = {kind: family for family, kinds in FAMILIES.items() for kind in kinds}
ALL_FAMILIES = (*FAMILIES, OTHERS)

ARROWS_MAX = 12_000
"""Arrows in one report: each takes some twenty bytes of the file, and a while to draw."""
POINTS_MAX = 400
"""Points of the staleness curve."""

Json = dict[str, Any]


def family_of(kinds: Sequence[str]) -> str:
    """Return the family that a datagram of these kinds counts as."""
    have = {FAMILY_OF.get(kind, OTHERS) for kind in kinds}
    return next(family for family in ALL_FAMILIES if family in have)


def story_of(trace: Trace, arrows_max: int = ARROWS_MAX) -> Json:
    """Return what is drawn of a run, with no more than about so many arrows."""
    lanes = list(trace.lanes)
    number = {name: at for at, name in enumerate(lanes)}
    kept = kept_datagrams(trace, arrows_max)
    kinds = sorted({each.kinds for each in kept}, key=", ".join)
    ways = sorted({each.way for each in kept})
    return {
        "title": trace.title,
        "began": rounded(trace.began),
        "ended": rounded(trace.now),
        "nodes": lanes,
        "families": list(ALL_FAMILIES),
        "kinds": [[", ".join(each), ALL_FAMILIES.index(family_of(each))] for each in kinds],
        "ways": ways,
        "datagrams": [
            [
                rounded(each.at),
                number[each.sender],
                kinds.index(each.kinds),
                ways.index(each.way),
                each.size_bytes,
                [
                    number_or_fate
                    for fate in each.fates
                    if fate[0] in number
                    for number_or_fate in arrow(each, fate, number)
                ],
            ]
            for each in kept
            if each.sender in number
        ],
        "marks": [[rounded(m.at), m.what, number.get(m.name, -1), m.name, m.text] for m in marks_of(trace)],
        "lives": lives_of(trace, number),
        "cuts": cuts_of(trace, number),
        "samples": [[rounded(s.at), s.awake, s.groups, s.largest, s.sent_bytes] for s in trace.samples],
        "delays": curve_of(sorted(trace.staleness.delays_s)),
    }


def arrow(datagram: Datagram, fate: tuple[str, float | None], number: dict[str, int]) -> tuple[int, int]:
    """Return the lane it went to and the microseconds it took; -1 if it was lost."""
    receiver, arrived = fate
    return number[receiver], -1 if arrived is None else round((arrived - datagram.at) * 1e6)


def marks_of(trace: Trace) -> list[Mark]:
    """Return what happened to nodes and to the network, and what was written, in the order of time."""
    writes = (Mark(each.at, "write", each.node, told(each)) for each in trace.staleness.writes)
    return sorted((*trace.marks, *writes), key=attrgetter("at"))


def told(write: Followed) -> str:
    """Return in words what was written, and how far it came."""
    more = f" and {write.count - 1} more" if write.count > 1 else ""
    came = (
        f"known to {write.seen_by} others within {shown('_s', write.last_s)}"
        if write.seen_by
        else "known to nobody else"
    )
    return f"writes {write.keys[0]!r}{more}, {came}"


def kept_datagrams(trace: Trace, arrows_max: int) -> list[Datagram]:
    """Return datagrams in the order of time; while there are too many arrows, half of the most frequent kinds go."""
    kept = {kinds: list(datagrams) for kinds, datagrams in trace.datagrams.items()}
    arrows = {kinds: sum(len(each.fates) for each in datagrams) for kinds, datagrams in kept.items()}
    while sum(arrows.values()) > arrows_max:
        most = max(arrows, key=lambda kinds: arrows[kinds])
        kept[most] = kept[most][::2]
        arrows[most] = sum(len(each.fates) for each in kept[most]) if len(kept[most]) > 1 else 0
    return sorted((each for datagrams in kept.values() for each in datagrams), key=attrgetter("at"))


def lives_of(trace: Trace, number: dict[str, int]) -> list[list[Any]]:
    """Return for each lane the times at which it was up, paused or down: [lane, state, since, until]."""
    spans: list[list[Any]] = []
    for name, lives in groupby(sorted(trace.lives, key=attrgetter("name", "at")), key=attrgetter("name")):
        changes = list(lives)
        ends = [*(each.at for each in changes[1:]), trace.now]
        if name in number:
            spans += [
                [number[name], each.state, rounded(each.at), rounded(end)]
                for each, end in zip(changes, ends, strict=True)
            ]
    return spans


def cuts_of(trace: Trace, number: dict[str, int]) -> list[Json]:
    """Return what was cut, and when, by numbers of lanes; what concerns no lane is told by its text alone."""
    return [
        {
            "since": rounded(cut.since),
            "until": rounded(trace.now if cut.until is None else cut.until),
            "sides": [[number[name] for name in side if name in number] for side in cut.rift.sides],
            "ways": [[number[a], number[b]] for a, b in cut.rift.ways if a in number and b in number],
            "text": text_of(cut.rift.sides, cut.rift.ways),
        }
        for cut in trace.cuts
    ]


def text_of(sides: Sequence[Sequence[str]], ways: Sequence[tuple[str, str]]) -> str:
    """Return in words what is cut."""
    if sides:
        return " | ".join(few(side, 6, " ") for side in sides[:6]) + (" | …" if len(sides) > 6 else "")
    both = {frozenset(way) for way in ways if way[::-1] in ways}
    single = [f"{a} → {b}" for a, b in ways if frozenset((a, b)) not in both]
    return few(sorted(" ↔ ".join(sorted(pair)) for pair in both) + single, 4, ", ")


def few(names: Sequence[str], most: int, between: str) -> str:
    """Return some names, and how many more there are."""
    return between.join(names[:most]) + (f" +{len(names) - most}" if len(names) > most else "")


def curve_of(ordered: Sequence[float]) -> list[list[float]]:
    """Return a cumulative curve: delays, and the share of arrivals that took no longer."""
    step = max(1, len(ordered) // POINTS_MAX)
    chosen = [at for at in range(0, len(ordered), step) if at < len(ordered) - 1]
    chosen += [len(ordered) - 1] if ordered else []
    return [[rounded(ordered[at]) for at in chosen], [round((at + 1) / len(ordered), 4) for at in chosen]]


def rounded(at: float) -> float:
    """Return seconds to the microsecond: more digits make the file longer and nobody wiser."""
    return round(at, 6)
