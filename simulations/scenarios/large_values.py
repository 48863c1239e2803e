"""Photographs beside temperatures."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=3, variants={"1MB": {"megabytes": 1}, "50MB": {"megabytes": 50}}, worlds=("simulated",), slow=True)
def large_values(world: World, megabytes: int) -> None:
    """A value far too large for a datagram goes by stream, whole, and small ones do not wait for long behind it."""
    names = world.start()
    picture = world.rng.randbytes(megabytes << 20)
    world.write(names[0], "picture", picture)
    world.write(names[1], "small", 1)
    world.run(0.5)
    expect(world.read(names[2], "small") == 1, "a small value passes a large one")
    world.measure("agreement_s", world.settle(within_s=60))
    expect(world.read(names[2], "picture") == picture, "the picture is whole")
