"""The ground of objects that merge: rows on hidden keys of the same map."""

from __future__ import annotations

import threading

import pytest

from gossamer.errors import InvalidKey, UnsendableValue
from gossamer.views.space import GONE, UNREADABLE
from gossamer.wire.keys import SpaceKey

NUMBER = 200


def rows(copy, name="it"):
    return dict(copy.mapping._space(NUMBER).rows(name))


def write(copy, *written, name="it"):
    copy.mapping._space(NUMBER).write(name, written)


def test_rows_are_read_where_they_were_written_and_where_they_were_heard(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")

    write(ours, ("a", 1), (("b", 2), [1, 2]))
    write(ours, ("a", 3), name="another")
    theirs.hear(ours)

    assert rows(ours) == rows(theirs) == {"a": 1, ("b", 2): [1, 2]}
    assert sorted(theirs.mapping._space(NUMBER).names()) == ["another", "it"]
    assert theirs.mapping._space(NUMBER + 1).names() == []


def test_no_way_of_looking_at_the_dict_shows_rows(copy):
    mapping, watcher = copy.mapping, copy.watch()
    mapping["k"] = 1
    write(copy, ("a", 1), ("b", 2))
    write(copy, ("a", GONE))

    assert (len(mapping), list(mapping), mapping.snapshot()) == (1, ["k"], {"k": 1})
    assert (list(reversed(mapping)), dict(mapping), mapping.copy()) == (["k"], {"k": 1}, {"k": 1})
    assert (repr(mapping), mapping.conflicts(), mapping == {"k": 1}) == ("LocalMesh('ours', {'k': 1})", {}, True)
    assert (mapping.scope("it").snapshot(), len(mapping.scope("it"))) == ({}, 0)
    hidden = SpaceKey(NUMBER, ("it", "b"))
    assert (hidden in mapping, mapping.get(hidden), mapping.pop(hidden, None), mapping.conflicts(hidden)) == (
        False,
        None,
        None,
        (),
    )
    for touch in (mapping.entry, mapping.__getitem__, mapping.__delitem__):
        with pytest.raises(KeyError):
            touch(hidden)
    with pytest.raises(InvalidKey):
        mapping[hidden] = 1
    assert watcher.told() == [("k", None, 1)]

    assert mapping.popitem() == ("k", 1)
    mapping.clear()
    with pytest.raises(KeyError):
        mapping.popitem()
    assert (len(mapping), mapping.snapshot()) == (0, {})
    assert rows(copy) == {"b": 2}


def test_a_join_into_an_empty_copy_counts_rows_apart_whether_or_not_they_are_used(make_copy):
    ours, theirs, late = make_copy(), make_copy("theirs"), make_copy("late")
    late.mapping._space(NUMBER)
    ours.mapping["k"] = 1
    write(ours, ("a", 1), ("b", 2))

    theirs.hear(ours)
    late.hear(ours)

    assert (len(theirs.mapping), len(late.mapping)) == (1, 1)
    assert rows(late) == rows(theirs) == {"a": 1, "b": 2}


def test_what_another_removes_leaves_the_index(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")
    write(ours, ("a", 1), ("b", 2))
    ours.meet(theirs)
    rows(theirs)

    write(ours, ("a", GONE), ("b", GONE))
    ours.meet(theirs)

    assert rows(theirs) == {}
    assert theirs.mapping._space(NUMBER).names() == []
    assert len(theirs.mapping) == 0


def test_a_row_that_expires_leaves_the_index_and_the_count_stays_right(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")
    ours.mapping["k"] = 1
    ours.mapping._space(NUMBER).write("it", [("a", 1)], ttl=5)
    ours.meet(theirs)
    assert rows(theirs) == {"a": 1}

    theirs.later(6)
    assert rows(theirs) == {}
    assert len(theirs.mapping) == 1
    theirs.ledger.bury(theirs.clock_ms + 10**9)
    assert len(theirs.mapping) == 1
    write(theirs, ("a", 2))

    assert (len(theirs.mapping), rows(theirs)) == (1, {"a": 2})


def test_a_row_that_lapsed_and_is_written_again_is_counted_once(make_copy):
    copy = make_copy()
    copy.mapping._space(NUMBER).write("it", [("a", 1)], ttl=5)
    copy.later(6)
    assert len(copy.mapping) == 0

    write(copy, ("a", 2))
    assert len(copy.mapping) == 0
    write(copy, ("a", GONE))

    assert (len(copy.mapping), rows(copy)) == (0, {})


def test_a_batch_takes_dict_keys_and_rows_together_or_none(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")
    seen: list[object] = []
    with pytest.raises(ZeroDivisionError), ours.mapping.batch():
        write(ours, ("a", 1 // len(rows(ours))))
    assert rows(ours) == {}

    with ours.mapping.batch():
        ours.mapping["k"] = 1
        write(ours, ("a", 1), ("b", 2))
        write(ours, ("b", GONE), ("c", 3))
        assert rows(ours) == {"a": 1, "c": 3}
        outside = threading.Thread(target=lambda: seen.append(rows(ours)))
        outside.start()
        outside.join()
    theirs.mapping._space(NUMBER).watch("it", lambda parts: seen.append((sorted(parts), len(theirs.ledger.state.live))))
    theirs.hear(ours)

    assert seen == [{}, (["a", "c"], 3)]
    assert rows(ours) == rows(theirs) == {"a": 1, "c": 3}


def test_a_change_in_a_batch_is_decided_again_when_the_batch_is_made(copy):
    space = copy.mapping._space(NUMBER)

    def one_more(rows):
        return [("n", rows.get("n", 0) + 1)]

    with copy.mapping.batch():
        space.change("it", one_more)
        space.change("it", one_more)
        other = threading.Thread(target=space.change, args=("it", one_more))
        other.start()
        other.join()
        assert rows(copy) == {"n": 2}

    assert rows(copy) == {"n": 3}


def test_threads_lose_nothing_to_each_other(copy, eager_threads):
    space = copy.mapping._space(NUMBER)

    def count():
        for _ in range(200):
            space.change("it", lambda rows: [("n", rows.get("n", 0) + 1)])

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert rows(copy) == {"n": 1600}


def test_a_change_that_decides_nothing_or_raises_writes_nothing(copy):
    space = copy.mapping._space(NUMBER)

    space.change("it", lambda rows: None)
    space.change("it", lambda rows: [("a", GONE)])
    with pytest.raises(ZeroDivisionError):
        space.change("it", lambda rows: [("a", 1 // 0)])
    with pytest.raises(UnsendableValue):
        space.change("it", lambda rows: [("a", 1), ("b", object())])
    with pytest.raises(UnsendableValue):
        space.write("it", [("a", 1), ("b", object())])
    with pytest.raises(UnsendableValue), copy.mapping.batch():
        space.write("it", [("a", 1), ("b", object())])

    assert (rows(copy), copy.ledger.writes) == ({}, 0)


def test_a_watcher_that_raises_harms_no_other_and_no_writer(copy, caplog):
    space, told = copy.mapping._space(NUMBER), []

    def bad(parts):
        raise ZeroDivisionError

    space.watch("it", bad)
    space.watch("it", told.append)
    write(copy, ("a", 1), ("b", 2))
    space.unwatch("it", told.append)
    write(copy, ("a", 2))

    assert told == [["a", "b"]]
    assert "a watcher of an object raised" in caplog.text


def test_concurrent_writes_of_a_row_are_all_readable(make_copy):
    ours, theirs = make_copy(), make_copy("theirs")
    write(ours, ("a", "ours"))
    write(theirs, ("a", "theirs"))
    ours.meet(theirs)

    assert sorted(ours.mapping._space(NUMBER).siblings("it", "a")) == ["ours", "theirs"]
    assert rows(ours) == rows(theirs) == {"a": ours.mapping._space(NUMBER).siblings("it", "a")[0]}
    assert ours.mapping._space(NUMBER).siblings("it", "b") == []
    assert ours.mapping.conflicts() == {}


def test_hostile_rows_harm_only_themselves(copy):
    write(copy, ("a", 1))
    for key in (("it", "bad"), ("it",), "it", ("it", "b", "c"), ("it", ("x", None))):
        copy.ledger.write_many([(SpaceKey(NUMBER, key), b"\xff", 0)], copy.clock_ms)

    assert rows(copy) == {"a": 1, "bad": UNREADABLE, ("x", None): UNREADABLE}
    assert len(copy.mapping) == 0


def test_iterating_rows_walks_a_snapshot(copy):
    space = copy.mapping._space(NUMBER)
    write(copy, ("a", 1), ("b", 2))
    seen = space.rows("it")

    for part in seen:
        write(copy, (part, GONE))
        write(copy, (part + "x", 1))

    assert list(seen) == ["ax", "bx"]
    assert ("ax" in seen, "a" in seen, len(seen), list(seen.values())) == (True, False, 2, [1, 1])


def test_what_a_twin_made_us_put_again_stays_in_the_index(copy):
    write(copy, ("a", 1), ("b", 2))
    old = copy.mapping._space(NUMBER).origin()

    copy.ledger.remint(copy.clock_ms)

    assert copy.mapping._space(NUMBER).origin() != old
    assert (rows(copy), len(copy.mapping)) == ({"a": 1, "b": 2}, 0)
    for part, row in copy.mapping._space(NUMBER)._objects["it"].items():
        assert row.held is copy.mapping._live[SpaceKey(NUMBER, ("it", part))]


def test_a_mesh_that_reads_objects_alone_has_no_origin(copy):
    assert rows(copy) == {}

    assert copy.ledger.origin is None
