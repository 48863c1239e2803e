"""Datagrams sealed under the keys of a mesh: nobody else reads, alters or makes one.

    0      2       3        11        15     27            35      43
    | magic| version| mesh tag| key epoch| boot| packet number| random| ciphertext ... | GCM tag 16 |

1. The 43 bytes of header are authenticated; the body is encrypted too (AES-256-GCM).
2. Each boot of each peer seals under a key of its own, derived from the mesh's.
3. The nonce is the low half of the packet number and 8 random bytes.  Numbers do not repeat
   within 2^32 packets of a boot; where they do, in a machine that was cloned or a process that
   was forked while running, the random bytes differ.  They are therefore drawn for
   each datagram and never kept in store: a clone would have a copy of the store.
4. Strangers make us remember nothing: a session exists only once one of its datagrams was
   authentic.

The first 27 bytes say whose key opens the datagram, so one dict lookup, of those 27, checks
them all.  Only where it fails is the header looked at more closely, to say why.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from enum import Enum
from operator import length_hint
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from gossamer.errors import Refused
from gossamer.wire.replay import Reception, ReplayWindow
from gossamer.wire.secret import MeshKeys

MAGIC = b"G\xf5"
VERSION = 1
BOOT_BYTES = 12
OVERHEAD_BYTES = 59
"""Bytes that sealing adds: 43 of header, 16 of tag."""
SESSIONS_MAX = 4096
"""Boots remembered at once; the one unheard for longest is forgotten, its replay window with it."""

_START = MAGIC + bytes([VERSION])
_MESH_TAG = slice(3, 11)
_KEY = slice(3, 15)
_BOOT = slice(15, 27)
_SENDER = slice(0, 27)
_NUMBER = slice(27, 35)
_NUMBER_AND_RANDOM = slice(27, 43)
_NONCE = slice(31, 43)
_HEADER_BYTES = 43
_NUMBERS = 2**63 - 1
# Echoes of our own multicast come back within a few packets; a power of two.
_RECENT = 1024
_made = tuple.__new__


class Cause(Enum):
    """Why a datagram was refused.  The value is a sentence for a log."""

    NOT_GOSSAMER = "It is no gossamer datagram: another program uses this port, or its beginning was lost."
    OTHER_VERSION = "It is of another version of gossamer: upgrade whichever is older."
    FOREIGN_MESH = "It is of a mesh with another name or another secret: give both peers the same, if they are to meet."
    UNKNOWN_KEY = "It names this mesh and a key that this mesh does not have: it is damaged or forged."
    FORGED = "It was damaged on its way, or made by somebody who lacks the secret."


class RefusedDatagram(Refused):
    """A datagram that is not of our mesh.  Nothing was kept of it."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(f"A datagram was dropped.  {cause.value}")
        self.cause = cause


class Opened(NamedTuple):
    """An authentic datagram of our mesh.

    `fresh` is false where its number was accepted before, or lies more than a window behind:
    idempotent messages may be applied all the same, others must not.  It speaks of what this
    `Sealer` remembers, so a recording made before it began, or of a boot since forgotten,
    looks fresh: what must not be repeated needs a boot that was met on a stream, too.

    `twin` is true where it bears our boot though we did not send it: this machine was cloned,
    or a snapshot of it was restored, and another goes on as us.
    """

    boot: bytes
    number: int
    fresh: bool
    body: bytes
    twin: bool = False


class Sealer:
    """Seals our datagrams and opens those of others.

    `keys` are all keys of the mesh: the first seals, every one opens, so that a secret can be
    replaced while peers sleep: add the new one last everywhere, then make it first everywhere,
    then take the old one away.  `boot` is 12 bytes, never used before: a new sealer,
    as after a fork, needs a new boot.  `random_bytes` is `os.urandom`; only a simulation
    may give it a seeded source.

    `seal` and `is_echo` may be called from any thread; `open` from one at a time.
    """

    def __init__(self, keys: Sequence[MeshKeys], boot: bytes, random_bytes: Callable[[int], bytes]) -> None:
        if len(boot) != BOOT_BYTES:
            raise ValueError(f"a boot is {BOOT_BYTES} bytes, not {len(boot)}")
        first = keys[0]
        self.boot = boot
        self._keys = {one.mesh_tag + one.key_epoch: one.datagram_key for one in keys}
        self._mesh_tags = frozenset(one.mesh_tag for one in keys)
        self._sender = _START + first.mesh_tag + first.key_epoch + boot
        self._encrypt = _boot_cipher(first.datagram_key, boot).encrypt
        self._random_bytes = random_bytes
        # The iterator of a range hands out each number once, to whichever thread, and knows how many are left.
        self._numbers = iter(range(_NUMBERS))
        self._recent = [b""] * _RECENT
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()
        self._latest: _Session | None = None
        """The last of them, heard from a moment ago."""

    @property
    def packets_sealed(self) -> int:
        """How many datagrams were sealed; also the number that the next one gets."""
        return _NUMBERS - length_hint(self._numbers)

    @property
    def sessions(self) -> int:
        """How many boots are remembered, `SESSIONS_MAX` at most."""
        return len(self._sessions)

    def seal(self, body: bytes) -> bytes:
        """Return the datagram that carries `body`, 59 bytes longer.  Thread-safe."""
        number = next(self._numbers)
        number_and_random = number.to_bytes(8, "big") + self._random_bytes(8)
        self._recent[number % _RECENT] = number_and_random
        header = self._sender + number_and_random
        return header + self._encrypt(number_and_random[4:], body, header)

    def open(self, datagram: bytes) -> Opened:
        """Return what an authentic datagram carries, or raise `RefusedDatagram`, which says why."""
        sender = datagram[_SENDER]
        session = self._sessions.get(sender)
        if session is None or len(datagram) < OVERHEAD_BYTES:
            session = self._new_session(datagram)
        try:
            body = session.decrypt(datagram[_NONCE], datagram[_HEADER_BYTES:], datagram[:_HEADER_BYTES])
        except InvalidTag:
            raise RefusedDatagram(Cause.FORGED) from None
        if session is not self._latest:
            self._remember(sender, session)
        number = int.from_bytes(datagram[_NUMBER], "big")
        twin = session.boot == self.boot and self._is_twin(datagram, number)
        return _made(Opened, (session.boot, number, session.window.accept(number), body, twin))

    def is_echo(self, datagram: bytes) -> bool:
        """Return whether this is one of our last 1024 datagrams come back, as multicast does; O(1), no cipher."""
        recent = self._recent[int.from_bytes(datagram[_NUMBER], "big") % _RECENT]
        return datagram[_NUMBER_AND_RANDOM] == recent and datagram[_SENDER] == self._sender

    def foreign(self, datagram: bytes) -> bytes | None:
        """Return the mesh tag of a datagram of another mesh, None for any other datagram; O(1), no cipher.

        Anybody can send any tag: count them in a table that is bounded.
        """
        if not datagram.startswith(_START) or len(datagram) < OVERHEAD_BYTES:
            return None
        mesh_tag = datagram[_MESH_TAG]
        return None if mesh_tag in self._mesh_tags else mesh_tag

    def reception(self, boot: bytes) -> Reception | None:
        """Return what came of the latest packets of `boot`, None if it is not remembered."""
        for key in self._keys:
            if session := self._sessions.get(_START + key + boot):
                return session.window.reception()
        return None

    def _new_session(self, datagram: bytes) -> _Session:
        """Return a session that is not remembered yet, or say why there can be none."""
        if not datagram.startswith(MAGIC) or len(datagram) < OVERHEAD_BYTES:
            raise RefusedDatagram(Cause.NOT_GOSSAMER)
        if not datagram.startswith(_START):
            raise RefusedDatagram(Cause.OTHER_VERSION)
        if datagram[_MESH_TAG] not in self._mesh_tags:
            raise RefusedDatagram(Cause.FOREIGN_MESH)
        if (key := self._keys.get(datagram[_KEY])) is None:
            raise RefusedDatagram(Cause.UNKNOWN_KEY)
        return _Session(key, datagram[_BOOT])

    def _remember(self, sender: bytes, session: _Session) -> None:
        self._latest = session
        self._sessions[sender] = session
        self._sessions.move_to_end(sender)
        if len(self._sessions) > SESSIONS_MAX:
            self._sessions.popitem(last=False)

    def _is_twin(self, datagram: bytes, number: int) -> bool:
        """Return whether an authentic datagram under our boot is none of ours.

        One of ours that is older than `_RECENT` packets cannot be told from a twin's; it is taken for ours.
        """
        if datagram[_SENDER] != self._sender or number >= self.packets_sealed:
            return True
        recent = self._recent[number % _RECENT]
        return datagram[_NUMBER_AND_RANDOM] != recent and recent[:8] == datagram[_NUMBER]


class _Session:
    """What is remembered of one boot: the cipher that opens its datagrams, and their numbers."""

    __slots__ = ("boot", "decrypt", "window")

    def __init__(self, datagram_key: bytes, boot: bytes) -> None:
        self.boot = boot
        self.decrypt = _boot_cipher(datagram_key, boot).decrypt
        self.window = ReplayWindow()


def _boot_cipher(datagram_key: bytes, boot: bytes) -> AESGCM:
    return AESGCM(HKDFExpand(SHA256(), 32, b"gossamer udp v1" + boot).derive(datagram_key))
