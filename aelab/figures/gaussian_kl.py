"""KL between Gaussians under the hand: two directions, the integrand, an estimate by sampling, a broken triangle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import traitlets as t

from aelab.figures.kit.base import Figure, Number, OneOf, Whole
from aelab.figures.kit.draws import normals

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["GaussianKL"]

WORDS = ("asymmetry", "Monte Carlo", "triangle")
COUNT = 10_000


class GaussianKL(Figure):
    r"""The divergence between one-dimensional Gaussians p, q and r, in three views.

    $D(p\,\|\,q) = \int p \log\frac pq = \log\frac{\sigma_q}{\sigma_p}
    + \frac{\sigma_p^2 + (\mu_p - \mu_q)^2}{2\sigma_q^2} - \frac12$. It opens on a narrow p beside a wide q, where the
    two directions differ by more than a factor of three; and there the way from p to r by way of q is half as long as
    the straight one.

    Traits:
        view: "asymmetry" (both integrands as areas), "Monte Carlo" (the mean of log p/q over samples of p, with its
            standard error), "triangle" (KL(p‖r) against KL(p‖q) + KL(q‖r)).
        p_mean, q_mean, r_mean: from -2.5 to 2.5.
        p_width, q_width, r_width: standard deviations, from 0.4 to 1.6.
        samples: how many the estimate takes, from 1 to 10,000.
        seed: of the samples, from 0.

    Example:
        >>> figure = GaussianKL(view="triangle", r_mean=2.5)
        >>> round(figure.kl("p", "r"), 2), round(figure.kl("p", "q") + figure.kl("q", "r"), 2)
        (8.19, 4.26)
    """

    module = "gaussian_kl"
    height = (810, 1072)
    view = OneOf(WORDS, "asymmetry")
    p_mean = Number(-1.5, min=-2.5, max=2.5)
    p_width = Number(0.6, min=0.4, max=1.6)
    q_mean = Number(0.0, min=-2.5, max=2.5)
    q_width = Number(1.2, min=0.4, max=1.6)
    r_mean = Number(2.0, min=-2.5, max=2.5)
    r_width = Number(1.0, min=0.4, max=1.6)
    samples = Whole(1000, min=1, max=COUNT)
    seed = Whole(0, min=0, max=2**31)
    title = t.Unicode("A divergence, not a distance.").tag(sync=True)
    caption = t.Unicode(
        "Three Gaussians: drag a peak to move one, the small point on its shoulder to widen it. KL depends on which of "
        "the two comes first, can be estimated from samples, and does not obey the triangle inequality."
    ).tag(sync=True)

    def _gaussian(self, name: str) -> tuple[float, float]:
        return getattr(self, f"{name}_mean"), getattr(self, f"{name}_width")

    def kl(self, first: str, second: str) -> float:
        """KL(first‖second) in nats, of two of "p", "q", "r", as they are now."""
        for name, value in (("first", first), ("second", second)):
            if value not in ("p", "q", "r"):
                raise ValueError(f"{name} must be one of p, q, r, got {value!r}")
        (m, s), (n, w) = self._gaussian(first), self._gaussian(second)
        return math.log(w / s) + (s * s + (m - n) ** 2) / (2 * w * w) - 0.5

    def _log_ratio(self, x: np.ndarray) -> np.ndarray:
        (m, s), (n, w) = self._gaussian("p"), self._gaussian("q")
        return math.log(w / s) + 0.5 * ((x - n) / w) ** 2 - 0.5 * ((x - m) / s) ** 2

    def estimates(self) -> tuple[np.ndarray, np.ndarray]:
        """The mean over the first 1, 2, … samples, and its standard error (nan for one): each of shape (samples,)."""
        value = self._log_ratio(self.p_mean + self.p_width * normals(self.seed, self.samples))
        n = np.arange(1, self.samples + 1)
        mean = value.cumsum() / n
        variance = (np.square(value - mean[-1]).cumsum() / n - np.square(mean - mean[-1])) / np.maximum(n - 1, 1)
        return mean, np.where(n > 1, np.sqrt(np.maximum(variance, 0)), np.nan)

    def sentence(self) -> str:
        def named(name: str) -> str:
            mean, width = self._gaussian(name)
            return f"{name} with mean {mean:g} and standard deviation {width:g}"

        there, back = self.kl("p", "q"), self.kl("q", "p")
        if self.view == "asymmetry":
            return (
                f"Two Gaussians, {named('p')} and {named('q')}, and below them the two integrands, p·log(p/q) and "
                f"q·log(q/p): their areas are KL(p‖q) = {there:.2f} and KL(q‖p) = {back:.2f} nats."
            )
        if self.view == "Monte Carlo":
            mean = self.estimates()[0][-1]
            return (
                f"Two Gaussians, {named('p')} and {named('q')}, and below them the running estimate of KL(p‖q) by "
                f"{self.samples} samples: it ends at {mean:.2f} nats, where the exact value is {there:.2f}."
            )
        return (
            f"Three Gaussians, {named('p')}, {named('q')} and {named('r')}, and below them two bars: "
            f"KL(p‖r) = {self.kl('p', 'r'):.2f} nats against KL(p‖q) + KL(q‖r) = {there + self.kl('q', 'r'):.2f}."
        )

    def draw(self) -> Drawing:
        from matplotlib import pyplot as plt

        x = np.linspace(-6, 6, 500)
        figure, (top, low) = plt.subplots(2, 1, figsize=(7.2, 5.2))
        densities = {}
        for name in "pqr" if self.view == "triangle" else "pq":
            mean, width = self._gaussian(name)
            densities[name] = np.exp(-0.5 * ((x - mean) / width) ** 2) / (width * math.sqrt(2 * math.pi))
            colour = top.plot(x, densities[name])[0].get_color()
            top.text(mean, densities[name].max() + 0.03, name, color=colour, ha="center")
        top.set(xlim=(-6, 6), ylim=(0, 1.1), title="density")
        if self.view == "asymmetry":
            ratio = self._log_ratio(x)
            for name, integrand in (("p·log(p/q)", densities["p"] * ratio), ("q·log(q/p)", -densities["q"] * ratio)):
                low.plot(x, integrand, label=name)
                low.fill_between(x, integrand, alpha=0.2)
            low.set(xlim=(-6, 6), xlabel="x", title="what each x adds to KL, nats per unit of x")
            low.legend()
        elif self.view == "Monte Carlo":
            running, error = self.estimates()
            n = np.arange(1, self.samples + 1)
            at = np.unique(np.geomspace(1, self.samples, 300).astype(int)) - 1
            low.axhline(self.kl("p", "q"), color=plt.rcParams["text.color"], linestyle=":")
            low.plot(n[at], running[at])
            low.fill_between(n[at], (running - error)[at], (running + error)[at], alpha=0.2)
            low.set(xscale="log", xlabel="samples from p", title="mean of log p(x)/q(x), nats (dotted: exact)")
        else:
            first, second = self.kl("p", "q"), self.kl("q", "r")
            colours = plt.rcParams["axes.prop_cycle"].by_key()["color"]
            low.barh(1, self.kl("p", "r"), color=colours[2])
            low.barh(0, first, color=colours[0])
            low.barh(0, second, left=first, color=colours[1])
            low.set_yticks([1, 0], ["KL(p‖r)", "KL(p‖q) + KL(q‖r)"])
            low.set(xlabel="nats")
        return figure
