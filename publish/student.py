"""`make student`: copies of the lectures without solutions. The notebooks themselves are the view with solutions."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from project import ROOT

__all__ = ["student_view"]

FOLDED = " The solutions are folded."


def student_view(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without its solution cells, and without the sentence that speaks of them; nothing else changes."""
    cells = [cell for cell in notebook.cells if "solution" not in cell.metadata.get("tags", [])]
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace(FOLDED, "")
    return nbformat.from_dict({**notebook, "cells": cells})


def main(folder: Path) -> None:
    """Write every lecture into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "chapters").glob("*.ipynb")):
        nbformat.write(student_view(nbformat.read(path, as_version=4)), folder / path.name)
    print(f"the lectures without solutions: {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
