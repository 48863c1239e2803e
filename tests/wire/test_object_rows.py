"""The rows of objects that merge, and the bytes that they must have for ever: peers of all versions add them up."""

from __future__ import annotations

import random
from contextlib import nullcontext
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from gossamer.crdt.writes import Write
from gossamer.options import Options
from gossamer.protocol.ledger import Ledger, Unobserved
from gossamer.views import spaces
from gossamer.views.counter import Counter
from gossamer.views.elements import part_of
from gossamer.views.mapping import MeshMapping
from gossamer.views.shared_set import SharedSet
from gossamer.wire.keys import SpaceKey, canonical_key_bytes

OTHER = b"\x65\x00\x00\x01bob....."


class Told(Unobserved):
    """Passes on what the ledger tells to the index of objects."""

    mapping: MeshMapping

    def replaced(self, replaced, local):
        self.mapping._spaces.replaced(replaced)


@pytest.fixture
def mapping():
    told = Told()
    ledger = Ledger(Options(), random.Random(1), nullcontext(), told)
    told.mapping = mapping = MeshMapping(ledger, "golden", lambda: 1 << 40, lambda: 1 << 40, lambda: None, str)
    return mapping


def rows(mapping: MeshMapping) -> list[tuple[str, str]]:
    found = []
    for key, write in mapping._live.items():
        assert isinstance(write, Write)
        assert write.value is not None
        found.append((canonical_key_bytes(key).hex(), write.value.hex()))
    return found


def counter(mapping: MeshMapping) -> Counter:
    return Counter(mapping._space(spaces.COUNTER), "n", lambda origins: set(), print, print)


def test_the_numbers_of_spaces_never_change():
    numbers = {name: getattr(spaces, name) for name in vars(spaces) if name.isupper() and name != "TYPE_CHECKING"}

    assert numbers == {"COUNTER": 1, "SET": 2, "LIST": 3, "VALUE": 4, "OBJECT": 5, "LEASE": 6, "CHANNEL": 7, "OFFER": 8}


def test_what_an_origin_counts_and_resets_is_written_as_it_always_was(mapping):
    counter(mapping).add(5)
    counter(mapping).subtract(1.5)
    counter(mapping).reset()
    origin = mapping._ledger.origin.hex()

    assert rows(mapping) == [
        (f"0182616e4c{origin}", "8205fb3ff8000000000000"),
        (f"0182616e824c{origin}657265736574", f"a14c{origin}8205fb3ff8000000000000"),
    ]


def test_a_folded_row_of_another_version_is_read(mapping):
    mapping._ledger.write_many(
        [
            (
                SpaceKey(1, ("n", (OTHER, "folded"))),
                bytes.fromhex(f"a24c{OTHER.hex()}820a034c{OTHER[::-1].hex()}820100"),
                0,
            )
        ],
        1 << 40,
    )

    assert counter(mapping).value == 8


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("add", [("0282617341" + "05", "05")]), ("last", [("028282617364" + b"last".hex() + "4105", "82f505")])],
)
def test_an_element_is_written_as_it_always_was(mapping, policy, expected):
    SharedSet(mapping._space(spaces.SET), "s", policy, print, print).add(5)

    assert rows(mapping) == expected


@pytest.mark.parametrize(
    ("element", "part"),
    [
        (None, "f6"),
        (True, "01"),
        (2.0, "02"),
        (-0.0, "00"),
        (0.5, "fb3fe0000000000000"),
        (Decimal("0.50"), "fb3fe0000000000000"),
        (Decimal("0.10"), "d9e70963302e31"),
        (float("nan"), "f97e00"),
        ("a", "6161"),
        (b"a", "4161"),
        ((1.0, ("a",)), "d9e7018201d9e701816161"),
        (frozenset([2, 1.0]), "d9e704820102"),
        (datetime(2026, 11, 25, 12, tzinfo=UTC), "d9e7057819323032362d31312d32355431323a30303a30302b30303a3030"),
        ("x" * 1000, "c55af061ed931e792002c41b6bd0adecd0f38a784c50d7c24135a68467d52102"),
    ],
    ids=repr,
)
def test_an_element_has_the_part_that_it_always_had(element, part):
    assert part_of(element).hex() == part
