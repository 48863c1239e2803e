"""What lives as long as one boot of a mesh: keys, sockets, replica, driver.  A forked child makes it all anew."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from .arguments import Arguments
from .net.certificates import new_identity
from .net.driver import Driver
from .net.transport import Network
from .protocol.effects import Notice
from .protocol.ledger import Ledger, Observer
from .protocol.replica import Identity, Replica
from .wire.sealing import Sealer

BOOT_BYTES = 12


@dataclass(frozen=True, slots=True)
class Hooks:
    """Whom the driver tells, in the loop."""

    on_notice: Callable[[Notice], None]
    on_tick: Callable[[], None]
    on_heard: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Boot:
    """One life of a peer."""

    network: Network
    replica: Replica
    driver: Driver
    mesh_tag: bytes
    discovery_tag: bytes


def new_boot(arguments: Arguments, ledger: Ledger | None, observer: Observer, hooks: Hooks) -> Boot:
    """Open sockets and make a replica on them, over `ledger` or an empty one; if that fails, nothing stays open."""
    keys = arguments.keys()
    identity = new_identity(keys)
    clock = arguments.surroundings.clock
    boot = (clock.wall_ms() // 1000).to_bytes(4, "big") + os.urandom(BOOT_BYTES - 4)
    network = arguments.surroundings.open_network(
        identity=identity,
        host_only=arguments.host_only,
        interfaces=arguments.interfaces,
        port=arguments.port,
        options=arguments.options,
    )
    try:
        if arguments.wrap is not None:
            network = arguments.wrap(network)
        name = arguments.nickname or f"{socket.gethostname()}:{os.getpid()}"
        replica = Replica(
            Identity(identity.peer_id, boot, name, network.stream_port, network.unicast_port),
            arguments.options,
            random.SystemRandom(),
            lock=threading.Lock(),
            observer=observer,
            now=clock.monotonic(),
            multicast=network.has_multicast,
            ledger=ledger,
        )
        sealer = Sealer([keys], boot, os.urandom)
        driver = Driver(
            replica, network, sealer, arguments.options, hooks.on_notice, hooks.on_tick, hooks.on_heard, clock
        )
    except BaseException:
        network.close()
        raise
    return Boot(network, replica, driver, keys.mesh_tag, keys.discovery_tag)
