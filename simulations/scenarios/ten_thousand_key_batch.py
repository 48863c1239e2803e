"""A table is loaded in one go."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=3, slow=True)
def ten_thousand_key_batch(world: World) -> None:
    """A batch of ten thousand keys is seen whole or not at all, by everyone, through loss."""
    names = world.start()
    world.weather(loss=0.2)
    for version in range(3):
        world.batch(names[version % len(names)], {f"row/{n}": version for n in range(10_000)})
        for _ in range(20):
            world.run(0.05)
            for name in names:
                versions = set(world.state(name).values())
                expect(len(versions) <= 1, f"{name} shows one version of the table, not {versions}")
    world.measure("agreement_s", world.settle(within_s=30))
