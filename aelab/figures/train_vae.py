"""A VAE that learns in the page: its codes, its pictures and both terms of its ELBO, while the reader changes it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.torch
import torch
import traitlets as t
from torch import nn

import aecore as ae
from aelab.figures.kit.assets import TEST, TRAIN
from aelab.figures.kit.base import Figure, Number, OneOf, Whole
from aelab.stills.style import ink_colormap

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["TrainVAE"]

BUGS = ("none", "no gradient", "mean", "sign", "log σ")
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}
DRAWN = 10  # epochs behind the still picture
SHOWN = 8  # pictures in a row


def images(split: str) -> torch.Tensor:
    """The digits that the page trains on, "train", or tests with, "test": shape (n, 784)."""
    return ae.mnist(split)[0][: TRAIN if split == "train" else TEST].flatten(1)


@lru_cache(maxsize=8)
def trained(latent: int, hidden: int, likelihood: str, sigma: float, beta: float, activation: str) -> ae.VAE:
    """The same network, trained by aecore on the same digits: what the still picture shows."""
    state = torch.get_rng_state()
    try:
        torch.manual_seed(0)
        vae = untrained(latent, hidden, likelihood, sigma, beta, activation)
        ae.start_at_mean(vae, images("train"))
        ae.fit(vae, images("train"), epochs=DRAWN, batch_size=100, lr=1e-3, device="cpu", seed=0, progress=False)
    finally:
        torch.set_rng_state(state)
    return vae


def untrained(latent: int, hidden: int, likelihood: str, sigma: float, beta: float, activation: str) -> ae.VAE:
    """The network of the figure, as `aecore` has it."""
    kind = ACTIVATIONS[activation]
    encoder, decoder = ae.mlp([784, hidden, 2 * latent], kind), ae.mlp([latent, hidden, 784], kind)
    return ae.VAE(encoder, decoder, likelihood, sigma, beta)


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
        weights: the model as it is when the reader pauses, as a safetensors file; `trained_model()` reads it.

    Raises:
        TypeError, ValueError: a model of another kind, or of other layers.
        TraitError: a number out of its range.

    Example:
        >>> figure = TrainVAE(beta=4, latent=2)
        >>> figure
        TrainVAE(activation='relu', anneal=False, beta=4.0, breaks=False, bug='none', hidden=128, latent=2, ...)
    """

    module = "train_vae"
    height = (960, 1560)
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
    given = t.Bytes().tag(sync=True)
    weights = t.Bytes().tag(sync=True)
    title = t.Unicode("Train it here.").tag(sync=True)
    caption = t.Unicode(
        "Press Train and watch the plane of codes form. Change β, the latent dimensions or the learning rate while it "
        "trains; go back in time; begin anew with Reset. It trains in this page alone, a minute at a press."
    ).tag(sync=True)

    def __init__(self, model: ae.VAE | None = None, **traits: Any) -> None:
        super().__init__(**{**({} if model is None else _taken(model)), **traits})

    def trained_model(self) -> ae.VAE:
        """What the reader has trained, as an `aecore.VAE`.

        Raises:
            ValueError: nothing was trained yet.
        """
        file = self.weights or self.given
        if not file:
            raise ValueError("weights must be there, got none: press Train, then Pause")
        tensors = safetensors.torch.load(file)
        kind = ACTIVATIONS[self.activation]
        networks = []
        for name in ("encoder", "decoder"):
            keys = [key for key in tensors if key.startswith(name) and key.endswith("weight")]
            parts = [tensors[key] for key in sorted(keys, key=lambda key: int(key.split(".")[1]))]
            networks.append(ae.mlp([parts[0].shape[1], *(len(part) for part in parts)], kind))
        vae = ae.VAE(networks[0], networks[1], self.likelihood, self.sigma, self.beta)
        vae.load_state_dict(tensors)
        return vae

    @classmethod
    def example(cls) -> TrainVAE:
        return cls(breaks=True)

    def _still_model(self) -> ae.VAE:
        if self.weights or self.given:
            return self.trained_model()
        return trained(self.latent, self.hidden, self.likelihood, self.sigma, self.beta, self.activation)

    def sentence(self) -> str:
        vae, test = self._still_model(), images("test")
        with torch.no_grad():
            parts = vae.elbo_parts(test, generator=torch.Generator().manual_seed(0))
        kl = float(parts["kl"].mean())
        elbo = float(parts["log_prob"].mean()) - kl
        what = "A VAE" if self.weights or self.given else f"A VAE after {DRAWN} epochs on {TRAIN:,} digits"
        return (
            f"{what}, with {self.latent} latent dimension{'s' * (self.latent > 1)}: the codes of test digits, coloured "
            "by class, and beside them digits, their reconstructions, and new ones. Its ELBO on test digits is "
            f"{elbo:.0f} nats, with a KL term of {kl:.0f}."
        )

    def draw(self) -> Drawing:
        from matplotlib import pyplot as plt

        vae, test = self._still_model(), images("test")
        labels = ae.mnist("test")[1][:500].numpy()
        with torch.no_grad():
            codes = vae.posterior(test[:500])[0].numpy()
            rows = [test[:SHOWN], vae(test[:SHOWN]), vae.sample(SHOWN, generator=torch.Generator().manual_seed(0))]
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6), width_ratios=(1.15, 1))
        a, b = np.sort(np.argsort(-codes.var(axis=0))[:2]) if codes.shape[1] > 1 else (0, 0)
        up = labels if a == b else codes[:, b]
        left.scatter(codes[:, a], up, c=[f"C{label % 6}" for label in labels], s=8)
        left.set_title("codes of test digits")
        sheet = torch.cat([torch.cat(list(row.view(-1, 28, 28)), dim=1) for row in rows])
        right.imshow(sheet, cmap=ink_colormap(), vmin=0, vmax=1)
        right.set_yticks([14, 42, 70], ["digits", "reconstructed", "new"])
        right.set_xticks([])
        return figure


def _taken(model: ae.VAE) -> dict[str, Any]:
    """The traits of a model."""
    if not isinstance(model, ae.VAE):
        raise TypeError(f"model must be an aecore.VAE, got {type(model).__name__}")
    kinds = {type(part) for part in model.modules()} - {
        ae.VAE,
        nn.Sequential,
        nn.Flatten,
        nn.Unflatten,
    }
    activations = [name for name, kind in ACTIVATIONS.items() if kind in kinds]
    if kinds - {nn.Linear, *ACTIVATIONS.values()} or len(activations) > 1:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise ValueError(
            f"model must be of linear layers with ReLU or Tanh between them, as aecore.mlp makes it, got {names}"
        )
    linear = [part for part in model.encoder.modules() if isinstance(part, nn.Linear)]
    tensors = {name: value.detach().float().cpu().contiguous() for name, value in model.state_dict().items()}
    last = [part for part in model.decoder.modules() if isinstance(part, nn.Linear)][-1]
    if (linear[0].in_features, last.out_features) != (784, 784):
        raise ValueError(f"model must be from 784 values to 784, got {linear[0].in_features} and {last.out_features}")
    return {
        "given": safetensors.torch.save(tensors),
        "latent": model.latent_dim,
        "hidden": linear[0].out_features,
        "likelihood": model.likelihood,
        "sigma": model.sigma,
        "beta": model.beta,
        "activation": activations[0] if activations else "relu",
    }
