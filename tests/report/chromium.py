"""A headless Chromium, told over a pipe what to do: DevTools, with no port, no driver and no library.

It hears of every line on a page's console and of every request, which is what a page
that claims to need no network must be asked.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
ANSWER_WITHIN_S = 30.0
LOADED = "document.readyState === 'complete' || new Promise((done) => addEventListener('load', () => done(true)))"
FREE_FD = 10
"""Pipes are made above this, so that 3 and 4, where Chromium expects them, are free."""
WITH_PIPES = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execvp(sys.argv[3], sys.argv[3:])"
)


def path_of_chromium() -> str | None:
    """Return where a Chromium is, None if there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Chromium:
    """A browser with one page.  To be closed."""

    def __init__(self, program: str, directory: Path) -> None:
        self.console: list[str] = []
        """Errors and warnings, and exceptions that nobody caught."""
        self.requests: list[str] = []
        self._numbers = 0
        self._heard = b""
        theirs_in, self._out = _high_pipe()
        self._in, theirs_out = _high_pipe()
        command = [
            program,
            "--headless",
            "--remote-debugging-pipe",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
            *(["--no-sandbox"] if os.getuid() == 0 else []),
            f"--user-data-dir={directory}",
            "about:blank",
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-c", WITH_PIPES, str(theirs_in), str(theirs_out), *command],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._session: str | None = None
        pages = self.ask("Target.getTargets")["targetInfos"]
        target = next(page["targetId"] for page in pages if page["type"] == "page")
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def open(self, address: str, *, width: int = 1280, height: int = 1400, dark: bool = False) -> None:
        """Show a page, and return when it has loaded."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.prefer(dark=dark)
        self._go_to("about:blank")
        self.console.clear()
        self.requests.clear()
        self._go_to(address)
        self.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def _go_to(self, address: str) -> None:
        assert "errorText" not in self.ask("Page.navigate", url=address)
        self.evaluate(LOADED)

    def prefer(self, *, dark: bool) -> None:
        """Let the user prefer dark pages, or light ones."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression on the page; a promise is awaited."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def count(self, selector: str) -> int:
        """Return how many elements there are."""
        found: int = self.evaluate(f"document.querySelectorAll({json.dumps(selector)}).length")
        return found

    def texts(self, selector: str) -> list[str]:
        """Return the texts of elements."""
        found: list[str] = self.evaluate(
            f"[...document.querySelectorAll({json.dumps(selector)})].map((each) => each.textContent)"
        )
        return found

    def press(self, key: str) -> None:
        """Press a key, on what has the focus."""
        text = {"text": key} if len(key) == 1 else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    def point(self, x: float, y: float) -> None:
        """Move the pointer there."""
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def screenshot(self, **clip: float) -> bytes:
        """Return a PNG of the page, or of a part of it."""
        more: dict[str, Any] = {"clip": {"scale": 1, **clip}} if clip else {}
        return b64decode(self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, **more)["data"])

    def pdf(self) -> bytes:
        """Print the page."""
        return b64decode(self.ask("Page.printToPDF", printBackground=True)["data"])

    def close(self) -> None:
        """End the browser."""
        os.close(self._out)
        self._process.terminate()
        self._process.wait(10)
        os.close(self._in)

    # -- the pipe -------------------------------------------------------------------------------

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Let the browser do something, and return its answer."""
        self._numbers += 1
        number = self._numbers
        request = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            request["sessionId"] = self._session
        os.write(self._out, json.dumps(request).encode() + b"\0")
        while True:
            message = self._hear()
            if message.get("id") == number:
                assert "error" not in message, (method, message["error"])
                answer: dict[str, Any] = message["result"]
                return answer

    def _hear(self) -> dict[str, Any]:
        deadline = time.monotonic() + ANSWER_WITHIN_S
        while b"\0" not in self._heard:
            ready, _, _ = select.select([self._in], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self._in, 1 << 20) if ready else b""
            if not data:
                raise AssertionError(f"Chromium says nothing; it {'runs' if self._process.poll() is None else 'ended'}")
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, method: str | None, told: dict[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
            case "Runtime.exceptionThrown":
                self.console.append(str(told["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.console.append(f"{told['type']}: {told['args']}")
            case "Log.entryAdded":
                self.console.append(f"{told['entry']['level']}: {told['entry']['text']}")


def _high_pipe() -> tuple[int, int]:
    """Return a pipe whose ends have high numbers."""
    ends = os.pipe()
    high = fcntl.fcntl(ends[0], fcntl.F_DUPFD_CLOEXEC, FREE_FD), fcntl.fcntl(ends[1], fcntl.F_DUPFD_CLOEXEC, FREE_FD)
    for end in ends:
        os.close(end)
    return high
