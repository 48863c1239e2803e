"""Three islands, met again one after the other."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=6)
def three_way_split(world: World) -> None:
    """Three islands drift apart; two meet first, then all, and every write arrives."""
    names = world.start()
    islands = [names[n::3] for n in range(3)]
    world.partition(*islands)
    for number, island in enumerate(islands):
        world.write(island[0], "flag", number)
        world.write(island[-1], f"from/{number}", number)
    world.run(5)

    world.say("the first two meet")
    world.partition([*islands[0], *islands[1]], islands[2])
    world.measure("two_agree_s", world.settle(within_s=15, among=[*islands[0], *islands[1]]))

    world.say("all meet")
    world.heal()
    world.measure("agreement_s", world.settle(within_s=15))
    expect(all(world.read(names[0], f"from/{n}") == n for n in range(3)), "each island's own key is everywhere")
