"""Under which key of `mesh.objects` an object stands.

A key is what a mesh takes for one, and a frozenset, which a mesh does not take: it stands under a tuple that
begins with a mark, in an order that does not depend on how the set was made.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final

_FROZENSET: Final = "frozenset()"
_TUPLE: Final = "tuple()"
"""Begins a tuple that would otherwise look like a frozenset."""


def object_key(unique_key: Hashable) -> Any:
    """Return the key.  Raises TypeError for what has no hash; a key that no mesh takes raises InvalidKey later."""
    hash(unique_key)
    return _within(unique_key)


def _within(key: Any) -> Any:
    if isinstance(key, frozenset):
        return (_FROZENSET, *sorted((_one(item) for item in key), key=_rank))
    if isinstance(key, tuple):
        items = tuple(map(_within, key))
        return (_TUPLE, *items) if items and items[0] in (_FROZENSET, _TUPLE) else items
    return key


def _one(item: Any) -> Any:
    """Return a member of a set: of what Python calls equal, one."""
    item = _within(item)
    return int(item) if isinstance(item, bool) else item


def _rank(item: Any) -> tuple[str, str]:
    return type(item).__name__, repr(item)
