"""The rows S1 to S12 of what users of shared-memory-dict have, or should have had, in `gossamer.compat`."""

from __future__ import annotations

import copy
import enum
import json
import multiprocessing
import os
import pickle
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from memories import MANY, Other, write_many

import gossamer
from gossamer.compat.shared_memory_dict import SharedMemoryDict, block, configure, turns
from gossamer.compat.shared_memory_dict.hooks import create_shared_memory, free_shared_memory
from gossamer.compat.shared_memory_dict.lock import lock
from gossamer.compat.shared_memory_dict.serializers import (
    NULL_BYTE,
    DeserializationError,
    JSONSerializer,
    PickleSerializer,
    SerializationError,
)


class Colour(enum.Enum):
    """A type that does not travel by itself."""

    RED = 1


class Marked:
    """A serializer of a program's own, which sees more types than JSON and says when it is asked."""

    def __init__(self) -> None:
        self.asked: list[dict[Any, Any]] = []

    def dumps(self, obj: dict[Any, Any]) -> bytes:
        self.asked.append(obj)
        try:
            return b"!" + json.dumps({key: str(value) for key, value in obj.items()}).encode() + NULL_BYTE
        except TypeError:
            raise SerializationError(obj) from None

    def loads(self, data: bytes) -> dict[Any, Any]:
        if data[:1] != b"!":
            raise DeserializationError(data)
        return {key: Decimal(value) for key, value in json.loads(data[1:].split(NULL_BYTE, 1)[0]).items()}


@pytest.fixture(autouse=True)
def own_settings(mesh_port: int, monkeypatch: pytest.MonkeyPatch, options: gossamer.Options) -> Iterator[None]:
    """Let memories be of this test alone, and end with it."""
    monkeypatch.setenv("GOSSAMER_PORT", str(mesh_port))
    monkeypatch.setenv("GOSSAMER_INTERFACE", "127.0.0.1")
    configure(options=options)
    yield
    for one in block._blocks.values():
        one.leave()
    block._blocks.clear()
    configure()


@pytest.fixture
def name(mesh_name: str) -> str:
    return mesh_name


@pytest.fixture
def memory(name: str) -> SharedMemoryDict:
    return SharedMemoryDict(name, MANY)


@pytest.fixture
def other() -> Iterator[Callable[[], Other]]:
    started: list[Other] = []

    def start() -> Other:
        started.append(Other())
        return started[-1]

    yield start
    for one in started:
        one.kill()


def used(memory: SharedMemoryDict) -> int:
    """How many bytes the memory says that its content counts."""
    return int(memory._memory.checked().cache[block.HEAD][1])


# -- S1 ------------------------------------------------------------------------------------------


def test_s1_processes_that_open_one_name_see_each_others_writes(name, memory, other):
    memory["some-key"] = "some-value-with-any-type"
    second = other()
    second.does(f"smd = SharedMemoryDict(name={name!r}, size=1024)")

    assert second.does("smd['some-key']") == "some-value-with-any-type"
    second.does("smd['new-key'] = [1, {'a': 2}]")
    assert memory["new-key"] == [1, {"a": 2}]
    assert SharedMemoryDict(name, 1) == memory == {"some-key": "some-value-with-any-type", "new-key": [1, {"a": 2}]}


def test_s1_memories_of_other_names_are_others(name, memory):
    memory["x"] = 1

    assert SharedMemoryDict(name + "2", MANY) == {}


# -- S2 to S4: a dict ----------------------------------------------------------------------------

KEYS = ["a", "b", "c", 1, (1, "x"), None, b"k"]
VALUES = [None, 0, True, 1.5, "text", b"bytes", (1, 2), [1, [2]], {"x": {"y": 1}}, {1, 2}, Colour.RED, Decimal(1)]


def operations(chance: random.Random) -> Callable[[Any], Any]:
    """Return something that a program does with a dict."""
    key, value = chance.choice(KEYS), chance.choice(VALUES)
    some = {chance.choice(KEYS): chance.choice(VALUES) for _ in range(3)}
    return chance.choice(
        [
            lambda d: d.__setitem__(key, value),
            lambda d: d.__delitem__(key),
            lambda d: d[key],
            lambda d: d.get(key),
            lambda d: d.get(key, value),
            lambda d: d.pop(key),
            lambda d: d.pop(key, value),
            lambda d: d.popitem(),
            lambda d: d.setdefault(key),
            lambda d: d.setdefault(key, value),
            lambda d: d.update(some),
            lambda d: d.update(list(some.items()), x=value),
            lambda d: d.update(),
            lambda d: d.__ior__(some) and None,
            lambda d: (d | some, some | d, d == some, d != some),
            lambda d: (key in d, len(d), bool(d), str(d), repr(d)),
            lambda d: d.clear(),
        ]
    )


def outcome(operation: Callable[[Any], Any], of: Any) -> Any:
    try:
        return operation(of)
    except Exception as error:
        return type(error), str(error)


def test_s2_whatever_a_program_does_it_does_as_a_dict(memory):
    chance = random.Random(2)
    model: dict[Any, Any] = {}
    for _ in range(600):
        operation = operations(chance)
        if chance.random() < 0.9 and operation.__code__.co_names == ("clear",):
            continue

        assert outcome(operation, memory) == outcome(operation, model)
        assert list(memory.items()) == list(model.items())
    assert list(memory) == list(memory.keys()) == list(model)
    assert list(memory.values()) == list(model.values())
    assert list(reversed(memory)) == list(reversed(model))
    assert (memory == model, memory != model, dict(memory), {**memory}) == (True, False, model, model)
    assert str(memory) == repr(memory) == f"{memory}" == repr(model)


def test_s2_what_is_no_key_or_not_there_is_refused_as_a_dict_does(memory):
    with pytest.raises(KeyError):
        memory["missing"]
    with pytest.raises(KeyError):
        del memory["missing"]
    with pytest.raises(KeyError):
        memory.popitem()
    with pytest.raises(TypeError):
        memory.__contains__([])
    with pytest.raises(TypeError):
        hash(memory)
    with pytest.raises(gossamer.InvalidKey):
        memory[1.5] = "no key of a mesh"
    assert memory.get("missing") is None
    assert memory.get("missing", 1) == memory.pop("missing", 1) == 1


def test_s2_an_update_that_fails_changes_nothing(memory):
    memory["a"] = 1

    with pytest.raises(SerializationError):
        memory.update({"a": 2, "b": lambda: None})
    with pytest.raises(ValueError):
        memory.update([("a", 2), ("too", "many", "parts")])
    assert memory == {"a": 1}


def test_s2_views_are_of_the_moment_in_which_they_were_asked_for(memory):
    memory.update(a=1, b=2)
    keys, items, walk = memory.keys(), memory.items(), iter(memory)
    memory["c"] = 3

    assert (list(keys), list(items), list(walk)) == (["a", "b"], [("a", 1), ("b", 2)], ["a", "b"])


def test_s3_what_a_dict_has_and_the_older_library_lacked(name, memory):
    shared = memory
    memory |= {"a": 1}
    memory |= [("b", 2)]

    assert memory is shared
    assert isinstance(memory, Mapping)
    assert isinstance(memory, MutableMapping)
    assert SharedMemoryDict(name, 1) == {"a": 1, "b": 2}
    assert type(memory.copy()) is dict
    assert memory.copy() == {"a": 1, "b": 2}
    assert type(memory | {"c": 3}) is type({"c": 3} | memory) is dict
    assert SharedMemoryDict.fromkeys("ab", 0) == memory.fromkeys("ab", 0) == {"a": 0, "b": 0}
    assert pickle.loads(pickle.dumps(memory)) == memory


def test_s4_popitem_takes_what_was_inserted_last_and_a_key_can_be_moved_there(memory):
    memory.update(a=1, b=2, c=3)
    memory["a"] = 4  # keeps its place
    with pytest.warns(DeprecationWarning, match="move_to_end"):
        memory.move_to_end("b")
    with pytest.warns(DeprecationWarning, match="move_to_end"), pytest.raises(KeyError):
        memory.move_to_end("missing")

    assert list(memory) == ["a", "c", "b"]
    with pytest.warns(DeprecationWarning, match="last"):
        assert memory.popitem(last=False) == ("b", 2)
    assert memory.popitem() == ("c", 3)
    assert memory.popitem() == ("a", 4)
    assert used(memory) == len(pickle.dumps({1: 1, 2: 2}, -1)) - 8


# -- S5 ------------------------------------------------------------------------------------------


def test_s5_what_is_too_big_is_refused_and_the_old_content_stays(name):
    memory = SharedMemoryDict(name, 100)
    memory["a"] = "x" * 40

    assert memory.shm.size == 100
    for write in (
        lambda: memory.__setitem__("b", "y" * 80),
        lambda: memory.__setitem__("a", "y" * 90),
        lambda: memory.update(b="y" * 20, c="z" * 20),
        lambda: memory.setdefault("b", "y" * 80),
    ):
        with pytest.raises(ValueError, match="exceeds available storage"):
            write()
    assert memory == {"a": "x" * 40}
    memory["a"] = "x" * 60
    del memory["a"]
    memory["b"] = "y" * 70
    assert memory == {"b": "y" * 70}


def test_s5_the_size_that_counts_is_that_of_whoever_made_it(name):
    first, second = SharedMemoryDict(name, 60), SharedMemoryDict(name, MANY)

    assert second.shm.size == 60
    with pytest.raises(ValueError, match="exceeds"):
        second["a"] = "x" * 60
    assert first == {}
    with pytest.raises(ValueError, match="size"):
        SharedMemoryDict(name + "2", 0)


@pytest.mark.parametrize("serializer", [PickleSerializer(), JSONSerializer()], ids=lambda one: type(one).__name__)
def test_s5_a_memory_is_full_when_the_serialized_whole_would_be_too_long(name, serializer):
    chance = random.Random(5)
    memory = SharedMemoryDict(name, MANY, serializer=serializer)
    model: dict[str, Any] = {}
    for number in range(100):
        key = f"key {chance.randrange(40)}"
        if key in model and chance.random() < 0.3:
            del memory[key], model[key]
        else:
            value = chance.choice([number, "x" * chance.randrange(300), [1, {"a": None}], 1.5])
            memory[key] = model[key] = value

        whole = len(serializer.dumps(model))
        assert whole - 2 <= used(memory) <= whole + 40, number  # frames of a pickle may be counted twice
    assert bytes(memory.shm.buf).rstrip(b"\0") == serializer.dumps(model).rstrip(b"\0")


def test_s5_what_several_processes_write_is_counted(name, memory, other):
    memory["a"] = 1 + 2j
    second = other()
    second.does(f"smd = SharedMemoryDict({name!r}, 1)")
    second.does("smd.update({'b': 'x' * 1000, 'c': {'y': [1]}})")
    memory["b"] = 1
    second.does("smd.pop('a')")

    assert used(memory) == len(pickle.dumps({"b": 1, "c": {"y": [1]}}, -1))


def test_s5_what_was_not_counted_is_counted_before_anything_is_refused(name):
    memory = SharedMemoryDict(name, 200)
    memory.update(a="x" * 80, b="y" * 80)
    with gossamer.attach(f"sm_{name}") as cache:  # a program of today, which knows nothing of sizes
        del cache["a"]
        memory["c"] = "z" * 70
        cache["d"] = "w" * 500

    with pytest.raises(ValueError, match="exceeds"):
        memory["c"] = "z" * 300
    del memory["d"]
    memory["c"] = "z" * 80
    assert memory == {"b": "y" * 80, "c": "z" * 80}


# -- S6 to S8: how long it lives -------------------------------------------------------------------


def test_s6_shm_says_what_there_is_and_removes_it(name, memory):
    second = SharedMemoryDict(name, 1)
    memory["a"] = 1

    assert (memory.shm.name, memory.shm.size, len(memory.shm.buf)) == (f"sm_{name}", MANY, MANY)
    assert pickle.loads(memory.shm.buf) == {"a": 1}
    assert memory.shm.buf.readonly
    with pytest.raises(AttributeError):
        memory.shm = None
    second.shm.close()
    second.cleanup()
    assert second.shm.buf is None
    with pytest.raises(gossamer.MeshClosed):
        second["a"]
    with pytest.raises(gossamer.MeshClosed):
        second["a"] = 1
    del second
    assert SharedMemoryDict(name, 1) == memory == {"a": 1}
    memory.shm.close()
    memory.shm.unlink()
    with pytest.raises(FileNotFoundError):
        memory.shm.unlink()
    assert SharedMemoryDict(name, 50) == {}
    assert SharedMemoryDict(name, 60).shm.size == 50


@pytest.mark.parametrize("how", [pytest.param("ends", marks=pytest.mark.slow), "kill"])
def test_s7_a_process_that_only_looked_takes_nothing_with_it(name, memory, other, how):
    memory["a"] = 1
    second = other()
    assert second.does(f"dict(SharedMemoryDict({name!r}, 1024))") == {"a": 1}
    ended = getattr(second, how)()
    third = other()

    assert ended in ((0, ""), None)
    assert memory == third.does(f"dict(SharedMemoryDict({name!r}, 1024))") == {"a": 1}
    memory["b"] = 2
    assert third.does(f"SharedMemoryDict({name!r}, 1024)['b']") == 2


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ends", "kill"])
def test_s7_whoever_made_it_may_go_as_long_as_another_stays(name, other, how):
    first, second = other(), other()
    first.does(f"smd = SharedMemoryDict({name!r}, 1024)")
    first.does("smd['a'] = 1")
    second.does(f"smd = SharedMemoryDict({name!r}, 1)")
    getattr(first, how)()
    second.does("smd['b'] = 2")

    assert other().does(f"dict(SharedMemoryDict({name!r}, 1)), SharedMemoryDict({name!r}, 1).shm.size") == (
        {"a": 1, "b": 2},
        1024,
    )


def forked(work: Callable[[], object]) -> int:
    """Do `work` in a forked child, as a server's worker does its; return the child's exit code."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_s8_a_server_makes_it_before_it_starts_workers_and_frees_it_at_its_exit(name, other):
    create_shared_memory(name, 4096)

    assert forked(lambda: SharedMemoryDict(name, 1).update(a=1)) == 0
    assert forked(lambda: SharedMemoryDict(name, 1).update(b=SharedMemoryDict(name, 1)["a"] + 1)) == 0
    assert other().does(f"dict(SharedMemoryDict({name!r}, 1))") == {"a": 1, "b": 2}
    assert SharedMemoryDict(name, 1).shm.size == 4096
    assert used(SharedMemoryDict(name, 1)) == len(pickle.dumps({"a": 1, "b": 2}, -1))
    with pytest.raises(FileExistsError):
        create_shared_memory(name, 4096)
    free_shared_memory(name)
    with pytest.raises(FileNotFoundError):
        free_shared_memory(name)
    assert SharedMemoryDict(name, 10) == {}


# -- S9 ------------------------------------------------------------------------------------------


def test_s9_by_default_a_value_may_be_whatever_can_be_pickled(name, memory, other):
    memory["a"] = [Colour.RED, {"b": complex(1, 2)}]

    assert memory["a"] == [Colour.RED, {"b": 1 + 2j}]
    for unpicklable in (lambda: None, multiprocessing.Lock(), [Colour.RED, (_ for _ in [])]):
        with pytest.raises(SerializationError, match="Failed to serialize data"):
            memory["b"] = unpicklable
    assert list(memory) == ["a"]
    second = other()
    second.does(f"smd = SharedMemoryDict({name!r}, 1)")
    second.does("smd['b'] = 3 + 4j")
    assert memory["b"] == 3 + 4j


def test_s9_a_class_that_this_program_lacks_is_a_deserialization_error_and_the_rest_can_be_read(name, memory, other):
    second = other()
    second.does("exec('class Mine: pass')")
    second.does(f"SharedMemoryDict({name!r}, 1).update(mine=Mine(), yours=1)")

    assert memory["yours"] == 1
    with pytest.raises(DeserializationError):
        memory["mine"]
    del memory["mine"]
    assert memory == {"yours": 1}


def test_s9_json_gives_back_what_json_makes_of_a_value_and_unpickles_nothing(name, memory):
    plain = SharedMemoryDict(name, 1, serializer=JSONSerializer())
    plain.update({"a": (1, 2), 1: {2: None}})

    assert plain == memory == {"a": [1, 2], "1": {"2": None}}
    assert plain.setdefault(1, "x") == plain["1"] == "x"
    with pytest.raises(SerializationError):
        plain["b"] = {1, 2}
    memory["c"] = Colour.RED
    with pytest.raises(DeserializationError):
        plain["c"]
    plain["c"] = "mended"
    assert memory["c"] == "mended"


def test_s9_a_serializer_of_ones_own_is_given_one_item_at_a_time(name):
    serializer = Marked()
    memory = SharedMemoryDict(name, 500, serializer=serializer)
    memory.update(a=1, b=2)
    serializer.asked.clear()
    memory["a"] = 5

    assert serializer.asked == [{"a": 5}]
    assert (memory["a"], memory.pop("b"), dict(memory)) == (Decimal(5), Decimal(2), {"a": Decimal(5)})
    assert memory.shm.buf[:1] == b"!"
    with pytest.raises(ValueError, match="exceeds"):
        memory["long"] = "1" * 600
    with pytest.raises(SerializationError):
        memory[(1,)] = 2
    SharedMemoryDict(name, 1)["c"] = 1
    with pytest.raises(DeserializationError):
        memory["c"]


# -- S10 -----------------------------------------------------------------------------------------


def written_by(how: str, name: str, other: Callable[[], Other], number: int) -> None:
    """Let four processes write `number` keys each, at once."""
    if how == "unrelated":
        others = [other() for _ in range(4)]
        for who, one in enumerate(others):
            one.begins(f"write_many({name!r}, {who}, {number})")
        assert [one.answers() for one in others] == [None] * 4
        return
    context = multiprocessing.get_context(how)
    processes = [context.Process(target=write_many, args=(name, who, number)) for who in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4


@pytest.mark.parametrize(
    ("how", "number"),
    [("fork", 100), *(pytest.param(how, 1000, marks=pytest.mark.slow) for how in ("fork", "spawn", "unrelated"))],
)
def test_s10_of_what_four_processes_write_at_once_nothing_is_lost(name, memory, other, how, number):
    written_by(how, name, other, number)

    assert memory.pop("last") in range(4)
    assert memory == {f"{who}/{step}": [who, "x" * (step % 50)] for who in range(4) for step in range(number)}
    assert len(pickle.dumps(memory.copy(), -1)) == pytest.approx(used(memory), rel=0.01)


def test_s10_threads_take_turns_too(name, memory):
    threads = [threading.Thread(target=write_many, args=(name, who, 50)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(memory) == 201
    assert used(memory) == pytest.approx(len(pickle.dumps(memory.copy(), -1)), rel=0.01)


def test_s10_a_child_that_is_forked_while_a_thread_writes_writes_too(name, memory):
    going = threading.Event()
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            memory.update(thread="x" * 1000)
            going.set()

    thread = threading.Thread(target=write)
    thread.start()
    going.wait(10)
    codes = [forked(partial(SharedMemoryDict(name, 1).__setitem__, f"child {number}", number)) for number in range(5)]
    stop.set()
    thread.join()

    assert codes == [0] * 5
    assert memory == {"thread": "x" * 1000} | {f"child {number}": number for number in range(5)}


def look(name: str, looks: Any) -> None:
    memory = SharedMemoryDict(name, MANY)
    number = 0
    while "end" not in memory:
        seen = dict(memory.items())
        number += 1
        assert seen["left"] == seen["right"]
        assert len(set(seen["left"])) == 1
    looks.put(number)


def test_s10_no_reader_sees_half_of_a_write(name, memory):
    context = multiprocessing.get_context("fork")
    memory.update(left=[-1], right=[-1])
    looks = context.SimpleQueue()
    reader = context.Process(target=look, args=(name, looks))
    reader.start()
    for step in range(300):
        memory.update(left=[step] * 200, right=[step] * 200)
    memory["end"] = True

    reader.join(20)
    assert (reader.exitcode, looks.get() > 10) == (0, True)


def count_down(name: str, taken: Any) -> None:
    memory = SharedMemoryDict(name, MANY)
    while True:
        try:
            taken.put(memory.popitem()[0])
        except KeyError:
            return


def test_s10_of_several_processes_one_gets_an_item(name, memory):
    memory.update(dict.fromkeys(range(100)))
    context = multiprocessing.get_context("fork")
    taken = context.SimpleQueue()
    processes = [context.Process(target=count_down, args=(name, taken)) for _ in range(3)]
    for process in processes:
        process.start()
    numbers = [taken.get() for _ in range(100)]
    for process in processes:
        process.join(20)

    assert sorted(numbers) == list(range(100))
    assert (memory, taken.empty()) == ({}, True)


def test_s10_a_writer_that_is_killed_in_the_midst_of_it_holds_up_nobody(name, memory, other):
    second = other()
    second.does(f"smd = SharedMemoryDict({name!r}, 1)")
    second.does("turn = smd.shm.checked()._at_turn()")
    second.does("turn.__enter__() and None")
    second.kill()

    memory["a"] = 1
    assert memory == {"a": 1}


def test_s10_a_writer_that_is_stopped_in_the_midst_of_it_is_named_as_what_it_is_and_readers_go_on(
    name, memory, other, monkeypatch
):
    memory["a"] = 1
    second = other()
    second.does(f"smd = SharedMemoryDict({name!r}, 1)")
    second.does("turn = smd.shm.checked()._at_turn()")
    second.does("turn.__enter__() and None")
    os.kill(second.pid, signal.SIGSTOP)
    monkeypatch.setattr(turns, "PATIENCE_S", 0.1)

    with pytest.raises(gossamer.MeshTimeout, match="stopped"):
        memory["a"] = 2
    assert memory == {"a": 1}
    os.kill(second.pid, signal.SIGCONT)
    second.does("turn.__exit__(None, None, None)")
    memory["a"] = 2
    assert memory == {"a": 2}


def test_s10_the_older_librarys_lock_is_there_for_programs_that_import_it():
    calls = []

    @lock
    def call(what: str) -> int:
        """Do it."""
        calls.append(what)
        return len(calls)

    assert (call("a"), call("b"), call.__doc__) == (1, 2, "Do it.")


# -- S11, S12 ------------------------------------------------------------------------------------


def test_s11_a_change_within_a_value_is_refused_for_nobody_would_see_it(name, memory):
    memory.update(a={"x": 0, "y": [1, {2}]}, b=[{"x": Colour.RED}, [1], {1}])
    plain = SharedMemoryDict(name, 1, serializer=JSONSerializer())
    own = SharedMemoryDict(name + "2", MANY, serializer=Whole())
    own["a"] = {"x": [0]}
    for change in (
        lambda: memory["a"].__setitem__("x", 1),
        lambda: memory["a"]["y"].append(2),
        lambda: memory["a"]["y"][1].add(2),
        lambda: memory["b"][0].update(x=1),
        lambda: memory["b"][1].pop(),
        lambda: memory["b"][2].clear(),
        lambda: memory.get("b").append(1),
        lambda: next(iter(memory.values())).clear(),
        lambda: dict(memory.items())["b"].sort(),
        lambda: plain["a"].pop("x"),
        lambda: own["a"]["x"].append(1),
    ):
        with pytest.raises(gossamer.FrozenValue):
            change()
    assert memory == {"a": {"x": 0, "y": [1, {2}]}, "b": [{"x": Colour.RED}, [1], {1}]}


class Whole:
    """What the older library did, as a program's own serializer."""

    def dumps(self, obj: dict[Any, Any]) -> bytes:
        return pickle.dumps(obj)

    def loads(self, data: bytes) -> dict[Any, Any]:
        found: dict[Any, Any] = pickle.loads(data)
        return found


def test_s11_a_copy_may_be_changed_and_assigned(memory):
    memory["a"] = {"x": [0], "of": Colour.RED}
    changed = copy.deepcopy(memory["a"])
    changed["x"].append(1)
    memory["a"] = changed
    memory["b"] = memory["a"]
    popped = memory.pop("a")
    popped["x"].append(2)
    memory.copy()["b"]["x"].append(2)

    assert popped == {"x": [0, 1, 2], "of": Colour.RED}
    assert memory == {"b": {"x": [0, 1], "of": Colour.RED}}


def test_s12_what_is_read_or_written_is_one_item_and_not_all(memory, monkeypatch):
    memory.update(dict.fromkeys(range(2000), "x" * 50))

    def fail(*_: object) -> None:
        raise AssertionError("all keys were looked at")

    with monkeypatch.context() as patched:
        for looks_at_all in ("read", "snapshot", "__iter__", "__reversed__"):
            patched.setattr(gossamer.Cache, looks_at_all, fail)
        memory["new"] = 1
        memory[5] = "y" * 20
        memory[6] = Colour.RED
        memory.update(a=1, b=2)
        del memory["a"]
        assert (memory[5], memory.get(6), memory.pop("b"), memory.setdefault("c", 3)) == ("y" * 20, Colour.RED, 2, 3)
        assert ("new" in memory, "a" in memory, len(memory)) == (True, False, 2002)


@pytest.mark.slow
def test_s12_a_write_takes_as_long_among_many_keys_as_among_few(memory):
    def fastest_s() -> float:
        took = []
        for number in range(100):
            began = time.perf_counter()
            memory["k"] = number
            took.append(time.perf_counter() - began)
        return min(took)

    few = fastest_s()
    memory.update(dict.fromkeys(range(10000), "x" * 90))  # a megabyte: 4 ms to pickle, and as long to read

    assert fastest_s() < 5 * few
