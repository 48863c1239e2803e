"""Real peers in real processes, on a network that can really be cut: `Rig`, and `available()`.  Linux only."""

from __future__ import annotations

from .availability import available
from .processes import RigError
from .rig import Rig

__all__ = ["Rig", "RigError", "available"]
