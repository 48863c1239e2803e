import datetime
import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gossamer.errors import Malformed, SecretError
from gossamer.net import certificates
from gossamer.net.certificates import ALPN, new_identity, peer_id_of
from gossamer.wire.secret import host_keys

OLD = host_keys(b"o" * 32, "lab")
NEW = host_keys(b"n" * 32, "lab")
ELSEWHERE = host_keys(b"o" * 32, "kitchen")

DEADLINE_S = 10


class Met:
    """What two ends learned of each other over a real socket; an end that was refused has the error instead."""

    def __init__(self):
        self.server = self.client = None


async def meet(server_context, client_context):
    """Connect over loopback, shake hands, say a word in both directions."""
    met = Met()
    done = trio.Event()

    async def serve(stream):
        try:
            met.server = await converse(trio.SSLStream(stream, server_context, server_side=True))
        finally:
            done.set()

    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, serve, [listener])
            plain = await trio.open_tcp_stream(*listener.socket.getsockname())
            met.client = await converse(trio.SSLStream(plain, client_context))
            await done.wait()
            nursery.cancel_scope.cancel()
    return met


async def converse(stream):
    async with stream:
        try:
            await stream.do_handshake()
            await stream.send_all(b"hello")
            assert await stream.receive_some(5) == b"hello"
        except trio.BrokenResourceError as error:
            await trio.aclose_forcefully(stream)
            return error
        return {
            "peer": peer_id_of(stream.getpeercert(binary_form=True)),
            "version": stream.version(),
            "alpn": stream.selected_alpn_protocol(),
        }


def shake_hands_in_memory(server_context, client_context):
    """Return both ends of a handshake that was pumped by hand."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for end in (client, server, client, server):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return server, client


def refused(end):
    return isinstance(end, trio.BrokenResourceError)


# -- who may speak ----------------------------------------------------------------------------


async def test_two_peers_of_a_mesh_meet_and_know_each_other_by_their_keys():
    ann, bob = new_identity(OLD), new_identity(OLD)

    met = await meet(ann.server_context, bob.client_context)

    assert met.server == {"peer": bob.peer_id, "version": "TLSv1.3", "alpn": ALPN}
    assert met.client == {"peer": ann.peer_id, "version": "TLSv1.3", "alpn": ALPN}


@pytest.mark.parametrize("strange", [NEW, ELSEWHERE], ids=["another secret", "another name"])
async def test_a_peer_of_another_mesh_is_refused_whichever_end_it_is(strange):
    ann, eve = new_identity(OLD), new_identity(strange)

    at_anns = await meet(ann.server_context, eve.client_context)
    at_eves = await meet(eve.server_context, ann.client_context)

    assert refused(at_anns.server)
    assert refused(at_anns.client)
    assert refused(at_eves.server)
    assert refused(at_eves.client)


async def test_a_client_that_trusts_us_and_lacks_the_secret_is_refused_by_the_server():
    ann = new_identity(OLD)
    eve = new_identity(NEW, OLD)

    met = await meet(ann.server_context, eve.client_context)

    assert refused(met.server)
    assert refused(met.client)


async def test_a_server_that_trusts_us_and_lacks_the_secret_is_refused_by_the_client():
    ann = new_identity(OLD)
    eve = new_identity(NEW, OLD)

    met = await meet(eve.server_context, ann.client_context)

    assert refused(met.client)
    assert refused(met.server)


async def test_a_client_that_shows_no_certificate_is_refused():
    anonymous = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anonymous.check_hostname = False
    anonymous.verify_mode = ssl.CERT_NONE

    met = await meet(new_identity(OLD).server_context, anonymous)

    assert refused(met.server)
    assert refused(met.client)


async def test_an_older_tls_is_refused():
    ann, bob = new_identity(OLD), new_identity(OLD)
    bob.client_context.minimum_version = ssl.TLSVersion.TLSv1_2
    bob.client_context.maximum_version = ssl.TLSVersion.TLSv1_2

    met = await meet(ann.server_context, bob.client_context)

    assert refused(met.server)
    assert refused(met.client)


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
async def test_peers_one_step_apart_in_replacing_a_secret_can_meet(one, other):
    ann, bob = new_identity(*one), new_identity(*other)

    there, back = await meet(ann.server_context, bob.client_context), await meet(bob.server_context, ann.client_context)

    assert (there.server["peer"], there.client["peer"]) == (bob.peer_id, ann.peer_id)
    assert (back.server["peer"], back.client["peer"]) == (ann.peer_id, bob.peer_id)


async def test_a_peer_that_still_shows_a_removed_secret_is_refused():
    ann, bob = new_identity(OLD, NEW), new_identity(NEW)

    met = await meet(bob.server_context, ann.client_context)

    assert refused(met.server)
    assert refused(met.client)


# -- certificates -----------------------------------------------------------------------------


def test_every_identity_is_another_peer():
    assert len({new_identity(OLD).peer_id for _ in range(20)}) == 20


def test_a_peer_id_is_16_bytes_and_stands_in_the_certificate():
    ann, bob = new_identity(OLD), new_identity(OLD)

    _, client = shake_hands_in_memory(ann.server_context, bob.client_context)

    shown = x509.load_der_x509_certificate(client.getpeercert(binary_form=True))
    assert len(ann.peer_id) == 16
    assert shown.subject.rfc4514_string() == f"CN={ann.peer_id.hex()}"


def test_a_session_cannot_be_resumed_after_its_secret_was_removed():
    ann, bob = new_identity(OLD), new_identity(OLD)

    server, client = shake_hands_in_memory(ann.server_context, bob.client_context)
    server.write(b"a ticket would travel before this")
    client.read(100)

    assert not client.session.has_ticket


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize("year", [1970, 1999, 2026, 2050, 2100, 9000])
def test_a_certificate_is_valid_whatever_the_clock_says(tmp_path, year):
    ann = new_identity(OLD)
    _, client = shake_hands_in_memory(ann.server_context, new_identity(OLD).client_context)
    (authority,) = ann.client_context.get_ca_certs(binary_form=True)
    for name, der in (("authority", authority), ("peer", client.getpeercert(binary_form=True))):
        (tmp_path / name).write_text(ssl.DER_cert_to_PEM_cert(der))
    moment = int(datetime.datetime(year, 1, 1, tzinfo=datetime.UTC).timestamp())

    verdict = subprocess.run(
        [
            "openssl",
            "verify",
            "-x509_strict",
            "-attime",
            str(moment),
            "-CAfile",
            tmp_path / "authority",
            tmp_path / "peer",
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert verdict.returncode == 0, verdict.stderr


@pytest.mark.parametrize("nothing", [None, b"", b"\x30\x82", b"certificate"])
def test_what_is_no_certificate_names_no_peer(nothing):
    with pytest.raises(Malformed, match="stream was closed"):
        peer_id_of(nothing)


def test_every_truncation_of_a_certificate_names_no_peer():
    _, client = shake_hands_in_memory(new_identity(OLD).server_context, new_identity(OLD).client_context)
    der = client.getpeercert(binary_form=True)

    for length in range(len(der)):
        with pytest.raises(Malformed):
            peer_id_of(der[:length])


# -- the private key --------------------------------------------------------------------------


def test_the_private_key_leaves_no_file_and_no_descriptor_behind(monkeypatch, tmp_path):
    monkeypatch.setattr(certificates.tempfile, "tempdir", str(tmp_path))
    new_identity(OLD)
    before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0

    for _ in range(10):
        new_identity(OLD)

    assert list(tmp_path.iterdir()) == []
    assert sys.platform != "linux" or len(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def without_anonymous_files(monkeypatch, tmp_path):
    """Where temporary files go on a system that is not Linux."""
    with monkeypatch.context() as patch:
        patch.setattr(certificates.tempfile, "tempdir", str(tmp_path))
        patch.setattr(certificates.sys, "platform", "darwin")
        yield tmp_path


def test_where_files_cannot_be_anonymous_the_key_passes_through_a_private_one(without_anonymous_files):
    with certificates._as_file(b"key") as path:
        assert oct(os.stat(path).st_mode & 0o777) == "0o600"
        assert oct(os.stat(Path(path).parent).st_mode & 0o777) == "0o700"
        assert Path(path).read_bytes() == b"key"

    ann, bob = new_identity(OLD), new_identity(OLD)

    _, client = shake_hands_in_memory(ann.server_context, bob.client_context)
    assert peer_id_of(client.getpeercert(binary_form=True)) == ann.peer_id
    assert list(without_anonymous_files.iterdir()) == []


def test_where_no_file_can_be_made_the_error_says_where_it_was_tried(without_anonymous_files):
    without_anonymous_files.rmdir()

    with pytest.raises(SecretError, match=f"needs a file in {without_anonymous_files}"):
        new_identity(OLD)
    without_anonymous_files.mkdir()


def test_the_authority_follows_from_the_secret_and_the_peers_own_key_does_not():
    ann = new_identity(OLD)
    (authority,) = ann.server_context.get_ca_certs(binary_form=True)
    expected = Ed25519PrivateKey.from_private_bytes(OLD.certificate_seed).public_key()

    assert x509.load_der_x509_certificate(authority).public_key() == expected
    assert peer_id_of(authority) != ann.peer_id
