"""The door for scripts: a mesh whose loop runs in a thread of its own.

The thread is a daemon and its end is registered with `atexit`: a script that forgets to
close says goodbye all the same, and exits.  `fork()` is safe: the child keeps the state
and the listeners, drops what the parent had not sent, and joins as a new peer at first
use.  Listeners run on one more thread, started by the first `on`.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import trio

from .crdt.waiting import Waiting
from .errors import MeshClosed, MeshTimeout, WrongThread
from .handle import Arguments, MeshHandle, Peer
from .living import living
from .options import Options
from .settings import arguments_of
from .views.changes import Change, Feed, Pattern, drained

T = TypeVar("T")

_ALL: Any = object()
_open: weakref.WeakValueDictionary[int, BlockingMesh] = weakref.WeakValueDictionary()
ENDS_WITHIN_S = 2.0
"""How much longer than it lingers the loop may take to end."""


class BlockingMesh(MeshHandle):
    """A mesh in a script: a dict, usable from any thread.

    Made by `gossamer.join`.  A context manager, but usable without `with`.
    """

    def __init__(self, arguments: Arguments) -> None:
        super().__init__(arguments)
        self._thread: threading.Thread | None = None
        self._deliverer: threading.Thread | None = None
        self._reviving = threading.RLock()
        self._forked = False
        self._end: trio.Event | None = None
        self._linger_s = self.options.linger_s
        self._calls: deque[Callable[[], Any]] = deque()
        self._work = threading.Semaphore(0)
        _open[id(self)] = self
        self._run()

    # -- the loop's thread ------------------------------------------------------------------------

    def _run(self) -> None:
        """Start the loop, and return once it has caught up.  What it raises, this raises."""
        ready = threading.Event()
        raised: list[BaseException] = []
        self._thread = threading.Thread(
            target=self._host, args=(ready, raised), name=f"gossamer {self.name}", daemon=True
        )
        self._thread.start()
        try:
            ready.wait()
        except BaseException:  # Ctrl-C while joining: leave nothing behind
            self.close(linger_s=0)
            raise
        if raised:
            _open.pop(id(self), None)
            raise raised[0]

    def _host(self, ready: threading.Event, raised: list[BaseException]) -> None:
        async def main() -> None:
            self._end = trio.Event()
            async with living(self, self.options.linger_s):
                ready.set()
                await self._end.wait()

        try:
            trio.run(main)
        except BaseException as error:
            if ready.is_set():
                self._log().exception("the loop of %r ended by an error; the mesh is closed", self.name)
            raised.append(error)
        finally:
            self.refuse_writes()
            ready.set()

    def close(self, linger_s: float | None = None) -> None:
        """Send what was written, say goodbye, and stop.  Again does nothing.

        Waits up to `linger_s` (by default `Options.linger_s`) until a peer confirms our last
        write; if none does, one warning is logged.  What the mesh held can still be read.
        """
        thread, end = self._thread, self._end
        if self._forked or thread is None:
            self.refuse_writes()
            return
        self._check_thread("close")
        linger_s = self.options.linger_s if linger_s is None else linger_s
        self._driver_linger(linger_s)
        if end is not None:
            self.driver.call_soon(end.set)
        thread.join(linger_s + ENDS_WITHIN_S)
        self._work.release()
        deliverer = self._deliverer
        if deliverer is not None:
            deliverer.join(ENDS_WITHIN_S)
        _open.pop(id(self), None)

    def _driver_linger(self, linger_s: float) -> None:
        self.driver.linger_s = linger_s

    def __enter__(self) -> BlockingMesh:
        self._check_open()
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def _check_thread(self, what: str) -> None:
        current = threading.current_thread()
        if current is self._deliverer or current is self._thread:
            raise WrongThread(
                f"{what}() was called from a listener, which it would wait for; call it from another thread"
            )

    # -- waiting ----------------------------------------------------------------------------------

    def wait(self, predicate: Callable[[BlockingMesh], T], timeout: float | None = None) -> T:
        """Return the first truthy `predicate(mesh)`; raise MeshTimeout if there is none within `timeout` seconds.

        The predicate runs in the calling thread, whenever a key or a peer has changed.
        """
        return self._until("wait", lambda: predicate(self), timeout, lambda: f"the predicate {predicate!r} to be true")

    def settled(self, key: Any = _ALL, peers: Iterable[Peer | str] | None = None, timeout: float | None = None) -> None:
        """Return once every peer there (or of `peers`) knows our writes, or what is written under `key`.

        Raises MeshTimeout, naming who is late, after `timeout` seconds.  Alone, returns at once.
        """
        self._before_use()
        self._check_open()
        dots = self._settling(key, key is not _ALL)
        wanted = None if peers is None else list(peers)
        replica, driver = self.replica, self.driver

        def ask() -> None:
            for dot in dots:
                replica.ask_settled(*dot, time.monotonic())
            driver.perform()

        driver.call_soon(ask)
        try:
            self._until(
                "settled",
                lambda: not self._behind(dots, wanted),
                timeout,
                lambda: "confirmation by " + ", ".join(p.name for p in self._behind(dots, wanted)),
            )
        finally:

            def forget() -> None:
                for dot in dots:
                    replica.forget_question(*dot)

            driver.call_soon(forget)

    def _until(self, name: str, ready: Callable[[], T], timeout: float | None, what: Callable[[], str]) -> T:
        self._check_thread(name)
        self._before_use()
        poked = threading.Event()
        self._watchers.await_change(poked.set)
        try:
            deadline = None if timeout is None else time.monotonic() + timeout
            while True:
                poked.clear()
                found = ready()
                if found:
                    return found
                self._check_open()
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise MeshTimeout(f"waited {timeout} s for {what()}; {self.status().why}")
                poked.wait(left)
        finally:
            self._watchers.await_no_more(poked.set)

    # -- watching ---------------------------------------------------------------------------------

    def changes(self, pattern: str = "*") -> BlockingChanges:
        """Return the changes of keys that match `pattern`, from now on: iterate it; it ends with the mesh.

        Live when the call returns.  A slow reader gets, per key, the first old and the last new value.
        """
        self._before_use()
        return BlockingChanges(self, Pattern(pattern))

    def _start_listening(self) -> None:
        super()._start_listening()
        self._before_use()
        with self._reviving:
            if self._deliverer is None or not self._deliverer.is_alive():
                self._deliverer = threading.Thread(
                    target=self._deliver, name=f"gossamer {self.name} listeners", daemon=True
                )
                self._deliverer.start()

    def _wake_listeners(self) -> None:
        self._work.release()

    def _call_listener(self, fn: Callable[[], Any]) -> None:
        self._calls.append(fn)
        self._work.release()

    def _deliver(self) -> None:
        work = self._work
        while True:
            work.acquire()
            while work.acquire(blocking=False):
                pass
            while self._calls:
                self._listeners.call(self._calls.popleft())
            for raw in drained(self._feed, self._ledger):
                self._listeners.deliver(raw)
            if self._closed and self._thread is not None and not self._thread.is_alive():
                return

    # -- fork -------------------------------------------------------------------------------------

    def _before_use(self) -> None:
        if not self._forked:
            return
        with self._reviving:
            if not self._forked:
                return
            self._detour -= 1
            self._forked = False
            if self._closed:
                return
            self._assemble(self._ledger)
            self._run()
            if self._listeners or self._joins or self._leaves:
                self._start_listening()

    def _fork_begins(self) -> None:
        self._ledger.lock.acquire()  # type: ignore[attr-defined]

    def _fork_in_parent(self) -> None:
        self._ledger.lock.release()  # type: ignore[attr-defined]

    def _fork_in_child(self) -> None:
        """Nothing but this thread is left: keep the state, forget what belongs to the parent."""
        ledger = self._ledger
        ledger.lock = threading.Lock()
        ledger.origin = ledger.outbox = ledger.joining = None
        ledger.waiting = Waiting(self.options.held_batches_bytes)
        self._reviving = threading.RLock()
        self._work = threading.Semaphore(0)
        self._calls.clear()
        listening = self._feed in self._watchers.feeds
        self._watchers.feeds, self._watchers.waiters = ((self._feed,) if listening else ()), ()
        ledger.watched = listening
        self._thread = self._deliverer = self._end = None
        if not self._forked:
            self._forked = True
            self._detour += 1
        self.driver.abandon()


class BlockingChanges:
    """A live iterator of changes.  Use it in one thread; `close` it, or use it as a context manager."""

    def __init__(self, mesh: BlockingMesh, pattern: Pattern) -> None:
        self._mesh = mesh
        self._ready = threading.Event()
        self._feed = Feed(mesh.options.changes_max, self._ready.set, pattern.matches)
        mesh._watchers.watch(self._feed)
        mesh._watchers.await_change(self._ready.set)
        self._closed = False

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
            for raw in drained(self._feed, self._mesh._ledger):
                change = self._mesh._watchers.change(raw)
                if change is not None:
                    return change
            if self._closed or self._mesh._closed:
                raise StopIteration
            self._ready.wait()

    def close(self) -> None:
        """Watch no more."""
        self._closed = True
        watchers = self._mesh._watchers
        watchers.unwatch(self._feed)
        watchers.await_no_more(self._ready.set)
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
) -> BlockingMesh:
    """Join the mesh `name` and return it, a dict, once caught up with the peers found (or alone).

    Without `secret`, the mesh is of this host and this user alone.  `secret`, a token of
    `gossamer keygen` or a passphrase, opens it to the LAN; `insecure_lan=True` opens it to
    everybody on it.  `peers` are addresses ("host" or "host:port") of peers that multicast
    does not reach; one that answers is enough.  `interfaces` (names or addresses) says
    where to multicast; by default where the default route leads.  `port` moves multicast
    and streams away from 47474.  `nickname` is shown to others instead of host:pid.

    What is not given is taken from GOSSAMER_* in the environment, then from gossamer.toml.
    Raises ConfigurationError, SecretError or NetworkError, and says what to do.  A missing
    network is no error: peers meet when it appears.
    """
    return BlockingMesh(arguments_of(name, secret, peers, interfaces, port, insecure_lan, options, nickname))


def _close_all() -> None:
    for mesh in list(_open.values()):
        mesh.close()


def _each(method: str) -> Callable[[], None]:
    def call() -> None:
        for mesh in list(_open.values()):
            getattr(mesh, method)()

    return call


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_each("_fork_begins"),
        after_in_parent=_each("_fork_in_parent"),
        after_in_child=_each("_fork_in_child"),
    )

__all__ = ["BlockingChanges", "BlockingMesh", "MeshClosed", "join"]
