"""What a history is: complete, in order, and the same after it was written down."""

from __future__ import annotations

from histories import history

from gossamer.simulation.workloads import History
from gossamer.simulation.workloads.history import percentile


def test_a_history_that_was_written_down_is_read_back_the_same():
    recorded = history(("a", "add", 1, 1), ("nemesis", "halves", [["a"], ["b"]]), ("b", "read", None, [1]))

    assert History.from_lines(recorded.lines()).operations == recorded.operations


def test_a_call_that_never_ended_may_have_been_done_and_is_not_acknowledged():
    recorded = history(("a", "add", 1, 1), ("a", "add", 2, "info"), ("a", "add", 3, "fail"))
    recorded.enter("a", "invoke", "add", 4, 3.0)

    assert [call.argument for call in recorded.attempted("add")] == [1, 2, 4]
    assert [call.argument for call in recorded.acknowledged("add")] == [1]


def test_calls_of_several_processes_at_once_are_told_apart():
    recorded = History()
    recorded.enter("a", "invoke", "read", None, 1.0)
    recorded.enter("b", "invoke", "read", None, 2.0)
    recorded.enter("b", "ok", "read", [2], 3.0)
    recorded.enter("a", "ok", "read", [1], 4.0)

    assert [(call.process, call.result, call.invoked_s, call.completed_s) for call in recorded.calls()] == [
        ("a", [1], 1.0, 4.0),
        ("b", [2], 2.0, 3.0),
    ]


def test_a_percentile_is_one_of_the_values():
    assert percentile(range(100), 0.99) == 99
    assert percentile([3.0], 0.5) == 3.0
    assert percentile([], 0.5) == 0.0
