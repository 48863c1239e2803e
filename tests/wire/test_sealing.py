import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.errors import Refused
from gossamer.wire.replay import Reception
from gossamer.wire.sealing import OVERHEAD_BYTES, SESSIONS_MAX, Cause, Opened, RefusedDatagram, Sealer
from gossamer.wire.secret import host_keys

OLD = host_keys(b"o" * 32, "lab")
NEW = host_keys(b"n" * 32, "lab")
ELSEWHERE = host_keys(b"o" * 32, "kitchen")


def boot_of(name):
    return name.encode().ljust(12, b".")


def sealer(name="ann", *keys):
    return Sealer(list(keys or [OLD]), boot_of(name), os.urandom)


def refusal(opener, datagram):
    with pytest.raises(RefusedDatagram) as caught:
        opener.open(datagram)
    return caught.value.cause


def in_a_clone(do):
    """Run `do` in a copy of this process, as a cloned machine would go on, and return the bytes it returns."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.write(writer, do())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


# -- the envelope -----------------------------------------------------------------------------


def test_a_sealed_datagram_never_changes_its_bytes():
    ann = Sealer([OLD], bytes(range(12)), lambda count: b"\xaa" * count)
    ann.seal(b"first")

    assert ann.seal(b"hello").hex() == (
        "47f5"  # magic
        "01"  # version
        "3e73d04c6abf0d6b"  # mesh tag
        "7cdc8e57"  # key epoch
        "000102030405060708090a0b"  # boot
        "0000000000000001"  # packet number
        "aaaaaaaaaaaaaaaa"  # random
        "ef2cc3bfea"  # ciphertext
        "df7c0a09e94dc121659b30060d2c797d"  # tag
    )


def test_what_was_sealed_is_opened():
    ann, bob = sealer("ann"), sealer("bob")

    assert bob.open(ann.seal(b"hello")) == Opened(boot_of("ann"), 0, True, b"hello")
    assert bob.open(ann.seal(b"")) == Opened(boot_of("ann"), 1, True, b"")


@given(st.binary(max_size=1200))
def test_sealing_adds_59_bytes_and_loses_none(body):
    datagram = sealer("ann").seal(body)

    assert len(datagram) == len(body) + OVERHEAD_BYTES
    assert sealer("bob").open(datagram).body == body


def test_a_body_cannot_be_read_in_the_datagram():
    assert b"secret" not in sealer().seal(b"secret" * 20)


def test_a_boot_seals_under_a_key_of_its_own():
    def first(boot):
        return Sealer([OLD], boot, bytes).seal(b"hello")[43:]

    assert first(boot_of("ann")) != first(boot_of("bob"))


def test_the_parts_of_a_nonce_are_the_low_number_and_the_random_bytes():
    randoms = iter([b"\x01" * 8, b"\x02" * 8])
    ann = Sealer([OLD], boot_of("ann"), lambda count: next(randoms))

    first, second = ann.seal(b"hello"), ann.seal(b"hello")

    assert (first[27:43], second[27:43]) == (bytes(8) + b"\x01" * 8, bytes(7) + b"\x01" + b"\x02" * 8)
    assert first[43:] != second[43:]


def test_a_boot_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="12 bytes"):
        Sealer([OLD], b"short", os.urandom)


# -- refusals ---------------------------------------------------------------------------------


def test_every_flipped_bit_is_refused():
    ann, bob = sealer("ann"), sealer("bob")
    bob.open(ann.seal(b"known already"))
    datagram = ann.seal(b"hello, world")

    for bit in range(len(datagram) * 8):
        altered = bytearray(datagram)
        altered[bit // 8] ^= 1 << bit % 8
        assert refusal(bob, bytes(altered)) in Cause
    assert bob.open(datagram).fresh


def test_every_truncation_and_extension_is_refused():
    ann, bob = sealer("ann"), sealer("bob")
    bob.open(ann.seal(b"known already"))
    datagram = ann.seal(b"hello, world")

    for length in range(len(datagram)):
        assert refusal(bob, datagram[:length]) in (Cause.NOT_GOSSAMER, Cause.FORGED)
    assert refusal(bob, datagram + b"\x00") is Cause.FORGED
    assert bob.open(datagram).fresh


def test_a_refusal_says_why():
    ann, bob = sealer("ann"), sealer("bob")
    datagram = ann.seal(b"hello")

    assert refusal(bob, b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n" * 2) is Cause.NOT_GOSSAMER
    assert refusal(bob, b"") is Cause.NOT_GOSSAMER
    assert refusal(bob, datagram[:2] + b"\x02" + datagram[3:]) is Cause.OTHER_VERSION
    assert refusal(bob, sealer("eve", ELSEWHERE).seal(b"hello")) is Cause.FOREIGN_MESH
    assert refusal(bob, sealer("eve", NEW).seal(b"hello")) is Cause.FOREIGN_MESH
    assert refusal(bob, datagram[:11] + b"????" + datagram[15:]) is Cause.UNKNOWN_KEY
    assert refusal(bob, datagram[:-1] + bytes([datagram[-1] ^ 1])) is Cause.FORGED


def test_a_refusal_is_one_of_gossamers_errors_and_a_sentence():
    with pytest.raises(Refused, match=r"dropped\. .* another name or another secret"):
        sealer("bob").open(sealer("eve", ELSEWHERE).seal(b"hello"))


def test_a_foreign_mesh_is_known_by_its_tag_without_a_cipher():
    bob = sealer("bob")
    theirs = sealer("eve", ELSEWHERE).seal(b"hello")

    assert bob.foreign(theirs) == ELSEWHERE.mesh_tag
    assert bob.foreign(sealer("ann").seal(b"hello")) is None
    assert bob.foreign(b"M-SEARCH") is None
    assert bob.foreign(theirs[:2] + b"\x02" + theirs[3:]) is None


# -- freshness --------------------------------------------------------------------------------


def test_a_replayed_datagram_is_opened_and_not_fresh():
    ann, bob = sealer("ann"), sealer("bob")
    datagram = ann.seal(b"hello")

    assert [bob.open(datagram).fresh for _ in range(3)] == [True, False, False]


def test_a_forged_datagram_does_not_use_up_the_number_it_claims():
    ann, bob = sealer("ann"), sealer("bob")
    datagram = ann.seal(b"hello")
    refusal(bob, datagram[:-1] + bytes([datagram[-1] ^ 1]))

    assert bob.open(datagram).fresh


def test_a_datagram_that_a_whole_window_has_overtaken_is_not_fresh():
    ann, bob = sealer("ann"), sealer("bob")
    late = ann.seal(b"late")
    for _ in range(1024):
        bob.open(ann.seal(b"on time"))

    assert not bob.open(late).fresh


def test_the_numbers_of_two_boots_have_nothing_to_do_with_each_other():
    bob = sealer("bob")

    assert bob.open(sealer("ann").seal(b"hello")).fresh
    assert bob.open(sealer("ann again").seal(b"hello")).fresh


def test_reception_counts_what_came_of_a_boots_latest_packets():
    ann, bob = sealer("ann"), sealer("bob")
    for number in range(10):
        datagram = ann.seal(b"hello")
        if number not in (4, 7):
            bob.open(datagram)

    assert bob.reception(boot_of("ann")) == Reception(heard=8, span=10)
    assert bob.reception(boot_of("eve")) is None


# -- sessions ---------------------------------------------------------------------------------


def test_only_an_authentic_datagram_makes_a_session():
    ann, bob = sealer("ann"), sealer("bob")
    datagram = ann.seal(b"hello")

    for stranger in range(100):
        refusal(bob, datagram[:15] + boot_of(str(stranger)) + datagram[27:])
    assert bob.sessions == 0

    bob.open(datagram)
    assert bob.sessions == 1


def test_sessions_are_bounded_and_the_longest_unheard_is_forgotten():
    bob, ann, eve = sealer("bob"), sealer("ann"), sealer("eve")
    from_ann, from_eve = ann.seal(b"hello"), eve.seal(b"hello")
    bob.open(from_eve)
    bob.open(from_ann)

    for other in range(SESSIONS_MAX):
        bob.open(sealer(str(other)).seal(b"hello"))
        assert not bob.open(from_ann).fresh

    assert bob.sessions == SESSIONS_MAX
    assert bob.open(from_eve).fresh


# -- replacing a secret -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([OLD], [OLD, NEW]),
        ([OLD, NEW], [OLD, NEW]),
        ([OLD, NEW], [NEW, OLD]),
        ([NEW, OLD], [NEW, OLD]),
        ([NEW, OLD], [NEW]),
    ],
)
def test_peers_one_step_apart_in_replacing_a_secret_hear_each_other(one, other):
    ann, bob = sealer("ann", *one), sealer("bob", *other)

    assert bob.open(ann.seal(b"hello")).body == b"hello"
    assert ann.open(bob.seal(b"hello")).body == b"hello"


def test_a_removed_secret_is_refused_in_both_directions():
    ann, bob = sealer("ann", OLD), sealer("bob", NEW)

    assert refusal(bob, ann.seal(b"hello")) is Cause.FOREIGN_MESH
    assert refusal(ann, bob.seal(b"hello")) is Cause.FOREIGN_MESH


# -- threads, forks and clones ----------------------------------------------------------------


@pytest.fixture
def restless_threads():
    """Threads take turns as often as the interpreter can make them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless_threads")
def test_threads_never_share_a_number():
    ann, bob = sealer("ann"), sealer("bob")
    threads, each = 4, 2000
    together = threading.Barrier(threads)

    def seal_many(_):
        together.wait(timeout=10)
        return [ann.seal(b"hello") for _ in range(each)]

    with ThreadPoolExecutor(threads) as pool:
        datagrams = [datagram for batch in pool.map(seal_many, range(threads)) for datagram in batch]

    numbers = [bob.open(datagram).number for datagram in datagrams]
    assert sorted(numbers) == list(range(threads * each))
    assert ann.packets_sealed == threads * each


def test_our_own_multicast_is_recognised_when_it_comes_back():
    ann, bob = sealer("ann"), sealer("bob")
    recent = [ann.seal(b"hello") for _ in range(1024)]

    assert all(ann.is_echo(datagram) for datagram in recent)
    assert not any(bob.is_echo(datagram) for datagram in recent)
    assert not ann.is_echo(bob.seal(b"hello"))


def test_an_echo_is_no_twin_however_old():
    ann = sealer("ann")
    datagrams = [ann.seal(b"hello") for _ in range(3000)]

    assert not any(ann.open(datagram).twin for datagram in datagrams)


def test_another_peer_is_no_twin():
    assert not sealer("ann").open(sealer("bob").seal(b"hello")).twin


def test_a_clone_that_goes_on_as_us_is_noticed_at_its_first_packet():
    ann = sealer("ann")
    ann.seal(b"before the machine was cloned")

    theirs = in_a_clone(lambda: ann.seal(b"hello"))

    ahead_of_ours = ann.open(theirs)
    assert (ahead_of_ours.boot, ahead_of_ours.twin) == (boot_of("ann"), True)
    ann.seal(b"the same number, now taken by us")
    assert ann.open(theirs).twin
    assert not ann.is_echo(theirs)


def test_a_clone_never_repeats_a_nonce():
    ann = sealer("ann")
    ann.seal(b"before the machine was cloned")

    theirs = in_a_clone(lambda: b"".join(ann.seal(b"") for _ in range(100)))

    nonces = {theirs[start : start + OVERHEAD_BYTES][31:43] for start in range(0, len(theirs), OVERHEAD_BYTES)}
    assert len(nonces) == 100
    assert nonces.isdisjoint(ann.seal(b"")[31:43] for _ in range(100))


def test_a_twin_that_seals_under_another_key_is_noticed():
    ann = sealer("ann", OLD, NEW)
    for _ in range(2000):
        ann.seal(b"hello")

    assert ann.open(sealer("ann", NEW).seal(b"hello")).twin
