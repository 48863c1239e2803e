"""The command as a process: how fast it answers, and how it ends when its reader or its user has had enough."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest


def test_the_version_is_told_without_waiting_for_trio():
    imported = "import sys; from gossamer.cli import main; main(['version']); print(*sys.modules)"

    out = subprocess.run([sys.executable, "-c", imported], capture_output=True, text=True, check=True).stdout

    version, modules = out.splitlines()
    assert version.startswith("gossamer ")
    assert not {"trio", "zeroconf", "cryptography", "cbor2", "rich"} & set(modules.split())


def test_another_process_sets_what_we_read(spawn, join):
    mesh = join("holder")

    process = spawn("set", "door", "open")

    assert process.wait(timeout=20) == 0, process.communicate()
    assert mesh["door"] == "open"


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
@pytest.mark.parametrize("verb", [["watch"], ["wait", "nothing"]])
def test_ctrl_c_ends_a_verb_with_130_and_no_traceback(verb, spawn, join, eventually):
    mesh = join("holder")
    process = spawn(*verb)
    eventually(lambda: mesh.peers, within_s=20)

    process.send_signal(signal.SIGINT)

    out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert (out, err) == ("", "")
    eventually(lambda: not mesh.peers, within_s=2, what="a goodbye")


def test_a_reader_that_has_had_enough_ends_a_stream_quietly(spawn, join, keep_writing):
    mesh = join("holder")
    keep_writing(mesh, "k")
    process = spawn("watch")

    first = process.stdout.readline()
    process.stdout.close()

    assert "k" in first
    assert process.wait(timeout=10) == 0
    assert process.stderr.read() == ""
    process.stdout = None


def test_a_reader_that_never_came_ends_a_listing_quietly(spawn, join):
    join("holder")["k"] = "v"
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(
        [sys.executable, "-m", "gossamer", "keygen"], stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(write)

    _, err = process.communicate(timeout=20)

    assert (process.returncode, err) == (0, "")


def test_colours_are_for_terminals_that_want_them(monkeypatch):
    from gossamer.cli.output import coloured

    monkeypatch.setattr("sys.stdout", FakeTerminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert coloured("x", "red") == "\x1b[31mx\x1b[0m"

    monkeypatch.setenv("NO_COLOR", "1")
    assert coloured("x", "red") == "x"


class FakeTerminal:
    def isatty(self):
        return True
