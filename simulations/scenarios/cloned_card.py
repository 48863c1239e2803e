"""One image, written to many cards, of a machine that was running."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=2, variants={"x3": {"copies": 3}, "x20": {"copies": 20}}, worlds=("simulated",))
def cloned_card(world: World, copies: int) -> None:
    """A running peer is copied many times: each copy soon takes a name of its own, and all agree."""
    original, other = world.start(2)
    for number in range(20):
        world.write(original, f"key/{number}", number)
    world.settle(within_s=10)
    twins = [f"twin{number}" for number in range(copies)]
    for twin in twins:
        world.clone(original, twin)
    world.run(20)
    for name in (original, *twins):
        world.write(name, f"hello/{name}", name)
    world.measure("agreement_s", world.settle(within_s=60))
    state = world.state(other)
    expect(
        all(state.get(f"hello/{name}") == name for name in (original, *twins)), "each copy writes under its own name"
    )
