"""What the simulated network and its computers can suffer, each seen to act and to end."""

from __future__ import annotations

import inspect
from itertools import pairwise

import pytest
from scenes import fill, mesh_of

from gossamer.protocol.effects import Forked
from gossamer.simulation import Simulation, Weather, World


class Heard:
    """Watches a simulation and keeps what it is told."""

    def __init__(self, mesh):
        self.arrived, self.lost, self.network_said, self.lives, self.writes, self.story = [], [], [], [], [], []
        mesh.watch(self)

    def sent(self, at, sender, receiver, way, kinds, size_bytes, arrives_at):
        (self.lost if arrives_at is None else self.arrived).append((at, sender, receiver, way, kinds, arrives_at))

    def network(self, at, text):
        self.network_said.append(text)

    def node(self, at, name, text):
        self.lives.append((name, text))

    def wrote(self, at, name, key, origin, sequence):
        self.writes.append((name, key, sequence))

    def said(self, at, text):
        self.story.append(text)


def test_a_simulation_offers_all_that_a_story_may_ask_of_a_world():
    wanted = {name for name, member in inspect.getmembers(World) if not name.startswith("_") and callable(member)}

    assert wanted
    assert [name for name in wanted if not callable(getattr(Simulation, name, None))] == []


def test_nodes_that_are_started_together_meet():
    mesh = Simulation(1, size=4)

    assert mesh.start() == ["n0", "n1", "n2", "n3"] == mesh.names
    assert mesh.sees("n0") == {"n1", "n2", "n3"}


def test_in_bursts_a_link_loses_all_and_about_as_much_in_all_as_was_asked_for():
    mesh = mesh_of(1, "ab")
    heard = Heard(mesh)
    mesh.weather(burst_loss=0.3, burst_s=10.0)
    mesh.run(seconds=3000)

    fates = [(at, True) for at, sender, _, way, *_ in heard.lost if sender == "a" and way != "stream"]
    fates += [(at, False) for at, sender, _, way, *_ in heard.arrived if sender == "a" and way != "stream"]
    fates.sort()
    share = sum(lost for _, lost in fates) / len(fates)
    runs = sum(one[1] != other[1] for one, other in pairwise(fates))
    assert 0.15 < share < 0.45
    assert runs < 0.7 * 2 * share * (1 - share) * len(fates)  # as many as chance alone would make, without bursts


def test_what_is_larger_than_the_network_carries_never_arrives_by_datagram_and_all_agree_in_spite_of_it():
    mesh = mesh_of(1, "ab")
    heard = Heard(mesh)
    mesh.weather(mtu_bytes=600)
    for number in range(100):
        mesh.write("a", f"k{number}", "x" * 30)
    took_s = mesh.settle(within_s=30)

    assert heard.lost
    assert took_s < 30


def test_a_slow_link_makes_datagrams_wait_for_each_other():
    mesh = mesh_of(1, "ab")
    heard = Heard(mesh)
    mesh.weather(bandwidth_bits_per_s=64_000, delay_s=(0.001, 0.001))
    for number in range(6):
        mesh.write("a", f"k{number}", "x" * 900)
    mesh.settle(within_s=60)
    late = [arrives_at - at for at, *_, kinds, arrives_at in heard.arrived if "batch" in kinds]

    assert max(late) > 0.1


@pytest.mark.parametrize("fault", [{"loss": 1.5}, {"burst_s": 0}, {"delay_s": (2, 1)}, {"mtu_bytes": -1}])
def test_weather_that_cannot_be_is_refused(fault):
    with pytest.raises(ValueError, match=next(iter(fault))):
        Simulation(1).weather(**fault)


def test_weather_that_nobody_knows_is_refused():
    with pytest.raises(TypeError, match="hail"):
        Simulation(1).weather(hail=True)


def test_weather_that_is_not_named_stays_as_it_was():
    mesh = Simulation(1)
    mesh.weather(loss=0.2)
    mesh.weather(doubling=0.1)

    assert (mesh.links.loss, mesh.links.doubling) == (0.2, 0.1)
    assert mesh.links.bytes_per_s == Weather().bandwidth_bits_per_s / 8


def test_a_virtual_machine_that_is_rolled_back_is_noticed_and_all_agree():
    mesh = mesh_of(1, "abc")
    fill(mesh, "a", 20)
    mesh.settle(within_s=10)
    mesh.remember("a")
    fill(mesh, "a", 40)
    mesh.settle(within_s=10)
    mesh.roll_back("a", by_s=0)
    mesh.write("a", "after", 1)
    mesh.settle(within_s=60)

    assert any(mesh.notices(name, Forked) for name in "abc")
    assert [mesh.read(name, "after") for name in "abc"] == [1, 1, 1]


def test_a_roll_back_without_a_snapshot_says_what_to_do():
    mesh = mesh_of(1, "ab")

    with pytest.raises(ValueError, match="remember"):
        mesh.roll_back("a", by_s=1)


def test_a_node_that_is_not_there_is_named_beside_those_that_are():
    mesh = mesh_of(1, "ab")

    with pytest.raises(ValueError, match="there is no node 'z': there are a, b"):
        mesh.kill("z")


def test_who_watches_hears_of_lives_writes_cuts_and_the_story():
    mesh = Simulation(1)
    heard = Heard(mesh)
    mesh.add("a")
    mesh.add("b")
    mesh.run(seconds=2)
    mesh.say("now it begins")
    mesh.partition({"a"}, {"b"})
    mesh.write("a", "k", 1)
    mesh.run(seconds=1)
    mesh.kill("b")

    assert [text for name, text in heard.lives if name == "b"] == ["boots", "dies"]
    assert heard.writes == [("a", "k", 1)]
    assert heard.network_said == ["splits: a | b"]
    assert heard.story == ["now it begins"]
    assert {way for *_, way, _, _ in heard.arrived} >= {"multicast"}
    assert heard.lost


def test_watching_changes_nothing():
    def live(watched):
        mesh = mesh_of(5, "abc")
        if watched:
            Heard(mesh)
        mesh.weather(loss=0.3)
        fill(mesh, "a", 30)
        mesh.settle(within_s=30)
        return mesh.journal.hash

    assert live(True) == live(False)
