"""What others call in an asyncio program: each request is a task, cancelled when nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from .aio_waiting import within
from .errors import MeshTimeout
from .protocol.effects import Requested
from .views.services import GRACE_S, Service, outcome_of

Finished = Callable[[Requested, int, bytes], None]


class Requests:
    """The requests that run in one event loop.  All is called in that loop, but for what is reported."""

    def __init__(self, finished: Finished, bytes_max: int) -> None:
        """`finished` is told the outcome and the payload of each request; a payload has at most `bytes_max` bytes."""
        self._finished = finished
        self._bytes_max = bytes_max
        self._tasks: dict[tuple[bytes, int], asyncio.Task[None]] = {}
        self._withdrawn: set[tuple[bytes, int]] = set()
        self._is_over = False

    def start(self, request: Requested, service: Service) -> None:
        """Run what serves a request."""
        if not self._is_over:
            name = f"gossamer request {service.name!r}"
            self._tasks[request.boot, request.number] = asyncio.create_task(self._run(request, service), name=name)

    def stop(self, boot: bytes, number: int) -> None:
        """Nobody waits for a request any more; it may have ended."""
        task = self._tasks.get((boot, number))
        if task is not None:
            self._withdrawn.add((boot, number))
            task.cancel()

    def cancel(self) -> set[asyncio.Task[None]]:
        """Run no more; return what ran, which was cancelled."""
        self._is_over = True
        mine = asyncio.current_task()  # which may be one of these, closing its own mesh
        running = {task for task in self._tasks.values() if task is not mine}
        for task in running:
            task.cancel()
        return running

    async def _run(self, request: Requested, service: Service) -> None:
        key = request.boot, request.number
        outcome = outcome_of(MeshTimeout("nobody waited for it any more"))
        try:
            with suppress(TimeoutError):  # ours: that of a service is its outcome
                async with within(request.within_s + GRACE_S):
                    outcome = await service.run_in_loop(request.arguments, self._bytes_max)
        except asyncio.CancelledError:
            if key not in self._withdrawn:  # by the program itself
                outcome = outcome_of(RuntimeError("it was cancelled in the program that runs it"))
            raise
        finally:
            del self._tasks[key]
            self._withdrawn.discard(key)
            self._finished(request, *outcome)
