"""What the service of rpyc-mem did for its clients, done by each of them on the objects of a mesh."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from importlib.util import resolve_name
from typing import Any, Final

import gossamer

from .errors import RpycMemConnError, RpycMemSvcError
from .keys import object_key
from .locks import LockRecord, Locks, SharedLock
from .shareable import SharedModule, module_of
from .sources import NOT_GIVEN, factory_of

ROUTINES: Final = ("memoize", "get", "update", "delete", "is_memoized", "remote_import", "rpyc_version")
"""The routines of the service, which a connection offers too."""

_FORMAT: Final = 1
"""How this module keeps things in a mesh.  Programs of different formats would misread each other."""
_FORMAT_KEY: Final = "rpyc_mem format"


class Memory:
    """The objects of one mesh by key, under the service's routines.  Thread-safe; nothing but locks waits.

    What is returned is live: a proxy as `mesh.object` makes it, or a `SharedLock`.
    """

    def __init__(self, mesh: gossamer.BlockingMesh, lock_ttl_s: float, lock_voters: tuple[str, ...]) -> None:
        self._mesh = mesh
        self._locks = Locks(mesh, lock_ttl_s, lock_voters)

    def memoize(self, unique_key: Hashable, robj: Any = NOT_GIVEN, robj_gen: Any = NOT_GIVEN) -> Any:
        """Return the object, made of `robj` or by `robj_gen()` if there is none; if there is one, nothing is called.

        It is called without any lock, so it may itself use the memory.  Two that make one apart agree afterwards.
        """
        key = object_key(unique_key)
        make = self._kept(key, factory_of(robj, robj_gen, RpycMemSvcError), derived=robj is NOT_GIVEN)
        return self._live(self._mesh.object(key, make))

    def get(self, unique_key: Hashable) -> Any:
        """Return the object.  Raises RpycMemSvcError if there is none."""
        try:
            return self._live(self._mesh.objects[object_key(unique_key)])
        except (KeyError, gossamer.ObjectGone):
            raise self._absent(unique_key) from None

    def update(self, unique_key: Hashable, robj: Any = NOT_GIVEN, robj_gen: Any = NOT_GIVEN) -> Any:
        """Let the object be `robj` or `robj_gen()`, of whatever type, for everybody, and return it.  It may be new."""
        key = object_key(unique_key)
        self._mesh.objects[key] = self._kept(key, factory_of(robj, robj_gen, RpycMemSvcError), derived=False)()
        return self.get(unique_key)

    def delete(self, unique_key: Hashable) -> None:
        """Remove the object for everybody.  Raises RpycMemSvcError if there is none."""
        try:
            del self._mesh.objects[object_key(unique_key)]
        except (KeyError, gossamer.ObjectGone):
            raise self._absent(unique_key) from None

    def is_memoized(self, unique_key: Hashable) -> bool:
        """Return whether there is such an object, as far as we have heard."""
        return object_key(unique_key) in self._mesh.objects

    def remote_import(self, module: str, package: str | None = None) -> SharedModule:
        """Return what of a module can be made for all to share; raise NotShareable for others.  Imports nothing."""
        return module_of(resolve_name(module, package), self._locks.unnamed)

    def rpyc_version(self) -> str:
        """Return the version of gossamer."""
        return gossamer.__version__

    # -- beside what the service had --------------------------------------------------------------

    def _kept(self, key: Any, make: Callable[[], Any], *, derived: bool) -> Callable[[], Any]:
        """Return a function that makes what is stored: for a lock, the record of it.

        Two that make the lock of a key apart, each by a generator, shall have made one: so it is named for the key.
        """

        def stored() -> Any:
            made = gossamer.plain(make())
            if isinstance(made, SharedLock):
                return self._locks.derived(made.record, key) if derived else made.record
            return made

        return stored

    def _live(self, held: Any) -> Any:
        value = gossamer.plain(held) if isinstance(held, LockRecord) else None
        return held if value is None else self._locks.lock(value)

    def _absent(self, unique_key: Hashable) -> RpycMemSvcError:
        return RpycMemSvcError(f"No remote object exists against the key {unique_key!r}")

    def _check_version(self) -> None:
        """Raise RpycMemConnError if others here keep things in another way, or speak another protocol."""
        found = self._mesh.setdefault(_FORMAT_KEY, [_FORMAT, gossamer.__version__])
        if not isinstance(found, list) or found[:1] != [_FORMAT]:
            raise RpycMemConnError(
                f"Server version {found!r} mismatches with the client version [{_FORMAT}, {gossamer.__version__!r}]: "
                "upgrade whichever is older, or pass ignore_version=True"
            )
        if self._mesh.statistics().get("refused: other version"):
            raise RpycMemConnError(
                "Somebody here speaks another version of gossamer's protocol, and we cannot hear each other: upgrade "
                "whichever is older, or pass ignore_version=True to go on without it"
            )
