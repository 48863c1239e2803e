"""The network interfaces of this host, and which of them a mesh uses.

The default choice is every interface that a person would call "my network": up, with an
IPv4 address, no tunnel, and either the way of a default route or not named like the
inside of a virtual machine or container host.  If there is none, the loopback, so that
the programs of a host without a network still meet.

Flags are asked of the kernel by `ioctl`, and routes of `/proc/thread-self`: both see the
network namespace of the calling thread, which `/sys` does not.
"""

from __future__ import annotations

import array
import os
import socket
import struct
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import ifaddr

from gossamer.errors import ConfigurationError, NetworkError

_UP, _LOOPBACK, _POINT_TO_POINT = 0x1, 0x8, 0x10
_MULTICAST = 0x8000 if sys.platform == "darwin" else 0x1000
_SIOCGIFFLAGS = 0xC0206911 if sys.platform == "darwin" else 0x8913

_VIRTUAL_PREFIXES = (
    *("docker", "br-", "veth", "vnet", "virbr", "cni", "flannel", "cali", "lxc", "lxd", "podman", "kube"),
    *(
        "tun",
        "tap",
        "wg",
        "tailscale",
        "zt",
        "utun",
        "ppp",
        "ifb",
        "dummy",
        "vmnet",
        "vboxnet",
        "bridge1",
        "awdl",
        "llw",
    ),
)
"""Names that container hosts, virtual machines and tunnels give to interfaces whose other side is no LAN."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One IPv4 address of one network interface."""

    name: str
    index: int
    address: str
    netmask: str
    is_loopback: bool
    is_up: bool
    supports_multicast: bool
    is_tunnel: bool
    has_default_route: bool


def list_interfaces() -> list[Interface]:
    """Return all IPv4 addresses of all interfaces, in the system's order.

    About 0.2 ms with a few interfaces.  Raises `NetworkError` if the system does not tell,
    as when no file may be opened any more.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            routed = _names_with_default_route()
            return [
                _described(adapter.name, str(ip.ip), ip.network_prefix, asked, routed)
                for adapter in ifaddr.get_adapters()
                for ip in adapter.ips
                if ip.is_IPv4
            ]
    except OSError as error:
        raise NetworkError(f"the system does not list its network interfaces: {error}") from error


def default_interfaces(interfaces: Iterable[Interface]) -> list[Interface]:
    """Return those that a mesh uses unless told otherwise: see the rule at the top of this file."""
    up = [each for each in interfaces if each.is_up]
    chosen = [each for each in up if not each.is_loopback and not each.is_tunnel and _is_a_lan(each)]
    chosen.sort(key=lambda each: not each.has_default_route)
    return _one_address_each(chosen) or loopback_interfaces(up)


def named_interfaces(wanted: Sequence[str], interfaces: Iterable[Interface]) -> list[Interface]:
    """Return those of `wanted`, given by name or by address, that are up, in the order wanted."""
    up = [each for each in interfaces if each.is_up]
    return _one_address_each(each for want in wanted for each in up if want in (each.name, each.address))


def loopback_interfaces(interfaces: Iterable[Interface]) -> list[Interface]:
    """Return the loopback, if it is up."""
    return [each for each in interfaces if each.is_loopback and each.is_up][:1]


def check_names(wanted: Sequence[str], interfaces: Sequence[Interface]) -> None:
    """Raise `ConfigurationError` for a name or address that this host does not have, up or not."""
    have = {each.name for each in interfaces} | {each.address for each in interfaces} | _names_without_address()
    for want in wanted:
        if want not in have:
            listed = ", ".join(f"{each.name} ({each.address})" for each in interfaces) or "none at all"
            raise ConfigurationError(
                f"there is no network interface {want!r} here; there is {listed}. "
                "Give the name or the IPv4 address of one of these, or leave `interfaces` out."
            )


def _described(name: str, address: str, prefix: int, asked: socket.socket, routed: frozenset[str]) -> Interface:
    device = name.partition(":")[0]  # Linux shows a second address as `eth0:1`, of the same device
    flags = _flags(device, asked)
    if flags is None:
        flags = _UP | _MULTICAST | (_LOOPBACK if address.startswith("127.") else 0)
    return Interface(
        name=device,
        index=_index(device),
        address=address,
        netmask=socket.inet_ntoa(struct.pack("!I", 0xFFFFFFFF << (32 - prefix) & 0xFFFFFFFF)),
        is_loopback=bool(flags & _LOOPBACK),
        is_up=bool(flags & _UP),
        supports_multicast=bool(flags & (_MULTICAST | _LOOPBACK)),  # Linux: lo lacks the flag, yet multicasts
        is_tunnel=bool(flags & _POINT_TO_POINT),
        has_default_route=device in routed,
    )


def _flags(device: str, asked: socket.socket) -> int | None:
    """Return the interface's flags, or None where they cannot be had: Windows lists only what is up."""
    if os.name == "nt":
        return None
    import fcntl

    request = array.array("B", struct.pack("16s16x", device.encode()[:15]))
    try:
        fcntl.ioctl(asked.fileno(), _SIOCGIFFLAGS, request)
    except OSError:
        return 0  # it went away since it was listed: as good as down
    return int(struct.unpack_from("H", request, 16)[0])


def _index(device: str) -> int:
    try:
        return socket.if_nametoindex(device)
    except OSError:
        return 0


def _names_with_default_route() -> frozenset[str]:
    """Return the devices that default routes go by.  Only Linux says so cheaply; elsewhere, none is known."""
    try:
        rows = [line.split() for line in Path("/proc/thread-self/net/route").read_text().splitlines()[1:]]
    except OSError:
        return frozenset()
    return frozenset(row[0] for row in rows if len(row) > 7 and row[1] == row[7] == "00000000")


def _names_without_address() -> set[str]:
    try:
        return {name for _, name in socket.if_nameindex()}
    except OSError:
        return set()


def _is_a_lan(interface: Interface) -> bool:
    return interface.has_default_route or not interface.name.startswith(_VIRTUAL_PREFIXES)


def _one_address_each(interfaces: Iterable[Interface]) -> list[Interface]:
    """Keep the first address of each device: a socket joins a group once for each device."""
    first: dict[str, Interface] = {}
    for each in interfaces:
        first.setdefault(each.name, each)
    return list(first.values())
