"""Which of several memories that bridge the same two networks carries changes across: one.

If two did, each would carry the other's older value back as a newer one, and a key changed on both sides at once
could change places for ever, as in netmem.  So each offers to carry, in one of the two meshes, and of those
that offer, the peer with the smallest id does.  Offers need a moment to be heard, and while a mesh is split each side
may have one; what was carried twice then is settled when they hear each other.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .mesh_connector import MeshConnector


class Crossing:
    """Our offer to carry between two meshes."""

    def __init__(self, one: MeshConnector, other: MeshConnector, on_ours: Callable[[], Any]) -> None:
        """`on_ours` is called, in a thread of the mesh, when it falls to us because another has gone."""
        self.ends = (one, other)
        self._where, where_to = sorted(self.ends, key=lambda each: each.mesh_name)
        self._mesh = self._where.mesh
        self._name = f"netmem bridge to {where_to.mesh_name}"
        self._on_ours = on_ours
        with suppress(ValueError):  # two of our networks have one name: one offer does for both
            self._mesh.serve(self._name, _nothing)
        self._was_ours = self.is_ours
        self._mesh.on_leave(self._look)

    @property
    def is_ours(self) -> bool:
        """Whether it is us who carry, as far as we have heard."""
        return bool(min((peer.id for peer in self._mesh.servers(self._name)), default="") in ("", self._mesh.me.id))

    def _look(self, peer: Any) -> None:
        was_ours, self._was_ours = self._was_ours, self.is_ours
        if self._was_ours and not was_ours:
            self._on_ours()

    def joins(self, one: Any, other: Any) -> bool:
        """Whether it is between these."""
        return one in self.ends and other in self.ends


def _nothing() -> None:
    """Answer whoever calls the offer, which nobody does."""
