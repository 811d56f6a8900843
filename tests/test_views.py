"""The two views of a lecture: with solutions (the notebook itself) and without (`make student`). Both run.

nbval executes the notebooks. The student's copy is the same up to the first exercise; what it has after that runs here.
Together that is the whole copy, and no training is paid for twice. (`make colab FROM=_build/student` runs it in one.)
"""

import ast
import contextlib

import nbformat
import pytest
from fork import ROOT
from student import FOLDED, main, student_view

from aecore.exercises import Verdict

LECTURES = sorted((ROOT / "chapters").glob("*.ipynb"))
every_lecture = pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)


def tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", []))


def halves(notebook):
    """The cells before the first exercise, and the rest."""
    first = next(index for index, cell in enumerate(notebook.cells) if "exercise" in tags(cell))
    return notebook.cells[:first], notebook.cells[first:]


def defined(cells) -> dict:
    """The names that the imports, functions and classes of these cells bring: all that an exercise may build on."""
    names = {}
    for cell in cells:
        if cell.cell_type == "code":
            for node in ast.parse(cell.source).body:
                if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
                    with contextlib.suppress(NameError):  # a default that a training computed: not for exercises
                        exec(compile(ast.Module([node], []), "definitions", "exec"), names)
    return names


def value(source: str, names: dict):
    """Run a cell; what it shows."""
    *body, last = ast.parse(source).body
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


@every_lecture
def test_the_students_copy_is_the_notebook_up_to_its_exercises(path):
    notebook = nbformat.read(path, as_version=4)
    ours, (theirs, rest) = halves(notebook)[0], halves(student_view(notebook))
    assert [cell.source.replace(FOLDED, "") for cell in ours] == [cell.source for cell in theirs]
    assert {bool(tags(cell) & {"exercise"}) for cell in rest if cell.cell_type == "code"} == {True}
    assert "olution" not in "".join(cell.source for cell in rest)
    assert len([cell for cell in rest if cell.cell_type == "code"]) >= 4


@every_lecture
def test_every_exercise_runs_to_not_done_yet(path):
    before, after = halves(student_view(nbformat.read(path, as_version=4)))
    names = defined(before)
    for cell in after:
        if cell.cell_type == "code":
            verdict = value(cell.source, names)
            assert isinstance(verdict, Verdict)
            assert not verdict
            assert verdict.message.startswith("not done yet"), verdict


@every_lecture
def test_every_solution_is_accepted(path):
    before, after = halves(nbformat.read(path, as_version=4))
    exercises = [cell for cell in after if "exercise" in tags(cell)]
    solutions = [cell for cell in after if cell.source.startswith("# @title Solution\n")]
    assert len(solutions) == len(exercises)
    names = defined(before)
    for cell in solutions:
        verdict = value(cell.source, names)
        assert isinstance(verdict, Verdict), cell.source
        assert verdict, verdict


def test_the_copies_are_written_and_valid(tmp_path):
    main(tmp_path / "student")
    written = sorted((tmp_path / "student").glob("*.ipynb"))
    assert [path.name for path in written] == [path.name for path in LECTURES]
    for path in written:
        nbformat.validate(nbformat.read(path, as_version=4))
        assert not any("solution" in tags(cell) for cell in nbformat.read(path, as_version=4).cells)
