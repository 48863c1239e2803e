"""Shared lists, and dicts leaf by leaf with what merges within them, in the random lives of the swarm."""

from __future__ import annotations

from typing import Any

import pytest
from test_objects_in_the_swarm import Inhabitant, ObjectPlayer, no_one

from gossamer.simulation.node import Node
from gossamer.simulation.swarm import schedule_of
from gossamer.views.nested import Nested
from gossamer.views.shared_dict import SharedDict
from gossamer.views.shared_list import SharedList
from gossamer.views.spaces import LIST

LIVES = 20
SLOW_LIVES = 200
LIVES_A_TEST = 20


class Librarian(Inhabitant):
    """A program that keeps a list and a dict in order."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.made: set[Any] = set()
        self.deleted: set[Any] = set()
        self.noted: set[Any] = set()
        self.added = 0

    def list(self) -> SharedList:
        return self.mapping._spaces.kept(LIST, "l", lambda space, name: SharedList(space, name, no_one, no_one))

    def dict(self) -> SharedDict:
        return SharedDict(self.mapping, ("object", "d", b""), (), lambda within: within)

    def live_on(self, key: str, value: int) -> None:
        shared = self.list()
        size, number = len(shared), len(self.made)
        title = (self.mapping._name, id(self), number)
        match value % 6:
            case 0 | 1:
                shared.append([title, value])
                self.made.add(title)
            case 2:
                shared.insert(value % (size + 1), [title, value])
                self.made.add(title)
            case 3 if size > 5:
                self.deleted.add(tuple(shared.pop(value % size)[0]))
            case 4 if size:
                shared.move(value % size, (value * 7) % size)
            case 5 if size:
                index = value % size
                shared[index] = [shared[index][0], value]
        within = self.dict()
        if value % 5 == 4:
            within.pop(key, None)
        else:
            within.setdefault(key, {})
            if isinstance(within.get(key), SharedDict):
                within[key][value % 3] = value
        self.live_on_within(within, key, value)

    def live_on_within(self, within: SharedDict, key: str, value: int) -> None:
        """Change what merges within the dict."""
        log, tags = within.setdefault("log", []), within.setdefault("tags", {"first"})
        if isinstance(log, Nested):
            self.noted.add(title := (self.mapping._name, id(self), len(self.noted)))
            log.merging().append(title)
        if isinstance(tags, Nested):
            tags.merging().add(key) if value % 3 else tags.merging().discard(key)
        within.add("n", 1 + value % 3)
        self.added += 1 + value % 3


class LibraryPlayer(ObjectPlayer):
    """Plays a life among librarians."""

    def inhabitant(self, name: str) -> Librarian:
        process = self.world.nodes[name].process
        assert process is not None
        if process.program is None:
            self.inhabitants[process] = Librarian(self.world.nodes[name])
        return self.inhabitants[process]  # type: ignore[return-value]


@pytest.mark.parametrize(
    "first",
    [
        *range(0, LIVES, LIVES_A_TEST),
        *(pytest.param(first, marks=pytest.mark.slow) for first in range(LIVES, SLOW_LIVES, LIVES_A_TEST)),
    ],
)
def test_in_every_life_all_agree_on_one_order_and_what_the_living_added_is_there_once(first):
    for seed in range(first, first + LIVES_A_TEST):
        player = LibraryPlayer(schedule_of(seed))
        player.safety()
        player.liveness()

        there: list[Any] = [player.inhabitant(node.name) for node in player.world.alive()]
        ever: list[Any] = list(player.inhabitants.values())
        lists = [list(each.list()) for each in there]
        left = [tuple(title) for title, _ in lists[0]]
        made, deleted = (set().union(*(getattr(each, name) for each in ever)) for name in ("made", "deleted"))
        sure = set().union(*(each.made for each in there)) - deleted
        assert lists == [lists[0]] * len(lists), seed
        assert len(left) == len(set(left)), seed
        assert sure <= set(left) <= made, seed
        assert all(each.dict().snapshot() == there[0].dict().snapshot() for each in there), seed
        noted = list(there[0].dict()["log"].value()) if any(each.noted for each in there) else []
        assert set().union(*(each.noted for each in there)) <= set(noted), seed
        assert len(noted) == len(set(noted)), seed
        count = there[0].dict().get("n", 0)
        assert sum(each.added for each in there) <= count <= sum(each.added for each in ever), seed
