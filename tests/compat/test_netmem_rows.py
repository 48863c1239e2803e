"""Rows N1 to N33: what netmem could do, and what its users wished that it did, as `compat.netmem` does it."""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

import gossamer
from gossamer.compat import netmem
from gossamer.compat.netmem import Connector, FormattableVar, LoggingConnector, NetworkMemory, UdpConnector, Var

GROUP = "225.0.0.1"


@pytest.fixture
def memory() -> Iterator[Callable[..., NetworkMemory]]:
    """Make memories that are closed at the end of the test."""
    made: list[NetworkMemory] = []

    def memory(**initial: Any) -> NetworkMemory:
        made.append(NetworkMemory(**initial))
        return made[-1]

    yield memory
    for each in made:
        each.close_all()


@pytest.fixture
def udp(mesh_port: int, options: gossamer.Options) -> Callable[..., UdpConnector]:
    """Make connectors to the multicast group of this test."""
    return lambda group=GROUP, **more: UdpConnector((group, mesh_port), **{"options": options} | more)


@pytest.fixture
def connected(memory: Callable[..., Any], udp: Callable[..., Any]) -> Callable[..., NetworkMemory]:
    """Make memories of one network."""

    def connected(**initial: Any) -> NetworkMemory:
        made: NetworkMemory = memory(**initial)
        made.connect_on_new_thread(udp())
        return made

    return connected


class Told:
    """A listener that remembers what it is told."""

    def __init__(self) -> None:
        self.changes: list[tuple[Any, Any, Any]] = []
        self.threads: set[int] = set()

    def __call__(self, memory: Any, key: Any, old: Any, new: Any) -> None:
        self.threads.add(threading.get_ident())
        self.changes.append((key, old, new))


@pytest.fixture
def told() -> Told:
    return Told()


class Wire(Connector):
    """A connector of a program's own: to others of its kind, by handing them messages that went through JSON."""

    def __init__(self, *others: Wire) -> None:
        super().__init__()
        self.others = list(others)
        self.sent: list[dict[str, Any]] = []
        for other in others:
            other.others.append(self)

    def connect(self, listener, netmem_dict=None, loop=None):
        super().connect(listener, netmem_dict, loop=loop)
        self.listener.connection_made(self)
        return self

    def send_message(self, msg):
        self.sent.append(msg)
        for other in self.others:
            other.listener.message_received(other, json.loads(json.dumps(msg)))

    def close(self):
        self.listener.connection_lost(self, "closed upon request")


# -- a dict ---------------------------------------------------------------------------------------


def test_N1_a_network_dict_is_a_real_mutable_mapping(connected):
    mem = connected()
    mem["a"] = 1
    mem.update({"b": 2}, c=3)
    mem |= [("d", 4)]

    assert isinstance(mem, dict)
    assert (mem["a"], mem.get("b"), mem.get("z", 0), "c" in mem, len(mem), list(mem)) == (1, 2, 0, True, 4, [*"abcd"])
    assert (mem.setdefault("a", 9), mem.setdefault("e", []), mem.pop("b"), mem.pop("b", None)) == (1, [], 2, None)
    assert mem == {"a": 1, "c": 3, "d": 4, "e": []} == dict(mem) == {**mem} == mem.copy()
    assert json.loads(json.dumps(mem)) == mem
    assert str(mem) == str(dict(mem))
    assert (mem.popitem(), list(reversed(mem))) == (("e", []), ["d", "c", "a"])
    del mem["c"]
    assert (mem | {"z": 0}, mem.keys() | {"z"}, [*mem.values()]) == ({"a": 1, "d": 4, "z": 0}, {"a", "d", "z"}, [1, 4])
    mem.clear()
    assert (mem, not mem) == ({}, True)
    for absent in (lambda: mem["a"], lambda: mem.pop("a"), lambda: mem.__delitem__("a"), mem.popitem):
        with pytest.raises(KeyError):
            absent()
    with pytest.raises(TypeError):
        hash(mem)


def test_N1_iterating_never_fails_because_others_write(connected):
    mem = connected()
    mem.update({f"key {n}": n for n in range(100)})
    others = threading.Thread(target=lambda: [mem.set(f"more {n}", n) for n in range(2000)])
    others.start()
    while others.is_alive():
        assert sum(value for key, value in mem.items() if key.startswith("key")) == 4950
        for key in mem:
            assert key
    others.join()


def test_N2_initial_values_are_written_where_the_key_is_absent_and_default_names_differ(memory, udp, told, eventually):
    one, other = memory(pet="cat", name="first"), memory(pet="dog", colour="red")
    one.connect_on_new_thread(udp())
    other.add_listener(told)
    other.connect_on_new_thread(udp())
    eventually(lambda: one.get("colour") == "red" and told.changes)

    assert one == other == {"pet": "cat", "colour": "red"}
    assert told.changes == [("pet", "dog", "cat")]
    assert (one.name, len({memory().name, memory().name, other.name})) == ("first", 3)
    with pytest.raises(TypeError):
        NetworkMemory({"positional": 1})


def test_N3_a_write_on_one_is_read_on_all_others(connected, eventually):
    mems = [connected() for _ in range(3)]
    mems[0]["foo"] = "bar"
    mems[2]["answer"] = {"deep": [1, 2.5, None, True]}

    eventually(lambda: all(mem == {"foo": "bar", "answer": {"deep": [1, 2.5, None, True]}} for mem in mems))


def test_N4_deletes_of_every_kind_travel_and_are_told(connected, told, eventually):
    one, other = connected(), connected()
    one.update(dict.fromkeys("abcdef", 1))
    eventually(lambda: other == one)
    other.add_listener(told)

    del one["a"]
    one.pop("b")
    one.popitem()
    one |= {"d": 2}
    one.setdefault("s", [])
    eventually(lambda: other == {"c": 1, "d": 2, "e": 1, "s": []})
    one.clear()
    eventually(lambda: len(told.changes) == 9)

    assert other == {}
    assert told.changes[:5] == [("a", 1, None), ("b", 1, None), ("f", 1, None), ("d", 1, 2), ("s", None, [])]
    assert sorted(told.changes[5:]) == [("c", 1, None), ("d", 2, None), ("e", 1, None), ("s", [], None)]
    one["a"] = 2
    eventually(lambda: other == {"a": 2})


def test_N5_two_writing_one_key_at_once_end_equal_and_the_traffic_stops(connected, udp, eventually):
    one, other = connected(), connected()
    connectors = [mem._connectors[0] for mem in (one, other)]
    barrier = threading.Barrier(2)

    def hammer(mem: NetworkMemory, who: str) -> None:
        for number in range(50):
            barrier.wait(10)
            mem["key"] = (who, number)
        mem["nan"] = float("nan")
        mem[f"{who} is done"] = True

    threads = [threading.Thread(target=hammer, args=each) for each in ((one, "one"), (other, "other"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for connector in connectors:
        connector.mesh.settled(timeout=10)
    eventually(lambda: {*one} == {*other} == {"key", "nan", "one is done", "other is done"})
    eventually(lambda: one["key"] == other["key"])
    writes = [connector.mesh.statistics()["writes"] for connector in connectors]
    # Each write once, for nobody sends on what it received; who has heard of the other's "nan" need not set it.
    assert {51, 52} >= {*writes}

    assert one["key"][1] == 49


def test_N5_connectors_of_ones_own_agree_too_and_never_circle(memory, told, eventually):
    mems = [memory() for _ in range(3)]
    wires = {(a, b): Wire() for a in range(3) for b in range(3) if a != b}
    for (a, b), wire in wires.items():
        wire.others = [wires[b, a]]
        mems[a].connect(wire)
    for number in range(20):
        for who, mem in enumerate(mems):
            mem["key"] = [who, number]
    eventually(lambda: all(mem._dispatcher.finish(0.1) for mem in mems) and mems[0] == mems[1] == mems[2], 10)

    assert mems[0]["key"][1] == 19
    assert sum(len(wire.sent) for wire in wires.values()) <= 60 * 3 * 2  # each of 60 changes once a wire, at most


def test_N6_who_joins_late_has_all_earlier_values(connected):
    early = connected()
    early.update(foo="bar", gone=1)
    del early["gone"]
    early["many"] = {str(n): n for n in range(1000)}

    assert connected() == early


def test_N6_what_was_set_before_connecting_counts_by_its_time(memory, connected, udp, eventually):
    early = connected()
    late = memory()
    late["a"] = "older"
    early["a"] = "newer"
    early["b"] = "older"
    eventually(lambda: early._connectors[0].mesh.entry("b").written_at_s + 0.002 < time.time())
    late["b"] = "newer"
    late.connect_on_new_thread(udp())
    eventually(lambda: early == late)

    assert late == {"a": "newer", "b": "newer"}


# -- listening ------------------------------------------------------------------------------------


def test_N7_a_listener_is_told_of_changes_here_and_elsewhere(connected, told, eventually):
    one, other = connected(), connected()
    seen = []
    one.add_listener(lambda mem, key, old, new: seen.append((mem is one, mem[key])))
    one.add_listener(told)
    one["a"] = 1
    eventually(lambda: other.get("a") == 1)
    other["a"] = 2
    eventually(lambda: len(told.changes) == 2)

    assert told.changes == [("a", None, 1), ("a", 1, 2)]
    assert seen[1] == (True, 2)


def test_N8_a_listener_of_one_key_is_told_of_that_alone_until_it_is_removed(connected, told, eventually):
    mem, everything = connected(), Told()
    order = []
    mem.add_listener(told, "a")
    mem.add_listener(lambda *_: order.append("key"), key="a")
    mem.add_listener(lambda *_: order.append("all"))
    mem.add_listener(everything)
    mem["a"] = 1
    mem["b"] = 1
    eventually(lambda: len(everything.changes) == 2)
    mem.remove_listener(told, "a")
    mem.remove_listener(told, "a")  # again is no error
    mem.remove_listener(told)
    mem["a"] = 2
    eventually(lambda: len(everything.changes) == 3)
    mem.remove_all_listeners()
    mem["a"] = 3
    mem._dispatcher.finish(5)

    assert told.changes == [("a", None, 1)]
    assert order == ["all", "key", "all", "all", "key"]
    assert len(everything.changes) == 3


def test_N8_a_listener_may_remove_itself(connected, told, eventually):
    mem = connected()

    def once(*change):
        told(*change)
        mem.remove_listener(once)

    mem.add_listener(once)
    mem.update(a=1)
    mem["a"] = 2
    mem._dispatcher.finish(5)

    assert told.changes == [("a", None, 1)]


def test_N9_an_equal_value_tells_nobody_unless_forced(connected, told, eventually):
    one, other, there = connected(), connected(), Told()
    one.add_listener(told)
    other.add_listener(there)
    one["a"] = [1]
    one["a"] = [1]
    one.set("a", [1])
    one.set("a", [1], force_notify=True)
    one["end"] = 1
    eventually(lambda: there.changes[-1:] == [("end", None, 1)])
    one._dispatcher.finish(5)

    assert told.changes == [("a", None, [1]), ("a", [1], [1]), ("end", None, 1)]
    assert there.changes[0] == ("a", None, [1])


def test_N10_a_change_in_place_is_published_by_mark_as_changed(connected, told, eventually):
    one, other = connected(), connected()
    one["pets"] = ["cat"]
    eventually(lambda: other.get("pets") == ["cat"])
    other.add_listener(told)
    one.add_listener(told, key="pets")
    one["pets"].append("dog")
    one.mark_as_changed("pets")
    eventually(lambda: other["pets"] == ["cat", "dog"] and len(told.changes) == 2)

    assert sorted(told.changes, key=str) == [("pets", None, ["cat", "dog"]), ("pets", ["cat"], ["cat", "dog"])]
    other["pets"].remove("cat")  # what came by the network may be changed too
    other.mark_as_changed("pets")
    eventually(lambda: one["pets"] == ["dog"])


def test_N11_a_with_block_tells_afterwards_and_sends_one_message(connected, told, eventually):
    one, other, there = connected(), connected(), Told()
    wire = one.connect(Wire())
    one.add_listener(told)
    other.add_listener(there)
    other.add_listener(lambda mem, *_: seen.append(dict(mem)))
    seen: list[dict[str, int]] = []
    with suppress(ZeroDivisionError), one:
        one["m"] = 1
        with one:
            one["m"] = 2
        one["n"] = 3
        one["n"] = 3  # equal, so no change
        one._dispatcher.finish(5)
        assert (told.changes, one["m"]) == ([], 2)
        raise ZeroDivisionError  # undoes nothing, as in netmem

    eventually(lambda: len(told.changes) == 3 and len(there.changes) == 2)
    assert told.changes == [("m", None, 1), ("m", 1, 2), ("n", None, 3)]
    assert there.changes == [("m", None, 2), ("n", None, 3)]
    assert seen[0] == {"m": 2, "n": 3}
    assert [[change["key"] for change in msg["changes"]] for msg in wire.sent] == [["m", "m", "n"]]


def test_N12_update_is_one_message(connected, told, eventually):
    one, other = connected(), connected()
    wire = one.connect(Wire())
    seen = []
    other.add_listener(lambda mem, *_: seen.append(len(mem)))
    one.update({"a": 1}, b=2)
    one.update([("c", 3)])
    one.update(a=1)
    one.update()
    eventually(lambda: len(seen) == 3)
    one._dispatcher.finish(5)

    assert sorted(seen) == seen
    assert seen[0] >= 2
    assert [len(msg["changes"]) for msg in wire.sent] == [2, 1]


def test_N13_a_failing_listener_harms_neither_the_writer_nor_others_and_is_reported(connected, told, caplog):
    mem = connected()
    mem.add_listener(lambda *_: 1 / 0)
    mem.add_listener(told)
    mem["a"] = 1
    mem._dispatcher.finish(5)

    assert told.changes == [("a", None, 1)]
    assert "ZeroDivisionError" in caplog.text
    assert "a listener raised" in caplog.text


def test_N14_listeners_run_on_one_thread_that_is_not_the_writers(connected, told, eventually):
    one, other = connected(), connected()
    one.add_listener(told)
    threads = [threading.Thread(target=one.set, args=(str(n), n)) for n in range(5)]
    for thread in threads:
        thread.start()
    other["other"] = 1
    one["main"] = 1
    for thread in threads:
        thread.join(5)
    eventually(lambda: len(told.changes) == 7)

    assert len(told.threads) == 1
    assert threading.get_ident() not in told.threads


def test_N14_a_listener_may_write_and_close(connected, told, eventually):
    mem = connected()
    mem.add_listener(lambda m, key, old, new: m.set("count", m.get("count", 0) + 1) if key == "a" else None)
    mem.add_listener(lambda m, key, old, new: m.close_all() if new == "stop" else None)
    mem["a"] = 1
    mem["a"] = 2
    mem["end"] = "stop"
    eventually(lambda: not mem._connectors)

    assert mem["count"] == 2


# -- connecting -----------------------------------------------------------------------------------


def test_N16_a_plain_script_connects_by_one_call(memory, udp):
    mem, connector = memory(), udp()

    assert mem.connect_on_new_thread(connector) is connector
    assert mem.connect_on_new_thread(LoggingConnector()).listener is mem
    with pytest.raises(gossamer.ConfigurationError, match="connected already"):
        mem.connect(connector)
    mem["a"] = 1
    assert connector.mesh["a"] == 1


def test_N17_connecting_in_a_running_loop_waits_for_nothing_and_listeners_run_in_that_loop(memory, udp, told):
    async def program() -> int:
        mem, other = memory(before=1), memory()
        mem.add_listener(told)
        heard, answered = asyncio.Event(), asyncio.Event()
        other.add_listener(lambda *_: heard.set(), key="to other")
        mem.add_listener(lambda *_: answered.set(), key="to mem")
        mem.connect(udp())
        other.connect(udp())
        mem["to other"] = 1
        async with asyncio.timeout(10):
            await heard.wait()
            assert other.get("before") == 1
            other["to mem"] = 1
            await answered.wait()
        mem.close_all()
        return threading.get_ident()

    assert told.threads == {asyncio.run(program())}


def test_N18_two_processes_of_one_host_see_each_other_by_group_and_port(connected, memory, mesh_port, udp, eventually):
    """That they are two processes is shown in test_netmem_programs."""
    one, other, elsewhere = connected(), connected(), memory()
    elsewhere.connect_on_new_thread(udp(group="225.0.0.2"))
    one["a"] = 1
    eventually(lambda: other == {"a": 1})
    elsewhere["b"] = 1

    assert one._connectors[0].mesh.status().multicast
    assert one._connectors[0].mesh_name == f"netmem {GROUP}:{mesh_port}"
    assert elsewhere == {"b": 1}
    assert other == {"a": 1}


def test_N18_two_groups_named_crosswise_are_one_network(memory, mesh_port, options, eventually):
    here, there = ("225.0.0.1", mesh_port), ("225.0.0.2", mesh_port)
    one, other = memory(), memory()
    one.connect(UdpConnector(local_addr=here, remote_addr=there, options=options))
    other.connect(UdpConnector(local_addr=there, remote_addr=here, options=options))
    one["a"] = 1

    eventually(lambda: other == {"a": 1})


def test_N19_two_addresses_are_a_pair(memory, mesh_port, options, eventually):
    ports = [mesh_port, next(port for port in range(mesh_port + 1, 65535) if is_free(port))]
    here, there = (("127.0.0.1", port) for port in ports)
    one, other = memory(), memory()
    one.connect(UdpConnector(here, there, options=options))
    other.connect(UdpConnector(there, here, options=options))
    one["a"] = 1
    eventually(lambda: other == {"a": 1})

    assert one._connectors[0].mesh.arguments.peers == (f"127.0.0.1:{ports[1]}",)


@pytest.mark.parametrize(
    ("addresses", "why"),
    [
        (("lab-pc", 9999), "an address is an IPv4 address and a port"),
        (("225.0.0.1", "9999"), "an address is"),
        ("225.0.0.1", "an address is"),
        ((("0.0.0.0", 9999), ("10.0.0.6", 9999)), "give this host's own as local_addr"),
    ],
)
def test_N19_what_cannot_be_an_address_is_refused_and_says_what_to_give(addresses, why):
    with pytest.raises(gossamer.ConfigurationError, match=why):
        UdpConnector(*(addresses if isinstance(addresses[0], tuple) else [addresses]))


def test_N20_clients_of_a_server_see_each_others_changes(memory, mesh_port, options, eventually):
    server, clients = memory(), [memory(), memory()]
    hosted = server.connect_on_new_thread(netmem.WsServerConnector(port=mesh_port, options=options))
    for client in clients:
        client.connect_on_new_thread(netmem.WsClientConnector(url=hosted.url_ws_updates, options=options))
    clients[0]["a"] = 1
    server["s"] = 1
    eventually(lambda: clients[1] == {"a": 1, "s": 1})
    del clients[1]["a"]
    eventually(lambda: server == clients[0] == {"s": 1})

    assert hosted.url_ws_updates.endswith(f":{mesh_port}/ws_updates")
    for url in (None, "", "lab-pc:8080", "ftp://lab-pc/", "ws://lab-pc:port/"):
        with pytest.raises(gossamer.ConfigurationError, match="no url of a server"):
            netmem.WsClientConnector(url)


def test_N21_streams_are_encrypted_with_or_without_a_context_and_the_page_by_it(
    memory, mesh_port, options, tmp_path, eventually
):
    context = server_context(tmp_path)
    secret = gossamer.settings.new_secret()
    server, client = memory(), memory()
    hosted = server.connect(netmem.WsServerConnector("127.0.0.1", mesh_port, context, secret=secret, options=options))
    client.connect(netmem.WsClientConnector(hosted.url_ws_updates, secret=secret, options=options))
    client["a"] = 1
    eventually(lambda: server == {"a": 1})

    assert hosted.url_ws_updates == f"wss://127.0.0.1:{mesh_port}/ws_updates"
    trusting = ssl.create_default_context(cafile=str(tmp_path / "page.pem"))
    with urllib.request.urlopen(hosted.url_ws_whole, context=trusting, timeout=5) as answer:
        assert json.load(answer) == {"a": 1}
    with socket.create_connection(("127.0.0.1", hosted.mesh.network.stream_port), timeout=5) as stranger:
        stranger.sendall(b"GET /ws_updates HTTP/1.1\r\n\r\n")
        with suppress(ConnectionResetError):
            assert b"HTTP" not in stranger.recv(64)


def test_N22_a_memory_with_several_connectors_bridges_networks(connected, memory, udp, told, eventually):
    bridge = connected()
    bridge.connect(udp(group="225.0.0.2"))
    wire = Wire()
    bridge.connect(wire)
    left, right, end = connected(), memory(), memory()
    right.connect(udp(group="225.0.0.2"))
    end.connect(Wire(wire))
    right.add_listener(lambda mem, *_: told.changes.append(len(mem)))
    with left:
        left.update(a=1, b=2)
    eventually(lambda: left == right == end == bridge == {"a": 1, "b": 2})
    del right["a"]
    right["r"] = [1]
    eventually(lambda: left == right == end == bridge == {"b": 2, "r": [1]})
    end["e"] = 1
    end.pop("b")

    eventually(lambda: left == right == end == bridge == {"r": [1], "e": 1})
    assert told.changes[0] == 2  # a batch arrives whole on the other side


def test_N22_two_bridges_between_two_networks_agree(connected, memory, udp, eventually):
    bridges = [connected(), connected()]
    for bridge in bridges:
        bridge.connect(udp(group="225.0.0.2"))
    left, right = connected(), memory()
    right.connect(udp(group="225.0.0.2"))
    everyone = [*bridges, left, right]
    eventually(lambda: sum(bridge._crossings[0].is_ours for bridge in bridges) == 1)
    idle = next(bridge for bridge in bridges if not bridge._crossings[0].is_ours)
    writes = [connector.mesh.statistics()["writes"] for connector in idle._connectors]
    for number in range(10):
        left["key"], right["key"] = ("left", number), ("right", number)
        left["gone"] = number
        right.pop("gone", None)
        right[f"end {number}"] = left[f"start {number}"] = number
    eventually(lambda: all(len(mem) >= 21 and mem == left for mem in everyone), 10)
    left.pop("gone", None)
    eventually(lambda: all(len(mem) == 21 and mem == left for mem in everyone), 10)

    assert left["key"][1] == 9
    assert [connector.mesh.statistics()["writes"] for connector in idle._connectors] == writes
    bridges.sort(key=lambda bridge: bridge._crossings[0].is_ours)
    bridges.pop().close_all()
    left["later"] = 1
    eventually(lambda: all(mem.get("later") == 1 for mem in (bridges[0], right)), 10)


def test_N22_what_is_too_large_for_one_network_stays_in_the_other_and_is_said(
    connected, memory, udp, caplog, eventually
):
    bridge, left = connected(), connected()
    bridge.connect(udp(group="225.0.0.2", options=gossamer.Options(value_bytes_max=100, settle_s=0.03)))
    left["large"] = "x" * 1000
    eventually(lambda: "large" in bridge)
    left["small"] = 1
    eventually(lambda: bridge._connectors[1].mesh.get("small") == 1)

    assert "value_bytes_max" in caplog.text
    assert "large" not in bridge._connectors[1].mesh


def test_N23_a_connector_of_ones_own_gets_messages_and_hands_them_over(memory, told, eventually):
    one, other = memory(), memory(name="other")
    wire = Wire()
    assert one.connect(wire) is wire
    other.connect(Wire(wire))
    other.add_listener(told)
    one["a"] = [1]
    eventually(lambda: other.get("a") == [1])
    del one["a"]
    eventually(lambda: other == {})
    other["b"] = 1
    eventually(lambda: one == {"b": 1})

    assert told.changes[:2] == [("a", None, [1]), ("a", [1], None)]
    (message, *_), (change,) = wire.sent, wire.sent[0]["changes"]
    assert message["name"] == one.name
    assert change | {"timestamp": 0} == {
        "key": "a",
        "action": "update",
        "old_val": None,
        "new_val": [1],
        "timestamp": 0,
    }
    assert wire.sent[1]["changes"][0]["action"] == "delete"


def test_N23_a_connector_that_fails_is_reported_and_harms_nobody(memory, told, caplog):
    class Broken(Wire):
        def send_message(self, msg):
            raise OSError("no route")

    mem, wire = memory(), Wire()
    mem.connect(Broken())
    mem.connect(wire)
    mem.add_listener(told)
    mem["a"] = 1
    mem._dispatcher.finish(5)

    assert (told.changes, len(wire.sent)) == ([("a", None, 1)], 1)
    assert "no route" in caplog.text


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {},
        {"changes": 1},
        {"changes": [None, 3, "text", []]},
        {"changes": [{"key": "k"}, {"action": "update"}, {"key": "k", "action": "explode"}]},
        {"changes": [{"key": {}, "action": "update"}, {"key": [{}], "action": "delete"}]},
        {"changes": [{"key": 1.5, "action": "update", "new_val": 1}]},
        {"changes": [{"key": "k", "action": "update", "new_val": object()}]},
    ],
)
def test_N23_what_is_no_message_is_passed_over_and_said(connected, message, caplog):
    mem = connected()
    wire = mem.connect(Wire())
    mem.message_received(wire, message)
    mem.message_received(wire, {"changes": [{"key": ["a", 1], "action": "update", "new_val": 1}]})

    assert mem == {("a", 1): 1}
    assert message == {} or "netmem" in caplog.text


def test_N23_messages_may_come_late_twice_and_without_a_time(memory):
    mem = memory()
    wire = mem.connect(Wire())

    def hand_over(action, value, timestamp):
        row = {"key": "k", "action": action, "new_val": value, "timestamp": timestamp}
        mem.message_received(wire, {"changes": [row]})
        return mem.get("k")

    assert hand_over("update", "new", 200.0) == "new"
    assert hand_over("update", "old", 100.0) == "new"
    assert hand_over("delete", None, 150) == "new"
    assert hand_over("delete", None, 300) is None
    assert hand_over("update", "new", 200.0) is None
    assert hand_over("update", "nobody knows when", None) == "nobody knows when"
    assert hand_over("update", "far ahead", 1e300) == "far ahead"
    mem["k"] = "ours"
    assert hand_over("update", "far ahead", 1e300) == "ours"


def test_N23_who_hears_that_an_equal_value_is_newer_passes_it_on_and_tells_nobody(memory, told):
    mem = memory()
    one, other = mem.connect(Wire()), mem.connect(Wire())
    row = {"key": "k", "action": "update", "old_val": None, "new_val": 1}
    for moment in (10.0, 20.0, 15.0, 20.0):
        mem.message_received(one, {"changes": [row | {"timestamp": moment}]})
        mem.add_listener(told)
    mem._dispatcher.finish(5)

    assert [change["timestamp"] for msg in other.sent for change in msg["changes"]] == [10.0, 20.0]
    assert told.changes == []


def test_N23_a_connector_on_a_new_thread_has_a_loop_that_ends_with_it(memory, told, eventually):
    class Looping(Connector):
        def connect(self, listener, netmem_dict=None, loop=None):
            super().connect(listener, netmem_dict, loop=loop)

            async def begin():
                self.listener.connection_made(self)

            asyncio.run_coroutine_threadsafe(begin(), loop=self.loop)
            return self

        def send_message(self, msg):
            async def send():
                told.changes.append((msg, None, None))

            asyncio.run_coroutine_threadsafe(send(), loop=self.loop)

        def close(self):
            async def end():
                self.listener.connection_lost(self)

            asyncio.run_coroutine_threadsafe(end(), loop=self.loop)

    mem = memory()
    connector = mem.connect_on_new_thread(Looping())
    eventually(lambda: mem._connectors)
    mem["a"] = 1
    eventually(lambda: told.changes)
    mem.close_all()

    eventually(connector.loop.is_closed)


def test_N24_the_logging_connector_logs_every_outgoing_message(connected, caplog, eventually):
    caplog.set_level(logging.INFO)
    one, other = connected(), connected()
    one.connect(LoggingConnector())
    one["foo"] = "bar"
    other["from"] = "elsewhere"
    eventually(lambda: caplog.text.count("Sending message: ") == 2)

    assert "'new_val': 'bar'" in caplog.text


def test_N25_the_whole_memory_is_seen_in_a_browser_of_this_host(memory, mesh_port, options):
    mem = memory()
    page = mem.connect(netmem.WsServerConnector(port=mesh_port, options=options))
    mem.update({"<b>": "<script>alert(1)</script>", 3: {1}, "bytes": b"\xff"})

    with urllib.request.urlopen(page.url_html_view, timeout=5) as answer:
        text = answer.read().decode()
        assert "script" not in answer.headers["Content-Security-Policy"]
    assert "&lt;script&gt;" in text
    assert "<script>" not in text
    assert "<b>" not in text
    with urllib.request.urlopen(page.url_ws_whole, timeout=5) as answer:
        assert json.load(answer) == {"<b>": "<script>alert(1)</script>", "3": [1], "bytes": "b'\\xff'"}
    for wrong in (f"http://127.0.0.1:{mesh_port + 1}/", f"{page.url_html_view}x"):
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            urllib.request.urlopen(wrong, timeout=5)
        refused.value.close()
    mem.close_all()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(page.url_html_view, timeout=5)


def test_N25_a_page_whose_port_is_taken_is_missed_by_nobody(memory, mesh_port, options, caplog):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", mesh_port + 1))
        taken.listen()
        mem = memory()
        mem.connect(netmem.WsServerConnector(port=mesh_port, options=options))
        mem["a"] = 1

    assert "there is no page at" in caplog.text


def test_N26_a_push_relay_is_written_outside_the_library_and_pushbullet_is_refused(connected, eventually):
    notes: list[str] = []  # of the service, which tells all devices

    class PushConnector(Connector):
        def connect(self, listener, netmem_dict=None, loop=None):
            super().connect(listener, netmem_dict, loop=loop)
            self.listener.connection_made(self)
            return self

        def send_message(self, msg):
            notes.append(json.dumps(msg))

    one, other = connected(), connected()
    one.connect(PushConnector())
    other["door"] = "open"
    eventually(lambda: notes)

    assert json.loads(notes[0])["changes"][0]["new_val"] == "open"
    for refused in (ImportError, gossamer.ConfigurationError):
        with pytest.raises(refused, match="subclass of Connector"):
            netmem.PushbulletConnector("api key", device_nickname="phone")


def test_N27_close_all_closes_everything_and_the_memory_goes_on_alone(connected, told, eventually):
    one, other = connected(), connected()
    connector = one._connectors[0]
    wire = one.connect(Wire())
    one["a"] = 1
    eventually(lambda: other == {"a": 1})
    one.add_listener(told)
    one.close_all()
    one.close_all()
    one["a"] = 2
    one["any"] = object()  # nothing of it travels any more
    eventually(lambda: len(told.changes) == 2)

    assert (one["a"], other, connector.mesh, one._connectors) == (2, {"a": 1}, None, [])
    assert len(wire.sent) == 1
    assert told.changes == [("a", 1, 2), ("any", None, one.pop("any"))]
    one.connect(connector)  # and may connect again
    eventually(lambda: other == one)
    assert other["a"] == 2


def test_N28_connections_made_lost_and_failed_are_told(memory, udp, mesh_port, options):
    class Watching(NetworkMemory):
        def __init__(self):
            super().__init__()
            self.told = []

        def connection_made(self, connector):
            super().connection_made(connector)
            self.told.append("made")

        def connection_lost(self, connector, exc=None):
            super().connection_lost(connector, exc)
            self.told.append("lost")

        def connection_error(self, connector, exc=None):
            super().connection_error(connector, exc)
            self.told.append(type(exc))

    mem = Watching()
    mem.connect(udp())
    mem.close_all()
    with pytest.raises(gossamer.SecretError):
        mem.connect(udp(secret=" "))
    mem["f"] = object()
    with pytest.raises(gossamer.UnsendableValue):
        mem.connect(udp())

    assert mem.told == ["made", "lost", gossamer.SecretError, gossamer.UnsendableValue, "lost"]
    assert not mem._connectors


# -- variables ------------------------------------------------------------------------------------


def test_N29_a_var_stands_for_its_value_and_tells_of_changes():
    told: list[Any] = []
    x = Var(42, name="answer")
    x.add_listener(lambda var, old, new: told.append((var.name, old, new)))
    x.value = 23
    x.value += 100
    x += 1
    x.value = 124

    assert told == [("answer", 42, 23), ("answer", 23, 123), ("answer", 123, 124)]
    y = Var(7)
    assert (x + y, x - 4, x * 2, x / 2, x // 5, x % 5, divmod(x, 5), y**2, pow(y, 2, 5)) == (
        131, 120, 248, 62.0, 24, 4, (24, 4), 49, 4,
    )  # fmt: skip
    assert (1 + y, 10 - y, 2**y, divmod(10, y)) == (8, 3, 128, (1, 3))
    assert (-y, +y, abs(Var(-1)), ~y, int(y), float(y), bool(Var(0)), str(y)) == (-7, 7, 1, -8, 7, 7.0, False, "7")
    assert Var().name != Var().name
    assert y != 7  # as in netmem, a Var equals itself alone


def test_N29_listeners_of_a_var_may_take_the_value_alone_or_nothing(caplog):
    told: list[Any] = []
    x = Var(1)
    x.add_listener(lambda: 1 / 0, no_args=True)
    x.add_listener(told.append, value_only=True)
    x.add_listener(lambda: told.append("changed"), no_args=True)
    x.set(1)
    x.set(1, force_notify=True)
    x.fire_notifications()
    x.remove_listener(told.append)
    x.remove_listener(print)
    x.set(2)
    x.remove_all_listeners()
    x.set(3)

    assert told == [1, "changed", 1, "changed", "changed"]
    assert caplog.text.count("ZeroDivisionError: ") == 3


def test_N29_a_with_block_tells_at_its_end_unless_unchanged_is_raised():
    told: list[Any] = []
    pets, other = Var(["cat"]), Var()
    pets.add_listener(lambda value: told.append([*value]), value_only=True)
    with pets:
        pets.value.append("dog")
        assert told == []
    with pets as unchanged:
        raise unchanged
    with pytest.raises(ZeroDivisionError), pets:
        raise ZeroDivisionError
    with pets as unchanged, other:  # of which it is not the other's to catch
        raise unchanged
    pets += ["owl"]

    assert told == [["cat", "dog"], ["cat", "dog"], ["cat", "dog", "owl"]]


def test_N30_a_formattable_var_is_formatted_anew_when_one_of_its_vars_changes():
    told: list[Any] = []
    name, age = Var("Joe"), Var(23)
    text = FormattableVar("My name is {}, and I am {} years old.", [name, age])
    text.add_listener(told.append, value_only=True)
    age += 1
    name.value = "Ann"

    assert told == ["My name is Joe, and I am 24 years old.", "My name is Ann, and I am 24 years old."]
    assert str(text) == told[-1]


def test_N30_a_bindable_dict_stands_alone_and_tells_at_once(told):
    alone = netmem.bindable_variable.BindableDict({"a": 1}, b=[2])
    alone.add_listener(told)
    alone["a"] = 2
    with alone:
        alone["b"].append(3)
        alone.mark_as_changed("b")
        alone.mark_as_changed("absent")
        assert len(told.changes) == 1
    del alone["a"]

    assert told.changes == [("a", 1, 2), ("b", None, [2, 3]), ("absent", None, None), ("a", 2, None)]
    assert told.threads == {threading.get_ident()}
    assert (repr(alone), str(alone)) == ("BindableDict({'b': [2, 3]})", "{'b': [2, 3]}")


# -- values and strangers -------------------------------------------------------------------------


def test_N31_values_beyond_json_arrive_and_what_cannot_travel_is_the_callers_error_alone(connected, told, eventually):
    one, other = connected(), connected()
    one.add_listener(told)
    for refused in (
        lambda: one.__setitem__("f", lambda: 1),
        lambda: one.set(1.5, 1),
        lambda: one.update(fine=1, bad=object()),
        lambda: one.setdefault("f", object()),
        lambda: one.set("deep", [{"a": [object()]}]),
    ):
        with pytest.raises((gossamer.UnsendableValue, gossamer.InvalidKey)):
            refused()
    with one:
        one["good"] = 1
        with pytest.raises(gossamer.UnsendableValue):
            one["bad"] = object()
    assert one == {"good": 1}
    values = {3: b"\0\xff", "3": (1, (2,)), ("t", 1): {1, 2}, None: {4: [None]}, b"k": float("inf")}
    one.update(values)
    eventually(lambda: len(other) == 6)

    assert other == one == {"good": 1} | values
    assert type(other["3"]) is tuple
    assert one._dispatcher.finish(5)
    assert [key for key, _, _ in told.changes] == ["good", *values]


def test_N32_a_value_larger_than_a_datagram_arrives(connected, eventually):
    one, other = connected(), connected()
    one["large"] = "x" * 2_000_000

    eventually(lambda: len(other.get("large", "")) == 2_000_000)


def test_N33_what_a_stranger_sends_is_refused(memory, mesh_port, options, eventually):
    one, friend, stranger = memory(), memory(), memory(foe=1)
    secret = gossamer.settings.new_secret()
    ours = {"secret": secret, "interfaces": ["127.0.0.1"], "options": options}
    for mem, of_mesh in ((one, ours), (friend, ours), (stranger, ours | {"secret": gossamer.settings.new_secret()})):
        mem.connect(UdpConnector((GROUP, mesh_port), **of_mesh))
    mesh = one._connectors[0].mesh
    with socket.socket(type=socket.SOCK_DGRAM) as old:
        old.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        change = {"key": "foe", "action": "update", "new_val": 1, "timestamp": 0}
        for place in (("239.71.83.77", mesh_port), *mesh.network.unicast_addresses):
            old.sendto(json.dumps({"name": "netmem", "changes": [change]}).encode(), place)
    stranger["foe"] = 2
    one["a"] = 1
    eventually(lambda: friend == {"a": 1} and mesh.foreign())

    assert one == {"a": 1}
    assert stranger == {"foe": 2}


# -- what happens to processes ----------------------------------------------------------------------


def test_what_is_told_late_takes_nothing_back_that_was_changed_since(connected):
    mem = connected()
    mem["a"] = [1]
    mem["a"].append(2)  # and not yet marked as changed
    row = {"key": "a", "action": "update", "old_val": None, "new_val": [0], "timestamp": 1.0}
    mem.message_received(mem._connectors[0], {"name": "late", "changes": [row]})

    assert mem["a"] == [1, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_takes_part_as_a_new_peer(connected, eventually):
    mem, other = connected(), connected()
    mem["parent"] = [1]
    eventually(lambda: other.get("parent") == [1])
    pid = os.fork()
    if pid == 0:
        try:
            right = mem["parent"] == [1]
            mem["child"] = right
            mem._connectors[0].mesh.settled(timeout=10)
            mem.close_all()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    eventually(lambda: mem.get("child") is True and other == mem)

    mem["parent"] = 2
    eventually(lambda: other["parent"] == 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_of_multiprocessing_tells_its_listeners_and_says_goodbye_though_it_closes_nothing(
    connected, tmp_path, eventually
):
    mem = connected()
    mem["parent"] = 1

    def child() -> None:
        mem.add_listener(lambda m, key, old, new: (tmp_path / "told").write_text(f"{key} {new}"))
        mem["child"] = mem["parent"] + 1

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(20)
    eventually(lambda: mem.get("child") == 2)

    assert (process.exitcode, (tmp_path / "told").read_text()) == (0, "child 2")


def test_threads_that_write_at_once_lose_nothing_and_are_told_in_order(connected, told, eventually):
    one, other = connected(), connected()
    one.add_listener(told)
    threads = [
        threading.Thread(target=lambda mem=mem, who=who: [mem.set((who, n % 10), n) for n in range(300)])
        for mem in (one, other)
        for who in (f"{mem.name} a", f"{mem.name} b")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    eventually(lambda: one == other and len(one) == 40, 10)
    assert one._dispatcher.finish(5)

    latest: dict[Any, Any] = {}
    for key, old, new in told.changes:
        assert latest.get(key) == old
        latest[key] = new
    assert latest == one == {key: 290 + key[1] for key in one}


def server_context(directory: Any) -> ssl.SSLContext:
    """Return a context for 127.0.0.1, whose certificate is its own authority, left in page.pem."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "page")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = directory / "page.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def is_free(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) != 0
