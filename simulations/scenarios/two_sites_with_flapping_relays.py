"""Two buildings, and two bad radio links between them."""

from gossamer.simulation.scenario import World, scenario


@scenario(nodes=6, seconds=90)
def two_sites_with_flapping_relays(world: World) -> None:
    """Only two pairs of relays join two sites, and each comes and goes; both sites write on and agree in the end."""
    names = world.start()
    half = len(names) // 2
    left, right = names[:half], names[half:]
    relays = list(zip(left[:2], right[:2], strict=True))

    def link(one: str, other: str, up: bool) -> None:
        for sender, receiver in ((one, other), (other, one)):
            (world.mend if up else world.cut)(sender, receiver)

    for one in left:
        for other in right:
            link(one, other, up=(one, other) in relays)
    for number in range(30):
        for one, other in relays:
            link(one, other, up=world.rng.random() < 0.5)
        world.write(left[-1], f"left/{number % 5}", number)
        world.write(right[-1], f"right/{number % 5}", number)
        world.run(world.rng.uniform(0.2, 1.5))
    link(*relays[0], up=True)
    world.measure("agreement_s", world.settle(within_s=30))
