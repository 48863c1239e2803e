"""`WsServerConnector` and `WsClientConnector`: the mesh of a port, to which clients come by the server's address.

There is no websocket: what travels are the mesh's own streams, which are encrypted and known on both sides by the
mesh's secret.  The server's page shows the memory in a browser of this host: see `live_page`.
"""

from __future__ import annotations

import platform
from typing import Any
from urllib.parse import urlsplit

from ...errors import ConfigurationError
from .live_page import LivePage
from .mesh_connector import MeshConnector

_EVERYWHERE = ("", "0.0.0.0")
_PORTS = {"ws": 80, "http": 80, "wss": 443, "https": 443}


class WsServerConnector(MeshConnector):
    """Is there for clients at TCP port `port` (and is a peer of the mesh like any other).

    `host` is the address of the one network to be reached on, by default all.  `ssl_context` is the page's; between
    peers all is encrypted without it.  `url_ws_updates` is what clients are given.  `url_html_view` shows the memory,
    and `url_ws_whole` is all of it as JSON; both are there once connected, on this host, for who knows the address.
    `mesh` names the mesh otherwise than by the port; what else is given goes to `gossamer.join`.
    """

    def __init__(
        self,
        host: str = "0.0.0.0",
        port: int = 8080,
        ssl_context: Any = None,
        *,
        mesh: str | None = None,
        **of_join: Any,
    ) -> None:
        self.host = host
        if host not in _EVERYWHERE:
            of_join = {"interfaces": ["127.0.0.1" if host == "localhost" else host], **of_join}
        super().__init__(mesh or _name(port), port, of_join)
        self.ssl_context = ssl_context
        shown = platform.node() if host in _EVERYWHERE else host
        self.url_ws_updates = f"{'ws' if ssl_context is None else 'wss'}://{shown}:{port}/ws_updates"
        self._page = LivePage(self._whole, port + 1, ssl_context)

    @property
    def url_html_view(self) -> str:
        """Where a browser of this host sees the memory; a secret part of it keeps other users out."""
        return self._page.url

    @property
    def url_ws_whole(self) -> str:
        """Where the whole memory is read as JSON: by http, for there is no websocket."""
        return f"{self._page.url}whole"

    def _whole(self) -> dict[Any, Any]:
        return dict(self.netmem)

    def _opened(self) -> None:
        self._page.open()

    def close(self) -> None:
        """Close the page, send what was written, say goodbye.  Again does nothing."""
        self._page.close()
        super().close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url_ws_updates})"


class WsClientConnector(MeshConnector):
    """Connects to the server at `url`, such as "ws://lab-pc:8080/ws_updates", and through it to its other clients.

    It is tried again for ever: it may be started before the server.  `mesh` names the mesh otherwise than by
    the port; what else is given goes to `gossamer.join`.  Raises ConfigurationError for what is no url of a server.
    """

    def __init__(self, url: str | None = None, *, mesh: str | None = None, **of_join: Any) -> None:
        self.url = url
        host, port = _place(url)
        here = host in ("localhost", platform.node())
        peers = [f"{'127.0.0.1' if here else host}:{port}", *of_join.pop("peers", ())]
        super().__init__(mesh or _name(port), port, {"peers": peers, **of_join})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url})"


def _name(port: int) -> str:
    return f"netmem ws {port}"


def _place(url: Any) -> tuple[str, int]:
    try:
        parts = urlsplit(str(url))
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        port = None
    if port is None or parts.scheme not in _PORTS or not parts.hostname:
        raise ConfigurationError(f'{url!r} is no url of a server: give one such as "ws://lab-pc:8080/ws_updates"')
    return parts.hostname, port
