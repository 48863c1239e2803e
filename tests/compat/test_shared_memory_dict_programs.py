"""Programs written for shared-memory-dict, those of its README among them, in processes of their own."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow  # each starts programs of its own, as their users would


def test_the_readme_has_two_shells_share_tokens(program):
    first = program("first")
    assert first.line() == "some-value-with-any-type"
    second = program("second")
    assert second.line() == "some-value-with-any-type"
    assert second.ends() == (0, "")
    first.enter()
    assert first.line() == "some-value-with-any-type"
    first.enter()

    assert first.ends() == (0, "")


def test_the_readmes_serializer_decides_what_is_kept(program):
    json = program("json")
    assert json.ends() == (0, "")

    assert json.rest() == ["{'tuple': [1, 2], '3': None}", "Failed to serialize data: {'set': {1, 2}}"]


def test_a_server_makes_it_before_its_workers_and_frees_it_after_them(program):
    server = program("prefork")
    assert server.ends() == (0, "")

    assert server.rest() == ["150", "freed"]


def test_the_readmes_cache_of_django_is_shared_by_workers(program):
    pytest.importorskip("django", reason="Django is not installed")
    site = program("django")
    assert site.ends() == (0, "")

    assert site.rest() == ["2 <html> nothing"]


def test_the_readmes_cache_of_aiocache(program):
    pytest.importorskip("aiocache", reason="aiocache is not installed")
    script = program("aiocache")
    assert script.ends() == (0, "")

    assert script.rest() == ["['value'] False"]
