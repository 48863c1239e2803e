"""Certificates for streams: whoever has the secret can make one, nobody else can.

1. The private key of the certificate authority follows from the secret, so every peer is the
   authority, and issues itself a certificate for a key of its own.
2. `peer_id` is a hash of the peer's own public key.  A member can therefore not pose
   as another on a stream, though it could issue itself any name.
3. No clock is consulted: certificates are valid from 1950 to 9999, for a Raspberry Pi wakes in 1970.

Both ends verify each other under TLS 1.3.  In TLS 1.3 a client's handshake ends before the
server has judged it, so a client learns at its first *read* that it was refused.
"""

from __future__ import annotations

import hashlib
import os
import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gossamer.errors import Malformed, SecretError
from gossamer.wire.secret import MeshKeys

ALPN = "gossamer/1"
PEER_ID_BYTES = 16

_NOT_BEFORE = datetime(1950, 1, 1, tzinfo=UTC)
_NOT_AFTER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are on streams: a key pair that lives as long as this object, and its certificate.

    Wrap a stream in `trio.SSLStream(stream, server_context, server_side=True)` or
    `trio.SSLStream(stream, client_context)`; neither needs a host name.  After its handshake,
    `peer_id_of(stream.getpeercert(binary_form=True))` says who is at the other end.
    """

    peer_id: bytes
    server_context: ssl.SSLContext
    client_context: ssl.SSLContext


def new_identity(keys: MeshKeys, *also_trusted: MeshKeys) -> Identity:
    """Return a fresh identity, certified under `keys` and trusting `also_trusted` as well.

    Several keys are in use while a secret is replaced, in the order that `Sealer` has them.
    Takes a few milliseconds.  Raises `SecretError` where the system can hand no key to OpenSSL.
    """
    own_key = Ed25519PrivateKey.generate()
    peer_id = _hash_of(own_key.public_key())
    certificate = _own_certificate(own_key.public_key(), peer_id, keys)
    authorities = "".join(_pem(_authority_certificate(one)) for one in (keys, *also_trusted))

    contexts = []
    with _as_file(_pem(certificate).encode() + _private_pem(own_key)) as path:
        for protocol in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT):
            context = _context(protocol, authorities)
            context.load_cert_chain(path)
            contexts.append(context)
    server_context, client_context = contexts
    server_context.num_tickets = 0  # a resumed session would outlive the removal of its secret
    return Identity(peer_id, server_context, client_context)


def peer_id_of(certificate_der: bytes | None) -> bytes:
    """Return the id of the peer that a verified certificate belongs to.

    None, which is what `getpeercert` returns for a peer that showed none, and anything that is no
    certificate raise `Malformed`.
    """
    if certificate_der is None:
        raise Malformed(
            "The peer showed no certificate, so the stream was closed.  Was it opened with another context?"
        )
    try:
        return _hash_of(x509.load_der_x509_certificate(certificate_der).public_key())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Malformed(f"What the peer showed is no certificate ({error}), so the stream was closed.") from None


def _context(protocol: ssl._SSLMethod, authorities: str) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # peers are known by their keys, not by where they are
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata=authorities)
    context.set_alpn_protocols([ALPN])
    return context


def _authority_certificate(keys: MeshKeys) -> x509.Certificate:
    """Return the certificate of the authority, which every peer makes for itself and none sends."""
    key = _authority_key(keys)
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _certificate(_authority_name(keys), _authority_name(keys), key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(usage, critical=True)
        .sign(key, None)
    )


def _own_certificate(own_key: Ed25519PublicKey, peer_id: bytes, keys: MeshKeys) -> x509.Certificate:
    authority = _authority_key(keys)
    both_ends = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    return (
        _certificate(_name(peer_id.hex()), _authority_name(keys), own_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .add_extension(both_ends, critical=False)
        .sign(authority, None)
    )


def _certificate(subject: x509.Name, issuer: x509.Name, key: Ed25519PublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(_NOT_AFTER)
    )


def _authority_key(keys: MeshKeys) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(keys.certificate_seed)


def _authority_name(keys: MeshKeys) -> x509.Name:
    return _name(f"gossamer mesh {keys.key_epoch.hex()}")


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _hash_of(key: CertificatePublicKeyTypes) -> bytes:
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).digest()[:PEER_ID_BYTES]


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def _private_pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Lend `content` a path, since `ssl` takes a private key from nowhere else.

    In memory where the system has anonymous files, else in a directory that only we can enter.
    """
    try:
        if sys.platform == "linux" and os.path.isdir("/proc/self/fd"):
            with os.fdopen(os.memfd_create("gossamer", os.MFD_CLOEXEC), "wb", buffering=0) as file:
                file.write(content)
                yield f"/proc/self/fd/{file.fileno()}"
        else:
            with tempfile.TemporaryDirectory(prefix="gossamer-") as directory:
                path = Path(directory, "key")
                path.touch(0o600, exist_ok=False)
                path.write_bytes(content)
                yield str(path)
    except ssl.SSLError:
        raise
    except OSError as error:
        raise SecretError(
            f"The key of this peer could not be handed to TLS ({error}).  It needs a file in {tempfile.gettempdir()}."
        ) from error
