"""A doorbell and those who hear it: events, answered.

python doorbell.py listen kitchen       answers every ring
python doorbell.py ring                 rings, and shows who answers first
"""

from __future__ import annotations

import contextlib
import os
import sys

import gossamer


def listen(mesh: gossamer.BlockingMesh, room: str) -> None:
    """Answer whoever rings, until Ctrl-C."""

    @mesh.events.on("doorbell/rung")
    def answer(visitor: str, event: gossamer.Event) -> None:
        print("rung by", visitor, flush=True)
        mesh.events.emit("doorbell/answered", room, to=event.sender)

    print("listening in the", room, flush=True)
    mesh.events.wait_for("doorbell/removed")


def ring(mesh: gossamer.BlockingMesh, visitor: str) -> None:
    """Ring, and wait for the first answer."""
    mesh.wait(lambda mesh: mesh.peers, timeout=10)
    try:
        answer = mesh.events.wait_for(
            "doorbell/answered", timeout=5, send=lambda: mesh.events.emit("doorbell/rung", visitor)
        )
    except gossamer.MeshTimeout:
        print("nobody is at home", flush=True)
    else:
        print("answered in the", answer.args[0], flush=True)


def main(what: str = "ring", name: str = "a visitor") -> None:
    """Do what the command line says."""
    with gossamer.join(os.environ.get("GOSSAMER_MESH", "house"), nickname=name) as mesh:
        if what == "listen":
            listen(mesh, name)
        else:
            ring(mesh, name)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
