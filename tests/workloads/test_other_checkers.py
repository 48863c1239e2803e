"""What the checkers of the other workloads accept, and what they do not, on histories written out by hand."""

from __future__ import annotations

from histories import history, problems

from gossamer.simulation.workloads import add_remove_set, atomic_batch, bank, causal_append, register

# -- add/remove set -------------------------------------------------------------------------------

ADDED = ("a", "add", ["x", 1], ["x", 1])
REMOVED = ("b", "remove", "x", ["x", 1])


def test_what_was_removed_is_gone_and_what_was_added_again_is_there():
    verdict = add_remove_set.check(
        history(
            ADDED,
            ("b", "read", None, {"x": 1}),
            REMOVED,
            ("b", "read", None, {}),
            ("a", "add", ["x", 2], ["x", 2]),
            ("a", "final", None, {"x": 2}),
            ("b", "final", None, {"x": 2}),
        )
    )

    assert verdict.holds


def test_a_removed_element_that_shows_in_the_end_was_resurrected():
    verdict = add_remove_set.check(history(ADDED, REMOVED, ("a", "final", None, {"x": 1})))

    assert "a shows in the end what was removed or replaced: x=1" in problems(verdict)


def test_an_addition_that_replaced_another_does_not_give_way_to_it():
    verdict = add_remove_set.check(history(ADDED, ("a", "add", ["x", 2], ["x", 2]), ("b", "final", None, {"x": 1})))

    assert "b shows in the end what was removed or replaced: x=1" in problems(verdict)


def test_an_element_that_nobody_removed_must_be_there():
    verdict = add_remove_set.check(history(ADDED, ("a", "final", None, {"x": 1}), ("b", "final", None, {})))

    assert problems(verdict) == "b lacks in the end, though nobody removed it: x"


def test_a_removal_removes_only_the_addition_that_it_saw():
    verdict = add_remove_set.check(
        history(ADDED, ("a", "add", ["x", 2], ["x", 2]), REMOVED, ("a", "final", None, {"x": 2}))
    )

    assert verdict.holds


def test_an_element_that_comes_and_goes_and_comes_again_on_one_node_came_back():
    verdict = add_remove_set.check(
        history(
            ADDED,
            ("b", "read", None, {"x": 1}),
            ("b", "read", None, {}),
            ("b", "read", None, {"x": 1}),
            ("b", "final", None, {"x": 1}),
        )
    )

    assert "b read x=1 again, after it had gone there" in problems(verdict)


# -- register -------------------------------------------------------------------------------------


def written(process: str, value: int, skew_s: int, saw: int | None = None) -> tuple:
    return process, "write", {"register": 0, "value": value, "skew_s": skew_s}, {"saw": saw}


def test_of_concurrent_writes_the_one_with_the_fast_clock_wins():
    writes = written("a", 1, 600), written("b", 2, 0)

    assert register.check(history(*writes, ("a", "final", None, [1]), ("b", "final", None, [1]))).holds
    assert "shows 2 in register 0, below 1" in problems(
        register.check(history(*writes, ("a", "final", None, [2]), ("b", "final", None, [2])))
    )


def test_a_write_that_saw_one_of_a_fast_clock_wins_over_it_and_over_all_below_that():
    writes = written("a", 1, 600), written("b", 2, 0, saw=1), written("c", 3, 300)

    assert register.check(history(*writes, ("a", "final", None, [2]))).holds
    assert not register.check(history(*writes, ("a", "final", None, [3]))).holds


def test_a_clock_that_was_put_back_does_not_put_its_writer_below_itself():
    writes = written("a", 1, 600), written("a", 2, 0), written("b", 3, 300)

    assert register.check(history(*writes, ("a", "final", None, [2]))).holds


def test_nodes_that_differ_and_values_that_nobody_wrote_are_told():
    assert "nodes differ" in problems(
        register.check(history(written("a", 1, 0), ("a", "final", None, [1]), ("b", "final", None, [None])))
    )
    assert "which nobody wrote" in problems(
        register.check(history(written("a", 1, 0), ("a", "final", None, [9]), ("b", "final", None, [9])))
    )


# -- causal append --------------------------------------------------------------------------------


def appended(process: str, *items: int) -> tuple:
    return process, "append", [0, items[-1]], list(items)


def test_the_last_of_a_chain_of_appends_holds_all_of_it():
    verdict = causal_append.check(
        history(appended("a", 1), appended("b", 1, 2), appended("a", 1, 2, 3), ("a", "final", None, [[1, 2, 3]]))
    )

    assert verdict.holds


def test_one_of_two_concurrent_appends_may_win():
    appends = appended("a", 1), appended("a", 1, 2), appended("b", 1, 3)

    assert causal_append.check(history(*appends, ("a", "final", None, [[1, 2]]))).holds
    assert causal_append.check(history(*appends, ("a", "final", None, [[1, 3]]))).holds


def test_an_append_must_not_lose_to_one_that_it_saw():
    verdict = causal_append.check(history(appended("a", 1), appended("b", 1, 2), ("a", "final", None, [[1]])))

    assert problems(verdict) == "in list 0, 2 had seen 1, and lost to it"


def test_a_node_does_not_go_back_to_a_list_that_it_saw_replaced():
    verdict = causal_append.check(
        history(
            appended("a", 1),
            appended("a", 1, 2),
            ("b", "read", 0, [1, 2]),
            ("b", "read", 0, [1]),
            ("b", "final", None, [[1, 2]]),
        )
    )

    assert problems(verdict) == "b showed 1 on top of list 0 again, after it had been replaced"


def test_an_append_over_a_list_that_was_replaced_went_back_too():
    verdict = causal_append.check(
        history(appended("a", 1), appended("a", 1, 2), appended("a", 1, 3), ("a", "final", None, [[1, 3]]))
    )

    assert "a showed 1 on top of list 0 again" in problems(verdict)


# -- atomic batch ---------------------------------------------------------------------------------


def test_a_single_write_on_top_of_a_batch_is_no_crossing():
    writes = ("a", "write", [0, [0, 1, 2], 1], 1), ("b", "write", [0, [1], 2], 2)

    assert atomic_batch.check(history(*writes, ("a", "read", 0, [1, 2, 1]), ("a", "final", None, [[1, 2, 1]]))).holds


def test_two_batches_that_each_win_on_one_of_their_keys_are_torn():
    writes = ("a", "write", [0, [0, 1, 2], 1], 1), ("b", "write", [0, [0, 1], 2], 2)

    assert atomic_batch.check(history(*writes, ("a", "final", None, [[2, 2, 1]]))).holds
    assert "a shows batch 1 on key 0 and batch 2 on key 1" in problems(
        atomic_batch.check(history(*writes, ("a", "read", 0, [1, 2, 1]), ("a", "final", None, [[2, 2, 1]])))
    )


# -- bank -----------------------------------------------------------------------------------------


def balances(*first: int) -> list[int]:
    return [*first, *[bank.OPENING] * (bank.ACCOUNTS - len(first))]


def test_a_bank_in_order_holds():
    moved = balances(bank.OPENING - 3, bank.OPENING + 3)

    assert bank.check(history(("a", "transfer", {}, {}), ("a", "read", None, moved))).holds


def test_a_sum_that_changed_and_an_account_below_zero_are_told():
    assert "sums other than" in problems(bank.check(history(("a", "read", None, balances(0)))))
    assert "below zero" in problems(bank.check(history(("a", "read", None, balances(-1, 2 * bank.OPENING + 1)))))
