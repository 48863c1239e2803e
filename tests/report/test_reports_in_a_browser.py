"""The page, looked at: in a real browser, which tells of every error and every request."""

from __future__ import annotations

import re

import pytest
from chromium import Chromium
from report_runs import HOSTILE, NAMES, results, split_brain

from gossamer.simulation.report import write_report

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def page(browser, split, path):
    """The report of a split brain, open."""
    write_report(path, results("2"), [split[1]])
    browser.open(path.as_uri())
    return browser


def has_ink(browser: Chromium, place: str) -> bool:
    """Return whether a curve was drawn: whether any pixel of its canvas is not clear."""
    found: bool = browser.evaluate(
        f"""(() => {{ const canvas = document.querySelector('[data-plot="{place}"] canvas');
        const {{ data }} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.some((value) => value); }})()"""
    )
    return found


def arrows(browser: Chromium, selector: str = ".messages .head") -> int:
    found: int = browser.evaluate(
        f"[...document.querySelectorAll('{selector}')].reduce((sum, path) => sum + +path.dataset.count, 0)"
    )
    return found


def test_a_split_brain_is_drawn_without_an_error_and_without_the_network(page, path):
    assert page.console == []
    assert page.requests == [path.as_uri()]
    assert page.texts(".names text:not(.strip)") == list(NAMES)
    assert page.count(".cuts .cut") == 2
    assert page.count(".side-0") == page.count(".side-1") == 3
    assert page.texts(".cut-text") == ["bench cart dock | east forge gate", "bench → east"]
    assert (page.count(".life.paused"), page.count(".life.down"), page.count(".death")) == (1, 1, 1)
    assert page.count(".write") >= 17
    assert arrows(page) > 500
    assert arrows(page, ".messages .cross") > 50


def test_every_curve_is_drawn(page):
    assert page.count(".plot canvas") == 3
    assert [has_ink(page, place) for place in ("agreement", "traffic", "staleness")] == [True] * 3


def test_a_key_that_is_a_script_does_nothing(page):
    assert page.evaluate("window.pwned") is None
    assert any(HOSTILE in text for text in page.texts(".conflicts code"))


def test_a_link_to_a_moment_shows_single_messages(page, path):
    whole = arrows(page)
    page.open(path.as_uri() + "#run-0/3/3.02")

    assert 0 < arrows(page) < whole / 10
    assert page.console == []


def test_a_family_can_be_hidden(page):
    before = page.count(".messages .family-5")
    page.evaluate("""document.querySelector('[data-family="5"]').click()""")

    assert before
    assert page.count(".messages .family-5") == 0


def test_the_keyboard_goes_from_event_to_event_and_back_to_the_whole(page):
    whole = arrows(page)
    page.evaluate("document.querySelector('.space-time').focus()")
    page.press(".")
    (first,) = page.texts(".live")
    near = arrows(page)
    page.press("0")

    assert first.startswith("3.000 s")
    assert near < whole / 10
    assert arrows(page) == whole


def test_the_pointer_reads_a_message(page, path):
    page.open(path.as_uri() + "#run-0/3/3.02")
    x, y = page.evaluate(
        """(() => { const path = document.querySelector(".messages .arrived.family-0");
        const [, x1, y1, x2, y2] = path.getAttribute("d").match(/M([\\d.]+) ([\\d.]+)L([\\d.]+) ([\\d.]+)/).map(Number);
        const box = document.querySelector(".space-time").getBoundingClientRect();
        return [box.left + (x1 + 3 * x2) / 4, box.top + (y1 + 3 * y2) / 4]; })()"""
    )
    page.point(x, y)

    (told,) = page.texts(".tip")

    assert re.fullmatch(r"batch.*\n\w+ → \w+, multicast, \d+ B\nsent at 3\.0\d+ s, arrived after .* [mµ]s", told)
    assert page.count(".lit line") == 1


def test_the_page_follows_whoever_prefers_the_dark(page):
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(paper)
    page.prefer(dark=True)

    assert (light, page.evaluate(paper)) == ("rgb(255, 255, 255)", "rgb(20, 22, 26)")


def test_the_page_fits_a_telephone(browser, page, path):
    browser.open(path.as_uri(), width=390, height=800)

    assert browser.evaluate("document.documentElement.scrollWidth") <= 390
    assert browser.console == []


def test_the_page_prints(page):
    printed = page.pdf()

    assert printed.startswith(b"%PDF")
    assert page.console == []
    assert page.evaluate("document.documentElement.classList.contains('paper')") is False


def test_a_comparison_is_drawn_without_an_error_and_without_the_network(browser, path):
    write_report(path, results("2", slower=1.3, broken=(7,)), compare_to=results("1"))
    browser.open(path.as_uri())

    verdicts = browser.texts("#comparison tbody td:last-child")

    assert browser.console == []
    assert browser.requests == [path.as_uri()]
    assert verdicts.count("higher") == 2
    assert browser.count("#comparison .strips rect") == 2 * len(verdicts)


def test_several_runs_stand_in_one_page(browser, split, path):
    write_report(path, traces=[split[1], split_brain("again")[1]])
    browser.open(path.as_uri())

    assert browser.count(".space-time .names") == 2
    assert browser.console == []
