"""The datagram sockets of a peer: one of its own, and one that listens to the group.

1. Sending never waits and never raises, from any thread, and after closing sends nothing.
2. Receiving ends only when it is cancelled or closed: errors are counted, and an interface
   that comes, goes or changes costs what was in flight.
3. Sending holds a lock for one system call: a socket that another thread closes at that
   moment could otherwise lend its number to some other file, which would get our bytes.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Sequence

import trio

from gossamer.net.echoes import Drops
from gossamer.net.interfaces import Interface
from gossamer.net.multicast import (
    close_socket,
    join_group,
    kernel_drops,
    name_sending_interface,
    open_group_socket,
    open_own_socket,
    reason_in_words,
)
from gossamer.net.transport import Address, NetworkStatistics, OnDatagram

logger = logging.getLogger("gossamer.net")

DATAGRAM_BYTES_MAX = 2048
"""What is longer is cut off, and then refused: gossamer's own datagrams stay below 1 300 bytes."""

DATAGRAMS_A_WAKE_UP = 64
"""Enough to pay for the wake-up, few enough (0.3 ms) that the loop stays prompt under a flood."""

_PAUSE_AFTER_ERROR_S = 0.05
"""So that a socket that only fails does not take the whole processor."""


class DatagramSockets:
    """Sends to the group and to single peers, receives both, and follows the interfaces it is told to use."""

    def __init__(self, *, group: str, port: int, bind_to: str, statistics: NetworkStatistics) -> None:
        self._group: Address = (group, port)
        self._statistics = statistics
        self._lock = threading.Lock()
        self._closed = False
        self._own = open_own_socket(bind_to, avoid_port=port)
        self._listener: socket.socket | None = None
        self._interfaces: tuple[Interface, ...] = ()
        self._joined: frozenset[Interface] = frozenset()
        self._sources: frozenset[Address] = frozenset()
        self._sending_by: Interface | None = None
        self._comes_back, self._came_back, self._drops = False, 0, Drops()
        self._reopened = trio.Event()
        self._last_complaint = ""
        self.port: int = self._own.getsockname()[1]

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """Those in use, joined or not."""
        return self._interfaces

    def is_on(self, address: str) -> bool:
        """Whether `address` is ours on an interface in use."""
        return any(each.address == address for each in self._interfaces)

    @property
    def listens(self) -> bool:
        """Whether some interface's multicasts reach us."""
        return bool(self._joined)

    # -- sending, from any thread ---------------------------------------------------------------

    def multicast(self, datagram: bytes) -> bool:
        """Send to the group on each interface in use; return whether any took it."""
        with self._lock:
            sent = False
            for interface in self._interfaces:
                sent = self._send_by(interface, datagram) or sent
            return sent

    def unicast(self, datagram: bytes, to: Address) -> bool:
        """Send to one peer; return whether the kernel took it."""
        try:
            socket.inet_aton(to[0])  # a name would be looked up, and wait for an answer
        except (OSError, OverflowError, UnicodeError):
            self._statistics.send_errors += 1
            return False
        with self._lock:
            return self._send(datagram, to)

    def _send_by(self, interface: Interface, datagram: bytes) -> bool:
        if interface is not self._sending_by:
            try:
                name_sending_interface(self._own, interface)
            except OSError:
                self._statistics.send_errors += 1
                return False
            self._sending_by = interface
            self._comes_back = self._drops.filtering and interface in self._joined
        if not self._send(datagram, self._group):
            return False
        self._drops.sent += self._comes_back
        return True

    def _send(self, datagram: bytes, to: Address) -> bool:
        if self._closed:
            return False
        try:
            self._own.sendto(datagram, to)
        except (OSError, OverflowError, UnicodeError):
            self._statistics.send_errors += 1
            return False
        self._statistics.datagrams_sent += 1
        self._statistics.datagram_bytes_sent += len(datagram)
        return True

    # -- receiving, in the loop -----------------------------------------------------------------

    async def receive(self, on: OnDatagram) -> None:
        """Hand over datagrams until cancelled or closed, whatever happens to the network meanwhile."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._receive_group, on)
            await self._receive_from(self._own, on, False)

    async def _receive_group(self, on: OnDatagram) -> None:
        while not self._closed:
            reopened = self._reopened
            if self._listener is not None:
                await self._receive_from(self._listener, on, True)
            else:
                await reopened.wait()

    async def _receive_from(self, source: socket.socket, on: OnDatagram, was_multicast: bool) -> None:
        """Drain `source` whenever it is readable, until it is closed."""
        while source.fileno() >= 0:
            try:
                await trio.lowlevel.wait_readable(source)
            except trio.ClosedResourceError:
                return
            pause_s = self._drain(source, on, was_multicast)
            if pause_s is not None:
                await trio.sleep(pause_s)

    def _drain(self, source: socket.socket, on: OnDatagram, was_multicast: bool) -> float | None:
        """Hand over what has arrived; return how long to pause before looking again, None if all is read."""
        statistics = self._statistics
        receive = source.recvfrom
        for _ in range(DATAGRAMS_A_WAKE_UP):
            try:
                datagram, sender = receive(DATAGRAM_BYTES_MAX)
            except BlockingIOError:
                return None
            except ConnectionError:  # Windows, on a datagram of ours that nobody took
                statistics.receive_errors += 1
                continue
            except OSError:
                statistics.receive_errors += 1
                return _PAUSE_AFTER_ERROR_S
            if sender in self._sources:
                self._came_back += 1
                continue
            statistics.datagrams_received += 1
            statistics.datagram_bytes_received += len(datagram)
            statistics.multicasts_received += was_multicast
            on(datagram, sender, was_multicast)
        return 0

    # -- following the interfaces, in the loop's thread -----------------------------------------

    def use(self, interfaces: Sequence[Interface]) -> bool:
        """Send and listen on these from now on; return whether anything changed.

        Where listening fails, as on an interface that cannot multicast, the rest goes on,
        and the next call tries again.
        """
        wanted = tuple(interfaces)
        joined_before = self._joined
        changed = wanted != self._interfaces
        if changed:
            with self._lock:
                self._interfaces, self._sending_by = wanted, None
            self._sources = frozenset((each.address, self.port) for each in wanted)
            self._close_listener()
        if not self._closed:
            self._join_missing()
        return changed or self._joined != joined_before

    def _join_missing(self) -> None:
        missing = [each for each in self._interfaces if each not in self._joined]
        for interface in missing:
            try:
                if self._listener is None:
                    self._open_listener()
                assert self._listener is not None
                join_group(self._listener, self._group[0], interface)
            except OSError as error:
                self._complain(interface, error)
            else:
                with self._lock:
                    self._joined |= {interface}
                    self._sending_by = None  # what comes back has changed

    def _open_listener(self) -> None:
        self._listener = open_group_socket(*self._group)
        self._drops.begin(self._listener, self._sources)
        reopened, self._reopened = self._reopened, trio.Event()
        reopened.set()

    def _close_listener(self) -> None:
        self._joined = frozenset()
        if self._listener is not None:
            with self._lock:
                self._drops.end(self._listener)
                self._sending_by = None
            close_socket(self._listener)
            self._listener = None

    def _complain(self, interface: Interface, error: OSError) -> None:
        complaint = f"{interface.name} ({interface.address}): {reason_in_words(error)}"
        if complaint != self._last_complaint:
            self._last_complaint = complaint
            logger.info("no multicast is heard on %s; going on with streams, trying again", complaint)

    def count_drops(self) -> None:
        """Bring up to date what the statistics say of datagrams that the kernel dropped, or we as our own."""
        own, others = self._drops.counted(self._listener)
        self._statistics.own_datagrams_heard = own + self._came_back
        self._statistics.kernel_drops = others + kernel_drops(self._own)

    def close(self) -> None:
        """Close both sockets.  Whoever receives, ends; whoever sends afterwards, sends nothing."""
        with self._lock:
            self._closed, self._interfaces = True, ()
            close_socket(self._own)
        self._close_listener()
        self._reopened.set()

    def abandon(self) -> None:
        """In a forked child, give up our copies of the sockets.  No lock is taken: who held it stayed in the parent."""
        self._lock = threading.Lock()
        self._closed, self._interfaces = True, ()
        self._own.close()
        if self._listener is not None:
            self._listener.close()
