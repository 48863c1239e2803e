"""What the documents show runs, prints what they say, and leads where they point."""

from __future__ import annotations

import gc
import re
from contextlib import nullcontext
from pathlib import Path

import pytest
from document_runner import DocumentRunner, environment_of
from markdown_blocks import Block, blocks

import displays
from gossamer.blocking import _open

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"python", "pycon", "console", "text", "toml", "mermaid", "sh"}
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def is_run(block: Block) -> bool:
    return block.language in ("python", "pycon", "console", "toml")


LONG = {"test-your-program-under-partition.md", "run-simulations.md"}
"""These start test runs and simulations of their own."""


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.slow] if path.name in LONG else [], id=name_of(path))
        for path in DOCUMENTS
        if any(map(is_run, blocks(path)))
    ],
)
def test_what_a_document_shows_happens(
    path: Path, tmp_path: Path, mesh_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = environment_of(mesh_port)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    needs_display = any("needs=tkinter" in block.asks for block in blocks(path)) and not displays.why_not()
    try:
        with displays.a_display() if needs_display else nullcontext() as display:
            monkeypatch.setenv("DISPLAY", display or "")
            runner = DocumentRunner(tmp_path, environment)
            try:
                runner.run(blocks(path))
            finally:
                if needs_display:  # a window that is collected in another thread than Tk's ends the process
                    runner.names.clear()
                    gc.collect()
    finally:
        for mesh in list(_open.values()):
            mesh.close()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_a_document_leads_to_what_there_is(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)

    for target, anchor in LINK.findall(text):
        found = (path.parent / target).resolve() if target else path
        assert found.exists(), f"{name_of(path)} points to {target}, which is not there"
        if anchor:
            assert anchor in anchors(found), f"{name_of(path)} points to {target}#{anchor}, which is no heading there"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_block_of_a_document_says_what_it_is(path: Path) -> None:
    for block in blocks(path):
        assert block.language in LANGUAGES, f"{block.where}: {block.language!r} is none of {sorted(LANGUAGES)}"


def test_what_the_documents_show_for_a_shell_is_run_by_ci() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for name, meant in (('"$python"', "python3"), ("$work/test/bin/", ""), ('"', "")):
        script = script.replace(name, meant)
    commands = {
        command
        for path in DOCUMENTS
        for block in blocks(path)
        if block.language == "sh"
        for line in block.text.splitlines()
        for command in line.split(" && ")
    }

    for command in commands:
        words = re.sub(r"^\S*/bin/", "", command.strip()).replace('"', "")
        assert words in script, f".ci/run does not run {command!r}"


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_the_tests_that_a_document_names_exist(path: Path) -> None:
    for file, test in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", path.read_text(encoding="utf-8")):
        assert (ROOT / file).is_file(), f"{name_of(path)} names {file}, which is not there"
        if test:
            assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file} holds no {test}"
