"""Code cells on the page: folded as their role says, a check as a mark beside its equation, no machinery in print."""

from __future__ import annotations

from html import escape

from docutils import nodes

from .roles import ROLES, printed

__all__ = ["fold_cells"]


def fold_cells(app, doctree: nodes.document) -> None:
    """Wrap what a role folds in `<details>`, which opens without JavaScript too."""
    for cell in list(doctree.findall(nodes.container)):
        role = next((tag for tag in cell.get("cell_metadata", {}).get("tags", []) if tag in ROLES), None)
        if cell.get("nb_element") != "cell_code" or role is None:
            continue
        inputs = [part for part in cell.children if part.get("nb_element") == "cell_code_source"]
        outputs = [part for part in cell.children if part.get("nb_element") == "cell_code_output"]
        for block in (block for part in inputs for block in part.findall(nodes.literal_block)):
            _print(block)
        inputs = [part for part in inputs if part.astext().strip()]
        cell["classes"].append(f"ae-role-{role}")
        label, folded, output_folded = ROLES[role]
        if role == "figure" and any("quizzes." in part.astext() for part in inputs):
            label = "Show the code for these questions"
        if role == "check":
            label = check_label(cell["cell_metadata"])
        inside = [*inputs, *outputs] if output_folded else inputs
        kept = outputs if not output_folded else []
        cell.children = []
        if role == "setup" and not outputs and _joined(cell, inside):
            continue
        cell += [*_details(label, role, inside), *kept] if folded and inside else [*inputs, *outputs]


def _joined(cell: nodes.container, inside: list[nodes.Node]) -> bool:
    """Put a setup into the fold of the setup right before it, if there is one: a reader opens one, not three."""
    place = cell.parent.index(cell)
    before = cell.parent[place - 1] if place else None
    ends = isinstance(before, nodes.container) and before.children and before[-1].astext() == "</details>"
    if not ends or "ae-role-setup" not in before["classes"]:
        return False
    before[-1:-1] = inside
    cell.parent.remove(cell)
    return True


def check_label(metadata: dict) -> str:
    """What stands beside the equation: "(7.2) checked ✓"."""
    numbers = ", ".join(f"({number})" for number in metadata.get("checks", []))
    return f"{numbers or metadata.get('label', 'this')} checked ✓"


def _print(block: nodes.literal_block) -> None:
    text = printed(block.astext())
    block.rawsource = text
    block.children = []
    block += nodes.Text(text)


def _details(label: str, role: str, inside: list[nodes.Node]) -> list[nodes.Node]:
    begin = f'<details class="ae-fold ae-fold-{role}"><summary>{escape(label)}</summary>'
    return [nodes.raw("", begin, format="html"), *inside, nodes.raw("", "</details>", format="html")]
