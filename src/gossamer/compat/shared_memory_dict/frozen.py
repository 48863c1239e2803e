"""Containers that a serializer has made, as a mesh gives its own: they are what they were, and refuse to change.

`memory[key][name] = value` would change a copy, which was lost silently; so it raises `FrozenValue`.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ...errors import FrozenValue


def frozen(value: Any) -> Any:
    """Return `value` with every list, dict and set in it frozen, through tuples too.  O(items)."""
    kind = type(value)
    if kind is dict:
        return FrozenDict({key: frozen(item) for key, item in value.items()})
    if kind is list:
        return FrozenList(map(frozen, value))
    if kind is tuple:
        return tuple(map(frozen, value))
    return FrozenSet(value) if kind is set else value


def _refuse(self: object, *arguments: object, **named: object) -> NoReturn:
    kind = type(self).__bases__[0].__name__
    raise FrozenValue(
        f"this would change only a copy of the {kind} that is shared, and no process would see it; assign a changed "
        f"copy: value = {kind}(memory[key]); ...; memory[key] = value"
    )


class FrozenList(list[Any]):
    """A list read from a memory."""

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return list, (list(self),)

    append = extend = insert = remove = pop = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse


class FrozenDict(dict[Any, Any]):
    """A dict read from a memory."""

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return dict, (dict(self),)

    clear = pop = popitem = setdefault = update = _refuse
    __setitem__ = __delitem__ = __ior__ = _refuse


class FrozenSet(set[Any]):
    """A set read from a memory."""

    def __repr__(self) -> str:
        return repr(set(self))

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return set, (list(self),)

    add = discard = remove = pop = clear = update = _refuse
    intersection_update = difference_update = symmetric_difference_update = _refuse
    __ior__ = __iand__ = __isub__ = __ixor__ = _refuse
