"""Without Qt, the adapter says what to install."""

from __future__ import annotations

import importlib
import sys

import pytest


def test_without_a_binding_the_error_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "gossamer.contrib.qt", raising=False)
    for name in ("PySide6", "PyQt6"):
        for module in (name, f"{name}.QtCore"):
            monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(ImportError, match="pip install PySide6-Essentials"):
        importlib.import_module("gossamer.contrib.qt")
