"""What every door of a mesh has in common: the mapping, who is there, who listens.

`Mesh` (trio), `AsyncioMesh` and `BlockingMesh` (scripts) add what waits, each in its own way.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar, overload

from .arguments import Arguments
from .boot import Hooks, new_boot
from .crdt.dots import Origin
from .crdt.waiting import Waiting
from .crdt.writes import each
from .errors import MeshClosed
from .forking import tell_of_forks
from .peers import Directory, Peer
from .protocol.effects import TRAFFIC, ClockSkew, Forked, Joined, Left, Notice, Rejoined
from .protocol.ledger import Ledger
from .status import TITLE_MAX, PeerStatus, Status, peer_statuses, unsent, why
from .talking import TalkingMesh
from .views.brief import shortened
from .views.changes import Change
from .views.emitter import Emitter, Station
from .views.listeners import ANY_KEY, Listeners
from .views.shown import Table
from .views.watchers import Feed, Watchers

logger = logging.getLogger("gossamer.mesh")

EVERYTHING: Any = object()
"""What `settled` waits for if no key is named."""
F = TypeVar("F", bound=Callable[[Change], Any])


class MeshHandle(TalkingMesh):
    """The state, the peers and the listeners of a mesh that is open."""

    def __init__(self, arguments: Arguments) -> None:
        self.arguments = arguments
        self.options = arguments.options
        self.clock = arguments.surroundings.clock
        self.linger_s = self.options.linger_s
        """How long saying goodbye may take."""
        self.is_forked = False
        """Whether this is a forked child, and what runs belongs to the parent."""
        self.on_twin: Callable[[], object] = lambda: None
        """Called in the loop when another turns out to go on as us: `living` then begins anew."""
        self._closed = False
        self._questions: Counter[tuple[Origin, int]] = Counter()
        self._joins: list[Callable[[Peer], Any]] = []
        self._leaves: list[Callable[[Peer], Any]] = []
        self._directory = Directory()
        self._skewed: set[bytes] = set()
        self.rejoined: Rejoined | None = None
        """The latest return after a long absence, if there was one."""
        self._watchers = Watchers(self.seen_ms, self._directory.writer)
        self._emitter = self._new_emitter(self._station())
        self._assemble(None)
        wall_ms, writer_of = self.clock.wall_ms, self._directory.writer
        super().__init__(self._ledger, arguments.name, wall_ms, self.seen_ms, self.driver.wrote, writer_of)
        self._watchers.mapping = self
        self._start_talking()
        self._listeners = Listeners(self._watchers)
        self._feed = Feed(self.options.changes_max, self._wake_listeners, self._listeners.wanted)
        tell_of_forks(self)

    def _assemble(self, ledger: Ledger | None) -> None:
        """Begin a life: open sockets, over `ledger` or an empty one."""
        boot = new_boot(self.arguments, ledger, self._watchers, Hooks(self._notice, self._tick, self._heard))
        self.network, self.replica, self.driver = boot.network, boot.replica, boot.driver
        self.mesh_tag, self.discovery_tag = boot.mesh_tag, boot.discovery_tag
        self._wrote = boot.driver.wrote
        self._ledger = self._watchers.ledger = boot.replica.ledger
        self._directory.follow(boot.replica)
        boot.replica.emissions.observer = self._emitter

    def begin_anew(self) -> None:
        """Take new ids and sockets, and keep what we hold, who listens and who waits.  In the loop."""
        self.network.close()
        with self._ledger.lock:
            self._ledger.joining = None  # the streams that it came by are gone
        self._assemble(self._ledger)
        for dot in self._questions:
            self.replica.ask_settled(*dot, self.clock.monotonic())
        self._stop_being_who_we_were()
        self._talk_as_new()

    def seen_ms(self) -> int:
        """Return the time by which writes expire: our wall clock, put right by what peers' clocks say."""
        return self.clock.wall_ms() + self.replica.membership.offset_ms()

    # -- hooks of the doors ---------------------------------------------------------------------

    def _heard(self) -> None:
        """What a datagram brought has been applied.  In the loop."""

    def _tick(self) -> None:
        """The loop went round: those who wait for something other than a key look again."""
        if self._watchers.waiters:
            self._watchers.poke()
        if self._calling.seeking:
            self._calling.look()

    def _wake_listeners(self) -> None:
        raise NotImplementedError

    def _call_listener(self, fn: Callable[[], Any]) -> None:
        raise NotImplementedError

    def _notice(self, notice: Notice) -> None:
        """The replica has something to tell.  In the loop."""
        if type(notice) in TRAFFIC:
            self._traffic(notice)
            return
        members = self.replica.membership.members
        match notice:
            case Joined(boot) if boot in members:
                peer = self._directory.peer(members[boot])
                for fn in self._joins:
                    self._call_listener(lambda fn=fn, peer=peer: fn(peer))  # type: ignore[misc]
            case Left(boot, _) if boot in members:
                peer = self._directory.peer(members[boot])
                for fn in self._leaves:
                    self._call_listener(lambda fn=fn, peer=peer: fn(peer))  # type: ignore[misc]
            case ClockSkew(boot, offset_ms) if boot in members and boot not in self._skewed:
                self._skewed.add(boot)
                logger.warning(
                    "the clock of %s is %+.1f s from ours; its writes win or lose by that much: set one of the clocks",
                    self._directory.peer(members[boot]).name,
                    offset_ms / 1000,
                )
            case Forked(origin, ours):
                logger.error(
                    "somebody else wrote under %s origin %s: a machine was cloned, or rolled back to a snapshot.  "
                    "Live writes were put again under a new origin; a write under a colliding dot may be lost",
                    "our" if ours else "the",
                    origin.hex(),
                )
                if ours:
                    self.on_twin()
            case Rejoined():
                self.rejoined = notice
            case _:
                pass  # those who wait for it are poked below
        self._look()
        self._watchers.poke()

    # -- events ---------------------------------------------------------------------------------

    def _new_emitter(self, station: Station) -> Emitter:
        raise NotImplementedError

    def _station(self) -> Station:
        return Station(
            self.options,
            self._before_emitting,
            lambda: self.replica.emissions,
            lambda: self._ledger,
            self.clock.monotonic,
            lambda: self.driver.emitted(),
            lambda fn: self.driver.call_soon(fn),
            lambda: self.driver.perform(),
            lambda: self.replica.identity.name,
            self._directory.boot,
            self._start_handling,
            self._wake_listeners,
        )

    def _before_emitting(self) -> None:
        if self.is_forked or self._closed:
            self._before_use()
            self._check_open()

    def _start_handling(self) -> None:
        """There is an event handler: see that somebody calls it."""

    # -- who is there ---------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the mesh."""
        return self.arguments.name

    @property
    def me(self) -> Peer:
        """Ourselves, as others see us."""
        return self._directory.me

    @property
    def peers(self) -> frozenset[Peer]:
        """The other peers that are there, as far as we know.  One that died is noticed after some seconds."""
        self._before_use()
        return self._directory.present()

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

    def _gone_origins(self, origins: set[Origin]) -> set[Origin]:
        return origins - self._directory.writing()

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
            listener(self, change.key, change.old, change.new)

        self._listeners.add(listener, call=call, key=ANY_KEY if key is None else key)
        self._start_listening()

    def remove_listener(self, listener: Callable[..., Any], key: Any = None) -> None:
        """Undo one `add_listener` of the same; do nothing if there was none, as netmem does."""
        self._listeners.remove_one(listener, ANY_KEY if key is None else key)

    def _start_listening(self) -> None:
        self._before_use()
        self._watchers.watch(self._feed)

    # -- knowing --------------------------------------------------------------------------------

    def status(self) -> Status:
        """Return how this peer is doing: whom it sees, who is behind, and why."""
        self._before_use()
        now = self.clock.monotonic()
        rows = peer_statuses(self._directory, now)
        return Status(
            self.name,
            self.me,
            len(self),
            len(self.conflicts()),
            not self.replica.catching_up(now),
            self.network.has_multicast,
            unsent(self._directory),
            rows,
            "closed" if self._closed else why(rows),
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
            "events emitted": replica.emissions.ring.emitted,
            "events received": replica.emissions.counts["events received"],
            "events missed": self._emitter.missed,
            "event errors": self._emitter.errors,
            "requests started": replica.serving.started,
            "requests refused": replica.serving.refused,
            "changes conflated": sum(feed.conflated for feed in self._watchers.feeds),
        }
        counts |= {field.replace("_", " "): getattr(network, field) for field in network.__slots__}
        counts |= {f"refused: {reason}": n for reason, n in dict(self.driver.refused).items()}
        return counts | dict(replica.counts)

    def _table(self) -> Table:
        table = super()._table()
        return replace(table, title=shortened(f"{table.title}, {self.status().why}", TITLE_MAX))

    def foreign(self) -> dict[tuple[str, str], int]:
        """Return how many datagrams came from other meshes, by (tag, host)."""
        return dict(self.driver.foreign)

    # -- waiting for confirmation -----------------------------------------------------------------

    def _dots(self, key: Any) -> list[tuple[Origin, int]]:
        """Return the writes that must be known everywhere: our latest, or those that made `key` what it is."""
        ledger = self._ledger
        with ledger.lock:
            ledger.close_batch()
            if key is EVERYTHING:
                return [(ledger.origin, ledger.head())] if ledger.origin is not None and ledger.head() else []
            held = [(write.origin, write.sequence) for write in each(ledger.state.live.get(key))]
            return held or [(dot.origin, dot.sequence) for dot in ledger.state.deletes.get(key, ())]

    def _ask(self, dots: Iterable[tuple[Origin, int]]) -> None:
        """Ask the others to confirm that they know these writes.  In the loop."""
        for dot in dots:
            self._questions[dot] += 1
            self.replica.ask_settled(*dot, self.clock.monotonic())
        self.driver.perform()

    def _forget(self, dots: Iterable[tuple[Origin, int]]) -> None:
        """Ask no more, unless somebody else still does.  In the loop."""
        for dot in dots:
            self._questions[dot] -= 1
            if self._questions[dot] <= 0:
                del self._questions[dot]
                self.replica.forget_question(*dot)

    def _missing(self, dots: Iterable[tuple[Origin, int]], peers: Iterable[Peer | str] | None) -> str:
        return "confirmation by " + ", ".join(peer.name for peer in self._directory.behind(dots, peers))

    # -- the end ----------------------------------------------------------------------------------

    def retire(self) -> None:
        """Let nobody write any more; whoever waits is told."""
        with self._ledger.lock:
            self._closed = self._ledger.closed = True
        self._watchers.wake_all()
        self._emitter.wake_all()
        self._end_talking()

    def dispose(self) -> None:
        """Give back the sockets."""
        if not self.is_forked:
            self.network.close()

    def _check_open(self) -> None:
        if self._closed:
            raise MeshClosed(f"the mesh {self.name!r} was closed; join again")

    # -- fork -------------------------------------------------------------------------------------

    def fork_begins(self) -> None:
        """Let the child find the state whole: nobody writes while the process forks."""
        self._ledger.lock.acquire()  # type: ignore[attr-defined]
        self._ledger.seal()

    def fork_in_parent(self) -> None:
        """Go on."""
        self._ledger.lock.release()  # type: ignore[attr-defined]

    def fork_in_child(self) -> None:
        """Keep the state and who listens; forget what belongs to the parent, whose thread and sockets these are."""
        ledger = self._ledger
        ledger.lock = threading.Lock()
        ledger.origin = ledger.outbox = ledger.joining = None
        ledger.waiting = Waiting(self.options.held_batches_bytes)
        self._watchers.keep_only(self._feed)
        self._emitter.forget_readers()
        self._questions.clear()
        self._stop_talking_in_child()
        self.arguments = replace(self.arguments, share=False)  # the parent does
        self.is_forked = True
        self._detour = 1 + (self._batches.current() is not None)
        self.driver.abandon()


__all__ = ["Arguments", "MeshHandle", "Peer", "PeerStatus", "Status"]
