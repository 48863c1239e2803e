"""The rig: a world of real peers, each a process in a network namespace of its own, that are really cut (Linux).

with Rig(seed=1, size=5) as world:
    names = world.start()
    world.partition(names[:2], names[2:])
    world.write(names[0], "door", "open")
    world.heal()
    world.settle(within_s=10)

lab      namespaces on one bridge, and the faults of the network between them
cast     the processes, told what to do over pipes
actor    what runs in each: one peer
account  every acknowledged write, and whether all of it is still there
nemesis  random faults under load, from a seed
"""

from __future__ import annotations

from .lab import Lab, available
from .rig import Rig

__all__ = ["Lab", "Rig", "available"]
