"""A mesh that shows what it holds to the other processes of its host, and writes for them.

One process of a host and mesh does so at a time: it holds a lock, which the kernel gives
back however it ends.  What was acknowledged to an attached process is in shared memory by
then, so it outlives this one.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import trio

from .cache.host_lock import HostLock
from .cache.inheritance import Inheritance
from .cache.places import Place, place_of
from .cache.publisher import Publisher
from .cache.requests import ATTACH_VERSION, CHANGED, GOODBYE, Frames, Request, Verb, read_request, reply_frame
from .cache.sockets import listening
from .crdt.writes import FORCE, Delta, Held, Key, Replaced, Write, expiry_meta
from .errors import AlreadyShared, ConfigurationError, GossamerError, Malformed, MeshClosed, SharedMemoryFull
from .handle import MeshHandle
from .net.gate import Gate, Guest
from .views.mapping import too_large
from .wire.keys import checked_key
from .wire.values import decode_value

NEWS_FRAME = reply_frame(CHANGED, 0)
GOODBYE_FRAME = reply_frame(GOODBYE, 0)
SHOWN = frozenset({Verb.WRITE, Verb.SWAP, Verb.CLEAR})
"""After these, whoever asked looks into shared memory."""
NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EFBIG}
PART_OF_A_MESH = 0
"""What stands for the mesh where only some of it is shown: no process can take over from that."""
BEAT_S = 0.1
"""How often the publisher says that it lives."""


class Sharing:
    """Publishes what one mesh holds, and lets attached processes write."""

    def __init__(self, handle: MeshHandle) -> None:
        place = place_of(handle.name)
        self._handle = handle
        lock = HostLock.taken(place.lock)
        if lock is None:
            raise AlreadyShared(
                f"the mesh {handle.name!r} is shared on this host already; use gossamer.attach({handle.name!r}) here"
            )
        self._lock = lock
        try:
            self._begin(place)
        except BaseException as error:
            lock.close()
            if isinstance(error, OSError) and error.errno in NO_SPACE:
                raise SharedMemoryFull(
                    f"the mesh {handle.name!r} cannot be shared: {error.strerror or error}; make room in "
                    f"{place.directory}, or let GOSSAMER_RUNTIME_DIR name a directory elsewhere"
                ) from error
            raise

    def _begin(self, place: Place) -> None:
        handle = self._handle
        place.sweep()
        self._frames: dict[Guest, Frames] = {}
        self._is_unsent = False
        opening, hello = partial(listening, place.socket), reply_frame(CHANGED, 0, "", (ATTACH_VERSION, os.getpid()))
        self.gate = Gate(opening, self._answer, self._answered, hello, NEWS_FRAME, GOODBYE_FRAME)
        mesh = int.from_bytes(handle.mesh_tag[:8], "big")
        self._prefixes = None if handle.arguments.share is True else tuple(handle.arguments.share or ())
        before = Inheritance(place.segment, mesh)
        self._inherit(before.delta())
        with handle._ledger.lock:
            self.publisher = Publisher(
                place.segment,
                handle._ledger.state,
                mesh=mesh if self._prefixes is None else PART_OF_A_MESH,
                generation=before.generation + 1,
                version=before.version,
                now_ms=handle.seen_ms(),
                shows=None if self._prefixes is None else self._shows,
                audience=self.gate,
            )
            self.overwrote = self.publisher.overwrote
            before.send_readers_on()
            handle._watchers.publish_by(self)

    def _shows(self, key: Key) -> bool:
        return self._prefixes is None or (isinstance(key, str) and key.startswith(self._prefixes))

    def _shown(self, key: Any) -> Any:
        """Return a key that may be written from outside.  Raises `InvalidKey`, and `ConfigurationError` if not."""
        checked = checked_key(key)
        if not self._shows(checked):
            known = " or ".join(map(repr, self._prefixes or ()))
            raise ConfigurationError(f"{key!r} is not shared on this host: only keys that begin with {known} are")
        return checked

    def _inherit(self, delta: Delta | None) -> None:
        """Begin with what the process that published before us had acknowledged."""
        ledger = self._handle._ledger
        if delta is not None and ledger.begin_join(delta):
            ledger.prepare_join(1 << 62)
            ledger.finish_join(self._handle.clock.wall_ms())

    # -- what changes ---------------------------------------------------------------------------

    def replaced(self, replaced: Sequence[Replaced], local: bool) -> None:
        """Show a step.  Under the ledger's lock."""
        self.publisher.replaced(replaced, local)
        self.gate.changed()

    def lapsed(self, lapsed: Sequence[tuple[Key, int, Held]]) -> None:
        """Something has ceased to be seen.  Under the ledger's lock."""
        self.publisher.lapsed(lapsed, self._handle.seen_ms())
        self.gate.changed()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve, until cancelled."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.gate.serve)
            task_status.started()
            while True:
                ledger = self._handle._ledger
                with ledger.lock:
                    offset_ms = self._handle.replica.membership.offset_ms()
                    self.publisher.beat(time.monotonic_ns(), offset_ms, ledger.origin, self._handle.seen_ms())
                await trio.sleep(BEAT_S)

    def close(self) -> None:
        """Publish no more.  Attached processes can go on reading; one that may publish next inherits what is there."""
        with self._handle._ledger.lock:
            self._handle._watchers.publish_by(None)
            self.publisher.close(unlink=self._lock.is_last())
        self._lock.close()

    # -- what attached processes ask ------------------------------------------------------------

    def _answered(self) -> None:
        """Whoever wrote has been told; now the other peers are."""
        if self._is_unsent:
            self._is_unsent = False
            self._handle._wrote()

    def _answer(self, guest: Guest, data: bytes) -> bytes:
        frames = self._frames.get(guest)
        if frames is None:
            frames = self._frames[guest] = Frames()
        if not data:
            del self._frames[guest]
            return b""
        return b"".join([self._one(guest, body) for body in frames.feed(data)])

    def _one(self, guest: Guest, body: bytes) -> bytes:
        request = read_request(body)
        try:
            if self.publisher.stopped and request.verb in SHOWN:
                raise SharedMemoryFull(f"nothing was written, for it could not be shown here: {self.publisher.stopped}")
            result = self._do(guest, request)
            if self.publisher.stopped and request.verb in SHOWN:
                raise SharedMemoryFull(f"it was written, but cannot be shown here: {self.publisher.stopped}")
        except MeshClosed:
            return GOODBYE_FRAME  # nothing was done: whoever publishes next will do it
        except GossamerError as error:
            return reply_frame(request.number, self.publisher.version, type(error).__name__, str(error))
        return reply_frame(request.number, self.publisher.version, "", result)

    def _do(self, guest: Guest, request: Request) -> Any:
        match request:
            case (_, Verb.WRITE, (rows,)):
                return self._write(rows)
            case (_, Verb.SWAP, (key, expected, value, ttl)):
                return self._swap(key, expected, value, ttl)
            case (_, Verb.WATCH, ()):
                guest.watches = True
                return None
            case (_, Verb.CLEAR, ()):
                return self._clear()
            case (_, Verb.EMIT, (str(name), tuple(args), dict(kwargs), str(sender))):
                self._handle._emitter._emit(name, args, kwargs, sender or None)
                return None
            case (_, Verb.COUNT, (str(name), (int() | float()) as by)):
                self._handle.counter(name).add(by)
                return self._handle.counter(name).value
        raise Malformed(f"an attached process asked for {request.verb.name} with arguments that do not fit")

    def _write(self, rows: Sequence[Any]) -> None:
        handle = self._handle
        items = [
            (self._shown(key), self._checked(key, value), self._meta(FORCE if force else 0, ttl))
            for key, value, ttl, force in rows
        ]
        if len(items) == 1 and items[0][1] is not None:
            [(key, value, meta)] = items
            self._is_unsent |= handle._ledger.write(key, value, handle.clock.wall_ms(), meta)
        else:
            handle._ledger.write_many(items, handle.clock.wall_ms())
            self._is_unsent = True

    def _clear(self) -> None:
        handle = self._handle
        if self._prefixes is None:
            return handle.clear()
        with handle.batch():
            for key in filter(self._shows, handle.snapshot()):
                handle.pop(key, None)
        return None

    def _meta(self, flags: int, ttl: float | None) -> int:
        return flags if ttl is None else expiry_meta(flags, self._handle.seen_ms() + max(1, round(ttl * 1000)))

    def _swap(self, key: Any, expected: Any, value: Any, ttl: Any) -> tuple[bool, bytes | None]:
        handle = self._handle
        if value is not True:
            value = self._checked(key, value)
        done = False

        def decide(seen: Write | None) -> tuple[bytes | None, int] | None:
            nonlocal done
            found = None if seen is None else seen.value
            if found is None if expected is True else found != expected:
                return None
            done = True
            meta = expiry_meta(0, 0 if seen is None else seen.expires_ms) if ttl is True else self._meta(0, ttl)
            return found if value is True else value, meta

        seen = handle._ledger.write_if(self._shown(key), decide, handle.clock.wall_ms(), handle.seen_ms())
        self._is_unsent |= done
        return done, None if seen is None else seen.value

    def _checked(self, key: Any, value: Any) -> bytes | None:
        if value is None:
            return None
        most = self._handle.options.value_bytes_max
        if len(value) > most:
            raise too_large(key, value, most)
        decode_value(value)  # what nobody could read would be a trap for every peer
        return bytes(value)
