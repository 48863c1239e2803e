"""Signals between programs, as py-share has them: sent once, got once."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import RLock
from typing import Any, TypeVar

import gossamer

from ...errors import GossamerError, MeshTimeout
from ...settings import setting
from .ending import follow, linger_at_the_end
from .watches import Watches

MESH = "share"
LINGER_S = 2.0
"""How long a program that ends waits until its last signals were got."""
OWN_WITHIN_S = 0.25
"""How long a signal of our own may take to be seen here; it takes a thousandth of that."""
F = TypeVar("F", bound=Callable[..., Any])


class _NoData(str):
    """An empty text that can be told from others."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NO_DATA"


NO_DATA = _NoData()
"""What `get` returns for a signal without data: it equals "", as in py-share, but is not the "" that was sent."""
_ABSENT: Any = object()


class Share:
    """Signals of a mesh.  Besides its methods, as in py-share: `share.NAME(...)`, `share.isNAME()`, `share.getNAME()`.

    `mesh` is its name (GOSSAMER_MESH, else "share"), or a mesh of `gossamer.join`, which is then used and not
    closed; `joining` is what `gossamer.join` takes (`secret`, `peers`, ...).  It joins at the first use.  In the `mode`
    "take" each signal is for one receiver, in "subscribe" for all who receive when it is sent; these do
    not mix.  A program that ends waits up to `linger_s` seconds until what it sent was got; after that it is lost,
    for signals wait in their sender's memory.  Thread-safe, and usable in a forked child.
    """

    def __init__(
        self,
        mesh: str | gossamer.BlockingMesh | None = None,
        *,
        mode: str = "take",
        linger_s: float = LINGER_S,
        **joining: Any,
    ) -> None:
        self._given, self._mode, self._linger_s, self._joining = mesh, mode, linger_s, joining
        self._lock = RLock()
        self._mesh: gossamer.BlockingMesh | None = None if isinstance(mesh, str) else mesh
        self._channels: dict[str, gossamer.BlockingChannel] = {}
        self._watches = Watches(self._channel)
        follow(self)

    # -- what py-share does -----------------------------------------------------------------------

    def send(self, name: str, *data: Any, wait: bool | None = None, timeout: float | None = None) -> None:
        """Send a signal; several data arrive as a tuple.

        As in py-share, it first waits until the signal of this name that this program sent before was got.
        With `wait=True` it also waits until this one was, and with `wait=False` for neither: up to 1024
        queue, in order.  `timeout` bounds the waiting: then raises MeshTimeout, and what it says was not sent was
        not; ChannelFull if the queue is full.  Raises UnsendableValue for what is no value of a mesh.
        """
        until = None if timeout is None else time.monotonic() + timeout
        channel = self._channel(name)
        if wait is None and channel.unfinished:
            try:
                channel.drain(timeout)
            except MeshTimeout:
                raise MeshTimeout(
                    f"the signal {name!r} before this one was not got within {timeout} s, so this one was not sent"
                ) from None
        if wait is False and timeout is None:
            timeout = 0
        elif until is not None:
            timeout = max(0.0, until - time.monotonic())
        channel.send(*data, wait=bool(wait), timeout=timeout)

    def check(self, name: str, wait: bool = False, timeout: float | None = None) -> bool:
        """Return whether a signal waits; with `wait`, wait for one, up to `timeout` seconds."""
        channel = self._channel(name)
        if channel.check(wait, timeout):
            return True
        # A signal of our own may be under way to us: py-share's programs in one window count on it.
        return not wait and channel.unfinished > 0 and channel.check(wait=True, timeout=OWN_WITHIN_S)

    def get(self, name: str, wait: bool = False, timeout: float | None = None) -> Any:
        """Return the data of the next signal, which is then used up.

        Without data it is `NO_DATA`, an empty text.  None if there is no signal; with `wait`, waits for one, up to
        `timeout` seconds.  What a container holds is frozen, as what is read from a mesh.
        """
        if not wait and not self.check(name):
            return None
        found = self._channel(name).get(wait, timeout, default=_ABSENT)
        return None if found is _ABSENT else NO_DATA if found is None else found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self.magic(name)

    def magic(self, name: str) -> Callable[..., Any]:
        """Return what `share.NAME` is if no method is called so."""
        if name.startswith("is"):
            return partial(_without_data, self.check, name, name[2:])
        if name.startswith("get"):
            return partial(_without_data, self.get, name, name[3:])
        return partial(self.send, name)

    def __dir__(self) -> list[str]:
        return sorted(name for name in vars(type(self)) if not name.startswith("_"))

    def __repr__(self) -> str:
        return "Share"

    # -- what its README wished for ---------------------------------------------------------------

    def on(self, name: str, fn: F | None = None) -> Any:
        """Call `fn` with the data of each signal `name`, while `loop` runs; without `fn`, a decorator.

        A signal is used up when `fn` has ended; what it raises is logged.
        """
        if fn is None:
            return partial(self.on, name)
        self._watches.add(name, fn)
        if self._mode == "subscribe":
            self._channel(name).subscribe()
        return fn

    def loop(self, timeout: float | None = None) -> None:
        """Call the functions of `on` in this thread, as signals come: for ever, or for `timeout` seconds.

        Ends too when this is closed.  Run it as the target of a thread, if the program has other things to do.
        """
        self._watches.loop(timeout)

    def subscribe(self, name: str) -> None:
        """Receive signals of a name from now on, in the mode "subscribe"; `get` and `check` do it by themselves."""
        self._channel(name).subscribe()

    def serve(self, name: str, fn: F | None = None) -> Any:
        """Let every program call `fn` by this name; without `fn`, a decorator.  As `mesh.serve`."""
        return self.mesh.serve(name) if fn is None else self.mesh.serve(name, fn)

    def call(self, name: str, *args: Any, timeout: float | None = 10.0, **kwargs: Any) -> Any:
        """Call what some program serves, and return what it returns.  As `mesh.call`, and with its errors."""
        return self.mesh.call(name, *args, timeout=timeout, **kwargs)

    # -- the mesh -----------------------------------------------------------------------------------

    @property
    def mesh(self) -> gossamer.BlockingMesh:
        """The mesh, which is joined if it was not."""
        with self._lock:
            if self._mesh is None:
                name = self._given if isinstance(self._given, str) else setting("mesh").value or MESH
                self._mesh = gossamer.join(name, **self._joining)
            return self._mesh

    def close(self) -> None:
        """Wait up to `linger_s` until what was sent was got, and take part no more.  Again does nothing."""
        self._watches.stop()
        with self._lock:
            mesh, channels = self._mesh, list(self._channels.values())
            self._channels.clear()
            is_own = mesh is not self._given
            if is_own:
                self._mesh = None
        self._drain(channels)
        if is_own and mesh is not None:
            mesh.close()

    def __enter__(self) -> Share:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def _channel(self, name: str) -> gossamer.BlockingChannel:
        folded = name.casefold() if isinstance(name, str) else name
        with self._lock:
            if folded not in self._channels:
                self._channels[folded] = self.mesh.channel(folded, self._mode)
                linger_at_the_end()
            return self._channels[folded]

    def fork_in_child(self) -> None:
        """Keep no lock that a thread of the parent holds; functions of `on` are called if they are registered anew."""
        self._lock, self._watches = RLock(), Watches(self._channel)
        self._channels = {}

    def linger(self) -> None:
        """The program ends: let what was sent be got."""
        self._drain(list(self._channels.values()))

    def _drain(self, channels: list[gossamer.BlockingChannel]) -> None:
        until = time.monotonic() + self._linger_s
        for channel in channels:
            if channel.unfinished:
                with suppress(GossamerError):  # too late; the mesh says how many are lost
                    channel.drain(max(0.0, until - time.monotonic()))


def _without_data(
    look: Callable[..., Any], called: str, name: str, *data: Any, wait: bool = False, timeout: float | None = None
) -> Any:
    """Check or get a signal; whoever gives data meant to send one whose name happens to begin so."""
    if data:
        raise TypeError(
            f"share.{called}() looks for the signal {name!r} and takes no data; to send {called!r}, "
            f"write share.send({called!r}, ...)"
        )
    return look(name, wait=wait, timeout=timeout)
