"""`on`, `changes` and their kin in a script: one thread, in order, none harmed by another."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque

import pytest

import gossamer
from gossamer.threads import ListenerThread


class Told:
    """Collects what a listener is told, and waits for more."""

    def __init__(self):
        self.changes = []
        self.threads = set()
        self._condition = threading.Condition()

    def __call__(self, change):
        with self._condition:
            self.changes.append(change)
            self.threads.add(threading.current_thread())
            self._condition.notify_all()

    def until(self, count, within_s=5):
        with self._condition:
            assert self._condition.wait_for(lambda: len(self.changes) >= count, within_s), self.changes
        return self.changes


@pytest.fixture
def told():
    return Told()


def test_a_listener_is_told_of_local_and_remote_changes_with_who_did_them(join, told):
    ada, bob = join("ada"), join("bob")
    bob.on("door/*", told)
    bob["door/1"] = "open"
    told.until(1)
    ada.wait(lambda mesh: "door/1" in mesh, timeout=2)
    ada["other"] = 1
    ada["door/1"] = "shut"
    told.until(2)
    del ada["door/1"]
    told.until(3)

    assert [(c.key, c.old, c.new, c.kind, c.peer.name, c.local) for c in told.changes] == [
        ("door/1", None, "open", "set", "bob", True),
        ("door/1", "open", "shut", "set", "ada", False),
        ("door/1", "shut", None, "delete", "ada", False),
    ]
    assert told.changes[0].stamp < told.changes[1].stamp


def test_a_subscription_is_live_when_the_call_returns(join, told):
    mesh = join()
    for number in range(50):
        listener = mesh.on("*", Told())
        mesh["x"] = number
        assert listener.until(1)[0].new == number
        mesh.off(listener)


def test_listeners_are_decorators_too(join, told):
    mesh = join()

    @mesh.on("a")
    def one(change):
        told(("one", change.new))

    @mesh.on("*")
    def two(change):
        told(("two", change.new))

    mesh["a"] = 1
    mesh["b"] = 2

    assert told.until(3) == [("one", 1), ("two", 1), ("two", 2)]
    assert one.__name__ == "one"


def test_keys_that_are_no_str_match_only_the_star(join, told):
    mesh = join()
    everything = mesh.on("*", Told())
    mesh.on("?*", told)
    for key in (1, b"x", None, ("a", 1), "str"):
        mesh[key] = 1
    everything.until(5)

    assert [change.key for change in told.until(1)] == ["str"]


def test_off_ends_it_whatever_it_was_registered_for(join, told):
    mesh = join()
    mesh.on("a", told)
    mesh.on("b", told)
    mesh.off(told)
    last = mesh.on("*", Told())
    mesh["a"] = mesh["b"] = 1
    last.until(2)

    assert told.changes == []
    with pytest.raises(ValueError, match="not registered"):
        mesh.off(told)


def test_one_bad_listener_harms_no_other_and_is_logged(join, told, caplog):
    mesh = join()
    mesh.on("*", lambda change: 1 / 0)
    mesh.on("*", told)
    with caplog.at_level(logging.ERROR, "gossamer"):
        mesh["x"] = 1
        mesh["x"] = 2
        told.until(2)

    assert caplog.text.count("ZeroDivisionError") == 2
    assert mesh.statistics()["listener errors"] == 2


def test_all_listeners_run_on_one_thread_of_their_own_in_order(join, told):
    ada, bob = join("ada"), join("bob")
    bob.on("*", told)
    bob.on_join(lambda peer: told.threads.add(threading.current_thread()))
    for number in range(300):
        ada["x"] = number
        bob["y"] = number
    bob.wait(lambda mesh: mesh.get("x") == 299, timeout=5)
    bob["end"] = 1
    while told.until(1)[-1].key != "end":
        told.until(len(told.changes) + 1)

    assert len(told.threads) == 1
    assert threading.current_thread() not in told.threads
    for key in "xy":
        values = [change.new for change in told.changes if change.key == key]
        assert values == sorted(values)
        assert values[-1] == 299


def test_a_slow_listener_gets_the_last_value_of_each_key_and_its_queue_stays_bounded(join, mesh_name, mesh_port, told):
    mesh = join(options=gossamer.Options(settle_s=0.02, changes_max=4))
    hold, holding = threading.Event(), threading.Event()

    @mesh.on("*")
    def slow(change):
        holding.set()
        hold.wait(10)
        told(change)

    mesh["first"] = 0
    assert holding.wait(5)
    for number in range(10_000):
        mesh[number % 3] = number
    assert len(mesh._feed) <= 8
    hold.set()
    while {change.key: change.new for change in told.until(1)} != {"first": 0, 0: 9999, 1: 9997, 2: 9998}:
        told.until(len(told.changes) + 1)

    assert len(told.changes) <= 9
    assert mesh.statistics()["changes conflated"] > 9000


def test_a_listener_may_write_and_is_told_of_that_in_its_turn(join, told):
    mesh = join()
    mesh.on("*", told)

    @mesh.on("in")
    def relay(change):
        mesh["out"] = change.new + 1
        assert mesh["out"] == change.new + 1

    mesh["in"] = 1

    assert [(change.key, change.new) for change in told.until(2)] == [("in", 1), ("out", 2)]


def test_what_would_wait_for_itself_raises_in_a_listener(join):
    mesh = join()
    raised = []

    @mesh.on("x")
    def listener(change):
        for call in (
            lambda: mesh.wait(lambda m: False),
            mesh.settled,
            mesh.close,
            lambda: next(mesh.changes()),
            lambda: mesh.changes().take(),
        ):
            try:
                call()
            except gossamer.WrongThread as error:
                raised.append(str(error))

    mesh["x"] = 1
    mesh.wait(lambda m: len(raised) == 5 or m.set("poke", len(raised)), timeout=5)

    assert [text.split("(")[0] for text in raised] == ["wait", "settled", "close", "next", "take"]
    assert all("another thread" in text for text in raised)
    mesh["still"] = "open"


def test_a_listener_may_wait_for_another_mesh(join):
    one, other = join("one", name="one"), join("two", name="two")
    done = threading.Event()

    @one.on("x")
    def listener(change):
        other["x"] = change.new
        other.settled(timeout=2)
        other.wait(lambda m: m["x"], timeout=2)
        done.set()

    one["x"] = 1
    assert done.wait(5)


def test_changes_iterate_from_the_call_on(join):
    ada, bob = join("ada"), join("bob")
    with bob.changes("a*") as changes:
        bob["a"] = 1
        bob["b"] = 2
        ada["ab"] = 3

        assert [(next(changes).key, next(changes).new)] == [("a", 3)]
    assert list(changes) == []


def test_the_changes_of_one_batch_are_taken_together(join):
    ada, bob = join("ada"), join("bob")
    with bob.changes("row/*") as changes:
        taken: list[list[int]] = []
        for number in range(20):
            with ada.batch():
                ada.update({f"row/{column}": number for column in range(5)})
                ada["other"] = number
        while not taken or taken[-1][-1] != 19:
            taken.append([change.new for change in changes.take()])

    rows = [numbers[at : at + 5] for numbers in taken for at in range(0, len(numbers), 5)]
    assert all(len(row) == 5 and len(set(row)) == 1 for row in rows)  # a burst's rows travel as the last one
    assert changes.take() == []


def test_whoever_takes_changes_is_told_of_the_end(join, told):
    mesh = join()
    changes = mesh.changes()
    thread = threading.Thread(target=lambda: [told(change) for change in iter(changes.take, [])])
    thread.start()
    mesh["x"] = 1
    told.until(1)
    mesh.close()
    thread.join(5)

    assert not thread.is_alive()


def test_a_loop_over_changes_ends_with_the_mesh(join, told):
    mesh = join()
    changes = mesh.changes()
    thread = threading.Thread(target=lambda: [told(change) for change in changes])
    thread.start()
    mesh["x"] = 1
    told.until(1)
    mesh.close()
    thread.join(5)

    assert not thread.is_alive()
    assert [change.new for change in told.changes] == [1]


def test_a_loop_over_changes_ends_when_another_thread_closes_it(join):
    mesh = join()
    changes = mesh.changes()
    thread = threading.Thread(target=list, args=(changes,))
    thread.start()
    changes.close()
    thread.join(5)

    assert not thread.is_alive()
    assert mesh._watchers.feeds == ()


def test_netmem_listeners_are_called_as_netmem_calls_them(join, told):
    mesh = join()

    def everything(d, key, old, new):
        told(("all", d is mesh, key, old, new))

    def one(d, key, old, new):
        told(("one", key, old, new))

    mesh.add_listener(everything)
    mesh.add_listener(one, "a")
    mesh["a"] = 1
    mesh["b"] = 2
    mesh["a"] = 3
    told.until(5)
    mesh.remove_listener(one)
    mesh.remove_listener(everything, "a")
    mesh.remove_listener(one, "a")
    mesh["a"] = 4

    assert told.until(6) == [
        ("all", True, "a", None, 1),
        ("one", "a", None, 1),
        ("all", True, "b", None, 2),
        ("all", True, "a", 1, 3),
        ("one", "a", 1, 3),
        ("all", True, "a", 3, 4),
    ]


def test_netmem_listeners_added_twice_are_called_twice_and_removed_one_by_one(join, told):
    mesh = join()

    def listen(d, key, old, new):
        told(new)

    mesh.add_listener(listen)
    mesh.add_listener(listen)
    mesh["a"] = 1
    told.until(2)
    mesh.remove_listener(listen)
    mesh["a"] = 2
    told.until(3)
    mesh.remove_listener(listen)
    mesh.remove_listener(listen)
    last = mesh.on("*", Told())
    mesh["a"] = 3
    last.until(1)

    assert told.changes == [1, 1, 2]


def test_listeners_registered_by_many_threads_are_all_called(join):
    mesh = join()
    listeners = [Told() for _ in range(40)]
    threads = [threading.Thread(target=mesh.on, args=("*", listener)) for listener in listeners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    mesh["x"] = 1

    for listener in listeners:
        listener.until(1)


def test_a_listener_hears_of_what_was_written_while_it_was_away_from_the_network(join, faults, told):
    ada, bob = join("ada", wrap=faults), join("bob", wrap=faults)
    ada.wait(lambda mesh: mesh.peers, timeout=2)
    bob.on("*", told)
    faults.cut(ada, bob)
    ada["x"] = "late"
    time.sleep(0.05)
    assert told.changes == []
    faults.heal()

    (change,) = told.until(1, within_s=10)
    assert (change.new, change.peer.name) == ("late", "ada")


def test_a_listener_thread_hears_every_ring_though_many_threads_ring_at_once():
    waiting, seen, all_seen = deque(), [], threading.Event()

    def deliver():
        while waiting:
            seen.append(waiting.popleft())
        if len(seen) == 8 * 500:
            all_seen.set()

    def ring():
        for n in range(500):
            waiting.append(n)
            listeners.wake()

    listeners = ListenerThread("listeners", deliver)
    listeners.thread.start()
    ringers = [threading.Thread(target=ring) for _ in range(8)]
    for ringer in ringers:
        ringer.start()
    for ringer in ringers:
        ringer.join()

    assert all_seen.wait(30)
    listeners.stop()
    listeners.thread.join(30)
    assert not listeners.thread.is_alive()
