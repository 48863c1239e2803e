"""Settings: an argument, else the environment, else gossamer.toml, else the default; each with its provenance.

1. What stands higher wins whole: lists are not merged, and a secret file named higher hides a
   secret given lower.
2. Nothing is passed over: an unknown name, a wrong type or an unreadable file raises
   `ConfigurationError`, and says where it stands.
3. A secret that others can read is refused, whichever file it lies in.
4. `insecure_lan` is an argument only: what opens a mesh to everybody shows in the program.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError, SecretError
from .options import Options

if TYPE_CHECKING:  # it brings trio, which who only asks for settings need not wait for
    from .handle import Arguments

FILE_NAME = "gossamer.toml"
SECRET_FILE_BYTES_MAX = 4096
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective value, and where it came from."""

    name: str
    value: Any
    source: str
    """ "argument", "default", a variable such as GOSSAMER_PEERS, or the path of a file."""

    @property
    def shown(self) -> Any:
        """The value as it may be printed: of a secret, only that there is one."""
        return "(hidden)" if self.name == "secret" and self.value is not None else self.value


@dataclass(frozen=True, slots=True)
class _Layer:
    """What one place says, by setting."""

    values: Mapping[str, Any]
    source_of: Callable[[str], str]
    file: Path | None = None
    """The file it is, from whose directory relative paths in it count."""


def arguments_of(
    name: str | None,
    secret: str | None,
    peers: Sequence[str],
    interfaces: Sequence[str] | None,
    port: int | None,
    insecure_lan: bool,
    options: Options | None,
    nickname: str | None,
    share: bool | Sequence[str] = False,
) -> Arguments:
    """Return what a mesh is opened with: these arguments, and the settings for what they leave out."""
    from .handle import Arguments

    if isinstance(peers, str) or isinstance(interfaces, str):
        raise ConfigurationError('peers and interfaces are lists of str: write ["10.0.0.5"], not "10.0.0.5"')
    if isinstance(share, str) or not (isinstance(share, bool) or all(isinstance(one, str) and one for one in share)):
        raise ConfigurationError(f'share is True, or a list of prefixes such as ["bench/"], not {share!r}')
    found = effective(
        {
            "mesh": name,
            "secret": secret,
            "peers": tuple(peers) or None,
            "interface": None if interfaces is None else tuple(interfaces),
            "port": port,
            "name": nickname,
        }
    )
    mesh, found_secret = found["mesh"], found["secret"]
    if mesh.value is None:
        raise ConfigurationError(
            "no mesh was named; give a name, as in gossamer.join('lab') or `gossamer ls -m lab`, set GOSSAMER_MESH, "
            f'or write mesh = "lab" into {FILE_NAME}'
        )
    if insecure_lan and found_secret.value is not None and found_secret.source != "argument":
        raise ConfigurationError(
            f"insecure_lan opens a mesh to everybody, yet a secret is set by {found_secret.source}; drop one of them"
        )
    return Arguments(
        mesh.value,
        found_secret.value,
        found["peers"].value,
        found["interface"].value,
        found["port"].value,
        insecure_lan,
        options or Options(),
        found["name"].value,
        share=share if isinstance(share, bool) else tuple(share),
    )


def effective(given: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> dict[str, Setting]:
    """Return each setting in effect, by name, where `given` are the arguments (None: not given).

    Raises `ConfigurationError` for what cannot be meant, `SecretError` for a secret file
    that is not private.
    """
    layers = _layers(given, environment)
    path = layers[-1].file
    found = {name: _first(layers, name) for name in ("mesh", "peers", "interface", "port", "name", "log")}
    config = Setting("config", None if path is None else str(path), _config_source(path, environment))
    return {"mesh": found["mesh"], "secret": _secret(layers), **found, "config": config}


def setting(name: str, environment: Mapping[str, str] = os.environ) -> Setting:
    """Return one setting in effect without arguments; not that of the secret, so no secret is read."""
    return _first(_layers({}, environment), name)


def config_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the file that settings are read from, None if there is none.

    It is what GOSSAMER_CONFIG names; else gossamer.toml in the current directory; else
    gossamer/gossamer.toml in the user's configuration directory.
    """
    if named := environment.get("GOSSAMER_CONFIG"):
        path = Path(named).expanduser()
        if not path.is_file():
            raise ConfigurationError(f"GOSSAMER_CONFIG names {path}, which is no file; correct or unset it")
        return path
    here = Path(FILE_NAME)
    if here.is_file():
        _check_owner(here)
        return here.absolute()
    home = environment.get("XDG_CONFIG_HOME") or os.path.join(
        environment.get("HOME") or os.path.expanduser("~"), ".config"
    )
    path = Path(home, "gossamer", FILE_NAME)
    return path if path.is_file() else None


def secret_in(path: Path) -> str:
    """Return the secret that a file holds: its text, without white space around it.

    Raises `SecretError` unless it is an ordinary file that nobody but its owner can read.
    """
    path = path.expanduser()
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            _check_private(path, os.fstat(descriptor))
            content = file.read(SECRET_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise SecretError(f"the secret file {path} cannot be read: {error.strerror or error}") from error
    try:
        secret = content.decode().strip()
    except UnicodeDecodeError:
        raise SecretError(f"the secret file {path} is not text in UTF-8") from None
    if not secret or len(content) > SECRET_FILE_BYTES_MAX:
        raise SecretError(
            f"the secret file {path} holds {'no secret' if not secret else 'far more than a secret'}; "
            "make one with `gossamer keygen --output FILE`"
        )
    return secret


def new_secret() -> str:
    """Return a new token, for every peer of a mesh to have."""
    from .wire.secret import new_token

    return new_token(os.urandom)


# -- the layers ---------------------------------------------------------------------------------


def _layers(given: Mapping[str, Any], environment: Mapping[str, str]) -> list[_Layer]:
    layers = [
        _Layer({name: value for name, value in given.items() if value is not None}, lambda _: "argument"),
        _Layer(_of_environment(environment), lambda name: f"GOSSAMER_{name.upper()}"),
    ]
    path = config_file(environment)
    if path is not None:
        layers.append(_Layer(_of_file(path), lambda _: str(path), path))
    return layers


def _first(layers: Sequence[_Layer], name: str) -> Setting:
    for layer in layers:
        if name in layer.values:
            source = layer.source_of(name)
            return Setting(name, _KINDS[name](layer.values[name], f"{name} ({source})"), source)
    return Setting(name, _DEFAULTS.get(name), "default")


def _secret(layers: Sequence[_Layer]) -> Setting:
    for layer in layers:
        secret, file = layer.values.get("secret"), layer.values.get("secret_file")
        if secret is not None and file is not None:
            raise ConfigurationError(
                f"secret ({layer.source_of('secret')}) and secret_file ({layer.source_of('secret_file')}) "
                "are both given, and only one can count; remove one"
            )
        if file is not None:
            beside = Path() if layer.file is None else layer.file.parent
            path = beside / Path(_text(file, f"secret_file ({layer.source_of('secret_file')})")).expanduser()
            return Setting("secret", secret_in(path), f"{layer.source_of('secret_file')}: {path}")
        if secret is not None:
            source = layer.source_of("secret")
            if layer.file is not None:
                _check_private(layer.file, layer.file.stat())
            return Setting("secret", secret if source == "argument" else _text(secret, f"secret ({source})"), source)
    return Setting("secret", None, "default")


def _of_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what GOSSAMER_* say; an empty variable says nothing."""
    found = {name: environment.get(f"GOSSAMER_{name.upper()}", "").strip() for name in (*_KINDS, *_SECRETS)}
    return {name: value for name, value in found.items() if value}


def _of_file(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read as TOML: {error}") from error
    known = [*_KINDS, *_SECRETS]
    unknown = [name for name in content if name not in known]
    if unknown:
        meant = get_close_matches(unknown[0], known, 1)
        raise ConfigurationError(
            f"{path} sets {', '.join(unknown)}, which gossamer does not know"
            + (f"; did you mean {meant[0]}?" if meant else f"; it knows {', '.join(sorted(known))}")
        )
    return content


def _config_source(path: Path | None, environment: Mapping[str, str]) -> str:
    if path is None:
        return "default"
    if environment.get("GOSSAMER_CONFIG"):
        return "GOSSAMER_CONFIG"
    return "current directory" if path.parent == Path().absolute() else "configuration directory"


# -- what a value must be -------------------------------------------------------------------------


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{where} must be a text, not {value!r}")
    return value


def _texts(value: Any, where: str) -> tuple[str, ...]:
    """Accept a list, or texts with commas between, as the environment has them."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ConfigurationError(f"{where} must be a list of texts, not {value!r}")
    return tuple(part.strip() for part in parts if part.strip())


def _port(value: Any, where: str) -> int:
    digits = isinstance(value, str) and value.isascii() and value.isdigit()
    number = int(value) if digits else value
    if type(number) is not int or not 0 < number < 65536:
        raise ConfigurationError(f"{where} must be a number from 1 to 65535, not {value!r}")
    return number


def _level(value: Any, where: str) -> str:
    level = value.lower() if isinstance(value, str) else value
    if level not in LOG_LEVELS:
        raise ConfigurationError(f"{where} must be one of {', '.join(LOG_LEVELS)}, not {value!r}")
    return str(level)


def _any(value: Any, where: str) -> Any:
    """Leave a mesh's name to be checked where it is used, with all the rules for names."""
    return value


_KINDS: Mapping[str, Callable[[Any, str], Any]] = {
    "mesh": _any,
    "peers": _texts,
    "interface": _texts,
    "port": _port,
    "name": _text,
    "log": _level,
}
_SECRETS = ("secret", "secret_file")
_DEFAULTS: Mapping[str, Any] = {"peers": (), "log": "warning"}


# -- whose file it is -----------------------------------------------------------------------------


def _check_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SecretError(f"{path} is no ordinary file, so no secret is read from it")
    if os.name != "nt" and status.st_mode & 0o077:
        raise SecretError(
            f"{path} holds a secret that others can read (mode {stat.S_IMODE(status.st_mode):04o}); "
            f"run: chmod 600 {path}"
        )


def _check_owner(path: Path) -> None:
    """Refuse a file in the current directory that a stranger has put there, as anybody can in /tmp."""
    owner = path.stat().st_uid
    if os.name != "nt" and owner not in (0, os.geteuid()):
        raise ConfigurationError(
            f"{path.absolute()} belongs to user {owner}, not to you, so it is not read; "
            "set GOSSAMER_CONFIG to its path if you trust it"
        )
