"""Sparsity's two penalties on one unit: what KL and L1 do to a mean activation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import traitlets as t

from aelab.figures.kit.base import Figure, Number

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["BernoulliKL"]


class BernoulliKL(Figure):
    r"""The penalties of a hidden unit's mean activation ρ̂, and the way each one pushes it.

    $D(\rho\,\|\,\hat\rho) = \rho\log\frac{\rho}{\hat\rho} + (1-\rho)\log\frac{1-\rho}{1-\hat\rho}$, the other
    direction $D(\hat\rho\,\|\,\rho)$, and $L_1 = \hat\rho$. It opens on a unit quieter than its target: KL wakes
    it up, L1 puts it to sleep.

    Traits:
        rho: the target, from 0.01 to 0.99.
        rho_hat: the unit's mean activation, from 0.01 to 0.99.

    Example:
        >>> figure = BernoulliKL(rho=0.2, rho_hat=0.06)
        >>> figure.rho_hat = 0.5    # the page's hand and Python's assignment move the same figure
        >>> figure
        BernoulliKL(rho=0.2, rho_hat=0.5)
    """

    module = "bernoulli_kl"
    height = (470, 840)
    rho = Number(0.2, min=0.01, max=0.99)
    rho_hat = Number(0.06, min=0.01, max=0.99)
    title = t.Unicode("A quiet unit, pushed two ways.").tag(sync=True)
    caption = t.Unicode(
        "Both penalties of a mean activation ρ̂ against the target ρ. Drag the points: below its target, "
        "KL raises the unit while L1 still lowers it."
    ).tag(sync=True)

    def sentence(self) -> str:
        return (
            f"Penalty and its push over the mean activation, for a target of {self.rho:g}: the two KL curves have "
            "their minimum at the target and L1 at zero, so below the target they push opposite ways."
        )

    def draw(self) -> Drawing:
        from matplotlib import pyplot as plt

        p, q = self.rho, np.linspace(0.01, 0.99, 400)
        forward = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
        backward = q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))
        slopes = (q - p) / (q * (1 - q)), np.log(q / p) - np.log((1 - q) / (1 - p)), np.ones_like(q)
        figure, axes = plt.subplots(1, 2)
        for penalty, slope, label in zip((forward, backward, q), slopes, ("KL(ρ‖ρ̂)", "KL(ρ̂‖ρ)", "L1"), strict=True):
            axes[0].plot(q, penalty, label=label)
            axes[1].plot(q, -slope)
        for axis, limits, name in zip(
            axes, ((0, 2), (-6, 6)), ("penalty in nats", "push on the unit, −gradient"), strict=True
        ):
            axis.axvline(p, color=plt.rcParams["ytick.color"], linewidth=0.8, linestyle=":")
            axis.set(xlim=(0, 1), ylim=limits, xlabel="mean activation ρ̂", title=name)
        axes[0].legend(loc="upper center")
        return figure
