"""A VPN, a container network, a careful access point."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=6)
def no_multicast(world: World) -> None:
    """Nobody hears any multicast; one known address is enough to find everyone."""
    world.weather(multicast=False)
    names = [f"n{number}" for number in range(world.size)]
    world.add(names[0])
    for name in names[1:]:
        world.add(name, peers=[names[0]])
    world.run(5)
    for name in names:
        world.write(name, f"hello/{name}", name)
    world.measure("agreement_s", world.settle(within_s=20))
    expect(len(world.state(names[-1])) == len(names), "everyone is heard by everyone")
    world.run(5)
    expect(world.sees(names[-1]) == set(names[:-1]), "those who were told of one found all")
