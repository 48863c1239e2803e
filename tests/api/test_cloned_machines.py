"""A machine that was copied while it ran: two go on as one peer, until each hears the other."""

from __future__ import annotations

import os
import socket

from gossamer.wire.framing import body
from gossamer.wire.sealing import Sealer


def speak_as(mesh):
    """Send a datagram as the copy of this peer does, after it has sent some more than we have."""
    twin = Sealer([mesh.arguments.keys()], mesh.driver.sealer.boot, os.urandom)
    while twin.packets_sealed <= mesh.driver.sealer.packets_sealed + 100:
        datagram = twin.seal(body([]))
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(datagram, ("127.0.0.1", mesh.network.unicast_port))


def test_a_peer_that_hears_its_copy_goes_on_as_somebody_new_and_loses_nothing(join, eventually):
    one, other = join("one"), join("other")
    one["mine"], other["theirs"] = 1, 2
    one.settled(timeout=10)
    boot, id_ = one.replica.identity.boot, one.me.id
    heard = []
    one.on("*", heard.append)

    speak_as(one)
    eventually(lambda: one.me.id != id_, within_s=10)
    other.wait(lambda mesh: {peer.id for peer in mesh.peers} == {one.me.id}, timeout=20)
    other["theirs"] = 3
    one.wait(lambda mesh: mesh["theirs"] == 3, timeout=10)
    one["mine"] = 4
    one.settled(timeout=10)

    assert one.replica.identity.boot != boot
    assert (other["mine"], other["theirs"]) == (4, 3)
    eventually(lambda: [change.new for change in heard if change.key == "theirs"] == [3], within_s=10)


def test_what_another_thread_writes_while_a_peer_begins_anew_arrives(join, eventually):
    one, other = join("one"), join("other")
    one["first"] = 0
    one.settled(timeout=10)
    id_ = one.me.id

    speak_as(one)
    written = 0
    while one.me.id == id_ or written < 500:
        one[f"key/{written}"] = written
        written += 1
    other.wait(lambda mesh: len(mesh) == written + 1, timeout=20)

    assert other[f"key/{written - 1}"] == written - 1


def test_who_waits_for_others_to_know_goes_on_waiting(join, eventually):
    one = join("one")
    one["mine"] = 1
    id_ = one.me.id

    speak_as(one)
    eventually(lambda: one.me.id != id_, within_s=10)
    other = join("other")
    one.wait(lambda mesh: mesh.peers, timeout=10)
    one.settled("mine", timeout=10)

    assert other["mine"] == 1


async def test_a_mesh_in_a_trio_program_begins_anew_in_its_loop(open_mesh):
    async with open_mesh("one") as one, open_mesh("other") as other:
        await other.wait(lambda mesh: mesh.peers, timeout=10)
        one["mine"], id_ = 1, one.me.id

        speak_as(one)
        await one.wait(lambda mesh: mesh.me.id != id_, timeout=10)
        await other.wait(lambda mesh: {peer.id for peer in mesh.peers} == {one.me.id}, timeout=20)
        one["mine"] = 2
        await one.settled(timeout=10)

        assert other["mine"] == 2
