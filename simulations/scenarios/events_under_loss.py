"""Events through loss and a split: whoever hears them hears them in order, once, after the state they speak of."""

from gossamer.simulation.scenario import expect, scenario
from gossamer.simulation.simulation import Simulation

EVENTS = 40
ROUND_S = 0.05


@scenario(
    nodes=5,
    variants={f"{percent}%": {"loss": percent / 100} for percent in (30, 0, 10, 50)},
    worlds=("simulated",),
    seconds=60,
)
def events_under_loss(world: Simulation, loss: float) -> None:
    """Everybody emits while datagrams are lost and the mesh splits; all is heard that can still be repeated."""
    names = world.start()
    world.weather(loss=loss, disorder=0.1, doubling=0.05)
    for number in range(EVENTS):
        for name in names:
            world.write(name, f"{name}/count", number)
            world.emit(name, "count", number)
        if number == EVENTS // 3:
            world.partition(names[:2], names[2:])
        if number == 2 * EVENTS // 3:
            world.heal()
        world.run(ROUND_S)
    began = world.now
    while any(world.heard(one, other) < EVENTS for one in names for other in names):
        expect(world.now - began < 30, "all events arrive within 30 s")
        world.run(ROUND_S)

    world.measure("last_event_s", world.now - began)
    world.settle(within_s=30)
    expect(not any(world.missed(name) for name in names), "nothing is missed that can be repeated")
