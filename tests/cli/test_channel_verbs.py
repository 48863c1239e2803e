"""`gossamer send` and `gossamer recv`."""

from __future__ import annotations

import signal
import threading

import pytest


@pytest.fixture
def holder(join):
    return join("holder")


@pytest.fixture
def in_thread():
    """Run a function in a thread that has ended when the test does."""
    threads = []

    def in_thread(fn):
        threads.append(threading.Thread(target=fn))
        threads[-1].start()

    yield in_thread
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_send_ends_once_somebody_has_taken_the_message(gossamer, holder, in_thread):
    got = []
    in_thread(lambda: got.extend(holder.channel("work").get(timeout=20) for _ in range(3)))

    one = gossamer("send", "work", "text", "--timeout", "20", "--json")
    several = gossamer("send", "work", "3", "two", "[1, null]", "--timeout", "20")
    none = gossamer("send", "work", "--timeout", "20")

    assert (one.code, one.json) == (0, {"channel": "work", "mode": "take"})
    assert [(ran.code, ran.out, ran.err) for ran in (several, none)] == [(0, "", "")] * 2
    assert got == ["text", (3, "two", [1, None]), None]


def test_send_to_all_reaches_whoever_receives_and_nobody_is_no_error(gossamer, holder):
    assert gossamer("send", "news", "nobody listens", "--all").code == 0
    news = holder.channel("news", "subscribe").subscribe()
    got = []
    reading = threading.Thread(target=lambda: got.append(news.get(timeout=20)))
    reading.start()

    ran = gossamer("send", "news", "hello", "--all", "--timeout", "20")
    reading.join(20)

    assert (ran.code, got) == (0, ["hello"])


def test_send_withdraws_what_nobody_took_and_says_so_if_nobody_is_there(gossamer, join):
    assert gossamer("send", "work", "x", "--timeout", "0.05").code == 3
    holder = join("holder")

    ran = gossamer("send", "work", "x", "--timeout", "0.4")

    assert (ran.code, ran.out) == (4, "")
    assert "withdrawn" in ran.err
    assert holder.channel("work").get(wait=False, default="nothing") == "nothing"
    assert gossamer("send", "work", "x", "--wait", "--timeout", "0.1").code == 4


@pytest.mark.parametrize(
    "argv",
    [["send"], ["recv"], ["send", "c", "--all", "--take"], ["recv", "c", "-n", "0"], ["send", "", "x", "--wait"]],
)
def test_what_cannot_be_meant_is_refused(gossamer, argv):
    assert gossamer(*argv).code == 2


def test_recv_prints_messages_and_consumes_each(gossamer, holder):
    channel = holder.channel("work")
    for message in ("text", 3, [1, {"a": None}]):
        channel.send(message)
    channel.send("two", 2)

    people = gossamer("recv", "work", "-n", "2", "--timeout", "20")
    programs = gossamer("recv", "work", "--take", "--count", "2", "--timeout", "20", "--json")
    late = gossamer("recv", "work", "-n", "1", "--timeout", "0.1")

    assert (people.code, people.out) == (0, "text\n3\n")
    assert (programs.code, programs.json_lines) == (0, [[1, {"a": None}], {"$tuple": ["two", 2]}])
    assert (late.code, late.out) == (4, "")
    assert gossamer("recv", "work", "--timeout", "0.1").code == 0
    channel.drain(timeout=5)


def test_recv_of_all_prints_what_is_sent_from_then_on(gossamer, holder):
    news, end = holder.channel("news", "subscribe"), threading.Event()

    def keep_sending():
        while not end.wait(0.02):
            news.send("hello")

    sending = threading.Thread(target=keep_sending)
    sending.start()
    ran = gossamer("recv", "news", "--all", "-n", "2", "--timeout", "20")
    end.set()
    sending.join(20)

    assert (ran.code, ran.out) == (0, "hello\nhello\n")


@pytest.mark.slow
def test_who_waits_in_one_terminal_gets_what_is_sent_in_another(spawn):
    sender = spawn("send", "work", "at last", "--wait")
    receiver = spawn("recv", "work")

    assert receiver.stdout.readline() == "at last\n"
    assert sender.wait(20) == 0
    receiver.send_signal(signal.SIGINT)
    assert receiver.wait(20) == 130
