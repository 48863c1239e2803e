"""Settings: which place wins, what is refused, and that each value knows where it came from."""

from __future__ import annotations

from pathlib import Path

import pytest

import gossamer
from gossamer.errors import ConfigurationError, SecretError
from gossamer.settings import arguments_of, config_file, effective, new_secret, secret_in


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty current directory."""
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


def opened_with(name=None, secret=None, peers=(), interfaces=None, port=None, insecure_lan=False, nickname=None):
    return arguments_of(name, secret, peers, interfaces, port, insecure_lan, None, nickname)


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


# -- which place wins -------------------------------------------------------------------------------


def test_an_argument_wins_over_the_environment_that_over_the_file_and_that_over_the_default(here, monkeypatch):
    (here / "gossamer.toml").write_text('mesh = "of file"\nport = 1001\npeers = ["10.0.0.1"]\nname = "of file"\n')
    monkeypatch.setenv("GOSSAMER_MESH", "of environment")
    monkeypatch.setenv("GOSSAMER_PORT", "1002")

    found = effective({"mesh": "of argument", "port": None})

    assert (found["mesh"].value, found["mesh"].source) == ("of argument", "argument")
    assert (found["port"].value, found["port"].source) == (1002, "GOSSAMER_PORT")
    assert (found["name"].value, found["name"].source) == ("of file", str(here / "gossamer.toml"))
    assert (found["log"].value, found["log"].source) == ("warning", "default")


def test_every_variable_of_the_environment_counts(here, monkeypatch):
    secret = new_secret()
    for name, value in {
        "MESH": "lab",
        "SECRET": secret,
        "PEERS": "10.0.0.5:47474, pi.local",
        "INTERFACE": "eth0,wlan0",
        "PORT": "50000",
        "NAME": "bench",
        "LOG": "DEBUG",
    }.items():
        monkeypatch.setenv(f"GOSSAMER_{name}", value)

    opened = opened_with()

    assert opened.name == "lab"
    assert opened.secret == secret
    assert opened.peers == ("10.0.0.5:47474", "pi.local")
    assert opened.interfaces == ("eth0", "wlan0")
    assert opened.port == 50000
    assert opened.nickname == "bench"
    assert effective({})["log"].value == "debug"


def test_an_empty_variable_says_nothing(here, monkeypatch):
    monkeypatch.setenv("GOSSAMER_PORT", "")

    assert effective({})["port"].source == "default"


def test_the_file_is_looked_for_where_it_is_named_then_here_then_in_the_users_configuration(
    here, tmp_path, monkeypatch
):
    assert config_file() is None

    home = tmp_path / "config" / "gossamer"
    home.mkdir(parents=True)
    (home / "gossamer.toml").write_text("")
    assert config_file() == home / "gossamer.toml"

    (here / "gossamer.toml").write_text("")
    assert config_file() == here / "gossamer.toml"

    (tmp_path / "named.toml").write_text("")
    monkeypatch.setenv("GOSSAMER_CONFIG", str(tmp_path / "named.toml"))
    assert config_file() == tmp_path / "named.toml"


def test_both_doors_and_the_command_line_take_the_mesh_from_the_environment(mesh_name, mesh_port, monkeypatch):
    monkeypatch.setenv("GOSSAMER_MESH", mesh_name)
    monkeypatch.setenv("GOSSAMER_PORT", str(mesh_port))
    monkeypatch.setenv("GOSSAMER_NAME", "bench")

    with gossamer.join() as mesh:
        assert mesh.name == mesh_name
        assert mesh.me.name == "bench"


# -- secrets ----------------------------------------------------------------------------------------


def test_a_secret_comes_from_a_file_that_only_we_can_read(here):
    secret = new_secret()
    path = private(here / "secret", f"{secret}\n")

    assert secret_in(path) == secret

    path.chmod(0o640)
    with pytest.raises(SecretError, match="chmod 600"):
        secret_in(path)


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe", b"x" * 5000])
def test_a_secret_file_that_holds_no_secret_is_refused(here, content):
    path = here / "secret"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(SecretError):
        secret_in(path)


def test_a_secret_file_that_is_missing_or_no_file_is_refused(here):
    with pytest.raises(SecretError, match="cannot be read"):
        secret_in(here / "missing")
    with pytest.raises(SecretError):
        secret_in(here)


def test_a_secret_file_is_found_from_the_file_that_names_it(here, tmp_path, monkeypatch):
    secret = new_secret()
    private(here / "lab.secret", secret)
    (here / "gossamer.toml").write_text('secret_file = "lab.secret"')
    monkeypatch.setenv("GOSSAMER_CONFIG", str(here / "gossamer.toml"))
    monkeypatch.chdir(tmp_path)

    found = effective({})["secret"]

    assert found.value == secret
    assert found.source.endswith(f"{here / 'lab.secret'}")


def test_a_secret_file_named_higher_hides_a_secret_given_lower(here, monkeypatch):
    secret = new_secret()
    private(here / "gossamer.toml", f'secret = "{new_secret()}"')
    monkeypatch.setenv("GOSSAMER_SECRET_FILE", str(private(here / "secret", secret)))

    assert opened_with("lab").secret == secret


def test_a_secret_that_a_higher_one_hides_is_not_even_looked_at(here, monkeypatch):
    monkeypatch.setenv("GOSSAMER_SECRET_FILE", str(here / "missing"))
    (here / "gossamer.toml").write_text('secret = "that others can read"')
    secret = new_secret()

    assert opened_with("lab", secret=secret).secret == secret


def test_two_secrets_in_one_place_are_refused(here, monkeypatch):
    monkeypatch.setenv("GOSSAMER_SECRET", new_secret())
    monkeypatch.setenv("GOSSAMER_SECRET_FILE", str(private(here / "secret", new_secret())))

    with pytest.raises(ConfigurationError, match="only one can count"):
        effective({})


def test_a_configuration_that_holds_a_secret_and_that_others_can_read_is_refused(here):
    path = private(here / "gossamer.toml", f'secret = "{new_secret()}"')
    effective({})
    path.chmod(0o644)

    with pytest.raises(SecretError, match="chmod 600"):
        effective({})


def test_a_secret_is_never_shown(here, monkeypatch):
    monkeypatch.setenv("GOSSAMER_SECRET", new_secret())

    assert effective({})["secret"].shown == "(hidden)"


def test_a_mesh_is_not_opened_to_everybody_while_a_secret_is_set(here, monkeypatch):
    monkeypatch.setenv("GOSSAMER_SECRET", new_secret())

    with pytest.raises(ConfigurationError, match="GOSSAMER_SECRET"):
        opened_with("lab", insecure_lan=True)


# -- what is refused --------------------------------------------------------------------------------


def test_no_name_is_an_error_that_says_where_to_give_one(here):
    with pytest.raises(ConfigurationError, match=r"GOSSAMER_MESH.*gossamer\.toml"):
        gossamer.join()


def test_an_unknown_setting_is_named_with_what_may_be_meant(here):
    (here / "gossamer.toml").write_text('mehs = "lab"')

    with pytest.raises(ConfigurationError, match=r"mehs.*did you mean mesh"):
        effective({})


@pytest.mark.parametrize(
    "line",
    ["port = 70000", 'port = "x"', "port = true", "peers = 5", "interface = [1]", "name = 5", 'log = "loud"', "= 1"],
)
def test_a_value_that_cannot_be_meant_is_an_error_that_names_the_file(here, line):
    (here / "gossamer.toml").write_text(line)

    with pytest.raises(ConfigurationError, match=r"gossamer\.toml"):
        effective({})


@pytest.mark.parametrize(("name", "value"), [("PORT", "0"), ("PORT", "many"), ("LOG", "loud"), ("CONFIG", "/nowhere")])
def test_a_variable_that_cannot_be_meant_is_an_error_that_names_it(here, monkeypatch, name, value):
    monkeypatch.setenv(f"GOSSAMER_{name}", value)

    with pytest.raises(ConfigurationError, match=f"GOSSAMER_{name}"):
        effective({})


def test_a_text_where_a_list_is_meant_is_not_taken_apart_into_letters(here):
    with pytest.raises(ConfigurationError, match="lists of str"):
        opened_with("lab", peers="10.0.0.5")
