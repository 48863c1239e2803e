"""The report as one file: no network, no server, opened by a double click.

The page may run its own scripts and styles, named by their hashes, and nothing else:
were something of a key ever taken for markup, it could still do nothing.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from xml.etree.ElementTree import Element

from ..result import Result
from ..trace import Trace
from .elements import data, element, html
from .results_section import comparison, failures, figures, verdict, versions
from .run_section import run_section
from .story import ARROWS_MAX, story_of

SCRIPTS = ("uplot/uPlot.iife.min.js", "view.js", "space_time.js", "hand.js", "curves.js", "page.js")
STYLES = ("uplot/uPlot.min.css", "page.css")


def write_report(
    path: str | Path,
    results: Sequence[Result] = (),
    traces: Sequence[Trace] = (),
    compare_to: Sequence[Result] | None = None,
    *,
    title: str = "Gossamer under simulation",
) -> Path:
    """Write a report of runs to `path` as one HTML file that needs no network, and return where it is.

    `results` become a table of figures; each trace becomes a section with its pictures.
    `compare_to` are results of another, older version: each figure is compared with them.
    O(results + what the traces kept).  Raises `OSError` if the file cannot be written.
    """
    path = Path(path)
    path.write_text(page(results, traces, compare_to, title), encoding="utf-8", errors="xmlcharrefreplace")
    return path


def page(results: Sequence[Result], traces: Sequence[Trace], compare_to: Sequence[Result] | None, title: str) -> str:
    """Return the report as text.  The same runs give the same text."""
    for trace in traces:
        trace.finish()
    stories = [story_of(trace, ARROWS_MAX // max(1, len(traces))) for trace in traces]
    scripts = [licence(), *map(read, SCRIPTS)] if traces else []
    styles = [read(name) for name in STYLES]
    main = element(
        "main",
        element("h1", title),
        element("p", f"Version {versions(results)}", class_="note") if results else None,
        verdict(results) if results else None,
        *failures(results),
        *(comparison(results, compare_to) if compare_to is not None else []),
        *(run_section(number, trace, story) for number, (trace, story) in enumerate(zip(traces, stories, strict=True))),
        *figures(results),
    )
    blocks = [data(f"story-{number}", story) for number, story in enumerate(stories)]
    return html(
        element(
            "html",
            head(title, scripts, styles),
            element("body", main, *blocks, *(element("script", script) for script in scripts)),
            lang="en",
        )
    )


def head(title: str, scripts: Sequence[str], styles: Sequence[str]) -> Element:
    """Return what stands before the page: its rights, its name, its styles."""
    policy = (
        f"default-src 'none'; script-src {hashes(scripts)}; style-src {hashes(styles)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("link", rel="icon", href="data:,"),
        *(element("style", style) for style in styles),
    )


def hashes(sources: Sequence[str]) -> str:
    """Return sources as a policy names them."""
    return " ".join(f"'sha256-{b64encode(sha256(each.encode()).digest()).decode()}'" for each in sources) or "'none'"


def licence() -> str:
    """Return, as a comment, the terms that each copy of uPlot must carry along."""
    return f"/* uPlot:\n{read('uplot/LICENSE')}*/"


def read(name: str) -> str:
    """Return a file that came with this package."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
