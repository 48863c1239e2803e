"""The mapping, and the objects that a program may make of it: counters, sets, cells.

They never wait, so they are the same in a script and in trio.  To ask for one writes nothing
and costs next to nothing; two of one name are two handles of one object.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any, TypeVar, overload

from ..errors import InvalidKey
from ..wire.keys import SpaceKey
from ..wire.values import decode_value
from .counter import Counter
from .derived import Derived
from .fenced import Fenced
from .listeners import Listeners
from .mapping import MeshMapping
from .observable import Observable, subscribe
from .shared_list import SharedList
from .shared_objects import SharedObjects
from .shared_set import Policy, SharedSet
from .spaces import COUNTER, LIST, SET
from .value import Value

T = TypeVar("T")


class MeshWithObjects(MeshMapping):
    """A mapping that knows objects which merge.  The doors say how its listeners are called."""

    _listeners: Listeners

    def counter(self, name: str) -> Counter:
        """Return the counter of that name: a number to which all may add, and no step of anybody is lost.

        To ask for it writes nothing: a counter that nobody has added to is 0.
        """
        return self._counter_of(_checked(name))

    def shared_set(self, name: str, *, policy: Policy = "add") -> SharedSet:
        """Return the set of that name: elements that one adds while another removes them stay.

        With `policy="last"`, the later of the two counts instead.
        """
        return self._set_of(_checked(name), policy)

    @overload
    def value(self, key: Any) -> Value[Any]: ...

    @overload
    def value(self, key: Any, default: T) -> Value[T]: ...

    def value(self, key: Any, default: Any = None) -> Value[Any]:
        """Return the key as a cell: to read, to set, to listen to, and to calculate with."""
        return Value(self, key, default)

    @overload
    def derived(self, fn: str, *cells: Observable) -> Derived[str]: ...

    @overload
    def derived(self, fn: Callable[..., T], *cells: Observable) -> Derived[T]: ...

    def derived(self, fn: Callable[..., Any] | str, *cells: Observable) -> Derived[Any]:
        """Return a cell that is `fn` of the values of `cells`, calculated again when one of them changes.

        `fn` may be a format string, as in `mesh.derived("{} by {}", width, height)`.
        """
        return Derived(fn, cells)

    def shared_list(self, name: str) -> SharedList:
        """Return the list of that name, which all append to, insert into and reorder: nobody's elements are lost."""
        return self._kept_list(_checked(name))

    def object(self, key: Any, factory: Callable[[], Any] = list) -> Any:
        """Return the object under `key`, made by `factory()` if there is none: a proxy that behaves as its value.

        Lists, sets, dicts and numbers merge: what others append, add, assign or count meanwhile is not lost.  Of any
        other value, the last writer's counts.  `key` is whatever can be a key; it is none of the dict's.  Who makes
        one apart from another makes the same one; if the types differ, that of the later counts.
        Raises UnsendableValue for what cannot travel, and whatever `factory` raises; nothing is stored then.
        """
        return self.objects.made(key, factory)

    @property
    def objects(self) -> SharedObjects:
        """All objects by key, as a mapping: to look one up, to replace it by a value of any type, to delete it."""
        return SharedObjects(self)

    def _counter_of(self, name: Any) -> Counter:
        return Counter(self._space(COUNTER), name, self._gone_origins, self._subscribe_to, self._unsubscribe_from)

    def _set_of(self, name: Any, policy: Policy = "add") -> SharedSet:
        return SharedSet(self._space(SET), name, policy, self._subscribe_to, self._unsubscribe_from)

    def _kept_list(self, name: Any) -> SharedList:
        return self._spaces.kept(
            LIST, name, lambda space, name: SharedList(space, name, self._subscribe_to, self._unsubscribe_from)
        )

    def fenced(self, prefix: str) -> Fenced:
        """Return the cells under `prefix` whose writes carry the token of a lease: a late holder's lose.

        They are not keys of this dict.
        """
        return Fenced(self, prefix)

    # -- what they need -------------------------------------------------------------------------

    def _gone_origins(self, origins: set[bytes]) -> set[bytes]:
        """Return those under which, as far as we know, nobody writes any more."""
        return set()

    def _start_listening(self) -> None:
        raise NotImplementedError

    def _subscribe_to(self, number: int, name: Any, fn: Callable[..., Any], call: Callable[[], Any]) -> None:
        subscribe(self._listeners, SpaceKey(number, (name,)), fn, call)
        self._start_listening()

    def _unsubscribe_from(self, number: int, name: Any, fn: Callable[..., Any]) -> None:
        self._listeners.remove_one(fn, SpaceKey(number, (name,)))

    def _change_key(self, key: Any, default: Any, fn: Callable[[Any], Any]) -> Any:
        """Read, call `fn`, and write what it returns; atomic among threads.  Return that."""
        if self._detour:
            self._before_use()
            if self._batches.current() is not None:
                self[key] = fn(self.get(key, default))
                return self[key]
        results: list[bytes] = []

        def decided() -> Any:
            seen = self._seen(key, self._live.get(key))
            old = default if seen is None or seen.value is None else decode_value(seen.value)
            results.append(self._encoded(key, fn(old)))
            yield key, results[0], 0

        self._ledger.write_many(chain(decided()), self._wall_ms())
        self._wrote()
        return decode_value(results[0])


def _checked(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise InvalidKey(f"an object's name is a str that is not empty, not {name!r}")
    return str.__str__(name)
