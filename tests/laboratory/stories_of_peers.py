"""Stories of computers and their clocks: clones, sleep, goodbyes, dead paths, idle traffic.  See `stories`."""

from __future__ import annotations

import random

from meeting import met

from gossamer.options import Options
from gossamer.protocol.effects import Forked, Left


def a_computer_is_cloned(seed: int) -> None:
    """Both twins write on; they notice it of each other, or the others notice it of them when both have died."""
    mesh = met("abcd", seed)
    rng = mesh.rng
    for number in range(rng.randint(1, 20)):
        mesh.write("a", f"key/{number}", number)
    mesh.settle()
    mesh.clone("a", "twin")
    apart = rng.random() < 0.5
    if apart:
        mesh.partition("ab", ["c", "d", "twin"])
    for number in range(10):
        mesh.write("a", f"left/{number}", number)
        mesh.write("twin", f"right/{number}", number)
        mesh.run(seconds=0.01 if apart else 0.5)
    mesh.run(seconds=5)
    if apart and rng.random() < 0.6:
        mesh.crash("a")
        mesh.crash("twin")
    mesh.heal()
    mesh.settle(within_s=60)

    assert any(mesh.notices(name, Forked) for name in mesh.nodes)
    left = [key for key in mesh.state("b") if str(key).startswith(("left/", "right/"))]
    assert len(left) >= (10 if apart else 18)
    if mesh.nodes["a"].is_up:
        assert mesh.nodes["a"].replica.ledger.origin != mesh.nodes["twin"].replica.ledger.origin


def one_stands_still(seed: int) -> None:
    """Who wakes after a minute accuses nobody."""
    mesh = met("abcdef", seed)
    mesh.pause("c")
    if mesh.rng.random() < 0.7:
        mesh.partition("c", "abdef")  # a laptop that sleeps does not even buffer
    mesh.run(seconds=mesh.rng.uniform(20, 60))
    mesh.heal()
    mesh.resume("c")
    mesh.run(seconds=0.001)

    assert all(member.presence.value == "alive" for member in mesh.nodes["c"].replica.membership.members.values())
    mesh.run(seconds=20)
    assert not mesh.notices("c", Left)


def one_says_goodbye(seed: int) -> None:
    """It is gone at once, and stays so although datagrams that were held up arrive later."""
    mesh = met("abc", seed)
    mesh.links.disorder, mesh.links.held_up_s = mesh.rng.choice([0.0, 0.3, 0.6]), 1.5
    mesh.run(seconds=5)
    for number in range(30):
        mesh.write("c", f"key/{number}", number)
        mesh.run(seconds=0.01)
    mesh.stop("c")
    mesh.run(seconds=1.6)
    for _ in range(15):
        assert len(mesh.nodes["a"].replica.membership.alive()) == 1
        mesh.run(seconds=0.1)


def a_direct_path_is_dead(seed: int) -> None:
    """Two that reach each other only through others do not give each other up."""
    mesh = met("abcd", seed)
    mesh.cut("a", "b")
    mesh.cut("b", "a")
    mesh.run(seconds=40)

    assert not mesh.notices("a", Left)
    assert not mesh.notices("b", Left)


def a_mesh_is_idle(seed: int) -> None:
    """Only beacons, and those within their share of a small budget."""
    rng = random.Random(seed)
    budget = rng.choice([100_000, 200_000])
    mesh = met([f"n{number}" for number in range(rng.choice([20, 30]))], seed, Options(bandwidth_bits_per_s=budget))
    mesh.run(seconds=10)
    mesh.traffic.clear()
    mesh.run(seconds=60)

    assert mesh.traffic.kinds() <= {"beacon"}
    assert mesh.traffic.size_bytes("beacon", way="multicast") * 8 / 60 < 0.05 * budget


def many_lose_one_datagram(seed: int) -> None:
    """Some of them ask for it, and not all."""
    mesh = met([f"n{number}" for number in range(31)], seed)
    mesh.traffic.clear()
    mesh.links.loss = 1.0
    mesh.write("n0", "lost", 1)
    mesh.run(seconds=0.002)
    mesh.links.loss = 0.0
    for number in range(3):
        mesh.write("n0", f"after/{number}", "x" * 1040)
        mesh.run(seconds=0.002)
    mesh.settle(within_s=5)

    assert mesh.traffic.count("repair") <= 12


def a_clock_is_thousands_of_years_off(seed: int) -> None:
    """Whoever sees what it wrote can replace it, and no other key is spoiled."""
    mesh = met("ab", seed)
    year_4199_ms = (1 << 62) >> 16
    mesh.add("future", skew_ms=year_4199_ms - 1_800_000_000_000 + mesh.rng.randint(-5, 5) * 1000)
    mesh.run(seconds=3)
    for number in range(5):
        mesh.write(mesh.rng.choice(["future", "a"]), "key", number)
        mesh.write("future", f"key/{number}", number)
        mesh.run(seconds=1)
    mesh.settle(within_s=10)
    mesh.write("b", "key", "now")
    mesh.settle(within_s=10)

    assert mesh.read("a", "key") == mesh.read("b", "key") == "now"


def a_clock_is_fast_while_apart(seed: int) -> None:
    """It hides from a newcomer nothing with a time to live that is not over by the others' clocks."""
    mesh = met("ab", seed)
    mesh.add("fast", skew_ms=50_000)
    mesh.run(seconds=3)
    mesh.write("a", "key", "lasts", ttl_s=60)
    mesh.settle()
    mesh.partition("ab", ["fast", "late"])
    mesh.run(seconds=mesh.rng.uniform(30, 40))
    mesh.add("late")
    mesh.run(seconds=3)
    mesh.heal()
    mesh.settle(within_s=10)

    assert mesh.read("a", "key") == mesh.read("late", "key") == "lasts"
