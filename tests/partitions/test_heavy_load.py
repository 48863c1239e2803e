"""Much at once: fast writers, large batches, large values."""

from __future__ import annotations

import pytest
from scenes import fill


def test_a_sensor_that_writes_one_key_a_thousand_times_a_second_never_grows_a_queue(mesh_of):
    mesh = mesh_of("abc")
    for number in range(3000):
        mesh.write("a", "temperature", number)
        mesh.run(seconds=0.001)
        if number % 100 == 99:
            outbox = mesh.nodes["a"].replica.ledger.outbox
            assert len(outbox.open) <= 1
            assert outbox.backlog() <= 8

    assert mesh.settle(within_s=2) < 1
    assert mesh.read("c", "temperature") == 2999


def test_a_hot_key_under_a_small_budget_coalesces(mesh_of):
    from gossamer.options import Options

    mesh = mesh_of("abc", options=Options(bandwidth_bits_per_s=200_000))
    mesh.run(seconds=5)
    mesh.traffic.clear()
    for number in range(2000):
        mesh.write("a", "temperature", number)
        mesh.run(seconds=0.001)

    assert mesh.traffic.count("batch", node="a") < 1000
    assert mesh.settle(within_s=3) < 2
    assert mesh.read("b", "temperature") == 1999


def test_a_batch_of_ten_thousand_keys_is_seen_whole_or_not_at_all(mesh_of):
    mesh = mesh_of("abcd")
    mesh.links.loss = 0.1

    mesh.batch("a", {f"key/{number}": number for number in range(10_000)})
    seen = set()
    for _ in range(200):
        mesh.run(seconds=0.005)
        seen |= {len(mesh.nodes[name].replica.ledger.state.live) for name in "bcd"}

    assert mesh.settle(within_s=10) < 5
    assert seen <= {0, 10_000}


def test_a_value_of_two_megabytes_travels_by_stream(mesh_of):
    mesh = mesh_of("abc")

    mesh.write("a", "large", b"x" * 2_000_000)
    mesh.write("a", "small", 1)

    assert mesh.settle(within_s=10) < 2
    assert len(mesh.read("c", "large")) == 2_000_000


def test_after_a_large_value_small_writes_are_multicast_again(mesh_of):
    mesh = mesh_of("abc")
    mesh.write("a", "large", b"x" * 2_000_000)
    mesh.settle(within_s=10)
    mesh.run(seconds=5)
    mesh.traffic.clear()

    mesh.write("a", "small", 1)

    assert mesh.settle(within_s=2) < 0.1
    assert mesh.traffic.count("batch", way="multicast") == 1
    assert mesh.traffic.count("batch", way="stream") == 0


@pytest.mark.slow
def test_twenty_thousand_writes_of_four_peers_at_once_all_arrive(mesh_of):
    mesh = mesh_of("abcd")
    for round_number in range(50):
        for name in "abcd":
            for number in range(100):
                mesh.write(name, f"{name}/{round_number}/{number}", number)
        mesh.run(seconds=0.01)

    assert mesh.settle(within_s=10) < 5
    assert len(mesh.state("d")) == 20_000


def test_when_four_write_the_same_key_traffic_stops_once_all_agree(mesh_of):
    mesh = mesh_of("abcd")
    for number in range(100):
        for name in "abcd":
            mesh.write(name, "door", f"{name}{number}")
        mesh.run(seconds=0.003)
    mesh.settle(within_s=5)
    mesh.run(seconds=10)
    mesh.traffic.clear()
    mesh.run(seconds=30)

    assert mesh.traffic.kinds() == {"beacon"}
    assert len({mesh.read(name, "door") for name in "abcd"}) == 1


def test_user_batches_are_seen_whole_by_everyone_at_every_step(mesh_of):
    """The oracle compares each node after each step; this makes many batches of many sizes, in a bad network."""
    mesh = mesh_of("abcd")
    mesh.links.loss, mesh.links.disorder, mesh.links.doubling = 0.2, 0.2, 0.1
    for number in range(150):
        name = "abcd"[number % 4]
        size = mesh.rng.choice([2, 3, 20, 200])
        keys = [f"key/{mesh.rng.randrange(300)}" for _ in range(size)]
        mesh.batch(name, dict.fromkeys(keys, number), delete=[f"gone/{number % 7}"])
        if number % 5 == 0:
            mesh.write(name, f"gone/{number % 7}", number)
        mesh.run(seconds=0.03)

    mesh.settle(within_s=15)


def test_of_two_concurrent_batches_the_same_one_wins_on_every_key(mesh_of):
    mesh = mesh_of("ab")
    mesh.partition("a", "b")
    for name in "ab":
        mesh.batch(name, {f"key/{number}": name for number in range(20)})
    mesh.heal()
    mesh.settle(within_s=10)

    assert len(set(mesh.state("a").values())) == 1


def test_a_full_ring_sends_a_slow_stream_to_a_delta(mesh):
    from gossamer.options import Options

    mesh.links.multicast = False
    options = Options(batch_ring_bytes=100_000)
    mesh.add("a", multicast=False, options=options)
    mesh.add("b", multicast=False, peers=["a"], options=options)
    mesh.run(seconds=5)
    mesh.links.bytes_per_s = 20_000
    for number in range(100):
        mesh.write("a", f"key/{number}", mesh.rng.randbytes(5000))
        mesh.run(seconds=0.01)
    mesh.links.bytes_per_s = 50e6

    assert mesh.settle(within_s=30) < 30
    fill(mesh, "b", 10)
    assert mesh.settle(within_s=5) < 1
