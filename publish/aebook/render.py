"""What myst-nb finds through entry points: a renderer without widget state, and the two MIME types of the book."""

from __future__ import annotations

from typing import ClassVar

from docutils import nodes
from myst_nb.core.render import WIDGET_VIEW_MIMETYPE, NbElementRenderer

from .nodes import FIGURE, PICTURE, SAVED, aebook_figure, aebook_picture

BUILDERS = ("html", "dirhtml", "singlehtml")


class Renderer(NbElementRenderer):
    """myst-nb's renderer, except that no widget state and no widget manager go into a page."""

    def render_nb_finalise(self, metadata: dict) -> None:
        pass


class MimeRenderer:
    """Figures and pictures as nodes of their own; they win over everything else in an HTML build."""

    mime_priority_overrides: ClassVar = [
        (builder, kind, 1) for builder in BUILDERS for kind in (FIGURE, PICTURE, SAVED)
    ]

    @staticmethod
    def handle_mime(renderer, data, inline):
        if data.mime_type == FIGURE:
            return [aebook_figure(payload=data.content)]
        if data.mime_type == PICTURE:
            return [aebook_picture(payload=data.content)]
        if data.mime_type == SAVED:
            return [nodes.comment()]  # prints nothing; with no node at all the output's next kind would stand there
        return [] if data.mime_type == WIDGET_VIEW_MIMETYPE else None
