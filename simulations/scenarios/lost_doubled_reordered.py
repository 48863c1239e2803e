"""Everything that may happen to a datagram, at once."""

from gossamer.simulation.scenario import World, scenario


@scenario(nodes=5, worlds=("simulated",))
def lost_doubled_reordered(world: World) -> None:
    """Datagrams are lost, doubled and held up; every peer shows one state, and no write twice."""
    names = world.start()
    world.weather(loss=0.2, doubling=0.3, disorder=0.3, held_up_s=1.0)
    for number in range(150):
        name = names[world.rng.randrange(len(names))]
        world.write(name, f"key/{world.rng.randrange(20)}", number)
        world.run(world.rng.uniform(0, 0.05))
    world.measure("agreement_s", world.settle(within_s=30))
