"""Figures have names: "Figure 7.2 · The price of information", with an anchor, on the page of every lecture."""

from __future__ import annotations

import re
from html import escape

from docutils import nodes

from .nodes import aebook_figure, aebook_picture

__all__ = ["name_figures", "title_of"]

LECTURE = re.compile(r"chapters/(\d\d)-")


def title_of(payload: dict) -> str:
    """The title of a live figure, without its full stop; empty for one that has none."""
    return str(payload["state"].get("title", "")).strip().rstrip(".")


def name_figures(app, doctree: nodes.document) -> None:
    """Number the figures of a lecture in the order of its page, and put a caption with an anchor before each.

    The class name of a live figure is part of its caption, so that a search for `BetaDial` finds it. Questions are no
    figures. The words of a still picture are its caption: a reader who hears them in the picture is not told twice.
    """
    lecture = LECTURE.match(app.env.docname)
    if app.builder.format != "html" or lecture is None:
        return
    chapter, number = int(lecture[1]), 0
    for node in list(doctree.findall(lambda node: isinstance(node, aebook_figure | aebook_picture))):
        payload = node["payload"]
        if isinstance(node, aebook_figure) and "html" in payload["picture"]:
            continue
        number += 1
        name = f"{chapter}.{number}"
        if isinstance(node, aebook_figure):
            words, hidden, kind = title_of(payload), "", f"<code>{escape(payload.get('name', ''))}</code>"
        else:
            words, hidden, kind = payload["alt"].rstrip("."), ' aria-hidden="true"', ""
        identity = f"fig-{name.replace('.', '-')}"
        rest = f" · <span{hidden}>{escape(words)}</span>" if words else ""
        caption = (
            f'<p class="ae-caption" id="{identity}"><a href="#{identity}">Figure {name}</a>{rest}'
            f"{' ' + kind if kind else ''}</p>"
        )
        place = node.parent
        place.insert(place.index(node), nodes.raw("", caption, format="html"))
