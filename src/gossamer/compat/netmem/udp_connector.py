"""`UdpConnector`: the mesh of whoever names the same multicast group and port, or the same pair of addresses.

The group and the port name the mesh; its port is that port, and its multicast group is gossamer's own, whatever the
group's address is, since meshes are told apart by a keyed hash of their names.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from ...errors import ConfigurationError
from .mesh_connector import MeshConnector

Address = tuple[str, int]
DEFAULT_ADDRESS: Address = ("225.0.0.1", 9999)


class UdpConnector(MeshConnector):
    """Connects to all who have the same `local_addr`, a multicast (group, port); or to `remote_addr`.

    With two addresses, both sides give the same two, each its own first: two groups, or two hosts' own addresses and
    ports.  `mesh` names the mesh otherwise; what else is given goes to `gossamer.join`.  Raises ConfigurationError for
    what is no IPv4 address and port, or for two hosts of which one is not named.
    """

    def __init__(
        self,
        local_addr: Address | None = None,
        remote_addr: Address | None = None,
        *,
        mesh: str | None = None,
        **of_join: Any,
    ) -> None:
        self.local_addr = local_addr or DEFAULT_ADDRESS
        self.remote_addr = remote_addr or self.local_addr
        local, remote = (_checked(each) for each in (self.local_addr, self.remote_addr))
        if not _is_multicast(remote) and remote != local:
            of_join = {"peers": [f"{remote[0]}:{remote[1]}"], **of_join}
        if not _is_multicast(local) and not _is_wildcard(local):
            of_join = {"interfaces": [local[0]], **of_join}
        super().__init__(mesh or _name(local, remote), _port(local, remote), of_join)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(local_addr={self.local_addr}, remote_addr={self.remote_addr})"


def _name(local: Address, remote: Address) -> str:
    """Return the name on which both sides agree."""
    groups = [each for each in (local, remote) if _is_multicast(each)]
    if not groups and (_is_wildcard(local) or _is_wildcard(remote)):
        raise ConfigurationError(
            f"two hosts find each other by both their addresses, and {local[0]} is none: give this host's own as "
            'local_addr, such as ("192.168.7.20", 9999), or the same mesh="name" on both'
        )
    named = sorted({f"{host}:{port}" for host, port in groups or (local, remote)})
    return " ".join(["netmem", *named])


def _port(local: Address, remote: Address) -> int | None:
    """Return the port of the mesh: with two groups, both sides must take the same of theirs."""
    groups = [port for host, port in (local, remote) if _is_multicast((host, port))]
    return min(groups) if groups else local[1] or None


def _checked(address: Any) -> Address:
    try:
        host, port = address
        host = "127.0.0.1" if host == "localhost" else str(ipaddress.IPv4Address(host or "0.0.0.0"))
        if type(port) is int and 0 <= port < 65536:
            return host, port
    except (TypeError, ValueError):
        pass
    raise ConfigurationError(f'an address is an IPv4 address and a port, such as ("225.0.0.1", 9999), not {address!r}')


def _is_multicast(address: Address) -> bool:
    return ipaddress.IPv4Address(address[0]).is_multicast


def _is_wildcard(address: Address) -> bool:
    return address[0] == "0.0.0.0"
