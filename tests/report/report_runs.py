"""Runs that reports are made of."""

from __future__ import annotations

from gossamer.simulation import Simulation
from gossamer.simulation.result import Result
from gossamer.simulation.trace import Trace

NAMES = ("bench", "cart", "dock", "east", "forge", "gate")
HOSTILE = "<script>window.pwned = true</script>"
"""A key that a careless page would run."""


def mesh_of(names: tuple[str, ...] = NAMES, seed: object = 3, *, title: str = "") -> tuple[Simulation, Trace]:
    """Return nodes that have met, and their trace."""
    mesh = Simulation(seed)
    trace = Trace(mesh, title)
    for name in names:
        mesh.add(name, skew_ms=mesh.rng.randint(-500, 500))
    mesh.run(seconds=3)
    return mesh, trace


def split_brain(title: str = "split-brain, seed 3") -> tuple[Simulation, Trace]:
    """Two halves write the same keys; one node stands still, another dies and comes back when the halves meet."""
    mesh, trace = mesh_of(title=title)
    mesh.links.loss = 0.1
    mesh.say("The cable is pulled.")
    mesh.partition(NAMES[:3], NAMES[3:])
    mesh.write("bench", "door", "open")
    mesh.write("gate", "door", "shut")
    for number in range(12):
        mesh.write(mesh.rng.choice(NAMES), f"job/{number}", number)
        mesh.run(seconds=0.4)
    mesh.write("cart", HOSTILE, "</script><b>loud</b>")
    mesh.write("forge", HOSTILE, 7)
    mesh.pause("cart")
    mesh.run(seconds=1)
    mesh.resume("cart")
    mesh.kill("gate")
    mesh.run(seconds=1.5)
    mesh.say("The cable is back.")
    mesh.heal()
    mesh.restart("gate")
    mesh.settle(within_s=20)
    mesh.write("dock", "door", "ajar")
    mesh.run(seconds=1)
    mesh.cut("bench", "east")
    mesh.write("bench", "late", 1)
    mesh.run(seconds=2)
    mesh.heal()
    mesh.settle(within_s=20)
    return mesh, trace


def results(version: str, *, slower: float = 1.0, seeds: int = 20, broken: tuple[int, ...] = ()) -> list[Result]:
    """Return made-up results, whose times lie far apart."""
    return [
        Result(
            scenario="split-brain",
            variant=HOSTILE if seed % 2 else "",
            seed=seed,
            nodes=6,
            world="simulated",
            version=version,
            outcome="wrong" if seed in broken else "held",
            why=f"dock lost {HOSTILE}" if seed in broken else "",
            figures={"agreement_s": (1 + seed) / 10 * slower, "idle_bytes_per_s": 300 + seed * 7 % 5},
            journal=f"{seed}" if seed < seeds / 2 else f"{seed} {version}",
            cpu_s=0.25,
        )
        for seed in range(seeds)
    ]
