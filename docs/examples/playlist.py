"""A playlist that several programs edit at once: add, insert, move, delete; nothing that anybody added is lost.

python playlist.py ada       type: + SONG, ! SONG (play it next), FROM > TO, - NUMBER; Ctrl-D to leave
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import gossamer


def edit(songs: gossamer.SharedList, line: str) -> None:
    """Do what a line says; numbers count from 1."""
    verb, _, rest = line.partition(" ")
    if verb == "+":
        songs.append(rest)
    elif verb == "!":
        songs.insert(0, rest)
    elif verb == "-":
        del songs[int(rest) - 1]
    else:
        source, _, target = line.partition(">")
        songs.move(int(source) - 1, int(target) - 1)


def main(name: str) -> None:
    """Show the list whenever it changes; count in one object who has changed it how often."""
    with gossamer.join(os.environ.get("GOSSAMER_MESH", "playlist"), nickname=name) as mesh:
        songs = mesh.shared_list("songs")
        edits = mesh.object("edits", dict)

        @songs.on_change(value_only=True)
        def show(titles: list[str]) -> None:
            print(" | ".join(titles), flush=True)

        print(" | ".join(songs) or "(no songs)", flush=True)
        for line in sys.stdin:
            try:
                with mesh.batch():
                    edit(songs, line.strip())
                    edits[name] = edits.get(name, 0) + 1
            except (ValueError, IndexError) as error:
                print("?", error, flush=True)
        print("edits:", edits, flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(sys.argv[1] if len(sys.argv) > 1 else "somebody")
