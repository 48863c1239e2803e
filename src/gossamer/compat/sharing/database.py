"""The database that py-share proposed: values by name that every program has, and a number that grows.

The proposal's transport and catching up are the mesh's own, and it needs no request for what is
missing: `sync` and `push` wait until that has been done.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator
from typing import Any

import gossamer

from ...settings import setting
from .share import MESH
from .store import DatabaseError as DatabaseError
from .store import Store, check_storable, checked_name

APPEARS_WITHIN_S = 1.0
"""How long `open` waits for a database that no peer has told of yet."""
_HERE = ("alive", "suspect")


class Database:
    """Values by name, the same in every program that opens the database of one name.

    `mesh` and `joining` are those of `Share`.  With a `store`, what is there when it is closed is kept in
    a file, and given back to a database that no program has.  Values are those of a mesh; with a store, those of
    JSON.  All methods but the first three raise DatabaseError while none is open, and once it was removed.
    """

    def __init__(
        self, store: Store | type[Store] | None = None, mesh: str | gossamer.BlockingMesh | None = None, **joining: Any
    ) -> None:
        self._store = store() if isinstance(store, type) else store
        self._given, self._joining = mesh, joining
        self._mesh: gossamer.BlockingMesh | None = None
        self._name = ""
        self._listeners: list[Callable[..., Any]] = []

    # -- lifecycle --------------------------------------------------------------------------------

    def create(self, name: str) -> Database:
        """Make a new database, open it and return it.

        Raises DatabaseError if we have heard of one of this name.  Two programs that
        create it before they hear of each other have made one together.
        """
        mesh = self._join(name)
        if _mark(name) in mesh:
            raise self._refused(f"there is a database {name!r} already: open it, or remove it first")
        if self._store is not None:
            try:
                self._store.create(name)
                self._store.lock()
            except DatabaseError as error:
                raise self._refused(str(error)) from None
        mesh[_mark(name)] = True
        return self

    def open(self, name: str, timeout: float = APPEARS_WITHIN_S) -> Database:
        """Open a database and return it.  Raises DatabaseError if none appears within `timeout` seconds.

        If no program has it but our store does, it is what the store holds.
        """
        mesh = self._join(name)
        kept = self._store is not None and self._store.exists(name)
        try:
            mesh.wait(lambda mesh: _mark(name) in mesh, timeout if not kept or mesh.peers else 0)
        except gossamer.MeshTimeout:
            if not kept:
                raise self._refused(f"nobody has a database {name!r}: create it first") from None
        try:
            if self._store is not None:
                self._store.take(name)
                if _mark(name) not in mesh:
                    self._restore(self._store, mesh)
        except DatabaseError as error:
            raise self._refused(str(error)) from None
        return self

    def close(self) -> None:
        """Write the store, and take part no more.  Again does nothing."""
        if self._mesh is None:
            return
        try:
            if self._store is not None and _mark(self._name) in self._mesh:
                self._store.keep(self._scope.snapshot(), self.revision())
        finally:
            self._leave()

    def remove(self, name: str | None = None) -> None:
        """Delete the open database, with all its values, for everybody, and close it.  Its store is deleted too."""
        mesh = self._opened()
        if name not in (None, self._name):
            raise DatabaseError(f"{self._name!r} is open here, not {name!r}: open that one to remove it")
        with mesh.batch():
            self._scope.clear()
            del mesh[_mark(self._name)]
        if self._store is not None:
            self._store.remove(self._name)
        self._leave()

    def revision(self) -> int:
        """Return how often anybody has written or deleted, as far as we heard: the same for all that are in step."""
        return int(self._counter.value)

    # -- writing ----------------------------------------------------------------------------------

    def set(self, key: str, value: Any) -> None:
        """Set a key to a value, for everybody.  The later of two concurrent writes wins."""
        mesh = self._opened()
        if self._store is not None:
            check_storable(key, value)
        with mesh.batch():
            self._scope[key] = value
            self._counter.add()

    def delete(self, key: str) -> None:
        """Delete a key, for everybody.  Raises KeyError if it is absent."""
        with self._opened().batch():
            del self._scope[key]
            self._counter.add()

    write = __setitem__ = set
    __delitem__ = delete

    def sync(self, start: int | None = None, end: int | None = None, *, timeout: float | None = 5.0) -> int:
        """Wait until we know what every peer that is there knows, and return the revision.

        The mesh always exchanges what is missing and nothing else, so `start` and `end` change nothing.
        Raises MeshTimeout after `timeout` seconds.
        """
        _check_range(start, end)
        self._opened().wait(_is_in_step, timeout)
        return self.revision()

    def push(self, start: int | None = None, end: int | None = None, *, timeout: float | None = 5.0) -> int:
        """Wait until every peer that is there knows what we wrote, and return the revision; as for `sync`."""
        _check_range(start, end)
        self._opened().settled(timeout=timeout)
        return self.revision()

    # -- reading ----------------------------------------------------------------------------------

    def check(self, key: str) -> bool:
        """Return whether a key is there."""
        return key in self._scope

    def get(self, key: str) -> Any:
        """Return the value of a key.  Raises KeyError if it is absent.  What a container holds is frozen."""
        return self._scope[key]

    def list(self) -> Iterator[str]:
        """Iterate over the keys that are there now."""
        return iter(tuple(self._scope))

    read = __getitem__ = get
    __contains__ = check
    __iter__ = list

    def __len__(self) -> int:
        return len(self._scope)

    def on_remote_write(self, fn: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
        """Call `fn(key, value)` when another program has written; a decorator.  For a delete, the value is None.

        Called in order, on the mesh's listener thread, and not for what this program writes.
        """
        prefix = _prefix(self._name)

        def tell(change: gossamer.Change) -> None:
            if not change.local:
                fn(change.key[len(prefix) :], change.new)

        self._opened().on(glob.escape(prefix) + "*", tell)
        self._listeners.append(tell)
        return fn

    # -- the mesh -----------------------------------------------------------------------------------

    @property
    def _scope(self) -> gossamer.Scope:
        return self._opened().scope(_prefix(self._name))

    @property
    def _counter(self) -> gossamer.Counter:
        return self._opened().counter(f"revision of {_prefix(self._name)}")

    def _opened(self) -> gossamer.BlockingMesh:
        if self._mesh is None:
            raise DatabaseError("no database is open: create or open one first")
        if self._name and _mark(self._name) not in self._mesh:
            raise DatabaseError(f"the database {self._name!r} was removed")
        return self._mesh

    def _join(self, name: str) -> gossamer.BlockingMesh:
        checked_name(name)
        if self._mesh is not None:
            raise DatabaseError(f"the database {self._name!r} is open here: close it first")
        if isinstance(self._given, gossamer.BlockingMesh):
            mesh = self._given
        else:
            mesh = gossamer.join(self._given or setting("mesh").value or MESH, **self._joining)
        self._mesh, self._name = mesh, name
        return mesh

    def _leave(self) -> None:
        mesh, self._mesh = self._mesh, None
        if self._store is not None:
            self._store.unlock()
        if mesh is None:
            return
        for listener in self._listeners:
            mesh.off(listener)
        self._listeners.clear()
        if mesh is not self._given:
            mesh.close()

    def _restore(self, store: Store, mesh: gossamer.BlockingMesh) -> None:
        """Write what the store holds: nobody has the database."""
        with mesh.batch():
            mesh[_mark(self._name)] = True
            self._scope.update({key: store.get(key) for key in store.list()})
            self._counter.add(max(0, store.revision() - self.revision()))

    def _refused(self, why: str) -> DatabaseError:
        self._leave()
        return DatabaseError(why)


def _mark(name: str) -> str:
    """Return the key that says that there is a database."""
    return f"databases/{name}"


def _prefix(name: str) -> str:
    return f"database/{name}/"


def _is_in_step(mesh: gossamer.BlockingMesh) -> bool:
    status = mesh.status()
    return status.caught_up and all(row.in_step for row in status.peers if row.presence in _HERE)


def _check_range(start: int | None, end: int | None) -> None:
    first, last = start or 0, start or 0 if end is None else end
    if not (isinstance(first, int) and isinstance(last, int) and 0 <= first <= last):
        raise ValueError(f"revisions from {start!r} to {end!r} are no range: give two numbers, the smaller first")
