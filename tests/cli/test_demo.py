"""The demo, in its real processes: its verdict, its accounting, and that it leaves nobody behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gossamer.cli.demo.account import Account
from gossamer.cli.demo.readings import Readings

DEMO = [sys.executable, "-m", "gossamer", "demo", "--peers", "3", "--seconds", "0.4"]


def test_three_peers_share_split_and_agree():
    ran = subprocess.run(DEMO, capture_output=True, text=True, timeout=100)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    verdict = ran.stdout.splitlines()[-1]
    assert re.fullmatch(r"3 peers, [\d ]+ writes, 0 lost, 8 conflicts resolved the same way everywhere", verdict)
    assert "\x1b" not in ran.stdout
    assert ran.stderr == ""


@pytest.mark.slow
def test_a_fifth_of_all_datagrams_may_be_lost_and_no_write_is():
    ran = subprocess.run([*DEMO, "--loss", "0.2", "--seed", "7", "--json"], capture_output=True, text=True, timeout=100)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    names = [event["event"] for event in events if event["event"] != "peers"]
    assert names == [
        "start",
        "joined",
        "shared",
        "cut",
        "split",
        "heal",
        "healed",
        "killed",
        "noticed",
        "late",
        "verdict",
    ]
    tables = [event["peers"] for event in events if event["event"] == "peers"]
    assert [states_in(table) for table in tables] == [1, 2, 1, 1]
    verdict = events[-1]
    assert verdict["ok"]
    assert (verdict["peers"], verdict["lost"], verdict["conflicts"], verdict["seed"]) == (3, [], 8, 7)
    assert verdict["writes"] > 50


def test_a_write_that_is_nowhere_fails_the_demo_and_is_named(gossamer, monkeypatch):
    class Overstated(Account):
        def acknowledge(self, writer, writes):
            super().acknowledge(writer, {**writes, "ghost": 1})

    monkeypatch.setattr("gossamer.cli.demo.story.Account", Overstated)
    monkeypatch.setattr("gossamer.cli.demo.story.PATIENCE_S", 2.0)

    ran = gossamer("demo", "--peers", "2", "--seconds", "0.2", "--json")

    assert ran.code == 1
    verdict = ran.json_lines[-1]
    assert not verdict["ok"]
    assert re.match(r"not within 2 s: all peers hold every write; . sees 1, holds (\d+) of", verdict["wrong"][0])
    assert "ghost of a at b" in verdict["lost"]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds child processes by /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_nothing_is_left_behind_however_the_demo_ends(number, code, eventually, tmp_path):
    demo = subprocess.Popen(
        DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(tmp_path)}
    )
    assert any("they have found each other" in line for line in demo.stdout)
    children = children_of(demo.pid)
    assert len(children) == 3

    demo.send_signal(number)

    demo.stdout.close()
    assert demo.wait(timeout=10) == code
    assert "Traceback" not in demo.stderr.read()
    demo.stderr.close()
    eventually(lambda: not any(map(lives, children)), within_s=15)
    assert list(tmp_path.glob("gossamer-demo-*")) == []


# -- its accounting ---------------------------------------------------------------------------------


@pytest.fixture
def account():
    account = Account()
    account.acknowledge("a", {"a/load": 1, "door": "open"})
    account.acknowledge("b", {"door": "shut"})
    account.acknowledge("a", {"a/load": 2})
    return account


def held(state, conflicts):
    return {"state": state, "conflicts": conflicts}


WHOLE = held({"a/load": 2, "door": "shut"}, {"door": ["shut", "open"]})


def test_a_state_that_holds_every_last_write_has_lost_nothing(account):
    reckoning = account.reckon({"a": WHOLE, "b": WHOLE})

    assert account.writes == 4
    assert (reckoning.lost, reckoning.invented, reckoning.disagreements) == ((), (), ())
    assert reckoning.conflicts == 1


@pytest.mark.parametrize(
    ("state", "lost"),
    [
        (held({"door": "shut"}, {"door": ["shut", "open"]}), "a/load of a at b"),
        (held({"a/load": 1, "door": "shut"}, {"door": ["shut", "open"]}), "a/load of a at b"),
        (held({"a/load": 2, "door": "shut"}, {}), "door of a at b"),
    ],
)
def test_a_write_that_is_missing_anywhere_is_named(account, state, lost):
    reckoning = account.reckon({"a": WHOLE, "b": state})

    assert reckoning.lost == (lost,)


def test_peers_that_resolve_a_conflict_differently_are_named(account):
    reckoning = account.reckon({"a": WHOLE, "b": held({"a/load": 2, "door": "open"}, {"door": ["open", "shut"]})})

    assert reckoning.conflicts == 0
    assert reckoning.disagreements[0].startswith("door ")


def test_what_nobody_wrote_is_named(account):
    reckoning = account.reckon({"a": held({**WHOLE["state"], "ghost": 1}, WHOLE["conflicts"])})

    assert reckoning.invented == ("ghost at a",)


def test_readings_are_figures_of_this_machine():
    figures = Readings(0, 3).take()

    assert figures["own/cpu_s"] > 0
    assert figures["disk/free_bytes"] > 0
    assert json.loads(json.dumps(figures)) == figures


def test_readings_do_without_proc(monkeypatch, tmp_path):
    monkeypatch.setattr("gossamer.cli.demo.readings.PROC", tmp_path)
    monkeypatch.delattr(os, "getloadavg", raising=False)

    assert set(Readings(0, 3).take()) == {"clock_s", "own/cpu_s", "disk/free_bytes", "cpu/count"}


def states_in(table):
    return len({row["digest"] for row in table if row["digest"]})


def children_of(pid):
    found = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found |= set(map(int, task.read_text().split()))
    return found


def lives(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
