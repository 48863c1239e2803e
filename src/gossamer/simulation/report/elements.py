"""HTML as trees, so that whatever a key or a value holds is text and never markup."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from xml.etree.ElementTree import Element, tostring

Child = Element | str | None


def element(tag: str, *children: Child, **attributes: object) -> Element:
    """Make an element.  `class_` and `data_run` become `class` and `data-run`; what is None is left out."""
    made = Element(
        tag,
        {name.rstrip("_").replace("_", "-"): str(value) for name, value in attributes.items() if value is not None},
    )
    append(made, *children)
    return made


def append(parent: Element, *children: Child) -> None:
    """Put text and elements behind what `parent` holds."""
    for child in children:
        if isinstance(child, Element):
            parent.append(child)
        elif child is not None and len(parent):
            parent[-1].tail = (parent[-1].tail or "") + child
        elif child is not None:
            parent.text = (parent.text or "") + child


def table(
    head: Iterable[str], rows: Iterable[Iterable[Child]], *, caption: str | None = None, **more: object
) -> Element:
    """Make a table that scrolls by itself where the page is narrow."""
    return element(
        "div",
        element(
            "table",
            element("caption", caption) if caption else None,
            element("thead", element("tr", *(element("th", name, scope="col") for name in head))),
            element("tbody", *(element("tr", *(element("td", cell) for cell in row)) for row in rows)),
            **more,
        ),
        class_="scroll",
        tabindex=0,
    )


def data(identity: str, value: Any) -> Element:
    """Make a block of JSON that the page's script reads; nothing in it can end the block."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return element("script", text, type="application/json", id=identity)


def html(root: Element) -> str:
    """Return the document.  What is in `script` and `style` stands as it is; all else is escaped."""
    return "<!doctype html>\n" + tostring(root, encoding="unicode", method="html") + "\n"
