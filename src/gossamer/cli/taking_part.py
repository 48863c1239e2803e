"""How a verb takes part in a mesh: joins it, waits a little for somebody to be there, and leaves.

A verb is a peer like any other, for a moment.  It holds nothing before it has met another
peer, and what it writes vanishes with it unless another peer has taken it over.  So a
verb that meets nobody says so, exits with 3, and has stored nothing.
"""

from __future__ import annotations

import contextlib
import os
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import GossamerError, MeshTimeout
from .verb import Exit, Stop

if TYPE_CHECKING:
    from ..blocking import BlockingMesh
    from ..handle import Arguments, Peer

TIMEOUT_S = 3.0
SETTLE_S = 0.3
"""How long to listen for peers before somebody's absence means anything: as long as any program does."""
LEAST_S = 0.5
"""Joining may take this long whatever --timeout says: less than a peer needs to answer would find nobody."""
CATCH_UP_S = 1.6
"""How long, at most, to ask whether we have all that a peer met late has: a beacon comes within 1.5 s."""


def given(arguments: Namespace) -> dict[str, Any]:
    """Return what the command line says of a mesh, by the names that `settings.effective` has."""
    return {
        "mesh": arguments.mesh,
        "secret_file": arguments.secret_file,
        "peers": arguments.peer,
        "interface": arguments.interface,
        "port": arguments.port,
    }


def arguments_for(arguments: Namespace, *, mesh: str | None = None) -> Arguments:
    """Return what to open the mesh with, that of the command line or else `mesh`."""
    from ..options import Options
    from ..settings import arguments_of, secret_in, setting

    patience_s = Options().join_timeout_s if arguments.timeout is None else max(LEAST_S, arguments.timeout)
    nickname = None
    if setting("name").value is None:
        nickname = f"gossamer {arguments.verb.name}:{os.getpid()}"
    secret = None if arguments.secret_file is None else secret_in(Path(arguments.secret_file))
    return arguments_of(
        arguments.mesh or mesh,
        secret,
        arguments.peer or (),
        arguments.interface,
        arguments.port,
        arguments.insecure_lan,
        Options(settle_s=SETTLE_S, join_timeout_s=patience_s),
        nickname,
    )


@contextmanager
def joined(arguments: Namespace) -> Iterator[BlockingMesh]:
    """Take part while the block runs."""
    from ..blocking import BlockingMesh

    with BlockingMesh(arguments_for(arguments)) as mesh:
        yield mesh


@contextmanager
def reached(arguments: Namespace) -> Iterator[tuple[BlockingMesh, Deadline]]:
    """Take part, with at least one peer, while the block runs; `Stop` with 3 if there is none in time."""
    deadline = Deadline(arguments.timeout if arguments.timeout is not None else TIMEOUT_S)
    with joined(arguments) as mesh:
        if not met(mesh, deadline.left_s()):
            raise nobody(mesh, deadline.timeout_s)
        yield mesh, deadline


class Deadline:
    """When a verb's patience ends."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._at = time.monotonic() + timeout_s

    def left_s(self) -> float:
        """Return how many seconds are left, at least 0."""
        return max(0.0, self._at - time.monotonic())


def met(mesh: BlockingMesh, timeout_s: float | None) -> frozenset[Peer]:
    """Return the peers there, once there are any; none if there were none in time."""
    with contextlib.suppress(MeshTimeout):
        return mesh.wait(lambda mesh: mesh.peers, timeout_s)
    return frozenset()


def catch_up(mesh: BlockingMesh, deadline: Deadline, found: Callable[[BlockingMesh], bool]) -> None:
    """Wait until `found`, or until we hold what some peer holds: only then is what is absent absent.

    Joining has caught up with whoever answered at once.  This is for whoever answered later.
    """

    def ready(mesh: BlockingMesh) -> bool:
        if found(mesh) or mesh.statistics()["deltas joined"]:
            return True
        status = mesh.status()
        return status.caught_up and any(row.in_step for row in status.peers)

    with contextlib.suppress(MeshTimeout):
        mesh.wait(ready, min(CATCH_UP_S, deadline.left_s()))


def confirm(mesh: BlockingMesh, deadline: Deadline) -> list[str]:
    """Wait until peers have what we wrote; return the names of those that do not confirm it in time.

    Raises MeshTimeout if none does.
    """
    peers = mesh.peers
    try:
        mesh.settled(timeout=deadline.left_s())
    except MeshTimeout:
        late = [peer.name for peer in peers if not _knows(mesh, peer)]
        if len(late) == len(peers):
            raise
        return late
    return []


def _knows(mesh: BlockingMesh, peer: Peer) -> bool:
    try:
        mesh.settled(peers=[peer], timeout=0)
    except MeshTimeout:
        return False
    return True


def nobody(mesh: BlockingMesh, timeout_s: float) -> Stop:
    """Return how a verb ends that has met no peer: with 5 if a peer named to it has another secret, else with 3."""
    from ..diagnose import reach

    whom = mesh.arguments
    for text in whom.peers:
        with contextlib.suppress(GossamerError):
            answer = reach(whom, mesh.arguments.static_address(text))
            if answer.refused:
                return Stop(Exit.REFUSED, f"{text} refused us: {answer.reason}")
    why = f"no other peer of the mesh {mesh.name!r} was met within {timeout_s:g} s"
    strangers = len(mesh.foreign())
    if strangers:
        why += f"; {strangers} of other meshes, or with other secrets, were heard"
    if whom.host_only:
        why += "; without a secret a mesh is of this host and this user alone"
    return Stop(Exit.UNREACHED, f"{why}.  Nothing was stored.  `gossamer doctor` tells more")
