"""What each verb prints and does, in a mesh with one other peer."""

from __future__ import annotations

import json
import logging

import pytest

from gossamer.cli.arguments import VERBS
from gossamer.net.faults import FaultyNetwork

ANSWERED_AT_ONCE = {
    "peers": [],
    "ls": [],
    "get": ["bench/temp"],
    "set": ["new", "1"],
    "del": ["bench/temp"],
    "conflicts": [],
    "watch": ["--timeout", "0.1"],
    "wait": ["bench/temp"],
    "pub": ["door/opened", "3"],
    "sub": ["--timeout", "0.1"],
    "call": ["add", "1", "2"],
    "doctor": ["--timeout", "0.1"],
    "keygen": [],
    "config": [],
    "version": [],
}
OF_THEIR_OWN = {"demo", "simulate", "send", "recv"}
"""Verbs whose JSON is read in tests of their own."""


@pytest.fixture
def holder(join):
    mesh = join("holder")
    mesh["bench/temp"] = 21.5
    mesh["bench/pose"] = (1.0, 2.0)
    mesh["title"] = "warm"
    mesh.serve("add", lambda x, y=1: x + y)
    return mesh


def test_every_verb_is_covered_below():
    assert {verb.name for verb in VERBS} == set(ANSWERED_AT_ONCE) | OF_THEIR_OWN


@pytest.mark.parametrize("verb", ANSWERED_AT_ONCE)
def test_every_verb_prints_json_that_parses(verb, gossamer, holder):
    ran = gossamer(verb, *ANSWERED_AT_ONCE[verb], "--json")

    assert ran.code == 0, ran.err
    assert isinstance(ran.json_lines, list)
    assert verb in ("watch", "sub") or len(ran.json_lines) == 1


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_verb_explains_itself(verb, gossamer):
    ran = gossamer(verb.name, "--help")

    assert ran.code == 0
    assert "--json" in ran.out


def test_options_of_the_mesh_may_stand_before_the_verb(gossamer, holder, mesh_name):
    assert gossamer("-m", mesh_name, "get", "title").out == "warm\n"


# -- reading --------------------------------------------------------------------------------------


def test_ls_lists_keys_alone_so_that_a_script_can_loop_over_them(gossamer, holder):
    assert gossamer("ls").out.splitlines() == ["bench/pose", "bench/temp", "title"]
    assert gossamer("ls", "bench/*").out.splitlines() == ["bench/pose", "bench/temp"]


def test_ls_long_shows_values_and_who_wrote_them(gossamer, holder):
    lines = gossamer("ls", "-l", "bench/temp").out.splitlines()

    assert lines[0].split() == ["KEY", "WRITER", "AGE", "VALUE"]
    assert lines[1].startswith("bench/temp  holder  ")
    assert lines[1].endswith("  21.5")


def test_a_key_that_is_no_text_is_listed_as_python_writes_it(gossamer, join):
    mesh = join("holder")
    mesh[("a", 1)] = 1
    mesh[b"\x00"] = 2

    assert gossamer("ls").out.splitlines() == ["('a', 1)", "b'\\x00'"]
    assert [row["key"] for row in gossamer("ls", "--json").json] == [{"$tuple": ["a", 1]}, {"$bytes": "AA=="}]


def test_nothing_that_a_peer_says_can_repaint_the_terminal(gossamer, join):
    mesh = join("\x1b[2Jholder")
    mesh["\x1b[2Jboo"] = "\x1b[31m"

    listed, peers, waited = (
        gossamer("ls", "-l"),
        gossamer("peers"),
        gossamer("wait", "\x1b[2Jboo", "--equals", "1", "--timeout", "0.1"),
    )

    assert "\\x1b[2Jboo" in listed.out
    assert "\\x1b[2Jholder" in peers.out
    assert "\x1b" not in listed.out + peers.out + waited.err


def test_get_prints_a_text_as_it_is_and_anything_else_as_json(gossamer, holder):
    assert gossamer("get", "title").out == "warm\n"
    assert gossamer("get", "bench/temp").out == "21.5\n"
    assert gossamer("get", "bench/pose").out == '{"$tuple": [1.0, 2.0]}\n'


def test_get_json_tells_who_wrote_it_and_when(gossamer, holder):
    found = gossamer("get", "title", "--json").json

    assert found["value"] == "warm"
    assert found["writer"] == "holder"
    assert found["writer_id"] == holder.me.id
    assert found["written_at_s"] == holder.entry("title").written_at_s


def test_peers_are_listed_with_how_we_hear_them(gossamer, holder):
    ran = gossamer("peers")

    assert "holder" in ran.out
    assert "127.0.0.1" in ran.out

    listed = gossamer("peers", "--json").json
    assert [peer["name"] for peer in listed["peers"] if peer["presence"] == "alive"] == ["holder"]
    assert listed["me"]["name"].startswith("gossamer peers:")


def test_what_is_logged_goes_to_stderr_and_only_if_asked_for(gossamer, holder, monkeypatch):
    logger = logging.getLogger("gossamer")
    before = logger.handlers[:], logger.level, logger.propagate

    quiet, loud = gossamer("get", "title"), gossamer("get", "title", "-vv")
    monkeypatch.setenv("GOSSAMER_LOG", "debug")
    asked = gossamer("get", "title")

    assert quiet.err == ""
    assert "Traceback" not in loud.err  # what is logged depends on what happens meanwhile
    assert "Traceback" not in asked.err
    assert quiet.out == loud.out == asked.out == "warm\n"
    assert (logger.handlers[:], logger.level, logger.propagate) == before


# -- writing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("21.5", 21.5),
        ("-5", -5),
        ("warm", "warm"),
        ('"21.5"', "21.5"),
        ("true", True),
        ("null", None),
        ("NaN", "NaN"),
        ("007", "007"),
        ('{"a": [1, 2]}', {"a": [1, 2]}),
        ('{"$tuple": [1, {"$bytes": "AA=="}]}', (1, b"\x00")),
    ],
)
def test_a_word_is_json_if_it_can_be_and_a_text_if_not(word, value):
    from gossamer.cli.json_values import argument_value

    found = argument_value(word)

    assert found == value
    assert type(found) is type(value)


def test_set_returns_when_a_peer_holds_the_value(gossamer, holder):
    ran = gossamer("set", "door", '{"open": true}', "--json")

    assert holder["door"] == {"open": True}
    assert ran.json["held_by"] == ["holder"]
    assert ran.json["not_confirmed_by"] == []


def test_set_with_a_ttl_lets_the_value_vanish(gossamer, holder):
    gossamer("set", "brief", "1", "--ttl", "60")

    assert holder.entry("brief").expires_at_s is not None


def test_del_deletes_everywhere_and_names_what_was_not_there(gossamer, holder):
    ran = gossamer("del", "title", "nothing", "--json")

    assert ran.code == 1
    assert ran.json == {"deleted": ["title"], "absent": ["nothing"], "not_confirmed_by": []}
    assert "title" not in holder


def test_what_get_prints_as_json_set_takes(gossamer, holder):
    printed = json.dumps(gossamer("get", "bench/pose", "--json").json["value"])

    gossamer("set", "copy", printed)

    assert holder["copy"] == (1.0, 2.0)
    assert type(holder["copy"]) is tuple


# -- conflicts ------------------------------------------------------------------------------------


def test_conflicts_show_the_winner_and_who_lost(gossamer, join, eventually):
    networks = []

    def wrap(network):
        networks.append(FaultyNetwork(network, seed=1))
        return networks[-1]

    one, other = join("one", wrap=wrap), join("other", wrap=wrap)
    eventually(lambda: one.peers and other.peers)
    for network, there in zip(networks, (other, one), strict=True):
        addresses = [*there.network.unicast_addresses, ("127.0.0.1", there.network.stream_port)]
        network.cut([bytes.fromhex(there.me.id)], addresses)
    one["door"], other["door"] = "open", "shut"
    for network in networks:
        network.heal()
    eventually(lambda: one.conflicts() and other.conflicts())

    ran = gossamer("conflicts")
    (found,) = gossamer("conflicts", "--json").json

    assert ran.out.startswith("door: ")
    assert {found["winner"]["value"], found["losers"][0]["value"]} == {"open", "shut"}
    assert found["winner"]["value"] == one["door"]
    assert {found["winner"]["writer"], found["losers"][0]["writer"]} == {"one", "other"}


# -- calling --------------------------------------------------------------------------------------


def test_call_prints_what_another_program_returns(gossamer, holder):
    assert gossamer("call", "add", "1", "2").out == "3\n"
    assert gossamer("call", "add", "one", "--with", 'y="two"', "--at", "holder").out == "onetwo\n"
    assert gossamer("call", "add", '{"$bytes": "AQ=="}', '{"$bytes": "Ag=="}', "--json").json == {"$bytes": "AQI="}


def test_call_says_why_it_has_no_result(gossamer, holder):
    holder.serve("fail", lambda: 1 / 0)
    nobody, failed = gossamer("call", "nothing"), gossamer("call", "fail")
    absent, wrong = gossamer("call", "add", "--at", "nobody"), gossamer("call", "add", "1", "--with", "timeout=3")

    assert (nobody.code, failed.code, absent.code, wrong.code) == (1, 1, 1, 2)
    assert "add by holder" in nobody.err
    assert "ZeroDivisionError at holder: division by zero" in failed.err


# -- waiting --------------------------------------------------------------------------------------


def test_watch_prints_changes_as_they_happen(gossamer, holder, keep_writing):
    keep_writing(holder, "bench/temp")
    keep_writing(holder, "other")

    changes = gossamer("watch", "bench/*", "-n", "3", "--timeout", "20", "--json")

    assert changes.code == 0
    assert len(changes.json_lines) == 3
    assert {change["key"] for change in changes.json_lines} == {"bench/temp"}
    assert {change["writer"] for change in changes.json_lines} == {"holder"}
    assert all(change["kind"] == "set" for change in changes.json_lines)


def test_watch_for_people_tells_time_key_value_and_writer(gossamer, holder, keep_writing):
    keep_writing(holder, "bench/temp")

    (line,) = gossamer("watch", "-n", "1", "--timeout", "20").out.splitlines()

    moment, key, *_ = line.split()
    assert moment.count(":") == 2
    assert key == "bench/temp"
    assert line.endswith("by holder")


def test_wait_returns_as_soon_as_the_key_has_the_value(gossamer, holder, keep_writing):
    assert gossamer("wait", "bench/temp", "--equals", "21.5").out == "21.5\n"

    keep_writing(holder, "late")

    assert gossamer("wait", "late", "--timeout", "20", "--json").json["key"] == "late"


def test_wait_knows_true_from_1_and_not_1_from_1_0(gossamer, join):
    mesh = join("holder")
    mesh["flag"], mesh["one"] = True, 1.0

    assert gossamer("wait", "flag", "--equals", "1", "--timeout", "0.1").code == 4
    assert gossamer("wait", "flag", "--equals", "true", "--timeout", "5").code == 0
    assert gossamer("wait", "one", "--equals", "1", "--timeout", "5").code == 0


# -- without a mesh ---------------------------------------------------------------------------------


def test_keygen_makes_a_new_secret_each_time(gossamer):
    one, other = gossamer("keygen").out, gossamer("keygen", "--json").json["secret"]

    assert one.startswith("gos1:")
    assert one.strip() != other


def test_keygen_writes_a_file_that_only_we_can_read_and_overwrites_none(gossamer, tmp_path):
    path = tmp_path / "secret"

    assert gossamer("keygen", "-o", str(path)).out == ""
    assert path.stat().st_mode & 0o777 == 0o600
    assert gossamer("keygen", "-o", str(path)).code == 5
    assert gossamer("config", "--secret-file", str(path), "--json").json["secret"]["value"] == "(hidden)"


def test_a_mesh_with_a_secret_file_is_met_with_it(gossamer, join, tmp_path):
    path = tmp_path / "secret"
    gossamer("keygen", "-o", str(path))
    mesh = join("holder", secret=path.read_text().strip())
    mesh["k"] = 1

    assert gossamer("get", "k", "--secret-file", str(path)).out == "1\n"


def test_config_tells_each_value_and_where_it_comes_from(gossamer, mesh_name):
    shown = gossamer("config", "--peer", "10.0.0.5", "--json").json

    assert shown["mesh"] == {"value": mesh_name, "source": "GOSSAMER_MESH"}
    assert shown["peers"] == {"value": ["10.0.0.5"], "source": "argument"}
    assert shown["log"]["source"] == "default"
    assert "GOSSAMER_MESH" in gossamer("config").out


def test_the_version_is_that_of_the_package(gossamer):
    import gossamer as package

    assert gossamer("version").out == f"gossamer {package.__version__}\n"
    assert gossamer("--version").out == f"gossamer {package.__version__}\n"
    assert gossamer("version", "--json").json["gossamer"] == package.__version__


@pytest.mark.parametrize("verb", ["version", "keygen"])
def test_a_broken_configuration_stops_no_verb_that_needs_none(verb, gossamer, tmp_path, monkeypatch):
    (tmp_path / "broken.toml").write_text("=")
    monkeypatch.setenv("GOSSAMER_CONFIG", str(tmp_path / "broken.toml"))

    assert gossamer(verb).code == 0
    assert gossamer("config").code == 2
