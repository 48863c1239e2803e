"""What a peer stands on: the clocks and the network of this machine, or for tests those of a made-up one.

Both doors ask here, through `Arguments`: so a test that takes the place of the machine
(`surrounded_by`) has whatever a program opens meanwhile, without the program's knowing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from .net.certificates import Identity
from .net.clocks import Clock, slept_s
from .net.host_key import host_key
from .net.sockets import open_network
from .net.transport import Network
from .options import Options


class OpenNetwork(Protocol):
    """Opens the network of one peer: see `net.sockets.open_network`."""

    def __call__(
        self,
        *,
        identity: Identity,
        host_only: bool,
        interfaces: Sequence[str] | None,
        port: int | None,
        options: Options | None,
    ) -> Network:
        """Return the network, open; raise `NetworkError` or `ConfigurationError`."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Clocks and network, and what else a peer asks of its machine."""

    open_network: OpenNetwork = open_network
    clock: Clock = Clock(slept=slept_s)  # noqa: RUF009  # frozen: all may share it
    host_key: Callable[[], bytes] = host_key
    """What the keys of a mesh without a secret follow from."""
    looks_around: bool = True
    """Whether peers are looked for on disk and by zeroconf too, or met on the network alone."""
    join: Callable[[Any], Any] | None = None
    """What `gossamer.join` makes of its `Arguments`, if not a `BlockingMesh` in threads of its own."""


_surroundings = Surroundings()


def current_surroundings() -> Surroundings:
    """Return what a mesh that is opened now stands on."""
    return _surroundings


@contextmanager
def surrounded_by(surroundings: Surroundings) -> Iterator[None]:
    """Let every mesh that this process opens while the block runs stand on these, in whatever thread."""
    global _surroundings
    before, _surroundings = _surroundings, surroundings
    try:
        yield
    finally:
        _surroundings = before
