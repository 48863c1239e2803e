"""A queue of work: one program hands it out, as many as like do it, and none is lost when one of them dies.

python work_queue.py work ada       in as many terminals as you like
python work_queue.py give 10        in another: hand out ten pieces, and wait until all are done
"""

from __future__ import annotations

import os
import sys

import gossamer


def work(mesh: gossamer.BlockingMesh) -> None:
    """Do what is handed out, until Ctrl-C.  A piece is consumed when the next is asked for."""
    print("waiting for work", flush=True)
    for piece, size in mesh.channel("work"):
        print(f"{mesh.me.name} does piece {piece}: {sum(range(size))}", flush=True)
        mesh[f"done/{piece}"] = mesh.me.name


def give(mesh: gossamer.BlockingMesh, pieces: int) -> None:
    """Hand out work, and wait until all of it is done."""
    channel = mesh.channel("work", capacity=100)
    for piece in range(pieces):
        channel.send(piece, 1000 * piece)  # two arguments arrive as a tuple
    channel.drain()
    done = mesh.wait(lambda mesh: len(mesh.scope("done")) >= pieces and dict(mesh.scope("done")), timeout=20)
    print("done by", " ".join(sorted(set(done.values()))), flush=True)


if __name__ == "__main__":
    what, argument = [*sys.argv[1:], "work", "somebody"][:2]
    try:
        with gossamer.join(
            os.environ.get("GOSSAMER_MESH", "work"), nickname=argument if what == "work" else "giver"
        ) as mesh:
            work(mesh) if what == "work" else give(mesh, int(argument))
    except KeyboardInterrupt:
        pass
