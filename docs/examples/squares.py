"""A service and its caller: one program squares numbers, the other asks it to.

python squares.py serve        in one terminal, or in several
python squares.py 3 4 five     in another: print their squares, and who made them
"""

from __future__ import annotations

import os
import sys
import threading

import gossamer


def serve(mesh: gossamer.BlockingMesh) -> None:
    """Square numbers for whoever asks, until Ctrl-C."""

    @mesh.serve
    def square(number: float) -> tuple[float, str]:
        if not isinstance(number, int | float):
            raise ValueError(f"{number!r} is no number")
        return number * number, mesh.me.name

    print("serving", flush=True)
    threading.Event().wait()


def ask(mesh: gossamer.BlockingMesh, words: list[str]) -> None:
    """Ask for the square of each; equal numbers go to the same server."""
    mesh.wait(lambda mesh: mesh.servers("square"), timeout=20)
    for word in words:
        number = int(word) if word.isdigit() else word
        try:
            squared, server = mesh.call("square", number, timeout=10)
        except gossamer.RemoteError as error:
            print(error.message, flush=True)
        else:
            print(f"{number} * {number} = {squared}, says {server}", flush=True)


if __name__ == "__main__":
    name = "square server" if sys.argv[1:] == ["serve"] else "asker"
    try:
        with gossamer.join(os.environ.get("GOSSAMER_MESH", "squares"), nickname=name) as mesh:
            serve(mesh) if sys.argv[1:] == ["serve"] else ask(mesh, sys.argv[1:])
    except KeyboardInterrupt:
        pass
