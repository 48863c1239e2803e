"""The account of a rig: it notices what is lost, made up, or come back; and forgives what only the dead knew."""

from __future__ import annotations

import pytest

from gossamer.simulation import Wrong
from gossamer.simulation.rig.account import Account


@pytest.fixture
def account():
    return Account()


def test_the_last_writer_must_win(account):
    account.wrote("a", "k", 1, 10.0)
    account.wrote("b", "k", 2, 11.0)

    with pytest.raises(Wrong, match="which b wrote later, is lost"):
        account.agreed({"k": 1})


def test_what_was_written_in_the_same_millisecond_may_win_either_way(account):
    account.wrote("a", "k", 1, 10.0)
    account.wrote("b", "k", 2, 10.001)

    account.agreed({"k": 1})


def test_a_write_that_is_nowhere_is_lost(account):
    account.wrote("a", "k", 1, 10.0)

    with pytest.raises(Wrong, match="is gone, and nobody deleted it"):
        account.agreed({})


def test_what_nobody_wrote_is_noticed(account):
    with pytest.raises(Wrong, match="which nobody wrote"):
        account.agreed({"k": 1})


def test_what_was_overwritten_before_all_agreed_never_comes_back(account):
    account.wrote("a", "k", 1, 10.0)
    account.wrote("a", "k", 2, 11.0)
    account.agreed({"k": 2})

    with pytest.raises(Wrong, match="overwritten or deleted before all agreed"):
        account.agreed({"k": 1})


def test_what_was_deleted_before_all_agreed_never_comes_back(account):
    account.wrote("a", "k", 1, 10.0)
    account.deleted("b", "k")
    account.agreed({})

    with pytest.raises(Wrong, match="overwritten or deleted before all agreed"):
        account.agreed({"k": 1})


def test_a_put_that_a_delete_had_not_seen_may_survive_it(account):
    account.wrote("a", "k", 1, 10.0)
    account.deleted("b", "k")

    account.agreed({"k": 1})


def test_what_only_the_dead_had_heard_may_be_lost_and_may_not_once_all_had_agreed(account):
    account.wrote("a", "k", 1, 10.0)
    account.died("a")
    account.agreed({})
    account.wrote("a", "k", 2, 12.0)
    account.agreed({"k": 2})
    account.died("a")

    with pytest.raises(Wrong, match="is gone"):
        account.agreed({})


def test_keys_that_expire_are_left_to_the_clocks(account):
    account.wrote("a", "k", 1, 10.0, expires=True)

    account.agreed({})
