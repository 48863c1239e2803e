"""One leader at a time: programs that elect one by their votes, and one that takes over when it dies.

python leader.py ada      start ada, bob and cat; kill the one that leads
"""

from __future__ import annotations

import os
import signal
import sys
import threading

import gossamer

VOTERS = os.environ.get("VOTERS", "ada bob cat").split()
TTL_S = 2.0


def lead(mesh: gossamer.BlockingMesh, lease: gossamer.Lease, stop: threading.Event) -> None:
    """Do what only a leader may, for as long as we lead."""
    counts = mesh.fenced("counts")
    print("leading", mesh.me.name, flush=True)
    while not stop.wait(TTL_S / 10):
        lease.keep()  # raises LeaseLost if we no longer lead
        counts.put("steps", counts.get("steps", 0) + 1, lease)
    print("done", flush=True)


def main(name: str) -> None:
    """Lead, or wait to."""
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    with gossamer.join(os.environ.get("GOSSAMER_MESH", "leader"), nickname=name) as mesh:
        lease = mesh.quorum_lease("leader", voters=VOTERS, ttl=TTL_S, timeout=1.0)
        while not stop.is_set():
            try:
                with lease:
                    lead(mesh, lease, stop)
            except gossamer.LeaseHeld:
                print("following", lease.holder(), flush=True)
            except gossamer.NoQuorum:
                print("waiting for voters", flush=True)
            except (gossamer.LeaseLost, gossamer.StaleToken):
                print("no longer leading", flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else VOTERS[0])
