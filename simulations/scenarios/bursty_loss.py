"""A microwave oven beside the access point."""

from gossamer.simulation.scenario import World, scenario


@scenario(nodes=5, worlds=("simulated",))
def bursty_loss(world: World) -> None:
    """Links fall silent for half a second at a time, a third of all time; everything arrives all the same."""
    names = world.start()
    world.weather(burst_loss=0.33, burst_s=0.5)
    for number in range(100):
        world.write(names[number % len(names)], f"key/{number % 20}", number)
        world.run(0.05)
    world.measure("agreement_s", world.settle(within_s=30))
