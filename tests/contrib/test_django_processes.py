"""One cache for all workers of a site: forked and spawned ones, those of gunicorn, and those of another host."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

import gossamer

pytest.importorskip("django", reason="Django is not installed here")

from gossamer.contrib.django import GossamerCache

PROGRAM = """
import json, sys, time
from gossamer.contrib.django import GossamerCache
cache = GossamerCache({name!r}, {{"OPTIONS": {{"port": {port}, "timeout": 20}}}})
for line in sys.stdin:
    method, arguments = json.loads(line)
    print(json.dumps(getattr(cache, method)(*arguments)), flush=True)
cache._shelf.close()
"""
SITE = """
import os
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of this test",
    CACHES={{
        "default": {{
            "BACKEND": "gossamer.contrib.django.GossamerCache",
            "LOCATION": {name!r},
            "OPTIONS": {{"port": {port}, "timeout": 20}},
        }}
    }},
)

from django.core.cache import cache
from django.urls import path

def count(request):
    cache.add("visits", 0, timeout=None)
    return JsonResponse({{"visits": cache.incr("visits"), "worker": os.getpid()}})

urlpatterns = [path("", count)]
application = get_wsgi_application()
{preloaded}
"""
WORKERS = 4


class Process:
    """A program that has the cache, and calls what it is told to; on a host of its own, if it has a directory."""

    def __init__(self, program: str, runtime: Path | None) -> None:
        environment = os.environ | ({} if runtime is None else {"GOSSAMER_RUNTIME_DIR": str(runtime)})
        self._process = subprocess.Popen(
            [sys.executable, "-c", program],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, method: str, *arguments: Any) -> Any:
        """Call a method of the cache there, and return what that returns."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([method, arguments]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        finally:
            self.kill()
            self._process.stdout.close()


@pytest.fixture
def process(mesh_name: str, mesh_port: int) -> Iterator[Callable[..., Process]]:
    with ExitStack() as ending:

        def start(runtime: Path | None = None) -> Process:
            one = Process(PROGRAM.format(name=mesh_name, port=mesh_port), runtime)
            ending.callback(one.end)
            return one

        yield start


@pytest.fixture
def cache(mesh_name: str, mesh_port: int) -> Iterator[GossamerCache]:
    """The cache in this process.  It opens nothing yet."""
    cache = opened(mesh_name, mesh_port)
    yield cache
    cache._shelf.close()


def opened(name: str, port: int) -> GossamerCache:
    return GossamerCache(name, {"OPTIONS": {"port": port, "timeout": 20}})


def count(name: str, port: int, steps: int, made: GossamerCache | None) -> None:
    """What a worker does."""
    cache = made or opened(name, port)
    for step in range(steps):
        cache.incr("visits")
        if cache.add(f"step{step}", os.getpid()):
            cache.incr("added")


# -- workers of one host ----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_no_increment_of_any_process_is_lost_and_of_all_who_add_one_does(cache, mesh_name, mesh_port, method):
    cache.set_many({"visits": 0, "added": 0}, timeout=None)
    context = multiprocessing.get_context(method)
    made = cache if method == "fork" else None  # a forked worker goes on with the one that it has
    workers = [context.Process(target=count, args=(mesh_name, mesh_port, 100, made)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    count(mesh_name, mesh_port, 100, cache)
    for worker in workers:
        worker.join(60)

    assert [worker.exitcode for worker in workers] == [0] * WORKERS
    assert cache.get("visits") == 100 * (WORKERS + 1)
    assert cache.get("added") == 100


def test_what_a_process_wrote_outlives_it_and_expires_when_it_said(process, cache, eventually):
    writer = process()
    writer("set", "short", 1, 3)
    writer("set", "long", 1, None)
    assert cache.get("short") == 1

    writer.kill()  # it was the peer: this process takes over

    assert cache.get("short") == 1
    eventually(lambda: cache.get("short") is None)
    cache.set("after", 1)
    assert cache.get_many(["short", "long", "after"]) == {"long": 1, "after": 1}


def test_when_the_peer_has_gone_others_count_and_add_as_before(process, cache, eventually):
    peer = process()
    peer("set", "n", 0, None)
    other = process()
    assert (cache.incr("n"), other("incr", "n")) == (1, 2)

    peer.kill()
    eventually(lambda: gossamer.attach(cache._shelf.mesh).age_s < 0.2)

    assert (cache.incr("n"), other("incr", "n")) == (3, 4)
    assert cache.delete("n") is True
    assert other("add", "n", 7) is True
    assert cache.touch("n", 60) is True


def test_an_overwrite_in_one_process_cancels_the_expiry_that_another_set(process, cache, eventually):
    writer = process()
    writer("set_many", {"kept": 1, "gone": 1}, 0.5)
    cache.set("kept", 2, timeout=None)

    eventually(lambda: writer("get", "gone") is None)
    assert writer("get", "kept") == cache.get("kept") == 2


# -- gunicorn ---------------------------------------------------------------------------------


class Site:
    """A site that gunicorn serves."""

    def __init__(self, directory: Path, source: str, *arguments: str) -> None:
        pytest.importorskip("gunicorn", reason="gunicorn is not installed here")
        (directory / "site_of_test.py").write_text(source)
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port: int = free.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", str(WORKERS)]
        self._process = subprocess.Popen(
            [
                *command,
                *arguments,
                "--bind",
                f"127.0.0.1:{self.port}",
                "--log-level=warning",
                "site_of_test:application",
            ],
            cwd=directory,
            stderr=subprocess.PIPE,
            text=True,
        )

    def get(self) -> dict[str, int]:
        """Return what it answers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        with closing(connection):
            connection.request("GET", "/")
            return json.loads(connection.getresponse().read())  # type: ignore[no-any-return]

    def answers(self) -> dict[str, int] | None:
        """Return what it answers, or None if it does not serve yet."""
        try:
            return self.get()
        except (OSError, HTTPException):
            assert self._process.poll() is None, self.end()
            return None

    def end(self) -> str:
        """End it in order; return what it complained of."""
        assert self._process.stderr is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            _, errors = self._process.communicate(timeout=30)
        finally:
            self._process.kill()
            self._process.wait()
        return errors


@pytest.fixture
def serve(tmp_path: Path, mesh_name: str, mesh_port: int) -> Iterator[Callable[..., Site]]:
    with ExitStack() as ending:

        def serve(preloaded: str, *arguments: str) -> Site:
            site = Site(tmp_path, SITE.format(name=mesh_name, port=mesh_port, preloaded=preloaded), *arguments)
            ending.callback(site.end)
            return site

        yield serve


@pytest.mark.parametrize(
    ("preloaded", "arguments", "workers"),
    [
        pytest.param("", (), WORKERS, id="unused"),
        pytest.param("cache.has_key('warm')", (), WORKERS, id="used"),
        pytest.param("cache.has_key('warm')", ("--max-requests=40",), 2 * WORKERS, id="replaced"),
    ],
)
def test_workers_of_gunicorn_count_every_visit_once(serve, eventually, preloaded, arguments, workers):
    """Whether the application, which is loaded before the fork, has used the cache by then; and if workers end."""
    site = serve(preloaded, *arguments)
    answers = [eventually(site.answers, within_s=30)]
    unanswered: list[bool] = []
    enough = threading.Event()

    def visit() -> None:
        while not enough.is_set():
            answer = site.answers()
            if answer is None:
                unanswered.append(True)  # by a worker that just ended; perhaps it was counted
            else:
                answers.append(answer)

    visitors = [threading.Thread(target=visit) for _ in range(2 * WORKERS)]
    for visitor in visitors:
        visitor.start()
    try:
        eventually(
            lambda: len({answer["worker"] for answer in answers}) >= workers and len(answers) >= 200, within_s=60
        )
    finally:
        enough.set()
        for visitor in visitors:
            visitor.join()

    visits = sorted(answer["visits"] for answer in answers)
    assert len(set(visits)) == len(visits)  # none was counted as another
    assert len(visits) <= visits[-1] <= len(visits) + len(unanswered)  # and none was lost
    assert arguments or not unanswered
    assert site.end() == ""


# -- two hosts --------------------------------------------------------------------------------


def test_two_hosts_share_one_cache(process, cache, tmp_path, eventually):
    there = process(tmp_path / "other host")
    there("set", "from_there", 1, None)
    eventually(lambda: cache.get("from_there") == 1, within_s=15)
    cache.set("from_here", {"a": (1, 2)}, timeout=None)
    eventually(lambda: there("get", "from_here"), within_s=15)

    cache.delete("from_there")
    eventually(lambda: there("get", "from_there") is None)
    cache.clear()
    eventually(lambda: there("get", "from_here") is None)


def test_what_another_host_wrote_expires_here_though_that_host_is_gone(process, cache, tmp_path, eventually):
    there = process(tmp_path / "other host")
    there("set", "first", 1, None)
    eventually(lambda: cache.get("first") == 1, within_s=15)
    there("set", "short", 1, 3)
    eventually(lambda: cache.get("short") == 1, within_s=2.9)

    there.kill()

    assert cache.get("short") == 1
    eventually(lambda: cache.get("short") is None)
    assert cache.get("first") == 1
