"""Settings that several programs share: with defaults, changed together, and honest about conflicts.

python shared_settings.py                     print them, and again whenever they change
python shared_settings.py speed=3 mode=slow    change some, all at once, and wait until the others know
"""

from __future__ import annotations

import ast
import os
import sys
from collections import ChainMap
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import gossamer

DEFAULTS = {"mode": "normal", "speed": 1, "lights": True}


def shown(settings: Mapping[str, Any]) -> str:
    """Return the settings on one line."""
    return " ".join(f"{name}={settings[name]!r}" for name in sorted(settings))


def value_of(text: str) -> Any:
    """Return a number, a truth value or a text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def change(mesh: gossamer.BlockingMesh, wanted: dict[str, Any]) -> None:
    """Change several settings: nobody sees some of them without the others."""
    unknown = wanted.keys() - DEFAULTS
    if unknown:
        sys.exit(f"there is no setting {', '.join(sorted(unknown))}; there are {', '.join(DEFAULTS)}")
    mesh.scope("settings").update(wanted)
    mesh.settled(timeout=5)
    print("changed for", len(mesh.peers), "others", flush=True)


def follow(mesh: gossamer.BlockingMesh) -> None:
    """Print the settings whenever they change, and what was set elsewhere without knowing of it."""
    with mesh.changes("settings/*") as changes:
        settings: Mapping[str, Any] = ChainMap(mesh.scope("settings"), DEFAULTS)  # a live view over the defaults
        print(shown(settings), flush=True)
        for changed in changes:
            print(shown(settings), "by", changed.peer, flush=True)
            for lost in changed.superseded:
                print(f"  {changed.key} was set to {lost!r} elsewhere at the same time; that lost", flush=True)


def main() -> None:
    """Change what the command line says, or follow."""
    wanted = {name: value_of(text) for name, _, text in (word.partition("=") for word in sys.argv[1:])}
    with gossamer.join(os.environ.get("GOSSAMER_MESH", "settings")) as mesh:
        if wanted:
            change(mesh, wanted)
        else:
            follow(mesh)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
