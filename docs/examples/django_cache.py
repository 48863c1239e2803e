"""A site of Django whose workers share one cache: each counts every visit, whichever of them was visited.

python django_cache.py                                      one worker; run two, and visit both
gunicorn --preload --workers 4 django_cache:application     four, of one server

Needs Django.
"""

from __future__ import annotations

import contextlib
import os
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.conf import settings
from django.core.cache import cache
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="no secret: this site keeps nothing of its visitors",
    CACHES={
        "default": {
            "BACKEND": "gossamer.contrib.django.GossamerCache",
            "LOCATION": os.environ.get("GOSSAMER_MESH", "shop"),
            "OPTIONS": {"MAX_ENTRIES": 10_000},
        }
    },
)


def visit(request: HttpRequest) -> HttpResponse:
    """Count a visit, and remember for a minute from where the last one was."""
    cache.add("visits", 0, timeout=None)  # of all workers, one makes it
    last = cache.get("visitor", "nobody")
    cache.set("visitor", request.GET.get("name", "somebody"), timeout=60)
    return HttpResponse(f"visit {cache.incr('visits')}, after {last}", content_type="text/plain")


urlpatterns = [path("", visit)]
application = get_wsgi_application()


class Quiet(WSGIRequestHandler):
    """Does not log each request."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve, on a port that is free, until Ctrl-C."""
    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
