"""A VAE that learns in the page: its codes, its pictures and both terms of its ELBO, while the reader changes it."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import torch
import traitlets as t

import aecore as ae
from aelab.figures.kit.base import Figure, Number, OneOf, Whole
from aelab.figures.kit.trainable import ACTIVATIONS, EPOCHS, SHOWN, fitted, images, networks, scene, taken

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["TrainVAE"]

BUGS = ("none", "no gradient", "mean", "sign", "log σ")


@lru_cache(maxsize=8)
def _trained(latent: int, hidden: int, likelihood: str, sigma: float, beta: float, activation: str) -> ae.VAE:
    network = partial(ae.mlp, activation=ACTIVATIONS[activation])
    encoder, decoder = partial(network, [784, hidden, 2 * latent]), partial(network, [latent, hidden, 784])
    return fitted(ae.VAE, encoder, decoder, likelihood, sigma, beta)


class TrainVAE(Figure):
    r"""A VAE that learns from 5,000 digits in the reader's own browser.

    Args:
        model: an `aecore.VAE` of two `aecore.mlp`s to begin with, from 784 values to 784; a fresh one if left out. The
            figure takes its sizes, its likelihood and its β.
        traits: what follows.

    Traits:
        beta: weight of the KL term.
        latent, hidden: latent dimensions, and units of both hidden layers.
        rate: learning rate of Adam.
        likelihood: "bernoulli" or "gaussian", the latter with standard deviation `sigma`.
        anneal: whether β grows from 0 over the first ten epochs.
        bug: planted in the loss: "none", "no gradient" (the sample passes none), "mean" (over pixels), "sign" (of the
            KL term), "log σ" (in the place of log σ²).
        breaks: whether the reader can choose the bug.
        activation: "relu" or "tanh", between the layers.
        seed: of the initial weights, the order of the digits, and the noise.
        small: without curves, bars, numbers and buttons for files, and without a choice of the likelihood.
        weights: the model as it is when the reader pauses, as a safetensors file; `trained_model()` reads it.

    Raises:
        TypeError, ValueError: a model of another kind, or of other layers.
        TraitError: a number out of its range.

    Example:
        >>> figure = TrainVAE(beta=4, latent=3)
        >>> figure.beta, figure.latent, figure.bug
        (4.0, 3, 'none')
    """

    module = "train_vae"
    assets = ("digits",)
    beta = Number(1.0, min=0, max=32)
    latent = Whole(2, min=1, max=16)
    hidden = Whole(128, min=8, max=512)
    rate = Number(1e-3, min=1e-5, max=1)
    likelihood = OneOf(("bernoulli", "gaussian"), "bernoulli")
    sigma = Number(0.3, min=0.05, max=2)
    anneal = t.Bool(False).tag(sync=True)
    bug = OneOf(BUGS, "none")
    breaks = t.Bool(False).tag(sync=True)
    activation = OneOf(tuple(ACTIVATIONS), "relu")
    seed = Whole(0, min=0, max=2**31)
    small = t.Bool(False).tag(sync=True)
    given = t.Bytes().tag(sync=True)
    weights = t.Bytes().tag(sync=True)
    title = t.Unicode("A VAE, trained here.").tag(sync=True)
    caption = t.Unicode(
        "It learns from 5,000 digits, here in the page, for a minute at a press and while it is in sight."
    ).tag(sync=True)

    def __init__(self, model: ae.VAE | None = None, **traits: Any) -> None:
        found: dict[str, Any] = {}
        if model is not None:
            if not isinstance(model, ae.VAE):
                raise TypeError(f"model must be an aecore.VAE, got {type(model).__name__}")
            kind = {"likelihood": model.likelihood, "sigma": model.sigma, "beta": model.beta}
            found = {**taken(model), **kind, "latent": model.latent_dim}
        super().__init__(**{**found, **traits})

    def trained_model(self) -> ae.VAE:
        """What the reader has trained, as an `aecore.VAE`.

        Raises:
            ValueError: nothing was trained yet.
        """
        tensors, encoder, decoder = networks(self.weights, self.given, self.activation)
        vae = ae.VAE(encoder, decoder, self.likelihood, self.sigma, self.beta)
        vae.load_state_dict(tensors)
        return vae

    @property
    def height(self) -> tuple[int, int]:  # type: ignore[override]  # it depends on what is shown
        bugs = int(self.breaks)
        return (416 + 40 * bugs, 740 + 124 * bugs) if self.small else (735 + 80 * bugs, 1550 + 124 * bugs)

    @classmethod
    def example(cls) -> TrainVAE:
        return cls(breaks=True)

    def _shown(self) -> ae.VAE:
        """The model of the still picture: the reader's, or one that aecore trained."""
        if self.weights or self.given:
            return self.trained_model()
        return _trained(self.latent, self.hidden, self.likelihood, self.sigma, self.beta, self.activation)

    def sentence(self) -> str:
        with torch.no_grad():
            parts = self._shown().elbo_parts(images("test"), generator=torch.Generator().manual_seed(0))
        kl = float(parts["kl"].mean())
        elbo = float(parts["log_prob"].mean()) - kl
        after = "" if self.weights or self.given else f" after {EPOCHS} epochs on 5,000 digits"
        return (
            f"A VAE with {self.latent} latent dimension{'s' * (self.latent > 1)}{after}: the codes of test digits, "
            "each written as its class, and beside them digits, their reconstructions, and new ones. The ELBO on test "
            f"digits is {elbo:.0f} nats, with a KL term of {kl:.1f}."
        )

    def draw(self) -> Drawing:
        vae, test = self._shown(), images("test")
        with torch.no_grad():
            codes, back = vae.posterior(test)[0], vae(test[:SHOWN])
        new = vae.sample(SHOWN, generator=torch.Generator().manual_seed(0))
        return scene(codes, {"test digits": test[:SHOWN], "reconstructed": back, "new": new})
