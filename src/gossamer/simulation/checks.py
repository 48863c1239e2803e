"""What must hold at every step of a simulation, and is compared after every step.

After whatever happened to a node: its vector only grew, and over writes that were made;
no batch is torn; under each key that what happened concerned stands exactly what
causality leaves of the writes that the node knows; and whoever only listened to changes
holds the same.  Now and then, often enough to cost about as much, all keys are compared,
and the map asserts its own invariants.

Once a computer was cloned, the world is dishonest: two write under one origin, and only
what each map asserts of itself is compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from ..crdt.dots import Dot, Origin
from ..crdt.writes import Held, Key, Replaced, Write, each
from ..protocol.effects import Forked, Notice
from .event_promises import EventPromises
from .oracle import Oracle, Wrong
from .promises import Check, MemoryBounds, OriginOrder, ReadYourWrites

if TYPE_CHECKING:
    from .node import Node
    from .simulation import Simulation

CREDIT_KEYS = 4
"""All keys of a node are compared once so many times their number were, singly."""


class Checks:
    """Compares every node, after every step, with what causality says."""

    def __init__(self) -> None:
        self.oracle = Oracle()
        self.promises: tuple[Check, ...] = ()
        self._stepping: tuple[Check, ...] = ()
        """Those that look at every step: the others need not be asked a hundred thousand times."""
        self.honest = True
        self.steps = 0
        self.compared_keys = 0
        self._heads: dict[str, dict[Origin, int]] = {}
        self._digests: dict[str, bytes] = {}
        self._touched: dict[str, set[Key]] = {}
        self._credit: Counter[str] = Counter()
        self._latest_ms = 0
        """The latest that any node's clock has shown: what has not expired by then, nobody may have dropped."""
        for check in (ReadYourWrites(), OriginOrder(), MemoryBounds(), EventPromises()):
            self.add(check)

    def add(self, check: Check) -> None:
        """Feed one more check from now on."""
        self.promises = (*self.promises, check)
        if type(check).stepped is not Check.stepped:
            self._stepping = (*self._stepping, check)

    # -- what happens ---------------------------------------------------------------------------

    def born(self, node: Node) -> None:
        """A process has started on a node; if it took over a state, it knows that."""
        self._heads[node.name] = dict(node.replica.ledger.state.known.heads)
        self._digests.pop(node.name, None)
        self._touched[node.name] = set()

    def wrote(self, node: Node, batch: list[tuple[Key, Write, tuple[Dot, ...]]], *, atomic: bool) -> None:
        """A program on this node wrote, having seen these dots."""
        if self.honest:
            self.oracle.record(batch, atomic=atomic)
            origin = batch[0][1].origin
            heads, before = node.replica.ledger.state.known.heads, self._heads[node.name]
            self._touched[node.name].update(self.oracle.written(origin, before.get(origin, 0), heads[origin]))
            before[origin] = heads[origin]
        for check in self.promises:
            check.wrote(node, ((key, write) for key, write, _ in batch))
        self.step(node)

    def replaced(self, node: Node, mirror: dict[Key, Held], replaced: Sequence[Replaced]) -> None:
        """A watcher, which holds `mirror`, was told of these changes."""
        touched = self._touched[node.name]
        for key, before, after in replaced:
            if not self._same(node, mirror.get(key), before):
                raise Wrong(f"{node.name}: {key!r}: {before} was said to be replaced, watchers saw {mirror.get(key)}")
            if after is None:
                mirror.pop(key, None)
            else:
                mirror[key] = after
            touched.add(key)

    def noticed(self, node: Node, notice: Notice) -> None:
        """A replica told something."""
        if self.honest and isinstance(notice, Forked):
            raise Wrong(f"{node.name} saw a fork where there was none")

    def malformed(self, node: Node) -> None:
        """A node refused what another sent."""
        raise Wrong(f"{node.name} could not read what another node sent")

    # -- every step -----------------------------------------------------------------------------

    def step(self, node: Node) -> None:
        """Something has happened to `node`.  Raise `Wrong` if it broke a promise.  O(what changed), amortised."""
        self.steps += 1
        known, touched = node.replica.ledger.state.known, self._touched[node.name]
        if self.oracle.expiring and node.corrected_ms > self._latest_ms:
            self._latest_ms = node.corrected_ms
        for check in self._stepping:
            check.stepped(node)
        digest = known.digest()  # 16 bytes stand for a thousand origins; `all_of` sees that they do so truly
        if not touched and digest == self._digests.get(node.name):
            return
        self._digests[node.name] = digest
        heads, before = known.heads, self._heads[node.name]
        self._touched[node.name] = set()
        for origin in {origin for origin, _ in heads.items() ^ before.items()}:
            after, until = before.get(origin, 0), heads.get(origin, 0)
            if until < after:
                raise Wrong(f"I3: {node.name} knew {after} of {origin.hex()}, now {until}")
            if self.honest:
                touched.update(self.oracle.written(origin, after, until))
            before[origin] = until
        self._compare(node, touched)
        self._credit[node.name] += len(touched) + 1
        if self._credit[node.name] > CREDIT_KEYS * len(node.replica.ledger.state.live):
            self.all_of(node)

    def all_of(self, node: Node) -> None:
        """Compare every key of a node."""
        self._credit[node.name] = 0
        state = node.replica.ledger.state
        state.check()
        self._compare(node, self.oracle.keys if self.honest else state.live)
        self._compare_mirror(node)
        if self.honest and not state.live.keys() <= self.oracle.keys.keys():
            raise Wrong(f"{node.name} holds keys that nobody wrote")

    def _compare_mirror(self, node: Node) -> None:
        live = node.replica.ledger.state.live
        for key, held in node.mirror.items():
            if not self._same(node, held, live.get(key)):
                raise Wrong(f"{node.name}: {key!r}: watchers hold {held}, the map {live.get(key)}")
        if not live.keys() <= node.mirror.keys():
            raise Wrong(f"{node.name}: watchers were not told of {list(live.keys() - node.mirror.keys())[:5]!r}")

    def _same(self, node: Node, told: Held, held: Held) -> bool:
        """Whether watchers saw what is there: nobody tells them again when what had expired is dropped."""
        return told == held or [w for w in each(told) if not 0 < w.expires_ms <= self._latest_ms] == [
            w for w in each(held) if not 0 < w.expires_ms <= self._latest_ms
        ]

    def _compare(self, node: Node, keys: Iterable[Key]) -> None:
        state = node.replica.ledger.state
        heads, live = state.known.heads, state.live
        for key in keys:
            self.compared_keys += 1
            held: Held = live.get(key)
            if not self._same(node, node.mirror.get(key), held):
                raise Wrong(f"{node.name}: {key!r}: watchers hold {node.mirror.get(key)}, the map {held}")
            if self.honest:
                self._compare_key(node, key, held, heads)

    def _compare_key(self, node: Node, key: Key, held: Held, heads: dict[Origin, int]) -> None:
        history = self.oracle.keys.get(key)
        if history is None:
            raise Wrong(f"{node.name} holds {held} under {key!r}, which nobody wrote")
        left, have = history.left(heads), 0
        for write in each(held):
            bit = history.bit_of.get(write.dot)
            if bit is None or history.writes[bit] != write:
                raise Wrong(f"{node.name} holds {write} under {key!r}, which nobody wrote")
            have |= 1 << bit
        if have == left:
            return
        for write in history.unfold(have & ~left):
            raise Wrong(f"{node.name}: {write} of {key!r} came back from the dead")
        for write in history.unfold(left & ~have):
            if not write.expires_ms or write.expires_ms > self._latest_ms:
                raise Wrong(f"{node.name} lost {write} of {key!r}")

    # -- the end --------------------------------------------------------------------------------

    def agreed(self, simulation: Simulation) -> None:
        """All living nodes agree: compare every key of each, and let every check look."""
        for node in simulation.alive():
            self.all_of(node)
        for check in self.promises:
            check.agreed(simulation)

    def difference(self, nodes: Sequence[Node]) -> str:
        """Return in words what keeps `nodes` from agreeing; nothing if they agree."""
        for one, other in pairwise(nodes):
            mine, theirs = one.replica.ledger.state, other.replica.ledger.state
            if mine.known.heads != theirs.known.heads or mine.known.digest() != theirs.known.digest():
                return f"{one.name} knows {mine.known}, {other.name} knows {theirs.known}"
            if mine.live != theirs.live:
                keys = [key for key in {**mine.live, **theirs.live} if mine.live.get(key) != theirs.live.get(key)]
                lasting = [key for key in keys if not _expires(mine.live.get(key), theirs.live.get(key))]
                if lasting:
                    return f"{one.name} and {other.name} differ in {lasting[:5]!r}"
        return ""


def _expires(*helds: Held) -> bool:
    return any(write.expires_ms for held in helds for write in each(held))
