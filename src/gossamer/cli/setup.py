"""Verbs that need no mesh: keygen, config, version."""

from __future__ import annotations

import os
import platform
from argparse import ArgumentParser, Namespace
from pathlib import Path

from .. import __version__
from .output import Output
from .verb import Exit, Stop, Verb


def run_keygen(arguments: Namespace, output: Output) -> int:
    """Make a secret."""
    from ..settings import new_secret

    secret = new_secret()
    if arguments.output is not None:
        _write_private(Path(arguments.output), secret)
        output.hint(f"wrote {arguments.output}; give each peer a copy: --secret-file, or GOSSAMER_SECRET_FILE")
    if output.as_json:
        output.document({"file": arguments.output} if arguments.output is not None else {"secret": secret})
    elif arguments.output is None:
        output.line(secret)
    return Exit.OK


def run_config(arguments: Namespace, output: Output) -> int:
    """Show the settings in effect."""
    from ..settings import effective
    from .taking_part import given

    settings = effective(given(arguments)).values()
    if output.as_json:
        output.document({setting.name: {"value": setting.shown, "source": setting.source} for setting in settings})
        return Exit.OK
    rows = []
    for setting in settings:
        value = setting.shown
        text = ", ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
        rows.append([setting.name, text or "-", setting.source])
    output.table(("SETTING", "VALUE", "FROM"), rows)
    return Exit.OK


def run_version(arguments: Namespace, output: Output) -> int:
    """Print versions."""
    if output.as_json:
        output.document({"gossamer": __version__, "python": platform.python_version(), "system": platform.system()})
    else:
        output.line(f"gossamer {__version__}")
    return Exit.OK


def _write_private(path: Path, secret: str) -> None:
    """Write a file that only this user can read, and that was not there before."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secret + "\n")
    except FileExistsError:
        raise Stop(Exit.REFUSED, f"{path} exists, and may be the secret of a mesh; remove it first") from None
    except OSError as error:
        raise Stop(Exit.REFUSED, f"{path} cannot be written: {error.strerror or error}") from error


def _describe_keygen(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", default=None, metavar="FILE", help="write it there, readable by you alone; FILE must be new"
    )


VERBS = (
    Verb(
        "keygen",
        "make a secret for a mesh",
        run_keygen,
        _describe_keygen,
        "Whoever has it takes part, so pass it on as you would a password.",
        joins=False,
        timeout="",
    ),
    Verb("config", "show the settings in effect, and where each comes from", run_config, timeout=""),
    Verb("version", "print the version", run_version, joins=False, timeout=""),
)
