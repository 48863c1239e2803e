"""How a node listens to its mesh: one handler for each signal that somebody is connected to."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from typing import Any

import gossamer

from .pydispatch_bridge import Bridge
from .receivers import ANY, Receivers

ESCAPED = {"timeout": "timeout_", "event": "event_"}
"""Arguments of a signal whose names events of a mesh have uses for, and the names under which they travel."""
_NAMES = {travelling: name for name, travelling in ESCAPED.items()}


class Ears:
    """The handlers of one node.  The mesh holds them weakly: with the node, they go.  Not thread-safe: the node is."""

    def __init__(self, receivers: Receivers) -> None:
        self._receivers = receivers
        self._ears: dict[Any, Ear] = {}
        self._mesh: gossamer.BlockingMesh | None = None
        self.bridge: Bridge | None = None

    def listen(self, signal: Any, bridge: Bridge | None) -> None:
        """Hear a signal from now on, and let `bridge` hear all that we do."""
        self.bridge = bridge
        if signal not in self._ears:
            self._ears[signal] = ear = Ear(signal, self)
            if self._mesh is not None:
                self._mesh.events.on(pattern_of(signal), ear.hear, weak=True)
        if bridge is not None:
            for known in self._ears:
                bridge.listen(known)

    def enter(self, mesh: gossamer.BlockingMesh) -> None:
        """Listen to a mesh."""
        self._mesh = mesh
        for signal, ear in self._ears.items():
            mesh.events.on(pattern_of(signal), ear.hear, weak=True)

    def leave(self) -> None:
        """Listen to it no more; it may be of others, and go on."""
        if self._mesh is not None:
            for ear in self._ears.values():
                self._mesh.events.off(ear.hear)
        self._mesh = None

    def heard(self, of: Any, signal: Any, sender: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Tell whoever is connected; what both an ear for it and the one for any signal hear, once."""
        if of is ANY and signal is not ANY and signal in self._ears:
            return
        arguments = named(kwargs)
        self._receivers.heard(signal, sender, args, arguments)
        if self.bridge is not None:
            self.bridge.forward(signal, sender, args, arguments)


class Ear:
    """Hears one signal, or any."""

    def __init__(self, signal: Any, ears: Ears) -> None:
        self._signal, self._ears = signal, ears

    def hear(self, *args: Any, event: Any, sender: Any, **kwargs: Any) -> None:
        """An event happened.  If it has an argument called `event`, it is given instead of the event itself."""
        if isinstance(event, gossamer.Event):
            self._ears.heard(self._signal, event.name, event.sender, event.args, event.kwargs)
        else:
            self._ears.heard(self._signal, self._signal, sender, args, {"event": event, **kwargs})


def pattern_of(signal: Any) -> str:
    """Return the pattern that names a signal and nothing else."""
    return "*" if signal is ANY else glob.escape(signal)


def named(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a signal by the names that they had when they were sent."""
    return {_NAMES.get(name, name): value for name, value in kwargs.items()}
