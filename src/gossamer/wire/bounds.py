"""What a value may not exceed, so that neither its writer nor a stranger's bytes can stall a reader.

The encoder and the decoder keep the same bounds: what could be written can be read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from ..errors import Malformed

DEPTH_MAX: Final = 16
"""Containers, registered values included, within containers."""

CONTAINERS_MAX: Final = 1 << 20
"""Containers in one value: an empty one takes one byte on the wire and about 72 in memory."""

SAME_HASH_MAX: Final = 64
"""Keys of one dict, or elements of one set, with the same hash: many, crafted, would cost their square."""

INTEGER_BYTES_MAX: Final = 1024
"""Bytes of an integer: Python refuses to print much greater ones, and takes the square of their length for it."""

DECIMAL_EXPONENT_MAX: Final = 6144
"""Of a Decimal, either way, as in IEEE 754 decimal128: the int() of a far greater one takes minutes."""

DECIMAL_TEXT_MAX: Final = 1024
"""Characters of a Decimal."""


def crowd_hashes(keys: Iterable[object]) -> bool:
    """Tell whether more of `keys` than `SAME_HASH_MAX` have one hash; raise TypeError where one has none."""
    hashes = list(map(hash, keys))
    if len(hashes) - len(set(hashes)) < SAME_HASH_MAX:
        return False
    return max(Counter(hashes).values()) > SAME_HASH_MAX


def count_containers(data: bytes, containers_max: int, items_max: int | None = None) -> int:
    """Walk the heads of `data` without building anything and return how many open an array or a map.

    Raises `Malformed` at the first head beyond either bound.  What is wrong otherwise is left to the decoder.
    """
    at = items = containers = 0
    end = len(data)
    if items_max is None:
        items_max = end
    while at < end:
        first = data[at]
        at += 1
        items += 1
        number = first & 31
        if number >= 24:
            if number > 27:
                raise Malformed("indefinite or reserved length")
            width = 1 << (number - 24)
            number = int.from_bytes(data[at : at + width], "big")
            at += width
        if 0x40 <= first < 0x80:
            at += number
        elif 0x80 <= first < 0xC0:
            containers += 1
            if containers > containers_max:
                raise Malformed(f"more than {containers_max} containers")
        if items > items_max:
            raise Malformed(f"more than {items_max} items")
    return containers
