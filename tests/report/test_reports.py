"""The page, read as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from report_runs import HOSTILE, mesh_of, results

from gossamer.simulation.report import write_report
from gossamer.simulation.report.elements import append, data, element, html
from gossamer.simulation.report.page import SCRIPTS, STYLES, read
from gossamer.simulation.report.story import story_of


class Outline(HTMLParser):
    """The elements of a page, and what it says outside of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset")]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] not in ("script", "style"):
            self.text += data


def test_keys_and_values_are_text_whatever_they_say(split, path):
    write_report(path, results("2", broken=(7,)), [split[1]], results("1"))

    outline = Outline(path.read_text())

    assert outline.tags.count("script") == len(SCRIPTS) + 2  # the licence and the data
    assert "b" not in outline.tags
    assert HOSTILE in outline.text
    assert "</script><b>loud</b>" in outline.text


def test_nothing_in_json_ends_its_block():
    page = html(element("html", data("story", {"key": "</script><!--<script>&", "lone": "\ud800"})))

    assert page.count("</script>") == 1
    assert page.isascii()


def test_text_stands_where_it_was_put_between_elements():
    made = element("p", "one ", element("b", "two"), " three")
    append(made, "!", None)

    assert html(made).endswith("<p>one <b>two</b> three!</p>\n")


def test_a_report_names_nothing_on_a_network(split, path):
    write_report(path, results("2"), [split[1]])

    page = path.read_text()
    addresses = set(re.findall(r"\b(?:https?|wss?)://[^\s\"'`)]+", page))

    assert set(Outline(page).links) == {"data:,"}
    assert "default-src 'none'" in page
    assert addresses == {"http://www.w3.org/2000/svg", "https://github.com/leeoniya/uPlot"}


def test_the_same_run_gives_the_same_file(split, path, tmp_path):
    write_report(path, results("2"), [split[1]])
    write_report(tmp_path / "again.html", results("2"), [split[1]])

    assert path.read_bytes() == (tmp_path / "again.html").read_bytes()


def test_a_report_of_many_runs_stays_below_a_size_that_opens_at_once(split, path):
    write_report(path, results("2", seeds=200), [split[1]] * 10, results("1", seeds=200))

    assert path.stat().st_size < 1_500_000


def test_too_many_arrows_are_thinned_where_they_are_most_frequent(split):
    trace = split[1]
    all_of_it, less = story_of(trace), story_of(trace, arrows_max=500)

    def arrows(story):
        return sum(len(datagram[5]) // 2 for datagram in story["datagrams"])

    assert arrows(all_of_it) > 1000
    assert 250 < arrows(less) <= 500
    assert len(less["kinds"]) == len(all_of_it["kinds"])


def test_of_many_nodes_an_even_share_is_drawn(path):
    _, trace = mesh_of(tuple(f"node {number}" for number in range(50)))
    write_report(path, traces=[trace])

    lanes = story_of(trace)["nodes"]

    assert lanes == [f"node {number}" for number in range(0, 50, 2)]
    assert "25 of 50 nodes are drawn." in path.read_text()


def test_broken_runs_stand_at_the_top(path):
    write_report(path, results("2", broken=(7,)))

    text = Outline(path.read_text()).text

    assert "20 runs: 19 held, 1 wrong." in text
    assert text.index("What broke") < text.index("Figures")
    assert f"dock lost {HOSTILE}" in text


def test_a_comparison_names_runs_that_turned_and_runs_that_went_as_before(path):
    write_report(path, results("2", broken=(7,)), compare_to=results("1"))

    text = Outline(path.read_text()).text

    assert "From 1 to 2" in text
    assert "held → wrong" in text
    assert "10 of 20 runs of the same seed went exactly as before." in text


def test_a_report_of_nothing_is_a_page_all_the_same(path):
    write_report(path)

    assert Outline(path.read_text()).text.strip() == "Gossamer under simulation" * 2


def test_a_report_carries_the_licence_of_the_library_inside_it(split, path):
    write_report(path, traces=[split[1]])

    assert "Permission is hereby granted" in path.read_text()


def test_what_the_page_is_made_of_came_with_the_package():
    assert all(read(name) for name in (*SCRIPTS, *STYLES, "uplot/LICENSE"))
