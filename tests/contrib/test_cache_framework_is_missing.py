"""Without the library that it is for, an adapter of a cache says what to install."""

from __future__ import annotations

import importlib
import sys

import pytest


@pytest.mark.parametrize(
    ("adapter", "missing", "installed"),
    [
        ("cachelib", "cachelib", "cachelib"),
        ("flask_caching", "flask_caching", "Flask-Caching"),
        ("dogpile", "dogpile", "dogpile.cache"),
        ("aiocache", "aiocache", "aiocache"),
    ],
)
def test_the_error_says_what_to_install(monkeypatch, adapter, missing, installed):
    monkeypatch.delitem(sys.modules, f"gossamer.contrib.{adapter}", raising=False)
    for module in [name for name in sys.modules if name.split(".")[0] == missing] or [missing]:
        monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(ImportError, match=f"pip install {installed}"):
        importlib.import_module(f"gossamer.contrib.{adapter}")
