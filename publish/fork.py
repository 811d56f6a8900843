"""`make fork URL=https://github.com/OWNER/NAME`: the book's address, everywhere it is written.

It stands in `_config.yml`. What cannot read it there (a notebook alone in Colab, the citation, the README) repeats
it, and a test keeps the repetitions in step. Without a URL, the address stays and every first cell is written anew.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
from aebook.roles import fold
from project import ROOT, URL, address, notebooks, spellings

__all__ = ["FIRST_CELL", "FIRST_METADATA", "fork"]

FIRST_CELL = """\
# Installs aecore where it is missing (Colab) and leaves what is there as it
# is; elsewhere this cell does nothing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("aelab") is None:
    book = "{url}"
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, f"aecore[lab] @ git+{{book}}"], check=True)
    importlib.invalidate_caches()
"""
FIRST_METADATA = fold({"slideshow": {"slide_type": "skip"}, "tags": ["remove-cell", "setup"]})


def fork(url: str, root: Path = ROOT) -> list[Path]:
    """Write `url` wherever the book's address stands in the files of the work tree; return the files that changed."""
    if not URL.fullmatch(url):
        raise ValueError(f"url must be https://github.com/OWNER/NAME, got {url!r}")
    url = "https://github.com/{}/{}".format(*URL.fullmatch(url).groups())
    changes = list(zip(spellings(address(root)), spellings(url), strict=True))
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    changed = []
    for path in [root / name for name in listed.split("\0") if Path(name).suffix in (".md", ".yml", ".cff", ".ipynb")]:
        before = after = path.read_text("utf-8")
        for old, new in changes:
            after = after.replace(old, new)
        if path in notebooks(root):
            after = with_first_cell(after, url)
        if after != before:
            path.write_text(after, "utf-8")
            changed.append(path)
    return changed


def with_first_cell(text: str, url: str) -> str:
    """The notebook, as text, with the cell that installs `aecore`: not in the book, skipped in the slides."""
    notebook = nbformat.reads(text, as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    if not first.source.startswith("# Installs aecore"):
        first = nbformat.v4.new_code_cell(id="install")
        notebook.cells.insert(1, first)
    first.source = FIRST_CELL.format(url=url).rstrip("\n")
    first.metadata = nbformat.from_dict(FIRST_METADATA)
    return nbformat.writes(notebook) + "\n"


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument]
    for path in fork(arguments[0] if arguments else address()):
        print(path.relative_to(ROOT))
