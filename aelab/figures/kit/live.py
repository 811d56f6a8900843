"""A figure with plain ipywidgets controls: coupled to Python with a kernel, said to be so where there is none."""

from __future__ import annotations

from typing import Any

import ipywidgets

from aelab.figures.kit.base import MIME, Figure
from aelab.figures.kit.saved import show

__all__ = ["InKernel"]


class InKernel(ipywidgets.VBox):
    """A figure over controls that need Python, for a cell that re-trains or computes something at a move of the hand.

    Live, this is an ordinary `VBox`. The published page shows the figure alone, in the state that the cell left it
    in, and one line that says what a kernel would add.

    Args:
        figure: the figure that Python changes.
        controls: any ipywidgets; couple them with `observe`, `link` or `on_click`.
        says: what the controls do, the rest of the sentence "In a live kernel (Colab, JupyterLab), …".

    Raises:
        TypeError: a figure that is no `Figure`, a control that is no widget, no control.
        ValueError: nothing said.

    Example:
        >>> from ipywidgets import FloatSlider, link
        >>> from aelab import figures
        >>> figure, target = figures.BernoulliKL(), FloatSlider(0.05, min=0.01, max=0.5, step=0.01)
        >>> coupling = link((target, "value"), (figure, "rho"))
        >>> box = figures.InKernel(figure, target, says="a slider of Python's moves the target.")
        >>> target.value = 0.2
        >>> box
        InKernel(BernoulliKL(rho=0.2, rho_hat=0.06), FloatSlider)
    """

    def __init__(self, figure: Figure, *controls: ipywidgets.DOMWidget, says: str) -> None:
        if not isinstance(figure, Figure):
            raise TypeError(f"figure must be a Figure of aelab.figures, got {type(figure).__name__}")
        for control in controls or (None,):
            if not isinstance(control, ipywidgets.DOMWidget):
                raise TypeError(f"controls must be widgets, at least one, got {type(control).__name__}")
        if not isinstance(says, str) or not says.strip():
            raise ValueError(f"says must say what the controls do, in words, got {says!r}")
        super().__init__([figure, *controls])
        self.figure, self.says = figure, says

    def __repr__(self) -> str:
        return f"InKernel({self.figure!r}, {', '.join(type(control).__name__ for control in self.children[1:])})"

    def _ipython_display_(self) -> None:
        show(self, self.figure)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict:
        live = super()._repr_mimebundle_(**kwargs)
        figure, _ = self.figure._repr_mimebundle_()
        return {**live, "text/plain": repr(self), MIME: {**figure[MIME], "kernel": self.says}}
