"""A rig is gone when its program is, however that ends, and it hosts any program meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from gossamer.simulation.rig import Rig, RigError, available

pytestmark = [pytest.mark.netns, pytest.mark.skipif(bool(available()), reason=available())]

PROGRAM = """
import json, signal, sys, time
from gossamer.simulation.rig import Rig
rig = Rig()
names = rig.start(2, meet=False)
rig.pause(names[1])
sleeper = rig.popen(names[0], ["sleep", "1000"])
pids = [process.pid for host in rig.hosts.values() for process in host.processes]
pids += [host.namespace.pid for host in rig.hosts.values()] + [rig.switch.namespace.pid]
print(json.dumps(pids), flush=True)
{ending}
"""


def is_there(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(
    ("ending", "number"),
    [
        ("time.sleep(1000)", signal.SIGKILL),
        ("time.sleep(1000)", signal.SIGTERM),
        ("time.sleep(1000)", signal.SIGINT),
        ("raise ValueError", None),
        ("sys.exit(0)", None),
        ("rig.close()", None),
    ],
)
def test_no_process_of_a_rig_is_left_however_its_program_ends(eventually, ending, number):
    before = sorted(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else []
    source = PROGRAM.format(ending=ending)
    argv = [sys.executable, "-c", source]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
        pids = json.loads(program.stdout.readline())
        if number is not None:
            assert [is_there(pid) for pid in pids] == [True] * 6
            program.send_signal(number)

    eventually(lambda: not any(map(is_there, pids)), within_s=30)
    assert (sorted(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else []) == before


def test_any_program_runs_on_a_computer_of_its_own():
    with Rig() as rig:
        rig.add_host("kiosk")
        shown = rig.popen("kiosk", ["ip", "-brief", "address"], stdout=subprocess.PIPE, text=True).communicate(
            timeout=10
        )[0]
        asking = rig.popen("kiosk", ["sh", "-c", "pwd; echo $GOSSAMER_STATE_DIR"], stdout=subprocess.PIPE, text=True)
        where = asking.communicate(timeout=10)[0]

        assert "10.77.0.1/16" in shown
        assert [line.split()[0].partition("@")[0] for line in shown.splitlines()] == ["lo", "eth0"]
        assert where.splitlines() == [str(rig.host("kiosk").disk)] * 2


def test_a_peer_that_cannot_start_says_why(monkeypatch):
    with Rig() as rig:
        monkeypatch.setattr(rig, "_secret", "gos1:nonsense")

        with pytest.raises(RigError, match=r"(?s)ended, saying:.*SecretError"):
            rig.add("a")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become nobody")
def test_a_user_who_is_not_root_can_have_a_rig():
    python = "/usr/bin/python3"  # ours may be in root's home
    if not os.access(python, os.X_OK):
        pytest.skip("needs a Python that everybody may run")
    path = os.pathsep.join([str(Path(__file__).parents[2] / "src"), str(Path(trio.__file__).parents[1])])
    source = "from gossamer.simulation.rig import *\nwith Rig() as rig:\n    rig.add_host('a')\n    print('built')"
    argv = ["setpriv", "--reuid", "65534", "--clear-groups", python, "-c", source]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "TMPDIR": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(argv, capture_output=True, text=True, cwd="/", env=environment)
    if "PermissionError" in done.stderr or "ModuleNotFoundError" in done.stderr or "cannot be made" in done.stderr:
        pytest.skip(f"nobody may not: {done.stderr.strip().splitlines()[-1]}")

    assert done.stdout == "built\n", done.stderr
