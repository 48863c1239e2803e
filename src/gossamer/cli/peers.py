"""The verb peers: who is there, and how well we hear each other."""

from __future__ import annotations

import contextlib
from argparse import Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import MeshTimeout
from .output import Output, age, escaped
from .taking_part import reached
from .verb import Exit, Verb

if TYPE_CHECKING:
    from ..handle import PeerStatus

LISTEN_S = 1.0
"""Peers answer our greeting within some tenths of a second; those on a lossy network may take longer."""


def run(arguments: Namespace, output: Output) -> int:
    """List the peers."""
    with reached(arguments) as (mesh, deadline):
        with contextlib.suppress(MeshTimeout):
            mesh.wait(lambda mesh: False, min(LISTEN_S, deadline.left_s()))
        status = mesh.status()
    rows = sorted(status.peers, key=lambda row: (row.presence, row.peer.name))
    if output.as_json:
        output.document({"mesh": status.name, "me": asdict(status.me), "peers": [_as_json(row) for row in rows]})
        return Exit.OK
    output.table(
        ("PEER", "HOST", "PRESENCE", "HEARD", "CLOCK", "BY", "STATE"),
        (
            [
                escaped(row.peer.name),
                row.peer.host or "-",
                row.presence,
                f"{age(row.last_heard_s)} ago",
                "-" if row.clock_offset_s is None else f"{row.clock_offset_s:+.2f} s",
                " ".join(way for way, used in (("multicast", row.multicast), ("stream", row.stream)) if used) or "-",
                escaped(row.why),
            ]
            for row in rows
        ),
    )
    return Exit.OK


def _as_json(row: PeerStatus) -> dict[str, Any]:
    return {**asdict(row.peer), **{name: value for name, value in asdict(row).items() if name != "peer"}}


VERBS = (
    Verb(
        "peers",
        "list who takes part",
        run,
        details="This process itself, a peer for a moment, is left out.\n"
        "Peers that failed or left stay listed for a while: a failed one may be behind a cut.\n"
        "Exits with 3 if no peer is met.",
    ),
)
