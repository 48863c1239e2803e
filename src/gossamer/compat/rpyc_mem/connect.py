"""What `rpyc_mem.connect` had: a connection to the memory behind a port, which comes back by itself."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, overload

import gossamer

from .errors import RpycMemConnError
from .joining import Membership, enter, leave
from .memory import ROUTINES, Memory

__all__ = ["RpycMemConnect"]


class Connection:
    """One use of the memory: what `rc.rpyc_conn` is.  After `close`, it raises EOFError."""

    def __init__(self, hostname: str | None, port: int) -> None:
        self._member: Membership | None = enter(hostname, port)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._member is None

    @property
    def root(self) -> Memory:
        """The routines of the service.  Raises EOFError if this was closed."""
        return self._opened.memory

    @property
    def mesh(self) -> gossamer.BlockingMesh:
        """The mesh that is the memory: for all that rpyc-mem did not have.  Raises EOFError if this was closed."""
        return self._opened.mesh

    def ping(self, data: object = None, timeout: float | None = 3.0) -> None:
        """Return once the peers that are there have what was written here; raise MeshTimeout after `timeout` s."""
        self.mesh.settled(timeout=timeout)

    def close(self) -> None:
        """Use it no more.  Again does nothing."""
        member, self._member = self._member, None
        if member is not None:
            leave(member)

    @property
    def _opened(self) -> Membership:
        if self._member is None:
            raise EOFError("the connection was closed; setup_rmem_conn() opens another")
        return self._member


class RpycMemConnect:
    """A connection to the memory behind a port; see `gossamer.compat.rpyc_mem`.  Nobody need be there before it.

    `hostname` other than this one needs a secret, and is where others are looked for besides.  A network that cannot
    be used is tried again `max_retry` times, every `retry_delay` seconds; then RpycMemConnError is raised, and
    at once, unless `ignore_version`, where others run an incompatible version.
    """

    def __init__(
        self,
        hostname: str | None,
        port: int,
        max_retry: int = 4,
        retry_delay: float = 3,
        ignore_version: bool = False,
    ) -> None:
        self.hostname, self.port = hostname, port
        self.max_retry, self.retry_delay = max_retry, retry_delay
        self.ignore_version = ignore_version
        self.is_closed = False
        self.rpyc_conn: Connection | None = None
        self.setup_rmem_conn()
        if not ignore_version:
            self._check_version()

    def setup_rmem_conn(self) -> None:
        """Open another connection, and close the one there is."""
        before = self.rpyc_conn
        self.rpyc_conn = self._connected()  # before the other is closed, which may be the last in this process
        self.is_closed = False
        if before is not None:
            before.close()

    def _connected(self) -> Connection:
        for tries_left in range(self.max_retry, -1, -1):
            try:
                return Connection(self.hostname, self.port)
            except gossamer.NetworkError as error:
                if not tries_left:
                    raise RpycMemConnError(f"Unable to connect to RPyC memory service: {error}") from error
            time.sleep(self.retry_delay)
        raise RpycMemConnError(f"max_retry is {self.max_retry}: nothing was tried")

    def _check_version(self) -> None:
        try:
            self.root._check_version()
        except RpycMemConnError:
            self.close()
            raise

    def close(self) -> None:
        """Close it: from then on it raises EOFError, until `setup_rmem_conn`.

        What was shared stays with the programs that still take part; were we the last, it is gone.
        """
        self.is_closed = True
        if self.rpyc_conn is not None:
            self.rpyc_conn.close()

    @overload
    def rmem_except_handler(
        self, rmem_fn: None = None, on_reconnect: Callable[[], Any] | None = None
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...

    @overload
    def rmem_except_handler(
        self, rmem_fn: Callable[..., Any], on_reconnect: Callable[[], Any] | None = None
    ) -> Callable[..., Any]: ...

    def rmem_except_handler(self, rmem_fn: Any = None, on_reconnect: Callable[[], Any] | None = None) -> Any:
        """Decorate a function that uses `rpyc_conn`: if that was closed, but not by `close`, connect and try again.

        `on_reconnect()` is called before the second try.  Usable with and without arguments.
        """

        def decorated(fn: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(fn)
            def handled(*args: Any, **kwargs: Any) -> Any:
                if self.is_closed:
                    return fn(*args, **kwargs)
                try:
                    return fn(*args, **kwargs)
                except EOFError:
                    self.setup_rmem_conn()
                    if on_reconnect is not None:
                        on_reconnect()
                try:
                    return fn(*args, **kwargs)
                except EOFError as error:
                    raise RpycMemConnError("Unable to connect to RPyC memory service: closed again") from error

            return handled

        return decorated if rmem_fn is None else decorated(rmem_fn)

    def __getattr__(self, name: str) -> Any:
        """Return a routine of the service, or what else the connection has; connect again if it was lost."""
        if name.startswith("__") or name in ("rpyc_conn", "is_closed"):
            raise AttributeError(name)
        return self.rmem_except_handler(self._look_up)(name)

    def _look_up(self, name: str) -> Any:
        assert self.rpyc_conn is not None
        return getattr(self.rpyc_conn.root if name in ROUTINES else self.rpyc_conn, name)
