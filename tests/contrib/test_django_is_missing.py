"""Without Django, the adapter says what to install."""

from __future__ import annotations

import importlib
import sys

import pytest


def test_without_django_the_error_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "gossamer.contrib.django", raising=False)
    for module in [name for name in sys.modules if name.partition(".")[0] == "django"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "django", None)

    with pytest.raises(ImportError, match=r'pip install "gossamer\[django\]"'):
        importlib.import_module("gossamer.contrib.django")
