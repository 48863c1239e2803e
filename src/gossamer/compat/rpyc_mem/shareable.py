"""What can be made for all to share, by module and name: a register in place of importing what a stranger names.

Types of values that travel, locks, and the classes that a program registers with `share_type`.  Nothing else is
found, whatever it is called, and nothing is imported.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Callable
from typing import Any, Final, TypeVar

import gossamer

from .errors import NotShareable

T = TypeVar("T")

_VALUES: Final = (
    *(bool, bytes, dict, float, frozenset, int, list, set, str, tuple),
    *(datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone),
    *(decimal.Decimal, uuid.UUID),
)
_SHARED: Final[dict[str, dict[str, Any]]] = {}
for _value in _VALUES:
    _SHARED.setdefault(_value.__module__, {})[_value.__name__] = _value

_LOCKS: Final = {"Lock": False, "RLock": True}
"""Of `threading`: whether a thread may take it twice."""
_INSTEAD: Final = {
    "collections": "use list, dict or set; gossamer.BlockingMesh.counter counts",
    "queue": "use mesh.channel(name)",
    "multiprocessing": "use rp('threading').Lock(), and values",
    "threading": "use mesh.wait, mesh.events or mesh.channel",
    "builtins": "call it here, on what rmem_get() returns",
}


def share_type(cls: type[T], name: str | None = None) -> type[T]:
    """Let instances of a class of the program's be shared, and `rp(its module)` have it.  Usable as a decorator.

    A dataclass or an enum, as `gossamer.register` takes them; every program that uses them must say so.
    """
    gossamer.register(cls, name)
    _SHARED.setdefault(cls.__module__, {})[cls.__qualname__] = cls
    return cls


class SharedModule:
    """What of one module can be made for all to share."""

    def __init__(self, name: str, offers: dict[str, Callable[..., Any]]) -> None:
        self.__name__ = name
        self._offers = offers

    def __getattr__(self, name: str) -> Any:
        offers: dict[str, Callable[..., Any]] = self.__dict__.get("_offers", {})
        if name in offers:
            return offers[name]
        module = self.__dict__.get("__name__", "?")
        raise NotShareable(
            f"{module}.{name} cannot be made for all to share: {_advice(module)}.  Of {module} there are "
            f"{', '.join(sorted(offers)) or 'none'}; a class of your own joins them by rpyc_mem.share_type(cls)"
        )

    def __dir__(self) -> list[str]:
        return sorted(self._offers)

    def __repr__(self) -> str:
        return f"<shared module {self.__name__!r}: {', '.join(dir(self))}>"


def module_of(name: str, new_lock: Callable[[bool], Any]) -> SharedModule:
    """Return what a module offers; raise NotShareable if that is nothing."""
    offers = dict(_SHARED.get(name, ()))
    if name == "threading":
        offers |= {kind: (lambda reentrant=reentrant: new_lock(reentrant)) for kind, reentrant in _LOCKS.items()}
    if not offers:
        raise NotShareable(
            f"the module {name!r} is not imported, for nobody may run code in another program: {_advice(name)}.  There "
            f"are {', '.join(sorted({*_SHARED, 'threading'}))}; your own classes join them by rpyc_mem.share_type"
        )
    return SharedModule(name, offers)


def _advice(module: str) -> str:
    return _INSTEAD.get(module.partition(".")[0], "call it here, and share what it returns")
