"""Gossamer: a dict that several Python programs share, with no server.

    import gossamer

    with gossamer.join("lab") as mesh:
        mesh["bench/3/temp"] = 21.5

See `join` (scripts), `open_mesh` (trio) and `aio.open_mesh` (asyncio).  Importing this imports nothing heavy: names
are loaded when they are first used (PEP 562).
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import aio as aio
    from .attached import Cache, attach
    from .blocking import BlockingMesh, join
    from .errors import (
        AlreadyShared,
        ChannelEmpty,
        ChannelFull,
        ConfigurationError,
        ForkedMesh,
        FrozenValue,
        GossamerError,
        InvalidKey,
        LeaseHeld,
        LeaseLost,
        Malformed,
        MeshClosed,
        MeshTimeout,
        NetworkError,
        NoPublisher,
        NoQuorum,
        NoService,
        ObjectGone,
        PeerLost,
        Refused,
        RemoteError,
        SecretError,
        ServiceBusy,
        SharedMemoryFull,
        StaleToken,
        UnsendableValue,
        ValueTooLarge,
        WrongThread,
    )
    from .hosting import Hosted, host
    from .mesh import Mesh, open_mesh
    from .options import Options
    from .peers import Peer
    from .status import PeerStatus, Status
    from .views.blocking_channel import BlockingChannel
    from .views.calling import Gathered
    from .views.changes import Change
    from .views.channel import Channel
    from .views.counter import Counter
    from .views.derived import Derived
    from .views.entries import Entry
    from .views.events import Event
    from .views.fenced import Fenced
    from .views.lease import AsyncLease, Lease
    from .views.proxy import plain
    from .views.scope import Scope
    from .views.shared_list import SharedList
    from .views.shared_set import SharedSet
    from .views.value import Value
    from .wire.registered import Unknown, register

__version__ = "0.1.0"

_HOMES = {
    "attached": ("Cache", "attach"),
    "hosting": ("Hosted", "host"),
    "blocking": ("BlockingMesh", "join"),
    "errors": (
        "AlreadyShared",
        "ChannelEmpty",
        "ChannelFull",
        "ConfigurationError",
        "ForkedMesh",
        "FrozenValue",
        "GossamerError",
        "InvalidKey",
        "LeaseHeld",
        "LeaseLost",
        "Malformed",
        "MeshClosed",
        "MeshTimeout",
        "NetworkError",
        "NoPublisher",
        "NoService",
        "PeerLost",
        "ObjectGone",
        "NoQuorum",
        "Refused",
        "RemoteError",
        "SecretError",
        "ServiceBusy",
        "SharedMemoryFull",
        "StaleToken",
        "UnsendableValue",
        "ValueTooLarge",
        "WrongThread",
    ),
    "mesh": ("Mesh", "open_mesh"),
    "options": ("Options",),
    "peers": ("Peer",),
    "status": ("PeerStatus", "Status"),
    "views.blocking_channel": ("BlockingChannel",),
    "views.calling": ("Gathered",),
    "views.changes": ("Change",),
    "views.channel": ("Channel",),
    "views.counter": ("Counter",),
    "views.derived": ("Derived",),
    "views.entries": ("Entry",),
    "views.events": ("Event",),
    "views.proxy": ("plain",),
    "views.fenced": ("Fenced",),
    "views.lease": ("AsyncLease", "Lease"),
    "views.scope": ("Scope",),
    "views.shared_list": ("SharedList",),
    "views.shared_set": ("SharedSet",),
    "views.value": ("Value",),
    "wire.registered": ("Unknown", "register"),
}
_ROOMS = ("aio",)
"""Modules that are public as they are: `gossamer.aio.open_mesh`."""
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

logging.getLogger("gossamer").addHandler(logging.NullHandler())  # a program that wants our log says so

__all__ = [
    "AlreadyShared",
    "AsyncLease",
    "BlockingChannel",
    "BlockingMesh",
    "Cache",
    "Change",
    "Channel",
    "ChannelEmpty",
    "ChannelFull",
    "ConfigurationError",
    "Counter",
    "Derived",
    "Entry",
    "Event",
    "Fenced",
    "ForkedMesh",
    "FrozenValue",
    "Gathered",
    "GossamerError",
    "Hosted",
    "InvalidKey",
    "Lease",
    "LeaseHeld",
    "LeaseLost",
    "Malformed",
    "Mesh",
    "MeshClosed",
    "MeshTimeout",
    "NetworkError",
    "NoPublisher",
    "NoQuorum",
    "NoService",
    "ObjectGone",
    "Options",
    "Peer",
    "PeerLost",
    "PeerStatus",
    "Refused",
    "RemoteError",
    "Scope",
    "SecretError",
    "ServiceBusy",
    "SharedList",
    "SharedMemoryFull",
    "SharedSet",
    "StaleToken",
    "Status",
    "Unknown",
    "UnsendableValue",
    "Value",
    "ValueTooLarge",
    "WrongThread",
    "attach",
    "host",
    "join",
    "open_mesh",
    "plain",
    "register",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'gossamer' has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})
