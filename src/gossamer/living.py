"""The life of a mesh in a trio loop: find others, catch up, take part, say goodbye."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from .errors import ConfigurationError, NetworkError
from .handle import MeshHandle
from .net.rendezvous import announce, neighbours
from .net.streams import resolve

if TYPE_CHECKING:
    from .sharing import Sharing

logger = logging.getLogger("gossamer.mesh")

LOOK_ON_DISK_S = 1.0
RESOLVE_AGAIN_S = 30.0
HINTS_WITHIN_S = 0.5
"""Who is on disk when we start is tried within this time: a little late, for multicast is quicker where it works."""
ANSWER_S = 1.0
"""How long, alone, we wait for a peer that we were told of to answer."""


def share(handle: MeshHandle) -> Sharing:
    """Begin to publish what `handle` holds to the other processes of this host."""
    try:
        from .sharing import Sharing  # who does not share need not pay for it
    except ImportError as error:
        raise ConfigurationError(f"share=True needs POSIX locks, which this system has not ({error})") from error
    return Sharing(handle)


@asynccontextmanager
async def living(handle: MeshHandle, *tasks: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run `handle`, and `tasks` beside it, while the block runs.

    What the block raises comes out as it is, in no group; so does an error of our own.
    """
    raised: BaseException | None = None
    sharing: Sharing | None = None
    try:
        if handle.arguments.share:
            sharing = share(handle)
            tasks = (*tasks, sharing.run)
        async with trio.open_nursery() as outer:
            nursery = await outer.start(_shelter)
            for task in tasks:
                nursery.start_soon(task)
            try:
                await nursery.start(_live, handle)
                yield
            except trio.Cancelled:
                raise
            except BaseException as error:
                raised = error
            finally:
                with trio.CancelScope(shield=True):
                    await say_goodbye(handle)
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raised = raised or _lone(group)
    finally:
        if sharing is not None:
            sharing.close()
        handle.dispose()
    if raised is not None:
        raise raised


async def _shelter(*, task_status: trio.TaskStatus[trio.Nursery]) -> None:
    """Keep what a goodbye needs alive when the program's own scope is cancelled."""
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.shield = True
        task_status.started(nursery)
        await trio.sleep_forever()


async def _live(handle: MeshHandle, *, task_status: trio.TaskStatus[None]) -> None:
    """Take part; and if another turns out to go on as us, as a cloned machine does, as somebody new."""
    started = False
    while True:
        twin_met = trio.Event()
        handle.on_twin = twin_met.set
        async with trio.open_nursery() as nursery:
            await take_part(handle, nursery)
            if not started:
                started = True
                task_status.started()
            await twin_met.wait()
            nursery.cancel_scope.cancel()
        handle.begin_anew()


def _lone(error: BaseException) -> BaseException:
    """Return what is alone in groups of groups; a nursery within a nursery makes these."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


async def take_part(handle: MeshHandle, nursery: trio.Nursery) -> None:
    """Start, and return once caught up with who was found within `settle_s`, or alone."""
    await nursery.start(handle.driver.run)
    for text in handle.arguments.peers:
        nursery.start_soon(_try_static, handle, text)
    if handle.arguments.surroundings.looks_around:
        nursery.start_soon(_look_on_disk, handle)
        if not handle.arguments.host_only:
            nursery.start_soon(_discover, handle)
    started = handle.clock.monotonic()
    replica, options = handle.replica, handle.options
    with trio.move_on_after(options.join_timeout_s):
        while True:
            now = handle.clock.monotonic()
            waited_s = now - started
            calling = waited_s < ANSWER_S and not replica.membership.members and _is_calling(handle, started)
            if waited_s >= options.settle_s and not calling and not replica.catching_up(now):
                return
            await trio.sleep(0.005 if waited_s >= options.settle_s else options.settle_s - waited_s)
    logger.warning("joined %r without having caught up: %s", handle.name, handle.status().why)


def _is_calling(handle: MeshHandle, started: float) -> bool:
    """Whether somebody we were told of may still answer."""
    return handle.driver.links.calls > 0 or handle.replica.hints.next_due() < started + HINTS_WITHIN_S


async def say_goodbye(handle: MeshHandle) -> None:
    """Let nobody write any more, send what was written, and tell the others."""
    if handle.is_forked:
        return  # whoever the parent is, it has not gone
    handle.take_leave()
    handle.retire()
    if not await handle.driver.close(handle.linger_s):
        logger.warning(
            "closed %r before any peer confirmed its last writes (%d unsent): %s",
            handle.name,
            handle.status().unsent,
            "they are lost unless another peer had heard them",
        )


async def _look_on_disk(handle: MeshHandle) -> None:
    """Find peers of this user on this host where there is no multicast: each leaves a file."""
    identity, tag = handle.replica.identity, handle.mesh_tag
    announcement = announce(
        boot=identity.boot,
        tag=tag,
        address="127.0.0.1",
        stream_port=identity.stream_port,
        unicast_port=identity.unicast_port,
    )
    try:
        while True:
            for hint in neighbours(tag, own_boot=identity.boot):
                if hint.boot not in handle.replica.membership.members:
                    handle.replica.hint(hint.stream_address, handle.clock.monotonic())
            handle.driver.perform()
            await trio.sleep(LOOK_ON_DISK_S)
    finally:
        announcement.close()


async def _try_static(handle: MeshHandle, text: str) -> None:
    """Look up a static peer's address, and keep looking: names move."""
    host, port = handle.arguments.static_address(text)
    told = False
    while True:
        try:
            with handle.driver.links.calling():
                found = await resolve(host, port)
        except NetworkError as error:
            if not told:
                told = True
                logger.warning("the static peer %r has no address: %s; trying again", text, error)
            found = []
        for address in found:
            handle.replica.hint(address, handle.clock.monotonic(), static=True)
        handle.driver.perform()
        await trio.sleep(RESOLVE_AGAIN_S)


async def _discover(handle: MeshHandle) -> None:
    """Ask zeroconf for hints."""
    from .net.discovery import discover

    def hint(address: tuple[str, int]) -> None:
        handle.replica.hint(address, handle.clock.monotonic())
        handle.driver.perform()

    await discover(
        peer_id=handle.replica.identity.peer,
        tag=handle.discovery_tag,
        stream_port=handle.replica.identity.stream_port,
        addresses=lambda: [host for host, _ in handle.network.unicast_addresses],
        on_hint=hint,
        lonely=lambda: not handle.replica.membership.alive(),
    )
