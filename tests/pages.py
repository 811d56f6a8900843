"""What the pages of the book have: the anchors of their headings."""

import re
from pathlib import Path

import nbformat

from aelab import quizzes

__all__ = ["ROOT", "anchors", "asked", "broken_links"]

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as the book makes them."""
    if path.suffix == ".ipynb":
        text = "\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown")
    else:
        text = path.read_text("utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path) -> list[str]:
    """The links of a Markdown page into the book that lead to no file, or to no heading of it."""
    broken = []
    for target, anchor in LINK.findall(path.read_text("utf-8")):
        if "://" in target:
            continue
        page = (path.parent / target).resolve() if target else path
        if not page.is_file() or (anchor and anchor not in anchors(page)):
            broken.append(f"{target}#{anchor}" if anchor else target)
    return broken


def asked(chapter: str) -> list[list[dict]]:
    """The questions of each quiz that a lecture asks before its exercises: some beside their idea, or all in one."""
    questions = {question["id"]: question for question in quizzes.read(chapter)}
    (path,) = (ROOT / "chapters").glob(f"{chapter}-*.ipynb")
    text, _, _ = "\n".join(cell.source for cell in nbformat.read(path, 4).cells).partition("\n## Exercises\n")
    calls = re.findall(rf'quizzes\.quiz\(\s*"{chapter}"([^)]*)\)', text)
    return [[questions[name] for name in re.findall(r'"([^"]+)"', names) or questions] for names in calls]
