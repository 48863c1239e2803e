"""A backend for Flask-Caching: all workers of a host, and all hosts of a mesh, have one cache.

Cache(app, config={
    "CACHE_TYPE": "gossamer.contrib.flask_caching.GossamerCache",
    "CACHE_OPTIONS": {"location": "shop/cache"},
})
"""

from __future__ import annotations

from typing import Any

try:
    from flask_caching.backends.base import BaseCache
except ImportError as error:
    raise ImportError("gossamer.contrib.flask_caching needs Flask-Caching: pip install Flask-Caching") from error

from gossamer.errors import ConfigurationError

from . import cachelib


class GossamerCache(BaseCache, cachelib.GossamerCache):  # type: ignore[misc]
    """The cache of `gossamer.contrib.cachelib`, as Flask-Caching makes it from an app's configuration.

    CACHE_OPTIONS holds its arguments: `location`, and those of `gossamer.host`.  CACHE_DEFAULT_TIMEOUT
    (seconds; 0: never) and CACHE_KEY_PREFIX are heeded; CACHE_THRESHOLD is not: what is old goes when it expires.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        cachelib.GossamerCache.__init__(self, *args, **kwargs)

    @classmethod
    def factory(cls, app: Any, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> GossamerCache:
        """Return a cache as `config` asks for it.  Raises ConfigurationError if it names no mesh."""
        if not args and not kwargs.get("location"):
            raise ConfigurationError(
                'no mesh was named; say so in the configuration, as in CACHE_OPTIONS = {"location": "shop/cache"}'
            )
        return cls(*args, **{"key_prefix": config.get("CACHE_KEY_PREFIX"), **kwargs})
