"""Of a framework's configuration, what concerns the mesh."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import gossamer

NAMES = frozenset(inspect.signature(gossamer.host).parameters) - {"name"}
"""`secret`, `peers`, `interfaces` and so on."""
LISTS = {"peers", "interfaces"}


def parted(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return those `arguments` that `gossamer.host` takes, and the others.

    A list may be a string with commas, as files and addresses have it.
    """
    ours = {name: _listed(name, value) for name, value in arguments.items() if name in NAMES}
    return ours, {name: value for name, value in arguments.items() if name not in NAMES}


def _listed(name: str, value: Any) -> Any:
    if name in LISTS and isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return value
