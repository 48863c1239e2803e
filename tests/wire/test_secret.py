import base64
import os
import pickle
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.errors import ConfigurationError, SecretError
from gossamer.wire.secret import (
    PASSPHRASE_BITS_MIN,
    check_mesh_name,
    derive_keys,
    host_keys,
    insecure_keys,
    new_token,
    passphrase_bits,
)

TOKEN = new_token(lambda count: bytes(range(count)))
DECOMPOSED, COMPOSED = "cafe\N{COMBINING ACUTE ACCENT}", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
LETTERS = string.ascii_letters + string.digits + "-_"


def private_parts(keys):
    return {keys.mesh_tag, keys.key_epoch, keys.discovery_tag, keys.datagram_key, keys.certificate_seed}


# -- tokens -----------------------------------------------------------------------------------


def test_a_token_has_a_form_of_its_own_and_never_changes():
    assert TOKEN == "gos1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8VJFRq"


def test_the_keys_of_a_token_never_change():
    keys = derive_keys(TOKEN, "lab")

    assert keys.mesh_tag.hex() == "55b0feb566eed165"
    assert keys.key_epoch.hex() == "a8516c8b"
    assert keys.discovery_tag.hex() == "803d9b017812af6f"
    assert keys.datagram_key.hex() == "f4ec9037a37abf70736593eeaa462c757a8bbddbe49e36170a9bc4aed4603acb"
    assert keys.certificate_seed.hex() == "cd07a1823faa9c6e74f4daceeaf76ef8ca1bc5276ddfcadb2eb394aeb128bf16"


def test_the_keys_of_a_passphrase_never_change():
    assert (
        derive_keys("correct horse battery staple", "lab").datagram_key.hex()
        == "e34db6be37eabf66071af02b2103491d452b54d4a32030501c82273489ef6b09"
    )


def test_every_token_is_new_and_usable():
    first, second = new_token(os.urandom), new_token(os.urandom)

    assert first != second
    assert private_parts(derive_keys(first, "lab")).isdisjoint(private_parts(derive_keys(second, "lab")))


def test_one_wrong_letter_anywhere_in_a_token_is_noticed():
    for position in range(len("gos1:"), len(TOKEN)):
        for letter in LETTERS:
            if letter == TOKEN[position]:
                continue
            with pytest.raises(SecretError, match="typing error"):
                derive_keys(TOKEN[:position] + letter + TOKEN[position + 1 :], "lab")


def test_two_letters_of_a_token_exchanged_are_noticed():
    for position in range(len("gos1:"), len(TOKEN) - 1):
        left, right = TOKEN[position : position + 2]
        if left != right:
            with pytest.raises(SecretError, match="typing error"):
                derive_keys(TOKEN[:position] + right + left + TOKEN[position + 2 :], "lab")


@pytest.mark.parametrize(
    ("secret", "advice"),
    [
        (TOKEN[:-1], "has 52 characters and must have 53"),
        (TOKEN + "A", "has 54 characters and must have 53"),
        ("gos1:", "has 5 characters"),
        (TOKEN[:20] + "+" + TOKEN[21:], "Character 21"),
        (TOKEN[:20] + "=" + TOKEN[21:], "Character 21"),
        (TOKEN[:20] + "é" + TOKEN[21:], "Character 21"),
        (TOKEN.replace("gos1", "gos2"), "'gos2'.* knows 'gos1' only"),
        (TOKEN.replace("gos1", "Gos1"), "'Gos1'.* knows 'gos1' only"),
        ("", "gossamer keygen"),
        ("  \n", "gossamer keygen"),
        (TOKEN + "\n", "newline at the end of a file"),
        (" correct horse", "white space"),
        ("horse\udcff", "not text"),
        (b"correct horse", "str, not bytes"),
        (None, "str, not NoneType"),
    ],
)
def test_a_secret_that_cannot_be_meant_is_refused_with_advice(secret, advice):
    with pytest.raises(SecretError, match=advice):
        derive_keys(secret, "lab")


@given(st.text(LETTERS, min_size=48, max_size=48))
def test_a_wrong_token_is_never_quoted_in_the_error(letters):
    with pytest.raises(SecretError) as caught:
        derive_keys("gos1:" + letters, "lab")

    assert letters[:8] not in str(caught.value)


# -- keys -------------------------------------------------------------------------------------


def test_a_mesh_of_another_name_shares_no_key():
    assert private_parts(derive_keys(TOKEN, "lab")).isdisjoint(private_parts(derive_keys(TOKEN, "lab2")))


def test_a_passphrase_is_salted_with_the_name():
    assert private_parts(derive_keys("horse", "lab")).isdisjoint(private_parts(derive_keys("horse", "kitchen")))


def test_no_two_keys_of_a_mesh_are_alike():
    assert len(private_parts(derive_keys(TOKEN, "lab"))) == 5


def test_secret_host_and_insecure_meshes_never_coincide():
    key = bytes(32)
    token = new_token(lambda count: key)

    families = [
        private_parts(keys) for keys in (derive_keys(token, "lab"), host_keys(key, "lab"), insecure_keys("lab"))
    ]

    assert len(set.union(*families)) == 15


def test_everybody_derives_the_same_insecure_keys_and_by_name():
    assert insecure_keys("lab") == insecure_keys("lab")
    assert insecure_keys("lab") != insecure_keys("kitchen")


def test_the_same_letters_from_another_keyboard_are_the_same_secret_and_name():
    assert DECOMPOSED != COMPOSED

    assert derive_keys(DECOMPOSED, COMPOSED) == derive_keys(COMPOSED, DECOMPOSED)


def test_a_host_key_of_the_wrong_length_is_refused():
    with pytest.raises(SecretError, match="32 bytes; this one has 16"):
        host_keys(bytes(16), "lab")


def test_keys_show_nothing_private():
    keys = derive_keys(TOKEN, "lab")
    shown = repr(keys) + str(keys)

    for key in (keys.datagram_key, keys.certificate_seed):
        assert repr(key)[2:-1] not in shown
        assert key.hex() not in shown
        assert base64.b64encode(key).decode() not in shown
    assert "datagram_key" not in shown


def test_keys_travel_to_another_process():
    keys = derive_keys(TOKEN, "lab")

    assert pickle.loads(pickle.dumps(keys)) == keys


# -- names and passphrases --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lab", "a", "x" * 64, "Küche 2", "部屋", "room/3", COMPOSED * 12])
def test_a_printable_name_of_at_most_64_bytes_is_accepted(name):
    check_mesh_name(name)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("", "empty"),
        (" ", "empty"),
        ("lab ", "space"),
        ("x" * 65, "65"),
        ("é" * 33, "66"),
        ("a\nb", "printable"),
        ("a\x00", "printable"),
        ("a\udcff", "printable"),
        ("a\N{RIGHT-TO-LEFT OVERRIDE}b", "printable"),
        (b"lab", "bytes"),
        (None, "NoneType"),
    ],
)
def test_any_other_name_is_refused_wherever_keys_are_made(name, complaint):
    for make in (
        check_mesh_name,
        insecure_keys,
        lambda mesh: derive_keys(TOKEN, mesh),
        lambda m: host_keys(bytes(32), m),
    ):
        with pytest.raises(ConfigurationError, match=complaint):
            make(name)


@pytest.mark.parametrize("weak", ["", "a", "password", "Password1!", "12345678901234567890", "a" * 100, "lab lab lab"])
def test_a_weak_passphrase_is_rated_weak(weak):
    assert passphrase_bits(weak) < PASSPHRASE_BITS_MIN


@pytest.mark.parametrize(
    "strong",
    [
        TOKEN,
        "3f9a0c7712e84bd5aa61f0937d5e2c48",
        "k7#Qv!9zT@4m&Xp2Lw",
        "unwound gravel sherry puppet acetone fidgety molehill",
    ],
)
def test_a_strong_secret_is_rated_strong(strong):
    assert passphrase_bits(strong) > PASSPHRASE_BITS_MIN


@given(st.text(max_size=40))
def test_any_text_has_a_rating_and_more_of_it_never_rates_lower(text):
    ratings = [passphrase_bits(text[:length]) for length in range(len(text) + 1)]

    assert ratings == sorted(ratings)
