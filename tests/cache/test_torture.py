"""One writer as fast as it can, readers as fast as they can: never a torn, missing or older value."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gossamer.cache.reader import SharedReader

KEYS = 1000
BATCH = 20
WRITER = f"""
import random, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from written import Written
from pathlib import Path
written, number, rng = Written(Path(sys.argv[1])), 0, random.Random(int(sys.argv[2]))
written.step((key, (0, key)) for key in range({KEYS}))
print("written", flush=True)
while True:
    number += 1
    first = {BATCH} * rng.randrange({KEYS} // {BATCH})
    written.step((key, (number, key)) for key in range(first, first + {BATCH}))
    written.put(first, (number, first))
"""
READER = f"""
import json, random, sys, time
from gossamer.cache.reader import SharedReader
from pathlib import Path
reader, rng, until = SharedReader(Path(sys.argv[1]), lambda: 0), random.Random(int(sys.argv[2])), float(sys.argv[3])
reads, wrong = 0, []
deadline = time.monotonic() + until
latest = [0] * {KEYS}
while time.monotonic() < deadline and not wrong:
    order = [rng.randrange({KEYS}) for _ in range({KEYS})]
    for key in order * 10:
        number, said = reader[key]
        if said != key or number < latest[key]:
            wrong.append(["read", key, said, number, latest[key]])
        latest[key] = number
    reads += 10 * len(order)
    whole = reader.read()
    if len(whole) != {KEYS}:
        wrong.append(["missing", len(whole)])
    first = {BATCH} * rng.randrange({KEYS} // {BATCH})
    batch = {{whole[key][0] for key in range(first, first + {BATCH})}}
    if len(batch) != 1:
        wrong.append(["half a batch", sorted(batch)])
print(json.dumps([reads, wrong]))
"""


def tortured(path: Path, seed: int, seconds: float) -> int:
    """Let one write and two read for so long; return how many values were read.  None was wrong."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(seed)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == "written\n"
        command = [sys.executable, "-c", READER, str(path)]
        readers = [
            subprocess.Popen([*command, str(seed + n), str(seconds)], stdout=subprocess.PIPE, text=True) for n in (1, 2)
        ]
        said = [json.loads(reader.communicate(timeout=seconds + 60)[0]) for reader in readers]
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    assert [wrong for _, wrong in said] == [[], []]
    return sum(reads for reads, _ in said)


def test_readers_of_a_busy_writer_see_no_value_that_was_not_written_whole(tmp_path):
    assert tortured(tmp_path / "s", 0, 1.0) > 0


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_readers_of_a_busy_writer_see_no_wrong_value_for_a_minute(tmp_path):
    assert tortured(tmp_path / "s", 1, 60.0) > 0


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_a_thousand_million_reads_are_right(tmp_path):
    reads, seed = 0, random.SystemRandom().randrange(1 << 30)
    while reads < 1_000_000_000:
        reads += tortured(tmp_path / str(reads), seed + reads, 300.0)
        print(f"{reads} reads, none wrong", flush=True)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 40))])
def test_a_writer_killed_at_any_moment_leaves_a_state_that_was_there(tmp_path, seed):
    path, rng = tmp_path / "s", random.Random(seed)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(seed)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == "written\n"
        reader = SharedReader(path, lambda: 0)
        until = time.monotonic() + rng.uniform(0, 0.3)
        while time.monotonic() < until:
            reader.read()
    finally:
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()

    for seen in (reader.read(), SharedReader(path, lambda: 0).read()):
        assert list(seen) == list(range(KEYS))
        for first in range(0, KEYS, BATCH):
            assert len({seen[key][0] for key in range(first, first + BATCH)}) == 1
