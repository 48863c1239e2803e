"""What the peers of the demo have to say: real figures of this machine, a part of them for each peer.

Linux tells most, in /proc; other systems tell their load and what this process has used.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

PROC = Path("/proc")
PROCESSES_MAX = 6
MEMORY = {"MemTotal": "total_kb", "MemAvailable": "available_kb", "Cached": "cached_kb", "SwapFree": "swap_free_kb"}


class Readings:
    """The figures of one of `parts` peers.  Those of the machine all publish, the processes they share out."""

    def __init__(self, part: int, parts: int) -> None:
        self._processes = [os.getpid(), *_processes()[part::parts][:PROCESSES_MAX]]

    def take(self) -> dict[str, Any]:
        """Return the figures of this moment, by key."""
        return {**_own(), **_load(), **_memory(), **_cpu(), **self._cpu_by_process()}

    def _cpu_by_process(self) -> dict[str, Any]:
        found = {pid: _process(pid) for pid in self._processes}
        return {f"process/{pid}": figures for pid, figures in found.items() if figures is not None}


def _own() -> dict[str, Any]:
    disk = shutil.disk_usage(os.getcwd() if os.name == "nt" else "/")
    return {"clock_s": time.time(), "own/cpu_s": time.process_time(), "disk/free_bytes": disk.free}


def _load() -> dict[str, Any]:
    try:
        one, five, fifteen = os.getloadavg()
    except (OSError, AttributeError):  # Windows has none
        return {"cpu/count": os.cpu_count()}
    return {"load/1_min": one, "load/5_min": five, "load/15_min": fifteen}


def _memory() -> dict[str, Any]:
    rows = (line.split() for line in _lines("meminfo"))
    return {f"memory/{MEMORY[row[0][:-1]]}": int(row[1]) for row in rows if row and row[0][:-1] in MEMORY}


def _cpu() -> dict[str, Any]:
    for line in _lines("stat"):
        if line.startswith("cpu "):
            user, nice, system, idle, *_ = map(int, line.split()[1:])
            return {"cpu/ticks": {"user": user + nice, "system": system, "idle": idle}}
    return {}


def _processes() -> list[int]:
    """Return the processes that may be asked about, the busiest first."""
    try:
        pids = [int(entry.name) for entry in os.scandir(PROC) if entry.name.isdigit()]
    except OSError:
        return []
    found = [(figures["cpu_s"], pid) for pid in pids if (figures := _process(pid)) is not None]
    return [pid for _, pid in sorted(found, reverse=True)]


def _process(pid: int) -> dict[str, Any] | None:
    """Return the name of a process and the processor time that it has used, None if it is gone."""
    for line in _lines(f"{pid}/stat"):
        name, _, rest = line.partition("(")[2].rpartition(")")
        fields = rest.split()
        return {"name": name, "cpu_s": (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")}
    return None


def _lines(name: str) -> list[str]:
    try:
        return (PROC / name).read_text(errors="replace").splitlines()
    except OSError:
        return []
