"""Iterating never fails because somebody else deletes: and what is gone is shown to nobody else, nor twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import trio


@pytest.fixture
def elsewhere():
    """Run something in another thread, as a peer's write is applied in another."""
    with ThreadPoolExecutor(1) as threads:
        yield lambda call, *args: threads.submit(call, *args).result()


def test_the_key_at_which_an_iteration_stands_can_be_read_though_another_thread_deletes_it(mapping, elsewhere):
    mapping.update(a=1, b=2, c=3)
    read = {}
    for key in mapping:
        elsewhere(mapping.clear)
        assert key not in mapping
        read[key] = mapping[key]

    assert read == {"a": 1, "b": 2, "c": 3}
    assert mapping.get("c") is None


def test_nested_iterations_do_not_disturb_each_other(mapping, elsewhere):
    mapping.update(a=1, b=2)
    pairs = []
    for outer in mapping:
        for inner in reversed(mapping):
            elsewhere(mapping.clear)
            pairs.append((mapping[outer], mapping[inner]))

    assert pairs == [(1, 2), (1, 1)]


@pytest.mark.parametrize("scoped", [False, True])
def test_a_dict_made_of_a_mesh_never_fails(mapping, elsewhere, scoped):
    mapping.update({"s/a": 1, "s/b": 2, "s/c": 3})
    view = mapping.scope("s") if scoped else mapping
    keys = list(view.keys())
    elsewhere(mapping.clear)

    assert [view[key] for key in keys] == [1, 2, 3]  # what dict() does after it has taken the keys
    for key in keys:
        with pytest.raises(KeyError):
            view[key]


def test_who_iterates_and_deletes_finds_it_deleted(mapping):
    mapping.update(a=1, b=2)
    for key in mapping:
        del mapping[key]
        with pytest.raises(KeyError):
            mapping[key]
    mapping.update(a=1)
    for key in mapping.keys():  # noqa: SIM118
        assert mapping.pop(key) == 1
    with pytest.raises(KeyError):
        mapping["a"]


def test_what_is_gone_is_shown_to_no_other_thread(mapping, elsewhere):
    mapping["a"] = 1
    for key in mapping:
        elsewhere(mapping.clear)
        assert elsewhere(mapping.get, key) is None
        assert mapping.get(key) == 1


async def test_what_is_gone_is_shown_to_no_other_task(mapping, elsewhere):
    mapping["a"] = 1
    seen = []

    async def other(deleted):
        await deleted.wait()
        seen.append(mapping.get("a"))

    async with trio.open_nursery() as nursery:
        deleted = trio.Event()
        nursery.start_soon(other, deleted)
        for key in mapping:
            elsewhere(mapping.clear)
            deleted.set()
            await trio.testing.wait_all_tasks_blocked()
            assert mapping[key] == 1

    assert seen == [None]


def test_an_iteration_that_was_given_up_shows_nothing_any_more(mapping, elsewhere):
    mapping.update(a=1, b=2)
    assert next(iter(mapping)) == "a"
    elsewhere(mapping.clear)

    assert mapping.get("a") is None


def test_a_value_replaced_while_it_was_decoded_is_not_remembered(mapping, elsewhere, monkeypatch):
    from gossamer.views import reading as module

    mapping["a"] = [1]
    decode = module.decode_value

    def decode_slowly(data):
        monkeypatch.setattr(module, "decode_value", decode)
        elsewhere(mapping.__setitem__, "a", [2])
        return decode(data)

    monkeypatch.setattr(module, "decode_value", decode_slowly)
    assert mapping["a"] == [1]

    assert mapping["a"] == [2]


def test_an_iteration_shows_what_there_was_when_it_began(mapping):
    mapping.update(a=1, b=2)
    keys = iter(mapping)
    mapping["c"] = 3
    del mapping["a"]

    assert list(keys) == ["a", "b"]
