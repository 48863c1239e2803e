"""`mesh.events`, as programs use it: who is called, with what, in which order, and what is said of what was lost."""

from __future__ import annotations

import gc
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gossamer
from gossamer.views.events import WAITING_EVENTS_MAX
from gossamer.views.payloads import decode_event_payload, encode_event_payload
from gossamer.wire.values import decode_value, encode_value

# -- rows of SEEDS.md -----------------------------------------------------------------------------


def test_v1_on_is_a_decorator_or_takes_a_function_and_returns_it(mesh_factory, net):
    mesh, heard = mesh_factory("a"), []

    @mesh.events.on("ping")
    def decorated(n):
        heard.append(n)

    assert mesh.events.on("ping", heard.append) == heard.append
    mesh.events.emit("ping", 1)
    net.run(0.01)

    assert decorated.__name__ == "decorated"
    assert heard == [1, 1]


def test_v2_an_event_reaches_handlers_in_every_process_and_in_its_own(mesh_factory, net):
    meshes = [mesh_factory(name) for name in "abc"]
    heard = []
    for mesh in meshes:
        mesh.events.on("ping", lambda n, who=mesh.me.name: heard.append((who, n)))

    meshes[0].events.emit("ping", 1)
    net.run(1)

    assert sorted(heard) == [("a", 1), ("b", 1), ("c", 1)]


def test_v3_keyword_arguments_are_filtered_and_a_missing_one_is_reported_once(mesh_factory, net, caplog):
    mesh, heard = mesh_factory("a"), []

    def needs_more(missing):
        heard.append(missing)

    mesh.events.on("ping", needs_more)
    mesh.events.on("ping", lambda n, *, x=0: heard.append((n, x)))
    with caplog.at_level(logging.ERROR, "gossamer.events"):
        for n in range(3):
            mesh.events.emit("ping", n=n, x=7, y=8)
        net.run(0.1)

    assert heard == [(0, 7), (1, 7), (2, 7)]
    assert ["no argument for 'missing'" in record.message for record in caplog.records] == [True]
    assert mesh.statistics()["event errors"] == 3


def test_v4_off_ends_all_registrations_of_a_function_and_complains_of_a_stranger(mesh_factory, net):
    mesh, heard = mesh_factory("a"), []
    mesh.events.on("a", heard.append)
    mesh.events.on("b", heard.append)

    mesh.events.off(heard.append)
    mesh.events.emit("a", 1)
    net.run(0.1)

    assert heard == []
    with pytest.raises(ValueError, match="not registered"):
        mesh.events.off(heard.append)


def test_v4_a_weak_handler_is_called_until_nobody_else_holds_it(mesh_factory, net):
    mesh, heard = mesh_factory("a"), []

    class Bell:
        def ring(self, n):
            heard.append(("bell", n))

    def function(n):
        heard.append(("function", n))

    bell, kept = Bell(), Bell()
    mesh.events.on("ping", bell.ring, weak=True)
    mesh.events.on("ping", kept.ring, weak=True)
    mesh.events.on("ping", function, weak=True)
    mesh.events.on("ping", weak=True)(lambda n: heard.append("a lambda that nobody holds"))
    mesh.events.emit("ping", 1)
    net.run(0.1)
    del bell, function
    gc.collect()
    mesh.events.emit("ping", 2)
    net.run(0.1)
    mesh.events.off(kept.ring)
    mesh.events.emit("ping", 3)
    net.run(0.1)

    assert heard == [("bell", 1), ("bell", 1), ("function", 1), ("bell", 2)]
    assert not mesh.events.is_listened_to, "those that are gone have dropped out"
    assert mesh.statistics()["event errors"] == 0


def test_v4_handlers_that_are_gone_do_not_pile_up_though_nothing_is_emitted(mesh_factory, net):
    mesh = mesh_factory("a")

    for _ in range(100):
        mesh.events.on("ping", lambda: None, weak=True)
    gc.collect()
    mesh.events.on("ping", print)

    assert len(mesh.events._handlers.all) == 1
    with pytest.raises(TypeError, match="weak reference"):
        mesh.events.on("ping", int.from_bytes.__call__, weak=True)


def test_v5_wait_for_returns_the_event_or_raises_in_time(mesh_factory, net):
    a, b = mesh_factory("a"), mesh_factory("b")

    @b.events.on("question")
    def answer(n):
        b.events.emit("answer", n + 1)

    a.events.emit("question", 1)
    event = a.events.wait_for("answer", 5)

    assert (event.args, event.peer.name, event.local) == ((2,), "b", False)
    with pytest.raises(gossamer.MeshTimeout, match="no such event"):
        a.events.wait_for("answer", 0.5)


def test_v6_wait_for_listens_before_it_sends(mesh_factory, net):
    a = mesh_factory("a")
    a.events.on("question", lambda: a.events.emit("answer", "at once"))

    assert a.events.wait_for("answer", 1, send=lambda: a.events.emit("question")).args == ("at once",)
    assert a.events.wait_for("self", 1, send=lambda: a.events.emit("self", 3)).args == (3,)


def test_v7_senders_are_compared_by_equality_and_by_patterns(mesh_factory, net):
    a, b = mesh_factory("a"), mesh_factory("b")
    heard = {"any": [], "name": [], "tuple": [], "glob": []}
    b.events.on("e", lambda sender: heard["any"].append(sender))
    b.events.on("e", lambda sender: heard["name"].append(sender), sender="a")
    b.events.on("e", lambda sender: heard["tuple"].append(sender), sender=("till", 3))
    b.events.on("e", lambda sender: heard["glob"].append(sender), sender="customer-manager.*")

    for sender in (None, ("till", 3), "customer-manager.1", "customer"):
        a.events.emit("e", sender=sender)
    net.run(0.5)

    assert heard == {
        "any": ["a", ("till", 3), "customer-manager.1", "customer"],
        "name": ["a"],
        "tuple": [("till", 3)],
        "glob": ["customer-manager.1"],
    }


def test_v14_emit_says_whether_every_peer_has_it_within_a_bound(mesh_factory, net):
    a, b, c = (mesh_factory(name) for name in "abc")
    c.events.on("e", print)  # whether anybody listens there changes nothing

    assert a.events.emit("e", 1, timeout=2) is True
    net.cut(a, b)
    assert a.events.emit("e", 2, timeout=0.3) is False
    net.heal()
    assert a.events.confirmed(5) is True


def test_v15_two_thousand_events_through_thirty_percent_loss_start_in_order_once(mesh_factory, net):
    a, b = mesh_factory("a"), mesh_factory("b")
    heard = []
    b.events.on("n", heard.append)
    net.weather(loss=0.3)

    for n in range(2000):
        a.events.emit("n", n)
        if n % 50 == 0:
            net.run(0.01)

    assert a.events.confirmed(20)
    net.run(0.1)
    assert heard == list(range(2000))


def test_v17_a_handler_that_raises_is_logged_once_and_harms_nobody(mesh_factory, net, caplog):
    mesh, heard = mesh_factory("a"), []
    mesh.events.on("e", lambda: 1 / 0)
    mesh.events.on("e", lambda event: heard.append(event.number))

    with caplog.at_level(logging.ERROR, "gossamer.events"):
        mesh.events.emit("e")
        mesh.events.emit("e")
        net.run(0.1)

    assert heard == [1, 2]
    assert len(caplog.records) == 1
    assert "ZeroDivisionError" in caplog.text


# -- what an event is -----------------------------------------------------------------------------


def test_a_handler_never_sees_older_state_than_its_sender_had_written(mesh_factory, net):
    a, b = mesh_factory("a"), mesh_factory("b")
    seen = []
    b.events.on("ready", lambda n: seen.append((n, b["result"])))
    net.weather(loss=0.4, disorder=0.3)

    for n in range(100):
        a["result"] = n
        a.events.emit("ready", n)
        net.run(0.02)
    assert a.events.confirmed(20)
    net.run(0.1)

    assert [n for n, _ in seen] == list(range(100))
    assert all(result >= n for n, result in seen)


def test_the_listener_of_a_key_is_called_before_the_handler_of_the_event_that_followed_the_write(mesh_factory, net):
    a, b = mesh_factory("a"), mesh_factory("b")
    heard = []
    b.on("k", lambda change: heard.append("change"))
    b.events.on("e", lambda: heard.append("event"))

    a["k"] = 1
    a.events.emit("e")
    net.run(1)

    assert heard == ["change", "event"]


def test_patterns_are_those_of_a_shell_and_once_is_once(mesh_factory, net):
    mesh, heard, first = mesh_factory("a"), [], []
    mesh.events.on("door/*", lambda event: heard.append(event.name))
    mesh.events.once("door/*", lambda event: first.append(event.name))

    for name in ("door/1", "window/1", "door/2/lock"):
        mesh.events.emit(name)
    net.run(0.1)

    assert heard == ["door/1", "door/2/lock"]
    assert first == ["door/1"]


def test_arguments_arrive_as_they_were_and_cannot_be_changed_for_the_next_handler(mesh_factory, net):
    a, b = mesh_factory("a"), mesh_factory("b")
    heard, value = [], {"list": [1, 2], "bytes": b"\x00", "none": None}
    b.events.on("e", lambda *args, **kwargs: heard.append((args, kwargs)))

    a.events.emit("e", value, (1, 2.5), flag=True)
    value["list"].append(3)
    net.run(0.5)

    assert heard == [(({"list": [1, 2], "bytes": b"\x00", "none": None}, (1, 2.5)), {"flag": True})]


def test_what_cannot_travel_is_refused_where_it_is_emitted_and_nobody_hears_of_it(mesh_factory, net):
    mesh, heard = mesh_factory("a", options=gossamer.Options(message_bytes_max=1 << 20)), []
    mesh.events.on("*", lambda event: heard.append(event.name))

    with pytest.raises(gossamer.UnsendableValue):
        mesh.events.emit("e", object())
    with pytest.raises(gossamer.ValueTooLarge, match=r"takes 15000[0-9][0-9] bytes"):
        mesh.events.emit("e", b"x" * 1_500_000)
    for name in ("", "x" * 257, 3, None):
        with pytest.raises(ValueError, match="name"):
            mesh.events.emit(name)
    net.run(0.1)

    assert heard == []
    assert mesh.statistics()["events emitted"] == 0


def test_an_event_larger_than_a_datagram_reaches_everybody_by_stream(mesh_factory, net):
    meshes = [mesh_factory(name) for name in "abc"]
    heard = []
    for mesh in meshes:
        mesh.events.on("big", lambda data, n: heard.append((len(data), n)))

    assert meshes[0].events.emit("big", b"x" * 2_000_000, n=1, timeout=10)
    assert meshes[0].events.emit("big", b"y" * 2000, n=2, timeout=10)
    assert meshes[0].events.emit("big", b"", n=3, timeout=10)
    net.run(0.1)

    assert sorted(heard) == [(0, 3)] * 3 + [(2000, 2)] * 3 + [(2_000_000, 1)] * 3
    assert meshes[0].replica.emissions.counts["events repeated"] == 0


def test_a_handler_may_emit_and_may_end_itself(mesh_factory, net):
    mesh, heard = mesh_factory("a"), []

    @mesh.events.on("count")
    def count(n):
        heard.append(n)
        mesh.events.emit("count", n + 1)
        if n == 5:
            mesh.events.off(count)

    mesh.events.emit("count", 0)
    net.run(1)

    assert heard == [0, 1, 2, 3, 4, 5]


def test_a_slow_reader_loses_the_oldest_and_is_told_how_many(mesh_factory, net):
    mesh = mesh_factory("a")
    with mesh.events.stream("n") as stream:
        for n in range(WAITING_EVENTS_MAX + 10):
            mesh.events.emit("n", n)

        first = stream.get(1)

    assert (first.args, first.missed, stream.missed) == ((10,), 10, 10)


def test_a_peer_that_comes_later_hears_what_is_emitted_from_then_on_and_earlier_events_if_it_asks(mesh_factory, net):
    a = mesh_factory("a")
    for n in range(5):
        a.events.emit("n", n)
    b = mesh_factory("b")
    plain, asked, own = [], [], []
    b.events.on("n", plain.append)
    b.events.on("n", lambda n, event: asked.append((n, event.replayed)), replay=True)
    a.events.on("n", lambda n, event: own.append((n, event.replayed)), replay=True)

    net.run(2)
    a.events.emit("n", 5)
    net.run(1)

    assert plain == [5]
    assert asked == own == [(n, True) for n in range(5)] + [(5, False)]


def test_what_was_heard_before_is_heard_again_if_it_is_asked_for(mesh_factory, net):
    a, b, heard = mesh_factory("a"), mesh_factory("b"), []
    a.events.emit("n", 0)
    net.run(0.1)
    assert b.replica.counts["events old"] == 0

    b.events.on("n", heard.append, replay=True)  # and gets the same bytes
    net.run(2)
    a.events.emit("n", 1)
    net.run(0.1)

    assert heard == [0, 1]
    assert b.replica.counts["events old"] == 1


def test_a_replay_brings_nothing_twice(mesh_factory, net):
    a = mesh_factory("a")
    a.events.emit("n", 0)
    b, heard, again = mesh_factory("b"), [], []
    b.events.on("n", heard.append, replay=True)
    net.weather(loss=0.3)
    for n in range(1, 30):
        a.events.emit("n", n)
        net.run(0.05)
    b.events.on("n", again.append, replay=True)
    net.run(10)

    assert sorted(heard) == sorted(again) == list(range(30))


def test_an_async_handler_is_refused_with_what_to_use_instead(mesh_factory):
    async def handler():
        """Never awaited."""

    with pytest.raises(TypeError, match="stream"):
        mesh_factory("a").events.on("e", handler)
    with pytest.raises(TypeError, match="callable"):
        mesh_factory("b").events.on("e", 3)


def test_after_closing_nothing_is_emitted(mesh_factory):
    mesh = mesh_factory("a")
    mesh.close()

    with pytest.raises(gossamer.MeshClosed):
        mesh.events.emit("e")


def test_what_was_emitted_just_before_closing_arrives(mesh_factory, net):
    a, b = mesh_factory("a"), mesh_factory("b")
    heard = []
    b.events.on("bye", heard.append)
    net.weather(loss=0.3)

    for n in range(20):
        a.events.emit("bye", n)
    a.close()
    net.run(1)

    assert heard == list(range(20))


def test_what_can_no_longer_be_had_is_counted_and_told_with_the_next_event(mesh_factory, net, caplog):
    a, b = mesh_factory("a"), mesh_factory("b")
    heard = []
    b.events.on("n", lambda n, event: heard.append((n, event.missed)))
    net.cut(a, b)
    for n in range(600):
        a.events.emit("n", n)
    net.run(2)
    for n in range(600, 605):  # more than 30 s later: the first are not kept any longer
        net.run(8)
        a.events.emit("n", n)
    net.mend(a, b)
    net.run(8)

    assert heard[0] == (605 - 512, 605 - 512)
    assert [n for n, _ in heard] == list(range(605 - 512, 605))
    assert b.statistics()["events missed"] == b.events.missed == 605 - 512
    assert "can no longer repeat them" in caplog.text


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=30)
    | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(VALUES, st.lists(VALUES, max_size=30), st.dictionaries(st.text(max_size=5), VALUES, max_size=3))
def test_arguments_survive_the_journey_and_have_one_form(sender, args, kwargs):
    payload = encode_event_payload(sender, tuple(args), kwargs)

    assert payload == encode_value([sender, args, kwargs])
    assert decode_event_payload(payload) == (sender, tuple(args), kwargs)


PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats()
    | st.text(max_size=30)
    | st.binary(max_size=30)
)


@given(st.text(max_size=30), st.lists(PLAIN, max_size=5), st.integers(0), st.integers(0, 255), st.booleans())
def test_a_plain_payload_that_was_damaged_is_read_as_any_value_is(sender, args, at, byte, torn):
    payload = bytearray(encode_event_payload(sender, tuple(args), {}))
    payload[at % len(payload)] = byte
    damaged = bytes(payload[: at % len(payload)] + payload[-1:] if torn else payload)

    assert read(damaged) == read_as_value(damaged)


def read(payload):
    try:
        return repr(decode_event_payload(payload))
    except gossamer.Malformed:
        return None


def read_as_value(payload):
    try:
        sender, args, kwargs, *_ = decode_value(payload)
        assert isinstance(args, list)
        assert isinstance(kwargs, dict)
        assert all(type(name) is str for name in kwargs)
    except (gossamer.Malformed, TypeError, ValueError, AssertionError):
        return None
    return repr((sender, tuple(args), kwargs)) if isinstance(decode_value(payload), list) else None


@given(st.binary(max_size=40) | VALUES.map(encode_value))
def test_a_hostile_payload_is_malformed_or_an_event(data):
    try:
        _, args, kwargs = decode_event_payload(data)
    except gossamer.Malformed:
        return
    assert type(args) is tuple
    assert all(type(name) is str for name in kwargs)


def test_what_cannot_be_read_is_counted_and_harms_nobody(mesh_factory, net, caplog):
    a, b = mesh_factory("a"), mesh_factory("b")
    heard = []
    b.events.on("e", heard.append)

    a.replica.emissions.emit("e", b"\xff", 0.0)
    a.events.emit("e", 1)
    net.run(1)

    assert heard == [1]
    assert b.statistics()["event errors"] == 1
    assert "could not be read" in caplog.text
