"""What a mesh is opened with, after settings were looked up: checked, but nothing opened yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .errors import ConfigurationError
from .net.sockets import DEFAULT_PORT
from .net.transport import Address, Network
from .options import Options
from .surroundings import Surroundings, current_surroundings
from .wire.secret import MeshKeys, derive_keys, host_keys, insecure_keys

NICKNAME_CHARACTERS_MAX = 64


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a mesh was opened with."""

    name: str
    secret: str | None = None
    peers: tuple[str, ...] = ()
    interfaces: tuple[str, ...] | None = None
    port: int | None = None
    insecure_lan: bool = False
    options: Options = field(default_factory=Options)
    nickname: str | None = None
    share: bool | tuple[str, ...] = False
    """Whether the other processes of this host are shown what is held here; or under which prefixes."""
    wrap: Callable[[Network], Network] | None = None
    """For tests and the demo: what stands between the driver and the sockets, such as `net.faults`."""
    surroundings: Surroundings = field(default_factory=current_surroundings)

    def __post_init__(self) -> None:
        if self.secret is not None and self.insecure_lan:
            raise ConfigurationError("insecure_lan=True opens a mesh to everybody and secret= to few; give one of them")
        if not isinstance(self.name, str) or not self.name:
            raise ConfigurationError(f'a mesh needs a name, a str such as "lab", not {self.name!r}')
        if self.port is not None and not 0 < self.port < 65536:
            raise ConfigurationError(f"{self.port!r} is no port: give a number from 1 to 65535")
        if self.nickname is not None and not 0 < len(self.nickname) <= NICKNAME_CHARACTERS_MAX:
            raise ConfigurationError(
                f"a nickname has 1 to {NICKNAME_CHARACTERS_MAX} characters; this one has {len(self.nickname)}"
            )
        for text in self.peers:
            self.static_address(text)

    def keys(self) -> MeshKeys:
        """Return the keys of this mesh: from the secret, or for this host and user alone."""
        if self.secret is not None:
            return derive_keys(self.secret, self.name)
        return insecure_keys(self.name) if self.insecure_lan else host_keys(self.surroundings.host_key(), self.name)

    @property
    def host_only(self) -> bool:
        """Whether this mesh never leaves the host."""
        return self.secret is None and not self.insecure_lan

    def static_address(self, text: str) -> Address:
        """Return (host, port) of a static peer given as "host" or "host:port"."""
        host, colon, port = text.partition(":")
        if not host or (colon and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
            raise ConfigurationError(f'{text!r} is no peer: give "host" or "host:port", such as "10.0.0.5:47474"')
        return host, int(port) if colon else (self.port or DEFAULT_PORT)
