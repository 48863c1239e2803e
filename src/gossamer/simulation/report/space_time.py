"""The frame of the space-time diagram: what steers it, what explains it, and where the script draws it."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from ..trace import Trace
from .elements import element
from .story import ALL_FAMILIES, Json

COMMANDS = (
    ("in", "+", "Zoom in"),
    ("out", "−", "Zoom out"),
    ("all", "Whole run", "Show the whole run"),
    ("previous", "‹ event", "Go to the event before"),
    ("next", "event ›", "Go to the next event"),
)
SIGNS = (
    "◆ a write · ○ a process starts · ✕ it ends · ‖ it stands still · dashes to a small × a lost message · "
    "orange a cut, each side hatched its own way"
)
KEYS = (
    "Drag to pan, Ctrl and wheel to zoom, click an event to see it close by, point at a message to read it. "
    "From the keyboard: arrows, + and −, 0 for the whole run, . and , for the next event and the last."
)


def space_time(number: int, trace: Trace, story: Json) -> Element:
    """Return the frame of the diagram of a run."""
    picture = element(
        "svg",
        class_="space-time",
        tabindex=0,
        role="application",
        aria_label=f"Space-time diagram of {trace.title}; its events are listed in words below",
        aria_describedby=f"keys-{number}",
    )
    return element(
        "div",
        element("div", *buttons(), legend(story), class_="toolbar"),
        element("div", picture, class_="stage"),
        element("svg", class_="overview", aria_hidden="true"),
        element("p", class_="live", aria_live="polite"),
        element("p", SIGNS, class_="note"),
        element("p", left_out(trace, story) + KEYS, class_="note", id=f"keys-{number}"),
        element("noscript", "The pictures need JavaScript; the tables do not."),
        class_="diagram",
    )


def buttons() -> list[Element]:
    """Return what the keys do, for the mouse."""
    return [element("button", text, type="button", data_do=do, title=title) for do, text, title in COMMANDS]


def legend(story: Json) -> Element:
    """Return the families that there are, each with a box that hides it."""
    used = {family for _, family in story["kinds"]}
    entries = (
        element(
            "label",
            element("input", type="checkbox", checked="checked", data_family=number),
            element("span", class_=f"swatch family-{number}"),
            family,
        )
        for number, family in enumerate(ALL_FAMILIES)
        if number in used
    )
    return element("span", *entries, class_="legend", role="group", aria_label="Families of messages to show")


def left_out(trace: Trace, story: Json) -> str:
    """Return what is not drawn, if anything is not."""
    drawn, came = len(story["datagrams"]), sum(each.offered for each in trace.datagrams.values())
    said = f"{drawn} of {came} datagrams and pieces of streams are drawn. " if drawn < came else ""
    if len(story["nodes"]) < trace.lanes.offered:
        said += f"{len(story['nodes'])} of {trace.lanes.offered} nodes are drawn. "
    return said
