"""One run of zeroconf: what we announce, and the addresses that others of our mesh announce.

zeroconf runs in an asyncio loop of its own, in one daemon thread that starts no other:
nothing of it can hold up the mesh, nor the end of the interpreter, which since Python 3.12
allows no new threads.  What it finds is handed over through a bounded set.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from gossamer.net.multicast import open_group_socket
from gossamer.net.transport import Address

if TYPE_CHECKING:
    import asyncio

    from zeroconf import ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

logger = logging.getLogger("gossamer.net")

SERVICE_TYPE = "_gossamer._udp.local."
PENDING_MAX = 256
"""Names looked up, and hints not yet taken, at most: a flood of announcements costs no more."""

_MDNS_GROUP, _MDNS_PORT = "224.0.0.251", 5353
_CLOSING_S = 0.3
_THREAD_CLOSING_S = 2.0
_LOOKUP_MS = 1000


@dataclass(frozen=True, slots=True)
class Announced:
    """What we tell the link: a random name, the tag of our mesh, and where our streams are accepted."""

    peer_id: bytes
    tag: bytes
    stream_port: int
    addresses: tuple[str, ...]

    @property
    def instance(self) -> str:
        """The instance's full name, random, so that nobody else has it."""
        return f"{self.peer_id.hex()}.{SERVICE_TYPE}"


class ZeroconfSession:
    """One run of zeroconf on fixed addresses, in a thread of its own."""

    def __init__(self, announced: Announced) -> None:
        self._announced = announced
        self._token = trio.lowlevel.current_trio_token()
        self._hinted = trio.Event()
        self._ended = trio.Event()
        self._lock = threading.Lock()
        self._hints: set[Address] = set()
        self._looked_up: set[str] = set()
        self._lookups: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken: asyncio.Event | None = None
        self._started = False
        self._closing = False
        self.failure: Exception | None = None

    # -- in the mesh's loop ---------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread."""
        thread = threading.Thread(target=self._run, name="gossamer-zeroconf", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the interpreter is ending
            self.failure = error
        else:
            self._started = True

    async def hints(self, *, within_s: float) -> list[Address]:
        """Return what was found since the last call, at once if there is any."""
        with trio.move_on_after(within_s):
            await self._hinted.wait()
        with self._lock:
            found, self._hints = sorted(self._hints), set()
            self._hinted = trio.Event()
        return found

    def ask_again(self) -> None:
        """Browse anew."""
        with self._lock:
            if self._loop is not None and self._woken is not None:
                self._loop.call_soon_threadsafe(self._woken.set)

    async def aclose(self) -> None:
        """Let the thread say goodbye and end; if that takes long, let it do so alone."""
        self._closing = True
        self.ask_again()
        if self._started:
            with trio.move_on_after(_CLOSING_S, shield=True):
                await self._ended.wait()

    # -- in the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            import asyncio

            asyncio.run(self._converse())
        except Exception as error:  # whatever it is: hints are not worth a mesh
            self.failure = error
        finally:
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._ended.set)

    async def _converse(self) -> None:
        """Browse before announcing, so as not to wait for our own announcement; then wait to be told what to do."""
        import asyncio

        from zeroconf import IPVersion
        from zeroconf.asyncio import AsyncZeroconf

        _check_link(self._announced.addresses)
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        loop.set_exception_handler(lambda _, context: logger.debug("zeroconf: %s", context.get("message")))
        zeroconf = AsyncZeroconf(interfaces=list(self._announced.addresses), ip_version=IPVersion.V4Only)
        with self._lock:
            self._loop, self._woken = loop, woken
        try:
            browser = self._browser(zeroconf)
            announcing = asyncio.ensure_future(self._announce(zeroconf))
            while not self._closing:
                await woken.wait()
                woken.clear()
                if not self._closing:
                    await browser.async_cancel()
                    browser = self._browser(zeroconf)
            announcing.cancel()
        finally:
            with self._lock:
                self._loop = self._woken = None
            await asyncio.wait_for(zeroconf.async_close(), timeout=_THREAD_CLOSING_S)

    def _browser(self, zeroconf: AsyncZeroconf) -> AsyncServiceBrowser:
        from zeroconf.asyncio import AsyncServiceBrowser

        return AsyncServiceBrowser(zeroconf.zeroconf, SERVICE_TYPE, handlers=[self._on_change])

    async def _announce(self, zeroconf: AsyncZeroconf) -> None:
        from zeroconf import ServiceInfo

        announced = self._announced
        info = ServiceInfo(
            SERVICE_TYPE,
            announced.instance,
            addresses=[socket.inet_aton(address) for address in announced.addresses],
            port=announced.stream_port,
            properties={"v": "1", "tag": announced.tag.hex()},
            server=f"{announced.peer_id.hex()}.local.",
        )
        # Probing would take a second longer, to find out that nobody else drew the same 128 bits.
        await (await zeroconf.async_register_service(info, cooperating_responders=True))

    def _on_change(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        """Take the address from what was heard, or ask for it in a task: this runs where nothing may wait."""
        import asyncio

        from zeroconf import ServiceStateChange
        from zeroconf.asyncio import AsyncServiceInfo

        if state_change is ServiceStateChange.Removed or name == self._announced.instance:
            return
        info = AsyncServiceInfo(service_type, name)
        if info.load_from_cache(zeroconf):
            self._take(info)
        elif len(self._looked_up) < PENDING_MAX and name not in self._looked_up:
            self._looked_up.add(name)
            task = asyncio.ensure_future(self._look_up(info, zeroconf))
            self._lookups.add(task)
            task.add_done_callback(self._lookups.discard)

    async def _look_up(self, info: AsyncServiceInfo, zeroconf: Zeroconf) -> None:
        try:
            if await info.async_request(zeroconf, _LOOKUP_MS):
                self._take(info)
        finally:
            self._looked_up.discard(info.name)

    def _take(self, info: AsyncServiceInfo) -> None:
        """Keep the addresses, if they are of our mesh, and wake the loop for the first one."""
        from zeroconf import IPVersion

        port = info.port or 0
        if info.properties.get(b"tag") != self._announced.tag.hex().encode() or not 0 < port < 65536:
            return
        with self._lock:
            room = PENDING_MAX - len(self._hints)
            self._hints.update((host, port) for host in info.parsed_addresses(IPVersion.V4Only)[:room])
            hinted = self._hinted
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(hinted.set, idempotent=True)


def _check_link(addresses: Sequence[str]) -> None:
    """Raise `OSError` where zeroconf would: it would leave the sockets open that it had by then."""
    with open_group_socket("", _MDNS_PORT) as probe:
        for address in addresses:
            request = socket.inet_aton(_MDNS_GROUP) + socket.inet_aton(address)
            probe.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
            probe.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, request)
