"""The rows V1 to V17 of what pyvent's users have, or should have had, under `gossamer.compat.pyvent`."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import cbor2
import pytest

import gossamer
from gossamer.compat import pyvent
from gossamer.compat.pyvent import Node, NotConnected
from gossamer.views.payloads import decode_event_payload


@pytest.fixture
def node(join, patient) -> Callable[..., Node]:
    """Make a node of its own peer in this test's mesh."""

    def node(**options: Any) -> Node:
        return Node(mesh=join(options.get("id"), options=patient), timeout=10, **options)

    return node


@pytest.fixture
def own_settings(mesh_name, mesh_port, monkeypatch):
    """Let nodes that join by themselves join this test's mesh."""
    monkeypatch.setenv("GOSSAMER_MESH", mesh_name)
    monkeypatch.setenv("GOSSAMER_PORT", str(mesh_port))
    monkeypatch.setenv("GOSSAMER_INTERFACE", "127.0.0.1")


@pytest.fixture
def module(node, monkeypatch):
    """The module, with a node of this test behind its functions."""
    monkeypatch.setattr(pyvent, "node", node())
    yield pyvent
    pyvent.stop()


@pytest.fixture
def heard():
    return []


# -- V1, V2: connect and send ---------------------------------------------------------------------


def test_V1_connect_is_a_decorator_or_takes_a_function_and_returns_it(module, heard, eventually):
    @module.connect("food-burnt")
    def decorated():
        heard.append("decorated")

    def function():
        heard.append("function")

    assert module.connect("food-burnt", function) is function
    module.send("food-burnt")

    eventually(lambda: heard == ["decorated", "function"])
    assert decorated.__name__ == "decorated"


def test_V2_send_reaches_subscribers_in_all_peers_and_in_its_own(node, heard, eventually):
    ada, bob, cyd = node(), node(), node()
    for name, each in (("ada", ada), ("bob", bob), ("cyd", cyd)):
        each.connect("order food?", lambda food, name=name: heard.append((name, food)), weak=False)

    assert bob.send("order food?", food="sushi", drink="sake") is True
    assert bob.send("order foods", food="no such signal is connected, though it matches as a pattern")

    eventually(lambda: len(heard) == 3)
    assert sorted(heard) == [("ada", "sushi"), ("bob", "sushi"), ("cyd", "sushi")]


def test_V2_a_callback_of_any_signal_and_of_one_is_called_once(node, heard, eventually):
    ada = node()

    def everything(signal):
        heard.append(signal)

    ada.connect(Node.Any, everything)
    ada.connect("a", everything)
    ada.connect("a", everything)
    ada.send("a")
    ada.send("b", event="arguments may be called as they like", timeout=3, name="x", args=(), signal_=1)

    eventually(lambda: len(heard) == 2)
    assert heard == ["a", "b"]


# -- V3: arguments --------------------------------------------------------------------------------


def test_V3_arguments_are_filtered_and_a_missing_one_is_reported_once(node, heard, eventually, caplog):
    ada = node()
    ada.connect("e", lambda n, *, x=0: heard.append((n, x)), weak=False)
    ada.connect("e", lambda missing: heard.append(missing), weak=False)
    ada.connect("e", lambda signal, sender, **rest: heard.append((signal, sender, rest)), weak=False)

    with caplog.at_level(logging.ERROR, "gossamer.compat.pyvent"):
        ada.send("e", n=1, x=7, event="an argument of this name", timeout=0.5)
        ada.send("e", n=2)
        eventually(lambda: len(heard) == 4)

    everything = {"n": 1, "x": 7, "event": "an argument of this name", "timeout": 0.5}
    assert heard == [(1, 7), ("e", "pyvent", everything), (2, 0), ("e", "pyvent", {"n": 2})]
    assert ["missing" in record.message for record in caplog.records] == [True]


def test_V3_what_cannot_be_called_is_refused_at_once(node):
    ada = node()

    async def later():
        """Nobody would await it."""

    with pytest.raises(TypeError, match="async"):
        ada.connect("e", later)
    with pytest.raises(TypeError, match="callable"):
        ada.connect("e", 3)
    with pytest.raises(TypeError, match="a signal is a str"):
        ada.connect(3, print)
    with pytest.raises(gossamer.UnsendableValue):
        ada.send("e", n=object())


# -- V4: disconnect, weak references --------------------------------------------------------------


def test_V4_disconnect_ends_one_connection_or_all_of_a_callback(node, heard, eventually):
    ada = node()

    @ada.connect("a")
    @ada.connect("b")
    @ada.connect("c", sender="till")
    def hear(signal):
        heard.append(signal)

    ada.disconnect(hear, "a")  # whether it was held weakly need not be said
    with pytest.raises(NotConnected, match="'a'"):
        ada.disconnect(hear, "a")
    with pytest.raises(KeyError):
        ada.disconnect(hear, "c")
    for signal in "abc":
        ada.send(signal, sender="till" if signal == "c" else "pyvent")
    eventually(lambda: heard == ["b", "c"])

    ada.disconnect(hear, sender=Node.Any)
    for signal in "abc":
        ada.send(signal)
    assert ada.wait_for("last", timeout=5, send={"signal": "last"})[1]["signal"] == "last"
    assert heard == ["b", "c"]


def test_V4_functions_are_held_weakly_and_decorated_ones_strongly(node, heard, eventually):
    ada = node()

    class Cook:
        def cook(self):
            heard.append("method")

    def function():
        heard.append("function")

    cook = Cook()
    ada.connect("e", function)
    ada.connect("e", cook.cook)
    ada.connect("e", lambda: heard.append("strong"), weak=False)
    ada.connect("e")(lambda: heard.append("decorated"))
    ada.send("e")
    eventually(lambda: len(heard) == 4)
    del function, cook
    gc.collect()
    heard.clear()

    ada.send("e")

    eventually(lambda: len(heard) == 2)
    assert heard == ["strong", "decorated"]


# -- V5, V6: wait_for -----------------------------------------------------------------------------


def test_V5_wait_for_returns_at_once_what_was_sent_or_none_in_time(node):
    ada, bob = node(), node(id="bob")
    waiting, got = threading.Event(), []

    def wait():
        waiting.set()
        got.append(ada.wait_for("food-ready", sender=Node.Any))  # for ever

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert waiting.wait(5)
    while waiter.is_alive():  # it may not listen yet; nothing tells
        bob.send("food-ready", food="soup")
        waiter.join(0.01)

    assert got == [((), {"food": "soup", "signal": "food-ready", "sender": "pyvent.bob"})]
    assert ada.wait_for("food-ready", timeout=0.01) == (None, None)


def test_V5_who_waits_does_not_spin(node):
    ada = node()

    before = time.thread_time()
    ada.wait_for("never", timeout=0.3)

    assert time.thread_time() - before < 0.2


def test_V5_waiting_inside_a_callback_says_why_it_cannot(node, heard, eventually):
    ada = node()

    @ada.connect("e")
    def wait_here():
        try:
            ada.wait_for("never", timeout=60)
        except gossamer.WrongThread as error:
            heard.append(error)

    ada.send("e")

    eventually(lambda: heard)


def test_V6_wait_for_listens_before_it_sends(node):
    ada, bob = node(), node()
    bob.connect("question", lambda n: bob.send("answer", n=n + 1), weak=False)

    assert ada.wait_for("answer", timeout=5, send={"signal": "question", "n": 41})[1]["n"] == 42
    assert ada.wait_for("echo", timeout=5, send={"signal": "echo", "value": 1})[1]["value"] == 1


# -- V7: senders ----------------------------------------------------------------------------------


def test_V7_senders_are_equal_or_match_and_a_node_has_one_of_its_own(node, heard, eventually):
    here, alice = node(), node(id="alice")
    for wanted in ("pyvent", "pyvent.alice", "customer-manager", "customer-manager.*", ("till", 3), Node.Any):
        here.connect("e", lambda sender, wanted=wanted: heard.append((wanted, sender)), wanted, weak=False)

    for sender in ("".join(["customer", "-manager"]), "customer-manager.eu", "customer-managers", ("till", 3)):
        alice.send("e", sender=sender)
    alice.send("e")
    here.send("e", sender=Node.Anonymous)

    eventually(lambda: [w for w, _ in heard].count(Node.Any) == 6)
    assert [(wanted, sender) for wanted, sender in heard if wanted is not Node.Any] == [
        ("customer-manager", "customer-manager"),
        ("customer-manager", "customer-manager.eu"),
        ("customer-manager.*", "customer-manager.eu"),
        (("till", 3), ("till", 3)),
        ("pyvent", "pyvent.alice"),
        ("pyvent.alice", "pyvent.alice"),
    ]


# -- V8 to V11: options, starting, stopping -------------------------------------------------------


def test_V8_options_are_set_before_the_first_use_or_given_to_a_node(node, own_settings, mesh_name, mesh_port):
    ada = Node(id="ada", server=False)
    ada.configure(address="127.0.0.1", port=mesh_port, mesh=mesh_name, timeout=5)
    ada.try_start()

    assert ada.send("e")
    assert (ada.options["id"], ada.options["port"]) == ("ada", mesh_port)
    ada.configure(server=False, id="ada", timeout=1)  # what changes nothing, or nothing that matters now
    with pytest.raises(gossamer.ConfigurationError, match=r"id must be set before.*stop\(\) first"):
        ada.configure(id="bob")
    with pytest.raises(gossamer.ConfigurationError, match="no option prot"):
        Node(prot=1)
    ada.stop()
    ada.configure(id="bob")
    assert pyvent.options == {"server": True, "id": "pyvent", "address": "0.0.0.0", "port": 52002}


def test_V8_what_is_not_given_is_taken_from_the_settings_of_every_mesh(join, own_settings, monkeypatch):
    here = join("here")
    monkeypatch.setenv("GOSSAMER_NAME", "kitchen")
    kitchen = Node()

    kitchen.try_start()

    assert [peer.name for peer in here.wait(lambda mesh: mesh.peers, timeout=5)] == ["kitchen"]
    kitchen.stop()


def test_V9_nothing_starts_before_the_first_use_and_no_server_ever(own_settings):
    lazy, client = Node(), Node(server=False)
    before = threading.active_count()
    assert not lazy.is_server()

    lazy.try_start()
    client.try_start()
    started = (lazy.is_server(), client.is_server())
    client.start_server()
    client.start_server()

    assert threading.active_count() > before
    assert started == (True, False)
    assert client.is_server(), "who asks to be one is told so"
    lazy.stop(client=False)
    assert not lazy.is_server()
    assert lazy.send("e"), "and yet goes on"
    lazy.stop()
    client.stop()
    assert not client.is_server()


def test_V10_a_node_in_a_process_of_multiprocessing_is_a_peer_of_its_own(own_settings):
    here = Node(timeout=10)
    process = multiprocessing.get_context("fork").Process(target=cook)

    here.try_start()
    process.start()
    _, ready = here.wait_for("kitchen-open", sender="pyvent.cook", timeout=20)
    _, made = here.wait_for("made", timeout=20, send={"signal": "make-food", "food": "chicken"})

    assert ready is not None
    assert made == {"food": "chicken", "signal": "made", "sender": "pyvent.cook"}
    process.join(20)
    assert process.exitcode == 0
    here.stop()


def cook() -> None:
    node = Node(id="cook", timeout=10)
    done = threading.Event()

    @node.connect("make-food")
    def make(food):
        node.send("made", food=food)
        done.set()

    while not done.is_set():  # whether anybody waits for us yet, nothing tells
        node.send("kitchen-open")
        done.wait(0.02)
    node.stop()


def test_V10_a_node_that_was_there_before_a_fork_goes_on_in_the_child_as_another_peer(own_settings, heard, eventually):
    here = Node(timeout=10)
    here.connect("hello", lambda pid: heard.append(pid), weak=False)
    process = multiprocessing.get_context("fork").Process(target=say_hello, args=(here,))

    process.start()
    process.join(20)

    assert process.exitcode == 0
    eventually(lambda: heard == [process.pid])
    here.stop()


def say_hello(node: Node) -> None:
    assert node.send("hello", pid=os.getpid())


def test_V11_stop_ends_all_threads_may_be_repeated_and_begun_again(own_settings, heard, eventually):
    before = set(threading.enumerate())
    ada = Node()
    ada.connect("e", lambda n: heard.append(n), weak=False)
    assert ada.send("e", n=1)
    eventually(lambda: heard == [1])

    ada.stop()
    ada.stop()

    eventually(lambda: set(threading.enumerate()) <= before, what="all threads have ended")
    assert ada.send("e", n=2), "it begins anew, and what was connected is so still"
    eventually(lambda: heard == [1, 2])
    ada.stop()


def test_V11_a_callback_may_stop_its_node_and_a_node_that_is_deleted_stops(own_settings, join, eventually):
    here = join("here")
    ada, bob = Node(), Node()
    stop = ada.connect("quit", lambda: ada.stop(), weak=False)
    assert stop is not None
    bob.try_start()
    here.wait(lambda mesh: len(mesh.peers) == 2, timeout=5)

    here.events.emit("quit", sender="pyvent")
    here.wait(lambda mesh: len(mesh.peers) == 1, timeout=5)
    del bob
    gc.collect()

    here.wait(lambda mesh: not mesh.peers, timeout=5)


# -- V12, V13: others -----------------------------------------------------------------------------


def test_V12_messages_are_plain_cbor_that_another_language_can_produce(node, join, heard, eventually):
    ada, plain = node(), join("plain")
    ada.connect("order", lambda food: heard.append(food), weak=False)

    with plain.events.stream("reply") as replies:
        plain.events.emit("order", food="sushi", sender="pyvent")  # a program that knows nothing of pyvent
        eventually(lambda: heard == ["sushi"])
        ada.send("reply", price=3)
        event = replies.get(5)

    assert (event.kwargs, event.sender) == ({"price": 3}, "pyvent")
    by_hand = cbor2.dumps(["pyvent", [], {"food": "sushi"}])  # as docs/reference/wire-format.md has it
    assert decode_event_payload(by_hand) == ("pyvent", (), {"food": "sushi"})


def test_V13_local_signals_of_pydispatcher_and_events_reach_the_same_callbacks(node, heard, eventually, caplog):
    dispatcher = pytest.importorskip("pydispatch.dispatcher")
    ada, bob = node(), node()
    there = []

    @ada.connect("new-customer", sender="customer-manager")
    def welcome(name):
        heard.append(name)

    def theirs(name):
        there.append(name)
        1 / (len(name) - len("remote"))

    dispatcher.connect(theirs, signal="new-customer", sender=dispatcher.Any)
    try:
        dispatcher.send(signal="new-customer", sender="".join(["customer-", "manager"]), name="local")
        assert (heard, there) == (["local"], ["local"])
        bob.send("new-customer", sender="customer-manager", name="remote")
        bob.send("new-customer", sender="customer-manager", name="again")
        eventually(lambda: len(there) == 3)
    finally:
        dispatcher.disconnect(theirs, signal="new-customer", sender=dispatcher.Any)

    assert heard == ["local", "remote", "again"]
    assert there == ["local", "remote", "again"]
    assert [record.message.endswith("failed") for record in caplog.records] == [True]
    ada.connect("any", welcome, sender=dispatcher.Any)
    dispatcher.send(signal="any", name="with PyDispatcher's own Any")
    assert heard[-1] == "with PyDispatcher's own Any"


def test_V13_without_pydispatcher_who_asks_for_it_is_told_what_to_install(node, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "pydispatch"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pydispatch", None)
    ada = node(pydispatch=True)

    with pytest.raises(gossamer.ConfigurationError, match="pip install PyDispatcher"):
        ada.connect("e", print)
    node().connect("e", print)


# -- V14, V15: delivery ---------------------------------------------------------------------------


def test_V14_send_reports_delivery_within_a_bound(mesh_factory, net):
    a, b = mesh_factory("a"), mesh_factory("b")
    ada = Node(mesh=a, timeout=10)

    assert ada.send("e", n=1) is True
    net.cut(a, b)
    ada.configure(timeout=0.05)
    assert ada.send("e", n=2) is False
    ada.configure(timeout=None)
    assert ada.send("e", n=2) is True, "nobody was asked"
    net.heal()
    ada.configure(timeout=20)
    assert ada.send("e", n=3) is True


def test_V14_a_callback_may_send_without_waiting_for_itself(node, heard, eventually):
    ada = node()
    ada.connect("ping", lambda: heard.append(ada.send("pong")), weak=False)
    ada.connect("pong", lambda: heard.append("pong"), weak=False)

    ada.send("ping")

    eventually(lambda: heard == [True, "pong"])


def test_V15_two_thousand_signals_arrive_in_their_senders_order_and_none_is_lost(node, heard, eventually):
    ada, here = node(id="ada"), node(id="here")
    here.connect("n", lambda n, sender: heard.append((sender, n)), weak=False)
    senders = [
        threading.Thread(target=lambda node=node: [node.send("n", n=n) for n in range(1000)]) for node in (ada, here)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    eventually(lambda: len(heard) == 2000)
    for name in ("pyvent.ada", "pyvent.here"):
        assert [n for sender, n in heard if sender == name] == list(range(1000))


# -- V16, V17: staying alive ----------------------------------------------------------------------


def test_V16_a_script_that_only_connects_stays_alive_on_request(own_settings):
    program = (
        "from gossamer.compat import pyvent\n"
        "@pyvent.connect('quit', sender=pyvent.Any)\n"
        "def quit(code):\n    print('told', code, flush=True); pyvent.stop()\n"
        "print('listening', flush=True)\n"
        "pyvent.run_forever()\n"
        "print('over', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "listening\n"
        here = Node(timeout=10)
        here.send("quit", code=7)

        assert process.stdout.read() == "told 7\nover\n"
        assert process.wait(10) == 0
    here.stop()


def test_V17_a_callback_that_raises_and_a_message_that_is_none_harm_nobody(node, join, heard, eventually, caplog):
    stranger = join("stranger")
    ada = node()
    ada.connect("e", lambda: 1 / 0, weak=False)
    ada.connect("e", lambda n: heard.append(n), weak=False)

    for n in range(3):
        stranger.replica.emissions.emit("e", b"\x80\x04\x95 what pickle would obey", 0.0)
        stranger.events.emit("e", n=n, sender="pyvent")

    eventually(lambda: heard == [0, 1, 2])
    assert [r.name for r in caplog.records if r.levelno == logging.ERROR] == ["gossamer.compat.pyvent"]
    assert any("could not be read" in record.message for record in caplog.records)


def test_importing_pyvents_names_joins_nothing_and_loads_no_trio():
    program = (
        "import sys, threading; from gossamer.compat import pyvent; import gossamer;"
        "print(threading.active_count(), 'trio' in sys.modules, pyvent.is_server())"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)

    assert ran.stdout.split() == ["1", "False", "False"]
