"""Whatever arrives on the port: it is opened, or refused with a reason, and leaves nothing behind."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.wire.sealing import SESSIONS_MAX, Cause, Opened, RefusedDatagram, Sealer
from gossamer.wire.secret import host_keys

OURS = host_keys(b"k" * 32, "lab")
BOB = b"bob.........."[:12]
EVE = b"eve.........."[:12]
AUTHENTIC = Sealer([OURS], BOB, os.urandom).seal(b"a body of some length, to be altered")

starts = st.sampled_from(
    [b"", AUTHENTIC[:2], AUTHENTIC[:3], AUTHENTIC[:11], AUTHENTIC[:15], AUTHENTIC[:27], AUTHENTIC[:43]]
)
looking_like_ours = st.builds(bytes.__add__, starts, st.binary(max_size=200))


@st.composite
def altered(draw):
    """An authentic datagram with some bytes replaced, removed and inserted."""
    datagram = bytearray(AUTHENTIC)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(datagram)))
        removed = draw(st.integers(0, 4))
        datagram[at : at + removed] = draw(st.binary(max_size=4))
    return bytes(datagram)


def fresh_opener():
    return Sealer([OURS], b"ann.........", os.urandom)


@given(st.binary(max_size=300) | looking_like_ours | altered())
def test_any_bytes_are_refused_with_a_reason_and_leave_nothing_behind(datagram):
    ann = fresh_opener()

    if datagram == AUTHENTIC:
        assert ann.open(datagram).fresh
        return
    with pytest.raises(RefusedDatagram) as caught:
        ann.open(datagram)
    assert caught.value.cause in Cause
    assert ann.sessions == 0
    assert not ann.is_echo(datagram)


@given(looking_like_ours | altered())
def test_a_known_peer_is_not_disturbed_by_forgeries_in_its_name(datagram):
    ann, bob = fresh_opener(), Sealer([OURS], BOB, os.urandom)
    ann.open(bob.seal(b"before"))

    if datagram != AUTHENTIC:
        with pytest.raises(RefusedDatagram):
            ann.open(datagram)
    assert ann.open(bob.seal(b"after")) == Opened(BOB, 1, True, b"after")
    assert ann.sessions == 1


@given(st.binary(max_size=300) | looking_like_ours)
def test_a_tag_is_called_foreign_only_if_the_datagram_would_be_refused_as_foreign(datagram):
    ann = fresh_opener()

    tag = ann.foreign(datagram)

    with pytest.raises(RefusedDatagram) as caught:
        ann.open(datagram)
    assert (tag is not None) == (caught.value.cause is Cause.FOREIGN_MESH)


def test_a_flood_of_boots_by_strangers_does_not_push_out_a_peer():
    ann, bob = fresh_opener(), Sealer([OURS], BOB, os.urandom)
    heard = bob.seal(b"hello")
    ann.open(heard)

    for stranger in range(2 * SESSIONS_MAX):
        with pytest.raises(RefusedDatagram):
            ann.open(heard[:15] + stranger.to_bytes(12, "big") + heard[27:])

    assert ann.sessions == 1
    assert not ann.open(heard).fresh


def test_a_member_that_invents_boots_costs_bounded_memory():
    ann = fresh_opener()

    for number in range(SESSIONS_MAX + 100):
        ann.open(Sealer([OURS], number.to_bytes(12, "big"), os.urandom).seal(b""))

    assert ann.sessions == SESSIONS_MAX


def test_a_recording_of_the_whole_conversation_changes_nothing_when_played_again():
    ann, bob, eve = fresh_opener(), Sealer([OURS], BOB, os.urandom), Sealer([OURS], EVE, os.urandom)
    recording = [peer.seal(b"%d" % number) for number in range(300) for peer in (bob, eve)]
    assert all(ann.open(datagram).fresh for datagram in recording)

    assert not any(ann.open(datagram).fresh for datagram in reversed(recording))


def test_a_datagram_as_long_as_udp_allows_is_judged_like_any_other():
    ann, bob = fresh_opener(), Sealer([OURS], BOB, os.urandom)
    longest = bob.seal(bytes(65507 - 59))

    assert len(ann.open(longest).body) == 65507 - 59
    with pytest.raises(RefusedDatagram):
        ann.open(longest[:-1] + bytes([longest[-1] ^ 1]))
