"""A page that shows a memory in a browser of this host: what was netmem's websocket view, for reading only.

1. It listens on 127.0.0.1, and answers only who knows the random part of its address: neither another machine, nor
   another user of this one, nor a page of the web that asks through the browser.
2. What others wrote is shown as text: it is never taken for HTML, and the page holds no script.
3. If its port is taken, there is no page, and the log says so; the memory does without.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
import weakref
from collections.abc import Callable
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ... import plain

logger = logging.getLogger("gossamer.compat.netmem")

REFRESH_S = 1
ROWS_MAX = 1000
TEXT_MAX = 500
_HEAD = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="{refresh}">'
    "<title>NetworkMemory</title><style>body{{font-family:monospace}}td{{padding:0 1em;white-space:pre-wrap}}"
    "</style></head><body><h1>{count} keys</h1><table>"
)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class LivePage:
    """Serves what `whole()` returns, at `url`."""

    def __init__(self, whole: Callable[[], dict[Any, Any]], port: int, ssl_context: Any = None) -> None:
        self._whole = whole
        self._port = port
        self._ssl_context = ssl_context
        self._path = f"/{secrets.token_urlsafe(16)}/"
        self._server: ThreadingHTTPServer | None = None
        self.url = f"{'http' if ssl_context is None else 'https'}://127.0.0.1:{port}{self._path}"

    def open(self) -> None:
        """Serve, in a thread, until `close`."""
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(self._answer))
        except (OSError, OverflowError) as error:
            logger.warning("there is no page at %s: %s", self.url, error)
            return
        self._server.daemon_threads = True
        if self._ssl_context is not None:
            self._server.socket = self._ssl_context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        _open_pages.add(self)
        _close_in_children()
        threading.Thread(target=self._server.serve_forever, name="netmem page", daemon=True).start()

    def close(self) -> None:
        """Serve no more.  Again does nothing."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def abandon(self) -> None:
        """In a forked child, let go of the parent's socket."""
        if self._server is not None:
            self._server.socket.close()
            self._server = None

    def _answer(self, path: str) -> tuple[str, str] | None:
        """Return (type, text) of what a path names, None if it names nothing here."""
        if secrets.compare_digest(path.encode(), self._path.encode()):
            return "text/html; charset=utf-8", _page(self._whole())
        if secrets.compare_digest(path.encode(), f"{self._path}whole".encode()):
            return "application/json", json.dumps(_named(self._whole()), default=_shown)
        return None


def _page(whole: dict[Any, Any]) -> str:
    rows = [
        f"<tr><td>{escape(_brief(str(key)))}</td><td>{escape(_brief(repr(value)))}</td></tr>"
        for key, value in list(whole.items())[:ROWS_MAX]
    ]
    return _HEAD.format(refresh=REFRESH_S, count=len(whole)) + "".join(rows) + "</table></body></html>"


def _brief(text: str) -> str:
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 3] + "..."


def _named(whole: dict[Any, Any]) -> dict[str, Any]:
    return {key if isinstance(key, str) else repr(key): value for key, value in whole.items()}


def _shown(value: Any) -> Any:
    """Return what JSON has for a value that it does not know."""
    return sorted(value, key=repr) if isinstance(value, set | frozenset) else str(plain(value))


def _handler(answer: Callable[[str], tuple[str, str] | None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "gossamer", ""

        def do_GET(self) -> None:
            found = answer(self.path)
            if found is None:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            kind, text = found
            body = text.encode("utf-8", "backslashreplace")
            self.send_response(HTTPStatus.OK)
            for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            logger.debug("page: " + format, *args)

    return Handler


# -- fork -----------------------------------------------------------------------------------------

_open_pages: weakref.WeakSet[LivePage] = weakref.WeakSet()
_is_told = False


def _close_in_children() -> None:
    global _is_told
    if not _is_told and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_abandon_all)
        _is_told = True


def _abandon_all() -> None:
    for page in list(_open_pages):
        page.abandon()
