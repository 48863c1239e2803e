"""What several scenarios do."""

from __future__ import annotations

from collections.abc import Iterable

from gossamer.simulation import Simulation


def fill(mesh: Simulation, name: str, keys: int, value: object = 0) -> None:
    """Let one peer write so many keys of its own, one by one."""
    for number in range(keys):
        mesh.write(name, f"{name}/{number}", number if value == 0 else value)


def each_other(names: Iterable[str]) -> dict[str, set[str]]:
    """Return whom each of `names` must see."""
    everyone = set(names)
    return {name: everyone - {name} for name in everyone}
