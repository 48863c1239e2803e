"""What `gossamer doctor` finds out: whether this host can take part in a mesh, who is there, and what to do.

Everything is tried, not guessed: a datagram is sent on each interface and must come back, a
stream is opened, the group is listened to.  Nothing here needs a network, a peer or a name.
"""

from __future__ import annotations

import os
import platform
import select
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

import trio

from .blocking import BlockingMesh
from .errors import GossamerError, NetworkError, Refused
from .handle import Arguments, PeerStatus
from .net.certificates import new_identity
from .net.host_key import FILE_NAME, host_key, state_directory
from .net.interfaces import Interface, list_interfaces
from .net.multicast import join_group, multicast_works, open_group_socket, reason_in_words
from .net.rendezvous import announce
from .net.sockets import DEFAULT_GROUP, DEFAULT_PORT, open_network
from .net.streams import resolve
from .net.transport import Address
from .wire.secret import PASSPHRASE_BITS_MIN, passphrase_bits

Level = Literal["ok", "note", "problem"]

LIBRARIES = ("gossamer", "trio", "cbor2", "zeroconf", "cryptography")
DATAGRAM_BYTES = 2048
INTERFACES_AT_ONCE = 16
FOREIGN_MAX = 256


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found out."""

    topic: str
    level: Level
    says: str
    do: str = ""
    """What to do about it, where there is something to do."""


@dataclass(slots=True)
class Diagnosis:
    """All that was found out."""

    findings: list[Finding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """The same for programs: JSON's types alone."""

    @property
    def healthy(self) -> bool:
        """Whether no finding is a problem."""
        return all(finding.level != "problem" for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call to a peer's stream port."""

    reached: bool
    refused: bool
    """Whether somebody answered, who is not of our mesh."""
    reason: str


def diagnose(arguments: Arguments, listen_s: float, *, named: bool = True) -> Diagnosis:
    """Examine this host, and the mesh for `listen_s` seconds; `named` says whether the mesh was meant.

    Raises nothing for what it finds, but ConfigurationError for arguments that cannot be meant.
    """
    diagnosis = Diagnosis()
    interfaces = _listed(diagnosis)
    for check in (_versions, _keys, _hints):
        diagnosis.findings += check(arguments, diagnosis.facts)
    diagnosis.findings += _multicast(interfaces, diagnosis.facts)
    try:
        mesh = BlockingMesh(arguments)
    except (NetworkError, OSError) as error:
        diagnosis.findings.append(Finding("mesh", "problem", str(error), "close what holds so many sockets or files"))
        return diagnosis
    except GossamerError as error:
        if any(finding.level == "problem" for finding in diagnosis.findings):
            return diagnosis  # the key's own finding says why
        raise error
    with mesh:
        heard = _overheard(mesh, interfaces, listen_s, diagnosis)
        for look in (_ports, _streams, _peers):
            diagnosis.findings += look(mesh, diagnosis.facts)
        diagnosis.findings += _strangers(mesh, heard, diagnosis.facts, named)
    return diagnosis


def reach(arguments: Arguments, address: Address) -> Answer:
    """Open a stream to a peer's host (name or number) and port, as a member of this mesh, and close it again."""

    async def call() -> None:
        identity = new_identity(arguments.keys())
        network = open_network(
            identity=identity, host_only=arguments.host_only, port=arguments.port, options=arguments.options
        )
        try:
            found = await resolve(*address)
            stream = await network.connect(found[0])
            await stream.aclose()
        finally:
            network.close()

    try:
        trio.run(call)
    except Refused as error:
        return Answer(False, True, str(error))
    except GossamerError as error:
        return Answer(False, False, str(error))
    return Answer(True, False, "a stream was opened, and each end proved that it is of this mesh")


# -- this host --------------------------------------------------------------------------------


def _versions(arguments: Arguments, facts: dict[str, Any]) -> Iterator[Finding]:
    versions = {"python": platform.python_version()} | {name: _version(name) for name in LIBRARIES}
    facts["versions"] = versions
    facts["system"] = platform.platform()
    yield Finding("versions", "ok", ", ".join(f"{name} {number}" for name, number in versions.items()))


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "unknown"


def _keys(arguments: Arguments, facts: dict[str, Any]) -> Iterator[Finding]:
    facts["scope"] = "lan, insecure" if arguments.insecure_lan else "host" if arguments.host_only else "lan"
    if arguments.insecure_lan:
        yield Finding("secret", "note", "none: everybody on the LAN reads and writes this mesh", "give it a secret")
    elif arguments.secret is not None:
        bits = passphrase_bits(arguments.secret)
        weak = bits < PASSPHRASE_BITS_MIN
        says = f"a passphrase of roughly {bits:.0f} bits, which can be guessed from one datagram" if weak else "strong"
        yield Finding("secret", "note" if weak else "ok", says, "use `gossamer keygen`" if weak else "")
    else:
        yield Finding("secret", "ok", "none: the mesh is of this host and this user alone")
        try:
            host_key()
        except GossamerError as error:
            yield Finding("host key", "problem", str(error), "without a host key, only a mesh with a secret works")
        else:
            yield Finding("host key", "ok", str(state_directory(os.environ) / FILE_NAME))


def _hints(arguments: Arguments, facts: dict[str, Any]) -> Iterator[Finding]:
    """Leave a file for other programs of this host, as each mesh does."""
    hint = announce(boot=os.urandom(12), tag=bytes(8), address="127.0.0.1", stream_port=1, unicast_port=1)
    path = hint.path
    hint.close()
    facts["runtime_directory"] = None if path is None else str(path.parent)
    if path is None:
        yield Finding(
            "runtime directory",
            "problem",
            "no file can be left for other programs of this host, so they meet by multicast only",
            "set GOSSAMER_RUNTIME_DIR to a directory of yours with mode 0700",
        )
    else:
        yield Finding("runtime directory", "ok", str(path.parent))


def _listed(diagnosis: Diagnosis) -> list[Interface]:
    try:
        return list_interfaces()
    except NetworkError as error:
        diagnosis.findings.append(
            Finding("interfaces", "problem", str(error), "close some files, or leave the sandbox")
        )
        return []


def _multicast(interfaces: list[Interface], facts: dict[str, Any]) -> Iterator[Finding]:
    up = [each for each in interfaces if each.is_up and each.supports_multicast]
    with ThreadPoolExecutor(INTERFACES_AT_ONCE) as threads:
        results = dict(zip(up, threads.map(multicast_works, up), strict=True))
    facts["interfaces"] = [
        {
            "name": each.name,
            "address": each.address,
            "up": each.is_up,
            "loopback": each.is_loopback,
            "default_route": each.has_default_route,
            "multicast": each in results and results[each].works,
            "reason": results[each].reason if each in results else "it is down, or cannot multicast",
        }
        for each in interfaces
    ]
    if not up:
        yield Finding(
            "multicast",
            "problem",
            "no interface is up that can multicast",
            "bring up the network, at least the loopback (ip link set lo up); the mesh will notice",
        )
    for result in results.values():
        do = "" if result.works else "allow UDP to 239.71.83.77 in the firewall, or name peers with --peer"
        yield Finding("multicast", "ok" if result.works else "problem", result.reason, do)


# -- the mesh ---------------------------------------------------------------------------------


def _overheard(
    mesh: BlockingMesh, interfaces: list[Interface], listen_s: float, diagnosis: Diagnosis
) -> Counter[tuple[str, str]]:
    """Listen to the group on every interface; return the datagrams of other meshes by (tag, host)."""
    heard: Counter[tuple[str, str]] = Counter()
    port = mesh.arguments.port or DEFAULT_PORT
    until = time.monotonic() + listen_s
    try:
        with open_group_socket(DEFAULT_GROUP, port) as listener:
            _join_all(listener, interfaces)
            while (left_s := until - time.monotonic()) > 0:
                if select.select([listener], [], [], left_s)[0]:
                    datagram, (host, _) = listener.recvfrom(DATAGRAM_BYTES)
                    tag = mesh.driver.sealer.foreign(datagram)
                    if tag is not None and (len(heard) < FOREIGN_MAX or (tag.hex(), host) in heard):
                        heard[tag.hex(), host] += 1
    except OSError as error:
        says = f"multicast on UDP port {port} cannot be heard: {reason_in_words(error)}"
        diagnosis.findings.append(Finding("ports", "problem", says, "close that program, or give every peer --port"))
        time.sleep(max(0.0, until - time.monotonic()))  # the mesh meets its peers meanwhile
    return heard + Counter(mesh.foreign())


def _join_all(listener: Any, interfaces: list[Interface]) -> None:
    joined = 0
    for each in interfaces:
        if each.is_up and each.supports_multicast:
            try:
                join_group(listener, DEFAULT_GROUP, each)
                joined += 1
            except OSError:
                continue  # `multicast_works` has said why
    if not joined:
        raise OSError(0, "no interface would join the group")


def _ports(mesh: BlockingMesh, facts: dict[str, Any]) -> Iterator[Finding]:
    wanted, network = mesh.arguments.port or DEFAULT_PORT, mesh.network
    hosts = [host for host, _ in network.unicast_addresses]
    facts["ports"] = {"multicast": wanted, "stream": network.stream_port}
    facts["used_addresses"] = hosts
    moved = "" if network.stream_port == wanted else f" ({wanted} is taken by another peer or program, which is fine)"
    where = ", ".join(hosts) or "no address at all"
    yield Finding("ports", "ok", f"multicast on {wanted}, streams on {network.stream_port}{moved}, by {where}")


def _streams(mesh: BlockingMesh, facts: dict[str, Any]) -> Iterator[Finding]:
    own = reach(mesh.arguments, ("127.0.0.1", mesh.network.stream_port))
    facts["stream"] = own.reached
    do = "" if own.reached else "does a firewall block TCP on the loopback?"
    yield Finding("streams", "ok" if own.reached else "problem", own.reason, do)
    facts["static_peers"] = {}
    for text in mesh.arguments.peers:
        answer = reach(mesh.arguments, mesh.arguments.static_address(text))
        facts["static_peers"][text] = {"reached": answer.reached, "refused": answer.refused, "reason": answer.reason}
        if answer.reached:
            yield Finding("static peer", "ok", f"{text} answers")
        elif answer.refused:
            yield Finding("static peer", "problem", f"{text}: {answer.reason}", "give both the same name and secret")
        else:
            do = "is it running, is that its address and port, does a firewall allow TCP to it?"
            yield Finding("static peer", "problem", f"{text}: {answer.reason}", do)


def _peers(mesh: BlockingMesh, facts: dict[str, Any]) -> Iterator[Finding]:
    status = mesh.status()
    facts["mesh"], facts["state"] = status.name, status.why
    facts["peers"] = [
        {
            "name": row.peer.name,
            "host": row.peer.host,
            "presence": row.presence,
            "multicast": row.multicast,
            "stream": row.stream,
            "clock_offset_s": row.clock_offset_s,
            "why": row.why,
        }
        for row in status.peers
    ]
    for row in status.peers:
        yield from _peer(row, mesh.options.clock_skew_s)


def _peer(row: PeerStatus, skew_s: float) -> Iterator[Finding]:
    clock = "" if row.clock_offset_s is None else f", clock {row.clock_offset_s:+.2f} s"
    says = f"{row.peer.name} at {row.peer.host or 'an unknown host'}: {row.presence}, {row.why}{clock}"
    yield Finding("peer", "ok" if row.presence in ("alive", "left") else "note", says)
    if row.clock_offset_s is not None and abs(row.clock_offset_s) > skew_s:
        yield Finding(
            "clock",
            "problem",
            f"the clock of {row.peer.name} is {row.clock_offset_s:+.1f} s from ours; its writes win or lose by that",
            "set both clocks, best with NTP: timedatectl set-ntp true",
        )
    if row.presence == "alive" and not row.multicast:
        yield Finding(
            "multicast",
            "note",
            f"multicast does not pass between {row.peer.name} and us; a stream carries everything",
            "it works, and costs more; look for client isolation or IGMP snooping on the access point or switch",
        )


def _strangers(
    mesh: BlockingMesh, heard: Counter[tuple[str, str]], facts: dict[str, Any], named: bool
) -> Iterator[Finding]:
    facts["foreign"] = [{"tag": tag, "host": host, "datagrams": n} for (tag, host), n in heard.most_common()]
    tags = {tag for tag, _ in heard}
    if tags:
        hosts = sorted({host for _, host in heard})
        listed = ", ".join(f"{tag[:8]} from {host}" for tag, host in list(heard)[:8])
        says = f"{len(tags)} heard, at {len(hosts)} addresses: {listed}"
        yield Finding(
            "other meshes", "ok", f"{says}; they have another name or another secret, and never mix with ours"
        )
    else:
        yield Finding("other meshes", "ok", "none was heard")
    if not named:
        yield Finding("mesh", "note", "none was named, so only this host was examined", "name one: -m NAME")
    elif not mesh.peers:
        do = "start another program with the same name and " + (
            "the same user on this host; on several hosts, all need a secret"
            if mesh.arguments.host_only
            else "the same secret; where multicast does not pass, name one with --peer HOST"
        )
        yield Finding("mesh", "note", f"no other peer of {mesh.name!r} is there", do)
    else:
        yield Finding("mesh", "ok", f"{mesh.name!r}: {mesh.status().why}")
