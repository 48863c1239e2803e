"""What replicas say to each other, word for word: a change of manners shows here first.

A line is who said what which way; beacons and what keeps the time are left out.
"""

from __future__ import annotations

import pytest

from gossamer.options import Options
from gossamer.simulation import Simulation
from gossamer.simulation.traffic import kind_of

LEFT_OUT = {"beacon", "ping", "pong"}


class Transcript:
    """Everything said in a mesh since `begin`."""

    def __init__(self, mesh: Simulation, patch: pytest.MonkeyPatch) -> None:
        self._lines: list[str] = []
        plain = mesh.traffic.sent

        class Recording(type(mesh.traffic)):
            __slots__ = ()

        def sent(node: str, way: str, messages: object) -> None:
            said = list(messages)
            self._lines += [f"{node} {way} {kind_of(m)}" for m in said if kind_of(m) not in LEFT_OUT]
            plain(node, way, said)

        recording = Recording()
        patch.setattr(Recording, "sent", lambda self, node, way, messages: sent(node, way, messages))
        mesh.links._traffic = recording

    def begin(self) -> None:
        self._lines.clear()

    def said(self) -> list[str]:
        """Return the lines, each once however often it was said in a row."""
        lines = self._lines
        return [line for at, line in enumerate(lines) if at == 0 or lines[at - 1] != line]


@pytest.fixture
def mesh() -> Simulation:
    return Simulation(1, options=Options())


@pytest.fixture
def transcript(mesh, monkeypatch) -> Transcript:
    return Transcript(mesh, monkeypatch)


def test_two_empty_peers_meet(mesh, transcript):
    mesh.add("a")
    mesh.add("b")
    mesh.run(seconds=5)

    said = transcript.said()
    assert said[:2] == ["a multicast introduce", "b multicast introduce"]
    assert set(said[2:]) == {"a unicast introduce", "b unicast introduce"}


def test_a_write_is_one_datagram(mesh, transcript):
    mesh.add("a")
    mesh.add("b")
    mesh.run(seconds=5)
    transcript.begin()
    mesh.write("a", "key", 1)
    mesh.run(seconds=5)

    assert transcript.said() == ["a multicast batch"]


def test_a_newcomer_asks_and_is_answered(mesh, transcript):
    mesh.add("a")
    mesh.write("a", "key", 1)
    mesh.run(seconds=5)
    transcript.begin()
    mesh.add("b")
    mesh.settle(within_s=5)

    said = [line for line in transcript.said() if "introduce" not in line]
    assert "b stream known" in said
    assert said[-2:] == ["a stream delta", "a stream delta end"]


def test_who_lacks_a_write_asks_its_writer(mesh, transcript):
    mesh.add("a")
    mesh.add("b")
    mesh.run(seconds=5)
    transcript.begin()
    mesh.links.loss = 1.0
    mesh.write("a", "lost", 1)
    mesh.run(seconds=0.01)
    mesh.links.loss = 0.0
    mesh.settle(within_s=5)

    assert transcript.said() == ["a multicast batch", "b multicast repair", "a unicast batch"]


def test_two_who_were_apart_tell_each_other_what_they_know_and_are_answered(mesh, transcript):
    mesh.add("a")
    mesh.add("b")
    mesh.run(seconds=3)
    mesh.partition("a", "b")
    mesh.write("a", "left", 1)
    mesh.write("b", "right", 1)
    mesh.run(seconds=15)
    transcript.begin()
    mesh.heal()
    mesh.settle(within_s=10)

    said = transcript.said()
    for name in "ab":
        assert said.index(f"{name} stream introduce") < said.index(f"{name} stream known")
        assert said.index(f"{name} stream known") < said.index(f"{name} stream delta")
        assert said.index(f"{name} stream delta") < said.index(f"{name} stream delta end")


def test_who_leaves_waits_for_one_to_know_and_says_goodbye(mesh, transcript):
    for name in "abc":
        mesh.add(name)
    mesh.run(seconds=5)
    transcript.begin()
    mesh.write("a", "last", 1)
    mesh.stop("a")

    said = transcript.said()
    assert {"a multicast batch", "a unicast settled query"} == set(said[:2])
    assert {"b unicast settled", "c unicast settled"} & set(said)
    assert said.index("a multicast goodbye") > said.index("a unicast settled query")


def test_who_cannot_hear_multicast_is_told_where_the_others_are(mesh, transcript):
    for name in "abc":
        mesh.add(name)
    mesh.run(seconds=5)
    transcript.begin()
    mesh.add("far", multicast=False, peers=["b"])
    mesh.run(seconds=3)

    assert "b stream peers" in transcript.said()
    assert mesh.sees("far") == {"a", "b", "c"}


def test_a_large_value_goes_by_stream_and_the_next_small_one_by_multicast(mesh, transcript):
    mesh.add("a")
    mesh.add("b")
    mesh.run(seconds=5)
    transcript.begin()
    mesh.write("a", "large", "x" * 100_000)
    mesh.settle(within_s=5)
    mesh.run(seconds=5)
    assert any(line.startswith("a stream") for line in transcript.said())

    transcript.begin()
    mesh.write("a", "small", 1)
    mesh.run(seconds=1)

    assert transcript.said() == ["a multicast batch"]
