"""A program that wrote, and then forks: a web server that starts its workers, say."""

from gossamer.simulation.scenario import World, expect, scenario

ROUNDS = 50


@scenario(nodes=3, seconds=30)
def fork_after_first_write(world: World) -> None:
    """A process that has written forks; both go on under the same keys, as two peers, and nothing is lost."""
    names = world.start()
    parent, others = names[0], names[1:]
    world.write(parent, "before", "told to all")
    world.settle(within_s=10)
    for number in range(10):
        world.write(parent, f"unsent/{number}", number)  # still in the outbox of the parent when it forks
    world.weather(loss=0.1)
    world.fork(parent, "child")
    for number in range(ROUNDS):
        for writer in (parent, "child"):
            world.write(writer, f"shared/{number % 5}", f"{writer} {number}")
            world.write(writer, f"{writer}/{number}", number)
        world.run(0.02)
    world.measure("agreement_s", world.settle(within_s=10))
    await_meeting(world, [*names, "child"])

    state = world.state(others[0])
    expect(state.get("before") == "told to all", "what was written before the fork is there")
    expect(all(state.get(f"unsent/{n}") == n for n in range(10)), "so is what the parent had not sent yet")
    for writer in (parent, "child"):
        expect(all(state.get(f"{writer}/{n}") == n for n in range(ROUNDS)), f"nothing that {writer} wrote is lost")
    expect(
        all(state[f"shared/{key}"] in (f"{parent} {45 + key}", f"child {45 + key}") for key in range(5)),
        "under the shared keys stands what one of both wrote last",
    )
    world.delete("child", "before")
    world.measure("agreement_after_delete_s", world.settle(within_s=10))
    expect(world.read(parent, "before") is None, "the child may delete what the parent wrote")


def await_meeting(world: World, everyone: list[str]) -> None:
    """Let time pass until each sees all the others: parent and child are two peers, for each other too."""
    began = world.now
    while any(world.sees(name) != set(everyone) - {name} for name in everyone):
        expect(world.now - began < 15, f"all see {len(everyone) - 1} others, not {list(map(world.sees, everyone))}")
        world.run(0.1)
    world.measure("meeting_s", world.now - began)
