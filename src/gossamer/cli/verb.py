"""What a verb is, and how it may end."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .output import Output


class Exit(IntEnum):
    """The exit codes of `gossamer`, the same for every verb."""

    OK = 0
    FALSE = 1
    """Not found, or the condition is false."""
    USAGE = 2
    """The command line, or a setting, cannot be meant."""
    UNREACHED = 3
    """No mesh or no peer was reached."""
    TIMED_OUT = 4
    REFUSED = 5
    """A key, a value or a secret was refused, or a peer has another secret."""
    INTERRUPTED = 130


class Stop(Exception):
    """A verb ends early: with this code, and these words on stderr."""

    def __init__(self, code: Exit, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass(frozen=True, slots=True)
class Verb:
    """One word of the command line.  `run` imports what it needs when it is called."""

    name: str
    summary: str
    run: Callable[[Namespace, Output], int]
    describe: Callable[[ArgumentParser], None] = lambda parser: None
    """Adds the verb's own arguments."""
    details: str = ""
    """What --help says below the summary: meaning, surprises, exit codes."""
    joins: bool = True
    """Whether it takes part in a mesh, and so takes the options that say in which."""
    timeout: str = "seconds to wait for a peer, and for an answer (default: 3)"
    """What --timeout means here; "" where there is nothing to wait for."""


def seconds(text: str) -> float:
    """Return a number of seconds, 0 or more."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise ArgumentTypeError(f"{text!r} is no number of seconds")
    return number
