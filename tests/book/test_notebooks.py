"""The committed notebooks: a role for each cell, lines that fit, no pictures in git, portable Markdown."""

from __future__ import annotations

import re

import nbformat
import pytest
from aebook.roles import ROLES, fold, printed, role_of
from aebook.slides import compose, has_deck

from .conftest import ROOT

NOTEBOOKS = sorted([*ROOT.glob("*.ipynb"), *(ROOT / "chapters").glob("*.ipynb")])
CHECKED = "# NBVAL_CHECK_OUTPUT"
WIDEST, MOST_LESSONS = 79, 12
# Lines of code that a reader is asked to take in at once, words apart; a solution may be as long as it needs to be.
LONGEST = {"lesson": 15, "exercise": 15, "figure": 15, "check": 15, "setup": 25, "measure": 25}
WORDS = re.compile(r'^\s*(\w+=)?[rf]*"[^"]*"[,)]*$')
MACHINERY = re.compile(r"^\s*(assert\b|# NBVAL_|# @title\b)", re.MULTILINE)
PLOTS = re.compile(r"^[^\n]*\b(?:figures\.|quizzes\.|stills\.(?!table\b))", re.MULTILINE)
TAG = re.compile(r"\\tag\{([A-Z0-9]+\.\d+)\}")
# What shows as raw text in Colab: MyST directives and roles, glue, cross-reference labels.
MYST = re.compile(r"^\s*(```+|:::+)\s*\{|\{[a-z][a-z:_-]*\}`|\{\{.*\}\}|\bglue:|^\([a-z0-9_-]+\)=\s*$", re.MULTILINE)
MATH = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)
FENCED = re.compile(r"^```(?!\s*\{).*?^```", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def role(cell):
    return role_of(cell.metadata.get("tags", []))


def name(cell):
    return f"cell {cell.id}: {cell.source[:60]!r}"


def test_is_valid_and_carries_no_widget_state(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def test_every_code_cell_has_one_role_and_is_folded_as_it_says(path):
    known = {*ROLES, "keep_output", "remove-cell", "remove-input"}
    for cell in code_cells(path):
        assert fold(cell.metadata) == cell.metadata, f"`make roles` folds it: {name(cell)}"
        assert set(cell.metadata.tags) <= known, name(cell)
        assert ("keep_output" in cell.metadata.tags) == cell.source.startswith(CHECKED), name(cell)


def test_a_check_says_what_it_checks(path):
    equations = TAG.findall("\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown"))
    for cell in code_cells(path):
        if role(cell) != "check":
            assert not {"checks", "label"} & set(cell.metadata), name(cell)
            continue
        checks = cell.metadata.get("checks")
        assert isinstance(checks, list), f"metadata checks must be a list of equations, [] for none: {name(cell)}"
        assert set(checks) <= set(equations), f"no such equation in this notebook: {checks}, {name(cell)}"
        assert bool(checks) != bool(cell.metadata.get("label")), f"it has equations or a label: {name(cell)}"


def test_lessons_are_few_and_hold_nothing_but_the_lesson(path):
    lessons = [cell for cell in code_cells(path) if role(cell) == "lesson"]
    assert len(lessons) <= MOST_LESSONS
    for cell in lessons:
        assert not PLOTS.search(cell.source), f"a figure has a cell of its own: {name(cell)}"


def test_a_lecture_opens_with_a_figure_that_moves(path):
    """Before imports, data and words that need them: the second code cell, the first after the installation."""
    if path.parent.name == "chapters":
        install, first, *_ = code_cells(path)
        assert "remove-cell" in install.metadata.tags
        assert role(first) == "figure", name(first)
        assert re.search(r"\bfigures\.[A-Z]\w+\.example\(\)$", first.source, re.MULTILINE), name(first)


def test_only_folded_cells_hold_what_tests_need(path):
    for cell in code_cells(path):
        if not ROLES[role(cell)].folded:
            assert not MACHINERY.search(cell.source), name(cell)


def test_code_cells_are_short(path):
    for cell in code_cells(path):
        lines = [line for line in printed(cell.source).splitlines() if line.strip() and not WORDS.match(line)]
        assert len(lines) <= LONGEST.get(role(cell), len(lines)), f"{len(lines)} lines, {name(cell)}"


def test_lines_of_code_fit_the_page(path):
    for cell in code_cells(path):
        for line in cell.source.splitlines():
            assert len(line) <= WIDEST, f"{len(line)} characters: {line}"


def test_what_is_printed_is_still_python(path):
    for cell in code_cells(path):
        if not re.search(r"^[%!]", cell.source, re.MULTILINE):
            compile(printed(cell.source), name(cell), "exec")


def test_what_its_slides_show_is_there(path):
    if has_deck(path):
        compose(read(path))


def test_keeps_only_the_outputs_that_are_compared(path):
    for cell in code_cells(path):
        assert cell.execution_count is None or cell.source.startswith(CHECKED), cell.source[:80]
        if not cell.source.startswith(CHECKED):
            assert cell.outputs == [], f"an output in git that nobody compares: {cell.source[:80]}"
            continue
        assert cell.outputs, f"nothing to compare: {cell.source[:80]}"
        assert cell.execution_count, f"nbval refuses outputs of a cell that says it never ran: {cell.source[:80]}"
        for output in cell.outputs:
            assert output.output_type in ("stream", "execute_result", "display_data")
            assert set(output.get("data", {})) <= {"text/plain"}


def test_printed_lines_fit_their_box(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            for line in output.get("text", "").splitlines():
                assert len(line) <= 72, f"{len(line)} characters: {line}"


def test_markdown_is_portable(path):
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            text = MATH.sub("", FENCED.sub("", cell.source))
            assert not MYST.search(text), f"shows as raw text in Colab: {MYST.search(text).group()!r}"
            assert "![" not in text, "no pictures in Markdown: use aelab's Picture, which has words and two themes"
            assert "\\label{" not in cell.source
            assert "\\ref{" not in cell.source


def test_display_math_is_tagged_or_plain(path):
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            assert cell.source.count("$$") % 2 == 0, cell.source[:80]
