"""A scope: part of the mesh, as a mapping of its own."""

from __future__ import annotations

import pytest

import gossamer


@pytest.fixture
def bench(mapping):
    mapping.update({"bench/3/temp": 21.5, "bench/30": "other", "bench/3": "itself", ("bench/3/", 1): "tuple", 7: "int"})
    return mapping.scope("bench/3")


def test_a_scope_shows_what_stands_below_its_prefix_without_it(mapping, bench):
    mapping["bench/3/fan/rpm"] = 900

    assert bench == {"temp": 21.5, "fan/rpm": 900}
    assert (len(bench), list(bench), list(reversed(bench))) == (2, ["temp", "fan/rpm"], ["fan/rpm", "temp"])
    assert list(bench.items()) == [("temp", 21.5), ("fan/rpm", 900)]
    assert repr(bench) == "Scope('bench/3/', {'temp': 21.5, 'fan/rpm': 900})"
    assert bench.scope("fan") == {"rpm": 900}


def test_a_scope_writes_into_the_mesh(mapping, bench):
    bench["fan"] = 1
    bench.set("door", "open", ttl=60)
    bench.update(lamp=True)
    assert bench.setdefault("lamp", False) is True
    assert bench.pop("temp") == 21.5
    del bench["fan"]
    bench |= {"x": 1}

    assert bench == {"door": "open", "lamp": True, "x": 1}
    assert {key for key in mapping if type(key) is str} == {
        "bench/3",
        "bench/30",
        "bench/3/door",
        "bench/3/lamp",
        "bench/3/x",
    }


def test_clearing_a_scope_leaves_the_rest(mapping, bench):
    bench.clear()

    assert bench == {}
    assert mapping == {"bench/30": "other", "bench/3": "itself", ("bench/3/", 1): "tuple", 7: "int"}


def test_a_scope_names_keys_as_its_user_does(bench):
    for call in (lambda: bench["absent"], lambda: bench.pop("absent"), lambda: bench.__delitem__("absent")):
        with pytest.raises(KeyError) as raised:
            call()
        assert raised.value.args == ("absent",)


def test_what_is_no_str_is_never_in_a_scope_and_cannot_be_put_there(bench):
    for key in (1, 1.5, None, ("a",), b"temp"):
        assert key not in bench
        assert bench.get(key) is None
        assert bench.pop(key, "default") == "default"
        with pytest.raises(gossamer.InvalidKey, match="a str"):
            bench[key] = 1
    with pytest.raises(TypeError):
        bench[[]]


def test_popitem_takes_the_last_and_then_raises(bench):
    bench["x"] = 1

    assert [bench.popitem(), bench.popitem()] == [("x", 1), ("temp", 21.5)]
    with pytest.raises(KeyError, match="empty"):
        bench.popitem()


def test_a_scope_takes_part_in_a_batch(mapping, bench):
    with mapping.batch():
        bench["x"] = 1
        assert bench == {"temp": 21.5, "x": 1}
        bench.clear()
        assert bench == {}

    assert bench == {}


@pytest.mark.parametrize("prefix", ["", "/", 7, None])
def test_a_scope_needs_a_prefix(mapping, prefix):
    with pytest.raises(gossamer.ConfigurationError, match="prefix"):
        mapping.scope(prefix)


def test_a_slash_at_the_end_of_a_prefix_makes_no_difference(mapping):
    mapping["a/b"] = 1

    assert mapping.scope("a") == mapping.scope("a/") == {"b": 1}
