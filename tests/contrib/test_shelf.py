"""What the adapters of caches have in common, by itself."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter, OrderedDict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

import gossamer
from gossamer import ConfigurationError, SecretError
from gossamer.contrib.sealed_pickle import PickleSeal, SealedPickle
from gossamer.contrib.shelf import Shelf

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def shelf(mesh_name: str, mesh_port: int) -> Iterator[Shelf]:
    shelf = Shelf(mesh_name, port=mesh_port, timeout=20)
    yield shelf
    shelf.close()


class Pickled(str):
    """No type that travels."""


VALUES = [
    *(None, True, 0, 1 << 70, 1.5, "x", b"x", "", (), (1, [2]), {"a": [1, {2}]}, {1, 2}, frozenset({1}), date.max),
    *(Decimal("1.5"), OrderedDict(a=1), Counter("aab"), Pickled("x"), [Pickled("x")], 3 + 4j, bytearray(b"x")),
]


def test_a_value_of_any_type_comes_back_equal_and_of_its_type(shelf):
    for value in VALUES:
        shelf.set("x", value)

        assert shelf.get("x") == value
        assert type(shelf.get("x")) is type(value)


def test_what_was_got_may_be_changed_and_what_is_there_stays(shelf):
    shelf.set("x", {"a": [1], "b": ({2},)})

    found = shelf.get("x")
    found["a"].append(2)
    found["b"][0].add(3)
    found["c"] = 1

    assert shelf.get("x") == {"a": [1], "b": ({2},)}


def test_a_value_that_cannot_be_pickled_raises_and_what_was_there_stays(shelf):
    shelf.set("x", 1)

    with pytest.raises(Exception, match="pickle"):
        shelf.set("x", lambda: 1)

    assert shelf.get("x") == 1


def test_shelves_of_one_mesh_do_not_see_each_other_unless_they_are_one(shelf, mesh_name, mesh_port):
    same = Shelf(f"{mesh_name}/cache", port=mesh_port, timeout=20)
    other = Shelf(f"{mesh_name}/other", port=mesh_port, timeout=20)
    shelf.set("x", 1)
    other.set("y", 2)

    assert (same.keys(), other.keys()) == (["x"], ["y"])
    shelf.clear()
    assert (len(same), len(other)) == (0, 1)


def test_two_shelves_of_one_mesh_must_join_it_alike(shelf, mesh_name, mesh_port):
    shelf.set("x", 1)

    with pytest.raises(ConfigurationError, match="other arguments"):
        Shelf(f"{mesh_name}/other", port=mesh_port, timeout=20, nickname="another").get("x")


@pytest.mark.parametrize("location", ["", "/cache", "lab/cache/old"])
def test_a_location_names_a_mesh_and_at_most_one_prefix(location):
    with pytest.raises(ConfigurationError, match="names no shelf"):
        Shelf(location)


def test_each_way_to_write(shelf, eventually):
    assert (shelf.insert("x", [1]), shelf.insert("x", 2), shelf.get("x")) == (True, False, [1])
    token = shelf.token("x")
    assert token is not None
    assert (shelf.replace("x", token, 3), shelf.replace("x", token, 4)) == (True, False)
    assert (shelf.add("x", 2), shelf.add("x", -0.5), shelf.get("x")) == (5, 4.5, 4.5)
    assert (shelf.discard("x"), shelf.discard("x"), shelf.token("x"), shelf.touch("x", 1)) == (True, False, None, False)
    shelf.set_many({"a": 1, "b": 2j, "c": [3]})
    assert shelf.get_many(["a", "b", "c", "d"]) == {"a": 1, "b": 2j, "c": [3]}
    assert (shelf.keys(), "a" in shelf, "d" in shelf) == (["a", "b", "c"], True, False)
    assert (shelf.discard_many(["a", "d", "b"]), shelf.keys()) == (["a", "b"], ["c"])


def test_what_was_compared_is_what_is_removed(shelf, monkeypatch):
    shelf.set("x", "mine")
    token = shelf.token("x")
    shelf.set("x", "another's")
    monkeypatch.setattr(shelf, "token", lambda key: token)  # as who looked just before

    assert not shelf.replace("x", token, None, ttl=0)
    assert shelf.get("x") == "another's"
    shelf.set("x", "mine")
    assert shelf.replace("x", token, None, ttl=0)
    assert "x" not in shelf


def test_only_to_a_number_can_be_added(shelf):
    for value in (True, "1", None, [1]):
        shelf.set("x", value)
        with pytest.raises(TypeError, match="no number"):
            shelf.add("x", 1)
    with pytest.raises(KeyError):
        shelf.add("y", 1)


def test_a_life_may_end_at_once_soon_or_never(shelf, eventually):
    shelf.set("at once", 1)
    shelf.set("at once", 2, ttl=0)
    shelf.set("soon", [1], ttl=1.0)
    shelf.set("longer", 1, ttl=1.0)
    shelf.touch("longer", None)
    shelf.set("overwritten", 1, ttl=1.0)
    shelf.set("overwritten", 2)
    shelf.set("counted", 1, ttl=1.0)
    shelf.add("counted", 1)
    assert shelf.keys() == ["soon", "longer", "overwritten", "counted"]

    eventually(lambda: len(shelf) == 2)
    assert shelf.keys() == ["longer", "overwritten"]
    assert shelf.insert("soon", 2)


def add_a_hundred(name: str, port: int) -> None:
    shelf = Shelf(name, port=port, timeout=20)
    for _ in range(100):
        shelf.add("count", 1)


def test_what_several_processes_add_is_all_there(shelf, mesh_name, mesh_port):
    shelf.set("count", 0)
    processes = [SPAWN.Process(target=add_a_hundred, args=(mesh_name, mesh_port)) for _ in range(2)]
    for process in processes:
        process.start()
    add_a_hundred(mesh_name, mesh_port)
    for process in processes:
        process.join(60)

    assert ([process.exitcode for process in processes], shelf.get("count")) == ([0, 0], 300)


def test_a_forked_child_uses_the_shelf_of_its_parent(shelf, eventually):
    shelf.set("x", 1j)
    child = os.fork()
    if not child:
        try:
            shelf.set("y", shelf.get("x") + 1)
        finally:
            os._exit(0)
    os.waitpid(child, 0)

    assert shelf.get("y") == 1 + 1j


# -- seals ----------------------------------------------------------------------------------------------------


class Trap:
    """What would run code when it is unpickled."""

    def __reduce__(self) -> Any:
        return (pytest.fail, ("it was unpickled",))


def test_a_pickle_that_was_not_sealed_with_the_secret_is_not_unpickled(shelf, mesh_name):
    shelf.set("x", 1)
    with gossamer.attach(mesh_name) as cache:
        for sealed in (PickleSeal(b"k" * 32).sealed(Trap()), SealedPickle(b""), SealedPickle(b"x" * 100)):
            cache["cache/x"] = sealed
            with pytest.raises(SecretError, match="secret"):
                shelf.get("x")


def test_a_mesh_open_to_everybody_takes_no_pickles(mesh_name, mesh_port):
    shelf = Shelf(mesh_name, port=mesh_port, timeout=20, insecure_lan=True, interfaces=["lo"])
    try:
        shelf.set("x", [1])
        with pytest.raises(SecretError, match="open to everybody"):
            shelf.set("x", 1j)
        assert shelf.get("x") == [1]
    finally:
        shelf.close()
