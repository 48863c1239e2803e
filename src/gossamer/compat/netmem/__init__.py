"""netmem's public names over gossamer: change `import netmem` to `from gossamer.compat import netmem`.

The network is a gossamer mesh, so who joins late has everything, deletes travel, and all agree in the end.
What differs, and what is refused, stands in docs/reference/compat.md.
"""

from .bindable_variable import BindableDict, FormattableVar, Var
from .connector import Connector, ConnectorListener
from .logging_connector import LoggingConnector
from .network_memory import NetworkMemory
from .pushbullet_connector import PushbulletConnector
from .udp_connector import UdpConnector
from .websocket_connector import WsClientConnector, WsServerConnector

__all__ = [
    "BindableDict",
    "Connector",
    "ConnectorListener",
    "FormattableVar",
    "LoggingConnector",
    "NetworkMemory",
    "PushbulletConnector",
    "UdpConnector",
    "Var",
    "WsClientConnector",
    "WsServerConnector",
]
