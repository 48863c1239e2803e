"""What another process reads in shared memory is what the replica holds, at some moment, whole."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written import NOW_MS, ORIGIN, Written

from gossamer.cache import files, lookup
from gossamer.cache.layout import COMMIT_AT, GENERATION_AT, SIZE_AT, STATE_AT, VERSION_AT
from gossamer.cache.reader import SharedReader, _View
from gossamer.cache.records import Entry, Heads, read_record
from gossamer.cache.segment import Segment
from gossamer.crdt.dots import Dot
from gossamer.crdt.writes import Replaced, Write, expiry_meta, pack
from gossamer.errors import ConfigurationError, Malformed
from gossamer.wire.keys import SpaceKey, canonical_key_bytes
from gossamer.wire.values import encode_value


def test_a_value_is_read_as_it_was_written(written):
    written.put("door", {"open": True, "angle": 12.5})

    assert written.reader()["door"] == {"open": True, "angle": 12.5}


def test_a_reader_sees_what_is_written_and_deleted_after_it_came(written):
    reader = written.reader()
    written.put("a", 1)
    first = reader["a"]
    written.put("a", 2)
    second = reader["a"]
    written.put("a", ...)

    assert (first, second) == (1, 2)
    with pytest.raises(KeyError):
        reader["a"]


@pytest.mark.parametrize("key", ["text", "é", b"bytes", 0, -7, 2**64 - 1, None, (), ("a", (1, None)), True])
def test_every_key_is_found_again(written, key):
    written.put(int(key) if key is True else key, "here")

    assert written.reader()[key] == "here"
    assert list(written.reader().read()) == [key]


def test_a_float_finds_the_int_that_it_equals_and_what_cannot_be_hashed_is_refused(written):
    written.put(3, "three")
    reader = written.reader()

    assert reader[3.0] == "three"
    for absent in (3.5, float("nan"), object(), "x" * 5000):
        with pytest.raises(KeyError):
            reader[absent]
    with pytest.raises(TypeError):
        reader[[3]]


def test_keys_come_in_the_order_in_which_they_were_first_written(written):
    for key in ("c", "a", "b", "a"):
        written.put(key, key)
    written.put("c", ...)
    written.put("c", "again")

    assert list(written.reader()) == ["a", "b", "c"]
    assert len(written.reader()) == 3


def test_a_step_is_seen_whole_or_not_at_all(written, monkeypatch):
    written.step([("x", 1), ("y", 1)])
    reader, seen = written.reader(), []
    put = written.publisher._writer.put

    def put_and_look(key: Any, held: Any, deletes: Any) -> None:
        put(key, held, deletes)
        seen.append((reader["x"], reader["y"], reader.read()))

    monkeypatch.setattr(written.publisher._writer, "put", put_and_look)
    written.step([("x", 2), ("y", 2), ("z", 2)])

    assert seen == [(1, 1, {"x": 1, "y": 1})] * 3
    assert reader.read() == {"x": 2, "y": 2, "z": 2}


def test_a_value_that_expires_is_seen_until_then_though_nobody_writes(written):
    written.step([("soon", 1)], meta=expiry_meta(0, NOW_MS + 1000))
    reader = written.reader()
    assert reader["soon"] == 1

    written.now_ms += 1000

    with pytest.raises(KeyError):
        reader["soon"]
    assert reader.read() == {}


def test_of_several_in_conflict_the_winner_is_seen_and_the_next_when_that_expires(written):
    lasting = Write(5, ORIGIN, 1, encode_value("lasting"))
    passing = Write(9, b"another one!", 1, encode_value("passing"), expiry_meta(0, NOW_MS + 1000))
    held = pack([lasting, passing])
    written.state.live["k"] = held
    written.publisher.replaced([Replaced("k", None, held)], False)
    reader = written.reader()

    assert reader["k"] == "passing"
    written.now_ms += 1000
    assert reader["k"] == "lasting"


def test_the_publisher_may_correct_its_clock_and_readers_follow(written):
    written.step([("soon", 1)], meta=expiry_meta(0, NOW_MS + 1000))
    reader = written.reader()

    written.publisher.beat(0, 5000)

    with pytest.raises(KeyError):
        reader["soon"]


def test_what_objects_keep_in_reserved_spaces_is_hidden_from_the_mapping(written):
    written.step([("seen", 1), (SpaceKey(1, "hidden"), 2)])

    assert written.reader().read() == {"seen": 1}
    assert len(written.reader()) == 1


def test_values_are_kept_decoded_until_they_change(written):
    written.put("a", [1])
    reader = written.reader()
    first = reader["a"]
    written.put("b", 2)

    assert reader["a"] is first
    written.put("a", [1])
    assert reader["a"] == [1]
    assert reader["a"] is not first


def test_many_more_values_than_are_kept_decoded_can_be_read(written, monkeypatch):
    monkeypatch.setattr("gossamer.cache.reader.DECODED_MAX", 10)
    written.step((number, number) for number in range(100))
    reader = written.reader()

    for _ in range(2):
        assert [reader[number] for number in range(100)] == list(range(100))
        assert len(reader.view.places) <= 10


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_thread_that_was_interrupted_notes_nothing_for_a_later_version(written, at):
    class Interrupted(_View):
        """At one look at what is noted, another thread comes in between."""

        looks = 100

        @property
        def fresh(self) -> tuple[int, dict[Any, Any]]:
            Interrupted.looks += 1
            if Interrupted.looks == at:
                written.put("b", 2)
                assert [reader["b"] for _ in range(4)] == [2] * 4
            return self.noted

        @fresh.setter
        def fresh(self, noted: tuple[int, dict[Any, Any]]) -> None:
            self.noted = noted

    written.put("a", 1)
    written.put("b", 1)
    reader = written.reader()
    reader.view = Interrupted(reader.view.segment)
    for key in ("a", "b", "a", "a"):
        assert reader[key] == 1
    Interrupted.looks = 0

    assert reader["b"] in (1, 2)
    interrupted = Interrupted.looks >= at
    Interrupted.looks = 100  # nobody comes any more

    assert interrupted or at == 3
    assert [reader["b"] for _ in range(4)] == [2 if interrupted else 1] * 4


# -- generations ------------------------------------------------------------------------------------------


def test_a_segment_grows_under_its_readers_and_nothing_is_missing(written):
    reader = written.reader()
    for number in range(6000):
        written.put(f"key/{number}", "x" * 100)
        assert reader[f"key/{number // 2}"] == "x" * 100

    assert written.publisher.generations > 2
    assert reader.read() == {f"key/{number}": "x" * 100 for number in range(6000)}


def test_what_is_overwritten_for_ever_takes_no_more_space(written):
    for number in range(60_000):
        written.put(f"key/{number % 10}", number)

    assert written.publisher.generations > 3
    assert Segment.open(written.path).words[SIZE_AT] < 2 << 20
    assert sorted(written.reader().read().values()) == list(range(59_990, 60_000))


def test_keys_that_come_and_go_for_ever_take_no_more_space(written):
    for number in range(20_000):
        written.put(number, number)
        written.put(number, ...)
        written.state.forget(number)

    assert Segment.open(written.path).words[SIZE_AT] < 2 << 20
    assert written.reader().read() == {}


def test_a_step_larger_than_the_segment_is_seen_whole_too(written):
    reader = written.reader()
    written.step([("small", 1), ("large", b"x" * (5 << 20)), *((number, number) for number in range(5000))])

    assert len(reader) == len(reader.read()) == 5002
    assert reader["large"] == b"x" * (5 << 20)


def test_one_move_to_a_new_generation_copies_little_at_once(written, monkeypatch):
    written.step((number, number) for number in range(20_000))
    moved = []
    original = type(written.publisher._writer)._move

    def counted(self: Any, count: int, budget: int) -> bool:
        before = len(self._next.where)
        done = original(self, count, budget)
        moved.append(len(self._next.where) - before)
        return done

    monkeypatch.setattr(type(written.publisher._writer), "_move", counted)
    generations = written.publisher.generations
    number = 0
    while written.publisher.generations == generations:
        written.put(number % 20_000, -number)
        number += 1

    assert max(moved) <= 10
    assert sum(moved) <= 20_000


def test_who_has_an_old_generation_can_finish_reading_it(written):
    written.step((number, 0) for number in range(100))
    segment = Segment.open(written.path)
    commit = segment.words[COMMIT_AT]

    for number in range(50_000):
        written.put(number % 100, number)

    held = [read_record(data) for data in lookup.all_of(segment, commit)]
    assert len(held) == 100
    assert {entry.held.value for entry in held if isinstance(entry, Entry)} == {encode_value(0)}


def test_the_version_only_rises_also_over_generations(written):
    reader, versions = written.reader(), []
    for number in range(12_000):
        written.put(number % 10, number)
        versions.append(reader.version)

    assert written.publisher.generations > 1
    assert versions == sorted(set(versions))


# -- what a taker-over needs ------------------------------------------------------------------------------


def replayed(path: Path) -> tuple[dict[bytes, Entry], dict[bytes, tuple[int, bytes]], dict[bytes, int]]:
    entries: dict[bytes, Entry] = {}
    known: dict[bytes, tuple[int, bytes]] = {}
    forgotten: dict[bytes, int] = {}
    for said in lookup.replay(Segment.open(path)):
        if isinstance(said, Heads):
            known |= said.known
            forgotten |= said.forgotten
        else:
            entries[said.key] = said
    return entries, known, forgotten


def test_the_whole_state_can_be_made_again_from_a_segment(written):
    written.step((number, number) for number in range(100))
    for number in range(0, 100, 2):
        written.put(number, ...)
    conflict = pack([Write(5, ORIGIN, 500, b"\x01"), Write(6, b"another one!", 3, b"\x02")])
    written.state.live["both"] = conflict
    written.state.known.advance(b"another one!", 3, b"tag!")
    written.publisher.replaced([Replaced("both", None, conflict)], False)

    entries, known, _ = replayed(written.path)

    held = {key: entry.held for key, entry in entries.items() if entry.held is not None}
    assert held == {canonical_key_bytes(key): held for key, held in written.state.live.items()}
    deletes = {key: entry.deletes for key, entry in entries.items() if entry.deletes}
    assert deletes == {canonical_key_bytes(key): dots for key, dots in written.state.deletes.items()}
    assert known[b"another one!"] == (3, b"tag!")


def test_each_generation_says_all_heads_and_what_was_forgotten(written):
    written.state.known.advance(b"long gone :-", 77, b"tag.")
    written.state.forgotten[b"long gone :-"] = 70
    written.publisher.replaced([Replaced("k", None, Write(1, b"long gone :-", 77, b"\x01"))], False)
    for number in range(40_000):
        written.put(number % 10, number)

    _, known, forgotten = replayed(written.path)

    assert Segment.open(written.path).words[GENERATION_AT] > 1
    assert known[b"long gone :-"] == (77, b"tag.")
    assert forgotten == {b"long gone :-": 70}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.lists(
            st.tuples(st.integers(0, 6), st.one_of(st.just(...), st.integers(), st.binary(max_size=40))),
            min_size=1,
            max_size=4,
            unique_by=lambda item: item[0],
        ),
        max_size=30,
    ),
    small=st.booleans(),
)
def test_whatever_is_written_a_reader_sees_a_dict_and_every_moment_of_it(tmp_path_factory, steps, small):
    with pytest.MonkeyPatch.context() as patch:
        if small:  # so that there are generations
            patch.setattr("gossamer.cache.generation.LOG_BYTES_MIN", 2000)
            patch.setattr("gossamer.cache.generation.SLOTS_MIN", 16)
        written = Written(tmp_path_factory.mktemp("segment") / "s")
        reader, model = written.reader(), {}
        for step in steps:
            written.step(step)
            for key, value in step:
                model.pop(key, None) if value is ... else model.__setitem__(key, value)
            assert reader.read() == model
            assert list(reader) == list(model)
            assert len(reader) == len(model)
            for key in range(7):
                assert model.get(key, ...) == (reader[key] if key in model else ...)


# -- what can go wrong ------------------------------------------------------------------------------------


def test_where_nobody_publishes_there_is_nothing_to_open(tmp_path):
    with pytest.raises(FileNotFoundError):
        SharedReader(tmp_path / "nothing", lambda: 0)


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"x" * 5000, bytes(8192)])
def test_what_is_no_segment_is_refused(tmp_path, content):
    path = tmp_path / "s"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(Malformed, match="no segment"):
        Segment.open(path)


def test_a_file_that_others_could_write_is_refused(written):
    written.path.chmod(0o620)

    with pytest.raises(PermissionError, match="only this user"):
        Segment.open(written.path)


def test_a_link_is_not_followed(written, tmp_path):
    (tmp_path / "link").symlink_to(written.path)

    with pytest.raises(OSError):
        Segment.open(tmp_path / "link")


def test_a_directory_that_others_can_enter_is_refused(tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)

    with pytest.raises(ConfigurationError, match="only this user"):
        files.make_private(tmp_path / "open")


def test_nobody_else_can_read_a_segment(written):
    assert os.stat(written.path).st_mode & 0o777 == 0o600


def test_a_damaged_record_is_found_out(written):
    written.put("a", "value")
    segment = Segment.open(written.path, writable=True)
    word_at, word = lookup.find(segment, canonical_key_bytes("a"))
    segment.put((word & (1 << 40) - 1) * 8 + 40, b"\xff\xff")

    with pytest.raises(Malformed, match="damaged"):
        written.reader()["a"]
    assert word_at


def test_when_the_disk_is_full_the_publisher_says_so_and_goes_on_without(written, monkeypatch, caplog):
    def no_space(fd: int, start: int, size_bytes: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    written.put("before", 1)
    reader = written.reader()
    monkeypatch.setattr(files, "reserve", no_space)
    for number in range(20_000):
        written.put(number, "x" * 100)

    assert written.publisher.stopped == "No space left on device"
    assert reader.is_full
    assert reader["before"] == 1
    assert "make room" in caplog.text
    assert [path.name for path in written.path.parent.iterdir()] == [written.path.name]


def test_a_publisher_that_ends_leaves_what_is_there_to_be_read(written):
    written.put("a", 1)
    reader = written.reader()
    written.publisher.close()

    assert reader["a"] == 1
    with pytest.raises(FileNotFoundError):
        written.reader()


def test_readers_and_writer_agree_on_what_a_word_is(written):
    segment = Segment.open(written.path)

    assert segment.words.itemsize == 8
    assert segment.words[STATE_AT] == 0
    assert segment.words[VERSION_AT] == 1


def test_what_is_implied_by_an_entry_is_a_head_too(written):
    written.put("a", 1)
    written.put("a", ...)

    entries, _, _ = replayed(written.path)

    assert entries[canonical_key_bytes("a")].deletes == (Dot(ORIGIN, 2),)
