"""A thread that writes without a pause lets the loop send."""

from __future__ import annotations

import threading

import trio

from gossamer.net import turns
from gossamer.net.turns import Turns


async def test_after_a_turn_the_loop_has_done_all_that_it_could(monkeypatch):
    monkeypatch.setattr(turns, "TURN_S", 3600.0)
    turn, token = Turns(), trio.lowlevel.current_trio_token()
    trio.lowlevel.add_instrument(turn)
    bell, rung, seen = trio.Event(), [], []

    async def task():
        await bell.wait()
        for step in range(50):
            await trio.lowlevel.checkpoint()
            rung.append(step)

    def compute():
        token.run_sync_soon(bell.set)
        turn.give()
        seen.append(len(rung))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(task)
        await trio.to_thread.run_sync(compute)
    trio.lowlevel.remove_instrument(turn)

    assert seen == [50]


async def test_several_threads_that_give_a_turn_at_once_all_go_on_when_the_loop_rests(monkeypatch):
    monkeypatch.setattr(turns, "TURN_S", 3600.0)
    turn = Turns()
    trio.lowlevel.add_instrument(turn)

    def give_many():
        for _ in range(200):
            turn.give()

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(trio.to_thread.run_sync, give_many)
    trio.lowlevel.remove_instrument(turn)


async def test_a_loop_that_is_stuck_holds_nobody_up_for_long():
    turn = Turns()
    given = threading.Event()

    def compute():
        turn.give()
        given.set()

    thread = threading.Thread(target=compute)
    thread.start()

    assert given.wait(30)  # in the loop's own thread, which cannot go round meanwhile
    thread.join()


async def test_in_the_loops_own_thread_there_is_nothing_to_wait_for(monkeypatch):
    monkeypatch.setattr(turns, "TURN_S", 3600.0)

    Turns().give()


def test_when_the_loop_has_ended_there_is_nothing_to_wait_for(monkeypatch):
    monkeypatch.setattr(turns, "TURN_S", 3600.0)

    async def main():
        return Turns()

    turn = trio.run(main)
    thread = threading.Thread(target=turn.give)
    thread.start()
    thread.join(30)

    assert not thread.is_alive()
