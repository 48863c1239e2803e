"""Batches and deltas as columns: parallel arrays that C iterators take apart and put together.

A batch of an origin, with sequences in (after, until], is
            [keys, sequences | null, stamps, values, metas, origins, past]
    sequences  null when none was left out, else the distance from each to the one before;
    stamps     [first, distances], or [first] when all are the same;
    metas      flat [index, meta, ...] of the writes that carry flags or an expiry;
    past       flat [index, origin index, sequence, ...] of the dots that a write replaced.

A delta part is  [origins, keys, owners, sequences, stamps, values, metas, more, deletes]
    of which the first len(values) keys have a write each, the rest only kept deletes;
    owners     an origin index, or a column of them;
    more       flat [key index, origin index, sequence, stamp, value, meta, ...], further siblings;
    deletes    flat [key index, origin index, sequence, ...].
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate, repeat
from operator import sub
from typing import Any

from ..crdt.clock import STAMP_MAX
from ..crdt.dots import ORIGIN_BYTES, SEQUENCE_MAX, Dot, Origin
from ..crdt.writes import (
    EXPIRES,
    EXPIRY_UNIT,
    META,
    ORIGIN,
    SEQUENCE,
    STAMP,
    VALUE,
    Batch,
    Held,
    Key,
    Write,
    each,
    make_writes,
    pack,
)
from ..errors import Malformed
from .bounds import crowd_hashes
from .heads import ARRAY, NULL, encode_bytes, encode_integer, encode_text, head
from .keys import keys_from_wire, keys_to_wire
from .strict import encode

META_MAX = (1 << 62) - 1
_ZERO = encode_integer(0)
_NONE, _ONE, _PAIR_OF_ZERO = head(ARRAY, 0), head(ARRAY, 1), head(ARRAY, 2) + _ZERO
_SEVEN_COLUMNS_OF_ONE = head(ARRAY, 7) + _ONE
_VALUE_TYPES = {bytes, type(None)}


# -- batches ------------------------------------------------------------------------------------


def encode_batch_columns(batch: Batch) -> bytes:
    """Return the columns of `batch` as bytes."""
    if len(batch.writes) == 1 and type(batch.keys[0]) is str:
        return _lone_write(batch)
    return encode(batch_columns(batch))


def _lone_write(batch: Batch) -> bytes:
    """Return the same bytes for a batch of one write, as an idle peer sends them, in half the time."""
    stamp, _, sequence, value, meta = batch.writes[0]
    table = _OriginTable()
    past: list[bytes] = []
    for origin, replaced in batch.past.get(0, ()):
        past += (_ZERO, encode_integer(table.index(origin)), encode_integer(replaced))
    return b"".join(
        (
            _SEVEN_COLUMNS_OF_ONE,
            encode_text(batch.keys[0]),  # type: ignore[arg-type]  # the caller has looked
            NULL if batch.until - batch.after == 1 else _ONE + encode_integer(sequence - batch.after),
            _ONE,
            encode_integer(stamp),
            _ONE,
            NULL if value is None else encode_bytes(value),
            _PAIR_OF_ZERO + encode_integer(meta) if meta else _NONE,
            head(ARRAY, len(table.origins)),
            *map(encode_bytes, table.origins),
            head(ARRAY, len(past)),
            *past,
        )
    )


def batch_columns(batch: Batch) -> list[Any]:
    """Return the columns of `batch`."""
    writes = batch.writes
    stamps = list(map(STAMP, writes))
    values, metas = list(map(VALUE, writes)), list(map(META, writes))
    table = _OriginTable()
    past: list[int] = []
    if batch.past:
        for index, dots in batch.past.items():
            for origin, sequence in dots:
                past += (index, table.index(origin), sequence)
    return [
        keys_to_wire(batch.keys),
        None if len(writes) == batch.until - batch.after else _distances(list(map(SEQUENCE, writes)), batch.after),
        _packed_stamps(stamps),
        values,
        _sparse(metas),
        table.origins,
        past,
    ]


def batch_from_columns(origin: Origin, after: int, until: int, tag: bytes, columns: Any) -> Batch:
    """Return the batch that `columns` describe; raise Malformed if they contradict each other."""
    if type(columns) is not list or len(columns) < 7:
        raise Malformed("a batch with too few columns")
    wire_keys, gaps, stamps, values, metas, origins, past = columns[:7]
    keys = _keys(wire_keys)
    count = len(_column(values))
    if len(keys) != count or count > until - after or not set(map(type, values)) <= _VALUE_TYPES:
        raise Malformed("a batch whose columns differ in length or type")
    sequences: Iterable[int]
    if gaps is None:
        if count != until - after:
            raise Malformed("a batch that leaves out writes without saying which")
        sequences = range(after + 1, until + 1)
    else:
        sequences = _rising(gaps, after, until, count)
    rows = zip(_stamps(stamps, count), repeat(origin), sequences, values, _dense(metas, count), strict=False)
    writes = list(make_writes(rows))
    if None in values:
        _check_deletes(writes)
    replaced = _dots(past, _origins(origins), count, "a past that names no write")
    return Batch(origin, after, until, keys, writes, replaced, tag)


# -- parts of a delta ---------------------------------------------------------------------------


def part_columns(siblings: dict[Key, Held], deletes: dict[Key, tuple[Dot, ...]]) -> list[Any]:
    """Return the columns of some keys of a delta."""
    table = _OriginTable()
    keys: list[Key] = []
    firsts: list[Write] = []
    bare: list[Key] = []
    more: list[Any] = []
    for key, held in siblings.items():
        if isinstance(held, Write):
            keys.append(key)
            firsts.append(held)
        elif held is None:
            bare.append(key)
        else:
            for write in held[1:]:
                more += (len(keys), table.index(write.origin), write.sequence, write.stamp, write.value, write.meta)
            keys.append(key)
            firsts.append(held[0])
    stamps, owners, sequences = list(map(STAMP, firsts)), map(ORIGIN, firsts), list(map(SEQUENCE, firsts))
    values, metas = list(map(VALUE, firsts)), list(map(META, firsts))
    keys += bare
    flat: list[int] = []
    if deletes:
        for index, key in enumerate(keys):
            for origin, sequence in deletes.get(key, ()):
                flat += (index, table.index(origin), sequence)
    indices = list(map(table.index, owners))
    return [
        table.origins,
        keys_to_wire(keys),
        indices[0] if len(set(indices)) == 1 else indices,
        _distances(sequences, 0),
        _packed_stamps(stamps),
        values,
        _sparse(metas),
        more,
        flat,
    ]


def part_from_columns(columns: Any) -> tuple[dict[Key, Held], dict[Key, tuple[Dot, ...]]]:
    """Return (siblings, deletes) by key; raise Malformed if the columns contradict each other."""
    if type(columns) is not list or len(columns) < 9:
        raise Malformed("a delta with too few columns")
    origins, wire_keys, owners, distances, stamps, values, metas, more, flat = columns[:9]
    table = _origins(origins)
    keys = _keys(wire_keys)
    count = len(_column(values))
    if count > len(keys) or len(set(keys)) != len(keys) or not set(map(type, values)) <= {bytes}:
        raise Malformed("a delta whose columns differ in length or type, or that names a key twice")
    sequences = list(accumulate(_integers(distances, count)))
    if count and not (min(sequences) > 0 and max(sequences) <= SEQUENCE_MAX):
        raise Malformed("a delta with an impossible sequence")
    rows = zip(
        _stamps(stamps, count), _owners(owners, table, count), sequences, values, _dense(metas, count), strict=False
    )
    siblings: dict[Key, Held] = dict(zip(keys, make_writes(rows), strict=False))
    for key in keys[count:]:
        siblings[key] = None
    if more:
        _add_siblings(siblings, keys[:count], table, _column(more))
    dots = _dots(flat, table, len(keys), "a delete that names no key")
    deletes = {keys[index]: of_key for index, of_key in dots.items()}
    if any(key not in deletes for key in keys[count:]):
        raise Malformed("a delta that names a key without saying anything of it")
    return siblings, deletes


def _add_siblings(siblings: dict[Key, Held], keys: list[Key], table: list[Origin], flat: list[Any]) -> None:
    if len(flat) % 6:
        raise Malformed("a delta with torn siblings")
    gathered: dict[Key, list[Write]] = {}
    for at in range(0, len(flat), 6):
        index, owner, sequence, stamp, value, meta = flat[at : at + 6]
        if (
            not all(type(n) is int and n >= 0 for n in (index, owner, sequence, stamp, meta))
            or type(value) is not bytes
        ):
            raise Malformed("a sibling with a field of the wrong type")
        if index >= len(keys) or owner >= len(table) or not 0 < sequence <= SEQUENCE_MAX or stamp > STAMP_MAX:
            raise Malformed("a sibling that names no key or no possible write")
        _check_meta(meta)
        gathered.setdefault(keys[index], []).append(Write(stamp, table[owner], sequence, value, meta))
    for key, others in gathered.items():
        writes = [*each(siblings[key]), *others]
        if len({write.dot for write in writes}) != len(writes):
            raise Malformed("two siblings under one dot")
        siblings[key] = pack(writes)


def _owners(owners: Any, table: list[Origin], count: int) -> Iterable[Origin]:
    if type(owners) is int and count:
        owners = [owners] * count
    indices = _integers(owners if count else [], count)
    if indices and not (min(indices) >= 0 and max(indices) < len(table)):
        raise Malformed("an origin that is not in the table")
    return map(table.__getitem__, indices)


# -- columns ------------------------------------------------------------------------------------


class _OriginTable:
    """Origins stand once in a message; writes use their index."""

    __slots__ = ("_indices", "origins")

    def __init__(self) -> None:
        self.origins: list[Origin] = []
        self._indices: dict[Origin, int] = {}

    def index(self, origin: Origin) -> int:
        """Return the place of `origin` in the table, entering it if it is new."""
        index = self._indices.get(origin)
        if index is None:
            index = self._indices[origin] = len(self.origins)
            self.origins.append(origin)
        return index


def _distances(numbers: Sequence[int], start: int) -> list[int]:
    return list(map(sub, numbers, (start, *numbers)))


def _packed_stamps(stamps: Sequence[int]) -> list[Any]:
    if len(stamps) < 2:
        return list(stamps)
    distances = list(map(sub, stamps[1:], stamps))
    return [stamps[0], distances] if any(distances) else [stamps[0]]


def _stamps(packed: Any, count: int) -> Iterable[int]:
    if not count:
        return ()
    if type(packed) is not list or not packed or type(packed[0]) is not int or not 0 <= packed[0] <= STAMP_MAX:
        raise Malformed("a column of stamps that is none")
    if len(packed) == 1:
        return repeat(packed[0], count)
    stamps = list(accumulate(_integers(packed[1], count - 1), initial=packed[0]))
    if not (min(stamps) >= 0 and max(stamps) <= STAMP_MAX):
        raise Malformed("a stamp out of range")
    return stamps


def _rising(gaps: Any, after: int, until: int, count: int) -> list[int]:
    distances = _integers(gaps, count)
    sequences = list(accumulate(distances, initial=after))
    if (distances and min(distances) < 1) or sequences[-1] > until:
        raise Malformed("sequences that do not rise within their batch")
    return sequences[1:]


def _sparse(metas: Sequence[int]) -> list[int]:
    return [number for index, meta in enumerate(metas) if meta for number in (index, meta)] if any(metas) else []


def _dense(flat: Any, count: int) -> Iterable[int]:
    if not _column(flat):
        return repeat(0, count)
    metas = [0] * count
    numbers = _integers(flat, len(flat))
    if len(numbers) % 2 or min(numbers) < 0:
        raise Malformed("a torn column of flags")
    if len(set(numbers[::2])) * 2 != len(numbers):
        raise Malformed("flags that name a write twice")
    for index, meta in zip(numbers[::2], numbers[1::2], strict=True):
        if index >= count:
            raise Malformed("flags of no write")
        _check_meta(meta)
        metas[index] = meta
    return metas


def _check_meta(meta: int) -> None:
    if meta > META_MAX or bool(meta & EXPIRES) != (meta >= EXPIRY_UNIT):
        raise Malformed("flags that contradict themselves")


def _check_deletes(writes: list[Write]) -> None:
    if any(write.value is None and write.meta & EXPIRES for write in writes):
        raise Malformed("a delete that expires")


def _dots(flat: Any, table: list[Origin], count: int, refusal: str) -> dict[int, tuple[Dot, ...]]:
    # Gathered in lists: one index may name all dots, and a tuple that grew by each would cost their square.
    dots: defaultdict[int, list[Dot]] = defaultdict(list)
    for index, owner, sequence in _triples(flat):
        if index >= count or owner >= len(table) or not 0 < sequence <= SEQUENCE_MAX:
            raise Malformed(refusal)
        dots[index].append(Dot(table[owner], sequence))
    return {index: tuple(of_index) for index, of_index in dots.items()}


def _triples(flat: Any) -> Iterable[tuple[int, int, int]]:
    if not _column(flat):
        return ()
    numbers = _integers(flat, len(flat))
    if len(numbers) % 3 or min(numbers) < 0:
        raise Malformed("a torn column of dots")
    return zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)


def _keys(column: Any) -> list[Key]:
    keys = keys_from_wire(_column(column))
    # Anyone can make tuples of integers with one hash; the hash of a text is this process's secret.
    if keys is not column and crowd_hashes(keys):
        raise Malformed("keys that were made to have one hash")
    return keys


def _integers(column: Any, count: int) -> list[int]:
    if type(column) is not list or len(column) != count or not set(map(type, column)) <= {int}:
        raise Malformed("a column of numbers that is none")
    return column


def _column(column: Any) -> list[Any]:
    if type(column) is not list:
        raise Malformed("a column that is none")
    return column


def _origins(origins: Any) -> list[Origin]:
    for origin in _column(origins):
        _check_origin(origin)
    table: list[Origin] = origins
    return table


def _check_origin(origin: Any) -> None:
    if type(origin) is not bytes or len(origin) != ORIGIN_BYTES:
        raise Malformed("an origin that is not 12 bytes")
