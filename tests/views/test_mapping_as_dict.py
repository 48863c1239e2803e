"""A mesh is a dict: the same calls on both, by the thousand, leave the same state and the same answers."""

from __future__ import annotations

import copy as copying
import pickle
from collections.abc import Mapping, MutableMapping

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from local_copy import Copy

import gossamer

atoms = st.sampled_from(["a", "b", "a/b", "", "ä", b"a", b"", 0, 1, 2, True, False, None])
keys = atoms | st.tuples(atoms) | st.tuples(atoms, atoms)
looked_up = keys | st.sampled_from([0.0, 1.0, -0.0, 1.5, float("nan"), (1.0,), (True, 2.0)])
unhashable = st.sampled_from([[], {}, set(), ([],)])
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3) | st.binary(max_size=3)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2) | st.tuples(inner)
    ),
    max_leaves=4,
)
rows = st.dictionaries(keys, values, max_size=4)


def outcome(call):
    """What a call answers, or the built-in error that it raises, with the key that it names."""
    try:
        return call()
    except KeyError as error:
        return KeyError, error.args
    except TypeError:
        return TypeError


class MeshAgainstDict(RuleBasedStateMachine):
    """Every rule makes one call on both."""

    @initialize(rows=rows)
    def begin(self, rows):
        self.mesh = Copy().mapping
        self.dict: dict = {}
        self.batch = None
        self.mesh.update(rows)
        self.dict.update(rows)

    def both(self, call):
        mine, theirs = outcome(lambda: call(self.mesh)), outcome(lambda: call(self.dict))
        assert mine == theirs

    @rule(key=keys, value=values)
    def put(self, key, value):
        self.both(lambda d: d.__setitem__(key, value))

    @rule(key=looked_up, default=scalars)
    def look_up(self, key, default):
        self.both(lambda d: d[key])
        self.both(lambda d: d.get(key))
        self.both(lambda d: d.get(key, default))
        self.both(lambda d: key in d)
        self.both(lambda d: d.keys().__contains__(key))
        self.both(lambda d: (key, default) in d.items())

    @rule(key=unhashable)
    def look_up_what_cannot_be_a_key(self, key):
        self.both(lambda d: d[key])
        self.both(lambda d: key in d)
        self.both(lambda d: d.get(key))
        self.both(lambda d: d.__delitem__(key))
        self.both(lambda d: d.__setitem__(key, 1))
        if self.dict:  # of an empty dict, pop raises KeyError without a look at the key
            self.both(lambda d: d.pop(key))
        self.both(lambda d: d.setdefault(key, 1))

    @rule(key=keys)
    def delete(self, key):
        self.both(lambda d: d.__delitem__(key))

    @rule(key=keys, default=st.none() | scalars.map(lambda value: (value,)))
    def pop(self, key, default):
        self.both(lambda d: d.pop(key, *default or ()))

    @precondition(lambda self: self.batch is None)
    @rule()
    def popitem(self):
        mine, theirs = outcome(self.mesh.popitem), outcome(self.dict.popitem)
        assert mine == theirs or mine[0] is theirs[0] is KeyError

    @rule(key=keys, value=values)
    def setdefault(self, key, value):
        self.both(lambda d: d.setdefault(key, value))

    @rule(rows=rows, more=st.dictionaries(st.sampled_from(["a", "x"]), values, max_size=2), as_pairs=st.booleans())
    def update(self, rows, more, as_pairs):
        self.both(lambda d: d.update(list(rows.items()) if as_pairs else rows, **more))

    @rule(rows=rows, as_pairs=st.booleans())
    def update_in_place(self, rows, as_pairs):
        given_rows = list(rows.items()) if as_pairs else rows
        self.mesh |= given_rows
        self.dict |= given_rows

    @precondition(lambda self: self.batch is None)
    @rule(rows=rows)
    def unite(self, rows):
        assert ordered(self.mesh | rows) == ordered(self.dict | rows)
        assert ordered(rows | self.mesh) == ordered(rows | self.dict)
        assert type(self.mesh | rows) is dict

    @rule()
    def clear(self):
        self.both(lambda d: d.clear())

    @precondition(lambda self: self.batch is None)
    @rule()
    def begin_batch(self):
        self.before = dict(self.dict)
        self.batch = self.mesh.batch()
        self.batch.__enter__()

    @precondition(lambda self: self.batch is not None)
    @rule(keep=st.booleans())
    def end_batch(self, keep):
        if keep:
            self.batch.__exit__(None, None, None)
            assert self.mesh == self.dict
            self.dict = dict(self.mesh)  # to others, a key deleted and put again in one batch was never away
        else:
            error = ZeroDivisionError()
            assert not self.batch.__exit__(ZeroDivisionError, error, None)
            self.dict = self.before
        self.batch = None

    @invariant()
    def they_look_the_same(self):
        mesh, model = self.mesh, self.dict
        assert mesh == model
        assert model == mesh
        assert mesh.keys() == model.keys()
        assert (len(mesh), bool(mesh), len(mesh.items())) == (len(model), bool(model), len(model.items()))
        if self.batch is not None:
            return
        assert ordered(dict(mesh)) == ordered(mesh.snapshot()) == ordered(mesh.copy()) == ordered(model)
        assert list(reversed(mesh)) == list(reversed(model))
        assert list(reversed(mesh.items())) == list(reversed(model.items()))
        assert list(reversed(mesh.keys())) == list(reversed(model.keys()))
        assert list(mesh.values()) == list(model.values())

    def teardown(self):
        if getattr(self, "batch", None) is not None:
            self.batch.__exit__(None, None, None)
            assert self.mesh == self.dict


def ordered(rows):
    return list(rows.items())


TestMeshAgainstDict = MeshAgainstDict.TestCase
TestMeshAgainstDict.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_a_mesh_is_a_mutable_mapping(mapping):
    assert isinstance(mapping, MutableMapping)
    assert isinstance(mapping, Mapping)


def test_a_missing_key_is_named_as_a_dict_names_it(mapping):
    with pytest.raises(KeyError) as raised:
        mapping["absent"]
    assert raised.value.args == ("absent",)
    with pytest.raises(KeyError) as raised:
        del mapping[("a", 1)]
    assert raised.value.args == (("a", 1),)
    with pytest.raises(KeyError) as raised:
        mapping.pop("absent")
    assert raised.value.args == ("absent",)


def test_a_float_is_looked_up_as_python_does_and_refused_as_a_key_to_write(mapping):
    mapping[1] = "one"

    assert mapping[1.0] == "one"
    assert mapping[True] == "one"
    with pytest.raises(gossamer.InvalidKey, match="float"):
        mapping[1.5] = "x"
    assert mapping == {1: "one"}


def test_a_key_that_cannot_be_one_is_refused_and_nothing_stored(mapping):
    for key in (1.5, object(), frozenset(), ("a", 1.5), "x" * 2000):
        with pytest.raises(gossamer.InvalidKey):
            mapping[key] = 1
        with pytest.raises(gossamer.InvalidKey):
            mapping.set(key, 1)
        with pytest.raises(gossamer.InvalidKey):
            mapping.setdefault(key, 1)
        with pytest.raises(gossamer.InvalidKey):
            mapping.update([("good", 1), (key, 1)])

    assert len(mapping) == 0


def test_what_is_read_is_frozen_and_says_what_to_do(mapping):
    mapping["list"], mapping["dict"], mapping["set"] = [1, [2]], {"a": {"b": 1}}, {1, 2}

    for change in (
        lambda: mapping["list"].append(3),
        lambda: mapping["list"][1].append(3),
        lambda: mapping["dict"].update(c=1),
        lambda: mapping["dict"]["a"].__setitem__("b", 2),
        lambda: mapping["set"].add(3),
        lambda: mapping.snapshot()["list"].append(3),
        lambda: next(iter(mapping.values())).append(3),
        lambda: mapping.setdefault("new", []).append(3),
    ):
        with pytest.raises(gossamer.FrozenValue):
            change()
    assert (mapping["list"], mapping["dict"], mapping["set"]) == ([1, [2]], {"a": {"b": 1}}, {1, 2})


def test_what_was_written_may_be_changed_afterwards_without_harm(mapping):
    mine = [1, 2]
    mapping["x"] = mine
    mine.append(3)

    assert mapping["x"] == [1, 2]


def test_what_cannot_travel_is_refused_with_its_path_and_nothing_is_stored(mapping):
    mapping["x"] = "before"
    for write in (
        lambda value: mapping.__setitem__("x", value),
        lambda value: mapping.set("x", value),
        lambda value: mapping.setdefault("y", value),
        lambda value: mapping.update(z=1, x=value),
    ):
        with pytest.raises(gossamer.UnsendableValue, match=r'value\["rows"\]\[1\] is an object'):
            write({"rows": [1, object()]})

    assert mapping == {"x": "before"}


def test_a_value_that_is_too_large_is_refused_and_nothing_is_stored(make_copy):
    mapping = make_copy(options=gossamer.Options(value_bytes_max=1000)).mapping
    mapping["x"] = "before"

    for write in (lambda v: mapping.__setitem__("x", v), lambda v: mapping.set("x", v), lambda v: mapping.update(x=v)):
        with pytest.raises(gossamer.ValueTooLarge, match="value_bytes_max = 1000"):
            write(b"x" * 1001)

    assert mapping == {"x": "before"}


def test_a_mesh_shows_itself_as_a_dict_does(mapping):
    mapping["a"], mapping[1] = [1], None

    assert repr(mapping) == "LocalMesh('ours', {'a': [1], 1: None})"
    assert repr(mapping.snapshot()) == "{'a': [1], 1: None}"


def test_a_mesh_has_no_hash_and_is_not_pickled_but_its_snapshot_is(mapping):
    mapping["a"] = {"b": [1, (2,)]}

    with pytest.raises(TypeError, match="unhashable"):
        hash(mapping)
    for how in (pickle.dumps, copying.copy, copying.deepcopy):
        with pytest.raises(TypeError, match="snapshot"):
            how(mapping)
    assert pickle.loads(pickle.dumps(mapping.snapshot())) == mapping
    assert copying.deepcopy(mapping.snapshot()) == mapping


def test_popitem_of_an_empty_mesh_raises_as_a_dict_does(mapping):
    with pytest.raises(KeyError, match="empty"):
        mapping.popitem()


def test_update_is_all_or_nothing(mapping):
    with pytest.raises(ValueError, match="unpack"):
        mapping.update([("a", 1), ("b", 2, 3)])

    assert mapping == {}


def test_a_mesh_equals_a_mesh_that_shows_the_same(make_copy):
    one, other = make_copy("one").mapping, make_copy("other").mapping
    one.update(a=1, b=[2])
    other.update(b=[2], a=1)

    assert one == other
    assert one != {"a": 1}
    assert one != [("a", 1)]
