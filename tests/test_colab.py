"""What a student in Colab needs, as far as it can be checked in seconds; `make colab` runs the lectures themselves."""

import ast
import importlib.util
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from colab import NOT_IN_COLAB, lower_bounds, requirements, same
from fork import FIRST_CELL, FIRST_METADATA, fork
from project import ROOT, address, notebooks, spellings

every_notebook = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
IMPORTED_AS = {"pillow": "PIL", "scikit-learn": "sklearn"}


def first_code_cell(path):
    return next(cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")


@every_notebook
def test_every_notebook_begins_with_the_same_cell(path):
    cell = first_code_cell(path)
    assert cell.source + "\n" == FIRST_CELL.format(url=address()), "`make fork` writes it anew"
    assert cell.metadata == FIRST_METADATA


@every_notebook
def test_nothing_is_asked_of_the_repository_but_the_package(path):
    declared = {re.match(r"[\w-]+", need)[0] for need in requirements()}
    packages = {"aecore", "aelab", "IPython"}
    known = {IMPORTED_AS.get(name, name) for name in declared} | packages | sys.stdlib_module_names
    source = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert {name.split(".")[0] for name in names} <= known


def test_the_first_cell_does_nothing_where_aecore_is(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: pytest.fail("it installs something"))
    exec(FIRST_CELL.format(url=address()), {})


def test_the_first_cell_installs_from_the_repository_and_upgrades_nothing(monkeypatch):
    commands = []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))
    exec(FIRST_CELL.format(url=address()), {})
    assert commands == [[sys.executable, "-m", "pip", "install", "--quiet", f"aecore[lab] @ git+{address()}"]]


def test_every_bound_of_the_package_is_one_that_make_colab_installs():
    assert [re.match(r"[\w-]+", need)[0] for need in requirements()] == list(lower_bounds())
    assert set(NOT_IN_COLAB) <= set(lower_bounds())
    assert same("2.4.0", "2.4")
    assert not same("2.4.1", "2.4")


@pytest.mark.parametrize("path", sorted((ROOT / "chapters").glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_lecture_links_to_itself_in_colab(path):
    (link,) = re.findall(r"\[Open in Colab\]\(([^)]*)\)", nbformat.read(path, as_version=4).cells[0].source)
    owner_and_name = spellings(address())[0]
    assert link == f"https://colab.research.google.com/github/{owner_and_name}/blob/main/chapters/{path.name}"


def text_of(root, listed):
    return "\n".join((root / name).read_text("utf-8") for name in listed)


def test_a_fork_changes_every_address_and_nothing_else(tmp_path):
    here = ["_config.yml", "CITATION.cff", "README.md", *(str(path.relative_to(ROOT)) for path in notebooks())]
    for name in here:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    before, old = text_of(tmp_path, here), address()
    new = "https://github.com/Some-One/her-book"
    changed = fork(new + ".git", tmp_path)
    after = text_of(tmp_path, here)
    assert {"_config.yml", "CITATION.cff", "README.md", "errata.ipynb"} <= {path.name for path in changed}
    assert address(tmp_path) == new
    for written, wanted in zip(spellings(old), spellings(new), strict=True):
        assert written not in after
        assert after.count(wanted) == before.count(written)
    fork(old, tmp_path)
    assert text_of(tmp_path, here) == before


def test_every_address_of_the_book_is_the_one_of_the_configuration():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True, text=True).stdout.split()
    name = address().rsplit("/", 1)[1]
    for file in listed:
        if file.endswith((".md", ".cff", ".ipynb", ".yml")):
            text = (ROOT / file).read_text("utf-8")
            for written in spellings(address()):
                text = text.replace(written, "")
            assert name not in text, f"{file} names the book by another address than _config.yml"


@pytest.mark.parametrize("url", ["", "github.com/a/b", "https://github.com/a", "https://github.com/a/b/c", "http://x"])
def test_an_address_that_is_none_is_refused(url, tmp_path):
    with pytest.raises(ValueError, match="must be https://github\\.com/OWNER/NAME"):
        fork(url, tmp_path)
