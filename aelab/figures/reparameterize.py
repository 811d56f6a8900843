"""The reparameterization trick: the same noise carried along, and what that does to a gradient's variance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import traitlets as t

from aelab.figures.kit.base import Figure, Number, OneOf, Whole
from aelab.figures.kit.draws import normals

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["Reparameterize"]

COUNT = 1000  # single-sample estimates in the strips; the first `samples` of them are the reader's


class Reparameterize(Figure):
    r"""$z = \mu + \sigma\varepsilon$: the hand moves μ and σ, the ε stay, and the gradient passes through z.

    The objective is the reconstruction term of the ELBO, $E_q\,f(z)$ with $f(z) = \log p(x|z)$ and
    $x|z \sim N(az + b, \text{noise}^2)$. Beside it, many single-sample estimates of its gradient with respect to μ
    or σ: pathwise, $f'(z)\,\partial z$, and by the score function, $f(z)\,\partial\log q(z)$. Both are right on
    average. It opens where the second one has more than a hundred times the variance.

    Traits:
        mean: μ, from -2 to 3.
        width: σ, from 0.3 to 1.5.
        samples: how many ε are drawn, from 1 to 200.
        parameter: the gradient shown, "mean" or "width".
        seed: which ε, a whole number.
        x: what is seen, from -3 to 3.
        a, b: the decoder's slope, from -2 to 2, and its offset, from -1 to 1.
        noise: the decoder's standard deviation, from 0.5 to 2.

    Example:
        >>> figure = Reparameterize(mean=-0.5, width=0.7, samples=20)
        >>> tuple(round(g, 3) for g in figure.gradient)  # with respect to the mean and to the width, exact
        (2.5, -0.7)
        >>> figure.epsilon.shape
        (20,)
    """

    module = "reparameterize"
    height = (630, 1028)
    mean = Number(-0.5, min=-2, max=3)
    width = Number(0.7, min=0.3, max=1.5)
    samples = Whole(20, min=1, max=200)
    parameter = OneOf(("mean", "width"), "mean")
    seed = Whole(5, min=0, max=2**31)
    x = Number(2.0, min=-3, max=3)
    a = Number(1.0, min=-2, max=2)
    b = Number(0.0, min=-1, max=1)
    noise = Number(1.0, min=0.5, max=2)
    title = t.Unicode("The same noise, carried along.").tag(sync=True)
    caption = t.Unicode(
        "Drag μ and σ: every z keeps its ε, so z moves by a known amount and the slope of f passes through it. "
        "The score function does without the slope, and pays with variance."
    ).tag(sync=True)

    @property
    def epsilon(self) -> np.ndarray:
        """The ε of the figure, from N(0, 1): shape (samples,)."""
        return normals(self.seed, COUNT)[: self.samples]

    @property
    def gradient(self) -> tuple[float, float]:
        """The exact gradient of E_q log p(x|z) with respect to mean and width."""
        k = (self.a / self.noise) ** 2
        return self.a * (self.x - self.b - self.a * self.mean) / self.noise**2, -k * self.width

    def estimates(self, epsilon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The gradient with respect to `parameter` by each ε alone: pathwise, and by the score function."""
        z = self.mean + self.width * epsilon
        rest = self.x - self.a * z - self.b
        value = -0.5 * math.log(2 * math.pi) - math.log(self.noise) - 0.5 * (rest / self.noise) ** 2
        slope = self.a * rest / self.noise**2
        if self.parameter == "mean":
            return slope, value * epsilon / self.width
        return slope * epsilon, value * (epsilon**2 - 1) / self.width

    def variances(self) -> tuple[float, float]:
        """The variance of a thousand estimates: pathwise, and by the score function."""
        pathwise, score = self.estimates(normals(self.seed, COUNT))
        return float(pathwise.var(ddof=1)), float(score.var(ddof=1))

    def sentence(self) -> str:
        path, score = self.variances()
        return (
            f"{self.samples} draws of ε carried to z = {self.mean:g} + {self.width:g} ε, and {COUNT} one-sample "
            f"estimates of the gradient with respect to the {self.parameter}: their variance is {path:.2f} pathwise "
            f"and {score:.2f} by the score function."
        )

    def draw(self) -> Drawing:
        from matplotlib import pyplot as plt

        figure, (fan, strips) = plt.subplots(1, 2)
        ink, grey = plt.rcParams["text.color"], plt.rcParams["ytick.color"]
        for e in self.epsilon:
            fan.plot([e, self.mean + self.width * e], [0, 1], color="C0", linewidth=0.8, alpha=0.6)
        for y in (0, 1):
            fan.axhline(y, color=grey, linewidth=0.8)
        fan.text(-4, 0.03, "ε ~ N(0, 1)")
        fan.text(-4, 1.03, "z = μ + σ ε", color="C0")
        fan.set(xlim=(-4, 4), ylim=(0, 1.12), yticks=[], title="the same ε, moved")
        everything = self.estimates(normals(self.seed, COUNT))
        for y, values, colour, name in zip(
            (1, 0), everything, ("C0", "C1"), ("pathwise", "score function"), strict=True
        ):
            height = y + 0.3 * (np.arange(COUNT) * 0.618034 % 1 - 0.5)
            strips.plot(values, height, ".", color=colour, markersize=2, alpha=0.4)
            strips.text(-24, y + 0.25, f"{name}, variance {values.var(ddof=1):.3g}", color=colour)
        strips.axvline(self.gradient[self.parameter == "width"], color=ink, linewidth=1)
        strips.set(xlim=(-25, 25), ylim=(-0.4, 1.5), yticks=[], title="one-sample gradients, the true one")
        return figure
