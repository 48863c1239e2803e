"""A vote that several programs take part in: every vote counts, and nobody votes twice.

python vote.py pizza --as ada        vote, once, and wait until the others know
python vote.py                       print the tally, and again whenever it changes
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from contextlib import suppress

import gossamer

CHOICES = ("pizza", "pasta", "salad")


def vote(mesh: gossamer.BlockingMesh, choice: str, voter: str) -> None:
    """Count one more vote, and note who has voted: together, or not at all."""
    if choice not in CHOICES:
        sys.exit(f"there is no {choice}; there are {', '.join(CHOICES)}")
    if voter in mesh.shared_set("voters"):
        sys.exit(f"{voter} has voted")
    with mesh.batch():
        mesh.counter(f"votes/{choice}").add()
        mesh.shared_set("voters").add(voter)
    mesh.settled(timeout=5)
    print(voter, "has voted", flush=True)


def follow(mesh: gossamer.BlockingMesh) -> None:
    """Print the tally whenever it changes."""
    votes = [mesh.counter(f"votes/{choice}") for choice in CHOICES]
    tally = mesh.derived(", ".join(f"{choice} {{}}" for choice in CHOICES), *votes)

    @tally.on_change
    def show(tally: gossamer.Derived[str], old: str, new: str) -> None:
        print(new, "by", ", ".join(sorted(mesh.shared_set("voters"))), flush=True)

    print(tally, flush=True)
    threading.Event().wait()


def main() -> None:
    """Vote, or follow."""
    parser = argparse.ArgumentParser()
    parser.add_argument("choice", nargs="?")
    parser.add_argument("--as", dest="voter", default=os.environ.get("USER", "somebody"))
    arguments = parser.parse_args()
    with gossamer.join(os.environ.get("GOSSAMER_MESH", "vote")) as mesh:
        if arguments.choice:
            vote(mesh, arguments.choice, arguments.voter)
        else:
            follow(mesh)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
