"""One message of each kind, or several where it has shapes, and the bytes that it must have for ever."""

from __future__ import annotations

from gossamer.crdt.dots import Dot
from gossamer.crdt.vector_clock import VectorClock
from gossamer.crdt.writes import Batch, Write, expiry_meta
from gossamer.wire.codec import encode_batch
from gossamer.wire.keys import SpaceKey
from gossamer.wire.messages import (
    Abort,
    Ask,
    Beacon,
    Call,
    Cancel,
    DeltaEnd,
    DeltaPart,
    Events,
    EventsRepair,
    Goodbye,
    Grant,
    Introduce,
    Known,
    Level,
    Message,
    Peers,
    Ping,
    PingRequest,
    Pong,
    Repair,
    Reply,
    RosterPart,
    Settled,
    SettledQuery,
    Taken,
    Talk,
    Vote,
    VoteRequest,
    VoteReturn,
)

PEER = bytes(range(16))
BOOT = b"boot.......!"
ANN, BOB = b"\x65\x00\x00\x00ann.....", b"\x65\x00\x00\x01bob....."
DIGEST = b"digest of vector"
STATE = b"digest of state!"
VECTOR = VectorClock({ANN: 3, BOB: 700}, {ANN: b"tag3"})

LONE = Batch(ANN, 0, 1, ["door"], [Write(1 << 40, ANN, 1, b"\xf5")])
COALESCED = Batch(
    ANN,
    1,
    9,
    ["a", b"b", 3, ("t", None), SpaceKey(7, "x"), "gone"],
    [
        Write(100, ANN, 3, b"\x01", 0),
        Write(101, ANN, 4, b"\x02", expiry_meta(0, 1_800_000_000_000)),
        Write(101, ANN, 5, b"\x03", 4),
        Write(105, ANN, 6, b"", 0),
        Write(106, ANN, 8, b"\x05", 0),
        Write(107, ANN, 9, None, 1),
    ],
    {0: (Dot(ANN, 1), Dot(BOB, 7)), 5: (Dot(BOB, 8),)},
)
PART = DeltaPart(
    5,
    {
        "one": Write(50, ANN, 1, b"\x01"),
        "two": (Write(60, BOB, 2, b"\x02"), Write(55, ANN, 2, b"\x03", expiry_meta(0, 7))),
        "gone": None,
    },
    {"gone": (Dot(ANN, 3), Dot(BOB, 9)), "one": (Dot(BOB, 1),)},
)

KEYS = Batch(
    BOB,
    6,
    12,
    [None, -1, (1 << 64) - 1, (), ("a", ("b", b"c", 7)), SpaceKey(255, ("queue", 0))],
    [Write((1 << 62) - 1, BOB, 7 + n, b"\xf6") for n in range(6)],
)
GONE = Batch(BOB, (1 << 53) - 1, 1 << 53, [7], [Write(3 << 16, BOB, 1 << 53, None)], {0: (Dot(BOB, (1 << 53) - 1),)})
GOLDEN_BATCHES = {
    "batch of one write": LONE,
    "batch after coalescing": COALESCED,
    "batch of keys of all types": KEYS,
    "batch of a delete, the last that there can be": GONE,
}


def batch(rows: Batch, previous: bytes = b"\0\0\0\0") -> Message:
    return encode_batch(rows, previous)


GOLDEN: dict[str, tuple[Message, str]] = {
    "beacon": (
        Beacon(PEER, 47474, ANN, 3, DIGEST, STATE, 99, (BOOT,), False, 1000),
        "8d0150000102030405060708090a0b0c0d0e0f19b9724c65000000616e6e2e2e2e2e2e0350646967657374206f662076"
        "6563746f7250646967657374206f66207374617465211863814c626f6f742e2e2e2e2e2e2e21f41903e80101",
    ),
    "beacon of a reader": (
        Beacon(PEER, 0, None, 0, DIGEST, None),
        "8d0150000102030405060708090a0b0c0d0e0f00f60050646967657374206f6620766563746f72f60080f41903e80101",
    ),
    "introduce": (
        Introduce(PEER, ANN, "bench:1", 47474, True, 0, 40001, BOOT),
        "890250000102030405060708090a0b0c0d0e0f4c65000000616e6e2e2e2e2e2e6762656e63683a3119b972f500199c41"
        "4c626f6f742e2e2e2e2e2e2e21",
    ),
    "batch of one write": (
        batch(LONE),
        "86034c65000000616e6e2e2e2e2e2e000144537fabf95818878164646f6f72f6811b00000100000000008141f5808080",
    ),
    "batch after coalescing": (
        batch(COALESCED, b"tag1"),
        "86034c65000000616e6e2e2e2e2e2e0109444009d40f586487866161416203826174f6a14107617864676f6e65860201"
        "0101020182186485010004010186410141024103404105f686011b01a3185c5000000202040501824c65000000616e6e"
        "2e2e2e2e2e4c65000001626f622e2e2e2e2e89000001000107050108",
    ),
    "batch of keys of all types": (
        batch(KEYS, b"tag6"),
        "86034c65000001626f622e2e2e2e2e060c44527a74ba583d8786f6201bffffffffffffffff80826161836162416307a1"
        "41ff8265717565756500f6811b3fffffffffffffff8641f641f641f641f641f641f6808080",
    ),
    "batch of a delete, the last that there can be": (
        batch(GONE, b"tagN"),
        "86034c65000001626f622e2e2e2e2e1b001fffffffffffff1b002000000000000044908fde965827878107f6811a0003"
        "000081f680814c65000001626f622e2e2e2e2e8300001b001fffffffffffff",
    ),
    "repair": (Repair(ANN, 3, 900), "84044c65000000616e6e2e2e2e2e2e03190384"),
    "ping": (Ping(12345, BOOT), "83051930394c626f6f742e2e2e2e2e2e2e21"),
    "pong": (Pong(12345, 1_800_000_000_000), "83061930391b000001a3185c5000"),
    "ping request": (
        PingRequest(7, BOOT, "10.0.0.5", 40001),
        "8507074c626f6f742e2e2e2e2e2e2e216831302e302e302e35199c41",
    ),
    "goodbye": (Goodbye(ANN, 3), "83084c65000000616e6e2e2e2e2e2e03"),
    "known": (
        Known(5, VECTOR, None, True),
        "85090583581865000000616e6e2e2e2e2e2e65000001626f622e2e2e2e2e82031902bc487461673300000000f6f5",
    ),
    "known since a base": (
        Known(6, VECTOR, DIGEST, False),
        "85090683581865000000616e6e2e2e2e2e2e65000001626f622e2e2e2e2e82031902bc48746167330000000050646967"
        "657374206f6620766563746f72f4",
    ),
    "delta": (
        PART,
        "830a05585289824c65000000616e6e2e2e2e2e2e4c65000001626f622e2e2e2e2e83636f6e656374776f64676f6e6582"
        "0001820101821832810a82410141028086010002183741031a0007000289000101020003020109",
    ),
    "delta of nothing": (DeltaPart(5), "830a054a89808080808080808080"),
    "delta of keys of all types": (
        DeltaPart((1 << 64) - 1, {key: Write(9 << 16, BOB, 9 - n, b"", 4) for n, key in enumerate(KEYS.keys)}),
        "830a1bffffffffffffffff585489814c65000001626f622e2e2e2e2e86f6201bffffffffffffffff8082616183616241"
        "6307a141ff82657175657565000086092020202020811a00090000864040404040408c00040104020403040404050480"
        "80",
    ),
    "roster": (RosterPart(5, ANN, [1, 2, 9, 1000]), "840b054c65000000616e6e2e2e2e2e2e840101071903df"),
    "delta end": (
        DeltaEnd(5, 2, 4, VECTOR, True, {ANN: 2}),
        "870c05020483581865000000616e6e2e2e2e2e2e65000001626f622e2e2e2e2e82031902bc487461673300000000f581"
        "824c65000000616e6e2e2e2e2e2e02",
    ),
    "delta end of nothing": (DeltaEnd(5, 0, 0, VectorClock(), False), "870c05000083408040f480"),
    "settled query": (SettledQuery(ANN, 3), "830d4c65000000616e6e2e2e2e2e2e03"),
    "settled": (Settled(ANN, 3), "830e4c65000000616e6e2e2e2e2e2e03"),
    "abort": (Abort(5, True), "830f05f5"),
    "introduce, having emitted": (
        Introduce(PEER, None, "bench:1", 47474, False, 0, 40001, BOOT, 300),
        "8a0250000102030405060708090a0b0c0d0e0ff66762656e63683a3119b972f400199c414c626f6f742e2e2e2e2e2e2e2119012c",
    ),
    "events": (
        Events(BOOT, 7, (ANN, 3), (("door", b"\x01"), ("lamp/1", b"")), 2),
        "87144c626f6f742e2e2e2e2e2e2e2107824c65000000616e6e2e2e2e2e2e03828264646f6f72410182666c616d702f314002f4",
    ),
    "events of one who never wrote": (
        Events(BOOT, 1, None, (("door", b"\xf6"),)),
        "87144c626f6f742e2e2e2e2e2e2e2101f6818264646f6f7241f601f4",
    ),
    "events, how many": (
        Events(BOOT, 1 << 53, None, (), 1 << 52, True),
        "87144c626f6f742e2e2e2e2e2e2e211b0020000000000000f6801b0010000000000000f5",
    ),
    "events repair": (EventsRepair(BOOT, 6, 300), "84154c626f6f742e2e2e2e2e2e2e210619012c"),
    "peers": (Peers(((BOOT, "10.0.0.5", 47474),)), "821081834c626f6f742e2e2e2e2e2e2e216831302e302e302e3519b972"),
    "call": (Call(7, 5, "add", b"\x01", 10_000), "86181e0705636164644101192710"),
    "call that waits for ever": (Call(1, 1, "", b""), "86181e0101604000"),
    "reply": (Reply(7, 0, b"\x03"), "84181f07004103"),
    "reply without a payload": (Reply(8, 2), "84181f080240"),
    "cancel": (Cancel(7), "82182007"),
    "talk": (Talk(3), "82182103"),
    "ask": (Ask(0, "fred", 1, False, False), "86182400646672656401f4f4"),
    "ask afresh": (Ask(0, "fred", 3, True, True), "86182400646672656403f5f5"),
    "ask for fewer": (Ask(0, "fred", -1, False, True), "86182400646672656420f4f5"),
    "grant": (Grant(1, "fred", 9, 7, 12, b"\xf6"), "87182501646672656409070c41f6"),
    "taken": (Taken(0, "fred", 9, 12, True), "861826006466726564090cf5"),
    "given back": (Taken(0, "fred", 9, 12, False), "861826006466726564090cf4"),
    "level": (Level(0, "fred", 12), "8418270064667265640c"),
    "vote request": (
        VoteRequest("leader", "ann", b"terms..!", 77, 3, 1 << 40, 10_000),
        "881818666c656164657263616e6e487465726d732e2e21184d031b0000010000000000192710",
    ),
    "vote": (
        Vote("leader", "ann", 77, 3, False, 1 << 40, 2500, "bob"),
        "891819666c656164657263616e6e184d03f41b00000100000000001909c463626f62",
    ),
    "vote return": (VoteReturn("leader", 77, 1 << 40), "84181a666c6561646572184d1b0000010000000000"),
}
"""Name -> message, bytes in hex."""
