"""The rows S13, S14, S15 and S17 of what users of shared-memory-dict have in Django, by the old dotted path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from memories import Other

import gossamer
from gossamer.compat.shared_memory_dict import SharedMemoryDict, configure
from gossamer.compat.shared_memory_dict.hooks import create_shared_memory, free_shared_memory
from gossamer.contrib.shelf import Shelf

pytest.importorskip("django", reason="Django is not installed")

from django.core.cache import CacheHandler, CacheKeyWarning

PATH = "gossamer.compat.shared_memory_dict.caches.django.SharedMemoryCache"
IN_ANOTHER = (
    "from django.core.cache import CacheHandler\n"
    "cache = CacheHandler(settings={{'default': {{'BACKEND': {path!r}, 'LOCATION': {name!r}}}}})['default']"
)


@pytest.fixture(autouse=True)
def own_settings(
    mesh_port: int, mesh_name: str, options: gossamer.Options, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    monkeypatch.setenv("GOSSAMER_PORT", str(mesh_port))
    monkeypatch.setenv("GOSSAMER_INTERFACE", "127.0.0.1")
    configure(options=options)
    yield
    configure()
    Shelf(f"sm_{mesh_name}").close()


@pytest.fixture
def opened(mesh_name: str, options: gossamer.Options) -> Callable[..., Any]:
    """Return the backend that settings name by its dotted path, as Django makes one for each thread."""

    def opened(size: int = 1024, more: dict[str, Any] | None = None, **settings: Any) -> Any:
        all_options = {"MEMORY_BLOCK_SIZE": size, "options": options} | (more or {})
        default = {"BACKEND": PATH, "LOCATION": mesh_name, "OPTIONS": all_options} | settings
        return CacheHandler(settings={"default": default})["default"]

    return opened


@pytest.fixture
def cache(opened: Callable[..., Any]) -> Any:
    return opened()


@pytest.fixture
def other(mesh_name: str) -> Iterator[Callable[[], Other]]:
    started: list[Other] = []

    def start() -> Other:
        started.append(Other())
        for line in IN_ANOTHER.format(path=PATH, name=mesh_name).splitlines():
            started[-1].does(line)
        return started[-1]

    yield start
    for one in started:
        one.kill()


def test_s13_settings_mean_what_they_meant(opened, mesh_name):
    plain, prefixed = (
        opened(),
        opened(KEY_PREFIX="p", VERSION=2, TIMEOUT=None, KEY_FUNCTION=lambda *parts: "/".join(map(str, parts))),
    )
    plain.set("x", 1)
    prefixed.set("x", 2)

    assert (plain.get("x"), prefixed.get("x"), opened().get("x")) == (1, 2, 1)
    assert (plain.default_timeout, prefixed.default_timeout) == (300, None)
    with gossamer.attach(f"sm_{mesh_name}") as mesh:
        assert dict(mesh) == {"cache/:1:x": 1, "cache/x/p/2": 2}
    prefixed.clear()
    assert plain.get("x") is None


def test_s13_as_many_entries_stay_as_such_a_block_could_have_held(opened):
    assert opened(1024)._max_entries == 300
    assert opened(1 << 20)._max_entries == 32768
    assert opened(1 << 20, {"MAX_ENTRIES": 7})._max_entries == 7


def test_s13_a_memory_that_a_servers_hook_made_is_there_for_the_cache(opened, mesh_name):
    create_shared_memory(mesh_name, 4096)
    cache = opened()
    cache.set("x", 1)
    cache.clear()
    cache.set("y", 2)

    assert (cache.get("x"), cache.get("y")) == (None, 2)
    assert SharedMemoryDict(mesh_name, 1).shm.size == 4096
    free_shared_memory(mesh_name)
    assert cache.get("y") is None


def test_s13_processes_share_it(cache, other):
    second = other()
    cache.set("x", {"a": (1, 2)})

    assert second.does("cache.get('x')") == {"a": (1, 2)}
    assert second.does("cache.add('x', 2)") is False
    assert second.does("[cache.incr(cache.set('n', 1) or 'n') for _ in range(3)]") == [2, 2, 2]
    assert cache.incr("n") == 3


def test_s14_every_method_does_what_django_says(cache):
    assert (cache.add("a", 1), cache.add("a", 2), cache.get("a"), cache.get("b", "none")) == (True, False, 1, "none")
    assert (cache.incr("a"), cache.incr("a", 5), cache.incr("a", 0), cache.decr("a", 2)) == (2, 7, 7, 5)
    with pytest.raises(ValueError):
        cache.incr("b")
    cache.set("text", "no number")
    with pytest.raises(TypeError):
        cache.incr("text")
    assert (cache.touch("a", 100), cache.touch("b"), cache.has_key("a"), "b" in cache) == (True, False, True, False)
    assert cache.set_many({"c": 1, "d": None}) == []
    assert cache.get_many(["a", "c", "d", "e"]) == {"a": 5, "c": 1, "d": None}
    assert (cache.get_or_set("e", lambda: 6), cache.get_or_set("e", 7)) == (6, 6)
    assert (cache.incr_version("a"), cache.get("a"), cache.get("a", version=2), cache.decr_version("a", version=2)) == (
        *(2, None, 5, 1),
    )
    assert (cache.delete("a"), cache.delete("a")) == (True, False)
    cache.delete_many(["c", "d"])
    assert cache.get_many(["c", "d", "e"]) == {"e": 6}
    cache.clear()
    assert cache.get("e") is None
    cache.close()
    with pytest.warns(CacheKeyWarning):
        cache.set("a key with spaces", 1)


def test_s14_and_so_does_its_asynchronous_twin(cache):
    async def use() -> list[Any]:
        return [
            await cache.aadd("a", 1),
            await cache.aadd("a", 2),
            await cache.aincr("a", 4),
            await cache.adecr("a"),
            await cache.aset("b", 2),
            await cache.aget_many(["a", "b"]),
            await cache.atouch("a"),
            await cache.ahas_key("a"),
            await cache.aget_or_set("c", 3),
            await cache.aset_many({"d": 4}),
            await cache.aincr_version("d"),
            await cache.adelete("b"),
            await cache.adelete_many(["c"]),
            await cache.aget("a"),
            await cache.aclear(),
            await cache.aget("a"),
        ]

    assert asyncio.run(use()) == (
        [True, False, 5, 4, None, {"a": 4, "b": 2}, True, True, 3, [], 2, True, None, 4, None, None]
    )


def test_s15_what_has_expired_is_removed_without_being_read(cache, mesh_name, eventually):
    cache.set("short", 1, timeout=0.05)
    cache.set("long", 1)

    with gossamer.attach(f"sm_{mesh_name}") as mesh:
        assert eventually(lambda: dict(mesh) == {"cache/:1:long": 1})
        assert eventually(lambda: len(mesh) == 1)


def test_s17_a_timeout_holds_when_its_writer_has_been_killed_and_an_overwrite_cancels_it(cache, other, eventually):
    cache.set("ours", 1, timeout=None)
    second = other()
    for key in ("ours", "theirs", "overwritten"):
        second.does(f"cache.set({key!r}, 2, timeout=0.3)")
    cache.set("overwritten", 3, timeout=None)
    second.kill()

    assert eventually(lambda: cache.get("ours") is None and cache.get("theirs") is None)
    assert cache.get("overwritten") == 3
