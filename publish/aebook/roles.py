"""What a code cell is for: its role, one tag, decides what is folded on the page, in JupyterLab and in Colab.

A role is read from the tags of a cell; the fold metadata of the hosts follow from it (`make roles` writes them), and a
test keeps both in step. `printed` is what a reader sees of a cell: without the machinery that only tests need.
"""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

__all__ = ["ROLES", "Role", "fold", "printed", "role_of"]


class Role(NamedTuple):
    """`folded`: the code is behind `label`; `output_folded`: so is what it gives."""

    label: str
    folded: bool = True
    output_folded: bool = False


ROLES = {
    "lesson": Role("", folded=False),
    "figure": Role("Show the code for this figure"),
    "check": Role("checked ✓", output_folded=True),
    "measure": Role("Show the experiment"),
    "setup": Role("Show the setup", output_folded=True),
    "exercise": Role("", folded=False),
    "solution": Role("Solution", output_folded=True),
}
MACHINERY = re.compile(r"^\s*#\s*(NBVAL_\w+|@title\b.*)\s*$")


def role_of(tags: list[str]) -> str:
    """The one role among the tags of a code cell.

    Raises:
        ValueError: if there is none, or more than one.
    """
    found = [tag for tag in tags if tag in ROLES]
    if len(found) != 1:
        raise ValueError(f"tags must hold exactly one of {', '.join(ROLES)}, got {tags}")
    return found[0]


def fold(metadata: dict) -> dict:
    """The metadata of a code cell with what JupyterLab and Colab need to fold it as its role says.

    Example:
        >>> fold({"tags": ["figure"]})
        {'tags': ['figure'], 'jupyter': {'source_hidden': True}, 'cellView': 'form'}
    """
    role = ROLES[role_of(metadata.get("tags", []))]
    jupyter = {k: v for k, v in metadata.get("jupyter", {}).items() if k not in ("source_hidden", "outputs_hidden")}
    if role.folded:
        jupyter["source_hidden"] = True
    if role_of(metadata["tags"]) == "solution":
        jupyter["outputs_hidden"] = True
    kept = {key: value for key, value in metadata.items() if key not in ("jupyter", "cellView")}
    return {**kept, **({"jupyter": jupyter} if jupyter else {}), **({"cellView": "form"} if role.folded else {})}


def printed(source: str) -> str:
    """The code of a cell as a reader sees it: without `assert`, `# NBVAL_…` and `# @title`.

    Example:
        >>> printed("# NBVAL_CHECK_OUTPUT\\nx = 2\\nassert x == 2, (\\n    'two'\\n)\\nx")
        'x = 2\\nx'
    """
    lines = source.split("\n")
    try:
        asserts = [node for node in ast.walk(ast.parse(_plain(source))) if isinstance(node, ast.Assert)]
    except SyntaxError:
        asserts = []
    gone = {number for node in asserts for number in range(node.lineno - 1, (node.end_lineno or node.lineno))}
    kept = [line for number, line in enumerate(lines) if number not in gone and not MACHINERY.match(line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip("\n")


def _plain(source: str) -> str:
    """The cell with IPython's own lines (`%magic`, `!command`) blanked, so that Python can parse it."""
    return "\n".join("pass" if line.lstrip().startswith(("%", "!")) else line for line in source.split("\n"))
