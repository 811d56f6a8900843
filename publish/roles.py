"""`make roles`: writes into every notebook how its cells are folded, as their role says."""

from __future__ import annotations

import nbformat
from aebook.roles import fold
from project import notebooks

__all__ = ["main"]


def main() -> None:
    """Write the fold metadata of each code cell; a cell without a role is an error that names it."""
    for path in notebooks():
        notebook = nbformat.read(path, as_version=4)
        before = nbformat.writes(notebook)
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                try:
                    cell.metadata = nbformat.from_dict(fold(cell.metadata))
                except ValueError as error:
                    raise SystemExit(f"{path.name}, cell {number}: {error}: {cell.source[:80]!r}") from error
        if nbformat.writes(notebook) != before:
            path.write_text(nbformat.writes(notebook) + "\n", "utf-8")


if __name__ == "__main__":
    main()
