"""What `import pyvent` offered, over events of a mesh: `from gossamer.compat import pyvent`.

    @pyvent.connect("order-food")
    def order(food, drink="water"):
        print(f"You ordered {food} and {drink}!")

    pyvent.send("order-food", food="sushi", drink="sake")    # in this program, or in any other

The functions here are those of one `Node`, which joins its mesh at the first `connect` or `send`.  There is no
server to find or to lose, and nothing that arrives is unpickled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any as _Anything

from .configuration import DEFAULTS
from .node import Node
from .receivers import ANONYMOUS as Anonymous
from .receivers import ANY as Any
from .receivers import NotConnected

__all__ = [
    "Anonymous",
    "Any",
    "Node",
    "NotConnected",
    "configure",
    "connect",
    "disconnect",
    "is_server",
    "node",
    "options",
    "run_forever",
    "send",
    "start_server",
    "stop",
    "try_start",
    "wait_for",
]

options = DEFAULTS
"""What `configure` may change, and what holds where it does not."""
node = Node()
"""The node that the functions of this module use."""


def configure(**options: _Anything) -> None:
    """Choose how this program takes part, before anything is sent or connected: see `Node`."""
    node.configure(**options)


def is_server() -> bool:
    """Return whether this program takes part and may serve: see `Node.is_server`."""
    return node.is_server()


def start_server(port: int | None = None, address: str | None = None) -> None:
    """Take part now: see `Node.start_server`."""
    node.start_server(port, address)


def try_start() -> None:
    """Take part now, unless this program does already."""
    node.try_start()


def connect(
    signal: _Anything, callback: _Anything = None, sender: _Anything = "pyvent", weak: bool = True
) -> _Anything:
    """Call `callback` when `signal` is sent, by any program; without it, a decorator: see `Node.connect`."""
    return node.connect(signal, callback, sender, weak)


def disconnect(
    callback: Callable[..., _Anything], signal: _Anything = Any, sender: _Anything = "pyvent", weak: bool = True
) -> None:
    """Call `callback` no more: see `Node.disconnect`."""
    node.disconnect(callback, signal, sender, weak)


def send(topic: str, **kargs: _Anything) -> bool:
    """Send a signal with these arguments to every program that connected it: see `Node.send`."""
    return node.send(topic, **kargs)


def wait_for(
    signal: _Anything,
    sender: _Anything = "pyvent",
    timeout: float = 0,
    send: Mapping[str, _Anything] | None = None,
) -> tuple[_Anything, _Anything]:
    """Wait until `signal` is sent, and return its arguments: see `Node.wait_for`."""
    return node.wait_for(signal, sender, timeout, send)


def run_forever() -> None:
    """Wait until Ctrl-C or `stop`, for a script that does nothing but listen."""
    node.run_forever()


def stop(client: bool = True, server: bool = True) -> None:
    """Take part no more, until the next `send` or `connect`: see `Node.stop`."""
    node.stop(client, server)
