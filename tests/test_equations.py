"""Every numbered equation has a test of the same number in tests/lectures: (1.8) is `test_equation_1_8_...`."""

import re
from pathlib import Path

import nbformat
import pytest
from pages import ROOT

NOTEBOOKS = [ROOT / "errata.ipynb", *sorted((ROOT / "chapters").glob("*.ipynb"))]
TAG = re.compile(r"\\tag\{([A-Z0-9]+)\.(\d+)\}")


def tags(path: Path) -> list[str]:
    markdown = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown"]
    return ["_".join(pair).lower() for pair in TAG.findall("\n".join(markdown))]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_numbered_equation_has_a_test(path):
    tests = Path(__file__).with_name("lectures") / f"test_equations_{path.stem.split('-')[0]}.py"
    names = re.findall(r"^def (test_equation_\w+)", tests.read_text("utf-8"), re.MULTILINE)
    for tag in tags(path):
        assert [name for name in names if name.startswith(f"test_equation_{tag}_")], f"{tests}: no test for {tag}"
