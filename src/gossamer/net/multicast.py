"""Multicast on named interfaces: how its sockets are opened, joined and told where to send.

1. The interface is always named, to join and to send: without a default route the kernel
   would not know which, and with one it would choose what we were told to keep to ourselves.
   Naming the loopback is what keeps a datagram on this host; a TTL of 0 does not.
2. Multicasts are sent from a socket of the peer's own, so that their source is where the
   peer can be answered: a unicast to the shared group port reaches any one of the peers of a host.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import select
import socket
import struct
import sys
from dataclasses import dataclass

import trio

from gossamer.net.interfaces import Interface

RECEIVE_BUFFER_BYTES = 4 << 20
"""Some 3 600 datagrams of 1 200 bytes, where the system allows it; 212 992 bytes, the default, hold 92."""

_IP_MULTICAST_ALL, _IP_FREEBIND, _SO_MEMINFO = 49, 15, 55  # Linux; not in Python's socket module
_MEMINFO_DROPS = 8
_ON_LINUX = sys.platform == "linux"


def open_own_socket(bind_to: str, avoid_port: int) -> socket.socket:
    """Return the socket that a peer sends from and is answered at, on a port of its own.

    Not on `avoid_port`, the group's: the system may well offer it, and then no other
    program of this host could listen to the group.
    """
    rejected: list[socket.socket] = []
    try:
        while True:
            opened = _datagram_socket()
            try:
                if _ON_LINUX:  # a loopback that is down now may come up later
                    opened.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
                opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
                opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
                opened.bind((bind_to, 0))
            except BaseException:
                opened.close()
                raise
            if opened.getsockname()[1] != avoid_port:
                return opened
            rejected.append(opened)
    finally:
        for each in rejected:
            each.close()


def open_group_socket(group: str, port: int) -> socket.socket:
    """Return a socket that shares `group`:`port` with the other peers of this host, and has joined nothing yet."""
    opened = _datagram_socket()
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if _ON_LINUX:  # or we would hear what other programs of this host joined, on any interface
            opened.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        opened.bind(("" if os.name == "nt" else group, port))
    except BaseException:
        opened.close()
        raise
    return opened


def _datagram_socket() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    with contextlib.suppress(OSError):  # some systems refuse what is too much, others give what they allow
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    return opened


def join_group(listener: socket.socket, group: str, interface: Interface) -> None:
    """Let the multicasts that arrive on `interface` reach `listener`."""
    request = socket.inet_aton(group) + _named(interface)
    listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)


def name_sending_interface(sender: socket.socket, interface: Interface) -> None:
    """Let the multicasts of `sender` leave by `interface`, from its address."""
    request = (socket.inet_aton("0.0.0.0") if _ON_LINUX else b"") + _named(interface)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, request)


def _named(interface: Interface) -> bytes:
    """Return the end of an `ip_mreqn` on Linux, where two interfaces may have one address; else of an `ip_mreq`."""
    address = socket.inet_aton(interface.address)
    return address + struct.pack("@i", interface.index) if _ON_LINUX else address


def close_socket(closing: socket.socket) -> None:
    """Close a socket that a task may be waiting for; it gets `trio.ClosedResourceError`."""
    if closing.fileno() >= 0:
        with contextlib.suppress(RuntimeError):  # there is no loop, so nobody waits in it
            trio.lowlevel.notify_closing(closing)
        closing.close()


def kernel_drops(asked: socket.socket) -> int:
    """Return the count that the kernel keeps for this socket, for nothing; 0 where it keeps none."""
    if not _ON_LINUX or asked.fileno() < 0:
        return 0
    try:
        counters = asked.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * (_MEMINFO_DROPS + 1))
    except OSError:
        return 0
    return int(struct.unpack_from("=I", counters, 4 * _MEMINFO_DROPS)[0]) if len(counters) > 4 * _MEMINFO_DROPS else 0


def reason_in_words(error: OSError) -> str:
    """Say what a socket error means to whoever runs the program."""
    if error.errno == errno.EADDRINUSE:
        return "another program holds the port without sharing it"
    return error.strerror or str(error)


@dataclass(frozen=True, slots=True)
class MulticastResult:
    """Whether a datagram sent to a group on an interface came back, and if not, why."""

    works: bool
    reason: str


def multicast_works(interface: Interface, group: str = "239.71.83.77", timeout_s: float = 0.5) -> MulticastResult:
    """Send a datagram to `group` on `interface`, and wait for it; blocks up to `timeout_s`.

    It proves that this host can join and send.  That a switch or an access point carries
    the datagram to others, no host can prove alone.
    """
    where = f"{interface.name} ({interface.address})"
    token = secrets.token_bytes(16)
    try:
        with open_group_socket(group, 0) as listener, open_own_socket(interface.address, 0) as sender:
            join_group(listener, group, interface)
            name_sending_interface(sender, interface)
            sender.sendto(token, (group, listener.getsockname()[1]))
            while select.select([listener], [], [], timeout_s)[0]:
                if listener.recv(64) == token:
                    return MulticastResult(True, f"{where}: a datagram sent to {group} came back")
    except OSError as error:
        return MulticastResult(False, f"{where}: {reason_in_words(error)}")
    return MulticastResult(False, f"{where}: a datagram sent to {group} did not come back; does a firewall drop it?")
