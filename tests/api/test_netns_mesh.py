"""Meshes in network namespaces of their own: no multicast at all, no network at all, and networks that come late."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

import gossamer
from gossamer.blocking import BlockingMesh
from gossamer.handle import Arguments

CLONE_NEWNET = 0x40000000
SECRET = "correct horse battery staple"


def reason_not_to_run() -> str:
    if not os.path.exists("/proc/thread-self/ns/net") or not shutil.which("ip"):
        return "needs Linux with iproute2"
    return "" if os.geteuid() == 0 else "needs root, or `unshare --user --map-root-user --net`, to make namespaces"


pytestmark = [pytest.mark.netns, pytest.mark.skipif(bool(reason_not_to_run()), reason=reason_not_to_run())]


class Host:
    """A thread in a network namespace of its own, in which everything stands still that is not started there.

    Threads that it starts, as a mesh does, are in its namespace too.
    """

    def __init__(self):
        self._jobs, self._ready, self._done = [], threading.Semaphore(0), threading.Semaphore(0)
        self._outcome = None
        self.thread_id = 0
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()
        self.run(lambda: None)

    def _live(self):
        failed = ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET)
        self.thread_id = threading.get_native_id()
        while True:
            self._ready.acquire()
            job = self._jobs.pop()
            if job is None:
                return
            try:
                assert not failed, "unshare"
                self._outcome = job(), None
            except BaseException as error:
                self._outcome = None, error
            self._done.release()

    def run(self, job):
        self._jobs.append(job)
        self._ready.release()
        assert self._done.acquire(timeout=40), "the host's job hangs"
        result, error = self._outcome
        if error is not None:
            raise error
        return result

    def ip(self, *arguments):
        command = ["ip", *" ".join(arguments).split()]
        self.run(lambda: subprocess.run(command, check=True, capture_output=True, text=True))

    def close(self):
        self._jobs.append(None)
        self._ready.release()
        self._thread.join(10)


@pytest.fixture
def host():
    hosts = []

    def make():
        hosts.append(Host())
        return hosts[-1]

    yield make
    for each in hosts:
        each.close()


@pytest.fixture
def join_on(mesh_name, options):
    """Join a mesh as a program on a host would."""
    meshes = []

    def join_on(host, nickname, **more):
        arguments = {"name": mesh_name, "options": options, "nickname": nickname} | more
        meshes.append(host.run(lambda: BlockingMesh(Arguments(**arguments))))
        return meshes[-1]

    yield join_on
    for mesh in meshes:
        mesh.close(0)


@pytest.fixture
def refresh_often(monkeypatch):
    monkeypatch.setattr("gossamer.net.driver.REFRESH_S", 0.1)


@pytest.fixture
def lan(host):
    """Two hosts with `eth0` on one link, 192.0.2.1 and .2, without any route beyond."""
    hosts = [host(), host()]
    hosts[0].ip("link add eth0 type veth peer name eth0 netns", str(hosts[1].thread_id))
    for number, each in enumerate(hosts, 1):
        each.ip("link set lo up")
        each.ip(f"addr add 192.0.2.{number}/24 dev eth0")
        each.ip("link set eth0 up")
    return hosts


def forbid_multicast(host):
    """Let nobody join a group."""
    host.run(lambda: Path("/proc/sys/net/ipv4/igmp_max_memberships").write_text("0"))


def test_without_any_network_a_mesh_works_alone_and_peers_meet_once_there_is_one(host, join_on, refresh_often):
    here = host()
    ada, bob = join_on(here, "ada"), join_on(here, "bob")
    ada["a"], bob["b"] = 1, 2
    assert (ada.peers, bob.peers) == (frozenset(), frozenset())
    assert "alone" in ada.status().why
    here.ip("link set lo up")

    ada.wait(lambda mesh: dict(mesh) == {"a": 1, "b": 2}, timeout=10)
    bob.wait(lambda mesh: dict(mesh) == {"a": 1, "b": 2}, timeout=10)
    ada.wait(lambda mesh: mesh.status().multicast, timeout=5)


def test_with_a_secret_too_a_mesh_works_without_any_network(host, join_on, refresh_often):
    here = host()
    ada = join_on(here, "ada", secret=SECRET)
    ada["a"] = 1
    ada.settled(timeout=1)

    assert dict(ada) == {"a": 1}


def test_two_peers_of_a_host_that_has_no_multicast_see_each_other_within_a_second(host, join_on, stopwatch):
    here = host()
    here.ip("link set lo up")
    forbid_multicast(here)
    ada = join_on(here, "ada", options=gossamer.Options())
    ada["a"] = 1
    began = stopwatch()
    bob = join_on(here, "bob", options=gossamer.Options())
    bob.wait(lambda mesh: mesh.get("a") == 1, timeout=5)
    bob["b"] = 2
    ada.wait(lambda mesh: mesh.get("b") == 2, timeout=5)

    assert stopwatch() - began < 1
    assert not ada.status().multicast
    assert ada.statistics()["multicasts received"] == 0
    for number in range(100):
        bob["b"] = number
    ada.wait(lambda mesh: mesh["b"] == 99, timeout=5)


def test_two_hosts_between_which_no_multicast_passes_meet_by_one_static_address(lan, join_on, tmp_path, monkeypatch):
    for each in lan:
        forbid_multicast(each)
    ada = join_on(lan[0], "ada", secret=SECRET, interfaces=("eth0",))
    monkeypatch.setenv("GOSSAMER_RUNTIME_DIR", str(tmp_path / "other host"))
    bob = join_on(lan[1], "bob", secret=SECRET, interfaces=("eth0",), peers=("192.0.2.1",))
    ada["a"], bob["b"] = 1, 2
    for mesh in (ada, bob):
        mesh.wait(lambda m: dict(m) == {"a": 1, "b": 2}, timeout=10)

    assert next(iter(bob.peers)).host == "192.0.2.1"


def test_two_hosts_on_a_link_without_any_route_meet_by_multicast(lan, join_on, tmp_path, monkeypatch):
    ada = join_on(lan[0], "ada", secret=SECRET)
    monkeypatch.setenv("GOSSAMER_RUNTIME_DIR", str(tmp_path / "other host"))
    bob = join_on(lan[1], "bob", secret=SECRET)
    ada["a"] = 1
    bob.wait(lambda mesh: mesh.get("a") == 1 and mesh.peers, timeout=10)

    assert next(iter(bob.peers)).host == "192.0.2.1"


def test_a_mesh_survives_its_link_going_down_and_up(lan, join_on, refresh_often, tmp_path, monkeypatch):
    ada = join_on(lan[0], "ada", secret=SECRET)
    monkeypatch.setenv("GOSSAMER_RUNTIME_DIR", str(tmp_path / "other host"))
    bob = join_on(lan[1], "bob", secret=SECRET)
    for mesh in (ada, bob):
        mesh.wait(lambda m: m.peers, timeout=10)
    lan[0].ip("link set eth0 down")
    ada["a"] = bob["b"] = "apart"
    for mesh in (ada, bob):
        mesh.wait(lambda m: not m.peers, timeout=10)
    lan[0].ip("link set eth0 up")
    for mesh in (ada, bob):
        mesh.wait(lambda m: m.peers and dict(m) == {"a": "apart", "b": "apart"}, timeout=20)
    ada["a"] = "together"

    bob.wait(lambda m: m["a"] == "together", timeout=5)


def test_a_mesh_follows_a_host_that_changes_its_address(lan, join_on, refresh_often, tmp_path, monkeypatch):
    ada = join_on(lan[0], "ada", secret=SECRET)
    monkeypatch.setenv("GOSSAMER_RUNTIME_DIR", str(tmp_path / "other host"))
    bob = join_on(lan[1], "bob", secret=SECRET)
    for mesh in (ada, bob):
        mesh.wait(lambda m: m.peers, timeout=10)
    lan[0].ip("addr del 192.0.2.1/24 dev eth0")
    lan[0].ip("addr add 192.0.2.77/24 dev eth0")
    ada.wait(lambda m: ("192.0.2.77", m.network.unicast_port) in m.network.unicast_addresses, timeout=5)
    ada["a"] = 1
    bob.wait(lambda m: m.get("a") == 1 and next(iter(m.peers)).host == "192.0.2.77", timeout=20)
    bob["b"] = 2
    ada.wait(lambda m: m.get("b") == 2, timeout=10)


def test_a_mesh_of_one_host_does_not_leave_it(lan, join_on, monkeypatch, tmp_path):
    ada = join_on(lan[0], "ada")
    monkeypatch.setenv("GOSSAMER_RUNTIME_DIR", str(tmp_path / "other host"))
    bob = join_on(lan[1], "bob", peers=("192.0.2.1",))
    ada["a"] = 1
    with pytest.raises(gossamer.MeshTimeout):
        bob.wait(lambda mesh: mesh.peers or mesh.foreign() or "a" in mesh, timeout=2)
    assert ada.foreign() == {}
