"""Photographs beside temperatures."""

from gossamer.errors import ValueTooLarge
from gossamer.options import Options
from gossamer.simulation.scenario import expect, scenario
from gossamer.simulation.simulation import Simulation


@scenario(
    nodes=3,
    variants={
        "1MB": {"megabytes": 1},
        "50MB, 64 allowed": {"megabytes": 50, "allowed_megabytes": 64},
        "50MB, 32 allowed": {"megabytes": 50},
    },
    worlds=("simulated",),
)
def large_values(world: Simulation, megabytes: int, allowed_megabytes: int = 32) -> None:
    """A value far too large for a datagram goes by stream, whole, and small ones do not wait for long behind it.

    One that is larger than the options allow is refused where it is written, and leaves nothing behind.
    """
    names = [f"n{number}" for number in range(world.size)]
    for name in names:
        world.add(name, options=Options(value_bytes_max=allowed_megabytes << 20))
    world.run(3)
    picture = world.rng.randbytes(megabytes << 20)
    began, refused = world.now, False
    try:
        world.write(names[0], "picture", picture)
    except ValueTooLarge:
        refused = True
    world.write(names[1], "small", 1)
    world.run(0.5)

    expect(refused == (megabytes > allowed_megabytes), "the options decide what is refused")
    expect(world.read(names[2], "small") == 1, "a small value passes a large one")
    world.settle(within_s=60)
    world.measure("agreement_s", world.now - began)
    expect(world.read(names[2], "picture") == (None if refused else picture), "the picture is whole, or nowhere")
