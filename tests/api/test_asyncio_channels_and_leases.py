"""Channels and leases of asyncio programs, shared with scripts."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

import gossamer


@pytest.fixture
def options(options):
    return replace(options, lease_dissemination_s=0.02, lease_margin_s=0.01)


def test_an_asyncio_program_and_a_script_send_to_each_other_in_order(run, enter, join):
    script = join("script")
    work, done = script.channel("work"), script.channel("done")

    def labour():
        for n in work:
            done.send(n * n)
            if n == 9:
                break

    async def program():
        async with enter("aio") as mesh:
            labouring = asyncio.create_task(asyncio.to_thread(labour))
            for n in range(10):
                await mesh.channel("work").send(n)
            await mesh.channel("work").drain(5)
            got = []
            async for square in mesh.channel("done"):
                got.append(square)
                if square == 81:
                    break
            await labouring
        return got

    assert run(program()) == [n * n for n in range(10)]


def test_cancelling_a_get_takes_nothing_and_a_block_that_raises_gives_it_back(run, enter):
    async def program():
        async with enter("ada") as ada, enter("bob") as bob:
            into, out = ada.channel("c"), bob.channel("c")
            getting = asyncio.create_task(out.get())
            await asyncio.sleep(0)
            getting.cancel()
            await asyncio.wait([getting])
            sending = asyncio.create_task(into.send("word", wait=True, timeout=10))
            with pytest.raises(LookupError, match="word"):
                await take_and_fail(out)
            assert not sending.done()
            assert await out.check(wait=True, timeout=5)
            assert await out.get(timeout=5) == "word"
            await sending
            with pytest.raises(gossamer.ChannelEmpty):
                await out.get(wait=False)
            with pytest.raises(gossamer.MeshTimeout):
                await out.get(timeout=0.01)
            assert await out.get(timeout=0.01, default=None) is None

    run(program())


def test_a_full_channel_makes_its_sender_wait_or_tells_it(run, enter):
    async def program():
        async with enter("ada") as ada, enter("bob") as bob:
            into = ada.channel("c", capacity=2)
            await into.send(1)
            await into.send(2)
            with pytest.raises(gossamer.ChannelFull):
                await into.send(3, timeout=0.01)
            third = asyncio.create_task(into.send(3))
            assert [await bob.channel("c").get(timeout=5) for _ in range(3)] == [1, 2, 3]
            await third

    run(program())


def test_every_subscriber_gets_every_message_and_closing_ends_the_iteration(run, enter, join):
    script = join("script").channel("news", mode="subscribe").subscribe()

    async def program():
        async with enter("ada") as ada, enter("bob") as bob:
            heard = bob.channel("news", mode="subscribe").subscribe()
            news = ada.channel("news", mode="subscribe")
            await ada.wait(lambda m: len(m._lines.line("news", "subscribe", 1).present("hear")) == 2, timeout=5)
            await news.send("one")
            await news.send("two")
            both = [await heard.get(timeout=5), await heard.get(timeout=5)]
            asyncio.get_running_loop().call_soon(heard.close)
            rest = [message async for message in heard]
            return both, rest, [await asyncio.to_thread(script.get, timeout=5) for _ in range(2)]

    assert run(program()) == (["one", "two"], [], ["one", "two"])


def test_closing_the_mesh_wakes_whoever_waits(run, enter):
    async def program():
        async with enter() as mesh:
            getting = asyncio.create_task(mesh.channel("c").get())
            holding = asyncio.create_task(mesh.quorum_lease("l", voters=["x", "y"]).acquire())
            await asyncio.sleep(0)
            await mesh.close()
            await asyncio.wait([getting, holding])
            return [type(task.exception()) for task in (getting, holding)]

    assert run(program()) == [gossamer.MeshClosed] * 2


def test_asyncio_programs_and_scripts_take_turns_under_a_lease(run, enter, join):
    script = join("script")

    async def program():
        async with enter("ada") as ada:
            await ada.wait(lambda m: m.peers, timeout=5)
            async with ada.advisory_lease("cron", ttl=30, timeout=5) as lease:
                assert lease.valid(margin=20)
                with pytest.raises(gossamer.LeaseHeld, match="ada"):
                    await asyncio.to_thread(script.advisory_lease("cron", ttl=30).acquire, 0.5)
                await lease.keep()
                assert await lease.renew()
                ada.fenced("robot").put("speed", 1, lease)
            assert not lease.valid()
            with script.advisory_lease("cron", ttl=30, timeout=10) as other:
                with pytest.raises(gossamer.LeaseHeld, match="script"):
                    await ada.advisory_lease("cron", ttl=30).acquire(timeout=0.2)
                return other.holder()

    assert run(program()) == "script"


def test_an_asyncio_program_is_elected_by_votes_and_told_in_its_loop_when_it_lost(run, enter, join):
    join("script")

    async def program():
        async with enter("ada") as ada:
            await ada.wait(lambda m: m.peers, timeout=5)
            loop, lost = asyncio.get_running_loop(), []
            lease = ada.quorum_lease("leader", voters=["ada", "script"], ttl=1, timeout=15)
            lease.on_lost(lambda: lost.append(asyncio.get_running_loop() is loop))
            async with lease:
                assert lease.token > 0
                assert await lease.renew()
                await lease.wait_lost(timeout=10)
                assert not await lease.renew()
                with pytest.raises(gossamer.LeaseLost):
                    await lease.keep()
                await ada.wait(lambda m: lost, timeout=5)
            return lost

    assert run(program()) == [True]


def test_a_task_that_is_cancelled_while_it_acquires_leaves_no_claim(run, enter, options):
    async def program():
        async with enter("ada", options=replace(options, lease_dissemination_s=5.0)) as ada:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await ada.advisory_lease("cron", ttl=30).acquire()
            return ada.advisory_lease("cron").holder()

    assert run(program()) is None


async def take_and_fail(channel):
    async with channel.taking(5) as message:
        raise LookupError(message)
