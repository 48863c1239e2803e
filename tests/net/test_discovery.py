"""Addresses by real zeroconf on the loopback: hints for those of one mesh, and no trouble for anyone."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from functools import partial

import pytest
import trio

from gossamer.net import discovery
from gossamer.net.discovery import discover

pytestmark = pytest.mark.timeout(30)


class Peer:
    """A peer that is announced on the loopback, and what it was hinted at."""

    def __init__(self, tag, port):
        self.port = port
        self.hints = []
        self.addresses = ["127.0.0.1"]
        self.discover = partial(
            discover,
            peer_id=os.urandom(16),
            tag=tag,
            stream_port=port,
            addresses=lambda: self.addresses,
            on_hint=self.hints.append,
            lonely=lambda: not self.hints,
        )


@pytest.fixture
def tag():
    return os.urandom(8)  # other tests, and other people's, use the same link


def zeroconf_threads():
    return [thread for thread in threading.enumerate() if thread.name == "gossamer-zeroconf"]


@pytest.fixture(autouse=True)
def no_thread_stays():
    yield
    for thread in zeroconf_threads():
        thread.join(5)
        assert not thread.is_alive()


async def test_two_peers_of_a_mesh_hint_each_other_at_their_streams_and_strangers_at_nothing(tag, until):
    alice, bob, stranger = Peer(tag, 5001), Peer(tag, 5002), Peer(os.urandom(8), 5003)
    async with trio.open_nursery() as nursery:
        for peer in alice, bob, stranger:
            nursery.start_soon(peer.discover)
        await until(lambda: alice.hints and bob.hints, within_s=10)
        nursery.cancel_scope.cancel()

    assert set(alice.hints) == {("127.0.0.1", 5002)}
    assert set(bob.hints) == {("127.0.0.1", 5001)}
    assert stranger.hints == []


async def test_a_peer_that_comes_later_is_found_too_and_finds(tag, until):
    early, late = Peer(tag, 5001), Peer(tag, 5002)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(early.discover)
        await trio.sleep(0.8)  # past the announcements of the first
        nursery.start_soon(late.discover)
        await until(lambda: early.hints and late.hints, within_s=10)
        nursery.cancel_scope.cancel()


async def test_who_is_lonely_asks_again_and_is_hinted_at_whom_it_knew(tag, until, monkeypatch):
    monkeypatch.setattr(discovery, "ASK_AGAIN_S", 0.5)
    monkeypatch.setattr(discovery, "_LOOK_FOR_CHANGES_S", 0.1)
    alice, bob = Peer(tag, 5001), Peer(tag, 5002)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(alice.discover)
        nursery.start_soon(bob.discover)
        await until(lambda: alice.hints, within_s=10)
        alice.hints.clear()
        await until(lambda: alice.hints, within_s=10)
        nursery.cancel_scope.cancel()


async def test_after_a_change_of_addresses_discovery_goes_on_at_the_new_ones(tag, until, monkeypatch):
    monkeypatch.setattr(discovery, "_LOOK_FOR_CHANGES_S", 0.05)
    alice, bob = Peer(tag, 5001), Peer(tag, 5002)
    alice.addresses = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(alice.discover)
        nursery.start_soon(bob.discover)
        await trio.sleep(0.1)
        assert zeroconf_threads()
        alice.addresses = ["127.0.0.1"]
        await until(lambda: alice.hints and bob.hints, within_s=10)
        nursery.cancel_scope.cancel()


async def test_where_zeroconf_cannot_work_the_log_says_so_once_and_discovery_just_waits(
    tag, until, caplog, monkeypatch
):
    monkeypatch.setattr(discovery, "ASK_AGAIN_S", 0.1)
    monkeypatch.setattr(discovery, "_LOOK_FOR_CHANGES_S", 0.05)
    caplog.set_level(logging.INFO, "gossamer.net")
    peer = Peer(tag, 5001)
    peer.addresses = ["203.0.113.77"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.discover)
        await until(lambda: caplog.records, within_s=10)
        await trio.sleep(0.5)
        nursery.cancel_scope.cancel()

    messages = [record.message for record in caplog.records if record.name == "gossamer.net"]
    assert len(messages) == 1
    assert "zeroconf does not work here" in messages[0]
    assert "peers are found without it" in messages[0]


@pytest.mark.parametrize("after_s", [0, 0.01, 0.1, 0.3, 0.7])
async def test_closing_is_quick_however_far_opening_had_come(tag, after_s):
    peer = Peer(tag, 5001)
    with trio.move_on_after(after_s):
        await peer.discover()

    began = time.perf_counter()
    with trio.CancelScope() as scope:
        scope.cancel()
        await peer.discover()
    assert time.perf_counter() - began < 0.6


def test_a_program_that_ends_in_the_middle_of_discovery_ends_at_once_with_nothing_on_stderr():
    program = (
        "import os, threading, time, trio\n"
        "from gossamer.net.discovery import discover\n"
        "def run():\n"
        "    trio.run(lambda: discover(peer_id=os.urandom(16), tag=bytes(8), stream_port=1,\n"
        "        addresses=lambda: ['127.0.0.1'], on_hint=print, lonely=lambda: True))\n"
        "threading.Thread(target=run, daemon=True).start()\n"
        "time.sleep(1)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=10, check=False)

    assert ended.stderr == ""
    assert ended.returncode == 0


def test_importing_discovery_imports_no_zeroconf():
    program = "import sys, gossamer.net.discovery; sys.exit('zeroconf' in sys.modules or 'asyncio' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
