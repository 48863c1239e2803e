"""The reference pages say what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import gossamer
from gossamer.settings import effective

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_reference", REFERENCE / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = generator().pages()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_reference_page_is_what_the_docstrings_make(name: str) -> None:
    written = (REFERENCE / name).read_text(encoding="utf-8")

    assert written == PAGES[name], "run: python docs/reference/generate.py"


def test_every_public_name_is_in_the_reference() -> None:
    text = PAGES["api.md"] + PAGES["errors.md"] + PAGES["options.md"]

    assert [name for name in gossamer.__all__ if name not in text] == []


def test_every_setting_is_in_the_reference() -> None:
    text = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    names = {setting.upper() for setting in effective({}, {"HOME": "/"})} - {"CONFIG"} | {"SECRET_FILE", "CONFIG"}

    assert [name for name in sorted(names) if f"`GOSSAMER_{name}`" not in text] == []
