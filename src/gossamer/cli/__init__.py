"""The command `gossamer`: a mesh from the shell.

1. Data goes to stdout and nothing else does; hints, warnings and logs go to stderr.
2. Every verb takes `--json`, and every outcome has an exit code: see `verb.Exit`.
3. What is not needed to answer is not imported: `gossamer version` must not wait for trio.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from ..errors import (
    ConfigurationError,
    GossamerError,
    InvalidKey,
    MeshTimeout,
    NetworkError,
    SecretError,
    UnsendableValue,
    ValueTooLarge,
)
from .arguments import parser
from .output import Output
from .verb import Exit, Stop

__all__ = ["main"]

_EXITS: tuple[tuple[type[GossamerError], Exit], ...] = (
    (ConfigurationError, Exit.USAGE),
    (SecretError, Exit.REFUSED),
    (InvalidKey, Exit.REFUSED),
    (UnsendableValue, Exit.REFUSED),
    (ValueTooLarge, Exit.REFUSED),
    (MeshTimeout, Exit.TIMED_OUT),
    (NetworkError, Exit.UNREACHED),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; 2, by SystemExit, for what cannot be parsed, as argparse does."""
    namespace = parser().parse_args(argv)
    output = Output(namespace.json)
    try:
        with _logging(namespace.verbose) if namespace.verb.joins else nullcontext():
            code = namespace.verb.run(namespace, output)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()
        return Exit.OK
    except Stop as stop:
        output.hint(str(stop))
        return stop.code
    except GossamerError as error:
        output.hint(str(error))
        return next((code for kind, code in _EXITS if isinstance(error, kind)), Exit.FALSE)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    return int(code)


@contextmanager
def _logging(verbose: int) -> Iterator[None]:
    """Show the library's log on stderr: warnings, or what -v, -vv or GOSSAMER_LOG ask for."""
    import logging

    from ..settings import setting

    level = setting("log").value if not verbose else "info" if verbose == 1 else "debug"
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logger = logging.getLogger("gossamer")
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def _forget_stdout() -> None:
    """Whoever read our output has gone: let the interpreter's last flush go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
