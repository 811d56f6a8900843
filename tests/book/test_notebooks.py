"""The committed notebooks: no pictures in git, portable Markdown, cells a student can read."""

from __future__ import annotations

import re

import nbformat
import pytest

from .conftest import ROOT

NOTEBOOKS = sorted([*ROOT.glob("*.ipynb"), *(ROOT / "chapters").glob("*.ipynb")])
CHECKED = "# NBVAL_CHECK_OUTPUT"
FOLDED = {"hide-input", "hide-cell", "remove-input", "solution", "long-on-purpose"}
LONGEST = 15
# What shows as raw text in Colab: MyST directives and roles, glue, cross-reference labels.
MYST = re.compile(r"^\s*(```+|:::+)\s*\{|\{[a-z][a-z:_-]*\}`|\{\{.*\}\}|\bglue:|^\([a-z0-9_-]+\)=\s*$", re.MULTILINE)
MATH = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)
FENCED = re.compile(r"^```(?!\s*\{).*?^```", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def test_is_valid_and_carries_no_widget_state(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def test_keeps_only_the_outputs_that_are_compared(path):
    for cell in read(path).cells:
        if cell.cell_type != "code":
            continue
        assert cell.execution_count is None or cell.source.startswith(CHECKED), cell.source[:80]
        if not cell.source.startswith(CHECKED):
            assert cell.outputs == [], f"an output in git that nobody compares: {cell.source[:80]}"
            continue
        assert cell.outputs, f"nothing to compare: {cell.source[:80]}"
        assert cell.execution_count, f"nbval refuses outputs of a cell that says it never ran: {cell.source[:80]}"
        for output in cell.outputs:
            assert output.output_type in ("stream", "execute_result", "display_data")
            assert set(output.get("data", {})) <= {"text/plain"}


def test_code_cells_are_short(path):
    for cell in read(path).cells:
        if cell.cell_type == "code" and not FOLDED & set(cell.metadata.get("tags", [])):
            lines = [line for line in cell.source.splitlines() if line.strip()]
            assert len(lines) <= LONGEST, f"{len(lines)} lines: {cell.source[:80]}"


def test_markdown_is_portable(path):
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            text = MATH.sub("", FENCED.sub("", cell.source))
            assert not MYST.search(text), f"shows as raw text in Colab: {MYST.search(text).group()!r}"
            assert "![" not in text, "no pictures in Markdown: use aecore's Picture, which has words and two themes"
            assert "\\label{" not in cell.source
            assert "\\ref{" not in cell.source


def test_display_math_is_tagged_or_plain(path):
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            assert cell.source.count("$$") % 2 == 0, cell.source[:80]
