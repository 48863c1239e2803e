"""How peers find each other: by multicast, by a file of this host, by an address; and who never meets."""

from __future__ import annotations

import logging
import os
import socket
import stat
from pathlib import Path

import pytest

import gossamer
from gossamer.wire.secret import new_token


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Deaf:
    """A network on which multicast does not exist, as in many containers, VPNs and Wi-Fis."""

    has_multicast = False

    def __init__(self, network):
        self._network = network

    def __getattr__(self, name):
        return getattr(self._network, name)

    def multicast(self, datagram):
        return False

    async def receive(self, on):
        await self._network.receive(lambda datagram, source, multicast: multicast or on(datagram, source, multicast))

    async def refresh(self):
        return False


PROGRAM = """
started = time.monotonic()
mesh = SECOND
mesh["second"] = mesh.snapshot().get("first")
say(mesh["first"], mesh["second"])
mesh.wait(lambda m: "reply" in m, timeout=5)
say(time.monotonic() - started)
"""


SOON_S = 5.0
"""On a quiet machine it takes two thirds of a second; of a busy one nothing more can be asked."""


def test_two_processes_see_each_others_writes_soon_after_the_second_starts(join, script):
    first = join("first")
    first["first"] = 1
    program = script(PROGRAM.replace("SECOND", 'join("second", options=gossamer.Options())'))
    first.wait(lambda mesh: "second" in mesh, timeout=10)
    first["reply"] = True

    assert program.says() == "1 1"
    assert float(program.says()) < SOON_S


def test_so_do_two_without_any_multicast_by_a_file_that_each_leaves(join, script):
    options = gossamer.Options()  # the defaults: this is what a user waits for
    first = join("first", wrap=Deaf, options=options)
    first["first"] = 1
    program = script(
        """
        from gossamer.blocking import BlockingMesh
        from gossamer.handle import Arguments
        sys.path.insert(0, HERE)
        from test_meeting import Deaf
        def join(nickname):
            return BlockingMesh(Arguments(NAME, port=PORT, nickname=nickname, wrap=Deaf))
        """.replace("HERE", repr(str(Path(__file__).parent)))
        .replace("NAME", repr(first.name))
        .replace("PORT", str(first.arguments.port))
        .replace("\n        ", "\n")
        + PROGRAM.replace("SECOND", 'join("second")')
    )
    first.wait(lambda mesh: "second" in mesh, timeout=10)
    first["reply"] = True

    assert program.says() == "1 1"
    assert float(program.says()) < SOON_S
    assert first.statistics()["multicasts received"] == 0


def test_without_multicast_everything_works_by_streams(join):
    ada, bob, eve = (join(name, wrap=Deaf) for name in ("ada", "bob", "eve"))
    for mesh in (ada, bob, eve):
        mesh.wait(lambda m: len(m.peers) == 2, timeout=5)
    for number in range(1000):
        ada[number % 10] = bob["x"] = number
    for mesh in (ada, bob):
        mesh.settled(timeout=10)

    assert ada == bob == eve
    assert eve["x"] == 999
    eve.close()
    ada.wait(lambda m: len(m.peers) == 1, timeout=1)


def test_a_peer_without_multicast_and_peers_that_have_it_share_a_mesh(join):
    ada, bob, deaf = join("ada"), join("bob"), join("deaf", wrap=Deaf)
    for mesh in (ada, bob, deaf):
        mesh.wait(lambda m: len(m.peers) == 2, timeout=5)
    ada["a"], bob["b"], deaf["d"] = 1, 2, 3
    for mesh in (ada, bob, deaf):
        mesh.wait(lambda m: dict(m) == {"a": 1, "b": 2, "d": 3}, timeout=5)


def test_one_static_address_is_enough(join, tmp_path, monkeypatch):
    first = join("first", wrap=Deaf)
    second = join("second", wrap=Deaf)
    monkeypatch.setenv("GOSSAMER_RUNTIME_DIR", str(tmp_path / "elsewhere"))  # no file tells of the others
    third = join("third", wrap=Deaf, peers=(f"127.0.0.1:{first.network.stream_port}",))
    first["x"] = 1
    third.wait(lambda mesh: mesh.get("x") == 1 and len(mesh.peers) == 2, timeout=5)
    third["y"] = 2
    second.wait(lambda mesh: mesh.get("y") == 2 and len(mesh.peers) == 2, timeout=5)


def test_a_static_peer_may_come_later(join, tmp_path, monkeypatch, stopwatch):
    port = free_port()
    early = join("early", wrap=Deaf, peers=("localhost:1", f"localhost:{port}"))
    assert stopwatch() < 0.9  # who refuses is not waited for
    monkeypatch.setenv("GOSSAMER_RUNTIME_DIR", str(tmp_path / "elsewhere"))
    late = join("late", wrap=Deaf, port=port)
    early["x"] = 1

    late.wait(lambda mesh: "x" in mesh, timeout=10)


def test_a_static_peer_whose_name_nobody_knows_is_said_once(join, caplog):
    with caplog.at_level(logging.WARNING, "gossamer"):
        join(peers=("nowhere.invalid",)).wait(lambda mesh: "no address" in caplog.text, timeout=10)

    assert caplog.text.count("nowhere.invalid") >= 1


def test_the_port_of_streams_may_be_taken(join, mesh_port, patient):
    with socket.create_server(("127.0.0.1", mesh_port)):
        ada, bob = join("ada"), join("bob")
        assert ada.network.stream_port != mesh_port
        ada.update({number: number for number in range(3000)})
        eve = join("eve", options=patient)

        assert eve == ada
        bob.wait(lambda mesh: len(mesh) == 3000, timeout=5)


def test_where_another_program_holds_the_multicast_port_peers_meet_by_their_files(join, mesh_port):
    with socket.socket(type=socket.SOCK_DGRAM) as selfish:
        selfish.bind(("", mesh_port))
        ada, bob = join("ada"), join("bob")
        ada["x"] = 1
        bob.wait(lambda mesh: "x" in mesh, timeout=5)

        assert not ada.status().multicast
        assert not bob.status().multicast


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes where it likes")
def test_a_runtime_directory_that_cannot_be_written_costs_a_warning_and_multicast_still_works(join, tmp_path, caplog):
    (tmp_path / "runtime").mkdir(mode=0o500)
    with caplog.at_level(logging.WARNING, "gossamer"):
        ada, bob = join("ada"), join("bob")
        ada["x"] = 1
        bob.wait(lambda mesh: "x" in mesh, timeout=5)

    assert "no file could be written" in caplog.text


def test_a_runtime_directory_that_is_a_file_costs_a_warning_and_multicast_still_works(join, tmp_path, caplog):
    (tmp_path / "runtime").touch()
    with caplog.at_level(logging.WARNING, "gossamer"):
        ada, bob = join("ada"), join("bob")
        ada["x"] = 1
        bob.wait(lambda mesh: "x" in mesh, timeout=5)

    assert "no file could be written" in caplog.text


def test_a_mesh_of_this_host_is_sealed_by_a_file_that_only_its_user_can_read(join, tmp_path):
    join()
    (key,) = (tmp_path / "state").glob("host.key")

    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_closing_takes_the_file_of_this_host_away(join, tmp_path):
    mesh = join()
    files = lambda: list((tmp_path / "runtime").glob("*.json"))  # noqa: E731
    assert len(files()) == 1
    mesh.close()

    assert files() == []


SECRETS = {name: new_token(os.urandom) for name in ("one", "other")}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"secret": SECRETS["one"]}, {"secret": SECRETS["other"]}),
        ({"name": "lab one"}, {"name": "lab two"}),
        ({"secret": SECRETS["one"]}, {}),
        ({"secret": SECRETS["one"]}, {"insecure_lan": True}),
        ({}, {"insecure_lan": True}),
    ],
    ids=["other secret", "other name", "none", "insecure", "host and insecure"],
)
def test_meshes_of_another_secret_or_name_never_mix_and_the_log_says_what_to_do(
    join, first, second, caplog, eventually, mesh_port
):
    with caplog.at_level(logging.INFO, "gossamer"):
        ada, bob = join("ada", **lan(first)), join("bob", **lan(second, peers=(f"127.0.0.1:{mesh_port}",)))
        ada["a"], bob["b"] = 1, 2
        eventually(lambda: bob.foreign() or "refused" in caplog.text or "not of our mesh" in caplog.text)
        ada["c"], bob["d"] = 3, 4

    assert (dict(ada), dict(bob)) == ({"a": 1, "c": 3}, {"b": 2, "d": 4})
    assert (ada.peers, bob.peers) == (frozenset(), frozenset())
    advice = [record.getMessage() for record in caplog.records if "secret" in record.getMessage()]
    assert advice
    assert len(advice) == len(set(advice))


def lan(arguments, **more):
    """A mesh with a secret may multicast on the LAN; in tests, keep it on the loopback."""
    return {**arguments, **more, "interfaces": ("127.0.0.1",)} if "name" not in arguments else {**arguments, **more}


def test_a_secret_makes_a_mesh_of_those_who_know_it(join):
    ada = join("ada", secret=SECRETS["one"], interfaces=("127.0.0.1",))
    bob = join("bob", secret=SECRETS["one"], interfaces=("127.0.0.1",))
    ada["x"] = 1
    bob.wait(lambda mesh: mesh.get("x") == 1, timeout=5)
    bob.update({number: number for number in range(2000)})
    ada.wait(lambda mesh: len(mesh) == 2001, timeout=5)


def test_peers_that_come_and_go_leave_the_others_in_step(join, eventually):
    stays = join("stays")
    for number in range(5):
        with join(f"guest {number}") as guest:
            guest[number] = number
            guest.settled(timeout=5)
    eventually(lambda: not stays.peers)

    assert stays == {number: number for number in range(5)}
    assert [row.presence for row in stays.status().peers] == ["left"] * 5


def test_a_peer_that_is_stopped_and_goes_on_is_missed_and_welcomed_back(join, script):
    import signal

    stays = join("stays")
    program = script("mesh = join(); mesh['x'] = 1; say('here'); mesh.wait(lambda m: m.get('x') == 2); say('back')")
    program.says()
    stays.wait(lambda mesh: mesh.peers, timeout=5)
    program.process.send_signal(signal.SIGSTOP)
    stays.wait(lambda mesh: not mesh.peers, timeout=10)
    stays["x"] = 2
    program.process.send_signal(signal.SIGCONT)

    assert program.says() == "back"
    stays.wait(lambda mesh: mesh.peers or all(row.presence == "left" for row in mesh.status().peers), timeout=5)


def test_joining_alone_takes_no_longer_than_settling(join, stopwatch):
    started = stopwatch()
    join(options=gossamer.Options(settle_s=0.1))

    assert 0.1 <= stopwatch() - started < 0.4
