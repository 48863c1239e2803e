"""All objects of a mesh by key, as a mapping of proxies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from ..errors import InvalidKey
from ..wire.keys import checked_key
from .kinds import GONE, marker_of
from .nested import Nested
from .proxy import Proxy, plain, proxy_of
from .shared_dict import SharedDict
from .shared_object import SharedObject
from .spaces import OBJECT

if TYPE_CHECKING:
    from .objects import MeshWithObjects


class SharedObjects(MutableMapping[Any, Any]):
    """The objects that `mesh.object` makes and finds.  Iterating walks a snapshot, O(objects)."""

    def __init__(self, mesh: MeshWithObjects) -> None:
        self._mesh = mesh

    def made(self, key: Any, factory: Callable[[], Any]) -> Any:
        """Return the object under `key`, made first if there is none."""
        if not callable(factory):
            raise TypeError(
                f"a factory is a function without arguments such as list, not {type(factory).__name__}; to begin "
                "with a value, use lambda: value, or assign it: mesh.objects[key] = value"
            )
        held = self._held(key)
        held.create(factory, plain)
        return proxy_of(held)

    def __getitem__(self, key: Any) -> Any:
        held = self._held(key)
        if held.marker is None:
            raise KeyError(key)
        return proxy_of(held)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Let the object be `value`, whatever it was, for everyone who holds it."""
        held = self._held(key)
        if not _is_of(value, held):  # else it is what `objects[key] += ...` has changed already
            held.replace(plain(value))

    def __delitem__(self, key: Any) -> None:
        held = self._held(key)
        if held.marker is None:
            raise KeyError(key)
        held.delete()

    def pop(self, key: Any, *default: Any) -> Any:
        """Delete the object and return its value, plain; `default` if there is none."""
        try:
            value = plain(self[key])
            del self[key]
        except KeyError:
            if default:
                return default[0]
            raise
        return value

    def popitem(self) -> tuple[Any, Any]:
        """Delete some object and return its key and value, plain."""
        for key in self:
            return key, self.pop(key)
        raise KeyError("popitem(): there are no objects")

    def __contains__(self, key: object) -> bool:
        hash(key)
        try:
            return self._held(key).marker is not None
        except InvalidKey:
            return False

    def __iter__(self) -> Iterator[Any]:
        space = self._mesh._space(OBJECT)
        names = [name for name in space.names() if type(name) is tuple and len(name) == 1]
        markers = ((name[0], marker_of(space.rows(name).get(None))) for name in names)
        return iter([key for key, marker in markers if marker is not None and marker.kind != GONE])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        return f"SharedObjects({dict(self)!r})"

    def _held(self, key: Any) -> SharedObject:
        return SharedObject(self._mesh, checked_key(key), _wrapped)


def _is_of(value: Any, held: SharedObject) -> bool:
    other = value._held if issubclass(type(value), Proxy) else None
    return isinstance(other, SharedObject) and other.is_same(held)


def _wrapped(nested: SharedDict | Nested) -> Any:
    return proxy_of(nested)
