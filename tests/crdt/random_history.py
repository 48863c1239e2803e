"""Random honest histories with everything on, each a pure function of its seed.

`python tests/crdt/random_history.py SEED` tells one, step by step.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable

from history_oracle import Wrong
from history_peer import GRACE_MS, Put
from history_world import World

from gossamer.crdt import lww_map
from gossamer.crdt.writes import FORCE, Key

KEYS: tuple[Key, ...] = ("a", "b", ("c", 1), b"d")
WILD_SKEWS_MS = (-900, 10**6, 10**9, 1 << 46)
"""Clocks beyond any grace, up to the ceiling of stamps: only where nothing expires."""

MOODS = (0.2, 1, 1, 3)
"""By how much a history prefers an action: those that never forget, or hardly ever send, find other faults."""


class RandomHistory:
    """Chooses what happens in one `World`."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        count = rng.randint(2, 5)
        self._expiring = rng.random() < 0.6
        skews_ms = [rng.randint(-GRACE_MS // 2, GRACE_MS // 2) for _ in range(count)]
        if not self._expiring and rng.random() < 0.3:
            skews_ms[0] = rng.choice(WILD_SKEWS_MS)
        self.world = World(
            self._topology(count), skews_ms, held_max=rng.choice((1, 4, 1000)), drag_ms=rng.choice((5, 1 << 46))
        )
        self._values = 0
        share = {
            self._write: 38,
            self._deliver: 26,
            self._ask: 12,
            self._join: 9,
            self._forget: 5,
            self.world.bury: 3,
            self._sum_up: 3,
            self._disturb: 3,
        }
        self._actions = list(share)
        self._weights = [weight * rng.choice(MOODS) for weight in share.values()]

    def _topology(self, count: int) -> list[tuple[int, int]]:
        """Everybody hears everybody, or a random tree whose inner peers relay everything."""
        if self._rng.random() < 0.5:
            return [(i, j) for i in range(count) for j in range(count) if i != j]
        tree = [(i, self._rng.randrange(i)) for i in range(1, count)]
        return [*tree, *((j, i) for i, j in tree)]

    def live(self) -> None:
        """Live the whole history; raise `Wrong` at the first broken promise."""
        for _ in range(self._rng.randint(10, 110)):
            self.world.wall_ms += self._rng.randint(0, 4)
            self._step(self._rng.choice(self.world.alive))
        self.world.settle()

    def _step(self, slot: int) -> None:
        world, rng = self.world, self._rng
        if world.peers[slot].joining is not None and rng.random() < 0.5:
            if rng.random() < 0.7:
                world.prepare(slot, rng.randint(1, 2))
            else:
                world.publish(slot)
            return
        rng.choices(self._actions, self._weights)[0](slot)

    def _write(self, slot: int) -> None:
        rng = self._rng
        items = {key: self._put(slot) for key in rng.sample(KEYS, rng.choice((1, 1, 2, 3)))}
        self.world.write(slot, items)
        if rng.random() < 0.6:
            self.world.post(slot, self._some(self.world.neighbours(slot), 0.6))

    def _deliver(self, slot: int) -> None:
        inbox = self.world.inbox[slot]
        if inbox:
            relayed = self._some(self.world.neighbours(slot), 0.5)
            newest = self._rng.choice((3, len(inbox)))  # what was delivered may come again, but most of it is stale
            self.world.deliver(slot, self._rng.randrange(max(0, len(inbox) - newest), len(inbox)), relayed)

    def _forget(self, slot: int) -> None:
        self.world.forget(slot, self._some(list(self.world.peers[slot].state.deletes), 0.6))

    def _sum_up(self, slot: int) -> None:
        self.world.sum_up(slot, self._rng.choice((1, 2, 1000)))

    def _put(self, slot: int) -> Put:
        rng = self._rng
        if rng.random() < 0.3:
            return None, 0, 0
        self._values += 1
        value = b"same" if rng.random() < 0.1 else b"%d.%d" % (slot, self._values)
        return value, rng.randint(1, 50) if self._expiring and rng.random() < 0.4 else 0, FORCE * rng.randrange(2)

    def _ask(self, slot: int) -> None:
        neighbours = self.world.neighbours(slot)
        if neighbours:
            self.world.ask(slot, self._rng.choice(neighbours), self._some(neighbours, 0.3))
            if self._rng.random() < 0.5:
                self._take(len(self.world.flying) - 1, slot)

    def _join(self, slot: int) -> None:
        """Take a delta late, doubled, or in the place of somebody else; or one's own, again."""
        if not self.world.flying:
            return
        index = self._rng.randrange(len(self.world.flying))
        to = self.world.flying[index][0]
        self._take(index, slot if to not in self.world.alive or self._rng.random() < 0.2 else to)

    def _take(self, index: int, slot: int) -> None:
        keys = list(self.world.flying[index][1].siblings)
        self._rng.shuffle(keys)
        if self.world.join(index, slot, keys) and self._rng.random() < 0.7:
            self.world.publish(slot)

    def _disturb(self, slot: int) -> None:
        world, rng = self.world, self._rng
        dice = rng.random()
        if dice < 0.35:
            world.save(slot, self._some(world.neighbours(slot), 0.5))
        elif dice < 0.8:
            world.restart(slot, from_save=slot in world.saves and rng.random() < 0.7)
        elif len(world.alive) > 2:
            world.die(slot)

    def _some(self, choices: list, share: float) -> list:  # type: ignore[type-arg]
        return [choice for choice in choices if self._rng.random() < share]


def live_one_history(seed: int, journal: list[str] | None = None) -> None:
    """Live the history of `seed`; raise what broke, with how to see it again."""
    stale_min = lww_map.STALE_MIN
    lww_map.STALE_MIN = (0, 2, stale_min)[seed % 3]  # small maps, too, must compact their logs
    try:
        history = RandomHistory(random.Random(seed))
        if journal is not None:
            history.world.tell = journal.append
        history.live()
    except Exception as wrong:
        raise Wrong(f"seed {seed}: {wrong!r}\nreplay: python tests/crdt/random_history.py {seed}") from wrong
    finally:
        lww_map.STALE_MIN = stale_min


def live_histories(seeds: Iterable[int]) -> None:
    """Live one history after the other; raise at the first broken promise."""
    for seed in seeds:
        live_one_history(seed)


def main() -> None:
    """Tell one history."""
    journal: list[str] = []
    try:
        live_one_history(int(sys.argv[1]), journal)
    finally:
        sys.stdout.write("\n".join(journal) + "\n")


if __name__ == "__main__":
    main()
