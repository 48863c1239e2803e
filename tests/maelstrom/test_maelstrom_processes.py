"""Whole tests, as Maelstrom makes them: real processes whose pipes lose, delay and split."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gossamer.simulation.maelstrom.runner import Plan, check_counter, run
from gossamer.simulation.workloads import History

DEAF = """
import json, sys
held = []
for line in sys.stdin:
    message = json.loads(line)
    body = message["body"]
    if body["type"] == "add":
        held.append(body["element"])
    more = {"value": held} if body["type"] == "read" else {}
    reply = {"type": body["type"] + "_ok", "in_reply_to": body.get("msg_id"), **more}
    print(json.dumps({"src": message["dest"], "dest": message["src"], "body": reply}), flush=True)
"""
"""A node that acknowledges everything and tells nobody."""


@pytest.mark.slow
def test_every_broadcast_message_is_on_every_node_though_the_network_loses_and_splits():
    verdict, history = run(Plan("broadcast", nodes=3, seconds=4, loss=0.2, partitions=True))

    assert verdict.holds, verdict
    assert verdict.figures["acknowledged_count"] > 20
    assert history.faults("halves")


@pytest.mark.slow
@pytest.mark.parametrize("workload", ["broadcast", "g-set", "pn-counter"])
def test_five_nodes_keep_every_workload_though_messages_are_slow_and_a_third_is_lost(workload):
    verdict, _ = run(Plan(workload, seconds=20, calls_per_s=40, loss=0.3, latency_s=0.1, partitions=True))

    assert verdict.holds, verdict


def test_nodes_that_tell_nobody_are_found_out(monkeypatch):
    monkeypatch.setattr("gossamer.simulation.maelstrom.runner.AGREE_S", 0.5)

    verdict, _ = run(Plan("g-set", nodes=2, seconds=1), command=[sys.executable, "-c", DEAF])

    assert "lacks in the end" in str(verdict)


def test_the_command_tells_its_verdict_as_json_and_keeps_the_history(tmp_path):
    arguments = ["run", "pn-counter", "--nodes", "2", "--seconds", "1", "--history", str(tmp_path / "history.jsonl")]

    done = subprocess.run(
        [sys.executable, "-m", "gossamer.simulation.maelstrom", *arguments], capture_output=True, text=True, check=True
    )

    report = json.loads(done.stdout)
    history = History.from_lines((tmp_path / "history.jsonl").read_text().splitlines())
    assert report["valid"] is True
    assert len(history.acknowledged("add")) == report["acknowledged_count"] > 0


def counted(*adds: tuple[int, str], finals: dict[str, int]) -> History:
    history = History()
    for delta, outcome in adds:
        history.enter("n1", "invoke", "add", delta, 0.0)
        history.enter("n1", outcome, "add", delta, 0.0)
    for name, value in finals.items():
        history.enter(name, "invoke", "final", None, 1.0)
        history.enter(name, "ok", "final", value, 1.0)
    return history


def test_a_counter_is_the_sum_of_what_was_acknowledged():
    assert check_counter(counted((2, "ok"), (-5, "ok"), (9, "fail"), finals={"n1": -3, "n2": -3})).holds
    assert not check_counter(counted((2, "ok"), (-5, "ok"), finals={"n1": -3, "n2": 2})).holds


def test_an_addition_that_nobody_knows_to_be_done_may_count_or_not_but_everywhere_the_same():
    assert check_counter(counted((2, "ok"), (7, "info"), finals={"n1": 9, "n2": 9})).holds
    assert check_counter(counted((2, "ok"), (7, "info"), finals={"n1": 2, "n2": 2})).holds
    assert not check_counter(counted((2, "ok"), (7, "info"), finals={"n1": 2, "n2": 9})).holds
    assert not check_counter(counted((2, "ok"), (7, "info"), finals={"n1": 7, "n2": 7})).holds
