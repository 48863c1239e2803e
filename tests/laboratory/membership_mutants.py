"""Rules of who takes part: who is counted on, who is given up, and who comes back."""

from __future__ import annotations

import math

import pytest

from gossamer.protocol.effects import Presence
from gossamer.protocol.hints import Hints
from gossamer.protocol.introductions import Introductions
from gossamer.protocol.membership import Membership


def silence_never_counts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Membership, "overdue", lambda self, now: [])


def a_suspect_is_given_up_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Membership, "suspicion_s", lambda self: 0.0)


def who_was_given_up_is_never_tried_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Hints, "due", lambda self, now: [])
    patch.setattr(Hints, "next_due", lambda self: math.inf)


def who_joins_is_not_told_to_those_without_multicast(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Introductions, "_tell_others_of", lambda self, member: None)
    patch.setattr(Introductions, "tell_of_others", lambda self, member, link: None)


def a_goodbye_is_not_heard(patch: pytest.MonkeyPatch) -> None:
    plain = Introductions.gone

    def gone(self, member, presence, now):
        if presence is not Presence.LEFT:
            plain(self, member, presence, now)

    patch.setattr(Introductions, "gone", gone)
