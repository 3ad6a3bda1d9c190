"""The pages of the formats: their files are written, their programs run, their output is so."""

from __future__ import annotations

import ast
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest

for needed in ("sklearn", "matplotlib", "rich"):
    pytest.importorskip(needed)

DOCS = Path(__file__).parents[1] / "docs"
formats = SimpleNamespace(**run_path(str(DOCS / "formats.py")))


def test_every_page_has_its_file():
    assert {path.stem for path in (DOCS / "recordings").glob("*.md")} == set(formats.WRITERS)


@pytest.mark.parametrize("page", formats.WRITERS)
def test_page(page, tmp_path, monkeypatch):
    """From a file of another library to a decoder in at most six lines; and `tempotron info`."""
    monkeypatch.chdir(tmp_path)
    try:
        names = formats.WRITERS[page](tmp_path)
    except ImportError as error:
        pytest.skip(f"{error.name} is not installed")
    program = formats.example(page)
    to_decoder, *_ = program.partition("from tempotron_backends.data")
    lines = [line for line in to_decoder.splitlines() if line]
    assert len(lines) <= 6
    ast.parse(program)
    exec(compile(program, page, "exec"), names)
    assert names["accuracy"] > 0.7  # chance is 0.5
    text = (DOCS / "recordings" / f"{page}.md").read_text(encoding="utf-8")
    (info, printed), (crossval, _) = formats.COMMAND.findall(text)
    assert crossval.startswith("tempotron crossval")
    assert formats.said(info) == printed
