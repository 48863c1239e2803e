"""A wall that lets sound through one way only."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=3)
def one_way_link(world: World) -> None:
    """One node is heard by another that it cannot hear; a third hears both, and nobody is left out."""
    deaf, loud, third = world.start(3)
    world.cut(loud, deaf)
    world.run(3)
    world.write(loud, "said", "by the loud one")
    world.write(deaf, "answered", "by the deaf one")
    world.measure("agreement_s", world.settle(within_s=20))
    expect(world.read(deaf, "said") == "by the loud one", f"what {loud} writes reaches {deaf} through {third}")
    world.mend(loud, deaf)
    world.run(5)
    expect(world.sees(deaf) == {loud, third}, "all see all once the link is mended")
