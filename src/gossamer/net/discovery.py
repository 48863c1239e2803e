"""Addresses found by zeroconf: one source of hints, never of truth.

Anyone on the link may announce anything, or say goodbye for another; a crashed peer stays
listed for 19 minutes; a browser stops asking 14 s after it started.  So a hint is only an
address to try, a goodbye is not looked at, and who is alone asks anew every 15 s.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import trio

from gossamer.net.transport import Address
from gossamer.net.zeroconf_session import Announced, ZeroconfSession

logger = logging.getLogger("gossamer.net")

ASK_AGAIN_S = 15.0
_LOOK_FOR_CHANGES_S = 1.0


async def discover(
    *,
    peer_id: bytes,
    tag: bytes,
    stream_port: int,
    addresses: Callable[[], Sequence[str]],
    on_hint: Callable[[Address], None],
    lonely: Callable[[], bool],
    host_only: bool = False,
) -> None:
    """Announce ourselves and call `on_hint` with others' stream addresses, until cancelled.

    `addresses`, our own on the interfaces in use, is asked every second, and zeroconf
    started anew when they change; while `lonely` says so, the link is asked every 15 s.
    All three are called in the loop.  One peer may be hinted at many times.
    """
    complained = False
    while True:
        ours = ("127.0.0.1",) if host_only else tuple(addresses())
        session = ZeroconfSession(Announced(peer_id, tag, stream_port, ours))
        try:
            if ours:
                session.start()
            asked_at_s = trio.current_time()
            while host_only or tuple(addresses()) == ours:
                for hint in await session.hints(within_s=_LOOK_FOR_CHANGES_S):
                    on_hint(hint)
                if session.failure is not None and not complained:
                    complained = True
                    logger.info("zeroconf does not work here (%s); peers are found without it", session.failure)
                if trio.current_time() - asked_at_s >= ASK_AGAIN_S:
                    asked_at_s = trio.current_time()
                    if session.failure is not None:
                        break
                    if lonely():
                        session.ask_again()
        finally:
            await session.aclose()
