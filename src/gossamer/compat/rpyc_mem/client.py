"""What `rpyc_mem.client` had: `RemoteModule`, which makes what is shared, and `RpycMem`, which stands for it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import gossamer

from .errors import RpycMemError, RpycMemSvcError
from .locks import SharedLock
from .shareable import SharedModule
from .sources import NOT_GIVEN, factory_of
from .stand_in import stands_for

if TYPE_CHECKING:
    from .connect import RpycMemConnect

    Connection: TypeAlias = "RpycMemConnect | Callable[[], RpycMemConnect]"

__all__ = ["RemoteModule", "RpycMem"]


class RemoteModule:
    """Modules, as far as what they have can be made for all to share: `rp().list([1])`, `rp("threading").Lock()`.

    What it makes is a plain value of this program until it is given a key.
    """

    def __init__(self, rmem_conn: Connection) -> None:
        """`rmem_conn` is a connection, or a function that returns one each time."""
        self._rmem_conn = rmem_conn

    @property
    def rmem_conn(self) -> RpycMemConnect:
        """The connection."""
        connection: RpycMemConnect = _connection(self._rmem_conn)
        return connection

    def __call__(self, module: str = "builtins", package: str | None = None) -> SharedModule:
        """Return what of a module can be shared.  Imports nothing.  Raises NotShareable for what is not registered.

        `package` is from where a relative name such as "..mod" counts.
        """
        found: SharedModule = self.rmem_conn.remote_import(module, package)
        return found


_LOCAL: Final = frozenset({"_rmem_conn", "unique_key", "robj", "robj_gen"})


@stands_for("real_obj")
class RpycMem:
    """Stands for the object under a key, whatever it is at the time: operators, methods, `isinstance`, `with`.

    `rm += 1` and methods that change it are seen by all; `rm = rm + 1` makes a plain value, as everywhere in
    Python.  Its own names are `real_obj`, `rmem_conn`, `unique_key`, `robj`, `robj_gen` and `rmem_...`.
    Pickled and copied by value.  Raises RpycMemError when it is used after somebody deleted it.
    """

    def __init__(
        self, rmem_conn: Connection, unique_key: Hashable, robj: Any = NOT_GIVEN, robj_gen: Any = NOT_GIVEN
    ) -> None:
        """Make the object if there is none: `robj`, or what `robj_gen()` returns, which is not called if there is one.

        Raises RpycMemError unless exactly one of them is given; TypeError for a key or a value that cannot travel.
        """
        self._rmem_conn = rmem_conn
        self.unique_key = unique_key
        self.robj, self.robj_gen = robj, robj_gen
        self.rmem_memoize(robj, robj_gen)

    @property
    def rmem_conn(self) -> RpycMemConnect:
        """The connection."""
        connection: RpycMemConnect = _connection(self._rmem_conn)
        return connection

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self.real_obj.__class__

    @property
    def real_obj(self) -> Any:
        """The object: what `mesh.object` returns, or a `SharedLock`.  O(1).  Raises RpycMemError if it was deleted."""
        try:
            return self.rmem_get()
        except RpycMemSvcError:
            raise RpycMemError(
                f"Can not recover remote object {self.unique_key!r}: it was deleted; rmem_memoize and rmem_update "
                "make another"
            ) from None

    def rmem_memoize(self, robj: Any = NOT_GIVEN, robj_gen: Any = NOT_GIVEN) -> Any:
        """Return the object, made first if there is none."""
        factory_of(robj, robj_gen, RpycMemError)
        return self.rmem_conn.memoize(self.unique_key, robj=robj, robj_gen=robj_gen)

    def rmem_get(self) -> Any:
        """Return the object.  Raises RpycMemSvcError if there is none."""
        return self.rmem_conn.get(self.unique_key)

    def rmem_update(self, robj: Any = NOT_GIVEN, robj_gen: Any = NOT_GIVEN) -> Any:
        """Let it be another value, of any type, for everybody, and return that."""
        factory_of(robj, robj_gen, RpycMemError)
        return self.rmem_conn.update(self.unique_key, robj=robj, robj_gen=robj_gen)

    def rmem_delete(self) -> None:
        """Remove it, for everybody.  Raises RpycMemSvcError if there is none."""
        self.rmem_conn.delete(self.unique_key)

    def _plain_(self) -> Any:
        """Return what `gossamer.plain` returns of it."""
        real = self.real_obj
        return real if isinstance(real, SharedLock) else gossamer.plain(real)

    def __getattr__(self, name: str) -> Any:
        if name in _LOCAL:  # not yet there
            raise AttributeError(name)
        return getattr(self.real_obj, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _LOCAL:
            object.__setattr__(self, name, value)
        else:
            setattr(self.real_obj, name, value)

    def __delattr__(self, name: str) -> None:
        if name in _LOCAL:
            object.__delattr__(self, name)
        else:
            delattr(self.real_obj, name)


def _connection(given: Any) -> Any:
    return given() if callable(given) else given
