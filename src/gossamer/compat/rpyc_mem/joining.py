"""Which mesh is the memory behind a port, and who in this process takes part in it.

All connections of a process to one port share one peer; the last to close lets it go.  After a
fork the child takes part as a peer of its own, by itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakValueDictionary

import gossamer

from ...errors import ConfigurationError
from ...settings import effective, setting
from .errors import RpycMemConnError
from .memory import Memory

DEFAULT_LOCK_TTL_S: Final = 10.0
_HERE: Final = frozenset({None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})
_JOINING: Final = frozenset({"secret", "peers", "interfaces", "port", "insecure_lan", "options", "nickname"})


@dataclass
class _Configuration:
    mesh: str | gossamer.BlockingMesh | None = None
    lock_ttl_s: float = DEFAULT_LOCK_TTL_S
    lock_voters: tuple[str, ...] = ()
    joining: dict[str, Any] = field(default_factory=dict)


@dataclass
class Membership:
    """This process's part in one memory."""

    memory: Memory
    mesh: gossamer.BlockingMesh
    name: str | None
    """None if the program joined the mesh itself, and will close it."""
    users: int = 0


_configuration = _Configuration()
_open: dict[str, Membership] = {}
_memories: WeakValueDictionary[int, Memory] = WeakValueDictionary()
"""By mesh: threads that lock one lock meet there."""
_lock = threading.Lock()


def configure(
    *,
    mesh: str | gossamer.BlockingMesh | None = None,
    lock_ttl_s: float = DEFAULT_LOCK_TTL_S,
    lock_voters: Sequence[str] = (),
    **joining: Any,
) -> None:
    """Choose how this program takes part, from the next connection on; what is left out goes back to its default.

    `mesh` is a name in place of "rpyc_mem-<port>", or a mesh that the program has joined (and closes itself).
    Locks are given up `lock_ttl_s` seconds after their holder died.  With `lock_voters`, nicknames of peers, the same
    in every program, they are quorum leases: never held twice, and not to be had without a majority of these.
    `joining` is what `gossamer.join` takes: secret, peers, interfaces, port, insecure_lan, options, nickname; what is
    not given is taken from GOSSAMER_* and gossamer.toml, as everywhere.  Raises ConfigurationError.
    """
    global _configuration
    unknown = sorted(set(joining) - _JOINING)
    if unknown:
        raise ConfigurationError(
            f"configure() does not know {', '.join(unknown)}; it takes {', '.join(sorted(_JOINING))}"
        )
    _configuration = _Configuration(mesh, float(lock_ttl_s), tuple(lock_voters), joining)


def enter(hostname: str | None, port: int) -> Membership:
    """Take part in the memory behind a port, O(1) if this process does already.

    Raises RpycMemConnError if another computer is meant and no secret was set; what `gossamer.join` raises.
    """
    chosen = _configuration
    if isinstance(chosen.mesh, gossamer.BlockingMesh):
        return Membership(_memory_of(chosen.mesh), chosen.mesh, None, 1)
    name = chosen.mesh or setting("mesh").value or f"rpyc_mem-{port}"
    joining = _joining(hostname, chosen.joining)
    with _lock:
        member = _open.get(name)
        if member is None:
            mesh = gossamer.join(name, **joining)
            try:
                member = _open[name] = Membership(_memory_of(mesh), mesh, name)
            except ConfigurationError:
                mesh.close()
                raise
        member.users += 1
        return member


def leave(member: Membership) -> None:
    """Take part no more, if nobody else in this process does."""
    with _lock:
        member.users -= 1
        if member.users or member.name is None:
            return
        _open.pop(member.name, None)
    member.mesh.close()


def _memory_of(mesh: gossamer.BlockingMesh) -> Memory:
    found = _memories.get(id(mesh))
    if found is None:
        made = Memory(mesh, _configuration.lock_ttl_s, _configuration.lock_voters)
        found = _memories.setdefault(id(mesh), made)
    return found


def _joining(hostname: str | None, joining: dict[str, Any]) -> dict[str, Any]:
    if hostname in _HERE:
        return joining
    if not (joining.get("secret") or joining.get("insecure_lan") or effective({})["secret"].value):
        raise RpycMemConnError(
            f"{hostname!r} is another computer, and programs of several computers share a memory only with a secret: "
            "`gossamer keygen -o lab.key`, and GOSSAMER_SECRET_FILE=lab.key on each; or name 'localhost'"
        )
    return joining | {"peers": [*joining.get("peers", ()), hostname]}


def _forget_lock() -> None:
    global _lock
    _lock = threading.Lock()  # somebody in the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_lock)
