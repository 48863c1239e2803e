"""What the checker of set-full accepts, and what it does not, on histories written out by hand."""

from __future__ import annotations

from histories import history, problems

from gossamer.simulation.workloads.set_full import check


def test_everything_that_was_acknowledged_and_is_there_in_the_end_holds():
    verdict = check(
        history(
            ("a", "add", 1, 1),
            ("b", "read", None, [1]),
            ("b", "add", 2, 2),
            ("a", "final", None, [1, 2]),
            ("b", "final", None, [1, 2]),
        )
    )

    assert verdict.holds
    assert verdict.figures["acknowledged_count"] == 2


def test_what_one_node_lacks_in_the_end_is_a_broken_promise():
    verdict = check(history(("a", "add", 1, 1), ("a", "final", None, [1]), ("b", "final", None, [])))

    assert "b lacks in the end: 1" in problems(verdict)


def test_what_was_read_and_is_gone_from_every_later_read_is_lost():
    verdict = check(
        history(
            ("a", "add", 1, 1),
            ("b", "read", None, [1]),
            ("b", "read", None, []),
            ("a", "final", None, []),
            ("b", "final", None, []),
        )
    )

    assert "lost: 1" in problems(verdict)
    assert verdict.figures["lost_count"] == 1


def test_what_was_acknowledged_and_never_read_by_anybody_is_told_apart_from_what_was_lost():
    verdict = check(history(("a", "add", 1, 1), ("a", "final", None, []), ("b", "final", None, [])))

    assert "never read: 1" in problems(verdict)
    assert verdict.figures["never_read_count"] == 1
    assert verdict.figures["lost_count"] == 0


def test_what_nobody_added_must_not_be_read():
    verdict = check(history(("a", "add", 1, 1), ("a", "final", None, [1, 7]), ("b", "final", None, [1, 7])))

    assert problems(verdict) == "read but never added: 7"


def test_an_add_whose_end_nobody_knows_may_be_there_or_not():
    there = history(("a", "add", 1, "info"), ("a", "final", None, [1]), ("b", "final", None, [1]))
    absent = history(("a", "add", 1, "info"), ("a", "final", None, []), ("b", "final", None, []))

    assert check(there).holds
    assert check(absent).holds


def test_staleness_is_how_long_reads_lacked_what_was_known():
    verdict = check(
        history(
            ("a", "add", 1, 1),  # at 0 s
            ("b", "read", None, []),
            ("b", "read", None, []),  # at 2 s: two seconds stale
            ("b", "read", None, [1]),
            ("a", "add", 2, 2),
            ("a", "final", None, [1, 2]),
            ("b", "final", None, [1, 2]),
        )
    )

    assert verdict.holds
    assert verdict.figures["stale_count"] == 1
    assert verdict.figures["stale_max_s"] == 2.0
    assert verdict.figures["stale_p50_s"] == 2.0


def test_of_one_who_was_killed_only_the_last_writes_may_be_gone():
    killed = (("a", "add", 1, 1), ("a", "add", 2, 2), ("nemesis", "kill", "a"))
    prefix = check(history(*killed, ("b", "final", None, [1])))
    hole = check(history(*killed, ("b", "final", None, [2])))

    assert prefix.holds
    assert prefix.figures["died_with_writer_count"] == 1
    assert "b lacks in the end: 1" in problems(hole)


def test_what_one_wrote_who_was_killed_is_the_same_on_every_node():
    verdict = check(
        history(("a", "add", 1, 1), ("nemesis", "kill", "a"), ("b", "final", None, [1]), ("c", "final", None, []))
    )

    assert not verdict.holds
