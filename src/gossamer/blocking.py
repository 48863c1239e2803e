"""The door for scripts: a mesh whose loop runs in a thread of its own.

The thread is a daemon and its end is registered with `atexit`: a script that forgets to
close says goodbye all the same, and exits.  `fork()` is safe: the child keeps the state
and the listeners, drops what the parent had not sent, and joins as a new peer at first
use.  Listeners run on one more thread, started by the first `on`.
"""

from __future__ import annotations

import atexit
import inspect
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from .blocking_events import BlockingEvents
from .ending import at_the_end_of_a_child
from .errors import ConfigurationError, MeshTimeout, WrongThread
from .handle import EVERYTHING, Arguments, MeshHandle, Peer
from .options import Options
from .protocol.effects import Requested
from .settings import arguments_of
from .talking import CALL_TIMEOUT_S
from .threads import ENDS_WITHIN_S, ListenerThread, LoopThread, Workers, wait_for
from .views.advisory_lease import AdvisoryState
from .views.blocking_channel import BlockingChannel
from .views.calling import Gathered
from .views.changes import Change, Pattern
from .views.emitter import Station
from .views.lease import Lease
from .views.leases import Story, advanced
from .views.lines import CAPACITY
from .views.quorum_lease import QuorumState
from .views.services import Service
from .views.watchers import Feed

T = TypeVar("T")


class BlockingMesh(MeshHandle):
    """A mesh in a script: a dict, usable from any thread.

    Made by `gossamer.join`.  A context manager, but usable without `with`.
    """

    def __init__(self, arguments: Arguments) -> None:
        super().__init__(arguments)
        self._exiting = False
        self._retired = threading.Event()
        self._reviving = threading.RLock()
        self._listener_thread: ListenerThread | None = None
        self._workers = Workers(f"gossamer {self.name} worker")
        self._run()

    def _run(self) -> None:
        """Live, in a thread; return once caught up."""
        self._loop = LoopThread(self)
        _open[id(self)] = self
        at_the_end_of_a_child(_close_all)
        try:
            self._loop.start()
        except BaseException:  # of the loop, or Ctrl-C while it joins: leave nothing behind
            self.close(linger_s=0)
            raise

    # -- the end ----------------------------------------------------------------------------------

    def close(self, linger_s: float | None = None) -> None:
        """Send what was written, say goodbye, and stop.  Again does nothing.

        Waits up to `linger_s` (by default `Options.linger_s`) until a peer confirms our last
        write; if none does, one warning is logged.  What the mesh held can still be read.
        """
        if self.is_forked:
            self.retire()
            return
        self._check_thread("close")
        self._begin_end(self.options.linger_s if linger_s is None else linger_s)
        self._finish_end()

    def _begin_end(self, linger_s: float) -> None:
        self.linger_s = linger_s
        self._loop.stop()

    def _finish_end(self) -> None:
        self._loop.join(self.linger_s + ENDS_WITHIN_S)
        if self._listener_thread is not None:
            self._listener_thread.stop()
            self._listener_thread.thread.join(ENDS_WITHIN_S)
        self._workers.stop()
        _open.pop(id(self), None)

    def retire(self) -> None:
        """Let nobody write any more, unless the program ends: then a daemon thread may, and nobody hears of it."""
        self._retired.set()
        if not self._exiting:
            super().retire()

    def __enter__(self) -> BlockingMesh:
        self._check_open()
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def _check_thread(self, what: str) -> None:
        listening = self._listener_thread
        if threading.current_thread() in (self._loop.thread, listening and listening.thread):
            raise WrongThread(
                f"{what}() was called from a listener, which it would wait for; call it from another thread"
            )

    # -- waiting ----------------------------------------------------------------------------------

    def wait(self, predicate: Callable[[BlockingMesh], T], timeout: float | None = None) -> T:
        """Return the first truthy `predicate(mesh)`; raise MeshTimeout if there is none within `timeout` seconds.

        The predicate runs in the calling thread, whenever a key or a peer has changed.
        """
        return self._until("wait", lambda: predicate(self), timeout, lambda: f"the predicate {predicate!r} to be true")

    def settled(
        self, key: Any = EVERYTHING, peers: Iterable[Peer | str] | None = None, timeout: float | None = None
    ) -> None:
        """Return once every peer there (or each of `peers`) knows our writes, or what is written under `key`.

        Raises MeshTimeout, naming who is late, after `timeout` seconds.  Alone, returns at once.
        """
        self._check_thread("settled")
        self._before_use()
        self._check_open()
        dots = self._dots(key)
        wanted = None if peers is None else list(peers)
        self.driver.call_soon(lambda: self._ask(dots))
        try:
            self._until(
                "settled",
                lambda: not self._directory.behind(dots, wanted),
                timeout,
                lambda: self._missing(dots, wanted),
            )
        finally:
            self.driver.call_soon(lambda: self._forget(dots))

    def run_forever(self) -> None:
        """Wait until the mesh is closed, or Ctrl-C is pressed: the last line of a script that only listens.

        Ctrl-C ends the waiting and is no error; the mesh stays open for what the script still has
        to say, and says goodbye when it is closed or the script ends.
        """
        self._check_thread("run_forever")
        self._before_use()
        with suppress(KeyboardInterrupt):
            self._rest(self._retired)

    def _until(self, name: str, ready: Callable[[], T], timeout: float | None, what: Callable[[], str]) -> T:
        self._check_thread(name)
        self._before_use()
        poked = threading.Event()
        self._watchers.await_change(poked.set)
        try:
            deadline = None if timeout is None else self.clock.monotonic() + timeout
            while True:
                poked.clear()
                found = ready()
                if found:
                    return found
                self._check_open()
                left = None if deadline is None else deadline - self.clock.monotonic()
                if left is not None and left <= 0:
                    raise MeshTimeout(f"waited {timeout} s for {what()}; {self.status().why}")
                self._rest(poked, left)
        finally:
            self._watchers.await_no_more(poked.set)

    def _rest(self, event: threading.Event, seconds: float | None = None) -> None:
        """Let the calling thread wait, for as long as it may."""
        wait_for(event, seconds)

    # -- calls and channels -----------------------------------------------------------------------

    def call(
        self,
        name: str,
        /,
        *args: Any,
        timeout: float | None = CALL_TIMEOUT_S,
        peer: Peer | str | None = None,
        route: Any = None,
        idempotent: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Call a service and return what it returns: of `peer`, or of one that serves it.

        Equal arguments (or equal `route`) go to the same peer while it is there.  It is
        started at most once: if whoever was asked goes away, another is asked only if the first cannot
        have begun, or the call is `idempotent`.  Raises RemoteError with what the service
        raised; NoService if nobody serves it; ServiceBusy; PeerLost if nobody can tell whether it was done;
        MeshTimeout after `timeout` seconds (None: never), and then a service in a trio or
        asyncio program is cancelled, while one in a script goes on and its result is dropped.
        """
        waiter = self._new_waiter("call")
        self._before_use()
        self._check_open()
        ticket = self._calling.ticket(
            name, args, kwargs, waiter.wake, timeout=timeout, peer=peer, route=route, idempotent=idempotent
        )
        self._begin(ticket)
        answered = False
        try:
            answered = waiter.wait(lambda: ticket.done, timeout)
        finally:
            if not answered:
                self._calling.give_up(ticket)
        if not answered:
            raise self._calling.late(ticket)
        return ticket.result()

    def gather(self, name: str, /, *args: Any, timeout: float | None = CALL_TIMEOUT_S, **kwargs: Any) -> Gathered:
        """Call a service of all that serve it, and return their replies and who stayed silent for `timeout` seconds."""
        waiter = self._new_waiter("gather")
        self._before_use()
        self._check_open()
        tickets = self._tickets_for_all(name, args, kwargs, timeout, waiter.wake)
        waiter.wait(lambda: all(ticket.done for ticket in tickets.values()), timeout)
        return self._gathered(tickets)

    def channel(self, name: str, mode: str = "take", capacity: int = CAPACITY) -> BlockingChannel:
        """Return a channel: a queue between programs, of which all who name it are part.

        `mode` is "take" (each message goes to exactly one receiver) or "subscribe" (each to
        all); the two are different channels.  `capacity` bounds how many messages of ours may be unconsumed.
        """
        self._before_use()
        self._check_open()
        return BlockingChannel(self._lines.line(name, mode, capacity), self._new_waiter)

    def _new_waiter(self, what: str) -> _Waiter:
        self._check_may_wait(what)
        return _Waiter(self)

    def _check_may_wait(self, what: str) -> None:
        """A listener may wait for what others do, and holds up the other listeners; the loop must not."""
        listening = self._listener_thread
        if listening is None or threading.current_thread() is not listening.thread:
            self._check_thread(what)

    def _check_handler(self, name: str, fn: Callable[..., Any]) -> None:
        if inspect.iscoroutinefunction(fn):
            raise ConfigurationError(f"{fn!r} is async: in a script it cannot serve {name!r}; use gossamer.open_mesh")

    def run_request(self, request: Requested, handler: Service) -> None:
        """Run a handler on a worker."""
        calling, bytes_max = self._calling, self.options.value_bytes_max
        self._workers.start(lambda: calling.finished(request, *handler.run(request.arguments, bytes_max)))

    # -- leases -----------------------------------------------------------------------------------

    def advisory_lease(self, name: str, *, ttl: float = 10.0, timeout: float | None = None) -> Lease:
        """Return a lease that is held by at most one peer in a mesh that is connected and on time.

        **Each side of a partition may have a holder.**  `with` it, or `acquire` it: that waits until nobody else
        holds it (at most `timeout` seconds in `with`), claims it, and waits `settle` to see whether the claim stands:
        see `Options.lease_dissemination_s`.  It lasts `ttl` seconds unless renewed: call `keep()` as work goes on.
        """
        return Lease(AdvisoryState(self, name, ttl, timeout), self._play)

    def quorum_lease(
        self, name: str, *, voters: Sequence[Peer | str], ttl: float = 10.0, timeout: float | None = None
    ) -> Lease:
        """Return a lease that a majority of `voters` grants: no two peers hold it at once, in a partition neither.

        **A side without a majority of the voters has no holder.**  `voters` are nicknames (or ids) of peers,
        the same in every program, as is `ttl`; each peer votes by running.  A voter that has just started
        waits for `ttl` seconds before it votes.  Two live peers of one nickname are not counted.
        """
        return Lease(QuorumState(self, name, voters, ttl, timeout), self._play)

    def _play(self, story: Story) -> None:
        """Wait for what a story waits for."""
        try:
            wait = next(story, None)
            while wait is not None:
                try:
                    self._until("acquire", wait.ready, wait.timeout_s, str)
                    came = True
                except MeshTimeout:
                    came = False
                wait = advanced(story, came)
        finally:
            story.close()

    # -- watching ---------------------------------------------------------------------------------

    def changes(self, pattern: str = "*") -> BlockingChanges:
        """Return the changes of keys that match `pattern`, from now on: iterate it; it ends with the mesh.

        Live when the call returns.  A slow reader gets, per key, the first old and the last new value.
        """
        self._before_use()
        return BlockingChanges(self, Pattern(pattern))

    def _start_listening(self) -> None:
        super()._start_listening()
        self._listening()

    def _listening(self) -> ListenerThread:
        with self._reviving:
            if self._listener_thread is None:
                self._listener_thread = ListenerThread(f"gossamer {self.name} listeners", self._deliver)
                self._listener_thread.thread.start()
            return self._listener_thread

    def _deliver(self) -> None:
        if len(self._feed):
            for raw in self._watchers.drain(self._feed):
                self._listeners.deliver(raw)
        if self._emitter.waiting:
            self._emitter.deliver()

    def _new_emitter(self, station: Station) -> BlockingEvents:
        return BlockingEvents(station, self)

    @property
    def events(self) -> BlockingEvents:
        """Events of the mesh: what programs tell each other beside the state."""
        assert isinstance(self._emitter, BlockingEvents)
        return self._emitter

    def _start_handling(self) -> None:
        self._listening()

    def _wake_listeners(self) -> None:
        if self._listener_thread is not None:
            self._listener_thread.wake()

    def _call_listener(self, fn: Callable[[], Any]) -> None:
        if self._listener_thread is not None:
            self._listener_thread.call(lambda: self._listeners.call(fn))

    # -- fork -------------------------------------------------------------------------------------

    def fork_in_child(self) -> None:
        """Only the forking thread is left: join as a new peer at first use."""
        super().fork_in_child()
        self._retired = threading.Event()
        self._reviving = threading.RLock()
        self._listener_thread = None
        self._workers = Workers(f"gossamer {self.name} worker")
        _open.pop(id(self), None)

    def _before_use(self) -> None:
        if not self.is_forked:
            return
        with self._reviving:
            if self.is_forked and not self._closed:
                self._revive()

    def _revive(self) -> None:
        self._assemble(self._ledger)
        with self._ledger.lock:
            self.is_forked = False
            self._detour -= 1
        self._run()
        if self._feed in self._watchers.feeds or self._emitter.is_listened_to:
            self._listening()
        self.in_loop(self._talk_as_new)


class _Waiter:
    """Waits in the calling thread, for what is told to it by `wake`."""

    def __init__(self, mesh: BlockingMesh) -> None:
        self._mesh = mesh
        self._woken = threading.Event()
        self.wake = self._woken.set

    def wait(self, done: Callable[[], bool], timeout: float | None) -> bool:
        """Return once `done()`, or False after `timeout` seconds."""
        now = self._mesh.clock.monotonic
        deadline = None if timeout is None else now() + timeout
        while True:
            self._woken.clear()
            if done():
                return True
            left = None if deadline is None else deadline - now()
            if left is not None and left <= 0:
                return False
            self._mesh._rest(self._woken, left)


class BlockingChanges:
    """A live iterator of changes.  Use it in one thread; `close` it, or use it as a context manager."""

    def __init__(self, mesh: BlockingMesh, pattern: Pattern) -> None:
        self._mesh = mesh
        self._ready = threading.Event()
        self._feed = Feed(mesh.options.changes_max, self._ready.set, pattern.matches)
        mesh._watchers.watch(self._feed)

    @property
    def conflated(self) -> int:
        """How many changes were folded into a later one of their key because we read too slowly."""
        return self._feed.conflated

    def __iter__(self) -> Iterator[Change]:
        return self

    def __next__(self) -> Change:
        self._mesh._check_thread("next")
        while True:
            self._ready.clear()
            for raw in self._mesh._watchers.drain(self._feed):
                change = self._mesh._watchers.change(raw)
                if change is not None:
                    return change
            if self._mesh._closed or self._feed not in self._mesh._watchers.feeds:
                raise StopIteration
            self._mesh._rest(self._ready)

    def take(self) -> list[Change]:
        """Wait for a change, then return all that wait, in order; the changes of one batch come in one list.

        An empty list says that the stream has ended.
        """
        self._mesh._check_thread("take")
        watchers = self._mesh._watchers
        while True:
            self._ready.clear()
            found = [change for raw in watchers.drain_whole(self._feed) if (change := watchers.change(raw)) is not None]
            if found or self._mesh._closed or self._feed not in watchers.feeds:
                return found
            self._mesh._rest(self._ready)

    def close(self) -> None:
        """Watch no more."""
        self._mesh._watchers.unwatch(self._feed)
        self._ready.set()

    def __enter__(self) -> BlockingChanges:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


def join(
    name: str | None = None,
    *,
    secret: str | None = None,
    peers: Sequence[str] = (),
    interfaces: Sequence[str] | None = None,
    port: int | None = None,
    insecure_lan: bool = False,
    options: Options | None = None,
    nickname: str | None = None,
    share: bool | Sequence[str] = False,
) -> BlockingMesh:
    """Join the mesh `name` and return it, a dict, once caught up with the peers found (or alone).

    Without `secret`, the mesh is of this host and this user alone.  `secret`, a token of
    `gossamer keygen` or a passphrase, opens it to the LAN; `insecure_lan=True` opens it to
    everybody on it.  `peers` are addresses ("host" or "host:port") of peers that multicast
    does not reach; one that answers is enough.  `interfaces` (names or addresses) says
    where to multicast; by default where the default route leads.  `port` moves multicast
    and streams away from 47474.  `nickname` is shown to others instead of host:pid.  With `share`, the
    other processes of this host read what is held here in shared memory, and write through it: see `attach`.
    It may also be a list of prefixes: then they are shown keys that begin with one of those, and no others.

    What is not given is taken from GOSSAMER_* in the environment, then from gossamer.toml.
    Raises ConfigurationError, SecretError or NetworkError, and says what to do.  A missing
    network is no error: peers meet when it appears.
    """
    arguments = arguments_of(name, secret, peers, interfaces, port, insecure_lan, options, nickname, share)
    mesh: BlockingMesh = (arguments.surroundings.join or BlockingMesh)(arguments)
    return mesh


# -- the end of the program -----------------------------------------------------------------------

_open: weakref.WeakValueDictionary[int, BlockingMesh] = weakref.WeakValueDictionary()


def _close_all() -> None:
    """Say goodbye for every mesh that nobody closed, all at once."""
    meshes = [mesh for mesh in _open.values() if not mesh.is_forked]
    for mesh in meshes:
        mesh._exiting = True
        mesh._begin_end(mesh.options.linger_s)
    for mesh in meshes:
        mesh._finish_end()


atexit.register(_close_all)

__all__ = ["BlockingChanges", "BlockingMesh", "join"]
