"""What keeps meshes from agreeing, in the words of the program that uses them: keys, values, whose writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..crdt.dots import Origin
from ..crdt.writes import Held, Key, each, winner
from ..handle import MeshHandle
from ..wire.keys import SpaceKey
from ..wire.values import decode_value

KEYS_MAX = 5
"""So many keys are shown; more would hide them."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """What one mesh holds, as of one moment."""

    name: str
    mesh: MeshHandle
    heads: Mapping[Origin, int]
    live: Mapping[Key, Held]


def agree(meshes: Sequence[MeshHandle]) -> bool:
    """Return whether all know the same writes and hold the same.  O(origins), and O(keys) if they do."""
    first, *others = map(_copy_of, meshes)
    return all(first.heads == other.heads for other in others) and not list(_lasting_differences([first, *others]))


def differences(meshes: Sequence[MeshHandle]) -> list[str]:
    """Return, one line each, which keys differ and who lacks whose writes; nothing if they agree.  O(keys)."""
    copies = [_copy_of(mesh) for mesh in meshes]
    keys = list(_lasting_differences(copies))
    lines = [_difference(key, copies) for key in keys[:KEYS_MAX]]
    if len(keys) > KEYS_MAX:
        lines.append(f"and {len(keys) - KEYS_MAX} keys more differ")
    return [*lines, *_missing(copies)]


def _copy_of(mesh: MeshHandle) -> _Copy:
    ledger = mesh.replica.ledger
    with ledger.lock:
        ledger.close_batch()
        return _Copy(mesh.me.name, mesh, dict(ledger.state.known.heads), dict(ledger.state.live))


def _lasting_differences(copies: Sequence[_Copy]) -> Iterator[Key]:
    """Yield the keys under which not all hold the same; what expires is dropped by each in its own time."""
    for key in dict.fromkeys(key for copy in copies for key in copy.live):
        helds = [copy.live.get(key) for copy in copies]
        if any(held != helds[0] for held in helds) and not any(w.expires_ms for held in helds for w in each(held)):
            yield key


def _difference(key: Key, copies: Sequence[_Copy]) -> str:
    shown = repr(key.key if isinstance(key, SpaceKey) else key)
    return f"{shown} is " + ", ".join(f"{_shown(copy, key)} at {copy.name}" for copy in copies)


def _shown(copy: _Copy, key: Key) -> str:
    write = winner(copy.live.get(key), copy.mesh.seen_ms())
    if write is None or write.value is None:
        return "nothing"
    others = len(list(each(copy.live[key]))) - 1
    text = repr(_decoded(write.value))
    return (text if len(text) <= 60 else text[:57] + "...") + (f" (of {others + 1} in conflict)" if others else "")


def _decoded(data: bytes) -> Any:
    return decode_value(data)


def _missing(copies: Sequence[_Copy]) -> Iterator[str]:
    for origin in dict.fromkeys(origin for copy in copies for origin in copy.heads):
        most = max(copies, key=lambda copy: copy.heads.get(origin, 0))
        writer = most.mesh._directory.writer(origin).name
        for copy in copies:
            lacks = most.heads[origin] - copy.heads.get(origin, 0)
            if lacks:
                yield f"{copy.name} lacks the latest {lacks} of {most.heads[origin]} writes by {writer}"
