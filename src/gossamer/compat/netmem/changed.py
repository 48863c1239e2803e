"""A key that was given a value, or lost it: as it is kept here, and as a message to connectors says it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .values import ABSENT, told


@dataclass(frozen=True, slots=True)
class Changed:
    """What a key held, what it holds, and when that was written.  `ABSENT` stands for nothing."""

    key: Any
    old: Any
    new: Any
    timestamp: float
    """Seconds since 1970."""
    is_news: bool = True
    """Whether listeners are told; if not, the key was only written again, later."""

    def as_message(self) -> dict[str, Any]:
        """Return this as netmem wrote it on the wire; only the action "delete" is new."""
        return {
            "key": self.key,
            "action": "delete" if self.new is ABSENT else "update",
            "old_val": told(self.old),
            "new_val": told(self.new),
            "timestamp": self.timestamp,
        }


def message_of(name: str, changes: Iterable[Changed]) -> dict[str, Any]:
    """Return the message that tells connectors of changes."""
    return {"name": name, "changes": [change.as_message() for change in changes]}


def read_change(row: Any) -> tuple[Any, Any, float | None]:
    """Return (key, new value or ABSENT, time or None) of a row of a message from outside.

    Raises ValueError if it is none.  A list as a key was a tuple before it went through JSON.  A time that is missing,
    or 0, is not known.
    """
    if not isinstance(row, Mapping) or "key" not in row or row.get("action") not in ("update", "delete"):
        raise ValueError(f"a change has a key and the action 'update' or 'delete', unlike {row!r:.200}")
    new = row.get("new_val") if row["action"] == "update" else ABSENT
    return _key(row["key"]), new, _time(row.get("timestamp"))


def after(moment: float | None) -> float:
    """Return now, or the next moment after `moment`, where a clock that ran ahead has written."""
    now = time.time()
    return now if moment is None or now > moment else math.nextafter(moment, math.inf)


def _key(key: Any) -> Any:
    return tuple(map(_key, key)) if isinstance(key, list) else key


def _time(value: Any) -> float | None:
    try:
        moment = float(value)
    except (TypeError, ValueError):
        return None
    return moment if 0 < moment < math.inf else None
