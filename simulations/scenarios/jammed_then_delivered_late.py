"""A network that keeps packets for ten minutes, and delivers them when nobody expects them any more."""

from gossamer.simulation.scenario import World, expect, scenario


@scenario(nodes=4, worlds=("simulated",), seconds=700)
def jammed_then_delivered_late(world: World) -> None:
    """Datagrams of a while ago arrive ten minutes late, in any order: nothing old comes back."""
    names = world.start()
    world.weather(disorder=1.0, held_up_s=600.0)
    for number in range(30):
        world.write(names[number % len(names)], f"key/{number % 5}", number)
        if number % 7 == 3:
            world.delete(names[number % len(names)], f"key/{number % 5}")
    world.run(5)
    world.weather(disorder=0.0)
    world.settle(within_s=30)
    before = world.state(names[0])

    world.run(620)
    expect(all(world.state(name) == before for name in names), "nothing changes when the late packets come")
    world.measure("agreement_s", world.settle(within_s=5))
