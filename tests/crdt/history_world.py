"""An honest world: peers with skewed clocks, a network that loses, doubles, delays and reorders, and the oracle.

Every action is one method, and after every action whoever it concerned is compared
with what causality leaves.  Nothing here is random: `random_history` and the state
machine of `test_histories` choose the actions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from history_oracle import Oracle, Wrong
from history_peer import GRACE_MS, Peer, Put

from gossamer.crdt.dots import Origin
from gossamer.crdt.vector_clock import VectorClock
from gossamer.crdt.writes import Batch, Delta, Key, each


def numbered_origin(number: int) -> Origin:
    """Return the origin of the `number`-th run in a history."""
    return number.to_bytes(12, "big")


class World:
    """Peers in numbered slots; a slot whose peer restarts holds a new peer."""

    def __init__(self, links: Iterable[tuple[int, int]], skews_ms: list[int], held_max: int, drag_ms: int) -> None:
        self.links = sorted(set(links))
        self.oracle = Oracle()
        self.wall_ms = 1000
        self._runs = 0
        self._drag_ms, self._held_max = drag_ms, held_max
        self.peers = [Peer(self._mint(), skew_ms, drag_ms, held_max) for skew_ms in skews_ms]
        self.alive = list(range(len(skews_ms)))
        self.inbox: list[list[Batch]] = [[] for _ in skews_ms]
        self.flying: list[tuple[int, Delta]] = []
        self.saves: dict[int, Delta] = {}
        self.sent: list[Batch] = []
        self.tell: Callable[[str], None] = lambda line: None
        """Who wants to read the history."""

    def _mint(self) -> Origin:
        self._runs += 1
        return numbered_origin(self._runs)

    def now_ms(self, slot: int) -> int:
        """Return the time on the clock of `slot`, which is wrong."""
        return self.wall_ms + self.peers[slot].skew_ms

    def neighbours(self, slot: int) -> list[int]:
        """Return the living slots that hear `slot`."""
        return [there for here, there in self.links if here == slot and there in self.alive]

    def living_links(self) -> list[tuple[int, int]]:
        """Return the pairs of living slots of which the first hears the second."""
        return [(here, there) for here, there in self.links if here in self.alive and there in self.alive]

    def check(self, slot: int) -> None:
        """Compare one peer with what causality leaves."""
        peer = self.peers[slot]
        self.oracle.check(peer.state, self.now_ms(slot))
        peer.check()
        if not len(peer.open):  # the head that a beacon names is that of a closed batch
            self.oracle.check_vector_digest(peer.state.known)

    # -- actions --------------------------------------------------------------------------------

    def write(self, slot: int, items: Mapping[Key, Put]) -> None:
        """Make one user batch."""
        self.tell(f"{slot} writes {dict(items)}")
        self.oracle.record(self.peers[slot].write(items, self.now_ms(slot)))
        self.check(slot)

    def post(self, slot: int, heard_by: Iterable[int]) -> None:
        """Close the open batch and send it to those who will hear it, some time."""
        self._post(slot, self.peers[slot].close(), heard_by)
        self.check(slot)

    def _post(self, slot: int, batches: list[Batch], heard_by: Iterable[int]) -> None:
        for batch in batches:
            self.sent.append(batch)
            hearers = [there for there in heard_by if there in self.neighbours(slot)]
            self.tell(f"{slot} posts ({batch.after}, {batch.until}] to {hearers}: {batch.keys}, past {batch.past}")
            for there in hearers:
                self.inbox[there].append(batch)

    def deliver(self, slot: int, index: int, relayed_to: Iterable[int] = ()) -> None:
        """Let one batch arrive, which may come again, and be forwarded as it is."""
        batch = self.inbox[slot][index]
        self.tell(f"{slot} receives {batch.origin[-1]} ({batch.after}, {batch.until}]")
        self.peers[slot].receive(batch, self.now_ms(slot))
        for there in relayed_to:
            if there in self.neighbours(slot):
                self.inbox[there].append(batch)
        self.check(slot)

    def ask(self, slot: int, there: int, heard_by: Iterable[int] = ()) -> None:
        """Ask a neighbour for a delta, which is in flight from then on."""
        closed, delta = self.peers[there].snapshot(self.peers[slot].state.known)
        self._post(there, closed, heard_by)
        self.tell(f"{there} answers {slot}: {delta}")
        self.flying.append((slot, delta))
        self.check(there)

    def join(self, index: int, slot: int, order: list[Key] | None = None) -> bool:
        """Let a delta in flight arrive, which may come again; return whether it is being joined."""
        delta = self.flying[index][1]
        if order is not None:
            delta = replace(delta, siblings={key: delta.siblings[key] for key in order})
        accepted = self.peers[slot].offer(delta, self.now_ms(slot))
        self.tell(f"{slot} {'begins to join' if accepted else 'refuses'} delta {index}")
        self.check(slot)
        return accepted

    def prepare(self, slot: int, keys_max: int) -> None:
        """Do one slice of the join that `slot` has under way."""
        self.tell(f"{slot} prepares {keys_max} keys")
        self.peers[slot].prepare(keys_max)
        self.check(slot)

    def publish(self, slot: int) -> None:
        """End the join that `slot` has under way."""
        self.tell(f"{slot} publishes")
        self.peers[slot].publish(self.now_ms(slot))
        self.check(slot)

    def catch_up(self, slot: int, there: int) -> None:
        """Ask, join and publish in one go, behind whatever join is under way."""
        while self.peers[slot].joining is not None:
            self.publish(slot)
        self.ask(slot, there)
        if self.join(len(self.flying) - 1, slot):
            self.publish(slot)
        else:
            raise Wrong("a delta that answers the present vector was refused")

    def forget(self, slot: int, keys: Iterable[Key]) -> None:
        """Drop the delete records of some keys."""
        for key in keys:
            self.tell(f"{slot} forgets the deletes of {key!r}")
            self.peers[slot].state.forget(key)
        self.check(slot)

    def bury(self, slot: int) -> None:
        """Drop what expired longer ago than clocks differ."""
        self.tell(f"{slot} buries")
        self.peers[slot].bury(self.now_ms(slot))
        self.check(slot)

    def sum_up(self, slot: int, keys_max: int) -> None:
        """Bring a state digest some of the way; if it is up to date, it must mean the state."""
        state = self.peers[slot].state
        if state.digest.refresh(state.live, keys_max):
            self.oracle.check_state_digest(state)

    def save(self, slot: int, heard_by: Iterable[int] = ()) -> None:
        """Keep a copy of what `slot` knows, as a store would."""
        self.tell(f"{slot} is saved")
        closed, self.saves[slot] = self.peers[slot].snapshot(VectorClock())
        self._post(slot, closed, heard_by)
        self.check(slot)

    def restart(self, slot: int, from_save: bool) -> None:
        """Start again from the last save or from nothing, under a fresh origin."""
        self.tell(f"{slot} restarts from {'its save' if from_save else 'nothing'}")
        nothing = Delta(VectorClock(), VectorClock())
        self.peers[slot] = self.peers[slot].restored(self.saves[slot] if from_save else nothing, self._mint())
        self.check(slot)

    def die(self, slot: int) -> None:
        """Be gone for good, with all that only `slot` knew."""
        self.tell(f"{slot} dies")
        self.alive.remove(slot)

    # -- the end --------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let neighbours exchange until nobody learns anything, let all expire, and compare everybody."""
        pairs = self.living_links()
        for _ in range(200):
            before = [dict(self.peers[slot].state.known.heads) for slot in self.alive]
            for here, there in pairs:
                self.catch_up(there, here)
            if before == [self.peers[slot].state.known.heads for slot in self.alive]:
                break
        else:
            raise Wrong("neighbours never came to an end")
        self.wall_ms += 1000 + GRACE_MS
        for slot in self.alive:
            self.bury(slot)
            self.sum_up(slot, 1 << 30)
            for key, siblings in self.peers[slot].state.live.items():
                if any(write.expires_ms for write in each(siblings)):
                    raise Wrong(f"{slot} holds what expired long ago: {siblings} of {key!r}")
        for here, there in pairs:
            self._check_agreed(here, there)

    def _check_agreed(self, here: int, there: int) -> None:
        one, other = self.peers[here].state, self.peers[there].state
        if one.live != other.live or one.known != other.known:
            raise Wrong(f"{here} and {there} differ after they settled")
        if one.digest.value() != other.digest.value() or one.known.digest() != other.known.digest():
            raise Wrong(f"{here} and {there} agree, and their digests do not")
        delta = one.delta(other.known)
        if delta.siblings or delta.roster is not None:
            raise Wrong(f"{here} agrees with {there}, and still has something to send: {delta}")
