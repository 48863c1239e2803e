"""A node: one program's part in the signals of a mesh."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any as Anything

import gossamer

from ...errors import MeshClosed, MeshTimeout, WrongThread
from .configuration import DEFAULTS, Configuration
from .ears import ESCAPED, Ears, named, pattern_of
from .pydispatch_bridge import Bridge, same
from .receivers import ANONYMOUS, ANY, Receivers, is_meant

logger = logging.getLogger("gossamer.compat.pyvent")


class Node:
    """One program's part in the signals of a mesh: it joins at the first `connect`, `send` or `wait_for`.

    Options, given here or to `configure`, are those of pyvent: `id` (who sends: "pyvent.ID"; also the peer's
    nickname), `port` (52002; nodes of different ports do not meet), `address` (an interface; "0.0.0.0": where
    the default route leads), `server` (there is none: see `is_server`).  And those of a mesh: `mesh` (its name,
    "pyvent"; or a mesh of `gossamer.join`, which is then used and never closed), `secret`, `peers`,
    `insecure_lan`, `options` as `gossamer.join` has them.  `timeout` is how many seconds `send` waits for
    receivers to confirm (0.5; None: not at all).  `pydispatch` lets local signals of PyDispatcher in (True; None:
    if the program has imported it; False: never).

    What is not given of mesh, port, secret and the rest is taken from GOSSAMER_* and gossamer.toml.  Without a
    secret it is open to this user on this host alone.  Several nodes are several peers.  Thread-safe.
    """

    Any = ANY
    Anonymous = ANONYMOUS
    defaults = DEFAULTS

    def __init__(self, **options: Anything) -> None:
        self._configuration = Configuration()
        self._lock = threading.RLock()
        self._receivers = Receivers()
        self._ears = Ears(self._receivers)
        self._bridge: Bridge | None = None
        self._mesh: gossamer.BlockingMesh | None = None
        self._close: Callable[[], object] = _nothing
        self._serves = False
        _nodes.add(self)
        self.configure(**options)

    def configure(self, **options: Anything) -> None:
        """Change options, before the node takes part.

        Raises ConfigurationError for an unknown one, and for one that comes too late: `stop` first.
        """
        with self._lock:
            self._configuration.change(options, is_running=self._mesh is not None)

    @property
    def options(self) -> dict[str, Anything]:
        """What holds now, by name."""
        return self._configuration.options

    # -- taking part ----------------------------------------------------------------------------

    def try_start(self) -> None:
        """Take part, unless this does already: `connect`, `send` and `wait_for` do it by themselves."""
        self._started()

    def start_server(self, port: int | None = None, address: str | None = None) -> None:
        """Take part, at this port and address.  No server is started: every node is a peer of every other."""
        if self.is_server():
            logger.warning("this node takes part already")
            return
        given = {"port": port, "address": address}
        self.configure(**{name: value for name, value in given.items() if value is not None})
        self._started()
        self._serves = True

    def is_server(self) -> bool:
        """Return whether this node takes part and was not told `server=False`.

        Nothing depends on it, and several nodes may say True: there is no server.
        """
        return self._mesh is not None and self._serves

    def stop(self, client: bool = True, server: bool = True) -> None:
        """Take part no more: all threads end.  Again does nothing.  The next `send` or `connect` begins anew.

        What was connected stays so.  Called from a callback, it does not wait for the end.
        """
        with self._lock:
            self._serves = self._serves and not server
            if not client or self._mesh is None:
                return
            close, self._close, self._mesh = self._close, _nothing, None
            self._ears.leave()
        try:
            close()
        except WrongThread:  # a callback, on whose thread the mesh would wait for itself
            threading.Thread(target=close, name="pyvent stops", daemon=True).start()

    def run_forever(self) -> None:
        """Take part, and wait until Ctrl-C, or `stop` in a callback or another thread."""
        self._started().run_forever()

    def _started(self) -> gossamer.BlockingMesh:
        with self._lock:
            if self._mesh is None:
                given = self._configuration.get("mesh")
                mesh: gossamer.BlockingMesh = self._configuration.join() if isinstance(given, str) else given
                if isinstance(given, str):
                    let_go = weakref.finalize(self, _let_go, mesh)
                    let_go.atexit = False  # the mesh has its own way to end with the program
                    self._close = partial(_end, let_go, mesh)
                self._mesh, self._serves = mesh, bool(self.options["server"])
                self._ears.enter(mesh)
            return self._mesh

    # -- signals --------------------------------------------------------------------------------

    def connect(
        self, signal: Anything, callback: Anything = None, sender: Anything = "pyvent", weak: bool = True
    ) -> Anything:
        """Call `callback` with the arguments of each `signal` of `sender`, and return it; without it, a decorator.

        It is given those arguments that its signature names, and `signal` and `sender` if it names them.  A
        function is held weakly unless `weak` is False or this is a decorator.  `sender` is compared by
        equality; "till" hears "till.3" too, "till.*" is a shell pattern, `Any` is everybody.  Callbacks run one
        at a time on a thread of the node; what one raises is logged, and harms no other.
        """
        if callback is None:
            return partial(self.connect, signal, sender=sender, weak=False)
        signal, sender = same(signal), same(sender)
        if signal is not ANY and type(signal) is not str:
            raise TypeError(f"a signal is a str, or Anything, not {type(signal).__name__}")
        self._started()
        with self._lock:
            self._bridge = self._bridge or Bridge.wanted(self.options["pydispatch"], self._receivers)
            self._receivers.add(callback, signal, sender, weak)
            self._ears.listen(signal, self._bridge)
        return callback

    def disconnect(
        self, callback: Anything, signal: Anything = ANY, sender: Anything = "pyvent", weak: bool = True
    ) -> None:
        """Call `callback` no more for `signal` (`Any`: for whatever it was connected to) of `sender`.

        `weak` need not be what it was connected with.  Raises NotConnected, a KeyError, if it was not.
        """
        self._receivers.remove(callback, same(signal), same(sender))

    def send(self, signal: str, **kargs: Anything) -> bool:
        """Send `signal` with these arguments to every node that connected it, in every program and in this one.

        Returns whether every program that is there has it within the option `timeout`; alone, True.
        In a callback it does not wait, and returns True.  `sender` says who sends: by default "pyvent", or "pyvent.ID".
        Raises UnsendableValue, a TypeError, for an argument that is no value of a mesh, and then sends nothing.
        """
        sender = same(kargs.pop("sender", self._configuration.sender))
        sender = "" if sender is ANONYMOUS else sender
        arguments = {ESCAPED.get(name, name): value for name, value in kargs.items()}
        emit = partial(self._started().events.emit, signal, sender=sender, **arguments)
        try:
            return emit(timeout=self.options["timeout"])
        except WrongThread:
            return emit()
        except MeshClosed:  # stopped, by another thread, before it was sent
            return False

    def wait_for(
        self,
        signal: Anything,
        sender: Anything = "pyvent",
        timeout: float = 0,
        send: Mapping[str, Anything] | None = None,
    ) -> tuple[Anything, Anything]:
        """Wait until `signal` is sent, up to `timeout` seconds (0: for ever); return its (args, kwargs).

        The kwargs hold `signal` and `sender` too, so they are never empty; (None, None) if it was not sent in time.
        `send`, a dict with a "signal" and its arguments, is sent once we listen.  Raises WrongThread in a callback.
        """
        signal, sender = same(signal), same(sender)
        until = time.monotonic() + timeout if timeout > 0 else None
        with self._started().events.stream(pattern_of(signal)) as stream:
            if send:
                self.send(**send)
            try:
                while True:
                    event = stream.get(None if until is None else max(0.0, until - time.monotonic()))
                    if is_meant(sender, event.sender):
                        return event.args, {"signal": event.name, "sender": event.sender, **named(event.kwargs)}
            except MeshTimeout:
                return None, None

    def _fork_in_child(self) -> None:
        self._lock = threading.RLock()
        self._receivers.forget_threads()


def _nothing() -> None:
    """A node that does not take part has nothing to end."""


def _end(let_go: weakref.finalize[Anything, Anything], mesh: gossamer.BlockingMesh) -> None:
    """Close a node's mesh, and do not do it again when the node is collected."""
    let_go.detach()
    mesh.close()


def _let_go(mesh: gossamer.BlockingMesh) -> None:
    """Close the mesh of a node that nobody has any more; that may be noticed in any thread, the mesh's own too."""
    threading.Thread(target=mesh.close, name="pyvent stops", daemon=True).start()


# -- fork -----------------------------------------------------------------------------------------

_nodes: weakref.WeakSet[Node] = weakref.WeakSet()


def _fork_in_child() -> None:
    for node in list(_nodes):
        node._fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fork_in_child)
