"""The likelihood by sampling the prior, and why a VAE does not: most samples contribute nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets as t

from aelab.figures.kit.base import Figure, Number, OneOf, Whole, finite_array
from aelab.figures.kit.draws import normals

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["NaiveMonteCarlo"]

MOST = 100_000


class NaiveMonteCarlo(Figure):
    r"""The estimate $\log p(x) \approx \log \frac1N \sum_i p(x|z_i)$, $z_i$ from the prior, beside the exact value.

    The model is $x = Wz + \varepsilon$ with $z \sim \mathcal N(0, I)$ and $\varepsilon \sim \mathcal N(0, \sigma^2 I)$,
    so that $p(x) = \mathcal N(x \mid 0, WW^T + \sigma^2 I)$ is known. It opens in ten dimensions with a thousand
    samples: a handful carries 99 % of the sum, and the estimate is more than ten nats off.

    Args:
        models: for each dimension that the slider offers, weights W of shape (size of x, dimension) and x of shape
            (size of x,). By default an observation of 20 numbers from a random linear decoder of 1, 2, 5, 10 and 20
            latent dimensions.

    Traits:
        samples: N, from 1 to 100,000.
        dimension: of z, one that `models` has.
        sigma: the noise σ of the model, from 0.01 to 10.
        seed: of the samples, from 0.

    Example:
        >>> figure = NaiveMonteCarlo(samples=100)
        >>> figure.dimension, round(figure.exact(), 2)
        (10, -17.65)
        >>> NaiveMonteCarlo([([[1.0], [0.0]], [0.5, float("nan")])])
        Traceback (most recent call last):
        ValueError: x must be finite, got nan
    """

    module = "naive_monte_carlo"
    height = (508, 925)
    model = t.Dict().tag(sync=True)
    samples = Whole(1000, min=1, max=MOST)
    dimension = OneOf("dimensions", 10)
    sigma = Number(0.3, min=0.01, max=10)
    seed = Whole(0, min=0, max=2**31)
    title = t.Unicode("Most samples contribute nothing.").tag(sync=True)
    caption = t.Unicode(
        "The likelihood of one x under a linear decoder, as the mean of p(x|z) over samples z from the prior. In one "
        "or two dimensions that works. Move to ten, then to twenty: the sum hangs on a few lucky samples."
    ).tag(sync=True)

    def __init__(self, models: Any = None, **traits: Any) -> None:
        packed = []
        for pair in self.linear_models() if models is None else models:
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                raise TypeError(f"models must be a list of (weights, x), got {type(pair).__name__} in it")
            weights = finite_array("weights", pair[0], (None, None))
            packed.append((weights, finite_array("x", pair[1], (len(weights),))))
        sizes = [list(weights.shape) for weights, _ in packed]
        dimensions = [dimension for _, dimension in sizes]
        if not dimensions or dimensions != sorted(set(dimensions)):
            raise ValueError(f"models must be of growing dimensions, at least one, got {dimensions}")
        data = b"".join(array.astype("<f4").tobytes() for pair in packed for array in pair)
        traits.setdefault("dimension", 10 if 10 in dimensions else dimensions[-1])
        super().__init__(model={"sizes": sizes, "data": data}, **traits)

    @staticmethod
    def linear_models(dimensions: Sequence[int] = (1, 2, 5, 10, 20)) -> list[tuple[np.ndarray, np.ndarray]]:
        """The models that the figure has of itself: for each dimension, up to 20, W of shape (20, dimension) and one x.

        x has shape (20,) and is an observation from that decoder, with noise 0.3.

        Example:
            >>> [(weights.shape, x.shape) for weights, x in NaiveMonteCarlo.linear_models((3,))]
            [((20, 3), (20,))]
        """
        random, size = np.random.default_rng(2), 20
        weights = random.normal(size=(size, size)) / math.sqrt(size)
        z, noise = random.normal(size=size), 0.3 * random.normal(size=size)
        return [(weights[:, :d], weights[:, :d] @ z[:d] + noise) for d in dimensions]

    @property
    def dimensions(self) -> list[int]:
        """The dimensions of z that the models have."""
        return [dimension for _, dimension in self.model["sizes"]]

    def decoder(self) -> tuple[np.ndarray, np.ndarray]:
        """W and x of the dimension that is shown, as the page has them."""
        at, numbers = 0, np.frombuffer(self.model["data"], "<f4").astype(np.float64)
        for size, dimension in self.model["sizes"]:
            if dimension == self.dimension:
                break
            at += size * (dimension + 1)
        middle = at + size * dimension
        return numbers[at:middle].reshape(size, dimension), numbers[middle : middle + size]

    def exact(self) -> float:
        """log p(x) in nats."""
        weights, x = self.decoder()
        covariance = weights @ weights.T + self.sigma**2 * np.eye(len(x))
        distance = x @ np.linalg.solve(covariance, x)
        return float(-0.5 * (len(x) * math.log(2 * math.pi) + np.linalg.slogdet(covariance)[1] + distance))

    def log_likelihoods(self) -> np.ndarray:
        """log p(x|z) of the samples, the same that the page draws."""
        weights, x = self.decoder()
        z = normals(self.seed, self.samples * self.dimension).reshape(self.samples, self.dimension)
        distance = np.square(x - z @ weights.T).sum(axis=1)
        return -0.5 * (distance / self.sigma**2 + len(x) * math.log(2 * math.pi * self.sigma**2))

    def sentence(self) -> str:
        values = np.sort(self.log_likelihoods())[::-1]
        parts = np.exp(values - values[0]).cumsum()
        carriers = int(np.searchsorted(parts, 0.99 * parts[-1])) + 1
        estimate = values[0] + math.log(parts[-1] / len(values))
        return (
            f"The log-likelihood of one x estimated by {self.samples} samples from the prior in {self.dimension} "
            f"dimensions: {estimate:.1f} nats, where the exact value is {self.exact():.1f}. A histogram of p(x|z) over "
            f"the samples, and each bin's share of the sum: {carriers} of the samples carry 99 % of it."
        )

    def draw(self) -> Drawing:
        from matplotlib import pyplot as plt

        values = self.log_likelihoods()
        n = np.arange(1, len(values) + 1)
        running = np.logaddexp.accumulate(values) - np.log(n)
        at = np.unique(np.geomspace(1, len(values), 400).astype(int)) - 1
        exact, reach, colours = self.exact(), 20 + 2 * self.dimension, plt.rcParams["axes.prop_cycle"].by_key()["color"]
        figure, axes = plt.subplot_mosaic([["run", "all"], ["run", "sum"]], figsize=(7.2, 3.6))
        axes["run"].axhline(exact, color=plt.rcParams["text.color"], linestyle=":")
        axes["run"].plot(n[at], running[at])
        axes["run"].set(xscale="log", xlim=(1, MOST), ylim=(exact - reach, exact + reach / 5))
        axes["run"].set(xlabel="samples from the prior", title="log p(x), nats (dotted: exact)")
        decades = values / math.log(10)
        edges = np.linspace(decades.min(), decades.max() + 1e-6, 45).tolist()
        axes["all"].hist(decades, edges, weights=np.full(len(values), 1 / len(values)), color=colours[0])
        axes["all"].set(title="share of the samples", xticklabels=[])
        axes["sum"].hist(decades, edges, weights=np.exp(values - running[-1]) / len(values), color=colours[1])
        axes["sum"].set(ylim=(0, 1), title="share of their sum", xlabel="log₁₀ p(x|z)")
        return figure
