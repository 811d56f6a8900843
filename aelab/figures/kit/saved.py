"""What a notebook keeps of a figure when it is saved: a picture with its words, which the live figure hides."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from aelab.stills.picture import image_html, png

if TYPE_CHECKING:
    from aelab.figures.kit.base import Figure

__all__ = ["SAVED", "saved", "show"]

SAVED = "application/x-aecore-saved+json"  # by which the book's page leaves it out
# JupyterLab says "Loading widget", then "model not found" under the picture, where it trusts what it opens again.
QUIETLY = (
    "<style>.jp-OutputArea-child:has(.ae-saved) + .jp-OutputArea-child > .jp-OutputArea-output:not(:has(*))"
    "{display:none}</style>"
)


def saved(figure: Figure) -> dict:
    """The picture of a figure and its sentence, for a notebook that is opened again, sent, or put on GitHub.

    Example:
        >>> from aelab import figures
        >>> sorted(saved(figures.BernoulliKL()))
        ['application/x-aecore-saved+json', 'text/html', 'text/plain']
    """
    still = figure.still()
    shown = still.get("html") or image_html(png(figure.draw), still["alt"], still["width"], still["height"])
    words = f"<p>{escape(still['alt'])} Run this cell to move it.</p>"
    html = f'<div class="ae-saved" data-saved="{figure._saved}">{shown}{words}</div>{QUIETLY}'
    return {"text/plain": repr(figure), "text/html": html, SAVED: {}}


def show(figure: Figure) -> None:
    """Two outputs: the picture of the figure, and the live widget.

    One output with both would not do: JupyterLab takes the widget also where nothing is left of it.
    """
    from IPython.display import display

    picture, (data, metadata) = saved(figure), figure._repr_mimebundle_()
    live = {kind: value for kind, value in data.items() if kind != "text/plain"}  # the picture has it already
    display(picture, raw=True)
    display(live, raw=True, metadata=metadata)
