"""The rows R1 to R16 of what rpyc-mem's users have, or should have had, under `gossamer.compat.rpyc_mem`."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import os
import pickle
import threading
from dataclasses import replace

import pytest

import gossamer
from gossamer.compat.rpyc_mem import configure, joining, share_type
from gossamer.compat.rpyc_mem.client import RemoteModule, RpycMem
from gossamer.compat.rpyc_mem.connect import RpycMemConnect
from gossamer.compat.rpyc_mem.errors import (
    BaseRpycMemError,
    NotShareable,
    RpycMemConnError,
    RpycMemError,
    RpycMemSvcError,
)
from gossamer.compat.rpyc_mem.service import RpycMemService
from gossamer.compat.rpyc_mem.session import RpycMemSession

PORT = 18813


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: int


@pytest.fixture
def connect(join, options):
    """Connect to this test's mesh, each time as a peer of its own."""

    def connect(nickname=None, **more):
        configure(mesh=join(nickname, options=replace(options, lease_dissemination_s=0.05)), **more)
        return RpycMemConnect("localhost", PORT)

    yield connect
    configure()


@pytest.fixture
def pair(connect):
    return connect("one"), connect("two")


@pytest.fixture
def own_settings(mesh_port, monkeypatch, options):
    """Let what joins by itself join on this test's port."""
    monkeypatch.setenv("GOSSAMER_PORT", str(mesh_port))
    monkeypatch.setenv("GOSSAMER_INTERFACE", "127.0.0.1")
    configure(options=options)
    yield
    for member in list(joining._open.values()):
        member.mesh.close(0)
    joining._open.clear()
    configure()


def both_see(pair, condition):
    """Wait until a condition holds for what either sees."""
    return all(connection.mesh.wait(lambda _, c=connection: condition(c), timeout=5) for connection in pair)


# -- R1: memoize ---------------------------------------------------------------------------------


def test_R1_memoize_creates_if_absent_else_fetches_and_runs_no_generator(pair):
    one, two = pair
    rp = RemoteModule(one)
    mine = RpycMem(one, "unique-key", robj_gen=lambda: rp().list([1, 2]))
    assert both_see(pair, lambda c: c.is_memoized("unique-key"))
    yours = RpycMem(two, "unique-key", robj_gen=lambda: 1 / 0)
    yours.append(3)

    assert both_see(pair, lambda c: c.get("unique-key") == [1, 2, 3])
    assert mine == yours == two.memoize("unique-key", [9]) == [1, 2, 3]


def test_R1_two_that_create_it_apart_agree_and_lose_nothing(mesh_factory, partition, converged):
    pair = []
    for name in ("one", "two"):
        configure(mesh=mesh_factory(name))
        pair.append(RpycMemConnect("localhost", PORT))
    configure()
    one, two = pair
    with partition(one.mesh, two.mesh):
        for connection in pair:
            RpycMem(connection, "k", robj_gen=lambda: [0]).append(connection.mesh.me.name)
    converged([one.mesh, two.mesh], within=10)

    assert sorted(map(str, one.get("k"))) == ["0", "one", "two"]
    assert one.get("k") == two.get("k")


def test_R1_a_generator_may_memoize_and_a_slow_one_holds_up_nobody(connect):
    connection = connect()
    outer = RpycMem(connection, "outer", robj_gen=lambda: [len(connection.memoize("inner", robj_gen=lambda: [1]))])

    assert (outer, connection.get("inner")) == ([1], [1])


# -- R2 to R5: it behaves as its value ----------------------------------------------------------


def test_R2_it_behaves_as_its_value(connect):
    connection = connect()
    rm = RpycMem(connection, "list", [3, 1, 2])
    assert (len(rm), rm[0], rm[-1], rm[1:], 1 in rm, sorted(rm), list(reversed(rm))) == (
        *(3, 3, 2, [1, 2], True, [1, 2, 3], [2, 1, 3]),
    )
    assert (rm.__add__([4]), rm.__radd__([4]), rm * 2 == [3, 1, 2] * 2, rm == [3, 1, 2], rm != [3], rm < [4]) == (
        *([3, 1, 2, 4], [4, 3, 1, 2], True, True, True, True),
    )
    assert (str(rm), repr(rm), bool(rm), isinstance(rm, list), rm.count(1)) == ("[3, 1, 2]", "[3, 1, 2]", True, True, 1)
    with pytest.raises(TypeError):
        hash(rm)

    number = RpycMem(connection, "number", 7)
    assert (1 + number, number - 1, -number, abs(number), number / 2, 2**number, divmod(number, 2), hash(number)) == (
        *(8, 6, -7, 7, 3.5, 128, (3, 1), hash(7)),
    )
    assert (number & 3, 3 | number, number << 1, number ^ 1, ~number, number % 4, 50 // number) == (
        3,
        7,
        14,
        6,
        -8,
        3,
        7,
    )
    assert (type(number), bool(RpycMem(connection, "zero", 0)), {number: 1}[7]) == (RpycMem, False, 1)
    text = RpycMem(connection, "text", "abc")
    assert (text.upper(), text + "d", text % (), "b" in text, int(RpycMem(connection, "12", "12"))) == (
        *("ABC", "abcd", "abc", True, 12),
    )


def test_R3_methods_and_items_that_change_it_are_seen_by_all(pair):
    one, two = pair
    mine = RpycMem(one, "list", [3, 1])
    mine.append(2)
    mine.sort()
    mine[0] = 0
    del mine[1]
    names = RpycMem(one, "dict", {"a": {"b": 1}})
    names["a"]["c"] = [1]
    names["a"]["c"].append(2)
    names.update(d=4)

    assert both_see(pair, lambda c: c.is_memoized("dict") and c.get("dict") == {"a": {"b": 1, "c": [1, 2]}, "d": 4})
    assert two.get("list") == [0, 3]


def test_R4_rmem_update_replaces_value_and_type_for_all(pair):
    one, two = pair
    mine = RpycMem(one, "k", [1, 2])
    assert both_see(pair, lambda c: c.is_memoized("k"))
    yours = RpycMem(two, "k", robj_gen=lambda: 1 / 0)
    assert mine.rmem_update((1, 2)) == (1, 2)
    assert both_see(pair, lambda c: c.get("k") == (1, 2))
    assert isinstance(yours, tuple)
    assert yours.rmem_update(robj_gen=lambda: yours[0] + 1) == 2

    plain = yours + 1
    assert (plain, type(plain), yours) == (3, int, 2)


def test_R5_in_place_operators_keep_the_stand_in_and_are_seen_by_all(pair):
    one, _ = pair
    number, items, tags, names = (RpycMem(one, key, value) for key, value in
        (("n", 1), ("l", [1]), ("s", {1}), ("d", {"a": 1})))  # fmt: skip
    number += 1
    number *= 5
    items += [2]
    tags |= {2}
    names |= {"b": 2}

    assert [type(it) for it in (number, items, tags, names)] == [RpycMem] * 4
    assert both_see(pair, lambda c: c.is_memoized("d") and c.get("d") == {"a": 1, "b": 2})
    assert both_see(pair, lambda c: (c.get("n"), c.get("l"), c.get("s")) == (10, [1, 2], {1, 2}))


def test_R5_what_python_asks_by_other_ways_works_too(connect):
    connection = connect()
    rm, number = RpycMem(connection, "d", {"a": [1]}), RpycMem(connection, "n", 2)

    assert rm == {"a": [1]}
    assert json.loads(json.dumps({"rm": rm, "n": number}, default=gossamer.plain)) == {"rm": {"a": [1]}, "n": 2}
    assert [pickle.loads(pickle.dumps(it)) for it in (rm, number)] == [{"a": [1]}, 2]
    assert [type(fn(it)) for fn in (copy.copy, copy.deepcopy) for it in (rm, number)] == [dict, int] * 2
    assert (f"{number:04d}", range(number), "abc"[number], round(number, 1), math.floor(number), float(number)) == (
        *("0002", range(2), "c", 2, 2, 2.0),
    )
    assert [gossamer.plain(it) for it in (rm, number)] == [{"a": [1]}, 2]


# -- R6 to R8: keys ------------------------------------------------------------------------------


def test_R6_get_delete_and_is_memoized_and_use_after_delete_is_a_clear_error(pair):
    one, two = pair
    rm = RpycMem(one, "k", [1])
    assert both_see(pair, lambda c: c.is_memoized("k"))
    assert (rm.rmem_get(), two.get("k")) == ([1], [1])
    rm.rmem_delete()
    assert both_see(pair, lambda c: not c.is_memoized("k"))

    for use in (lambda: rm.append(1), lambda: len(rm), lambda: str(rm), lambda: rm == [1], lambda: rm.real_obj):
        with pytest.raises(RpycMemError, match="'k': it was deleted"):
            use()
    for use in (rm.rmem_get, rm.rmem_delete, lambda: two.delete("k"), lambda: two.get("k")):
        with pytest.raises(RpycMemSvcError, match="No remote object exists against the key 'k'"):
            use()
    assert rm.rmem_memoize([2]) == rm == [2]


def test_R7_exactly_one_of_value_and_generator(connect):
    connection = connect()
    for given in ({}, {"robj": 1, "robj_gen": lambda: 1}):
        with pytest.raises(RpycMemError, match="Either"):
            RpycMem(connection, "k", **given)
        with pytest.raises(RpycMemSvcError, match="Either"):
            connection.memoize("k", **given)
    with pytest.raises(RpycMemError, match="robj_gen is a function"):
        RpycMem(connection, "k", robj_gen=[1])

    assert not connection.is_memoized("k")
    assert RpycMem(connection, "none", None) == None  # noqa: E711


def test_R8_keys_of_every_kind_are_keys_each_of_its_own(connect):
    connection = connect()
    keys = ["text", 5, b"text", None, ("a", 1), frozenset(), frozenset({1, "x"}), (frozenset({b"y", ("n", None)}), 2)]
    keys += [("frozenset()", 1, "x"), ("tuple()",), ("tuple()", "frozenset()"), ()]
    for key in keys:
        connection.memoize(key, repr(key))

    assert [connection.get(key) for key in keys] == list(map(repr, keys))


def test_R8_equal_keys_are_one_and_what_has_no_hash_is_refused(connect):
    connection = connect()
    assert connection.memoize(frozenset({1, "x", b"y"}), 1) == connection.get(frozenset([b"y", "x", True])) == 1
    assert not connection.is_memoized(("frozenset()", b"y", 1, "x"))

    with pytest.raises(TypeError):
        connection.memoize(["k"], 1)
    with pytest.raises(gossamer.InvalidKey):
        connection.memoize(1.5, 1)


# -- R9, R11: locks and modules ------------------------------------------------------------------


def test_R9_a_shared_lock_excludes_other_processes(pair):
    one, two = pair
    locks = [RpycMem(c, "lock", robj_gen=lambda c=c: RemoteModule(c)("threading").Lock()) for c in pair]
    assert locks[0].acquire()
    assert both_see(pair, lambda c: c.get("lock").locked())
    assert locks[1].acquire(timeout=0.05) is False
    assert locks[1].acquire(False) is False
    with pytest.raises(RuntimeError):
        locks[1].release()
    waiter = threading.Thread(target=lambda: (locks[1].acquire(), two.memoize("after", one.get("during"))))
    waiter.start()
    one.memoize("during", [1])
    locks[0].release()
    waiter.join(10)

    assert (two.get("after"), locks[1].locked()) == ([1], True)
    locks[1].release()
    assert not two.get("lock").locked()
    with pytest.raises(RuntimeError, match="release unlocked lock"):
        locks[0].release()


def test_R9_threads_of_one_process_exclude_each_other_and_any_of_them_may_release(connect):
    connection = connect()
    lock = RpycMem(connection, "lock", robj_gen=lambda: RemoteModule(connection)("threading").Lock())
    with lock as got:
        assert got
        assert lock.locked()
        assert [lock.acquire(False), lock.acquire(True, 0.01)] == [False, False]
        threads = [threading.Thread(target=lock.release)]
        threads[0].start()
        threads[0].join()
        assert lock.acquire()

    again = RpycMem(connection, "again", robj_gen=lambda: RemoteModule(connection)("threading").RLock())
    with again, again:
        assert again.locked()
    assert not again.locked()
    for wrong in ({"blocking": False, "timeout": 1}, {"timeout": -2}):
        with pytest.raises(ValueError):
            lock.acquire(**wrong)


def test_R9_a_lock_whose_holder_dies_is_free_after_its_ttl(join, program):
    configure(mesh=join(name="rpyc_mem-18813"))
    connection = RpycMemConnect("localhost", PORT)
    configure()
    holder = program("holder")
    assert holder.line() == "held"
    assert connection.mesh.wait(lambda _: connection.is_memoized("lock") and connection.get("lock").locked(), 10)
    holder.kill()

    lock = RpycMem(connection, "lock", robj_gen=lambda: 1 / 0)
    assert lock.acquire(timeout=10)
    lock.release()


def test_R9_a_lock_that_was_lost_is_told_of_when_it_is_released(connect):
    connection = connect()
    lock = RpycMem(connection, "lock", robj_gen=lambda: RemoteModule(connection)("threading").Lock())
    lock.acquire()
    lock.real_obj._hold.lease.release()  # as a process does that stood still

    with pytest.raises(gossamer.LeaseLost, match="lost before it was released"):
        lock.release()
    assert lock.acquire()
    lock.release()


def test_R9_with_voters_a_lock_is_a_quorum_lease(connect):
    connection = connect("voter", lock_voters=["voter"], lock_ttl_s=1.0)
    lock = RpycMem(connection, "lock", robj_gen=lambda: RemoteModule(connection)("threading").Lock())

    with lock:
        assert lock.real_obj._hold.lease.has_quorum
        assert lock.locked()


def test_R11_what_can_be_shared_is_made_of_a_register_and_nothing_is_imported(connect):
    connection = connect()
    rp = RemoteModule(connection)
    share_type(Point, "test rpyc_mem point")
    made = [rp().list([1]), rp().dict(a=1), rp().set(), rp("datetime").date(2026, 1, 2), rp("decimal").Decimal("1.5")]
    assert [RpycMem(connection, n, value) == value for n, value in enumerate(made)] == [True] * 5
    assert RpycMem(connection, "p", robj_gen=lambda: rp(__name__).Point(1, 2)).x == 1
    assert dir(rp("threading")) == ["Lock", "RLock"]
    with rp("threading").Lock() as unnamed:
        assert unnamed

    for use, advice in (
        (lambda: rp("os"), "nobody may run code in another program"),
        (lambda: rp("..os", "a.b.c"), r"the module 'a\.b\.os' is not imported"),
        (lambda: rp().eval, "builtins.eval cannot be made"),
        (lambda: rp().open, "builtins.open"),
        (lambda: rp("collections").deque, "use list, dict or set"),
        (lambda: rp("threading").Event, "mesh.wait"),
    ):
        with pytest.raises(NotShareable, match=advice):
            use()
    assert not hasattr(rp(), "exec")
    with pytest.raises(gossamer.UnsendableValue):
        RpycMem(connection, "o", robj=object())


# -- R10: processes ------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_R10_class_attributes_are_shared_with_forked_children_without_more(join, program):
    peer = join(name="rpyc_mem-18813")
    parent = program("forked_list")

    assert parent.ends() == (0, "")
    assert parent.rest() == ["[0, 1, 2] [0, 0, 0]"]
    assert peer.wait(lambda mesh: sorted(mesh.objects["items"]) == [0, 1, 2], timeout=10)


# -- R12 to R16: connections ---------------------------------------------------------------------


def test_R12_a_lost_connection_comes_back_and_on_reconnect_is_called(connect):
    connection, told = connect(), []
    rm = RpycMem(connection, "k", [1])

    @connection.rmem_except_handler(on_reconnect=lambda: told.append("re-connected"))
    def look():
        return connection.rpyc_conn.root.is_memoized("k")

    connection.rpyc_conn.close()
    assert (look(), told) == (True, ["re-connected"])
    connection.rpyc_conn.close()
    assert rm == [1]
    assert connection.rmem_except_handler(lambda: 5)() == 5

    connection.close()
    connection.close()
    for use in (look, lambda: rm[0], lambda: connection.get("k"), lambda: connection.mesh):
        with pytest.raises(EOFError, match="setup_rmem_conn"):
            use()
    connection.setup_rmem_conn()
    assert (rm, told, connection.closed) == ([1], ["re-connected"], False)


def test_R12_a_network_that_cannot_be_used_is_tried_again_as_often_as_asked(monkeypatch):
    tries = []

    def refuse(*_, **__):
        tries.append(1)
        raise gossamer.NetworkError("no socket could be opened")

    monkeypatch.setattr(gossamer, "join", refuse)
    with pytest.raises(RpycMemConnError, match=r"Unable to connect.*no socket"):
        RpycMemConnect("localhost", PORT, max_retry=2, retry_delay=0)
    assert len(tries) == 3
    with pytest.raises(RpycMemConnError):
        RpycMemSession("localhost", PORT, max_retry=0).rmem("k", 1)


def test_R13_a_version_that_differs_is_noticed_and_can_be_ignored(join):
    mesh = join()
    mesh["rpyc_mem format"] = [99, "9.9"]
    configure(mesh=mesh)
    with pytest.raises(RpycMemConnError, match=r"\[99, '9.9'\] mismatches with the client version"):
        RpycMemConnect("localhost", PORT)

    connection = RpycMemConnect("localhost", PORT, ignore_version=True)
    assert connection.rpyc_version() == gossamer.__version__
    configure()


def test_R13_who_speaks_another_protocol_is_noticed(join, monkeypatch):
    mesh = join()
    monkeypatch.setattr(mesh, "statistics", lambda: {"refused: other version": 3})
    configure(mesh=mesh)
    with pytest.raises(RpycMemConnError, match="another version of gossamer's protocol"):
        RpycMemConnect("localhost", PORT)

    assert RpycMemConnect("localhost", PORT, ignore_version=True).is_memoized("k") is False
    configure()


def test_R14_any_process_may_stop_and_data_survives_while_one_lives(join, connect):
    first, second = connect("first"), connect("second")
    RpycMem(first, "k", [1])
    assert both_see((first, second), lambda c: c.is_memoized("k"))
    first.mesh.close()

    third = connect("third")
    assert both_see((second, third), lambda c: c.is_memoized("k") and c.get("k") == [1])


def test_R14_a_service_keeps_what_others_left_and_answers_in_its_own_process(own_settings, eventually):
    service = RpycMemService(port=PORT)
    running = threading.Thread(target=service.run)
    running.start()
    eventually(lambda: service.server_obj is not None)
    connection = RpycMemConnect("localhost", PORT)
    connection.memoize("k", [1])
    connection.close()

    assert (service.get("k"), RpycMemService.is_memoized("k"), service.server_obj.port) == ([1], True, PORT)
    assert RpycMemService.memoize("n", robj_gen=lambda: 5) == RpycMemService.update("n", 5) == 5
    RpycMemService.delete("n")
    assert RpycMemService.remote_import("builtins").list("ab") == ["a", "b"]
    service.server_obj.close()
    running.join(10)
    assert not running.is_alive()
    assert not joining._open
    with pytest.raises(RpycMemSvcError, match="no RpycMemService runs in this process"):
        RpycMemService.get("k")


def test_R14_what_only_an_rpyc_server_knew_is_refused():
    with pytest.raises(RpycMemSvcError, match="leave it out"):
        RpycMemService(port=PORT).run(server=object)
    with pytest.raises(RpycMemSvcError, match="protocol_config"):
        RpycMemService(port=PORT).run(server_kwargs={"protocol_config": {}})
    with pytest.raises(RpycMemSvcError):
        RpycMemService("localhost", PORT, object())


def test_R15_errors_are_typed_and_have_a_message():
    for error in (RpycMemSvcError, RpycMemConnError, RpycMemError, NotShareable):
        assert issubclass(error, BaseRpycMemError)
        assert (error("why").message, str(error("why"))) == ("why", "why")
        assert error().message.startswith("An unspecified error occurred in Rpyc")
        assert isinstance(error(), gossamer.GossamerError)
    assert issubclass(RpycMemConnError, ConnectionError)


def test_R16_a_function_may_be_given_for_a_connection_and_is_called_each_time(connect):
    connection, asked = connect(), []

    def give():
        asked.append(1)
        return connection

    rm = RpycMem(give, "k", robj_gen=lambda: RemoteModule(give)().list([1]))
    before = len(asked)
    rm.append(2)

    assert (rm, rm.rmem_conn, RemoteModule(give).rmem_conn) == ([1, 2], connection, connection)
    assert len(asked) > before


# -- which memory --------------------------------------------------------------------------------


def test_a_session_joins_when_it_is_first_used_and_all_of_a_process_share_one_peer(own_settings):
    session = RpycMemSession("localhost", PORT)
    assert not joining._open
    rm = session.rmem("k", [1])
    other = RpycMemConnect("127.0.0.1", PORT)
    elsewhere = RpycMemConnect("localhost", PORT + 1)

    assert other.mesh is session.rmem_conn.mesh
    assert (other.get("k"), elsewhere.is_memoized("k")) == ([1], False)
    assert {mesh.name for mesh in (other.mesh, elsewhere.mesh)} == {"rpyc_mem-18813", "rpyc_mem-18814"}
    session.rmem_conn.close()
    assert other.get("k") == [1]
    other.close()
    with pytest.raises(EOFError):
        rm.append(1)
    assert list(joining._open) == ["rpyc_mem-18814"]


def test_another_computer_needs_a_secret(own_settings, monkeypatch):
    with pytest.raises(RpycMemConnError, match="gossamer keygen"):
        RpycMemConnect("192.0.2.1", PORT)
    monkeypatch.setenv("GOSSAMER_SECRET", "a passphrase of some length")
    connection = RpycMemConnect("192.0.2.1", PORT)

    assert connection.memoize("k", 5) == 5


def test_the_mesh_of_the_settings_is_used_if_there_is_one(own_settings, monkeypatch, mesh_name):
    monkeypatch.setenv("GOSSAMER_MESH", mesh_name)
    assert RpycMemConnect("localhost", PORT).mesh.name == mesh_name
    with pytest.raises(gossamer.ConfigurationError, match="colour"):
        configure(colour="red")
    configure(lock_ttl_s=1, mesh="another")
    with pytest.raises(gossamer.ConfigurationError, match="give more than 1 s"):
        RpycMemConnect("localhost", PORT)
    assert "another" not in joining._open
