"""What runs in each process of the demo: one peer, told by lines of JSON what to do.

`python -m gossamer.cli.demo.actor`.  Each line on stdin is an order, {"do": "cut", ...}; each is answered
by one line on stdout.  The end of stdin is the end of the actor, so nobody is left behind
by a parent that was killed.
"""

from __future__ import annotations

import json
import shutil
from hashlib import blake2b
from typing import Any

from ...blocking import BlockingMesh
from ...handle import Arguments
from ...net.faults import FaultyNetwork
from ...options import Options
from ...simulation.orders import answer, orders
from ..json_values import plain
from .readings import Readings

OPTIONS = Options(
    beacon_interval_s=0.3,
    settle_s=0.3,
    probe_timeout_s=0.2,
    suspicion_s=0.5,
    retry_peers_s=0.5,
    join_timeout_s=5.0,
    linger_s=0.5,
)
"""In a hurry: a demo should not take longer to notice a death than its audience."""


class Actor:
    """One peer, and what it can be told to do: each `do_` method is an order and returns the answer."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.name: str = order["name"]
        self._readings = Readings(order["part"], order["parts"])
        networks: list[FaultyNetwork] = []

        def wrap(network: Any) -> FaultyNetwork:
            networks.append(FaultyNetwork(network, seed=order["seed"], loss=order["loss"]))
            return networks[-1]

        arguments = Arguments(order["mesh"], port=order["port"], options=OPTIONS, nickname=self.name, wrap=wrap)
        self._mesh = BlockingMesh(arguments)
        self._network = networks[0]

    def joined(self) -> dict[str, Any]:
        """Tell who we are and by which addresses others may hear from us."""
        network = self._network
        addresses = [*network.unicast_addresses, ("127.0.0.1", network.stream_port)]
        return {"id": self._mesh.me.id, "addresses": addresses}

    def do_cut(self, order: dict[str, Any]) -> dict[str, Any]:
        """Hear and reach some peers no more."""
        peers = [bytes.fromhex(peer) for peer in order["peers"]]
        self._network.cut(peers, [(host, port) for host, port in order["addresses"]])
        return {}

    def do_heal(self, order: dict[str, Any]) -> dict[str, Any]:
        """Hear and reach all again."""
        self._network.heal()
        return {}

    def do_publish(self, order: dict[str, Any]) -> dict[str, Any]:
        """Write the readings of this moment, each under a key of our own."""
        return self._write({f"{self.name}/{key}": value for key, value in self._readings.take().items()})

    def do_write(self, order: dict[str, Any]) -> dict[str, Any]:
        """Write what we are told."""
        return self._write(order["writes"])

    def do_report(self, order: dict[str, Any]) -> dict[str, Any]:
        """Tell whom we see and what we hold, in short."""
        state = self.do_state(order)
        counts = self._mesh.statistics()
        return {
            "sees": sorted(peer.name for peer in self._mesh.peers),
            "keys": len(state["state"]),
            "digest": blake2b(json.dumps(state, sort_keys=True).encode(), digest_size=4).hexdigest(),
            "conflicts": len(state["conflicts"]),
            "sent_bytes": counts["datagram bytes sent"] + counts["stream bytes sent"],
        }

    def do_state(self, order: dict[str, Any]) -> dict[str, Any]:
        """Tell all that we hold: what is seen, and what was written concurrently and lost."""
        conflicts = self._mesh.conflicts()
        return {
            "state": {str(key): plain(value) for key, value in self._mesh.snapshot().items()},
            "conflicts": {str(key): [plain(entry.value) for entry in entries] for key, entries in conflicts.items()},
        }

    def close(self) -> None:
        """Leave, without waiting for anybody."""
        self._mesh.close(linger_s=0)

    def _write(self, writes: dict[str, Any]) -> dict[str, Any]:
        for key, value in writes.items():
            self._mesh[key] = value
        return {"writes": writes}


def main() -> None:
    """Join as the first line says, then do as told until stdin ends."""
    told = orders()
    role = next(told, None)
    if role is None:
        return
    actor = Actor(role)
    try:
        answer(actor.joined())
        for order in told:
            answer(getattr(actor, f"do_{order['do']}")(order))
    except BrokenPipeError:
        return  # the parent is gone, and so shall we be
    finally:
        actor.close()
        shutil.rmtree(role["directory"], ignore_errors=True)  # the parent would have killed us, and removed it itself


if __name__ == "__main__":
    main()
