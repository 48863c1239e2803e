"""A thread with an asyncio loop, for a connector of the program's own: what `connect_on_new_thread` promises."""

from __future__ import annotations

import asyncio
import threading

LAST_TASKS_S = 1.0
"""How long what a connector began while it closed may take."""


class LoopThread:
    """Runs one loop until `stop`."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._stopping = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; what was asked of the loop before is done then."""
        if not self.loop.is_closed():
            self._thread.start()

    def _run(self) -> None:
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    def stop(self) -> None:
        """Let what runs come to its end, then end.  Does not wait.  Again does nothing."""
        if not self._stopping.acquire(blocking=False):
            return
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._wind_up(), self.loop)
        else:
            self.loop.close()

    def join(self, timeout: float) -> None:
        """Wait for the end, unless it is the loop that asks."""
        if threading.current_thread() is not self._thread and self._thread.is_alive():
            self._thread.join(timeout)

    async def _wind_up(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            _, late = await asyncio.wait(others, timeout=LAST_TASKS_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=LAST_TASKS_S)
        self.loop.stop()
