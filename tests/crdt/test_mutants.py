"""Every rule has a test that goes red without it.

For each mutant of `mutants`, the directed history that protects the rule must fail,
and random histories must find it too, but for those that they show too seldom to
wait for.
"""

from __future__ import annotations

import mutants
import pytest
import test_directed as directed
from random_history import live_histories

HISTORIES_MAX = 1500

PROTECTED_BY = [
    (mutants.vector_taken_from_a_cut_exchange, directed.test_an_exchange_that_was_cut_teaches_nothing),
    (mutants.delta_joined_against_a_smaller_vector, directed.test_a_delta_for_a_memory_that_was_lost_is_refused),
    (
        mutants.roster_skipped_by_one_no_longer_empty,
        directed.test_a_delta_without_roster_is_refused_by_one_who_is_no_longer_empty,
    ),
    (mutants.two_joins_at_once, directed.test_a_second_delta_waits_until_the_first_is_joined),
    (mutants.batch_applied_while_a_join_is_prepared, directed.test_a_batch_waits_until_the_join_under_way_is_published),
    (
        mutants.key_written_during_a_join_not_joined_again,
        directed.test_a_key_written_while_a_join_is_prepared_keeps_that_write,
    ),
    (mutants.join_visible_slice_by_slice, directed.test_a_reader_sees_the_old_state_until_a_join_is_published),
    (mutants.roster_ignored, directed.test_a_delete_that_was_forgotten_still_reaches_one_who_was_away),
    (
        mutants.roster_drops_what_its_sender_never_knew,
        directed.test_own_writes_survive_a_roster_that_does_not_list_them,
    ),
    (mutants.forgotten_not_inherited, directed.test_who_learned_from_a_roster_passes_on_that_deletes_were_forgotten),
    (mutants.forgotten_not_inherited, directed.test_an_empty_newcomer_needs_no_roster_but_inherits_what_was_forgotten),
    (mutants.deletes_not_passed_on_by_a_join, directed.test_a_delete_travels_on_through_one_who_only_heard_of_it),
    (mutants.joined_writes_not_logged, directed.test_what_a_delta_brought_is_passed_on_in_the_next_delta),
    (mutants.known_dead_writes_come_back_by_a_delta, directed.test_a_delta_does_not_bring_back_what_was_replaced_here),
    (
        mutants.expired_entry_resurrected_by_a_delta,
        directed.test_a_delta_does_not_bring_back_a_put_that_was_dropped_here,
    ),
    (mutants.snapshot_inside_a_batch, directed.test_who_answers_a_delta_closes_its_batch_first),
    (mutants.closed_batch_cut_in_two, directed.test_a_batch_is_seen_whole_even_when_only_one_of_its_writes_must_wait),
    (mutants.member_stamps_differ_in_a_batch, directed.test_of_two_batches_the_same_one_wins_on_every_key),
    (
        mutants.batch_applied_member_by_member,
        directed.test_a_batch_is_seen_whole_even_when_only_one_of_its_writes_must_wait,
    ),
    (mutants.coalesced_past_dropped, directed.test_what_a_coalesced_write_had_replaced_stays_replaced),
    (
        mutants.coalesced_past_dropped,
        directed.test_a_put_coalesced_over_an_unsent_delete_still_replaces_what_the_delete_did,
    ),
    (
        mutants.foreign_removed_put_coalesced_away,
        directed.test_a_put_that_somebody_else_removed_before_it_was_sent_is_sent_all_the_same,
    ),
    (mutants.key_dependency_not_checked, directed.test_a_batch_waits_for_the_writes_it_replaces),
    (mutants.origin_order_not_kept, directed.test_a_batch_waits_for_what_its_origin_sent_before),
    (
        mutants.tie_break_on_origin_missing,
        directed.test_concurrent_writes_with_one_stamp_have_one_winner_whoever_is_heard_first,
    ),
    (
        mutants.stamp_not_above_what_it_replaces,
        directed.test_a_write_is_above_what_it_replaces_even_when_its_own_clock_is_behind,
    ),
    (
        mutants.stamps_without_a_ceiling,
        directed.test_a_write_from_the_year_4199_can_be_overwritten_and_spoils_no_other_key,
    ),
    (mutants.hidden_expired_sibling_left_out_of_past, directed.test_a_put_over_an_expired_one_replaces_it_everywhere),
    (mutants.sequence_restarted_after_a_wipe, directed.test_one_who_lost_its_memory_is_still_heard),
    (
        mutants.deletes_dropped_from_a_log_that_is_compacted,
        directed.test_a_log_that_was_compacted_still_tells_of_deletes_and_of_conflicts,
    ),
    (
        mutants.conflicts_dropped_from_a_log_that_is_compacted,
        directed.test_a_log_that_was_compacted_still_tells_of_deletes_and_of_conflicts,
    ),
    (
        mutants.oldest_delete_kept_instead_of_newest,
        directed.test_of_two_deletes_by_one_origin_the_newer_is_what_is_kept,
    ),
    (
        mutants.expired_entry_dropped_without_a_record,
        directed.test_a_put_that_expired_and_was_dropped_keeps_what_it_replaced_dead,
    ),
    (
        mutants.burial_not_recorded_by_those_who_hear_of_it,
        directed.test_a_burial_that_was_forgotten_is_told_by_those_who_held_the_write_until_they_heard,
    ),
    (
        mutants.expired_entry_dropped_without_grace,
        directed.test_a_fast_clock_does_not_take_a_value_from_one_whose_clock_is_slow,
    ),
    (mutants.expiry_not_noted, directed.test_what_expired_is_dropped_after_the_grace_and_not_before),
    (mutants.expiring_writes_in_the_digest, directed.test_digests_agree_although_only_one_has_dropped_what_expired),
    (
        mutants.digest_over_re_encoded_bytes,
        directed.test_a_digest_is_over_the_bytes_as_written_and_not_over_what_they_mean,
    ),
    (mutants.digest_of_winners_only, directed.test_a_digest_covers_the_writes_that_lost_too),
]

SELDOM_SHOWN = {
    mutants.roster_skipped_by_one_no_longer_empty,
    mutants.foreign_removed_put_coalesced_away,
    mutants.stamps_without_a_ceiling,
    mutants.digest_over_re_encoded_bytes,
}

NAMES = [f"{mutant.__name__}-{number}" for number, (mutant, _) in enumerate(PROTECTED_BY)]
SHOWN = [mutant for mutant in dict.fromkeys(mutant for mutant, _ in PROTECTED_BY) if mutant not in SELDOM_SHOWN]


@pytest.mark.parametrize(("mutant", "history"), PROTECTED_BY, ids=NAMES)
def test_a_missing_rule_is_noticed_by_the_history_that_protects_it(mutant, history, monkeypatch):
    history()
    mutant(monkeypatch)

    with pytest.raises(AssertionError):
        history()


@pytest.mark.slow
@pytest.mark.parametrize("mutant", SHOWN, ids=[mutant.__name__ for mutant in SHOWN])
def test_a_missing_rule_is_noticed_by_random_histories(mutant, monkeypatch):
    mutant(monkeypatch)

    with pytest.raises(AssertionError, match="replay"):
        live_histories(range(HISTORIES_MAX))
