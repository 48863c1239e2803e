"""Running what serves a name: bytes in, bytes out, and no error gets past."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from ..errors import Malformed, ValueTooLarge
from ..protocol.effects import ReplyOutcome
from ..wire.values import decode_value, encode_value

logger = logging.getLogger("gossamer.calls")

GRACE_S = 0.5
"""How much longer a service may run than its caller waits: the caller is the one that says that it is late."""
MESSAGE_CHARACTERS_MAX = 4096
"""What is longer of an error's message does not travel."""


@dataclass(frozen=True, slots=True)
class Service:
    """A function that serves a name."""

    name: str
    fn: Callable[..., Any]
    at_once: int
    """How many requests may run together."""
    waiting: int
    """How many others may wait."""

    def call(self, arguments: bytes) -> Any:
        """Call it, and return what it returns."""
        match decode_value(arguments):
            case (tuple(args), dict(kwargs)) if all(type(key) is str for key in kwargs):
                return self.fn(*args, **kwargs)
        raise Malformed("the arguments of a call are a tuple and a dict")

    def run(self, arguments: bytes, bytes_max: int) -> tuple[int, bytes]:
        """Call it, and return outcome and payload of the reply."""
        try:
            return _returned(self.call(arguments), bytes_max)
        except Exception as error:
            return self._raised(error)

    async def run_in_loop(self, arguments: bytes, bytes_max: int) -> tuple[int, bytes]:
        """Do the same, and await what it returns if that is to be awaited."""
        try:
            value = self.call(arguments)
            if isawaitable(value):
                value = await _awaited(value)
            return _returned(value, bytes_max)
        except Exception as error:
            return self._raised(error)

    def _raised(self, error: Exception) -> tuple[int, bytes]:
        logger.info("%r raised; its caller is told", self.name, exc_info=error)
        return outcome_of(error)


def outcome_of(error: Exception) -> tuple[int, bytes]:
    """Return an error as it travels: the name of its type and its message."""
    try:
        message = str(error)
    except Exception as broken:
        message = f"(its message cannot be shown: {type(broken).__name__})"
    texts = type(error).__qualname__, message[:MESSAGE_CHARACTERS_MAX]
    name, message = (text.encode("utf-8", "backslashreplace").decode() for text in texts)
    return ReplyOutcome.RAISED.value, encode_value((name, message))


def _returned(value: Any, bytes_max: int) -> tuple[int, bytes]:
    payload = encode_value(value)
    if len(payload) > bytes_max:
        raise ValueTooLarge(f"what it returned takes {len(payload)} bytes encoded, more than {bytes_max}")
    return ReplyOutcome.RETURNED.value, payload


async def _awaited(value: Awaitable[Any]) -> Any:
    return await value
