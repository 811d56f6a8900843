"""What a denoising autoencoder points at: its residual beside the true score of a known density, and where it leads."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets as t

from aelab.figures.kit.base import Figure, Number, OneOf, finite_array, increasing
from aelab.figures.kit.draws import normals, uniforms
from aelab.figures.kit.quantize import forward, quantize

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing
    from torch import Tensor, nn

__all__ = ["ScoreField"]

REACH, STEPS, RATE, SHOWN, LEAST = 2.4, 40, 0.2, 400, 1e-3


class ScoreField(Figure):
    r"""Two fields of arrows in the plane: $\sigma^2 \nabla \log p_\sigma(x)$, exact, and $r(x) - x$ of a network.

    The data are drawn from a mixture of m equal Gaussians, $p(x) = \frac1m \sum_k \mathcal N(x; \mu_k, s^2 I)$. With
    Gaussian noise added they have the density $p_\sigma$, the same mixture with $s^2 + \sigma^2$ in place of $s^2$,
    and the best denoiser moves x by $\sigma^2 \nabla \log p_\sigma(x)$. A particle that starts at (x, y) takes
    40 steps of a fifth of the arrow.

    Args:
        means: the centres, shape (m, 2).
        width: s, at least a thousandth.
        noises: the standard deviations σ, increasing, at least a thousandth, one for each network.
        networks: the trained denoisers: each from 2 values to 2, what `chain` in the kit takes.

    Traits:
        noise: one of `noises`.
        x, y: where the particle starts, from -2.4 to 2.4.

    Raises:
        TypeError, ValueError: another shape, NaN, a noise that is not positive, networks of another kind or number.
        TraitError: a trait outside its range, a width that is not positive, or a noise that there is not.

    Example:
        >>> import numpy as np
        >>> best = [(np.eye(2) / 2, np.zeros(2), "linear")]  # of N(0, I) with noise of standard deviation 1
        >>> figure = ScoreField([[0.0, 0.0]], 1.0, [1.0], [best], x=2.0, y=0.0)
        >>> figure.residual([[2.0, 0.0]]).tolist(), figure.score([[2.0, 0.0]]).tolist()
        ([[-1.0, 0.0]], [[-1.0, 0.0]])
    """

    module = "score_field"
    height = (664, 985)
    noise = OneOf("noises", 0.2)
    x = Number(0.0, min=-REACH, max=REACH)
    y = Number(0.0, min=-REACH, max=REACH)
    noises = t.List(t.Float()).tag(sync=True)
    edges = t.List(t.Float()).tag(sync=True)
    width = Number(0.1, min=LEAST)
    means = t.Bytes().tag(sync=True)
    networks = t.List(t.Dict()).tag(sync=True)
    title = t.Unicode("Downhill on the error, uphill on the density.").tag(sync=True)
    caption = t.Unicode(
        "Arrows from a noisy point to where it belongs: the true score (wide, blue) and the autoencoder's residual "
        "(orange); long ones are drawn shorter, those far from all data pale. Drop the particle anywhere."
    ).tag(sync=True)

    def __init__(self, means: Any, width: Any, noises: Any, networks: Any, **traits: Any) -> None:
        means = finite_array("means", means, (None, 2))
        noises = increasing("noises", noises, low=LEAST, least=1)
        if not isinstance(networks, (list, tuple)) or len(networks) != len(noises):
            got = len(networks) if isinstance(networks, (list, tuple)) else type(networks).__name__
            raise ValueError(f"networks must be a list of {len(noises)}, one for each noise, got {got}")
        start = {"noise": min(noises, key=lambda v: abs(v - 0.2)), **traits}
        super().__init__(
            means=means.astype("<f4").tobytes(),
            width=width,
            noises=noises,
            networks=[_packed(network) for network in networks],
            **start,
        )
        # Of 4,000 noisy points, the log-density that one in a thousand stays below: beyond, nothing was learned.
        self.edges = [float(np.quantile(self.log_density(self.samples(4000, v), v), 1e-3)) for v in noises]

    @classmethod
    def example(cls) -> ScoreField:
        means, width, noises = spiral(64), 0.08, [0.1, 0.2, 0.4]
        return cls(means, width, noises, [denoiser(means, width, noise) for noise in noises], x=0.6, y=1.7)

    def _distances(self, points: Any, noise: float | None) -> tuple[np.ndarray, np.ndarray, float]:
        points = finite_array("points", points, (None, 2), dtype=np.float64)
        gaps = np.frombuffer(self.means, "<f4").reshape(1, -1, 2).astype(float) - points[:, None]
        variance = self.width**2 + (self.noise if noise is None else noise) ** 2
        return gaps, -np.square(gaps).sum(-1) / (2 * variance), variance

    def log_density(self, points: Any, noise: float | None = None) -> np.ndarray:
        """log p_σ at points of shape (n, 2), in nats; σ is the trait `noise` if left out."""
        _, exponents, variance = self._distances(points, noise)
        high = exponents.max(1, keepdims=True)
        return np.log(np.exp(exponents - high).mean(1)) + high[:, 0] - math.log(2 * math.pi * variance)

    def score(self, points: Any, noise: float | None = None) -> np.ndarray:
        """σ²∇log p_σ at points of shape (n, 2): where the best denoiser moves them."""
        gaps, exponents, variance = self._distances(points, noise)
        weights = np.exp(exponents - exponents.max(1, keepdims=True))
        noise = self.noise if noise is None else noise
        return (weights[..., None] * gaps).sum(1) / weights.sum(1, keepdims=True) * (noise**2 / variance)

    def residual(self, points: Any, noise: float | None = None) -> np.ndarray:
        """r(x) − x of the network trained with σ, at points of shape (n, 2)."""
        packed = self.networks[self.noises.index(self.noise if noise is None else noise)]
        return forward(packed, points) - finite_array("points", points, (None, 2), dtype=np.float64)

    def samples(self, count: int, noise: float) -> np.ndarray:
        """Noisy data as the page draws them: shape (count, 2)."""
        means, spread = np.frombuffer(self.means, "<f4").reshape(-1, 2), math.hypot(self.width, noise)
        which = np.floor(uniforms(1, count) * len(means)).astype(int)
        return means[which] + spread * normals(2, 2 * count).reshape(-1, 2)

    def path(self, field: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """41 points from (x, y) along `field`, which is `score` or `residual`: shape (41, 2)."""
        points = [np.array([[self.x, self.y]])]
        for _ in range(STEPS):
            points.append(points[-1] + RATE * field(points[-1]))
        return np.concatenate(points)

    def sentence(self) -> str:
        path = self.path(self.residual)[[0, -1]]
        true, learned = self.score(path[:1])[0], self.residual(path[:1])[0]
        angle = math.degrees(abs(math.remainder(math.atan2(*learned) - math.atan2(*true), math.tau)))
        before, after = self.log_density(path)
        return (
            f"Arrows of the true score of noisy data (σ = {self.noise:g}) and of an autoencoder's residual. At "
            f"({self.x:g}, {self.y:g}) they differ by {angle:.0f} degrees; {STEPS} steps along the residual lead from "
            f"log density {before:.2f} to {after:.2f}."
        )

    def draw(self) -> Drawing:
        from matplotlib import pyplot as plt

        colours = plt.rcParams["axes.prop_cycle"].by_key()["color"]
        grid = np.stack(np.meshgrid(*[np.linspace(-2.21, 2.21, 14)] * 2), -1).reshape(-1, 2)
        known = self.log_density(grid) >= self.edges[self.noises.index(self.noise)]
        figure, axis = plt.subplots(figsize=(5.4, 5.4))
        x, y = self.samples(SHOWN, self.noise).T
        axis.scatter(x, y, s=3, color=plt.rcParams["ytick.color"], alpha=0.5)
        for field, colour, wide in ((self.score, colours[0], 0.007), (self.residual, colours[1], 0.003)):
            arrows = field(grid)
            arrows *= 0.34 / (np.linalg.norm(arrows, axis=1, keepdims=True) + self.noise)
            for part, alpha in ((known, 0.9), (~known, 0.35)):
                axis.quiver(
                    *grid[part].T, *arrows[part].T, color=colour, alpha=alpha, width=wide, angles="xy",
                    scale_units="xy", scale=1,
                )  # fmt: skip
            axis.plot(*self.path(field).T, color=colour)
        axis.plot(self.x, self.y, "o", color=plt.rcParams["text.color"])
        axis.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal")
        return figure


def spiral(count: int) -> np.ndarray:
    """`count` points at equal distances along a spiral of one and a half turns, shape (count, 2).

    Example:
        >>> spiral(64).shape
        (64, 2)
    """
    angle = np.linspace(0.5 * math.pi, 3.5 * math.pi, 4000)
    line = (0.55 / math.pi) * angle[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    along = np.concatenate([[0], np.linalg.norm(np.diff(line, axis=0), axis=1).cumsum()])
    even = np.linspace(0, along[-1], count)
    return np.stack([np.interp(even, along, coordinate) for coordinate in line.T], 1)


def denoiser(means: np.ndarray, width: float, noise: float) -> nn.Sequential:
    """A network from 2 values to 2, trained to undo Gaussian noise on 10,000 points of the mixture; cached."""
    import torch
    from torch import nn

    import aecore as ae
    from aelab.figures.kit.trained import trained

    def corrupt(x: Tensor) -> Tensor:
        return ae.add_gaussian(x, noise)

    generator = torch.Generator().manual_seed(0)
    data = torch.tensor(means).float()[torch.randint(len(means), (10_000,), generator=generator)]
    data = ae.add_gaussian(data, width, generator=generator)
    torch.manual_seed(0)
    model = ae.Autoencoder(ae.mlp([2, 64, 64], nn.Tanh), nn.Sequential(nn.Tanh(), nn.Linear(64, 2)))
    trained(model, data, epochs=200, batch_size=400, lr=5e-3, corrupt=corrupt)
    trained(model, data, epochs=80, batch_size=1000, lr=1e-3, corrupt=corrupt)
    return nn.Sequential(model.encoder, model.decoder)


def _packed(network: Any) -> dict:
    """In float32: int8 would cost more than a residual of this size can bear."""
    packed = quantize(network, weights="float32")
    first, last = packed["layers"][0][0], packed["layers"][-1][1]
    if (first, last) != (2, 2):
        raise ValueError(f"networks must be from 2 values to 2, got one from {first} to {last}")
    return packed
