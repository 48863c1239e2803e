"""Flask-Caching on a mesh, in real apps of several processes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
from worker_processes import Workers

from gossamer import ConfigurationError
from gossamer.contrib.shelf import Shelf

pytest.importorskip("flask_caching", reason="Flask-Caching is not installed")

import flask
import flask_caching

from gossamer.contrib import cachelib
from gossamer.contrib.flask_caching import GossamerCache

APP = """
import flask, flask_caching
app = flask.Flask("shop")
cache = flask_caching.Cache(app, config={
    "CACHE_TYPE": "gossamer.contrib.flask_caching.GossamerCache",
    "CACHE_OPTIONS": {"location": LOCATION, **FOR_HOST},
})
@app.get("/")
@cache.cached(timeout=60)
def front():
    return f"made by {os.getpid()}"
@cache.memoize(timeout=60)
def price(of):
    return [of, os.getpid()]
say(os.getpid())
client = app.test_client()
while True:
    with app.app_context():
        match hear():
            case "get": say(client.get("/").text)
            case "price": say(price("tea"))
            case "forget": say(cache.delete_memoized(price, "tea"))
            case "clear": say(cache.clear())
"""


@pytest.fixture
def app(mesh_name: str, for_host: dict[str, Any]) -> Iterator[Any]:
    app = flask.Flask("shop")
    app.config["CACHE_TYPE"] = "gossamer.contrib.flask_caching.GossamerCache"
    app.config["CACHE_OPTIONS"] = {"location": f"{mesh_name}/cache", "timeout": 20, **for_host}
    yield app
    Shelf(mesh_name).close()


def test_views_and_functions_are_cached_for_all_workers(mesh_name, for_host):
    with Workers(f"{mesh_name}/cache", for_host) as workers:
        first, second = workers(APP), workers(APP)
        made_by, other = first.says(), second.says()

        assert first.asked("get") == second.asked("get") == f"made by {made_by}"
        assert second.asked("price") == first.asked("price") == ["tea", other]
        first.asked("forget")
        assert first.asked("price") == second.asked("price") == ["tea", made_by]
        second.asked("clear")
        assert second.asked("get") == first.asked("get") == f"made by {other}"


def test_an_app_says_how_long_and_under_which_keys(app, mesh_name, eventually):
    cache = flask_caching.Cache(app, config={"CACHE_DEFAULT_TIMEOUT": 1, "CACHE_KEY_PREFIX": "shop/"})
    with app.app_context():
        cache.set("x", 1)
        cache.set("y", 2, timeout=0)
        shelf = cache.cache._shelf
        assert sorted(shelf.keys()) == ["shop/x", "shop/y"]

        eventually(lambda: shelf.keys() == ["shop/y"])
        assert cache.get("y") == 2


@pytest.mark.skipif(
    tuple(map(int, version("Flask-Caching").split(".")[:2])) < (2, 5),
    reason="Flask-Caching below 2.5 makes such caches in another way",
)
def test_a_cache_of_cachelib_can_be_named_too(app):
    app.config["CACHE_TYPE"] = "gossamer.contrib.cachelib.GossamerCache"
    cache = flask_caching.Cache(app)

    with app.app_context():
        assert type(cache.cache) is cachelib.GossamerCache
        assert (cache.set("x", 1), cache.get("x")) == (True, 1)


def test_what_a_template_keeps_is_markup_still(app):
    cache = flask_caching.Cache(app)
    source = "{% cache 60, 'fragment' %}<b>{{ word }}</b>{% endcache %}"

    with app.app_context(), app.test_request_context():
        first = flask.render_template_string(source, word="<tea>")
        assert flask.render_template_string(source, word="coffee") == first == "<b>&lt;tea&gt;</b>"
        assert cache.cache._shelf.keys()


def test_without_a_location_the_error_says_what_to_configure(app):
    app.config["CACHE_OPTIONS"] = {}

    with pytest.raises(ConfigurationError, match="CACHE_OPTIONS"):
        flask_caching.Cache(app)


def test_a_location_may_be_the_first_argument(app, mesh_name):
    options = app.config["CACHE_OPTIONS"]
    app.config["CACHE_ARGS"] = [options.pop("location")]
    cache = flask_caching.Cache(app)

    with app.app_context():
        assert isinstance(cache.cache, GossamerCache)
        assert (cache.set("x", 1), cache.get("x")) == (True, 1)
