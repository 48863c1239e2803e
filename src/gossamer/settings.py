"""Settings: an argument, else the environment, else gossamer.toml, else the default; each with its provenance."""

from __future__ import annotations

from collections.abc import Sequence

from .handle import Arguments
from .options import Options


def arguments_of(
    name: str | None,
    secret: str | None,
    peers: Sequence[str],
    interfaces: Sequence[str] | None,
    port: int | None,
    insecure_lan: bool,
    options: Options | None,
    nickname: str | None,
) -> Arguments:
    """Return what a mesh is opened with."""
    return Arguments(
        name or "",
        secret,
        tuple(peers),
        None if interfaces is None else tuple(interfaces),
        port,
        insecure_lan,
        options or Options(),
        nickname,
    )
