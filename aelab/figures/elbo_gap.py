"""The gap under log p(x): the ELBO of a model whose posterior is known exactly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import traitlets as t

from aelab.figures.kit.base import Figure, Number

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["ElboGap"]


class ElboGap(Figure):
    r"""$\log p(x) = \mathrm{ELBO}(q) + D_{KL}(q(z)\,\|\,p(z|x))$, under the reader's hand.

    The model is $z \sim N(0, 1)$, $x|z \sim N(az + b, \sigma^2)$, so $p(x) = N(b, a^2 + \sigma^2)$ and the posterior
    is a Gaussian too: every number is exact. The hand moves $q = N(\text{mean}, \text{width}^2)$, and "Climb" does
    gradient ascent on the ELBO in the mean and the log width. It opens on a q far from the posterior.

    Traits:
        mean: the mean of q, from -2.5 to 2.5.
        width: the standard deviation of q, from 0.2 to 1.5.
        x: what is seen, from -2.5 to 2.5.
        a, b: the decoder's slope, from 0.2 to 2, and its offset, from -1 to 1.
        noise: the decoder's standard deviation σ, from 0.5 to 2.

    Example:
        >>> figure = ElboGap(mean=-1.2, width=0.5)
        >>> round(figure.log_px, 3), round(figure.elbo, 3), round(figure.gap, 3)
        (-2.266, -7.202, 4.937)
        >>> figure.mean, figure.width = 1.0, 0.5**0.5  # the posterior of x = 2: nothing is left of the gap
        >>> abs(figure.gap) < 1e-12
        True
    """

    module = "elbo_gap"
    height = (700, 1010)
    mean = Number(-1.2, min=-2.5, max=2.5)
    width = Number(0.5, min=0.2, max=1.5)
    x = Number(2.0, min=-2.5, max=2.5)
    a = Number(1.0, min=0.2, max=2)
    b = Number(0.0, min=-1, max=1)
    noise = Number(1.0, min=0.5, max=2)
    title = t.Unicode("The gap under log p(x).").tag(sync=True)
    caption = t.Unicode(
        "Drag q by its mean and its width, or let it climb the gradient of the ELBO: log p(x) stays where it is, "
        "and what the ELBO gains, the gap loses."
    ).tag(sync=True)

    @property
    def posterior(self) -> tuple[float, float]:
        """The mean and the standard deviation of p(z|x)."""
        total = self.a**2 + self.noise**2
        return self.a * (self.x - self.b) / total, self.noise / math.sqrt(total)

    @property
    def log_px(self) -> float:
        """log p(x), in nats."""
        total = self.a**2 + self.noise**2
        return -0.5 * (math.log(2 * math.pi * total) + (self.x - self.b) ** 2 / total)

    @property
    def elbo(self) -> float:
        """E_q log p(x|z) - KL(q || p(z)), in nats."""
        return self._reconstruction() - 0.5 * (self.width**2 + self.mean**2 - 1) + math.log(self.width)

    @property
    def gap(self) -> float:
        """KL(q || p(z|x)), in nats."""
        mean, width = self.posterior
        return math.log(width / self.width) + (self.width**2 + (self.mean - mean) ** 2) / (2 * width**2) - 0.5

    def _reconstruction(self) -> float:
        square = (self.x - self.b - self.a * self.mean) ** 2 + (self.a * self.width) ** 2
        return -0.5 * math.log(2 * math.pi * self.noise**2) - square / (2 * self.noise**2)

    def sentence(self) -> str:
        mean, width = self.posterior
        return (
            f"q at {self.mean:.2f} with width {self.width:.2f}, the posterior at {mean:.2f} with width {width:.2f}: "
            f"log p(x) is {self.log_px:.2f} nats, the ELBO {self.elbo:.2f}, and the gap between them, "
            f"KL(q‖p(z|x)), {self.gap:.2f}."
        )

    def draw(self) -> Drawing:
        from matplotlib import pyplot as plt

        z = np.linspace(-4, 4, 400)
        figure, (density, nats) = plt.subplots(1, 2)
        ink, grey = plt.rcParams["text.color"], plt.rcParams["ytick.color"]
        for (mean, width), label, style in (
            ((self.mean, self.width), "q(z)", {"color": "C0"}),
            (self.posterior, "p(z|x)", {"color": ink}),
            ((0.0, 1.0), "p(z)", {"color": grey, "linewidth": 1, "linestyle": "--"}),
        ):
            density.plot(z, np.exp(-0.5 * ((z - mean) / width) ** 2) / (width * math.sqrt(2 * math.pi)), **style)
            at = (mean, 1 / (width * math.sqrt(2 * math.pi)))
            density.annotate(label, at, (0, 4), textcoords="offset points", ha="center", color=style["color"])
        density.set(xlabel="z", ylim=(0, 1.3), title="q against the posterior")
        reconstruction = self._reconstruction()
        nats.barh([1], [self.gap], left=[self.elbo], color="C1", height=0.3)
        nats.barh([0], [reconstruction], color="C2", height=0.3)
        nats.barh([0], [self.elbo - reconstruction], left=[reconstruction], color="C3", height=0.3)
        nats.axvline(self.log_px, color=ink, linewidth=1.5)
        nats.plot(self.elbo, 1, "o", color="C0")
        nats.text(self.log_px, 1.22, "gap KL(q‖p(z|x)) ", ha="right", color="C1")
        nats.text(self.elbo, 0.72, "ELBO", ha="center", color="C0")
        nats.text(0, 0.22, "E log p(x|z)", ha="right", color="C2")
        nats.text(self.elbo, -0.32, "−KL(q‖p(z))", color="C3")
        nats.set(yticks=[], ylim=(-0.6, 1.7), xlabel="nats", title=f"log p(x) = {self.log_px:.2f}")
        return figure
