"""What every door of a mesh has in common: the mapping, who is there, who listens.

`Mesh` (trio) and `BlockingMesh` (scripts) add what waits, each in its own way.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

from .errors import ConfigurationError, MeshClosed
from .net.certificates import new_identity
from .net.driver import Driver, wall_ms
from .net.host_key import host_key
from .net.sockets import open_network
from .net.transport import Address, Network
from .options import Options
from .protocol.effects import ClockSkew, Confirmed, Forked, Joined, Left, Notice, Presence, Rejoined
from .protocol.ledger import Ledger
from .protocol.membership import Member
from .protocol.replica import Identity, Replica
from .views.changes import Change, Feed, Listeners, Watchers
from .views.mapping import MeshMapping
from .wire.sealing import Sealer
from .wire.secret import MeshKeys, derive_keys, host_keys, insecure_keys

BOOT_BYTES = 12
F = TypeVar("F", bound=Callable[[Change], Any])


@dataclass(frozen=True, slots=True)
class Peer:
    """A participant as others see it.  Two are equal if they are the same run of the same program."""

    name: str
    """What it calls itself, by default host:pid."""
    id: str
    """32 hex digits, a hash of its public key; new each time it joins."""
    host: str = ""
    """Where it was last heard from; empty for ourselves, and for a peer that only others have met."""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """What we know of one peer."""

    peer: Peer
    presence: str
    """alive, suspect, failed or left."""
    last_heard_s: float
    """Seconds since its last sign of life."""
    in_step: bool
    """Whether its latest beacon said that it knows exactly what we know."""
    multicast: bool
    """Whether multicast works between us; if not, streams carry everything."""
    stream: bool
    """Whether a stream is open."""
    clock_offset_s: float | None
    """How far its wall clock is ahead of ours; None if it was not measured."""
    why: str
    """In words: what keeps the two of us apart, or "in step"."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a mesh is doing, as this peer sees it."""

    name: str
    me: Peer
    keys: int
    conflicts: int
    caught_up: bool
    """Whether an exchange with every peer found at the start has ended."""
    multicast: bool
    """Whether this host could join the multicast group."""
    unsent: int
    """Own writes that have not been handed to the network."""
    peers: tuple[PeerStatus, ...]
    why: str
    """In words: alone, in step, or behind whom."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a mesh was opened with."""

    name: str
    secret: str | None = None
    peers: tuple[str, ...] = ()
    interfaces: tuple[str, ...] | None = None
    port: int | None = None
    insecure_lan: bool = False
    options: Options = field(default_factory=Options)
    nickname: str | None = None
    wrap: Callable[[Network], Network] | None = None
    """For tests and the demo: what stands between the driver and the sockets, such as `net.faults`."""

    def keys(self) -> MeshKeys:
        """Return the keys of this mesh: from the secret, or for this host and user alone."""
        if self.secret is not None and self.insecure_lan:
            raise ConfigurationError("insecure_lan=True opens a mesh to everybody and secret= to few; give one of them")
        if self.secret is not None:
            return derive_keys(self.secret, self.name)
        return insecure_keys(self.name) if self.insecure_lan else host_keys(host_key(), self.name)

    @property
    def host_only(self) -> bool:
        """Whether this mesh never leaves the host."""
        return self.secret is None and not self.insecure_lan


class MeshHandle(MeshMapping):
    """The state, the peers and the listeners of a mesh that is open."""

    def __init__(self, arguments: Arguments) -> None:
        self.arguments = arguments
        self.options = arguments.options
        self._closed = False
        self._joins: list[Callable[[Peer], Any]] = []
        self._leaves: list[Callable[[Peer], Any]] = []
        self._writers: dict[bytes, Peer] = {}
        self._skewed: set[bytes] = set()
        self.rejoined: Rejoined | None = None
        """The latest return after a long absence, if there was one."""
        self._watchers = Watchers(wall_ms, self._writer_of_origin, self.options.changes_max)
        self._assemble(None)
        super().__init__(self._ledger, arguments.name, wall_ms, self.driver.wrote, self._writer_of_origin)
        self._watchers.mapping = self
        self._listeners = Listeners(self._watchers, self._ledger)
        self._feed = Feed(self.options.changes_max, self._wake_listeners, self._listeners.wanted)

    def _assemble(self, ledger: Ledger | None) -> None:
        """Make what lives as long as one boot: keys, sockets, replica.  A fork's child makes it anew."""
        arguments = self.arguments
        keys = arguments.keys()
        identity = new_identity(keys)
        boot = int(time.time()).to_bytes(4, "big", signed=False) + os.urandom(BOOT_BYTES - 4)
        network: Network = open_network(
            identity=identity,
            host_only=arguments.host_only,
            interfaces=arguments.interfaces,
            port=arguments.port,
            options=self.options,
        )
        if arguments.wrap is not None:
            network = arguments.wrap(network)
        self.mesh_tag, self.discovery_tag = keys.mesh_tag, keys.discovery_tag
        self.network = network
        unicast = network.unicast_addresses
        name = arguments.nickname or f"{socket.gethostname()}:{os.getpid()}"
        me = Identity(identity.peer_id, boot, name, network.stream_port, unicast[0][1] if unicast else 0)
        self.replica = Replica(
            me,
            self.options,
            random.SystemRandom(),
            lock=threading.Lock(),
            observer=self._watchers,
            now=time.monotonic(),
            multicast=network.has_multicast,
            ledger=ledger,
        )
        self._ledger = self.replica.ledger
        self.driver = Driver(
            self.replica, network, Sealer([keys], boot, os.urandom), self.options, self._notice, self._tick
        )
        self._wrote = self.driver.wrote
        self._watchers.ledger = self._ledger

    # -- hooks of the doors ---------------------------------------------------------------------

    def _tick(self) -> None:
        """The loop went round: those who wait for something other than a key look again."""
        if self._watchers.waiters:
            self._watchers.poke()

    def _wake_listeners(self) -> None:
        raise NotImplementedError

    def _call_listener(self, fn: Callable[[], Any]) -> None:
        raise NotImplementedError

    def _notice(self, notice: Notice) -> None:
        """The replica has something to tell.  In the loop."""
        members = self.replica.membership.members
        match notice:
            case Joined(boot) if boot in members:
                peer = self._peer(members[boot])
                for fn in self._joins:
                    self._call_listener(lambda fn=fn, peer=peer: fn(peer))  # type: ignore[misc]
            case Left(boot, _) if boot in members:
                peer = self._peer(members[boot])
                for fn in self._leaves:
                    self._call_listener(lambda fn=fn, peer=peer: fn(peer))  # type: ignore[misc]
            case ClockSkew(boot, offset_ms) if boot in members and boot not in self._skewed:
                self._skewed.add(boot)
                self._log().warning(
                    "the clock of %s is %+.1f s from ours; its writes win or lose by that much: set one of the clocks",
                    self._peer(members[boot]).name,
                    offset_ms / 1000,
                )
            case Forked(origin, ours):
                self._log().error(
                    "somebody else wrote under %s origin %s: a machine was cloned, or rolled back to a snapshot.  "
                    "Live writes were put again under a new origin; a write under a colliding dot may be lost",
                    "our" if ours else "the",
                    origin.hex(),
                )
            case Rejoined():
                self.rejoined = notice
            case Confirmed():
                pass  # those who wait for it are poked below
        self._watchers.poke()

    @staticmethod
    def _log() -> Any:
        import logging

        return logging.getLogger("gossamer.mesh")

    # -- who is there ---------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the mesh."""
        return self.arguments.name

    @property
    def me(self) -> Peer:
        """Ourselves, as others see us."""
        identity = self.replica.identity
        return Peer(identity.name, identity.peer.hex())

    @property
    def peers(self) -> frozenset[Peer]:
        """The other peers that are there, as far as we know.  One that died is noticed after some seconds."""
        self._before_use()
        return frozenset(
            self._peer(m) for m in list(self.replica.membership.members.values()) if m.announced and m.alive
        )

    def on_join(self, fn: Callable[[Peer], Any]) -> Callable[[Peer], Any]:
        """Call `fn(peer)` whenever a peer appears.  Usable as a decorator."""
        self._joins = [*self._joins, fn]
        self._start_listening()
        return fn

    def on_leave(self, fn: Callable[[Peer], Any]) -> Callable[[Peer], Any]:
        """Call `fn(peer)` whenever a peer leaves, or nobody reaches it any more.  Usable as a decorator."""
        self._leaves = [*self._leaves, fn]
        self._start_listening()
        return fn

    def _peer(self, member: Member) -> Peer:
        host = member.address[0] if member.address else ""
        peer = Peer(member.name or member.boot.hex()[-6:], member.peer.hex(), host)
        for origin in member.origins:
            self._writers[origin] = peer
        return peer

    def _writer_of_origin(self, origin: bytes) -> Peer:
        if origin == self._ledger.origin:
            return self.me
        known = self._writers.get(origin)
        if known is None or not known.id:
            for member in list(self.replica.membership.members.values()):
                if origin in member.origins:
                    return self._peer(member)
        return known or Peer(origin.hex()[-6:], "")

    # -- listening ------------------------------------------------------------------------------

    @overload
    def on(self, pattern: str) -> Callable[[F], F]: ...

    @overload
    def on(self, pattern: str, fn: F) -> F: ...

    def on(self, pattern: str, fn: F | None = None) -> F | Callable[[F], F]:
        """Call `fn(change)` when the visible value of a key that matches `pattern` changes.

        `pattern` is a shell pattern (`fnmatchcase`; `*` crosses `/`); keys that are no str
        match only `*`.  Without `fn`, a decorator.  Live when the call returns.  Listeners
        run in order, one at a time; what one raises is logged, and harms no other.
        """
        if fn is None:
            return lambda fn: self.on(pattern, fn)
        self._listeners.add(fn, pattern)
        self._start_listening()
        return fn

    def off(self, fn: Callable[..., Any]) -> None:
        """Call `fn` no more, whatever it was registered for.  Raise ValueError if it was not."""
        found = self._listeners.remove(fn)
        joins, leaves = [x for x in self._joins if x != fn], [x for x in self._leaves if x != fn]
        if not found and len(joins) == len(self._joins) and len(leaves) == len(self._leaves):
            raise ValueError(f"{fn!r} is not registered here")
        self._joins, self._leaves = joins, leaves

    def on_conflict(self, fn: Callable[[Any, tuple[Any, ...]], Any]) -> Callable[[Any, tuple[Any, ...]], Any]:
        """Call `fn(key, values)`, the winner's first, when writes made without knowledge of each other meet."""
        self._listeners.add_conflict(fn)
        self._start_listening()
        return fn

    def add_listener(self, listener: Callable[[Any, Any, Any, Any], Any], key: Any = None) -> None:
        """Call `listener(mesh, key, old, new)` on each change, of `key` alone if it is given, as netmem does."""

        def call(change: Change) -> None:
            if key is None or change.key == key:
                listener(self, change.key, change.old, change.new)

        self._listeners.add(listener, "*", call)
        self._start_listening()

    def remove_listener(self, listener: Callable[..., Any], key: Any = None) -> None:
        """Call `listener` no more; do nothing if it was not registered, as netmem does."""
        self._listeners.remove(listener)

    def _start_listening(self) -> None:
        self._watchers.watch(self._feed)

    # -- knowing --------------------------------------------------------------------------------

    def status(self) -> Status:
        """Return how this peer is doing: whom it sees, who is behind, and why."""
        self._before_use()
        now = time.monotonic()
        replica = self.replica
        rows = tuple(
            self._peer_status(m, now) for m in list(replica.membership.members.values()) if m.introduced or m.alive
        )
        outbox = self._ledger.outbox
        unsent = 0 if outbox is None else self._ledger.head() - outbox.multicast_until
        behind = [row for row in rows if row.presence in ("alive", "suspect") and not row.in_step]
        alive = [row for row in rows if row.presence in ("alive", "suspect")]
        why = "alone: no other peer of this mesh was heard"
        if alive:
            why = "in step with " + ", ".join(row.peer.name for row in alive)
        if behind:
            why = "; ".join(f"{row.peer.name}: {row.why}" for row in behind)
        if self._closed:
            why = "closed"
        return Status(
            self.name,
            self.me,
            len(self),
            len(self.conflicts()),
            not replica.catching_up(now),
            self.network.has_multicast,
            max(0, unsent),
            rows,
            why,
        )

    def _peer_status(self, member: Member, now: float) -> PeerStatus:
        heard_s = now - member.heard_at
        multicast = member.hears_by_multicast(now)
        if member.presence is Presence.LEFT:
            why = "it said goodbye"
        elif member.presence is Presence.FAILED:
            why = f"nobody reaches it; last heard {heard_s:.1f} s ago"
        elif member.presence is Presence.SUSPECT:
            why = f"silent for {heard_s:.1f} s; being probed"
        elif member.equal:
            why = "in step"
        elif not multicast and member.link is None:
            why = "multicast does not work between us, and no stream is open yet"
        else:
            why = "it knew something else than we at its last beacon"
        offset = None if member.offset_ms is None else member.offset_ms / 1000
        return PeerStatus(
            self._peer(member),
            member.presence.value,
            heard_s,
            member.equal and member.alive,
            multicast,
            member.link is not None,
            offset,
            why,
        )

    def statistics(self) -> dict[str, int]:
        """Return counts since the mesh was opened: writes, datagrams, bytes, repairs, what was refused and why."""
        replica, network = self.replica, self.network.statistics
        counts: dict[str, int] = {
            "writes": self._ledger.writes,
            "keys": len(self),
            "conflicts met": self._ledger.conflicts,
            "deltas joined": replica.exchanges.joined_deltas,
            "deltas refused": replica.exchanges.refused_deltas,
            "batches repaired": replica.repairs.repaired_batches,
            "divergences": replica.exchanges.divergences,
            "listener errors": self._listeners.errors,
            "changes conflated": sum(feed.conflated for feed in self._watchers.feeds),
        }
        counts |= {field.replace("_", " "): getattr(network, field) for field in network.__slots__}
        counts |= {f"refused: {why}": n for why, n in self.driver.refused.items()}
        return counts | dict(replica.counts)

    def foreign(self) -> dict[tuple[str, str], int]:
        """Return how many datagrams came from other meshes, by (tag, host)."""
        return dict(self.driver.foreign)

    # -- waiting for confirmation -----------------------------------------------------------------

    def _settling(self, key: Any, has_key: bool) -> list[tuple[bytes, int]]:
        """The dots that must be known everywhere: our latest, or those that made `key` what it is."""
        ledger = self._ledger
        with ledger.lock:
            ledger.close_batch()
            if not has_key:
                return [(ledger.origin, ledger.head())] if ledger.origin is not None and ledger.head() else []
            from .crdt.writes import each

            held = [(w.origin, w.sequence) for w in each(ledger.state.live.get(key))]
            return held or [(dot.origin, dot.sequence) for dot in ledger.state.deletes.get(key, ())]

    def _behind(self, dots: Sequence[tuple[bytes, int]], peers: Iterable[Peer | str] | None) -> list[Peer]:
        """The peers that have not confirmed all of `dots`."""
        wanted = None if peers is None else {p if isinstance(p, str) else p.id for p in peers}
        late: dict[Peer, None] = {}
        for origin, sequence in dots:
            for member in self.replica.unsettled(origin, sequence):
                if member.announced and (wanted is None or {member.peer.hex(), member.name} & wanted):
                    late[self._peer(member)] = None
        return list(late)

    def refuse_writes(self) -> bool:
        """Let nobody write any more; return whether anybody could until now."""
        with self._ledger.lock:
            if self._closed:
                return False
            self._closed = self._ledger.closed = True
        self._watchers.poke()
        return True

    def dispose(self) -> None:
        """Give back the sockets."""
        self.network.close()

    def _check_open(self) -> None:
        if self._closed:
            raise MeshClosed(f"the mesh {self.name!r} was closed; join again")

    def static_address(self, text: str) -> Address:
        """Return (host, port) of a static peer given as "host" or "host:port"."""
        host, _, port = text.partition(":")
        if not host or (port and not (port.isdigit() and 0 < int(port) < 65536)):
            raise ConfigurationError(f'{text!r} is no peer: give "host" or "host:port", such as "10.0.0.5:47474"')
        from .net.sockets import DEFAULT_PORT

        return host, int(port) if port else (self.arguments.port or DEFAULT_PORT)
