"""What `rpyc_mem.service` had: a program that keeps what others share, for as long as it runs."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

from .connect import Connection
from .errors import RpycMemSvcError
from .memory import Memory
from .shareable import SharedModule
from .sources import NOT_GIVEN

__all__ = ["RpycMemService"]

_PORTS = range(1024, 65536)


class RunningService:
    """What `service.server_obj` is while the service runs."""

    def __init__(self, hostname: str | None, port: int) -> None:
        self.host, self.port = hostname, port
        self.connection = Connection(hostname, port)
        self.stopped = threading.Event()

    def close(self) -> None:
        """Let `run` return.  May be called from any thread, and again."""
        self.stopped.set()


class RpycMemService:
    """Keeps the memory behind a port while others come and go.  They do not need it: each of them keeps all of it too.

    `hostname` and `port` are those of `RpycMemConnect`; without a port, one is chosen, see `server_obj.port`.  No
    socket listens at either: programs that name the same port find each other by the mesh.
    """

    _running: ClassVar[list[RunningService]] = []

    def __init__(self, hostname: str | None = None, port: int | None = None, *args: Any, **kwargs: Any) -> None:
        if args or kwargs:
            raise RpycMemSvcError("RpycMemService takes hostname and port: there is no RPyC here to take anything else")
        self.hostname, self.port = hostname, port
        self.server_obj: RunningService | None = None

    def run(self, server: Any = None, server_kwargs: Mapping[str, Any] | None = None) -> None:
        """Keep the memory until Ctrl-C, or until another thread calls `server_obj.close()`.

        `server_kwargs` may hold `hostname` and `port`.  Raises RpycMemSvcError for a `server`, and for what only RPyC's
        servers knew; NetworkError.
        """
        where = {"hostname": self.hostname, "port": self.port, **(server_kwargs or {})}
        unknown = sorted(set(where) - {"hostname", "port"})
        if server is not None or unknown:
            raise RpycMemSvcError(
                f"run() cannot use {unknown or server!r}: nothing of RPyC runs here, for every program is a peer; "
                "leave it out"
            )
        running = RunningService(where["hostname"], where["port"] or secrets.choice(_PORTS))
        self._running.append(running)
        self.server_obj = running
        try:
            running.stopped.wait()
        except KeyboardInterrupt:
            running.close()
        finally:
            self._running.remove(running)
            running.connection.close()

    # -- the routines, in the process that runs it ------------------------------------------------

    @classmethod
    def _memory(cls) -> Memory:
        if not cls._running:
            raise RpycMemSvcError("no RpycMemService runs in this process: call run(), or use RpycMemConnect")
        return cls._running[-1].connection.root

    @classmethod
    def memoize(cls, unique_key: Hashable, robj: Any = NOT_GIVEN, robj_gen: Any = NOT_GIVEN) -> Any:
        """Return the object, made first if there is none: see `Memory.memoize`."""
        return cls._memory().memoize(unique_key, robj, robj_gen)

    @classmethod
    def get(cls, unique_key: Hashable) -> Any:
        """Return the object.  Raises RpycMemSvcError if there is none."""
        return cls._memory().get(unique_key)

    @classmethod
    def update(cls, unique_key: Hashable, robj: Any = NOT_GIVEN, robj_gen: Any = NOT_GIVEN) -> Any:
        """Let it be another value, for everybody, and return that."""
        return cls._memory().update(unique_key, robj, robj_gen)

    @classmethod
    def delete(cls, unique_key: Hashable) -> None:
        """Remove the object for everybody.  Raises RpycMemSvcError if there is none."""
        cls._memory().delete(unique_key)

    @classmethod
    def is_memoized(cls, unique_key: Hashable) -> bool:
        """Return whether there is such an object."""
        return cls._memory().is_memoized(unique_key)

    @classmethod
    def remote_import(cls, module: str, package: str | None = None) -> SharedModule:
        """Return what of a module can be shared: see `Memory.remote_import`."""
        return cls._memory().remote_import(module, package)

    @classmethod
    def rpyc_version(cls) -> str:
        """Return the version of gossamer."""
        return cls._memory().rpyc_version()
