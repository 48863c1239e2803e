"""Locks between programs: leases that are renewed for as long as their holder lives.

1. A thread first takes the lock's turn in its own process, then the lease: so threads exclude each other
   exactly, and processes as far as the lease does (see `configure(lock_voters=...)`).
2. While it is held, a thread of ours renews it: who works for long keeps it, and who dies loses it after its
   ttl.  A process that stood still for longer has lost it, and is told by `release`.
3. Before it is given back, what was written under it is confirmed by the peers that are there: so whoever
   holds it next sees that.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Final

import gossamer

from ...errors import ConfigurationError

logger = logging.getLogger("gossamer.compat.rpyc_mem")

_SETTLES_WITHIN_S: Final = 1.0
"""How long giving a lock back waits for others to confirm what was written under it."""
_NAME_CHARACTERS: Final = 60


@dataclass(frozen=True, slots=True)
class LockRecord:
    """What is stored of a lock: all that have it under one name are one."""

    name: str
    reentrant: bool = False


gossamer.register(LockRecord, "gossamer.rpyc_mem.lock")


class SharedLock:
    """A `threading.Lock` (or `RLock`) between programs; made by `rp("threading").Lock()`.

    `acquire` and `release` wait for the network.  Between processes, taking it costs about half a second,
    unless there are `lock_voters`.  Only the process that holds it can release it: each of its threads may.
    """

    def __init__(self, locks: Locks, record: LockRecord) -> None:
        self._locks, self.record = locks, record

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Wait until it is ours, for at most `timeout` seconds (-1: for ever); return whether it is."""
        if not blocking and timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        if timeout < 0 and timeout != -1:
            raise ValueError("timeout value must be a non-negative number")
        return self._hold.acquire(None if blocking and timeout == -1 else timeout if blocking else 0.0)

    def release(self) -> None:
        """Give it back.  Raises RuntimeError if this process does not hold it; LeaseLost, one too, if it was lost."""
        self._hold.release()

    def locked(self) -> bool:
        """Return whether anybody holds it, as far as we have heard."""
        return self._hold.is_held or self._hold.lease.holder() is not None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()

    @property
    def _hold(self) -> _Hold:
        return self._locks.hold(self.record)

    def __repr__(self) -> str:
        return f"<{'locked' if self.locked() else 'unlocked'} SharedLock {self.record.name!r}>"


class Locks:
    """The locks of one mesh that this process has used."""

    def __init__(self, mesh: gossamer.BlockingMesh, ttl_s: float, voters: tuple[str, ...]) -> None:
        shortest_s = 4 * mesh.options.lease_dissemination_s
        if not voters and ttl_s <= shortest_s:  # it would run out before it was held
            raise ConfigurationError(
                f"lock_ttl_s is {ttl_s}; it takes a part of it to see whether a lock was taken, so give more than "
                f"{shortest_s:g} s (4 x Options.lease_dissemination_s)"
            )
        self._mesh, self._ttl_s, self._voters = mesh, ttl_s, voters
        self._holds: dict[tuple[int, LockRecord], _Hold] = {}

    def unnamed(self, reentrant: bool) -> SharedLock:
        """Return a lock that nobody else has, until it is stored under a key."""
        return self.lock(LockRecord(secrets.token_hex(16), reentrant))

    def derived(self, record: LockRecord, key: Any) -> LockRecord:
        """Return the record of the lock under a key, the same whoever makes it."""
        text = repr(key)
        digest = blake2b(text.encode(errors="surrogatepass"), digest_size=12).hexdigest()
        return replace(record, name=f"{text[:_NAME_CHARACTERS]} {digest}")

    def lock(self, record: LockRecord) -> SharedLock:
        """Return the lock of a record."""
        return SharedLock(self, record)

    def hold(self, record: LockRecord) -> _Hold:
        """Return this process's share in a lock: in a fork's child, another than in the parent."""
        key = os.getpid(), record
        found = self._holds.get(key)
        return found or self._holds.setdefault(key, _Hold(self._mesh, self._new_lease(record), record.reentrant))

    def _new_lease(self, record: LockRecord) -> gossamer.Lease:
        name = f"rpyc_mem {record.name}"
        if self._voters:
            return self._mesh.quorum_lease(name, voters=self._voters, ttl=self._ttl_s)
        return self._mesh.advisory_lease(name, ttl=self._ttl_s)


class _Hold:
    """One process's share in one lock."""

    def __init__(self, mesh: gossamer.BlockingMesh, lease: gossamer.Lease, reentrant: bool) -> None:
        self.lease = lease
        self._mesh, self._reentrant = mesh, reentrant
        self._turn = threading.Lock()
        self._owner: int | None = None
        self._depth = 0
        self._keeper: _Keeper | None = None

    @property
    def is_held(self) -> bool:
        """Whether a thread of this process holds it, or is about to."""
        return self._turn.locked()

    def acquire(self, timeout_s: float | None) -> bool:
        """Take the turn in this process, then the lease; None waits for ever."""
        if self._reentrant and self._owner == threading.get_ident():
            self._depth += 1
            return True
        until = None if timeout_s is None else time.monotonic() + timeout_s
        if not self._turn.acquire(timeout=-1 if timeout_s is None else timeout_s):
            return False
        try:
            self.lease.acquire(None if until is None else max(0.0, until - time.monotonic()))
        except (gossamer.LeaseHeld, gossamer.NoQuorum):
            self._turn.release()
            return False
        except BaseException:  # Ctrl-C among others
            self._turn.release()
            raise
        self._owner, self._depth = threading.get_ident(), 1
        self._keeper = _Keeper(self.lease)
        return True

    def release(self) -> None:
        """Give it back, once others have what was written under it."""
        if self._keeper is None or (self._reentrant and self._owner != threading.get_ident()):
            raise RuntimeError("release unlocked lock: only the process (of an RLock, the thread) that holds it can")
        self._depth -= 1
        if self._depth:
            return
        keeper, self._keeper, self._owner = self._keeper, None, None
        try:
            self._settle()
        finally:
            keeper.stop()
            was_held = self.lease.valid()
            self.lease.release()
            self._turn.release()
        if not was_held:
            raise gossamer.LeaseLost(
                "the lock was lost before it was released: this process stood still, or could not reach the others, "
                "for longer than lock_ttl_s, and another may have worked under it at the same time"
            )

    def _settle(self) -> None:
        try:
            self._mesh.settled(timeout=_SETTLES_WITHIN_S)
        except gossamer.MeshTimeout as late:
            logger.warning("a lock is given back though not everybody has what was written under it: %s", late)


class _Keeper:
    """Renews a lease until it is told to stop, or the lease is lost."""

    def __init__(self, lease: gossamer.Lease) -> None:
        self._lease, self._stop = lease, threading.Event()
        self._thread = threading.Thread(target=self._keep, name="gossamer rpyc_mem lock", daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        try:
            while not self._stop.wait(self._lease.ttl / 3) and self._lease.renew():
                continue
        except gossamer.GossamerError as error:
            logger.warning("a lock is not renewed any more: %s", error)
        if not self._stop.is_set():
            logger.warning("a lock was lost while it was held; release() will say so")

    def stop(self) -> None:
        """Renew no more."""
        self._stop.set()
        self._thread.join()
