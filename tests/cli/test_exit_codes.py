"""Each exit code, for what it promises; and that nothing is printed as data when a verb fails."""

from __future__ import annotations

import pytest

from gossamer.net.faults import FaultyNetwork


@pytest.fixture
def holder(join):
    mesh = join("holder")
    mesh["k"] = "v"
    return mesh


def test_0_a_verb_did_what_it_was_asked(gossamer, holder):
    assert gossamer("get", "k").code == 0


def test_1_the_key_is_not_there(gossamer, holder):
    ran = gossamer("get", "nothing")

    assert ran.code == 1
    assert ran.out == ""
    assert "there is no key 'nothing'" in ran.err


def test_1_no_key_matches(gossamer, holder):
    assert gossamer("ls", "nothing/*").code == 1
    assert gossamer("ls").code == 0


def test_2_the_command_line_cannot_be_meant(gossamer):
    assert gossamer("fly").code == 2
    assert gossamer("get").code == 2
    assert gossamer("get", "k", "--timeout", "soon").code == 2
    assert gossamer("ls", "--port", "0").code == 2
    assert gossamer("watch", "-n", "0").code == 2
    assert gossamer("demo", "--peers", "1").code == 2
    assert gossamer("set", "k", '{"$uuid": "no"}').code == 2


def test_2_no_mesh_is_named(gossamer, monkeypatch):
    monkeypatch.delenv("GOSSAMER_MESH")

    ran = gossamer("ls")

    assert ran.code == 2
    assert "GOSSAMER_MESH" in ran.err


@pytest.mark.parametrize(
    "argv", [["get", "k"], ["ls"], ["set", "k", "1"], ["del", "k"], ["peers"], ["conflicts"], ["wait", "k"]]
)
def test_3_nobody_is_there(argv, gossamer):
    ran = gossamer(*argv, "--timeout", "0.05")

    assert ran.code == 3
    assert ran.out == ""
    assert "Nothing was stored" in ran.err


def test_3_others_are_there_but_of_another_mesh(gossamer, holder, monkeypatch):
    monkeypatch.setenv("GOSSAMER_MESH", "another")

    ran = gossamer("get", "k", "--timeout", "1.7")

    assert ran.code == 3
    assert "other meshes" in ran.err


def test_4_what_was_waited_for_did_not_happen(gossamer, holder):
    ran = gossamer("wait", "k", "--equals", "other", "--timeout", "0.1")

    assert ran.code == 4
    assert 'it is "v"' in ran.err
    assert gossamer("wait", "nothing", "--timeout", "0.1").code == 4
    assert gossamer("watch", "-n", "1", "--timeout", "0.1").code == 4
    assert gossamer("watch", "--timeout", "0.1").code == 0


def test_4_nobody_confirmed_what_was_set(gossamer, join):
    networks = []

    def wrap(network):
        networks.append(FaultyNetwork(network, seed=1))
        return networks[-1]

    deaf = join("deaf", wrap=wrap)

    @deaf.on_join
    def cut(peer):
        """Hear the newcomer no more, as soon as it has heard us."""
        (member,) = deaf.replica.membership.members.values()
        networks[0].cut([member.peer], [member.address])

    ran = gossamer("set", "k", "1", "--timeout", "0.6")

    assert ran.code == 4
    assert "deaf" in ran.err
    assert "k" not in deaf


def test_5_a_key_or_a_value_is_refused(gossamer, holder):
    assert gossamer("set", "x" * 2000, "1").code == 5
    assert gossamer("set", "k", "1" * 3000).code == 5
    assert holder["k"] == "v"


def test_5_a_secret_file_that_others_can_read_is_refused(gossamer, tmp_path):
    path = tmp_path / "secret"
    path.write_text("gos1:whatever")
    path.chmod(0o644)

    ran = gossamer("ls", "--secret-file", str(path))

    assert ran.code == 5
    assert "chmod 600" in ran.err


def test_5_a_peer_that_was_named_has_another_secret(gossamer, holder, monkeypatch):
    monkeypatch.setenv("GOSSAMER_MESH", "another")

    ran = gossamer("get", "k", "--peer", f"127.0.0.1:{holder.network.stream_port}", "--timeout", "0.1")

    assert ran.code == 5
    assert "refused" in ran.err
