"""Channels between real programs: over sockets, in threads and in trio."""

from __future__ import annotations

import threading

import pytest
import trio

import gossamer


def test_what_one_script_sends_another_gets_in_order(join):
    ada, bob = join("ada").channel("fred"), join("bob").channel("fred")

    for data in ("x", 1, None, "", [1, {"a": 2}]):
        ada.send(data)

    assert [bob.get(timeout=5) for _ in range(5)] == ["x", 1, None, "", [1, {"a": 2}]]


def test_several_arguments_arrive_as_a_tuple_and_none_differs_from_empty(join):
    ada, bob = join("ada").channel("fred"), join("bob").channel("fred")

    ada.send(1, "two")
    ada.send(())
    ada.send()
    ada.send("")

    assert [bob.get(timeout=5) for _ in range(4)] == [(1, "two"), (), None, ""]
    assert bob.get(wait=False, default="nothing") == "nothing"
    with pytest.raises(gossamer.ChannelEmpty):
        bob.get(wait=False)
    with pytest.raises(gossamer.MeshTimeout):
        bob.get(timeout=0.05)


def test_send_can_wait_until_it_was_consumed(join, eventually):
    ada, bob = join("ada").channel("fred"), join("bob").channel("fred")
    consumed = threading.Event()
    sender = threading.Thread(target=lambda: (ada.send("x", wait=True, timeout=10), consumed.set()))
    sender.start()

    assert bob.check(wait=True, timeout=5)
    assert not consumed.is_set(), "that somebody looks consumes nothing"
    assert bob.get(timeout=5) == "x"
    assert consumed.wait(5)
    sender.join(5)
    with pytest.raises(gossamer.MeshTimeout):
        ada.send("y", wait=True, timeout=0.05)
    assert ada.unfinished == 1
    assert bob.check(wait=True, timeout=5)
    eventually(bob.check)


def test_two_processes_take_each_message_once(join, script):
    here = join("here")
    channel = here.channel("work")
    takers = [
        script(
            f"""
            mesh = join("taker {number}")
            say("ready")
            for n in mesh.channel("work"):
                if n is None:
                    break
                mesh["taken", n] = {number}
            mesh.settled(timeout=5)
            say("done")
            """
        )
        for number in range(2)
    ]
    assert [taker.says() for taker in takers] == ["ready", "ready"]

    for n in range(100):
        channel.send(n)
    channel.drain(timeout=10)
    channel.send(None)
    channel.send(None)

    assert [taker.says() for taker in takers] == ["done", "done"]
    here.wait(lambda mesh: len(mesh) == 100, timeout=5)
    assert set(here) == {("taken", n) for n in range(100)}
    assert not here.conflicts(), "none was taken twice"


def test_what_a_taker_holds_when_it_is_killed_another_takes(join, script, patient):
    here = join("here", options=patient)
    channel = here.channel("work")
    program = script(
        """
        with join("taker").channel("work").taking(timeout=20) as n:
            say("took", n)
            time.sleep(60)
        """
    )
    channel.send(1)
    channel.send(2)
    assert program.says() == "took 1"
    assert channel.get(timeout=5) == 2

    program.kill()

    assert channel.get(timeout=15) == 1


def test_a_message_whose_block_raises_goes_to_another(join):
    ada, bob = join("ada").channel("fred"), join("bob").channel("fred")
    ada.send("x")

    with pytest.raises(ZeroDivisionError), bob.taking(timeout=5):
        raise ZeroDivisionError

    assert ada.get(timeout=5) == "x"


def test_two_megabytes_arrive_whole(join):
    ada, bob = join("ada").channel("fred"), join("bob").channel("fred")
    data = bytes(range(256)) * 8192

    ada.send(data, timeout=5)

    assert bob.get(timeout=10) == data
    assert bob.get(wait=False, default=None) is None
    small = join("cyd", options=gossamer.Options(value_bytes_max=1000)).channel("fred")
    with pytest.raises(gossamer.ValueTooLarge, match="value_bytes_max"):
        small.send(bytes(1001))


def test_a_full_channel_makes_its_sender_wait_or_tells_it(join):
    ada, bob = join("ada").channel("fred", capacity=2), join("bob").channel("fred")
    ada.send(1)
    ada.send(2)

    with pytest.raises(gossamer.ChannelFull, match="is anybody receiving"):
        ada.send(3, timeout=0)
    sender = threading.Thread(target=ada.send, args=(4,))
    sender.start()
    got = [bob.get(timeout=5) for _ in range(3)]
    sender.join(5)

    assert got == [1, 2, 4]


def test_every_subscriber_gets_every_message(join):
    meshes = [join(name) for name in ("ada", "bob", "cyd")]
    channels = [mesh.channel("news", mode="subscribe") for mesh in meshes]
    for mesh, channel in zip(meshes, channels, strict=True):
        channel.subscribe()
        mesh.settled(timeout=5)

    for n in range(200):
        channels[0].send(n)

    assert [[channel.get(timeout=5) for _ in range(200)] for channel in channels] == [list(range(200))] * 3
    channels[0].drain(timeout=5)


def test_what_is_sent_while_nobody_subscribes_reaches_nobody(join):
    ada, bob = join("ada").channel("news", mode="subscribe"), join("bob").channel("news", mode="subscribe")

    ada.send("early", wait=True, timeout=5)
    bob.subscribe()

    assert bob.get(timeout=0.1, default=None) is None


def test_closing_wakes_whoever_waits(join):
    mesh = join("ada")
    channel, ends = mesh.channel("fred"), []

    def wait():
        ends.append(list(channel))

    waiter = threading.Thread(target=wait)
    waiter.start()
    channel.close()
    waiter.join(5)

    assert ends == [[]]
    with pytest.raises(gossamer.MeshClosed):
        channel.get()
    with pytest.raises(gossamer.MeshClosed):
        channel.send(1)
    fresh = mesh.channel("fred")
    fresh.send(2)
    assert fresh.get(timeout=5) == 2
    mesh.close()
    with pytest.raises(gossamer.MeshClosed):
        fresh.send(1)


def test_what_is_unconsumed_when_its_sender_closes_is_lost_and_the_log_says_so(join, caplog):
    ada, bob = join("ada"), join("bob")
    ada.channel("fred").send(1)

    ada.close()

    assert "1 messages of channel 'fred' were not consumed: they are lost" in caplog.text
    assert bob.channel("fred").get(timeout=0.1, default=None) is None


def test_a_channel_refuses_what_makes_no_sense(join):
    mesh = join("ada")

    for wrong in ({"name": ""}, {"name": "x", "mode": "y"}, {"name": "x", "capacity": 0}):
        with pytest.raises(gossamer.ConfigurationError):
            mesh.channel(**wrong)
    with pytest.raises(gossamer.UnsendableValue):
        mesh.channel("x").send(object())
    assert mesh.channel("x").unfinished == 0


async def test_trio_programs_send_and_take(open_mesh):
    async with open_mesh("ada") as ada, open_mesh("bob") as bob:
        sending, taking = ada.channel("fred", capacity=10), bob.channel("fred")

        async def send():
            for n in range(100):
                await sending.send(n)
            await sending.drain()
            sending.close()

        got = []
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send)
                async for n in taking:
                    got.append(n)
                    if n == 99:
                        break

        assert got == list(range(100))


async def test_cancelling_a_get_takes_nothing(open_mesh):
    async with open_mesh("ada") as ada, open_mesh("bob") as bob:
        sending, taking = ada.channel("fred"), bob.channel("fred")
        for round_ in range(30):
            with trio.move_on_after(0.0005 * round_):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(taking.get)
                    nursery.start_soon(sending.send, round_)
                    await trio.sleep_forever()
        with trio.fail_after(20):
            await sending.send("end")
            while await taking.get() != "end":
                pass
            await sending.drain()


def test_a_channel_in_a_forked_child_is_its_own(join, script):
    here = join("here").channel("up")
    program = script(
        """
        import warnings; warnings.simplefilter("ignore", DeprecationWarning)
        mesh = join("parent")
        channel = mesh.channel("up")
        channel.send("parent")
        child = os.fork()
        if not child:
            channel.send("child", wait=True, timeout=10)
            sys.exit()
        status = os.waitpid(child, 0)[1]
        assert status == 0, status
        channel.drain(timeout=5)
        say("done")
        """
    )

    assert {here.get(timeout=10), here.get(timeout=10)} == {"parent", "child"}
    assert program.says() == "done"


def test_what_was_got_is_consumed_though_whoever_got_it_closes_at_once(join, patient):
    sender = join("sender", options=patient).channel("fred")
    for n in range(10):
        sender.send(n)

    got = []
    for number in range(5):
        taker = join(f"taker {number}", options=patient)
        got.append(taker.channel("fred").get(timeout=5))
        taker.close()
        taker = join(f"worker {number}", options=patient)
        with taker.channel("fred").taking(timeout=5) as message:
            got.append(message)
        taker.close()

    assert got == list(range(10))
    sender.drain(timeout=5)


def test_a_subscriber_hears_before_it_says_so_or_its_first_message_would_count_as_consumed(join):
    mesh, may_go_on = join(), threading.Event()
    mesh.in_loop(lambda: may_go_on.wait(10))  # its loop is busy

    heard = mesh.channel("news", mode="subscribe").subscribe()
    line = mesh._lines.line("news", "subscribe", 1)
    said, hears = line.present("hear"), mesh.replica.inlets.level(line.channel)[1]
    may_go_on.set()

    assert len(said) == 1
    assert hears
    mesh.channel("news", mode="subscribe").send("one")
    assert heard.get(timeout=10) == "one"
