"""A request is started at most once, however often, late or out of order it comes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from talkers import Wires

from gossamer.protocol import serving as serving_module
from gossamer.protocol.effects import Answered, ReplyOutcome, Requested, Withdrawn
from gossamer.wire.messages import Call, Cancel

ADA, BOB, CYD = b"ada.boot...!", b"bob.boot...!", b"cyd.boot...!"


def serving_bob(at_once=16, waiting=1024):
    wires = Wires(ADA, BOB)
    bob = wires.talkers[BOB]
    bob.serving.offer("work", at_once, waiting)
    return wires, bob


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6), st.booleans()), max_size=40))
def test_no_number_is_started_twice_whatever_comes_in_which_order(messages):
    _, bob = serving_bob(at_once=2)
    started = []
    for number, floor, ends in messages:
        bob.serving.heard(ADA, Call(number, min(floor, number), "work", b""), 0.0)
        for request in bob.told(Requested):
            started.append(request.number)
            if ends:
                bob.serving.finished(ADA, request.number, ReplyOutcome.RETURNED, b"\x01")

    assert len(started) == len(set(started))


def test_a_request_below_the_floor_comes_too_late_to_be_started():
    _, bob = serving_bob()
    bob.serving.heard(ADA, Call(7, 5, "work", b""), 0.0)
    bob.serving.heard(ADA, Call(4, 1, "work", b""), 0.0)

    assert [request.number for request in bob.told(Requested)] == [7]


def test_a_reply_is_given_again_to_whoever_asks_again_until_it_says_that_it_will_not():
    wires, bob = serving_bob()
    ada = wires.talkers[ADA]
    number = ada.calls.ask("work", b"", [BOB], 0.0)
    wires.settle()
    bob.serving.finished(ADA, number, ReplyOutcome.RETURNED, b"\x05")
    wires.cut(ADA, BOB)
    assert not ada.told(Answered)

    wires.join(ADA, BOB)
    wires.settle()

    assert [(a.outcome, a.payload) for a in ada.told(Answered)] == [(ReplyOutcome.RETURNED, b"\x05")]
    assert len(bob.told(Requested)) == 1
    assert bob.serving._kept_bytes == 1
    ada.calls.ask("work", b"", [BOB], 0.0)
    wires.settle()
    assert bob.serving._kept_bytes == 0


def test_replies_that_are_too_much_to_keep_are_dropped_and_their_callers_told(monkeypatch):
    monkeypatch.setattr(serving_module, "REPLIES_BYTES_MAX", 10)
    wires, bob = serving_bob()
    ada = wires.talkers[ADA]
    numbers = [ada.calls.ask("work", b"", [BOB], 0.0) for _ in range(3)]
    wires.settle()
    for number in numbers:
        bob.serving.finished(ADA, number, ReplyOutcome.RETURNED, bytes(6))
    wires.cut(ADA, BOB)
    wires.join(ADA, BOB)
    wires.settle()

    outcomes = {answer.number: answer.outcome for answer in ada.told(Answered)}
    assert outcomes == {1: ReplyOutcome.FORGOTTEN, 2: ReplyOutcome.FORGOTTEN, 3: ReplyOutcome.RETURNED}
    assert len(bob.told(Requested)) == 3


def test_what_waits_is_refused_when_it_is_too_much_or_the_service_ends():
    wires, bob = serving_bob(at_once=1, waiting=1)
    ada = wires.talkers[ADA]
    for _ in range(3):
        ada.calls.ask("work", b"", [BOB], 0.0)
    wires.settle()
    assert [(a.number, a.outcome) for a in ada.told(Answered)] == [(3, ReplyOutcome.BUSY)]

    bob.serving.withdraw(["work"])
    wires.settle()
    assert [(a.number, a.outcome) for a in ada.told(Answered)] == [(2, ReplyOutcome.UNSERVED)]
    bob.serving.finished(ADA, 1, ReplyOutcome.RETURNED, b"\x01")
    wires.settle()
    assert [(a.number, a.outcome) for a in ada.told(Answered)] == [(1, ReplyOutcome.RETURNED)]


def test_a_cancelled_request_is_not_started_if_it_waits_and_told_of_if_it_runs():
    wires, bob = serving_bob(at_once=1)
    ada = wires.talkers[ADA]
    for _ in range(3):
        ada.calls.ask("work", b"", [BOB], 0.0)
    wires.settle()
    ada.calls.give_up(2)
    ada.calls.give_up(1)
    wires.settle()

    assert [withdrawn.number for withdrawn in bob.told(Withdrawn)] == [1]
    bob.serving.finished(ADA, 1, ReplyOutcome.RETURNED, b"\x01")
    assert [request.number for request in bob.told(Requested)] == [1, 3]
    bob.serving.heard(ADA, Cancel(99), 0.0)


def test_another_is_asked_if_the_first_refuses_and_none_if_it_may_have_begun():
    wires = Wires(ADA, BOB, CYD)
    ada, bob, cyd = wires.talkers[ADA], wires.talkers[BOB], wires.talkers[CYD]
    cyd.serving.offer("work", 1, 0)
    ada.calls.ask("work", b"", [BOB, CYD], 0.0)
    wires.settle()
    assert len(cyd.told(Requested)) == 1, "bob does not serve it"

    bob.serving.offer("work", 1, 0)
    ada.calls.ask("work", b"", [BOB, CYD], 0.0)
    wires.settle()
    wires.kill(BOB)
    wires.settle()
    assert [(answer.number, answer.outcome) for answer in ada.told(Answered)] == [(2, None)]
    assert len(cyd.told(Requested)) == 0


def test_an_idempotent_call_is_asked_of_another_though_the_first_may_have_begun():
    wires = Wires(ADA, BOB, CYD)
    ada, bob, cyd = wires.talkers[ADA], wires.talkers[BOB], wires.talkers[CYD]
    bob.serving.offer("work", 1, 0)
    cyd.serving.offer("work", 1, 0)
    ada.calls.ask("work", b"", [BOB, CYD], 0.0, idempotent=True)
    wires.settle()
    wires.kill(BOB)
    wires.settle()

    assert ada.told(Answered) == []
    assert len(cyd.told(Requested)) == 1


def test_a_request_that_breaks_every_stream_is_given_up():
    wires, bob = serving_bob()
    ada = wires.talkers[ADA]
    ada.calls.ask("work", b"", [BOB], 0.0)
    for _ in range(40):
        wires.cut(ADA, BOB)
        wires.join(ADA, BOB)

    assert [answer.outcome for answer in ada.told(Answered)] == [None]
    assert bob.told(Requested) == []
