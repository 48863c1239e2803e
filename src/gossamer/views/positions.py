"""Places in a list that many write: bytes, in whose order the elements stand.

1. Between any two places there is another, until `POSITION_BYTES_MAX`; and no two writers, and no
   writer twice, ever make the same one.
2. What one writer puts down in one go, forwards or backwards, stays together: no concurrent
   run comes between its elements, only what was put there on purpose.
3. Appending and prepending cost O(log n) bytes, whoever takes turns at it.

A place is a path of levels *(head, writer, number)*.  Heads count as an index does; those who
append after another take the next head, and those who go on after themselves keep theirs, with
a greater number, or to go on backwards a lesser one.  So a run is all that shares a stem *(head,
writer)*, and nobody else writes there.  Numbers of elements are odd.  What has no room at its level
goes one deeper: below the element that it follows, or below the even number just before the one that
it precedes.  Numbers are each used once by a writer, so a place is never made again, not even
where its first holder was deleted.

Heads and fractions: see Figma's and Weidner's lists; runs that do not interleave: Weidner, Gentle,
Kleppmann (2023), "The Art of the Fugue", arXiv 2305.00583.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeGuard

from ..errors import Malformed

POSITION_BYTES_MAX: Final = 255
"""Bytes of one place.  Reached by some hundred inserts between the last two, each time; `shared_list` then lays the
neighbourhood out anew."""

WRITER_BYTES: Final = 6
"""Bytes of a writer in a place: the last, random ones of its origin.  Were two writers alike, elements at one place
would stand in the order of their ids."""

NUMBER_MAX: Final = (1 << 62) - 1
"""Greatest head or number, either side of zero."""

_LITERAL: Final = 0xFF
"""The writer follows.  A lesser byte is the index, among the writers of the levels above, of one who is among them."""

_INTEGER: Final = rb"(?:[\x40-\xbf]|[\xc0\x3f].|\xc1[^\x00].|\x3e[^\xff].|\xc2[^\x00]..|\x3d[^\xff]..)"
_SIMPLE: Final = re.compile(_INTEGER + rb"\xff.{6}" + _INTEGER, re.DOTALL)
"""A place of one level, as nearly all are: so a long list that has just come is put in order in half the time."""


class Level(NamedTuple):
    """One step of a path.  Levels sort as their bytes do."""

    head: int
    writer: bytes
    """As it stands in the bytes: one byte that refers to a level above, or `_LITERAL` and the writer."""
    number: int


def between(before: bytes | None, after: bytes | None, writer: bytes, number: int) -> bytes | None:
    """Return the place of a new element after `before` (None: the beginning) and before `after` (None: the end).

    `writer` is the suffix of an origin, and `number`, from 1, greater than any that this writer has used in
    this list.  None if there is no room within `POSITION_BYTES_MAX`.  O(bytes).
    """
    for path in _candidates(_path(before), _path(after), writer, number):
        place = _bytes(path)
        if place is None or len(place) > POSITION_BYTES_MAX:
            continue
        if (before is None or before < place) and (after is None or place < after):
            return place
    return None


def run(before: bytes | None, after: bytes | None, writer: bytes, numbers: Sequence[int]) -> list[bytes] | None:
    """Return a place for each of `numbers`, which rise, in order between two places; None if there is no room."""
    places: list[bytes] = []
    stem: bytes | None = None
    for number in numbers:
        place = None if stem is None else stem + encode_integer(2 * number + 1)
        if place is None or len(place) > POSITION_BYTES_MAX or (after is not None and place > after):
            place = between(before, after, writer, number)
            if place is None:
                return None
            last = levels(place)[-1].number
            stem = place[: -len(encode_integer(last))] if last > 0 else None
        places.append(place)
        before = place
    return places


def writer_of(origin: bytes) -> bytes:
    """Return what stands for an origin in the places that it makes."""
    return origin[-WRITER_BYTES:]


def is_position(value: object) -> TypeGuard[bytes]:
    """Return whether a value, which a stranger may have sent, is a place."""
    if type(value) is not bytes:
        return False
    if _SIMPLE.fullmatch(value):
        return bool(value[-1] & 1)
    try:
        levels(value)
    except Malformed:
        return False
    return True


@lru_cache(maxsize=1024)  # an append looks three times at each place: as its own, as the last, as the new one
def levels(position: bytes) -> tuple[Level, ...]:
    """Return the path that a place is.  Raises `Malformed` for other bytes."""
    if not 0 < len(position) <= POSITION_BYTES_MAX:
        raise Malformed(f"a place in a list has 1 to {POSITION_BYTES_MAX} bytes, not {len(position)}")
    path: list[Level] = []
    start, writers = 0, 0
    while start < len(position):
        head, start = _integer(position, start)
        end = start + (1 + WRITER_BYTES if position[start : start + 1] == b"\xff" else 1)
        writer = position[start:end]
        number, start = _integer(position, end)
        if len(writer) > 1:
            writers += 1
        elif writer[0] >= writers:
            raise Malformed("a place in a list refers to a writer that is not above")
        path.append(Level(head, writer, number))
    if not path[-1].number & 1:
        raise Malformed("a place in a list has an even number at its end")
    return tuple(path)


# -- where there may be room ---------------------------------------------------------------------


def _candidates(
    before: tuple[Level, ...], after: tuple[Level, ...], writer: bytes, number: int
) -> Iterator[tuple[Level, ...]]:
    """Yield paths that may lie between, the best first: next to what this writer put down last, then wherever."""
    left, right = _last_number(before, writer), _last_number(after, writer)
    if left or right:
        if left > right:
            yield (*before[:-1], before[-1]._replace(number=2 * number + 1))
            yield _below(before, writer, number)
        else:
            yield (*after[:-1], after[-1]._replace(number=1 - 2 * number))
            yield _below(_left_of(after), writer, number)
    depth = 0
    while depth < len(before) and depth < len(after) and before[depth] == after[depth]:
        depth += 1
    yield from _beside(before[:depth], before[depth:], after[depth:], writer, number)
    if len(before) > depth + 1:
        yield from _beside(before[: depth + 1], before[depth + 1 :], (), writer, number)
    if len(after) > depth + 1:
        yield from _beside(after[: depth + 1], (), after[depth + 1 :], writer, number)
    yield _below(before, writer, number)
    if after:
        yield _below(_left_of(after), writer, number)


def _last_number(path: tuple[Level, ...], writer: bytes) -> int:
    """Return which element of this writer a path is, as they are counted; 0 if it is another's."""
    return abs((path[-1].number - 1) // 2) if path and path[-1].writer == _name(path[:-1], writer) else 0


def _beside(
    above: tuple[Level, ...], before: tuple[Level, ...], after: tuple[Level, ...], writer: bytes, number: int
) -> Iterator[tuple[Level, ...]]:
    """Yield paths at the level below `above`, where there is an element before, or after, or both."""
    name = _name(above, writer)
    if before:
        yield (*above, Level(before[0].head, name, 2 * number + 1))
    if after:
        yield (*above, Level(after[0].head, name, 1 - 2 * number))
    if before:
        yield (*above, Level(before[0].head + 1, name, 2 * number + 1))
    if after:
        yield (*above, Level(after[0].head - 1, name, 2 * number + 1))


def _below(above: tuple[Level, ...], writer: bytes, number: int) -> tuple[Level, ...]:
    return (*above, Level(0, _name(above, writer), 2 * number + 1))


def _left_of(path: tuple[Level, ...]) -> tuple[Level, ...]:
    """Return the path below which stands what comes just before an element."""
    return (*path[:-1], path[-1]._replace(number=path[-1].number - 1))


def _name(above: tuple[Level, ...], writer: bytes) -> bytes:
    """Return how a level below `above` names its writer."""
    writers = [level.writer[1:] for level in above if len(level.writer) > 1]
    return bytes((writers.index(writer),)) if writer in writers else bytes((_LITERAL,)) + writer


# -- bytes ---------------------------------------------------------------------------------------


def _path(position: bytes | None) -> tuple[Level, ...]:
    return () if position is None else levels(position)


def _bytes(path: tuple[Level, ...]) -> bytes | None:
    """Return the place of a path; None if a head is out of bounds."""
    if abs(path[-1].head) > NUMBER_MAX:
        return None
    return b"".join(encode_integer(head) + writer + encode_integer(number) for head, writer, number in path)


def encode_integer(number: int) -> bytes:
    """Return bytes that sort as the numbers do, and of which none begins another's: one for -64 to 63."""
    if -64 <= number < 64:
        return bytes((0x80 + number,))
    rest = number - 64 if number > 0 else -65 - number
    size = max(1, (rest.bit_length() + 7) // 8)
    if number > 0:
        return bytes((0xBF + size,)) + rest.to_bytes(size, "big")
    return bytes((0x40 - size,)) + (rest ^ ((1 << 8 * size) - 1)).to_bytes(size, "big")


def _integer(data: bytes, start: int) -> tuple[int, int]:
    """Return the number that begins at `start`, and where it ends."""
    if start >= len(data):
        raise Malformed("a place in a list ends early")
    first = data[start]
    if 0x40 <= first <= 0xBF:
        return first - 0x80, start + 1
    size = first - 0xBF if first > 0xBF else 0x40 - first
    end = start + 1 + size
    if size > 8 or end > len(data):
        raise Malformed("a place in a list holds no number where one should be")
    rest = int.from_bytes(data[start + 1 : end], "big")
    number = 64 + rest if first > 0xBF else -65 - (rest ^ ((1 << 8 * size) - 1))
    if abs(number) > NUMBER_MAX or encode_integer(number) != data[start:end]:
        raise Malformed("a place in a list holds a number that is too great, or is written too long")
    return number, end
