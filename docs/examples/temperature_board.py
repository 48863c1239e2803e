"""A board that shows every sensor of temperature.py, and says which has fallen silent.

python temperature_board.py            until Ctrl-C
python temperature_board.py --count 2  until so many lines were printed
"""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from itertools import islice

import gossamer


def main() -> None:
    """Print what is known, then every change."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=None, help="stop after so many changes")
    arguments = parser.parse_args()

    with (
        gossamer.join(os.environ.get("GOSSAMER_MESH", "temperatures"), nickname="board") as mesh,
        mesh.changes("temperature/*") as changes,  # live from here on: nothing is missed between the two
    ):
        for name, value in mesh.scope("temperature").items():
            print(f"{name}: {value}", flush=True)
        print("-- now --", flush=True)
        for change in islice(changes, arguments.count):
            name = change.key.removeprefix("temperature/")
            if change.kind == "set":
                print(f"{name}: {change.new}", flush=True)
            else:
                print(f"{name}: silent, last said {change.old}", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
