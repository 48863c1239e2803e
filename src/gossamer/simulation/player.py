"""Plays a schedule on a simulation, in two phases.

In the first, anything may happen and nothing may ever be wrong; then everything heals,
and within a bound all must agree, see each other, and fall silent.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from ..crdt.writes import Key
from ..options import Options
from .promises import Silence
from .result import Result
from .schedule import Schedule
from .simulation import Simulation

AGREE_WITHIN_S = 60.0


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


def play(schedule: Schedule, *, version: str = "") -> Result:
    """Play a schedule in both phases.  Raises `Wrong`, or whatever else the mesh raises, if it fails.

    About 30 ms of CPU for a typical one.  Its result is keyed by the seed, from which all else follows.
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
        0,
        "simulated",
        version,
        "held",
        figures={"agreement_s": took_s, "nodes": float(len(world.nodes))},
        journal=world.journal.hash,
        events=world.journal.events,
        simulated_s=world.now,
        cpu_s=time.process_time() - began,
    )
