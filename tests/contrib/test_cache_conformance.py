"""The tests that other projects have for their own caches, run against ours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import other_projects
import pytest

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(600)]

CACHELIB = """
from gossamer.contrib.cachelib import GossamerCache
from clear import ClearTests
from common import CommonTests
from delete_many_with_prefix import DeleteManyWithPrefixTests
from has import HasTests
from serializer import SerializerTests


class TestGossamerCache(CommonTests, ClearTests, HasTests, SerializerTests, DeleteManyWithPrefixTests):
    def cache_factory(self, **arguments):
        return GossamerCache(location(), **FOR_HOST, **arguments)
"""


def test_cachelib(tmp_path: Path, mesh_port: int, options: Any) -> None:
    pytest.importorskip("cachelib", reason="cachelib is not installed")
    tests = other_projects.sources("cachelib", tmp_path) / "tests"
    (tests / "xprocess.py").write_text("ProcessStarter = object  # starts servers of other caches\n")
    (tests / "test_gossamer.py").write_text(other_projects.prelude(mesh_port, options) + CACHELIB)

    assert other_projects.passed(tests, "-c", "/dev/null", "-W", "error", "test_gossamer.py") >= 14


DOGPILE = """
from dogpile.testing import fixtures


class Ours(fixtures._GenericBackendFixture):
    backend = "gossamer"
    config_args = {"arguments": {"location": location(), **FOR_HOST}}


class TestBackend(Ours, fixtures._GenericBackendTestSuite):
    pass


class TestBackendWithSerializer(fixtures._GenericSerializerTestSuite, Ours, fixtures._GenericBackendTestSuite):
    pass


class TestMutex(fixtures._GenericMutexTestSuite):
    backend = "gossamer"
    config_args = {"arguments": {"location": location(), "distributed_lock": True, **FOR_HOST}}


class TestBackendWithMutex(TestMutex, fixtures._GenericBackendTestSuite):
    pass
"""


def test_dogpile(tmp_path: Path, mesh_port: int, options: Any) -> None:
    pytest.importorskip("dogpile.cache", reason="dogpile.cache is not installed")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = time_intensive: waits\nfilterwarnings = error\n")
    (tmp_path / "test_gossamer.py").write_text(other_projects.prelude(mesh_port, options) + DOGPILE)

    assert other_projects.passed(tmp_path, "-c", "pytest.ini", "test_gossamer.py") >= 23


FLASK_CACHING = """
import time
import flask
import flask_caching as fsc
from gossamer.contrib.flask_caching import GossamerCache


class Ours(GossamerCache):
    def __init__(self, **arguments):
        super().__init__(**{"location": location(), **FOR_HOST, **arguments})

    @classmethod
    def factory(cls, app, config, args, kwargs):
        return super().factory(app, config, args, {"location": location(), **kwargs})


fsc.backends.SimpleCache = Ours  # which is what "SimpleCache" in their tests then means


@pytest.fixture
def app(request):
    app = flask.Flask(request.module.__name__, template_folder=os.path.dirname(__file__))
    app.testing = True
    app.config["CACHE_TYPE"] = "SimpleCache"
    return app


@pytest.fixture
def cache(app):
    return fsc.Cache(app)


class Clock:
    advance = staticmethod(time.sleep)  # theirs turns the clock of cachelib's own caches


@pytest.fixture
def clock():
    return Clock


@pytest.fixture(params=fsc.SUPPORTED_HASH_FUNCTIONS, ids=lambda method: method.__name__)
def hash_method(request):
    return request.param
"""


CLOCK = "turns the clock of cachelib's own caches by minutes"
FLASK_CACHING_SKIPS = {
    "test_memoize.py::test_memoize_entry_written_late_keeps_its_own_timeout": CLOCK,
    "test_memoize.py::test_memoize_version_key_outlives_newest_entry": CLOCK,
    "test_memoize.py::test_memoize_version_key_expires_once_its_entries_have": CLOCK,
    "test_memoize.py::test_memoize_delete_resets_version_key": CLOCK,
    "test_basic_app.py::test_dict_config_initapp": "asks whether its cache is cachelib's SimpleCache",
    "test_basic_app.py::test_dict_config_both": "asks whether its cache is cachelib's SimpleCache",
    "test_backend_cache.py::TestSimpleCache::test_purge": "looks into SimpleCache, which has a size",
    "test_backend_cache.py::TestSimpleCache::test_deprecated_ignore_errors": "a name that SimpleCache had before",
}
"""Of what is run, what cannot be asked of another cache.  (Not run: what is about other caches, and serializers.)"""


def test_flask_caching(tmp_path: Path, mesh_port: int, options: Any) -> None:
    pytest.importorskip("flask_caching", reason="Flask-Caching is not installed")
    beside = other_projects.installed_beside(["asgiref"], tmp_path / "beside")
    tests = other_projects.sources("Flask-Caching", tmp_path) / "tests"
    (tests / "conftest.py").write_text(other_projects.prelude(mesh_port, options) + FLASK_CACHING)

    ran = other_projects.passed(
        tests,
        *("-c", "/dev/null", "-W", "error", *(f"--deselect={test}" for test in FLASK_CACHING_SKIPS)),
        *("test_cache.py", "test_memoize.py", "test_view.py", "test_hash_method.py", "test_signals.py"),
        *("test_subclassing.py", "test_templates.py", "test_basic_app.py", "test_backend_cache.py::TestSimpleCache"),
        path=beside,
    )
    assert ran >= 120


AIOCACHE = """
import asyncio
from aiocache import caches
from MODULE import CLASS
from ..utils import KEY_LOCK, Keys


@pytest.fixture(autouse=True)
def reset_caches():
    caches._caches = {}
    ours = {"cache": "MODULE.CLASS", "PLACE": location()}
    caches.set_config({"default": ours | FOR_HOST})


class Ours(CLASS):
    _cache = property(None, lambda self, data: self._shelf.set_many(data))  # where a test puts values from behind


@pytest.fixture
async def memory_cache():
    async with Ours(PLACE=location(), namespace="test", **FOR_HOST) as cache:
        yield cache


@pytest.fixture
def cache(memory_cache):
    return memory_cache
"""
ASYNCIO_INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
markers =
  redis: theirs
  memcached: theirs
"""
AIOCACHE_SKIPS = {
    "test_base.py::TestMemoryCache::test_raw": "calls setdefault of the dict that SimpleMemoryCache has",
    "test_base.py::TestMemoryCache::test_accept_explicit_args": "is about SimpleMemoryCache itself",
    "test_lock.py::TestMemoryOptimisticLock::test_acquire_key_builder": (
        "compares the token with the value; ours is of the value as it is encoded"
    ),
}


@pytest.mark.parametrize(
    "ours",
    [
        {"MODULE": "gossamer.contrib.aiocache", "CLASS": "GossamerCache", "PLACE": "location"},
        {
            "MODULE": "gossamer.compat.shared_memory_dict.caches.aiocache",
            "CLASS": "SharedMemoryCache",
            "PLACE": "name",
        },
    ],
    ids=lambda ours: ours["CLASS"],
)
def test_aiocache(tmp_path: Path, mesh_port: int, options: Any, ours: dict[str, str]) -> None:
    pytest.importorskip("aiocache", reason="aiocache is not installed")
    beside = other_projects.installed_beside(["pytest-asyncio", "pytest-mock", "marshmallow"], tmp_path / "beside")
    project = other_projects.sources("aiocache", tmp_path)
    conftest = re.sub("|".join(ours), lambda found: ours[found[0]], AIOCACHE)
    (project / "tests/acceptance/conftest.py").write_text(other_projects.prelude(mesh_port, options) + conftest)
    identity = (
        project / "tests/acceptance/test_serializers.py"
    )  # who shares with other processes returns an equal object
    identity.write_text(re.sub(r" is obj$", " == obj", identity.read_text(), flags=re.MULTILINE))
    (project / "pytest.ini").write_text(ASYNCIO_INI)

    ran = other_projects.passed(
        project,
        *("-c", "pytest.ini", "-p", "pytest_asyncio.plugin", "-p", "pytest_mock", "-m", "not redis and not memcached"),
        *(f"--deselect=tests/acceptance/{test}" for test in AIOCACHE_SKIPS),
        *(f"tests/acceptance/test_{name}.py" for name in ("base", "decorators", "lock", "plugins", "serializers")),
        path=beside,
    )
    assert ran >= 150
