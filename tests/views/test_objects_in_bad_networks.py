"""Laws of objects that merge, over the whole protocol on virtual time: loss, partitions, deaths, restarts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gossamer.simulation.mesh import SimulatedMesh
from gossamer.simulation.simulated_net import SimulatedNet

PEERS = 3
WHO = st.integers(0, PEERS - 1)
ELEMENTS = st.sampled_from("abc")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("count"), WHO, st.integers(1, 5)),
        st.tuples(st.just("add"), WHO, ELEMENTS),
        st.tuples(st.just("remove"), WHO, ELEMENTS),
        st.tuples(st.just("both"), WHO, ELEMENTS),
        st.tuples(st.just("split"), WHO, st.none()),
        st.tuples(st.just("heal"), WHO, st.none()),
        st.tuples(st.just("run"), WHO, st.floats(0, 1.5)),
        st.tuples(st.sampled_from(["close", "kill"]), WHO, st.none()),
    ),
    min_size=5,
    max_size=25,
)


@dataclass
class World:
    """Three programs on a net that loses a fifth, and what they did."""

    net: SimulatedNet
    meshes: list[SimulatedMesh] = field(default_factory=list)
    counted: int = 0
    """Steps whose writer lives, or said goodbye to somebody who could hear it."""
    uncertain: int = 0
    """Steps of those that were killed, or closed while cut off: some may be lost, the latest first."""
    unconfirmed: list[int] = field(default_factory=lambda: [0] * PEERS)

    def step(self, what: str, who: int, of: Any) -> None:
        mesh = self.meshes[who]
        counter, elements = mesh.counter("n"), mesh.shared_set("s")
        match what:
            case "count":
                counter.add(of)
                self.unconfirmed[who] += of
            case "add":
                elements.add(of)
            case "remove":
                elements.discard(of)
            case "both":  # in one batch: the counter named after an element is never seen without it
                with mesh.batch():
                    mesh.counter(f"with {of}").add()
                    mesh.shared_set("ever").add(of)
            case "split":
                self.net.partition(mesh, [other for other in self.meshes if other is not mesh])
            case "heal":
                self.net.heal()
            case "run":
                self.net.run(of)
            case "close" | "kill":
                mesh.close(linger_s=0.5) if what == "close" else self.net.kill(mesh)
                self.uncertain += self.unconfirmed[who]
                self.unconfirmed[who] = 0
                self.meshes[who] = self.net.open(mesh.node)

    def check(self) -> None:
        for mesh in self.meshes:
            for element in "abc":
                assert (mesh.counter(f"with {element}") > 0) == (element in mesh.shared_set("ever"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, st.integers(0, 1 << 16))
def test_whatever_the_network_and_the_programs_do_all_agree_and_no_step_of_the_living_is_lost(steps, seed):
    world = World(SimulatedNet(seed))
    world.meshes += [world.net.open(f"peer {number}") for number in range(PEERS)]
    world.net.weather(loss=0.2, delay_s=(0.001, 0.05), doubling=0.1, disorder=0.1)

    for step in steps:
        world.step(*step)
        world.check()
    world.net.heal()
    world.net.converged(world.meshes, within=60)

    values = {mesh.counter("n").value for mesh in world.meshes}
    sure = sum(world.unconfirmed)
    assert len(values) == 1
    assert sure <= values.pop() <= sure + world.uncertain
    assert len({mesh.shared_set("s").value for mesh in world.meshes}) == 1
    assert all(dict(mesh) == {} for mesh in world.meshes)
    world.check()
    world.net.close()
