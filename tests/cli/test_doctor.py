"""The doctor tries things, tells what it found, and what to do; with a network and without."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys

import pytest


def test_a_healthy_host_and_mesh_are_called_so(gossamer, join):
    join("holder")

    ran = gossamer("doctor", "--timeout", "0.5", "--json")

    assert ran.code == 0, ran.out
    found = ran.json
    assert found["healthy"]
    assert found["stream"]
    assert [peer["name"] for peer in found["peers"]] == ["holder"]
    assert abs(found["peers"][0]["clock_offset_s"]) < 1
    assert next(row for row in found["interfaces"] if row["loopback"])["multicast"]
    assert found["versions"]["trio"]
    assert found["foreign"] == []


def test_for_people_each_finding_is_a_line_and_what_to_do_another(gossamer):
    ran = gossamer("doctor", "--timeout", "0.1")

    assert ran.code == 0
    assert "a datagram sent to" in ran.out
    assert "no other peer" in ran.out
    assert "-> start another program with the same name" in ran.out


def test_without_a_mesh_the_host_is_examined_all_the_same(gossamer, monkeypatch):
    monkeypatch.delenv("GOSSAMER_MESH")

    ran = gossamer("doctor", "--timeout", "0.1")

    assert ran.code == 0
    assert "none was named" in ran.out


def test_other_meshes_are_counted_by_tag_and_address(gossamer, join):
    one, other = join("one", name="one mesh"), join("other", name="another mesh")

    heard = gossamer("doctor", "--timeout", "0.8", "--json").json["foreign"]

    assert {row["tag"] for row in heard} == {one.mesh_tag.hex(), other.mesh_tag.hex()}
    assert {row["host"] for row in heard} == {"127.0.0.1"}
    assert all(row["datagrams"] > 0 for row in heard)


def test_a_static_peer_that_does_not_answer_is_a_problem(gossamer, mesh_port):
    nobody = f"127.0.0.1:{mesh_port - 1}"

    ran = gossamer("doctor", "--timeout", "0.1", "--peer", nobody, "--json")

    assert ran.code == 1
    assert not ran.json["static_peers"][nobody]["reached"]
    (finding,) = [finding for finding in ran.json["findings"] if finding["level"] == "problem"]
    assert nobody in finding["says"]
    assert "is it running" in finding["do"]


def test_a_static_peer_of_our_mesh_answers_and_one_of_another_refuses(gossamer, join):
    ours, other = join("ours"), join("other", name="another mesh")
    addresses = [f"127.0.0.1:{mesh.network.stream_port}" for mesh in (ours, other)]

    found = gossamer("doctor", "--timeout", "0.1", "--peer", addresses[0], "--peer", addresses[1], "--json").json

    assert found["static_peers"][addresses[0]]["reached"]
    assert found["static_peers"][addresses[1]]["refused"]
    assert "same name and secret" in str(found["findings"])


def test_a_port_that_another_program_keeps_to_itself_is_a_problem(gossamer, mesh_port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as greedy:
        greedy.bind(("0.0.0.0", mesh_port))

        ran = gossamer("doctor", "--timeout", "0.1")

    assert ran.code == 1
    assert f"UDP port {mesh_port}" in ran.out
    assert "--port" in ran.out


def test_a_host_key_that_others_can_read_is_a_problem(gossamer, private_directories):
    state = private_directories / "state"
    state.mkdir(mode=0o700)
    key = state / "host.key"
    key.write_bytes(secrets.token_bytes(32))
    key.chmod(0o644)

    ran = gossamer("doctor", "--timeout", "0.1")

    assert ran.code == 1
    assert "could be read by others" in ran.out


def test_a_runtime_directory_of_everybody_is_a_problem(gossamer, private_directories):
    (private_directories / "runtime").mkdir()
    (private_directories / "runtime").chmod(0o777)

    ran = gossamer("doctor", "--timeout", "0.1")

    assert ran.code == 1
    assert "GOSSAMER_RUNTIME_DIR" in ran.out


def test_a_passphrase_that_can_be_guessed_is_noted(gossamer, monkeypatch):
    monkeypatch.setenv("GOSSAMER_SECRET", "sesame")

    assert "can be guessed" in gossamer("doctor", "--timeout", "0.1").out


@pytest.mark.netns
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
def test_without_any_network_the_doctor_says_so_and_what_to_do():
    command = ["unshare", "-rn", sys.executable, "-m", "gossamer", "doctor", "--timeout", "0.1", "--json"]

    ran = subprocess.run(command, env=os.environ | {"GOSSAMER_MESH": "lab"}, capture_output=True, text=True, timeout=30)

    assert ran.returncode == 1, ran.stderr
    assert "bring up the network" in str(json.loads(ran.stdout)["findings"])
    assert "Traceback" not in ran.stderr
