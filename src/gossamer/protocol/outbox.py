"""Own writes on their way out: the open batch, the ring of closed ones, and what may be sent when.

A closed batch never changes: it is encoded once, and datagrams, repairs and streams all
send those bytes.  A batch is closed only when it may be sent or is full, so under load
the open batch coalesces and the queue is bounded by keys, not by writes.

Multicast has a budget; what exceeds a few datagrams of backlog goes by stream (*pushing*)
until the streams have caught up.
"""

from __future__ import annotations

from collections import deque
from hashlib import blake2b

from ..crdt.dots import Origin
from ..crdt.open_batch import OpenBatch, row_bytes
from ..crdt.vector_clock import NO_TAG, VectorClock
from ..crdt.writes import Held, Key, Write
from ..options import Options
from ..wire.codec import encode_batch
from ..wire.framing import DATAGRAM_BODY_MAX
from ..wire.messages import EncodedBatch

BATCH_BYTES_MAX = DATAGRAM_BODY_MAX - 2 - 60
"""Row bytes of a batch that surely fits a datagram with its headers."""
PUSHED_BATCH_BYTES_MAX = 16 << 10
"""The same while streams carry everything."""
REPEAT_BATCHES_MAX = 2
SPARE_BYTES = 64
"""What a row may take beside its key and value at the most, where about ten are usual."""
KEY_BYTES_MAX = 1024
BATCH_ROWS_MAX = 16_384
BATCH_VALUES_BYTES_MAX = 16 << 20
"""A user's batch above either travels as part of a delta, whole like everything there."""


class Outbox:
    """The batches of one origin.  Guarded by the replica's lock."""

    __slots__ = (
        "_budget_at",
        "_options",
        "_tokens_bits",
        "alone",
        "closed_bytes",
        "closed_until",
        "multicast_until",
        "open",
        "origin",
        "pushing",
        "ring",
        "ring_bytes",
        "tag",
        "tags",
        "writers",
    )

    def __init__(self, origin: Origin, options: Options, alone: bool = False) -> None:
        self.origin = origin
        self.alone = alone
        """Nobody has been met yet: nothing is kept to be sent, for whoever comes is sent a delta."""
        self.open = OpenBatch(origin, 0)
        self.ring: deque[EncodedBatch] = deque()
        self.tags: dict[int, bytes] = {0: NO_TAG}
        """Tag by sequence, of the latest batches: what a stranger's claim about our origin is held against."""
        self.tag = NO_TAG
        self.closed_until = 0
        self.closed_bytes = 0
        """Bytes of all batches that were ever closed."""
        self.multicast_until = 0
        self.pushing = False
        self.writers = 1
        self.ring_bytes = 0
        """Of the batches in the ring."""
        self._options = options
        self._tokens_bits = self._burst_bits()
        self._budget_at: float | None = None

    def add(self, key: Key, write: Write, before: Held, known: VectorClock) -> bool:
        """Enter a write, closing the batch before it if both together would be too large for a datagram.

        Return whether it was closed.
        """
        if self.alone:
            return False
        batch, closed = self.open, False
        size_bytes = row_bytes(key, write)
        limit = PUSHED_BATCH_BYTES_MAX if self.pushing else BATCH_BYTES_MAX
        if batch.size_bytes + size_bytes > limit - SPARE_BYTES and not self._fits(key, write[3], before, limit):
            self.close_into(known)
            batch, closed = self.open, True
        batch.add(key, write, before, size_bytes)
        return closed

    def _fits(self, key: Key, value: bytes | None, before: Held, limit: int) -> bool:
        """Whether the open batch stays within `limit` with this row, or would hold nothing but it."""
        batch = self.open
        left_out_bytes = batch.left_out_bytes(key, before)
        if len(batch) == (1 if left_out_bytes else 0):
            return True
        size_bytes = SPARE_BYTES + (0 if value is None else len(value))
        size_bytes += 4 * len(key) if type(key) is str else KEY_BYTES_MAX
        return batch.size_bytes - left_out_bytes + size_bytes <= limit

    def meet(self, known: VectorClock) -> None:
        """Somebody is there: what was written until now goes in a delta, what follows in batches."""
        if self.alone:
            self.alone = False
            self.leap(known)

    def leap(self, known: VectorClock) -> None:
        """Leave what was written since the last batch to deltas: it is in no batch, and the ring ends before it."""
        head = known.sequence(self.origin)
        if head != self.closed_until:  # else our head is tagged, and perhaps known by that tag
            self.tag = blake2b(self.tag + head.to_bytes(8, "big"), digest_size=len(NO_TAG)).digest()
            self.tags[head] = self.tag
            self.open = OpenBatch(self.origin, head)
            self.closed_until = self.multicast_until = head
            self.ring.clear()
            self.ring_bytes = 0
            known.mark(self.origin, self.tag)

    def close(self) -> EncodedBatch | None:
        """Close the open batch, if it holds anything, and keep it in the ring.  O(its bytes)."""
        if self.open.until == self.open.after:
            return None
        encoded = encode_batch(self.open.close(), self.tag)
        self.tag, self.closed_until = encoded.tag, encoded.until
        self.tags[encoded.until] = encoded.tag
        if len(self.tags) > 8192:
            for old in list(self.tags)[:4096]:
                del self.tags[old]
        self.open = OpenBatch(self.origin, encoded.until)
        self.ring.append(encoded)
        self.ring_bytes += len(encoded.data)
        self.closed_bytes += len(encoded.data)
        while self.ring_bytes > self._options.batch_ring_bytes and len(self.ring) > 1:
            self.ring_bytes -= len(self.ring.popleft().data)
        return encoded

    def close_into(self, known: VectorClock) -> None:
        """Close the open batch, if it holds anything, and tag our head in `known` with its hash."""
        if self.open.until != self.open.after:  # asked at every beacon that is heard: no call
            self.close()
            known.mark(self.origin, self.tag)

    @property
    def idle(self) -> bool:
        """Whether everything written has been handed to multicast (or to the streams)."""
        return self.open.until == self.open.after and self.multicast_until == self.closed_until

    # -- multicast ------------------------------------------------------------------------------

    def backlog(self) -> int:
        """Return how many closed batches, at the end of the ring, have not been multicast."""
        if self.multicast_until == self.closed_until:
            return 0
        count = 0
        for encoded in reversed(self.ring):
            if encoded.until <= self.multicast_until:
                break
            count += 1
        return count

    def next_datagram(self, now: float, known: VectorClock) -> tuple[bytes, ...] | None:
        """Return the messages of the next datagram, or None if there is nothing to send or no budget.

        Room that is left repeats the batches before, whole: loss p becomes p squared.
        """
        if self.pushing or self.idle or not self.affordable(now):
            return None
        unsent = self.backlog()
        if unsent > self._options.multicast_burst_datagrams:
            return None
        if not unsent:
            self.close_into(known)
            unsent = 1
        ring, taken, room = self.ring, [], DATAGRAM_BODY_MAX
        first = len(ring) - unsent
        for at in range(first, len(ring)):
            data = ring[at].data
            if len(data) + 2 > room:
                break
            taken.append(data)
            room -= len(data) + 2
            self.multicast_until = ring[at].until
        if not taken:
            return None  # larger than a datagram: only streams carry it
        for at in range(first - 1, max(0, first - REPEAT_BATCHES_MAX) - 1, -1):
            data = ring[at].data
            if len(data) + 2 <= room:
                taken.insert(0, data)
                room -= len(data) + 2
        self._tokens_bits -= 8 * (DATAGRAM_BODY_MAX - room + 100)
        return tuple(taken)

    def overloaded(self) -> bool:
        """Return whether multicast cannot carry the backlog: it is too long, or holds a batch too large."""
        unsent = self.backlog()
        return (
            unsent > self._options.multicast_burst_datagrams
            or self.open.size_bytes > DATAGRAM_BODY_MAX
            or any(len(self.ring[-at].data) + 2 > DATAGRAM_BODY_MAX for at in range(1, unsent + 1))
        )

    # -- streams --------------------------------------------------------------------------------

    def start_pushing(self) -> int:
        """Leave the backlog to the streams; return the sequence from which they must send."""
        start = self.multicast_until
        self.pushing = True
        self.multicast_until = self.closed_until
        return start

    def skip_multicast(self) -> None:
        """Count what is closed as multicast: nobody is there, or streams have carried it."""
        self.multicast_until = self.closed_until

    def after(self, sequence: int, bytes_max: int) -> list[EncodedBatch] | None:
        """Return the closed batches after `sequence`, at most `bytes_max` of them; None if they fell off the ring."""
        if sequence >= self.closed_until:
            return []
        if not self.ring or self.ring[0].after > sequence:
            return None
        found: list[EncodedBatch] = []
        size = 0
        for encoded in self._from(sequence):
            size += len(encoded.data)
            if found and size > bytes_max:
                break
            found.append(encoded)
        return found

    def _from(self, sequence: int) -> list[EncodedBatch]:
        low, high = 0, len(self.ring)
        while low < high:
            middle = (low + high) // 2
            if self.ring[middle].until <= sequence:
                low = middle + 1
            else:
                high = middle
        return [self.ring[at] for at in range(low, min(len(self.ring), low + 512))]

    # -- budget ---------------------------------------------------------------------------------

    def affordable(self, now: float) -> bool:
        """Return whether the budget allows a datagram now."""
        if self._budget_at is not None:
            rate = self._options.bandwidth_bits_per_s / max(1, self.writers)
            self._tokens_bits = min(self._burst_bits(), self._tokens_bits + rate * (now - self._budget_at))
        self._budget_at = now
        return self._tokens_bits >= 8 * 1200

    def affordable_at(self, now: float) -> float:
        """Return when the budget allows the next datagram."""
        if self.affordable(now):
            return now
        rate = self._options.bandwidth_bits_per_s / max(1, self.writers)
        return now + (8 * 1200 - self._tokens_bits) / rate

    def _burst_bits(self) -> float:
        return 8.0 * 1300 * max(2, self._options.multicast_burst_datagrams)
