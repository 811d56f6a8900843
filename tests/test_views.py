"""The two views of a lecture: with solutions (the notebook itself) and without (`make student`). Both run.

nbval executes the notebooks. The student's copy has the same cells without the solutions: here its exercises run, and
no other cell needs what a solution computes. No training is paid for twice. (`make colab FROM=_build/student` runs it.)
"""

import ast
import contextlib
import io
import re
import symtable
from itertools import pairwise

import nbformat
import pytest
from project import ROOT
from student import FOLDED, main, student_view

from aelab.exercises import Verdict

LECTURES = sorted((ROOT / "chapters").glob("*.ipynb"))
every_lecture = pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)


def tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", []))


def code(path) -> list:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def define(cell, names: dict) -> None:
    """Add the imports, functions and classes of this cell: all that an exercise may build on."""
    for node in ast.parse(cell.source).body:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
            with contextlib.suppress(NameError):  # a default that a training computed: not for exercises
                exec(compile(ast.Module([node], []), "definitions", "exec"), names)


def verdicts(cell, names: dict) -> list[str]:
    """Run a cell that ends in a check; all its verdicts, printed or shown."""
    *body, last = ast.parse(cell.source).body
    assert isinstance(last, ast.Expr), f"the cell must end in its check, got {cell.source}"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(ast.Module(body, []), "cell", "exec"), names)
        shown = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    assert isinstance(shown, Verdict), cell.source
    found = [*printed.getvalue().splitlines(), repr(shown)]
    assert len(found) == cell.source.count("exercise.check_")
    return found


@every_lecture
def test_the_students_copy_is_the_notebook_without_its_solutions(path):
    notebook = nbformat.read(path, as_version=4)
    ours = [cell for cell in notebook.cells if "solution" not in tags(cell)]
    theirs = student_view(nbformat.read(path, as_version=4)).cells
    assert [cell.source.replace(FOLDED, "") for cell in ours] == [cell.source for cell in theirs]
    assert len(theirs) < len(notebook.cells)


@every_lecture
def test_every_exercise_runs_to_not_done_yet(path):
    names: dict = {}
    exercises = 0
    for cell in code(path):
        if "exercise" in tags(cell):
            found = verdicts(cell, names)
            assert all(verdict.startswith("Not done yet: ") for verdict in found), found
            exercises += 1
        elif "solution" not in tags(cell):
            define(cell, names)
    assert exercises >= 4


@every_lecture
def test_every_exercise_is_followed_by_a_solution_that_is_accepted(path):
    names: dict = {}
    cells = code(path)
    for cell, after in pairwise(cells):
        if "exercise" in tags(cell):
            assert "solution" in tags(after), cell.source
            found = verdicts(after, names)
            assert all(verdict.startswith("Correct: ") for verdict in found), found
        elif "solution" not in tags(cell):
            define(cell, names)


@every_lecture
def test_no_other_cell_needs_what_a_solution_or_an_exercise_defines(path):
    theirs: set[str] = set()
    for cell in code(path):
        bound = {
            symbol.get_name()
            for symbol in symtable.symtable(cell.source, "cell", "exec").get_symbols()
            if symbol.is_assigned() or symbol.is_imported()
        }
        if tags(cell) & {"solution", "exercise"}:
            theirs |= bound
        else:
            used = {node.id for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name)}
            assert not used & theirs - bound, cell.source
            theirs -= bound


def test_the_copies_are_written_and_valid(tmp_path):
    main(tmp_path / "student")
    written = sorted((tmp_path / "student").glob("*.ipynb"))
    assert [path.name for path in written] == [path.name for path in LECTURES]
    for path in written:
        nbformat.validate(nbformat.read(path, as_version=4))
        assert not any("solution" in tags(cell) for cell in nbformat.read(path, as_version=4).cells)


def test_the_contents_say_the_sentence_of_each_lecture():
    contents = "\n".join(cell.source for cell in nbformat.read(ROOT / "index.ipynb", as_version=4).cells)
    for path in sorted((ROOT / "chapters").glob("*.ipynb")):
        head = nbformat.read(path, as_version=4).cells[0].source
        title = re.match(r"# \d\d · (.*)", head)[1]
        sentence = re.search(r"\*\*(.+?)\*\*", head)[1]
        assert f"[**{title}**](chapters/{path.name})<br>{sentence}\n" in contents
