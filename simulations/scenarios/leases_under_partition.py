"""A partition, and who holds a lease on either side of it."""

from gossamer.protocol.candidacy import Candidacy, Phase
from gossamer.simulation import Simulation
from gossamer.simulation.scenario import expect, scenario

TTL_S = 5.0
LOOK_S = 0.05


@scenario(nodes=5, worlds=("simulated",), seconds=120)
def leases_under_partition(world: Simulation) -> None:
    """Both sides of a split want one lease: by a key each has a holder, by votes of a majority at most one."""
    names = world.start()
    world.run(TTL_S * 1.1)  # voters that have just started do not vote
    few, many = names[:2], names[2:]
    candidates = {name: _stands(world, name, names) for name in (few[0], many[0])}
    tokens: list[int] = []
    twice = _watched(world, candidates, tokens, 3 * TTL_S)
    expect(tokens, "somebody holds it while all is well")

    world.partition(few, many)
    world.write(few[0], "advisory", few[0])
    world.write(many[0], "advisory", many[0])
    twice += _watched(world, candidates, tokens, 3 * TTL_S)
    by_key = {world.read(side[0], "advisory") for side in (few, many)}
    expect(candidates[many[0]].valid(world.nodes[many[0]].now), "the side of the majority has a holder")
    expect(not candidates[few[0]].valid(world.nodes[few[0]].now), "the side of the minority has none")
    world.measure("advisory_holders", len(by_key))
    expect(len(by_key) == 2, "by a key, each side has a holder")

    world.pause(many[0])
    world.heal()
    twice += _watched(world, candidates, tokens, 3 * TTL_S)
    world.resume(many[0])
    expect(not candidates[many[0]].valid(world.nodes[many[0]].now), "who stood still holds it no more")
    twice += _watched(world, candidates, tokens, 3 * TTL_S)
    world.measure("agreement_s", world.settle(within_s=10))

    world.measure("quorum_holders_at_once", 1 + twice)
    world.measure("quorum_holders_in_turn", len(tokens))
    expect(twice == 0, "by votes, no two ever hold it at once")
    expect(tokens == sorted(set(tokens)), f"tokens rise: {tokens}")
    expect(len(tokens) >= 2, "it passed from one to another")
    expect(world.read(few[0], "advisory") == world.read(many[0], "advisory"), "by a key, one is left after the split")


def _stands(world: Simulation, name: str, voters: list[str]) -> Candidacy:
    node = world.nodes[name]
    candidacy = Candidacy("leader", tuple(voters), round(TTL_S * 1000), 0.05, node.replica.rng.getrandbits(53))
    node.replica.voting.run(candidacy, node.now)
    node.turn_soon()
    return candidacy


def _watched(world: Simulation, candidates: dict[str, Candidacy], tokens: list[int], seconds: float) -> int:
    """Let time pass; return how often two held it at once.  Who lost it tries again; who has it renews it."""
    twice, until = 0, world.now + seconds
    while world.now < until:
        world.run(LOOK_S)
        nodes = world.nodes
        holding = [name for name, one in candidates.items() if one.valid(nodes[name].now)]
        twice += len(holding) > 1
        tokens += [t for name in holding if (t := candidates[name].token) not in tokens]
        for name, one in candidates.items():
            node = nodes[name]
            if not node.is_awake:
                continue
            if one.phase is Phase.ENDED:
                node.replica.voting.run(one, node.now)
            elif one.until - node.now < TTL_S / 2:
                node.replica.voting.renew(one, node.now)
            node.turn_soon()
    return twice
