"""The laboratory takes mutants from where they live: beside the tests of the rooms whose rules they take away."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]

for room in ("crdt", "protocol"):
    if str(TESTS / room) not in sys.path:
        sys.path.append(str(TESTS / room))
