"""Draws the pictures of a report that stand in the docs: `python tests/report/picture.py`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from chromium import Chromium, path_of_chromium
from report_runs import split_brain

from gossamer.simulation.report import write_report

PICTURES = Path(__file__).parents[2] / "docs" / "explanation"
WIDTH_PX = 1120


def main() -> None:
    program = path_of_chromium()
    if program is None:
        raise SystemExit("there is no Chromium on the path")
    with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        _, trace = split_brain()
        report = write_report(Path(directory) / "report.html", traces=[trace]).as_uri()
        browser = Chromium(program, Path(directory) / "profile")
        browser.open(report, width=WIDTH_PX)
        take(browser, "report.png", "section", ".pair")
        healed = next(cut.until for cut in trace.cuts)
        browser.open(f"{report}#run-0/{healed - 0.001}/{healed + 0.019}", width=WIDTH_PX)
        take(browser, "report-close-by.png", ".diagram", ".stage")
        browser.close()


def take(browser: Chromium, name: str, first: str, last: str) -> None:
    """Write what stands from the top of one element to the foot of another."""
    place = "document.querySelector({}).getBoundingClientRect().{} + scrollY"
    top = browser.evaluate(place.format(f"'{first}'", "top")) - 8
    foot = browser.evaluate(place.format(f"'{last}'", "bottom")) + 2
    (PICTURES / name).write_bytes(browser.screenshot(x=0, y=top, width=WIDTH_PX, height=foot - top))


if __name__ == "__main__":
    main()
