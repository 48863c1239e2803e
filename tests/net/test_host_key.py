import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gossamer.errors import SecretError
from gossamer.net.host_key import host_key, state_directory

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes are POSIX's")


@pytest.fixture
def place(tmp_path):
    return tmp_path / "state" / "gossamer"


def mode_of(path):
    return oct(path.stat().st_mode & 0o777)


def written(path, content, mode=0o600):
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


# -- making and keeping -----------------------------------------------------------------------


def test_the_first_call_makes_a_key_and_later_ones_return_it(place):
    key = host_key(place)

    assert len(key) == 32
    assert key != bytes(32)
    assert host_key(place) == key


def test_only_its_user_can_read_the_key(place):
    host_key(place)

    assert mode_of(place / "host.key") == "0o600"
    assert mode_of(place) == "0o700"
    assert [path.name for path in place.iterdir()] == ["host.key"]


def test_two_users_directories_have_two_keys(tmp_path):
    assert host_key(tmp_path / "one") != host_key(tmp_path / "two")


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_the_mode_does_not_depend_on_the_umask(place, mask):
    before = os.umask(mask)
    try:
        host_key(place)
    finally:
        os.umask(before)

    assert (mode_of(place), mode_of(place / "host.key")) == ("0o700", "0o600")


RACER = """
import sys
from pathlib import Path
from gossamer.net.host_key import host_key

print("ready", flush=True)
for name in sys.stdin:
    print(host_key(Path(name.strip())).hex(), flush=True)
"""


def test_processes_that_ask_at_the_same_time_get_the_same_key(tmp_path):
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    try:
        assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 4
        for attempt in range(50):
            for racer in racers:
                racer.stdin.write(f"{tmp_path / str(attempt)}\n")
                racer.stdin.flush()
            keys = {racer.stdout.readline().strip() for racer in racers}

            assert len(keys) == 1
            assert len(keys.pop()) == 64
    finally:
        for racer in racers:
            racer.stdin.close()
            racer.stdout.close()
            racer.wait(timeout=10)


# -- refusing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o666])
def test_a_key_that_others_could_read_is_refused(place, mode):
    path = written(place / "host.key", b"k" * 32, mode)

    with pytest.raises(SecretError, match=rf"read by others \(mode 0{mode:o}\).*Delete it"):
        host_key(place)
    assert path.read_bytes() == b"k" * 32


@pytest.mark.parametrize("length", [0, 31, 33, 4096])
def test_a_key_that_is_not_whole_is_refused(place, length):
    written(place / "host.key", b"k" * length)

    with pytest.raises(SecretError, match=r"damaged.*Delete it"):
        host_key(place)


def test_a_directory_in_which_others_can_write_is_refused(place):
    written(place / "host.key", b"k" * 32)
    place.chmod(0o770)

    with pytest.raises(SecretError, match=f"chmod 700 {place}"):
        host_key(place)


def test_a_link_in_place_of_the_key_is_not_followed(place, tmp_path):
    elsewhere = written(tmp_path / "elsewhere", b"k" * 32)
    place.mkdir(mode=0o700, parents=True)
    (place / "host.key").symlink_to(elsewhere)

    with pytest.raises(SecretError, match="can be neither read nor made"):
        host_key(place)


def test_a_link_to_nowhere_in_place_of_the_key_is_refused_too(place, tmp_path):
    place.mkdir(mode=0o700, parents=True)
    (place / "host.key").symlink_to(tmp_path / "nowhere")

    with pytest.raises(SecretError):
        host_key(place)
    assert not (tmp_path / "nowhere").exists()


def test_a_link_in_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")

    with pytest.raises(SecretError, match="is a link"):
        host_key(tmp_path / "link")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a pipe", "a directory"])
def test_what_is_no_file_in_place_of_the_key_is_refused_without_waiting(place, make):
    place.mkdir(mode=0o700, parents=True)
    make(place / "host.key", 0o600)

    with pytest.raises(SecretError, match="no ordinary file"):
        host_key(place)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_key_or_directory_of_another_user_is_refused(place):
    path = written(place / "host.key", b"k" * 32)
    os.chown(path, 65534, -1)
    with pytest.raises(SecretError, match=r"host\.key belongs to user 65534"):
        host_key(place)

    os.chown(place, 65534, -1)
    with pytest.raises(SecretError, match=r"gossamer belongs to user 65534"):
        host_key(place)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root owns what others do not")
def test_a_directory_of_the_system_is_refused():
    with pytest.raises(SecretError, match="belongs to user 0"):
        host_key(Path("/etc"))


# -- disks ------------------------------------------------------------------------------------


def test_where_no_directory_can_be_made_the_error_says_what_to_set(tmp_path):
    written(tmp_path / "file", b"")

    for impossible in (tmp_path / "file" / "gossamer", tmp_path / "file", Path("/proc/gossamer")):
        with pytest.raises(SecretError, match="Set GOSSAMER_STATE_DIR"):
            host_key(impossible)


def test_a_full_disk_is_reported_and_leaves_no_torn_key(place):
    """A limit on file sizes refuses the same write that a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (7, limits[1]))
    try:
        with pytest.raises(SecretError, match="can be neither read nor made") as caught:
            host_key(place)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert "can be written" in str(caught.value)
    assert list(place.iterdir()) == []
    assert len(host_key(place)) == 32


@pytest.mark.netns
@pytest.mark.parametrize(("options", "says"), [("ro", "Read-only"), ("size=4k,nr_inodes=3", "No space")])
def test_a_disk_that_takes_no_key_is_named_as_such(tmp_path, options, says):
    script = f"""
import sys
from pathlib import Path
from gossamer.errors import SecretError
from gossamer.net.host_key import host_key
try:
    for number in range(9):
        host_key(Path({str(tmp_path)!r}, str(number)))
except SecretError as error:
    sys.exit(str(error))
"""
    mount = f'mount -t tmpfs -o {options} none {tmp_path} && exec "$0" -c "$1"'
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, sys.executable, script]

    told = subprocess.run(unshare, capture_output=True, text=True, timeout=30, check=False).stderr

    assert says in told
    assert "Set GOSSAMER_STATE_DIR" in told


# -- where it is kept -------------------------------------------------------------------------


def test_the_environment_chooses_the_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("GOSSAMER_STATE_DIR", str(tmp_path / "chosen"))

    host_key()

    assert (tmp_path / "chosen" / "host.key").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="each system has a place of its own")
def test_each_setting_yields_to_the_more_explicit_one(tmp_path):
    home = {"HOME": str(tmp_path)}
    with_xdg = home | {"XDG_STATE_HOME": "/xdg"}
    of_nobody = Path(tempfile.gettempdir(), f"gossamer-{os.geteuid()}")

    assert state_directory(with_xdg | {"GOSSAMER_STATE_DIR": "/chosen"}) == Path("/chosen")
    assert state_directory(with_xdg) == Path("/xdg/gossamer")
    assert state_directory(home | {"XDG_STATE_HOME": "relative"}) == tmp_path / ".local/state/gossamer"
    assert state_directory(home) == tmp_path / ".local/state/gossamer"
    assert state_directory({"HOME": "/nonexistent"}) == of_nobody
    assert state_directory({"HOME": ""}) == of_nobody
    assert state_directory({}) == of_nobody


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give directories away")
def test_under_sudo_the_home_of_the_caller_is_left_alone(tmp_path):
    os.chown(tmp_path, 65534, -1)

    assert state_directory({"HOME": str(tmp_path)}).name == "gossamer-0"
