"""How a node takes part: what it was told, else what the settings of every mesh say, else what pyvent did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gossamer

from ...errors import ConfigurationError
from ...settings import setting

DEFAULTS: dict[str, Any] = {"server": True, "id": "pyvent", "address": "0.0.0.0", "port": 52002}
_MORE: dict[str, Any] = {
    "mesh": "pyvent",
    "secret": None,
    "peers": (),
    "insecure_lan": False,
    "options": None,
    "timeout": 0.5,
    "pydispatch": None,
}
_EVERYWHERE = ("0.0.0.0", "*", "", None)
_WHEN_RUNNING = ("server", "timeout", "pydispatch")
"""Options that may change while a node takes part."""


class Configuration:
    """The options of one node: see `Node`."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {**DEFAULTS, **_MORE}
        self._given: set[str] = set()

    def change(self, options: Mapping[str, Any], *, is_running: bool) -> None:
        """Take other options.  Raises ConfigurationError for one that there is not, or that comes too late."""
        unknown = sorted(set(options) - set(self.options))
        if unknown:
            raise ConfigurationError(f"a node has no option {', '.join(unknown)}; it has {', '.join(self.options)}")
        late = [n for n, value in options.items() if n not in _WHEN_RUNNING and value != self.options[n]]
        if is_running and late:
            raise ConfigurationError(f"{', '.join(late)} must be set before anything else is done; stop() first")
        self.options = {**self.options, **options}
        self._given.update(options)

    def get(self, name: str) -> Any:
        """Return an option, of those that a setting of every mesh has a name for."""
        return self.options[name] if name in self._given else setting(name).value or self.options[name]

    @property
    def sender(self) -> str:
        """Who sends what is sent by nobody else."""
        name: str = self.options["id"]
        return name if name == DEFAULTS["id"] else f"pyvent.{name}"

    def join(self) -> gossamer.BlockingMesh:
        """Join the mesh that these options mean."""
        options = self.options
        return gossamer.join(
            self.get("mesh"),
            secret=options["secret"],
            peers=options["peers"],
            interfaces=None if options["address"] in _EVERYWHERE else [options["address"]],
            port=self.get("port"),
            insecure_lan=options["insecure_lan"],
            options=options["options"],
            nickname=None if options["id"] == DEFAULTS["id"] else options["id"],
        )
