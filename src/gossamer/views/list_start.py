"""The rows of a list that begins with some values, the same whoever begins it."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from ..wire.values import encode_value
from .list_body import kept
from .positions import WRITER_BYTES, run
from .space import Row


def first_elements(values: Iterable[Any]) -> list[Row]:
    """Return the rows of a list that begins with `values`.

    Places are made from what stands there, and from nothing else: so two who begin a list apart with equal
    elements do not double them.
    """
    rows: list[Row] = []
    for number, value in enumerate(values, 1):
        writer = blake2b(encode_value(value), digest_size=WRITER_BYTES, person=b"gossamer list").digest()
        [place] = run(rows[-1][0] if rows else None, None, writer, [number]) or [b""]
        rows.append((place, kept(value)))
    return rows
