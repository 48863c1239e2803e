"""The mutants, by the room of the code that each takes a rule from.

Those that only the pure map shows (see `tests/crdt/mutants.py`) are not among them, nor those
that are not wrong: `docs/explanation/mutants.md` says which, and why.
"""

from __future__ import annotations

from collections.abc import Callable

import ledger_mutants as ledger
import membership_mutants as membership
import mutants as crdt
import outbox_mutants as outbox
import pytest
import test_protocol_mutants as protocol
import test_seeded_bugs as seeded
import wire_mutants as wire

Mutant = Callable[[pytest.MonkeyPatch], None]

MUTANTS: dict[str, list[Mutant]] = {
    "crdt": [
        crdt.key_written_during_a_join_not_joined_again,
        crdt.join_visible_slice_by_slice,
        crdt.roster_skipped_by_one_no_longer_empty,
        crdt.roster_ignored,
        crdt.roster_drops_what_its_sender_never_knew,
        crdt.forgotten_not_inherited,
        crdt.deletes_not_passed_on_by_a_join,
        crdt.known_dead_writes_come_back_by_a_delta,
        crdt.expired_entry_resurrected_by_a_delta,
        crdt.expired_entry_dropped_without_a_record,
        crdt.expired_entry_dropped_without_grace,
        crdt.expiry_not_noted,
        crdt.expiring_writes_in_the_digest,
        crdt.digest_of_winners_only,
        crdt.batch_applied_member_by_member,
        crdt.coalesced_past_dropped,
        crdt.key_dependency_not_checked,
        crdt.origin_order_not_kept,
        crdt.tie_break_on_origin_missing,
        crdt.stamp_not_above_what_it_replaces,
        crdt.stamps_without_a_ceiling,
    ],
    "wire": [
        wire.only_the_first_replaced_write_is_named,
        wire.a_delete_travels_as_an_empty_value,
        wire.all_writes_of_a_batch_get_its_first_stamp,
        wire.gaps_between_the_sequences_of_a_batch_are_closed,
        wire.expiry_is_left_out_of_a_delta,
        wire.further_siblings_are_left_out_of_a_delta,
        wire.kept_deletes_are_left_out_of_a_delta,
        wire.the_last_of_a_roster_is_left_out,
        wire.tags_are_left_out_of_a_vector,
        wire.what_follows_a_whole_frame_in_one_piece_is_dropped,
    ],
    "protocol": [
        protocol.vector_taken_from_a_beacon,
        protocol.vector_taken_from_a_cut_exchange,
        protocol.part_of_an_exchange_joined,
        protocol.snapshot_inside_a_batch,
        protocol.tag_ignored,
        protocol.beacon_interval_not_scaled,
        protocol.sequence_restarted_after_a_wipe,
        protocol.origin_kept_by_a_clone,
        protocol.nobody_holds_back_because_another_asked,
        protocol.beacons_not_compared,
        protocol.delta_claims_the_newest_vector_of_its_sender,
        protocol.parts_of_a_delta_not_counted,
        seeded.a_second_delta_is_joined_while_the_first_is_prepared,
        seeded.what_a_peer_knew_is_remembered_by_its_address,
        seeded.parts_are_joined_as_they_come,
        seeded.a_user_batch_is_written_one_by_one,
        ledger.members_of_a_user_batch_differ_in_stamp,
        ledger.an_expired_write_is_left_out_of_what_a_write_replaces,
        ledger.a_vector_is_told_inside_a_batch,
        ledger.an_exchange_answers_but_does_not_ask_in_turn,
    ],
    "membership": [
        protocol.silence_counts_though_we_slept,
        protocol.goodbye_taken_back_by_any_packet,
        protocol.nobody_else_is_asked_before_one_is_given_up,
        protocol.deafness_not_noticed,
        membership.silence_never_counts,
        membership.a_suspect_is_given_up_at_once,
        membership.who_was_given_up_is_never_tried_again,
        membership.who_joins_is_not_told_to_those_without_multicast,
        membership.a_goodbye_is_not_heard,
    ],
    "outbox": [
        protocol.every_write_closes_its_batch,
        outbox.a_closed_batch_is_cut_in_two,
        outbox.a_user_batch_is_cut_where_a_datagram_is_full,
        outbox.a_closed_batch_is_filled_on,
        outbox.what_was_written_alone_is_left_out_unsaid,
        outbox.what_fell_off_the_ring_is_skipped,
        outbox.the_next_batch_begins_where_the_last_began,
        outbox.a_batch_is_encoded_anew_for_each_who_asks,
    ],
}


def by_name() -> dict[str, Mutant]:
    """Return the mutants by their names, which differ."""
    return {mutant.__name__: mutant for mutants in MUTANTS.values() for mutant in mutants}
