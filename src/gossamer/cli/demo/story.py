"""The story of the demo, act by act, and its verdict.

Each act ends when what it promises is seen in every process, not when some time is over;
if it is not seen in time, the story ends there and the verdict says what did not happen.
"""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from typing import Any

import trio

from .account import Account
from .stage import Row, Stage
from .troupe import ActorFailed, Player, Troupe, open_troupe
from .verdict import CONTESTED, Plan, Verdict, judged

ROUND_S = 0.1
"""Between two rounds of readings."""
PATIENCE_S = 30.0
"""How long an act may take on a machine that is busy with something else."""


class NotAsPromised(Exception):
    """Something that an act promises did not happen in time."""


def play_through(plan: Plan, stage: Stage) -> Verdict:
    """Play the story and give the verdict on `stage`.  KeyboardInterrupt ends it, with no process left."""
    try:
        return trio.run(_play, plan, stage)
    except BaseExceptionGroup as group:
        if group.subgroup(KeyboardInterrupt) is not None:
            raise KeyboardInterrupt from None
        raise


async def _play(plan: Plan, stage: Stage) -> Verdict:
    account = Account()
    reckoning = None
    wrong: list[str] = []
    try:
        async with open_troupe(_free_port(), plan.seed, plan.loss) as troupe:
            story = Story(plan, stage, troupe, account)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(story.keep_looking)
                try:
                    await story.tell()
                except NotAsPromised as error:
                    wrong.append(str(error))
                reckoning = account.reckon(await troupe.tell(troupe.alive, "state"))
                nursery.cancel_scope.cancel()
    except* ActorFailed as group:
        wrong += dict.fromkeys(map(str, _leaves(group)))
    return judged(plan, stage, account, reckoning, wrong)


class Story:
    """One run of the story."""

    def __init__(self, plan: Plan, stage: Stage, troupe: Troupe, account: Account) -> None:
        self._plan = plan
        self._stage = stage
        self._troupe = troupe
        self._account = account
        self._rng = random.Random(plan.seed)
        self._looked = trio.Event()
        self._names = [chr(ord("a") + i % 26) * (1 + i // 26) for i in range(plan.peers + 1)]

    async def tell(self) -> None:
        """Play all acts, or until one does not go as promised."""
        await self._join()
        await self._share()
        one, other = await self._split()
        await self._heal(one, other)
        await self._lose_one()
        await self._join_late()

    # -- acts -----------------------------------------------------------------------------------

    async def _join(self) -> None:
        plan, stage = self._plan, self._stage
        lossy = f", which loses {plan.loss:.0%} of all datagrams" if plan.loss else ""
        stage.tell("start", f"{plan.peers} processes start on the loopback{lossy} (seed {plan.seed})", seed=plan.seed)
        sides = ["A"] * ((plan.peers + 1) // 2) + ["B"] * (plan.peers // 2)
        self._rng.shuffle(sides)
        async with trio.open_nursery() as nursery:
            for part, (name, side) in enumerate(zip(self._names, sides, strict=False)):
                nursery.start_soon(self._troupe.start, name, side, part, plan.peers + 1)
        self._troupe.players.sort(key=lambda player: (player.side, player.name))
        took_s = await self._until(self._all_see_all, "every peer sees all others")
        stage.tell("joined", f"they have found each other: each sees {plan.peers - 1} others", took_s=took_s)

    async def _share(self) -> None:
        await self._publish(self._troupe.alive, self._plan.seconds / 2)
        took_s = await self._until(self._one_state, "all peers hold every write")
        text = f"{self._account.writes} writes of real readings of this machine are everywhere, "
        self._stage.tell("shared", f"{text}{took_s:.2f} s after the last", took_s=took_s, writes=self._account.writes)
        self._stage.hold(self._rows())

    async def _split(self) -> tuple[list[Player], list[Player]]:
        troupe = self._troupe
        one = [player for player in troupe.alive if player.side == "A"]
        other = [player for player in troupe.alive if player.side == "B"]
        await troupe.cut(one, other)
        sides = f"{_listed(one)} | {_listed(other)}"
        self._stage.tell("cut", f"the network is cut: {sides}; both sides write on, {CONTESTED} keys of them the same")
        await self._contest(self._rng.choice(one), self._rng.choice(other))
        await self._publish(troupe.alive, self._plan.seconds / 2)
        await self._until(lambda: _see_their_own(one) and _see_their_own(other), "each side misses the other")
        await self._until(lambda: self._two_states(one, other), "each side agrees, and differs from the other")
        self._stage.tell("split", "two states, one on each side, and each side sees itself alone")
        self._stage.hold(self._rows())
        return one, other

    async def _heal(self, one: list[Player], other: list[Player]) -> None:
        await self._troupe.tell([*one, *other], "heal")
        self._stage.tell("heal", "the network is whole again")
        took_s = await self._until(self._one_state, "all peers hold one state again")
        text = f"one state, {took_s:.2f} s later: every write is there, and concurrent ones are kept as conflicts"
        self._stage.tell("healed", text, took_s=took_s)
        self._stage.hold(self._rows())
        await self._until(self._all_see_all, "every peer sees all others again")

    async def _lose_one(self) -> None:
        victim = self._rng.choice(self._troupe.alive)
        self._troupe.kill(victim)
        self._stage.tell("killed", f"{victim.name} is killed: kill -9, no goodbye", peer=victim.name)
        took_s = await self._until(self._all_see_all, f"the others notice that {victim.name} is gone")
        text = f"the others noticed within {took_s:.1f} s, and hold all that it wrote"
        self._stage.tell("noticed", text, peer=victim.name, took_s=took_s)

    async def _join_late(self) -> None:
        name, began = self._names[-1], time.monotonic()
        player = await self._troupe.start(name, "late", self._plan.peers, self._plan.peers + 1)
        joined_s = time.monotonic() - began
        held_s = joined_s + await self._until(
            lambda: self._one_state() and self._all_see_all(), f"the latecomer {name} holds everything"
        )
        self._account.acknowledge(name, (await player.tell("publish"))["writes"])
        await self._until(self._one_state, f"all hold what the latecomer {name} writes")
        text = f"{name} joins late: {held_s:.1f} s after its process was started it holds everything, and writes too"
        self._stage.tell("late", text, peer=name, took_s=held_s)
        self._stage.hold(self._rows())

    # -- writing --------------------------------------------------------------------------------

    async def _publish(self, players: list[Player], seconds: float) -> None:
        """Let each write its readings, again and again."""
        end = time.monotonic() + seconds
        while True:
            answers = await self._troupe.tell(players, "publish")
            for name, answer in answers.items():
                self._account.acknowledge(name, answer["writes"])
            if time.monotonic() >= end:
                return
            await trio.sleep(ROUND_S)

    async def _contest(self, one: Player, other: Player) -> None:
        """Let one of each side write the same keys."""
        for player in (one, other):
            writes = {f"contested/{n}": f"{player.name} was here, on side {player.side}" for n in range(CONTESTED)}
            self._account.acknowledge(player.name, (await player.tell("write", writes=writes))["writes"])

    # -- looking --------------------------------------------------------------------------------

    async def keep_looking(self) -> None:
        """Ask everybody for a report, again and again, and show them."""
        while True:
            began = time.monotonic()
            await self._troupe.look()
            self._stage.show(self._rows())
            self._looked.set()
            self._looked = trio.Event()
            await trio.sleep(max(0.1, time.monotonic() - began))  # no more than half of the time

    async def _until(self, condition: Callable[[], bool], what: str) -> float:
        """Wait until a look that began after now shows `condition`; return how long that took, in seconds."""
        began = time.monotonic()
        with trio.move_on_after(PATIENCE_S):
            await self._looked.wait()
            while True:
                await self._looked.wait()
                if condition():
                    return time.monotonic() - began
        raise NotAsPromised(f"not within {PATIENCE_S:g} s: {what}; {self._differences()}")

    def _all_see_all(self) -> bool:
        return _see_their_own(self._troupe.alive)

    def _one_state(self) -> bool:
        alive = self._troupe.alive
        return len(_states(alive)) == 1 and all(player.report["keys"] == self._account.keys for player in alive)

    @staticmethod
    def _two_states(one: list[Player], other: list[Player]) -> bool:
        return len(_states(one)) == len(_states(other)) == 1 and _states(one) != _states(other)

    def _rows(self) -> list[Row]:
        return [_row(player) for player in self._troupe.players]

    def _differences(self) -> str:
        written = self._account.keys
        said = []
        for player in self._troupe.alive:
            sees, held = player.report.get("sees", ()), player.report.get("keys", 0)
            said.append(f"{player.name} sees {len(sees)}, holds {held} of {written} keys, state {_state(player)}")
        return "; ".join(said)


def _state(player: Player) -> str:
    return str(player.report.get("digest", ""))


def _see_their_own(players: list[Player]) -> bool:
    """Whether each of them sees the others of them, and nobody else."""
    names = {player.name for player in players}
    return all(set(player.report.get("sees", ())) == names - {player.name} for player in players)


def _states(players: list[Player]) -> set[str]:
    return {_state(player) for player in players}


def _row(player: Player) -> Row:
    report = player.report
    if player.dead:
        return Row(player.side, f"{player.name}, killed", None, None, "", None, None)
    sees = len(report["sees"]) if report else None
    return Row(
        player.side,
        player.name,
        sees,
        report.get("keys"),
        _state(player),
        report.get("conflicts"),
        report.get("sent_bytes"),
    )


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def _listed(players: list[Player]) -> str:
    return " ".join(player.name for player in players)


def _free_port() -> int:
    """Return a port that nobody listens on, so that no other mesh is heard."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
