"""The secret of a mesh, and the keys that follow from it and from the mesh's name.

1. The same secret and name give the same keys everywhere; another name gives unrelated ones.
2. What travels in the clear (tags, key epoch) tells nothing about the keys.
3. Keys of the three kinds (a secret, this user's host key, none at all) never coincide.

    token       its 32 bytes ------------------\
    passphrase  scrypt, salted with the name ---+-> HKDF(kind, name) = mesh key -> Expand(label) = each key
    host key    its 32 bytes ------------------/

A sniffed datagram lets an attacker try passphrases at leisure; scrypt makes each try cost
0.1 s and 64 MiB, and only a long passphrase does the rest.  A token cannot be guessed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from math import log2

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from gossamer.errors import ConfigurationError, SecretError

MESH_NAME_BYTES_MAX = 64
PASSPHRASE_BITS_MIN = 60.0
"""Bits below which a passphrase deserves a warning.

2^60 tries of 0.1 s are three thousand million core-years; were the estimate twenty bits too
high, three thousand would be left.
"""

_KEY_BYTES = 32
_TOKEN_PREFIX = "gos1:"
_TOKEN_CHECKSUM_BYTES = 4
_TOKEN_LENGTH = len(_TOKEN_PREFIX) + (_KEY_BYTES + _TOKEN_CHECKSUM_BYTES) * 4 // 3
_TOKEN_LIKE = re.compile(r"gos(\d+):", re.IGNORECASE)
_NOT_BASE64URL = re.compile(r"[^A-Za-z0-9_-]")
_ASK_FOR_A_TOKEN = "Make one with `gossamer keygen` and give every peer the same."

# scrypt: 64 MiB and about 0.1 s on a laptop, once per join.
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**16, 8, 1
_SCRYPT_BYTES_MAX = 128 << 20


@dataclass(frozen=True, slots=True)
class MeshKeys:
    """All keys of one mesh under one secret.  Its `repr` shows only what travels in the clear."""

    mesh_tag: bytes
    """8 bytes, a keyed hash of the name: by it, foreign datagrams are dropped unread."""
    key_epoch: bytes
    """4 bytes that name the key, so that two may be in use while a secret is replaced."""
    discovery_tag: bytes
    """8 bytes for zeroconf, not linkable to `mesh_tag` without the secret."""
    datagram_key: bytes = field(repr=False)
    """32 bytes, from which each boot's datagram key is derived."""
    certificate_seed: bytes = field(repr=False)
    """32 bytes, the private key of the mesh's certificate authority."""
    program_key: bytes = field(repr=False)
    """32 bytes, from which programs derive keys of their own."""


def new_token(random_bytes: Callable[[int], bytes]) -> str:
    """Return a new secret that cannot be guessed, given `os.urandom`.  Its last letters catch typing errors."""
    key = random_bytes(_KEY_BYTES)
    return _TOKEN_PREFIX + base64.urlsafe_b64encode(key + _checksum(key)).decode("ascii")


def derive_keys(secret: str, mesh: str) -> MeshKeys:
    """Return the keys of the mesh named `mesh` under `secret`, a token or a passphrase.

    A passphrase costs about 0.1 s and 64 MiB.  Secret and name are taken in Unicode's NFC, so
    that the same letters typed on a Mac and on a PC are the same.  Raises `SecretError` for
    a secret that cannot be meant, `ConfigurationError` for a name that cannot be one.
    """
    check_mesh_name(mesh)
    _check_secret(secret)
    key = _token_key(secret) if _TOKEN_LIKE.match(secret) else _stretched(secret, mesh)
    return _derived(key, mesh, kind=b"gossamer mesh v1")


def host_keys(key: bytes, mesh: str) -> MeshKeys:
    """Return the keys of a mesh of this host and this user, given the user's host key."""
    check_mesh_name(mesh)
    if len(key) != _KEY_BYTES:
        raise SecretError(f"A host key is {_KEY_BYTES} bytes; this one has {len(key)}.  Use net.host_key.host_key().")
    return _derived(key, mesh, kind=b"gossamer host v1")


def insecure_keys(mesh: str) -> MeshKeys:
    """Return the keys of an `insecure_lan` mesh: everybody can derive them, so they protect nothing.

    They exist so that there is one path through sealing and TLS, not two, and so that an
    insecure mesh never mixes with a sealed one of the same name.
    """
    check_mesh_name(mesh)
    return _derived(bytes(_KEY_BYTES), mesh, kind=b"gossamer insecure v1")


def check_mesh_name(mesh: str) -> None:
    """Raise `ConfigurationError` unless `mesh` is a printable name of at most 64 bytes."""
    if not isinstance(mesh, str):
        raise ConfigurationError(f"A mesh name is a str, not {type(mesh).__name__}, as in join('lab').")
    if not mesh or mesh != mesh.strip():
        raise ConfigurationError(f"A mesh name neither is empty nor begins or ends with a space: {mesh!r}.")
    if not mesh.isprintable():  # false for surrogates too, which have no bytes
        raise ConfigurationError(f"A mesh name has printable characters only: {mesh!r}.")
    if (length := len(_normal(mesh))) > MESH_NAME_BYTES_MAX:
        raise ConfigurationError(f"A mesh name has at most {MESH_NAME_BYTES_MAX} bytes in UTF-8; this has {length}.")


def passphrase_bits(secret: str) -> float:
    """Estimate, roughly and rather too low, how many bits of guessing a secret withstands.

    A token counts in full.  A letter after another of its kind counts two bits, as in
    words; a repetition or a step, as in "aaa" or "123", half a bit.
    """
    if _TOKEN_LIKE.match(secret):
        return 8.0 * _KEY_BYTES
    bits = _character_bits(secret[0]) if secret else 0.0
    for before, this in pairwise(secret):
        if abs(ord(this) - ord(before)) <= 1:
            bits += 0.5
        elif this.isalpha() and before.isalpha() and this.islower() == before.islower():
            bits += 2.0
        else:
            bits += _character_bits(this)
    return bits


def _character_bits(character: str) -> float:
    if character.isdigit():
        return log2(10)
    if character.isalpha():
        return log2(26)
    return 1.0 if character in " -_." else log2(32)


def _check_secret(secret: str) -> None:
    if not isinstance(secret, str):
        raise SecretError(f"A secret is a str, not {type(secret).__name__}.  {_ASK_FOR_A_TOKEN}")
    if not secret.strip():
        raise SecretError(f"The secret is empty.  {_ASK_FOR_A_TOKEN}")
    if secret != secret.strip():
        raise SecretError(
            "The secret begins or ends with white space, which other peers will hardly have typed.  "
            "Remove it, such as the newline at the end of a file."
        )
    try:
        secret.encode()
    except UnicodeEncodeError:
        raise SecretError(
            "The secret holds a character that is not text, as if read in the wrong encoding.  "
            f"Read it as UTF-8, or use a token.  {_ASK_FOR_A_TOKEN}"
        ) from None


def _token_key(token: str) -> bytes:
    """Return the 32 bytes of a token; never quote it in an error, which may end in a log."""
    if not token.startswith(_TOKEN_PREFIX):
        version = token.partition(":")[0]
        raise SecretError(
            f"The secret looks like a token but begins with {version!r}: this gossamer knows 'gos1' only."
        )
    if len(token) != _TOKEN_LENGTH:
        raise SecretError(
            f"The token has {len(token)} characters and must have {_TOKEN_LENGTH}: part of it was lost, or something "
            "was added.  Copy it again, whole."
        )
    if stray := _NOT_BASE64URL.search(token, len(_TOKEN_PREFIX)):
        raise SecretError(f"Character {stray.start() + 1} of the token is none that a token has.  Copy it again.")
    raw = binascii.a2b_base64(token[len(_TOKEN_PREFIX) :].translate({ord("-"): "+", ord("_"): "/"}))
    key, checksum = raw[:_KEY_BYTES], raw[_KEY_BYTES:]
    if checksum != _checksum(key):
        raise SecretError("The token has a typing error: its check letters do not fit.  Copy it again.")
    return key


def _checksum(key: bytes) -> bytes:
    return hashlib.sha256(b"gossamer token v1" + key).digest()[:_TOKEN_CHECKSUM_BYTES]


def _stretched(passphrase: str, mesh: str) -> bytes:
    return hashlib.scrypt(
        _normal(passphrase),
        salt=b"gossamer:" + _normal(mesh),
        n=_SCRYPT_N,
        r=_SCRYPT_R,
        p=_SCRYPT_P,
        maxmem=_SCRYPT_BYTES_MAX,
        dklen=_KEY_BYTES,
    )


def _derived(key: bytes, mesh: str, kind: bytes) -> MeshKeys:
    name = _normal(mesh)
    mesh_key = HKDF(SHA256(), _KEY_BYTES, salt=kind, info=name).derive(key)

    def expanded(label: bytes, length_bytes: int) -> bytes:
        return HKDFExpand(SHA256(), length_bytes, label + name).derive(mesh_key)

    return MeshKeys(
        mesh_tag=expanded(b"gossamer mesh tag v1:", 8),
        key_epoch=expanded(b"gossamer key epoch v1:", 4),
        discovery_tag=expanded(b"gossamer discovery tag v1:", 8),
        datagram_key=expanded(b"gossamer datagram key v1:", _KEY_BYTES),
        certificate_seed=expanded(b"gossamer certificate seed v1:", _KEY_BYTES),
        program_key=expanded(b"gossamer program key v1:", _KEY_BYTES),
    )


def _normal(text: str) -> bytes:
    return unicodedata.normalize("NFC", text).encode()
