"""Situations that a random life seldom comes into, each told anew by every seed.

A story raises if a promise is broken: by the checks of the simulation at any step, or by
what it asserts itself of traffic, of membership and of clones.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import stories_of_peers as peers
from meeting import met

from gossamer.options import Options

Story = Callable[[int], None]


def a_newcomer_joins_while_others_write(seed: int) -> None:
    """So many keys that the newcomer takes them in slices, over a link that is slow."""
    mesh = met("ab", seed)
    rng = mesh.rng
    keys = [f"key/{number}" for number in range(rng.choice([600, 1500, 3000]))]
    for at in range(0, len(keys), 300):
        mesh.batch("a", {key: rng.randbytes(rng.choice([5, 300])) for key in keys[at : at + 300]})
    mesh.settle(within_s=20)
    mesh.links.bytes_per_s = rng.choice([1e6, 1e7, 50e6])
    mesh.add("late", peers=["a"])
    if rng.random() < 0.3:
        mesh.links.break_stream_after("a", "late", rng.randrange(1000, 100_000))
    for number in range(rng.choice([30, 300])):
        name, key = rng.choice("aab"), rng.choice(keys)
        if rng.random() < 0.2 and mesh.read("late", key) is not None:
            mesh.write("late", key, number)
        elif rng.random() < 0.2 and mesh.read(name, key) is not None:
            mesh.delete(name, key)
        else:
            mesh.write(name, rng.choice([key, f"during/{number}"]), number)
        mesh.run(seconds=rng.choice([0.0003, 0.002, 0.02]))
    mesh.links.bytes_per_s = 50e6
    mesh.settle(within_s=30)


def an_answer_is_cut_in_the_middle(seed: int) -> None:
    """A stream breaks after any number of bytes of an answer, of one part or of several, perhaps more than once."""
    mesh = met("abc", seed)
    rng = mesh.rng
    mesh.partition("a", "bc")
    count = rng.choice([50, 200, 5000])
    for at in range(0, count, 50):
        mesh.batch("a", {f"key/{number}": rng.random() for number in range(at, at + 50)})
    mesh.run(seconds=rng.choice([1, 12, 40]))
    mesh.heal()
    for _ in range(rng.randint(1, 3)):
        mesh.links.break_stream_after("a", rng.choice("bc"), rng.randrange(300, max(2000, 24 * count)))
        mesh.run(seconds=rng.choice([0.05, 1.0]))
        mesh.write("b", f"key/{rng.randrange(60)}", "b")
    mesh.settle(within_s=30)


def more_is_written_than_multicast_carries(seed: int) -> None:
    """So it goes by streams, in pieces of any size, and what fell off a small ring goes by exchanges."""
    rng = random.Random(seed)
    options = Options(bandwidth_bits_per_s=200_000, batch_ring_bytes=rng.choice([20_000, 4 << 20]))
    mesh = met("abc", seed, options)
    for number in range(rng.choice([200, 800])):
        mesh.write("a", f"key/{number % 300}", mesh.rng.randbytes(rng.choice([20, 300, 900])))
        if number % 100 == 50:
            mesh.run(seconds=rng.choice([0.001, 0.1]))
    mesh.settle(within_s=30)
    mesh.run(seconds=5)
    mesh.traffic.clear()
    mesh.run(seconds=10)

    assert mesh.traffic.kinds() <= {"beacon"}


def two_answers_come_at_once(seed: int) -> None:
    """Who was away asks two, each of which has deleted what the other still holds; it reads both when it wakes."""
    mesh = met("abc", seed)
    rng = mesh.rng
    mesh.partition("ab", "c")
    count = rng.choice([700, 1200])
    for name in "ab":
        mesh.batch(name, {f"{name}/{number}": number for number in range(count)})
    mesh.write("c", "here", 1)
    mesh.settle(within_s=10, among="ab")
    mesh.run(seconds=20)
    mesh.partition("a", "b", "c")
    for number in range(count):
        mesh.delete("a", f"b/{number}")
        mesh.delete("b", f"a/{number}")
    mesh.heal()
    mesh.cut("a", "b")
    mesh.cut("b", "a")
    mesh.links.bytes_per_s = 5000
    links = mesh.nodes["c"].replica.exchanges.links
    for _ in range(rng.choice([400, 800])):
        if sum(link.asked is not None for link in links.values()) == 2:
            break
        mesh.run(seconds=0.01)
    mesh.pause("c")
    mesh.links.bytes_per_s = 50e6
    mesh.run(seconds=4)
    mesh.resume("c")
    mesh.heal()
    mesh.settle(within_s=30)


def one_key_is_written_all_the_time(seed: int) -> None:
    """A thousand times a second: writes are put together, and newcomers are told no part of a batch."""
    mesh = met("ab", seed, Options(bandwidth_bits_per_s=mesh_budget(seed)))
    mesh.traffic.clear()
    sent = 0
    for number in range(700):
        mesh.write("a", f"sensor/{number % 3}", number)
        mesh.run(seconds=0.001)
        if number == 299:
            sent = mesh.traffic.count("batch", node="a")
        elif number > 299 and number % 150 == 75:
            mesh.add(f"late/{number}")
    mesh.settle(within_s=20)

    assert sent < 220


def mesh_budget(seed: int) -> int:
    """Return a budget that is too small for what is written."""
    return random.Random(seed).choice([100_000, 200_000])


def who_deleted_has_forgotten_it(seed: int) -> None:
    """Deletes are forgotten while one is away, told on by one who only heard of them, and stay deleted."""
    mesh = met("abc", seed, Options(forget_deletes_after_s=5.0, deletes_max=3))
    rng = mesh.rng
    keys = [f"key/{number}" for number in range(12)]
    for key in keys:
        mesh.write(rng.choice("abc"), key, 1)
    mesh.settle()
    mesh.partition("ab", "c")
    for key in rng.sample(keys, 8):
        mesh.delete("a", key)
    mesh.write("c", "mine", 1)
    mesh.settle(within_s=10, among="ab")
    mesh.run(seconds=40)
    mesh.add("late")
    mesh.partition(["late", "b"], "a", "c")
    mesh.run(seconds=10)
    if rng.random() < 0.5:
        mesh.write("late", "mine too", 1)
    mesh.partition(["late", "c"], "a", "b")
    mesh.run(seconds=15)
    mesh.heal()
    mesh.settle(within_s=30)


def a_newcomer_is_repaired_while_it_is_answered(seed: int) -> None:
    """What it is sent again was deleted meanwhile, and the delete is forgotten by who answers it."""
    mesh = met("abw", seed, Options(forget_deletes_after_s=5.0, deletes_max=3))
    rng = mesh.rng
    for number in range(rng.randint(4, 8)):
        mesh.write("w", f"w/{number}", number)
        mesh.run(seconds=0.01)
    mesh.batch("a", {f"key/{number}": rng.randbytes(40) for number in range(800)})
    mesh.settle(within_s=20)
    for number in range(3):
        mesh.delete("b", f"w/{number}")
    mesh.settle(within_s=20)
    mesh.run(seconds=40)
    if rng.random() < 0.5:
        mesh.crash("b")
    mesh.links.bytes_per_s = rng.choice([20_000, 60_000])
    mesh.add("late")
    for number in range(20):
        mesh.write("w", "later", number)
        mesh.run(seconds=rng.choice([0.02, 0.1]))
    mesh.links.bytes_per_s = 50e6
    mesh.settle(within_s=30)


def what_expired_had_replaced_something(seed: int) -> None:
    """Who was away holds what was replaced, and comes back after what replaced it has expired and is dropped."""
    options = Options(expiry_grace_s=2.0, forget_deletes_after_s=random.Random(seed).choice([5.0, 3600.0]))
    mesh = met("abc", seed, options)
    rng = mesh.rng
    keys = [f"key/{number}" for number in range(6)]
    for key in keys:
        mesh.write(rng.choice("abc"), key, "first")
    mesh.settle()
    mesh.partition("ab", "c")
    for key in keys:
        mesh.write(rng.choice("ab"), key, "second", ttl_s=1.0)
    mesh.run(seconds=rng.choice([20, 40]))
    mesh.heal()
    mesh.settle(within_s=20)

    assert mesh.state("c") == {}


def a_time_to_live_runs_out(seed: int) -> None:
    """What has expired is dropped by everyone after the grace, and what lasts is not."""
    mesh = met("abc", seed, Options(expiry_grace_s=2.0))
    for number in range(12):
        mesh.write(
            "abc"[number % 3], f"key/{number}", number, ttl_s=mesh.rng.choice([1.0, 3.0]) if number % 4 else None
        )
    mesh.settle()
    mesh.run(seconds=30)

    assert all(len(node.replica.ledger.state.live) == 3 for node in mesh.nodes.values())


STORIES: list[Story] = [
    a_newcomer_joins_while_others_write,
    an_answer_is_cut_in_the_middle,
    more_is_written_than_multicast_carries,
    two_answers_come_at_once,
    peers.a_computer_is_cloned,
    peers.one_stands_still,
    peers.one_says_goodbye,
    peers.a_direct_path_is_dead,
    peers.a_mesh_is_idle,
    peers.many_lose_one_datagram,
    one_key_is_written_all_the_time,
    who_deleted_has_forgotten_it,
    a_newcomer_is_repaired_while_it_is_answered,
    peers.a_clock_is_thousands_of_years_off,
    peers.a_clock_is_fast_while_apart,
    a_time_to_live_runs_out,
    what_expired_had_replaced_something,
]
