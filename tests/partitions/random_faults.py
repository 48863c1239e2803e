"""A mesh to which everything happens, chosen by a seed: writes, faults of the network, deaths, sleep, wrong clocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gossamer.options import Options
from gossamer.simulation import Simulation, Wrong

NODES_MAX = 7
STEPS = 40


class RandomMesh:
    """One random life of a mesh."""

    def __init__(self, seed: int) -> None:
        self.log: list[str] = []
        rng = self.rng = Simulation(f"shape {seed}").rng
        self.multicast = rng.random() < 0.8
        options = Options(
            forget_deletes_after_s=rng.choice([5.0, 3600.0]),
            deletes_max=rng.choice([3, 100_000]),
            batch_ring_bytes=rng.choice([3000, 4 << 20]),
            expiry_grace_s=rng.choice([2.0, 60.0]),
            bandwidth_bits_per_s=rng.choice([100e3, 20e6]),
        )
        self.mesh = Simulation(seed, options=options)
        self.rng = self.mesh.rng
        self.mesh.links.multicast = self.multicast
        self.keys = [f"key/{number}" for number in range(rng.choice([2, 10, 60]))]
        self.born = 0
        self.away: set[str] = set()
        for _ in range(rng.randint(2, 4)):
            self.join()

    # -- what may happen ------------------------------------------------------------------------

    def names(self) -> list[str]:
        return [name for name, node in self.mesh.nodes.items() if node.is_awake]

    def join(self) -> None:
        living = self.names()
        if len(living) >= NODES_MAX:
            return
        name = f"n{self.born}"
        self.born += 1
        clock_ms = self.rng.choice([0, 0, 0, 300, -4000, 3_600_000])
        has_multicast = self.multicast and (name == "n0" or self.rng.random() < 0.9)
        peers = [] if name == "n0" or (has_multicast and self.rng.random() < 0.5) else ["n0"]
        self.say(f"{name} joins, {clock_ms} ms off, multicast {has_multicast}, knows {peers}")
        self.mesh.add(name, skew_ms=clock_ms, multicast=has_multicast, peers=peers)

    def write(self) -> None:
        name, key = self.rng.choice(self.names()), self.rng.choice(self.keys)
        ttl_s = self.rng.choice([None, None, None, None, 3.0])
        self.say(f"{name} writes {key}, ttl {ttl_s}")
        self.mesh.write(name, key, len(self.log), ttl_s=ttl_s)

    def burst(self) -> None:
        name = self.rng.choice(self.names())
        count = self.rng.choice([5, 50, 300])
        self.say(f"{name} writes {count} times")
        for _ in range(count):
            self.mesh.write(name, self.rng.choice(self.keys), self.rng.random())
            if self.rng.random() < 0.1:
                self.mesh.run(seconds=0.001)

    def large(self) -> None:
        name = self.rng.choice(self.names())
        self.say(f"{name} writes a large value")
        self.mesh.write(name, self.rng.choice(self.keys), self.rng.randbytes(self.rng.choice([1100, 3000, 60_000])))

    def delete(self) -> None:
        name = self.rng.choice(self.names())
        held = [key for key in self.keys if key in self.mesh.nodes[name].replica.ledger.state.live]
        if held:
            key = self.rng.choice(held)
            self.say(f"{name} deletes {key}")
            self.mesh.delete(name, key)

    def batch(self) -> None:
        name = self.rng.choice(self.names())
        keys = self.rng.sample(self.keys, self.rng.randint(2, len(self.keys)))
        gone = [key for key in keys if self.rng.random() < 0.3]
        self.say(f"{name} writes {len(keys)} keys at once, deleting {len(gone)}")
        self.mesh.batch(name, {key: len(self.log) for key in keys if key not in gone}, delete=gone)

    def split(self) -> None:
        names = list(self.mesh.nodes)
        sides: list[list[str]] = [[], [], []]
        for name in names:
            sides[self.rng.randrange(self.rng.choice([2, 3]))].append(name)
        self.say(f"split {sides}")
        self.mesh.partition(*sides)

    def cut(self) -> None:
        sender, receiver = self.rng.sample(list(self.mesh.nodes), 2) if len(self.mesh.nodes) > 1 else ("n0", "n0")
        self.say(f"cut {sender} to {receiver}")
        self.mesh.cut(sender, receiver)

    def heal(self) -> None:
        self.say("heal")
        self.mesh.heal()

    def break_stream(self) -> None:
        if len(self.names()) > 1:
            sender, receiver = self.rng.sample(self.names(), 2)
            size = int(10 ** self.rng.uniform(0, 4.5))
            self.say(f"the next stream of {sender} to {receiver} breaks after {size} bytes")
            self.mesh.links.break_stream_after(sender, receiver, size)

    def weather(self) -> None:
        links = self.mesh.links
        links.loss = self.rng.choice([0, 0, 0.1, 0.3, 0.6])
        links.doubling, links.disorder = self.rng.choice([0, 0.2]), self.rng.choice([0, 0.2])
        links.held_up_s = self.rng.choice([0.05, 1.0, 20.0])
        links.bytes_per_s = self.rng.choice([20_000, 1e6, 50e6])
        self.say(f"loss {links.loss}, doubling {links.doubling}, disorder {links.disorder} up to {links.held_up_s} s")

    def die(self) -> None:
        if len(self.names()) > 1:
            name, how = (
                self.rng.choice(self.names()),
                self.rng.choice([self.mesh.kill, self.mesh.crash, self.mesh.stop]),
            )
            self.say(f"{how.__name__} {name}")
            how(name)

    def restart(self) -> None:
        dead = [name for name, node in self.mesh.nodes.items() if not node.is_up]
        if dead:
            name = self.rng.choice(dead)
            self.say(f"{name} restarts")
            self.mesh.restart(name)
            if name != "n0":
                self.mesh.hint(name, ["n0"])

    def sleep(self) -> None:
        if len(self.names()) > 1:
            name = self.rng.choice(self.names())
            self.say(f"{name} sleeps")
            self.mesh.pause(name)

    def wake(self) -> None:
        for name, node in self.mesh.nodes.items():
            if node.is_up and node.is_paused:
                self.say(f"{name} wakes")
                self.mesh.resume(name)

    def step_clock(self) -> None:
        name, by_ms = self.rng.choice(self.names()), self.rng.choice([-60_000, 5000, 3_600_000])
        self.say(f"the clock of {name} is set by {by_ms} ms")
        self.mesh.nodes[name].clock.step(by_ms)

    def wait(self) -> None:
        seconds = self.rng.choice([0.01, 0.1, 1.0, 1.0, 5.0, 20.0])
        self.say(f"{seconds} s pass")
        self.mesh.run(seconds=seconds)

    # -- a life ---------------------------------------------------------------------------------

    def say(self, line: str) -> None:
        self.log.append(f"{self.mesh.now:9.3f}  {line}")

    def live(self) -> None:
        """Let everything happen, then let it heal, and wait until all agree."""
        weights: dict[Callable[[], None], int] = {
            self.write: 30, self.burst: 8, self.large: 4, self.delete: 10, self.batch: 8, self.split: 4, self.cut: 3,
            self.heal: 4, self.break_stream: 4, self.weather: 5, self.die: 3, self.restart: 4, self.sleep: 2,
            self.wake: 4, self.step_clock: 2, self.wait: 30, self.join: 4,
        }  # fmt: skip
        happenings, shares = list(weights), list(weights.values())
        for _ in range(STEPS):
            self.rng.choices(happenings, shares)[0]()
            self.mesh.run(seconds=self.rng.choice([0, 0, 0.001, 0.02]))
        self.wake()
        self.heal()
        if not self.mesh.nodes["n0"].is_up:
            self.say("n0 restarts")
            self.mesh.restart("n0")
        links = self.mesh.links
        links.loss, links.doubling, links.disorder, links.bytes_per_s = 0.0, 0.0, 0.0, 50e6
        self.mesh.settle(within_s=60)
        self.mesh.run(seconds=15)
        self.mesh.settle(within_s=1)
        self.rest()

    def rest(self) -> None:
        """Assert that who agrees falls silent soon, and counts on everyone who lives and on nobody else."""
        why = ""
        for _ in range(6):
            self.mesh.traffic.clear()
            self.mesh.run(seconds=10)
            why = self.unrest()
            if not why:
                return
        raise Wrong(why)

    def unrest(self) -> str:
        others = {named: n for named, n in self.mesh.traffic.messages.items() if named[2] != "beacon"}
        if others:
            return f"not quiet: {others}"
        for name in self.names():
            if self.mesh.sees(name) != set(self.names()) - {name}:
                return f"{name} sees {self.mesh.sees(name)}, there are {self.names()}"
        return ""


def live_random_meshes(seeds: Iterable[int]) -> None:
    """Live the meshes of all these seeds; a failure says which one, and what happened in it."""
    for seed in seeds:
        life = RandomMesh(seed)
        try:
            life.live()
        except Exception as error:
            log = "\n".join(life.log[-70:])
            raise AssertionError(
                f"{type(error).__name__}: {error}\nwhat happened:\n{log}\nreplay: live_random_meshes([{seed}])"
            ) from error
