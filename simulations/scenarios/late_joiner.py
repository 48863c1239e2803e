"""Somebody comes when everything is there already."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=3, variants={"2k": {"keys": 2_000}, "100k": {"keys": 100_000}})
def late_joiner(world: World, keys: int) -> None:
    """A newcomer catches up with all keys while others go on writing."""
    names = world.start()
    for start in range(0, keys, 1000):
        world.batch(names[0], {f"key/{n}": n for n in range(start, min(keys, start + 1000))})
        world.run(0.01)
    world.settle(within_s=60)

    before, began, number = world.sent_bytes(), world.now, 0
    world.add("late")
    while world.read("late", f"key/{keys - 1}") is None:
        expect(world.now - began < 60, "the newcomer catches up within a minute")
        world.write(names[1], "tick", number)
        world.run(0.01)
        number += 1
    world.measure("catch_up_s", world.now - began)
    world.write(names[1], "tick", "the last")
    world.measure("agreement_s", world.settle(within_s=60))
    world.measure("join_bytes_per_key", (world.sent_bytes() - before) / keys)
    expect(len(world.state("late")) == keys + 1, "the newcomer holds every key")
