"""`PushbulletConnector`, which is refused: it needs a library, an account and a service that are not ours to test."""

from __future__ import annotations

from typing import Any, NoReturn

from ...errors import ConfigurationError


class PushbulletRefusedError(ConfigurationError, ImportError):
    """There is no Pushbullet here; a connector of your own can push."""


def PushbulletConnector(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise an ImportError, as netmem did where asyncpushbullet was missing."""
    raise PushbulletRefusedError(
        "PushbulletConnector is not offered: write a subclass of Connector whose send_message(msg) pushes msg, as "
        "docs/how-to/come-from-netmem.md shows in twenty lines"
    )
