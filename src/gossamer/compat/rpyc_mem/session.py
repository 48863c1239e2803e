"""What `rpyc_mem.session` had: a connection, modules and objects under one hood, over forks too."""

from __future__ import annotations

import os
from collections.abc import Hashable
from typing import Any

from .client import RemoteModule, RpycMem
from .connect import RpycMemConnect
from .errors import RpycMemError
from .sources import NOT_GIVEN, factory_of

__all__ = ["RpycMemSession"]


class RpycMemSession:
    """Connects when it is first used, and, if `process_safe`, anew in every child of a fork.

    Its arguments are those of `RpycMemConnect`.  Objects that were made as class attributes are shared with forked and
    spawned processes as they are.
    """

    def __init__(
        self,
        hostname: str | None,
        port: int,
        max_retry: int = 4,
        retry_delay: float = 3,
        ignore_version: bool = False,
        process_safe: bool = True,
    ) -> None:
        self.hostname, self.port = hostname, port
        self.max_retry, self.retry_delay = max_retry, retry_delay
        self.ignore_version, self.process_safe = ignore_version, process_safe
        self._rmem_conn: RpycMemConnect | None = None
        self._process = os.getpid()
        self.rmod = RemoteModule(self._callable_rmem_conn)
        """Modules, as far as what they have can be shared: `session.rmod().list([1])`."""

    @property
    def rmem_conn(self) -> RpycMemConnect:
        """The connection, opened if there is none yet in this process."""
        process = os.getpid()
        if self._rmem_conn is None or (self.process_safe and process != self._process):
            self._process = process
            self._rmem_conn = RpycMemConnect(
                self.hostname, self.port, self.max_retry, self.retry_delay, self.ignore_version
            )
        return self._rmem_conn

    def _callable_rmem_conn(self) -> RpycMemConnect:
        return self.rmem_conn

    def rmem(self, unique_key: Hashable, robj: Any = NOT_GIVEN, robj_gen: Any = NOT_GIVEN) -> RpycMem:
        """Return what stands for the object under a key, made of `robj` or by `robj_gen()` if there is none."""
        factory_of(robj, robj_gen, RpycMemError)
        return RpycMem(self._callable_rmem_conn, unique_key, robj=robj, robj_gen=robj_gen)
