"""What people are shown of a mesh: in IPython, in a notebook, by rich; bounded and escaped."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gossamer.views.brief import CHARACTERS_MAX, brief, shortened

HOSTILE = "<script>alert(1)</script>\x1b[2J\x1b]0;pwned\x07[red]a[/red]\n\r\u202e&\"'"


class Tags(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.stack: list[str] = []
        self.data: list[str] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert attrs == []
        self.tags.append(tag)
        self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.data.append(data)


class Printer:
    """As much of IPython's as is used."""

    def __init__(self) -> None:
        self.said = ""

    def text(self, text: str) -> None:
        self.said += text


def in_ipython(shown: Any) -> str:
    printer = Printer()
    shown._repr_pretty_(printer, False)
    return printer.said


def by_rich(shown: Any, width: int = 400) -> str:
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(shown)
    return out.getvalue()


def everything_of(mesh: Any) -> list[Any]:
    cells = [mesh.value(HOSTILE, HOSTILE), mesh.counter(HOSTILE), mesh.shared_set(HOSTILE)]
    return [mesh, mesh.scope(HOSTILE), mesh.status(), mesh.me, *cells, mesh.derived("{}", cells[0])]


def test_a_mesh_shows_its_keys_their_writers_and_how_it_is(join):
    ada, bob = join("ada"), join("bob")
    ada["bench/3/temp"] = 21.5
    bob.wait(lambda m: m.get("bench/3/temp") and m.peers, timeout=5)
    for said in (in_ipython(bob), " ".join(Tags(bob._repr_html_()).data), by_rich(bob)):
        for part in (f"BlockingMesh {bob.name!r}: 1 key, ", "'bench/3/temp'", "21.5", "ada", " ago"):
            assert part in said
    for said in (in_ipython(bob.scope("bench")), by_rich(bob.scope("bench"))):
        assert "Scope 'bench/': 1 key" in said
        assert "'3/temp'" in said
    for said in (in_ipython(bob.status()), bob.status()._repr_html_(), by_rich(bob.status())):
        assert "ada" in said
        assert "alive" in said


def test_cells_and_counters_are_shown_as_a_line(join):
    mesh = join()
    mesh["x"] = 1
    mesh.counter("n").add(2)
    mesh.shared_set("s").add("a")
    shown = [mesh.value("x"), mesh.counter("n"), mesh.shared_set("s"), mesh.derived("{} items", mesh.counter("n"))]

    lines = ["Value('x', 1)", "Counter('n', 2)", "SharedSet('s', {'a'})", "Derived('2 items')"]
    assert [in_ipython(each) for each in shown] == lines
    assert [by_rich(each).strip() for each in shown] == lines
    assert [" ".join(Tags(each._repr_html_()).data) for each in shown] == lines


def test_what_a_hostile_peer_wrote_commands_neither_browser_nor_terminal(join):
    mesh = join(nickname=HOSTILE)
    with mesh.batch():
        for key in (HOSTILE, HOSTILE + "/" + HOSTILE, (HOSTILE, b"\x1b")):
            mesh[key] = {HOSTILE: [HOSTILE]}
    mesh.shared_set(HOSTILE).add(HOSTILE)
    for each in everything_of(mesh):
        tags = Tags(each._repr_html_())
        assert set(tags.tags) <= {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td", "code"}
        for said in (in_ipython(each), by_rich(each), "".join(tags.data)):
            assert all(c.isprintable() or c == "\n" for c in said)
        assert "[red]" in by_rich(each)  # as it was written, and not taken for markup


def test_a_huge_mesh_is_shown_in_part_and_soon(join):
    mesh = join()
    with mesh.batch():
        for n in range(5_000):
            mesh[n] = [n] * 100
    mesh["long"] = "x" * 500_000
    for said in (in_ipython(mesh), mesh._repr_html_(), by_rich(mesh)):
        assert "… and 4,971 more" in said
        assert len(said) < 30_000


def test_an_empty_mesh_a_closed_one_and_an_open_batch_are_shown(join):
    mesh = join()
    assert in_ipython(mesh).startswith(f"BlockingMesh {mesh.name!r}: 0 keys, alone")
    with mesh.batch():
        mesh["x"] = 1
        assert "in this batch" in in_ipython(mesh)
    mesh.close()

    assert "closed" in in_ipython(mesh)
    assert "'x'" in Tags(mesh._repr_html_()).data


def test_what_stands_inside_another_table_of_rich_is_shown(join):
    from rich.table import Table

    mesh = join("ada")
    table = Table()
    table.add_row(mesh.me, mesh.counter("n"), mesh.value("x", 1))

    assert "Counter('n', 0)" in by_rich(table)
    assert "ada" in by_rich(table)


def test_ipython_itself_shows_it(join):
    pretty = pytest.importorskip("IPython.lib.pretty")
    mesh = join("ada")
    mesh["x"] = 1

    assert pretty.pretty(mesh).startswith(f"BlockingMesh {mesh.name!r}: 1 key")
    assert pretty.pretty(mesh.scope("y")) == "Scope 'y/': 0 keys"
    assert pretty.pretty(mesh.status()).startswith(f"{mesh.name!r}, as 'ada' sees it: 1 keys")
    assert all(line.isprintable() for line in pretty.pretty([mesh.counter(HOSTILE * 9), mesh.me]).split("\n"))


def test_a_mesh_imports_neither_rich_nor_ipython():
    program = (
        "import sys, gossamer; mesh = gossamer.join('shown'); mesh['x'] = 1; mesh._repr_html_(); mesh.close();"
        "print({'rich', 'IPython'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout.strip() == "set()"


# -- values in few words --------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner) | st.frozensets(st.text()),
)


@given(VALUES)
def test_any_value_is_one_printable_line_of_bounded_length(value):
    line = brief(value)

    assert line.isprintable()
    assert len(line) <= CHARACTERS_MAX


@given(st.text())
def test_text_that_is_short_and_printable_is_shown_as_it_is(text):
    if text.isprintable() and len(text) <= CHARACTERS_MAX:
        assert shortened(text) == text
    else:
        assert shortened(text).isprintable()


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"b": 1, "a": [2, (3,)]}, "{'b': 1, 'a': [2, (3,)]}"),
        ((), "()"),
        (set(), "set()"),
        (frozenset(), "frozenset()"),
        ({}, "{}"),
        (list(range(10)), "[0, 1, 2, 3, 4, 5, 6, 7, …]"),
        ([[[["deep"]]]], "[[[[…]]]]"),
        (True, "True"),
        ("a\x1bb", "'a\\x1bb'"),
        (b"\x00", "b'\\x00'"),
    ],
)
def test_values_look_as_python_shows_them(value, line):
    assert brief(value) == line


def test_a_class_that_shows_itself_strangely_is_made_printable():
    @dataclass
    class Strange:
        def __repr__(self) -> str:
            return "\x1b[2J\n" * 1000

    assert brief(Strange()).isprintable()


def test_an_int_whose_digits_python_refuses_to_print_is_shown_by_its_size():
    assert brief(1 << 100_000) == "<int of 100001 bits>"


def test_a_great_value_is_shown_as_soon_as_a_small_one():
    great = [["x" * 1_000_000] * 1000] * 1000  # whose repr would take a terabyte

    assert len(brief(great)) == CHARACTERS_MAX
