"""What a stranger on the rig runs: it sends noise to a mesh whose secret it does not have, as fast as it can.

`python -m gossamer.simulation.rig.flood SECONDS SEED OURS ADDRESS...`, OURS being our own
address.  It joins the group, as anybody on a LAN can, and so hears real datagrams and where they come from; it sends
random ones, altered ones, and real ones again, to the group and to each peer, and opens streams on
which it babbles.  In the end it prints how many datagrams and streams that were.
"""

from __future__ import annotations

import random
import select
import socket
import sys
import time
from collections import deque

from ...net.sockets import DEFAULT_GROUP, DEFAULT_PORT

OVERHEARD_MAX = 200
DATAGRAMS_A_ROUND = 50
STREAMS_MAX = 20
STREAM_EACH_ROUNDS = 5


def main(seconds: float, seed: str, ours: str, addresses: list[str]) -> None:
    """Flood these computers for so long."""
    rng = random.Random(seed)
    ears, mouth = _ears(ours), socket.socket(type=socket.SOCK_DGRAM)
    mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(ours))
    overheard: deque[bytes] = deque(maxlen=OVERHEARD_MAX)
    goals = {(DEFAULT_GROUP, DEFAULT_PORT)}
    streams: deque[socket.socket] = deque()
    ends, rounds, datagrams, opened = time.monotonic() + seconds, 0, 0, 0
    while time.monotonic() < ends:
        while select.select([ears], [], [], 0)[0]:
            data, source = ears.recvfrom(65536)
            if source[0] in addresses:
                overheard.append(data)
                goals.add(source)
        aims = sorted(goals)
        for _ in range(DATAGRAMS_A_ROUND):
            datagrams += _send(mouth, _noise(rng, overheard), rng.choice(aims))
        rounds += 1
        if not rounds % STREAM_EACH_ROUNDS:
            opened += _babble(rng, streams, rng.choice(addresses))
    sys.stdout.write(f"{datagrams} {opened}\n")


def _ears(ours: str) -> socket.socket:
    ears = socket.socket(type=socket.SOCK_DGRAM)
    ears.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    ears.bind(("", DEFAULT_PORT))
    ears.setsockopt(
        socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(DEFAULT_GROUP) + socket.inet_aton(ours)
    )
    return ears


def _send(mouth: socket.socket, data: bytes, to: tuple[str, int]) -> int:
    try:
        mouth.sendto(data, to)
    except OSError:  # the queue of the card is full, or nobody listens there any more: go on
        return 0
    return 1


def _babble(rng: random.Random, streams: deque[socket.socket], address: str) -> int:
    """Open one stream more, say something on all, and let go of the oldest of many; return how many were tried."""
    stream = socket.socket()
    stream.setblocking(False)
    stream.connect_ex((address, DEFAULT_PORT))
    streams.append(stream)
    for each in list(streams):
        try:
            each.send(rng.randbytes(rng.randint(1, 4096)))
        except BlockingIOError:
            continue  # not open yet, or not read
        except OSError:  # refused, or closed for what we said
            streams.remove(each)
            each.close()
    while len(streams) > STREAMS_MAX:
        streams.popleft().close()
    return 1


def _noise(rng: random.Random, overheard: deque[bytes]) -> bytes:
    chance = rng.random()
    if not overheard or chance < 0.3:
        return rng.randbytes(rng.randint(0, 1400))
    data = rng.choice(overheard)
    if chance < 0.5:
        return data  # again, unaltered
    if chance < 0.7:
        return data[: rng.randrange(len(data))]
    altered = bytearray(data)
    altered[rng.randrange(len(altered))] ^= rng.randrange(1, 256)
    return bytes(altered)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:])
