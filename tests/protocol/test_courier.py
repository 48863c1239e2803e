"""What calls and channels say goes by one stream at a time, and what was on one that broke is said again."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from gossamer.protocol.courier import Courier
from gossamer.wire.codec import decode_message
from gossamer.wire.messages import Cancel, Reply, Talk

OWN, OTHER = b"own.boot...!", b"other.boot.!"


@dataclass(eq=False)
class Recorder:
    """A client that notes what it is told."""

    told: list = field(default_factory=list)
    is_needed: bool = True

    def needs(self, boot):
        return self.is_needed

    def heard(self, boot, message, now):
        self.told.append(message)

    def linked(self, boot):
        self.told.append("linked")

    def unreachable(self, boot):
        self.told.append("unreachable")

    def gone(self, boot):
        self.told.append("gone")


class FakeExchanges:
    def __init__(self):
        self.links, self.sent, self.connects = {}, [], []

    def link_of(self, member):
        return self.links.get(member.link)

    def send(self, link, data):
        self.sent.append((link.number, decode_message(data)))

    def connect(self, to, now):
        self.connects.append(to)
        return True


@pytest.fixture
def member():
    return SimpleNamespace(boot=OTHER, link=None, alive=True, stream_address=("10.0.0.2", 47474))


@pytest.fixture
def exchanges():
    return FakeExchanges()


@pytest.fixture
def client():
    return Recorder()


@pytest.fixture
def courier(member, exchanges, client):
    membership = SimpleNamespace(members={OTHER: member})
    made = Courier(SimpleNamespace(boot=OWN), membership, exchanges, lambda now: None)
    made.serve(client, Cancel, Reply)
    return made


def link(exchanges, number):
    exchanges.links[number] = made = SimpleNamespace(number=number, boot=OTHER)
    return made


def test_where_there_is_no_stream_one_is_opened_as_long_as_somebody_needs_it(courier, exchanges, client, member):
    assert courier.send(OTHER, Cancel(1)) is False
    assert courier.next_due() == float("-inf")

    courier.tick(1.0)
    assert exchanges.connects == [member.stream_address]
    assert courier.next_due() == 1.25
    courier.unreachable(member.stream_address, 1.1)
    assert client.told == ["unreachable"]
    client.is_needed = False
    courier.tick(2.0)
    assert (courier.next_due(), len(exchanges.connects)) == (float("inf"), 1)


def test_the_first_on_each_stream_says_that_it_is_taken_up(courier, exchanges, member):
    first, second = link(exchanges, 1), link(exchanges, 2)
    member.link = first.number
    courier.send(OTHER, Cancel(1))
    courier.send(OTHER, Cancel(2))
    member.link = second.number
    courier.send(OTHER, Cancel(3))

    assert exchanges.sent == [(1, Talk(1)), (1, Cancel(1)), (1, Cancel(2)), (2, Talk(2)), (2, Cancel(3))]


def test_what_comes_on_a_stream_that_its_sender_has_left_or_not_taken_up_is_ignored(courier, exchanges, client):
    first, second = link(exchanges, 1), link(exchanges, 2)
    courier.heard(first, OTHER, Cancel(0), 0.0)
    courier.heard(first, OTHER, Talk(1), 0.0)
    courier.heard(first, OTHER, Cancel(1), 0.0)
    courier.heard(second, OTHER, Talk(2), 0.0)
    courier.heard(first, OTHER, Cancel(2), 0.0)
    courier.heard(first, OTHER, Talk(1), 0.0)
    courier.heard(second, OTHER, Cancel(3), 0.0)

    assert client.told == ["linked", Cancel(1), "linked", Cancel(3)], "whoever changes streams is also told all again"


def test_who_loses_the_stream_in_use_says_all_again_on_another_or_has_one_opened(courier, exchanges, client, member):
    first, second = link(exchanges, 1), link(exchanges, 2)
    member.link = second.number  # as `Exchanges.closed` has seen to
    courier.unlinked(first, 0.0)
    assert client.told == ["linked"]
    member.link = None
    courier.unlinked(second, 0.0)

    assert courier.next_due() == float("-inf")


def test_what_one_says_to_oneself_is_heard_at_the_next_tick_and_not_before(courier, client):
    assert courier.send(OWN, Cancel(1))
    assert (client.told, courier.next_due()) == ([], float("-inf"))

    courier.tick(0.0)

    assert (client.told, courier.next_due()) == ([Cancel(1)], float("inf"))


def test_a_peer_that_has_gone_is_not_called(courier, exchanges, client, member):
    courier.send(OTHER, Cancel(1))
    member.alive = False
    courier.tick(0.0)

    assert (client.told, exchanges.connects, courier.next_due()) == (["gone"], [], float("inf"))
    courier.send(OTHER, Cancel(1))
    courier.gone(OTHER, 0.0)
    assert client.told == ["gone", "gone"]
    courier.alarm(5.0)
    courier.alarm(7.0)
    assert courier.next_due() == 5.0
    courier.tick(5.0)
    assert courier.next_due() == float("inf")
