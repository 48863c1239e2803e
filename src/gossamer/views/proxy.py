"""What stands for the value of an object, in every way that Python asks a value.

Each type of value has a class of proxies with exactly that type's operators, so what is not
iterable is not iterable by its proxy, and what has no hash has none.  `isinstance(proxy, list)`
is true, `type(proxy) is list` is not: only code that insists on the exact type, as much of what
is written in C does, needs `plain(proxy)`.  When an object becomes something of another type, its
proxies do too, as soon as they are used by name or by an operator that both types have.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, MutableMapping, MutableSequence, MutableSet, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

from ..errors import FrozenValue
from .counter import Counter
from .dict_like import DictLike
from .list_like import ListLike
from .operators import ActsAsItsValue
from .protocols import ALONE, NOT_IN_PLACE, ON_EITHER_SIDE, WITH_ANOTHER, has
from .reached import PLAIN, Held, kind_of, merging_of, method_of, value_of
from .shared_dict import SharedDict
from .shared_object import SharedObject
from .shared_set import SharedSet
from .watched import Watched

_open: ContextVar[tuple[AbstractContextManager[None], ...]] = ContextVar("batches of proxies", default=())


class Proxy:
    """Behaves as the value of an object; see `mesh.object`."""

    __slots__ = ("__weakref__", "_held")
    _held: Held

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return kind_of(self._held)

    def __getattr__(self, name: str) -> Any:
        if name in ("on_change", "off"):
            return getattr(Watched(self._held, self), name)
        method = method_of(merging_of(self._held), name)
        if method is None:
            return getattr(_value(self), name)
        return lambda *args, **named: method(*map(plain, args), **{key: plain(arg) for key, arg in named.items()})

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenValue(
            f"attribute {name!r} would change only this copy of the value, and no peer would see it; assign a changed "
            "copy: mesh.objects[key] = dataclasses.replace(gossamer.plain(it), ...)"
        )

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __dir__(self) -> list[str]:
        return dir(_value(self))

    def __repr__(self) -> str:
        return repr(_value(self))

    def __str__(self) -> str:
        return str(_value(self))

    def __format__(self, spec: str) -> str:
        return format(_value(self), spec)

    def __bool__(self) -> bool:
        return bool(_value(self))

    def __eq__(self, other: object) -> Any:
        return _value(self) == plain(other)

    def __ne__(self, other: object) -> Any:
        return _value(self) != plain(other)

    __hash__: Any = None

    # -- by value -------------------------------------------------------------------------------

    def __copy__(self) -> Any:
        return copy.copy(plain(self))

    def __deepcopy__(self, memo: Any) -> Any:
        return copy.deepcopy(plain(self), memo)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return operator.getitem, ((plain(self),), 0)

    # -- as a batch: what is done within the block, to this and to all else in the mesh, is one -----

    def __enter__(self) -> Any:
        batch = self._held.batch()
        batch.__enter__()
        _open.set((*_open.get(), batch))
        return self

    def __exit__(self, *error: Any) -> Any:
        *rest, batch = _open.get()
        _open.set(tuple(rest))
        return batch.__exit__(*error)


def plain(value: Any) -> Any:
    """Return the value of what stands for one - an object, a shared list, a set, a counter, a cell - else itself.

    Containers are plain copies that may be changed, those within them frozen ones.  For what wants exact types:
    `json.dumps(data, default=gossamer.plain)`.  O(size).  A class of yours that stands for a value says which by a
    method `_plain_`.
    """
    if issubclass(type(value), Proxy):
        value = _value(value)
        thawed = PLAIN.get(type(value))
        return value if thawed is None else thawed(value)
    if isinstance(value, SharedDict | SharedSet):
        return value.snapshot()
    if isinstance(value, ListLike | DictLike):
        return value.copy()
    if isinstance(value, ActsAsItsValue):
        return value.value
    stands_for = getattr(type(value), "_plain_", None)
    return value if stands_for is None else stands_for(value)


def proxy_of(held: Held) -> Any:
    """Return a proxy of an object, or of a dict, a list or a set within one."""
    proxy = object.__new__(_class_for(kind_of(held)))
    object.__setattr__(proxy, "_held", held)
    return proxy


def _value(proxy: Proxy) -> Any:
    """Return the value, frozen; and let the proxy be of the class for its type."""
    value = value_of(proxy._held)
    fitting = _class_for(type(value))
    if type(proxy) is not fitting:
        object.__dict__["__class__"].__set__(proxy, fitting)
    return value


# -- a class for each type of value ----------------------------------------------------------------

_classes: dict[type, type[Proxy]] = {}


def _class_for(kind: type) -> type[Proxy]:
    kind = PLAIN.get(kind, kind)
    found = _classes.get(kind)
    if found is None:
        found = type(f"Proxy[{kind.__name__}]", (Proxy,), {"__slots__": (), **_operators(kind)})
        for abstract in (MutableSequence, Sequence, MutableMapping, MutableSet):
            if issubclass(kind, abstract) and not issubclass(kind, str | bytes):
                abstract.register(found)  # so that `match` takes it for one
        _classes[kind] = found
    return found


def _operators(kind: type) -> dict[str, Any]:
    made: dict[str, Any] = {name: _alone(fn) for name, fn in ALONE.items() if has(kind, name)}
    made |= {name: _with_another(fn) for name, fn in WITH_ANOTHER.items() if has(kind, name)}
    for name, fn in ON_EITHER_SIDE.items():
        if has(kind, f"__{name}__"):
            made[f"__{name}__"], made[f"__r{name}__"] = _left(fn), _right(fn)
            if name not in NOT_IN_PLACE:
                made[f"__i{name}__"] = _in_place(f"__i{name}__", fn)
    if has(kind, "__setitem__"):
        made |= {"__setitem__": _set_item, "__delitem__": _delete_item}
    return made


def _items_of(proxy: Proxy) -> Any:
    """Return what may be asked for items without copying all of them."""
    merging = merging_of(proxy._held)
    return _value(proxy) if merging is None or isinstance(merging, Counter) else merging


def _alone(fn: Callable[..., Any]) -> Callable[..., Any]:
    source = _items_of if fn in (len, iter, reversed) else _value
    return lambda self, *more: fn(source(self), *more)


def _with_another(fn: Callable[..., Any]) -> Callable[..., Any]:
    if fn is operator.contains:
        return _contains
    source = _items_of if fn is operator.getitem else _value
    return lambda self, other: fn(source(self), plain(other))


def _contains(self: Proxy, other: Any) -> bool:
    other, items = plain(other), _items_of(self)
    if isinstance(items, SharedSet) and isinstance(other, set):
        other = frozenset(other)  # as a set does
    return other in items


def _left(fn: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other, *more: fn(_value(self), plain(other), *more)


def _right(fn: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: fn(plain(other), _value(self))


def _in_place(name: str, fn: Callable[..., Any]) -> Callable[..., Any]:
    def operate(self: Proxy, other: Any) -> Any:
        held, other = self._held, plain(other)
        merging = merging_of(held)
        if isinstance(merging, Counter):
            if name in ("__iadd__", "__isub__") and type(other) in (int, float):
                merging.add(other if name == "__iadd__" else -other)
                return self
        elif isinstance(merging, SharedSet) and not isinstance(other, AbstractSet):
            return NotImplemented
        elif merging is not None:
            method = getattr(merging, name, None)
            return self if method is not None and method(other) is not NotImplemented else NotImplemented
        assert isinstance(held, SharedObject)
        held.assign(fn(_value(self), other))
        return self

    return operate


def _set_item(self: Proxy, key: Any, value: Any) -> None:
    merging: Any = merging_of(self._held)
    if isinstance(merging, SharedDict) and issubclass(type(value), Proxy) and merging.holds(key, value._held):
        return  # as after `it[key] |= ...`
    merging[key] = plain(value)


def _delete_item(self: Proxy, key: Any) -> None:
    merging: Any = merging_of(self._held)
    del merging[key]
