"""Somebody in the same network who wishes us ill."""

from gossamer.simulation.scenario import World, expect, scenario

FLOOD_S = 4.0


@scenario(nodes=3, seconds=30)
def hostile_bytes(world: World) -> None:
    """A computer without the secret floods the port with noise and mutilated messages; the mesh writes on, unharmed."""
    names = world.start()
    world.write(names[0], "before", 1)
    world.settle(within_s=10)
    refused = {name: world.refused(name) for name in names}

    world.flood(FLOOD_S)
    written, ends = 0, world.now + FLOOD_S
    while world.now < ends:
        for name in names:
            world.write(name, f"{name}/{written % 50}", written)
        world.write(names[written % 3], "shared", written)
        written += 1
        world.run(0.01)
    world.measure("agreement_s", world.settle(within_s=10))
    world.measure("refused", sum(world.refused(name) - refused[name] for name in names) / len(names))

    state = world.state(names[-1])
    last = {f"{name}/{number % 50}": number for name in names for number in range(written)}
    expect(state == {"before": 1, "shared": written - 1, **last}, "what was written is there, and nothing else")
    for name in names:
        expect(world.refused(name) > refused[name] + 100, f"{name} counted what it refused")
        expect(world.sees(name) == set(names) - {name}, f"{name} takes no stranger for a peer")
