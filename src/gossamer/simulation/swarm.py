"""Random lives of a mesh: for each seed other nodes, other options, and another choice of faults.

Which faults exist at all in a life is drawn first, so that some lives have many of few
kinds: this finds more than always offering everything (Groce et al., *Swarm Testing*,
2012).  A life has two phases.  In the first, anything may happen and nothing may ever be
wrong; then everything heals, and within a bound all must agree, see each other, and fall
silent.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from ..crdt.writes import Key
from ..options import Options
from .promises import Silence
from .result import Result
from .schedule import NodePlan, Schedule, Step
from .simulation import Simulation

NODES_MAX = 7
AGREE_WITHIN_S = 60.0

FAULTS = {
    "split": 4, "cut": 3, "heal": 5, "break_stream": 4, "lose": 3, "disturb": 3, "burst": 2, "slow": 2,
    "die": 3, "restart": 4, "pause": 2, "resume": 4, "step_clock": 2, "join": 3,
}  # fmt: skip
"""Verb -> how likely, against the others, if it exists in a life at all."""
PROGRAM = {"write": 30, "write_many": 6, "write_large": 3, "delete": 10, "batch": 8, "wait": 25}
PAIRED = {"split": "heal", "cut": "heal", "die": "restart", "pause": "resume"}
"""What comes with a fault, so that a life can go on."""


def schedule_of(seed: int) -> Schedule:
    """Return the life of this seed.  The same on every machine and with every hash seed."""
    return _Author(seed).schedule()


class _Author:
    """Writes one schedule."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = rng = random.Random(f"{seed} swarm")
        self.multicast = rng.random() < 0.8
        self.keys = rng.choice([2, 5, 10, 60])
        self.nodes: list[NodePlan] = []
        self.length = rng.choice([8, 15, 25, 40])
        chosen = {fault for fault in FAULTS if rng.random() < 0.4}
        chosen |= {PAIRED[fault] for fault in chosen if fault in PAIRED}
        weights = {**PROGRAM, **{fault: FAULTS[fault] for fault in FAULTS if fault in chosen}}
        self.verbs, self.shares = list(weights), list(weights.values())

    def schedule(self) -> Schedule:
        rng = self.rng
        options = {
            "forget_deletes_after_s": rng.choice([5.0, 3600.0]),
            "deletes_max": rng.choice([3, 100_000]),
            "batch_ring_bytes": rng.choice([3000, 4 << 20]),
            "expiry_grace_s": rng.choice([2.0, 60.0]),
            "bandwidth_bits_per_s": rng.choice([100e3, 20e6]),
        }
        first = tuple(self.node() for _ in range(rng.randint(2, 4)))
        steps = tuple(self.step(number) for number in range(self.length))
        return Schedule(self.seed, first, steps, self.multicast, options)

    def node(self) -> NodePlan:
        rng, number = self.rng, len(self.nodes)
        hears = self.multicast and (not number or rng.random() < 0.9)
        knows_first = bool(number) and not (hears and rng.random() < 0.5)
        node = NodePlan(f"n{number}", rng.choice([0, 0, 0, 300, -4000, 3_600_000]), hears, knows_first)
        self.nodes.append(node)
        return node

    def step(self, number: int) -> Step:
        verb = self.rng.choices(self.verbs, self.shares)[0]
        if verb == "wait":
            return Step(verb, (), self.rng.choice([0.01, 0.1, 1.0, 1.0, 5.0, 20.0]))
        return Step(verb, getattr(self, f"_{verb}")(number), self.rng.choice([0.0, 0.0, 0.001, 0.02]))

    def _name(self) -> str:
        return self.rng.choice(self.nodes).name

    def _key(self) -> str:
        return f"key/{self.rng.randrange(self.keys)}"

    # -- arguments of each verb ---------------------------------------------------------------------

    def _write(self, number: int) -> tuple[Any, ...]:
        return self._name(), self._key(), number, self.rng.choice([None, None, None, None, 3.0])

    def _write_many(self, number: int) -> tuple[Any, ...]:
        return self._name(), self.keys, self.rng.choice([5, 50, 200]), number

    def _write_large(self, number: int) -> tuple[Any, ...]:
        return self._name(), self._key(), self.rng.choice([1100, 3000, 60_000]), number

    def _delete(self, number: int) -> tuple[Any, ...]:
        return self._name(), self.rng.randrange(1000)

    def _batch(self, number: int) -> tuple[Any, ...]:
        numbers = self.rng.sample(range(self.keys), self.rng.randint(1, self.keys))
        gone = [key for key in numbers if self.rng.random() < 0.3]
        return self._name(), tuple(numbers), tuple(gone), number

    def _split(self, number: int) -> tuple[Any, ...]:
        sides = self.rng.choice([2, 2, 3])
        return (tuple((node.name, self.rng.randrange(sides)) for node in self.nodes),)

    def _cut(self, number: int) -> tuple[Any, ...]:
        return self._name(), self._name()

    def _heal(self, number: int) -> tuple[Any, ...]:
        return ()

    def _break_stream(self, number: int) -> tuple[Any, ...]:
        return self._name(), self._name(), int(10 ** self.rng.uniform(0, 4.5))

    def _lose(self, number: int) -> tuple[Any, ...]:
        return (self.rng.choice([0.0, 0.1, 0.3, 0.6]),)

    def _disturb(self, number: int) -> tuple[Any, ...]:
        rng = self.rng
        return rng.choice([0.0, 0.2]), rng.choice([0.0, 0.2]), rng.choice([0.05, 1.0, 20.0])

    def _burst(self, number: int) -> tuple[Any, ...]:
        return self.rng.choice([0.0, 0.2, 0.5]), self.rng.choice([0.05, 0.5, 3.0])

    def _slow(self, number: int) -> tuple[Any, ...]:
        return (self.rng.choice([160e3, 8e6, 400e6]),)

    def _die(self, number: int) -> tuple[Any, ...]:
        return self._name(), self.rng.choice(["kill", "crash", "stop"])

    def _restart(self, number: int) -> tuple[Any, ...]:
        return (self._name(),)

    def _pause(self, number: int) -> tuple[Any, ...]:
        return (self._name(),)

    def _resume(self, number: int) -> tuple[Any, ...]:
        return (self._name(),)

    def _step_clock(self, number: int) -> tuple[Any, ...]:
        return self._name(), self.rng.choice([-60_000, 5000, 3_600_000])

    def _join(self, number: int) -> tuple[Any, ...]:
        if len(self.nodes) >= NODES_MAX:
            return ("", 0, True, False)
        node = self.node()
        return node.name, node.skew_ms, node.multicast, node.knows_first


class Player:
    """Plays a schedule on a simulation.  Its methods are the verbs of steps."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.world = world = Simulation(schedule.seed, options=Options(**schedule.options))
        world.links.multicast = schedule.multicast
        for node in schedule.nodes:
            self.join(node.name, node.skew_ms, node.multicast, node.knows_first)

    def safety(self) -> None:
        """Do all steps; whatever is wrong at any moment raises `Wrong`."""
        for step in self.schedule.steps:
            self.world.say(str(step))
            getattr(self, step.verb)(*step.arguments)
            if step.then_s:
                self.world.run(step.then_s)

    def liveness(self) -> float:
        """Heal everything; return how long it took until all agreed.  Raise `Wrong` if they do not, or find no rest."""
        world = self.world
        world.say("everything heals")
        for name, node in world.nodes.items():
            if node.is_paused and node.is_up:
                world.resume(name)
        world.heal()
        world.weather(loss=0.0, burst_loss=0.0, doubling=0.0, disorder=0.0, bandwidth_bits_per_s=400e6)
        self._revive_first()
        took_s = world.settle(within_s=AGREE_WITHIN_S)
        Silence().judge(world)
        world.settle(within_s=1)
        return took_s

    def _revive_first(self) -> None:
        """Those who know nobody but the first can be found by nobody else."""
        first = next(iter(self.world.nodes), None)
        if first is not None and not self.world.nodes[first].is_up:
            self.world.restart(first)

    def _up(self, *names: str) -> bool:
        return all(name in self.world.nodes and self.world.nodes[name].is_awake for name in names)

    # -- programs -----------------------------------------------------------------------------------

    def write(self, name: str, key: str, value: int, ttl_s: float | None) -> None:
        """One write."""
        if self._up(name):
            self.world.write(name, key, value, ttl_s=ttl_s)

    def write_many(self, name: str, keys: int, count: int, salt: int) -> None:
        """Many writes, one after the other."""
        rng = random.Random(f"{self.schedule.seed} {salt}")
        for number in range(count):
            if self._up(name):
                self.world.write(name, f"key/{rng.randrange(keys)}", number)
            if rng.random() < 0.1:
                self.world.run(0.001)

    def write_large(self, name: str, key: str, size_bytes: int, salt: int) -> None:
        """A value that exceeds a datagram."""
        if self._up(name):
            self.world.write(name, key, random.Random(salt).randbytes(size_bytes))

    def delete(self, name: str, choice: int) -> None:
        """Delete one of the keys that are there."""
        if self._up(name):
            held = sorted(map(str, self.world.nodes[name].replica.ledger.state.live))
            if held:
                self.world.delete(name, held[choice % len(held)])

    def batch(self, name: str, numbers: tuple[int, ...], gone: tuple[int, ...], value: int) -> None:
        """Several writes and deletes at once."""
        if self._up(name):
            items: dict[Key, object] = {f"key/{number}": value for number in numbers if number not in gone}
            self.world.batch(name, items, delete=[f"key/{number}" for number in gone])

    def wait(self) -> None:
        """Nothing."""

    # -- faults -------------------------------------------------------------------------------------

    def split(self, sides: tuple[tuple[str, int], ...]) -> None:
        """Split the network."""
        names: dict[int, list[str]] = {}
        for name, side in sides:
            names.setdefault(side, []).append(name)
        self.world.partition(*names.values())

    def cut(self, sender: str, receiver: str) -> None:
        """Cut one way."""
        self.world.cut(sender, receiver)

    def heal(self) -> None:
        """Undo splits and cuts."""
        self.world.heal()

    def break_stream(self, sender: str, receiver: str, size_bytes: int) -> None:
        """The next stream of the two breaks."""
        self.world.links.break_stream_after(sender, receiver, size_bytes)

    def lose(self, share: float) -> None:
        """Lose that share of datagrams from now on."""
        self.world.weather(loss=share)

    def disturb(self, doubling: float, disorder: float, held_up_s: float) -> None:
        """Double and reorder datagrams from now on."""
        self.world.weather(doubling=doubling, disorder=disorder, held_up_s=held_up_s)

    def burst(self, share: float, mean_s: float) -> None:
        """Lose datagrams in bursts from now on."""
        self.world.weather(burst_loss=share, burst_s=mean_s)

    def slow(self, bits_per_s: float) -> None:
        """Let links carry so much from now on."""
        self.world.weather(bandwidth_bits_per_s=bits_per_s)

    def die(self, name: str, how: str) -> None:
        """End a process: by a signal, by power loss, or in an orderly way.  The last one stays."""
        if self._up(name) and len(self.world.alive()) > 1:
            ends: dict[str, Callable[[str], object]] = {
                "kill": self.world.kill,
                "crash": self.world.crash,
                "stop": self.world.stop,
            }
            ends[how](name)

    def restart(self, name: str) -> None:
        """Start a process anew where one has ended."""
        if name in self.world.nodes and not self.world.nodes[name].is_up:
            self.world.restart(name)
            if name != self.world.names[0]:
                self.world.hint(name, [self.world.names[0]])

    def pause(self, name: str) -> None:
        """Let a process stand still, unless it is the last."""
        if self._up(name) and len(self.world.alive()) > 1:
            self.world.pause(name)

    def resume(self, name: str) -> None:
        """Let it go on."""
        if name in self.world.nodes and self.world.nodes[name].is_up and self.world.nodes[name].is_paused:
            self.world.resume(name)

    def step_clock(self, name: str, by_ms: int) -> None:
        """Set a clock."""
        if name in self.world.nodes:
            self.world.step_clock(name, by_ms)

    def join(self, name: str, skew_ms: int, multicast: bool, knows_first: bool) -> None:
        """A computer that was not there before starts a peer."""
        if name and name not in self.world.nodes:
            peers = self.world.names[:1] if knows_first else []
            self.world.add(name, skew_ms=skew_ms, multicast=multicast, peers=peers)


def play(schedule: Schedule, *, version: str = "", key_nodes: int = 0) -> Result:
    """Play a schedule in both phases.  Raises `Wrong`, or whatever else the mesh raises, if it fails.

    About 30 ms of CPU for a typical one.  `key_nodes` is the number of nodes by which its result is keyed.
    """
    began = time.process_time()
    player = Player(schedule)
    player.safety()
    took_s = player.liveness()
    world = player.world
    return Result(
        "swarm",
        "",
        schedule.seed,
        key_nodes,
        "simulated",
        version,
        "held",
        figures={"agreement_s": took_s, "nodes": float(len(world.nodes))},
        journal=world.journal.hash,
        events=world.journal.events,
        simulated_s=world.now,
        cpu_s=time.process_time() - began,
    )
