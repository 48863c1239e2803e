"""Programs of one user and host that find each other by files alone."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gossamer.net.rendezvous import FILE_BYTES_MAX, Announcement, announce, neighbours

TAG = b"\x07" * 8
OWN, OTHER = b"\x01" * 12, b"\x02" * 12

needs_posix = pytest.mark.skipif("os.name == 'nt'", reason="owner and mode mean something else there")


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the hints of this test are; made by the first who announces."""
    chosen = tmp_path / "hints"
    monkeypatch.setenv("GOSSAMER_RUNTIME_DIR", str(chosen))
    return chosen


def announced(boot: bytes, tag: bytes = TAG, port: int = 5000) -> Announcement:
    return announce(boot=boot, tag=tag, address="127.0.0.1", stream_port=port, unicast_port=port + 1)


def test_two_programs_of_a_host_find_each_other_and_not_themselves(directory: Path) -> None:
    announced(OWN, port=5000)
    announced(OTHER, port=6000)

    [found] = neighbours(TAG, own_boot=OWN)

    assert found.boot == OTHER
    assert found.pid == os.getpid()
    assert found.stream_address == ("127.0.0.1", 6000)
    assert found.unicast_address == ("127.0.0.1", 6001)
    assert [hint.boot for hint in neighbours(TAG, own_boot=OTHER)] == [OWN]


def test_meshes_of_another_tag_are_not_found(directory: Path) -> None:
    announced(OTHER, tag=b"\x08" * 8)

    assert neighbours(TAG, own_boot=OWN) == []


def test_whoever_leaves_is_no_longer_found(directory: Path) -> None:
    other = announced(OTHER)
    other.close()
    other.close()

    assert neighbours(TAG, own_boot=OWN) == []
    assert list(directory.iterdir()) == []


def test_another_process_is_found_and_forgotten_with_its_file_when_it_died_without_a_goodbye(directory: Path) -> None:
    program = (
        "import sys; from gossamer.net.rendezvous import announce\n"
        f"announce(boot={OTHER!r}, tag={TAG!r}, address='127.0.0.1', stream_port=1, unicast_port=2)\n"
        "print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert [hint.pid for hint in neighbours(TAG, own_boot=OWN)] == [other.pid]
        other.kill()

    assert neighbours(TAG, own_boot=OWN) == []
    assert list(directory.iterdir()) == []


def test_a_process_of_another_container_is_a_hint_though_its_number_means_nothing_here(directory: Path) -> None:
    path = announced(OTHER).path
    assert path is not None
    fields = json.loads(path.read_text())
    path.write_text(json.dumps({**fields, "pid": 2**31 - 1, "pid_namespace": fields["pid_namespace"] + 1}))

    assert [hint.boot for hint in neighbours(TAG, own_boot=OWN)] == [OTHER]
    assert path.exists()


@needs_posix
def test_the_directory_and_its_files_are_for_their_user_alone(directory: Path) -> None:
    path = announced(OWN).path

    assert path is not None
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@needs_posix
def test_a_directory_that_others_can_enter_is_neither_written_nor_read(directory: Path, caplog) -> None:
    announced(OTHER)
    directory.chmod(0o755)

    assert neighbours(TAG, own_boot=OWN) == []
    assert announced(OWN).path is None
    assert "not a directory that only this user can enter" in caplog.text
    assert "GOSSAMER_RUNTIME_DIR" in caplog.text


@needs_posix
@pytest.mark.skipif("os.geteuid() != 0", reason="only root can give a file away")
def test_what_another_user_left_there_is_passed_over(directory: Path) -> None:
    path = announced(OTHER).path
    assert path is not None
    os.chown(path, 12345, 12345)
    assert neighbours(TAG, own_boot=OWN) == []

    os.chown(directory, 12345, 12345)
    assert announced(OWN).path is None


@needs_posix
def test_a_symbolic_link_in_place_of_the_directory_or_a_file_is_not_followed(directory: Path, tmp_path: Path) -> None:
    real = announced(OTHER).path
    assert real is not None
    elsewhere = tmp_path / "elsewhere.json"
    real.rename(elsewhere)
    real.symlink_to(elsewhere)
    assert neighbours(TAG, own_boot=OWN) == []

    directory.rename(tmp_path / "moved")
    directory.symlink_to(tmp_path / "moved")
    assert announced(OWN).path is None


@needs_posix
def test_a_pipe_in_place_of_a_file_holds_nobody_up(directory: Path) -> None:
    announced(OWN)
    os.mkfifo(directory / f"{OTHER.hex()}.json")

    assert neighbours(TAG, own_boot=OWN) == []


@pytest.mark.parametrize("place", ["/proc/gossamer", "/dev/null", "/nowhere/at/all"])
def test_a_disk_that_takes_no_file_costs_one_line_in_the_log(place, monkeypatch, caplog) -> None:
    monkeypatch.setenv("GOSSAMER_RUNTIME_DIR", place)

    announced(OWN).close()

    assert neighbours(TAG, own_boot=OWN) == []
    assert len(caplog.records) == 1


def test_a_login_session_and_a_cron_job_find_each_other(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("GOSSAMER_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    (tmp_path / "session").mkdir()
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    announced(OTHER)

    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "session"))
    mine = announced(OWN)

    assert mine.path is not None
    assert mine.path.parent == tmp_path / "session" / "gossamer"
    assert [hint.boot for hint in neighbours(TAG, own_boot=OWN)] == [OTHER]


def test_a_session_directory_that_does_not_exist_is_done_without(tmp_path: Path, monkeypatch, caplog) -> None:
    monkeypatch.delenv("GOSSAMER_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    assert announced(OWN).path is not None
    assert caplog.records == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
near_misses = st.fixed_dictionaries(
    {
        "pid": st.just(1) | json_values,
        "tag": st.just(TAG.hex()) | json_values,
        "address": st.just("127.0.0.1") | st.just("localhost") | json_values,
        "stream_port": st.integers(-1, 70000) | json_values,
        "unicast_port": st.integers(-1, 70000) | json_values,
        "pid_namespace": st.integers(-1, 2) | json_values,
    }
)


@given(content=st.binary(max_size=300) | (json_values | near_misses).map(lambda value: json.dumps(value).encode()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_in_a_file_it_is_a_sensible_hint_or_passed_over(directory: Path, content: bytes) -> None:
    announced(OWN)
    (directory / f"{OTHER.hex()}.json").write_bytes(content)

    for hint in neighbours(TAG, own_boot=OWN):
        assert 0 < hint.stream_port < 65536
        assert 0 <= hint.unicast_port < 65536
        assert hint.address == "127.0.0.1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "localhost"},
        {"address": "2001:db8::1"},
        {"address": 2130706433},
        {"stream_port": 0},
        {"stream_port": 65536},
        {"stream_port": True},
        {"stream_port": "5000"},
        {"unicast_port": -1},
        {"pid": 0},
        {"pid": -1},
        {"tag": "xyz"},
        {"tag": None},
    ],
)
def test_a_file_that_is_wrong_in_one_place_is_passed_over(directory: Path, wrong: dict[str, object]) -> None:
    path = announced(OTHER).path
    assert path is not None
    path.write_text(json.dumps({**json.loads(path.read_text()), **wrong}))

    assert neighbours(TAG, own_boot=OWN) == []
    assert path.exists()


def test_a_peer_without_a_port_for_datagrams_is_a_hint_for_streams(directory: Path) -> None:
    announce(boot=OTHER, tag=TAG, address="127.0.0.1", stream_port=5000, unicast_port=0)

    assert [hint.stream_address for hint in neighbours(TAG, own_boot=OWN)] == [("127.0.0.1", 5000)]


@pytest.mark.parametrize("name", ["x.json", "zz.json", f"{OTHER.hex()[:-2]}.json", f"{OTHER.hex()}.txt", ".json"])
def test_files_of_other_names_are_passed_over(directory: Path, name: str) -> None:
    path = announced(OTHER).path
    assert path is not None
    path.rename(directory / name)

    assert neighbours(TAG, own_boot=OWN) == []


def test_a_huge_file_is_not_read_to_its_end(directory: Path) -> None:
    path = announced(OTHER).path
    assert path is not None
    path.write_bytes(path.read_bytes() + b" " * FILE_BYTES_MAX)

    assert neighbours(TAG, own_boot=OWN) == []


@pytest.mark.skipif("not hasattr(os, 'fork')", reason="no fork here")
def test_a_forked_child_does_not_remove_its_parents_file(directory: Path) -> None:
    mine = announced(OWN)
    child = os.fork()
    if child == 0:
        mine.close()
        os._exit(0)
    os.waitpid(child, 0)

    assert mine.path is not None
    assert mine.path.exists()
