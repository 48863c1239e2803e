"""`gossamer pub` and `gossamer sub`."""

from __future__ import annotations

import threading

import pytest


@pytest.fixture
def holder(join):
    return join("holder")


def test_pub_emits_an_event_with_values_and_ends_once_every_peer_has_it(gossamer, holder):
    heard = []
    holder.events.on("door", lambda *args, event, **kwargs: heard.append((args, kwargs, event.sender)))

    ran = gossamer("pub", "door", "3", "open", '{"$tuple": [1]}', "-k", "by=ada", "--sender", "shell", "--json")
    holder.close()  # after which all that it had has been handed over

    assert (ran.code, ran.json) == (0, {"event": "door", "had_by": ["holder"]})
    assert heard == [((3, "open", (1,)), {"by": "ada"}, "shell")]


def test_pub_says_so_if_nobody_is_there(gossamer):
    ran = gossamer("pub", "door", "--timeout", "0.05")

    assert (ran.code, ran.out) == (3, "")


@pytest.mark.parametrize("argv", [["pub"], ["pub", ""], ["pub", "e", "-k", "x"], ["pub", "e", "-k", "sender=x"]])
def test_pub_refuses_what_cannot_be_meant(gossamer, argv):
    assert gossamer(*argv).code == 2


@pytest.fixture
def keep_emitting(holder):
    end = threading.Event()

    def emit():
        while not end.wait(0.02):
            holder.events.emit("bench/temp", 21.5, unit="C", sender="\x1b[2Jbench")
            holder.events.emit("other")

    thread = threading.Thread(target=emit)
    thread.start()
    yield
    end.set()
    thread.join()


def test_sub_prints_events_as_they_happen(gossamer, keep_emitting):
    ran = gossamer("sub", "bench/*", "-n", "3", "--timeout", "20", "--json")

    assert ran.code == 0
    assert [event["event"] for event in ran.json_lines] == ["bench/temp"] * 3
    assert ran.json_lines[0]["args"] == [21.5]
    assert ran.json_lines[0]["kwargs"] == {"unit": "C"}
    numbers = [event["number"] for event in ran.json_lines]
    assert numbers == sorted(numbers)


def test_sub_for_people_tells_time_name_arguments_and_sender_and_repaints_nothing(gossamer, keep_emitting):
    (line,) = gossamer("sub", "bench/*", "-n", "1", "--timeout", "20").out.splitlines()

    assert line.split("  ")[1:] == ["bench/temp", "21.5", 'unit="C"', "by \\x1b[2Jbench"]


def test_sub_exits_with_4_if_too_few_came_in_time(gossamer, holder):
    ran = gossamer("sub", "-n", "1", "--timeout", "0.1")

    assert (ran.code, ran.out) == (4, "")
    assert gossamer("sub", "--timeout", "0.1").code == 0
