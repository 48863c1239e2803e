"""A chat: who is there, who left, and what was said in the last ten minutes.  A trio program.

python presence.py ada       type a line to say it; Ctrl-D to leave
"""

from __future__ import annotations

import os
import sys
import time

import trio

import gossamer

KEPT_S = 600.0


def say(mesh: gossamer.Mesh, name: str, text: str) -> None:
    """Say something: a key of our own, so that nobody's words can overwrite another's."""
    mesh.set(f"said/{time.time():017.6f}/{name}", text, ttl=KEPT_S)


def told(key: str, text: str) -> str:
    """Return a line for people."""
    return f"{key.rpartition('/')[2]}: {text}"


async def listen(changes: gossamer.mesh.Changes) -> None:
    """Print what is said from now on."""
    async for change in changes:
        if change.kind == "set" and not change.local:
            print(told(change.key, change.new), flush=True)


async def main(name: str) -> None:
    """Show what was said before, then talk until the input ends."""
    async with (
        gossamer.open_mesh(os.environ.get("GOSSAMER_MESH", "chat"), nickname=name) as mesh,
        mesh.changes("said/*") as changes,
        trio.open_nursery() as nursery,
    ):
        mesh.on_join(lambda peer: print("*", peer.name, "is here", flush=True))
        mesh.on_leave(lambda peer: print("*", peer.name, "has gone", flush=True))
        print("* here:", " ".join(sorted(peer.name for peer in mesh.peers)) or "nobody else", flush=True)
        for key, text in sorted(mesh.scope("said").items()):
            print(told(key, text), flush=True)

        nursery.start_soon(listen, changes)
        while line := await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
            say(mesh, name, line.rstrip("\n"))
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    try:
        trio.run(main, sys.argv[1] if len(sys.argv) > 1 else "somebody")
    except* KeyboardInterrupt:  # trio wraps what ends a nursery
        pass
