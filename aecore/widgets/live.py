"""A figure with plain ipywidgets controls: coupled to Python with a kernel, said to be so where there is none."""

from __future__ import annotations

import ipywidgets

from .base import MIME, Figure

__all__ = ["InKernel"]


class InKernel(ipywidgets.VBox):
    """A figure over controls that need Python, for a cell that re-trains or computes something at a move of the hand.

    Live, this is an ordinary ``VBox``. The published page shows the figure alone, in the state that the cell left it
    in, and one line that says what a kernel would add.

    Args:
        figure: the figure that Python changes.
        controls: any ipywidgets; couple them with ``observe``, ``link`` or ``on_click``.
        says: what the controls do, the rest of the sentence "In a live kernel (Colab, JupyterLab), …".

    Raises:
        TypeError: a figure that is no `Figure`, a control that is no widget, no control.
        ValueError: nothing said.

    Example:
        >>> from ipywidgets import FloatSlider, link
        >>> from aecore import widgets
        >>> figure, target = widgets.BernoulliKL(), FloatSlider(0.05, min=0.01, max=0.5, step=0.01)
        >>> coupling = link((target, "value"), (figure, "rho"))
        >>> box = widgets.InKernel(figure, target, says="a slider of Python's moves the target.")
        >>> target.value = 0.2
        >>> box
        InKernel(BernoulliKL(rho=0.2, rho_hat=0.06), FloatSlider)
    """

    def __init__(self, figure: Figure, *controls: ipywidgets.DOMWidget, says: str):
        if not isinstance(figure, Figure):
            raise TypeError(f"figure: got {type(figure).__name__}, takes a Figure of aecore.widgets")
        for control in controls or (None,):
            if not isinstance(control, ipywidgets.DOMWidget):
                raise TypeError(f"controls: got {type(control).__name__}, takes at least one widget, and widgets only")
        if not isinstance(says, str) or not says.strip():
            raise ValueError(f"says: got {says!r}, takes what the controls do, in words")
        super().__init__([figure, *controls])
        self.figure, self.says = figure, says

    def __repr__(self) -> str:
        return f"InKernel({self.figure!r}, {', '.join(type(control).__name__ for control in self.children[1:])})"

    def _repr_mimebundle_(self, **kwargs):
        live = super()._repr_mimebundle_(**kwargs)
        figure, _ = self.figure._repr_mimebundle_()
        return {**live, "text/plain": repr(self), MIME: {**figure[MIME], "kernel": self.says}}
