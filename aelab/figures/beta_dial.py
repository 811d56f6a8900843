"""β under the reader's hand: what the weight of the KL term does to a VAE's codes, pictures and bound."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets as t

from aelab.figures.kit.base import Figure, OneOf, digit_labels, finite_array
from aelab.figures.kit.draws import normals
from aelab.stills.style import DIGIT_HUES, ink_colormap

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing
    from torch import Tensor

    from aecore import VAE

__all__ = ["BetaDial"]

RADIUS = float(np.sqrt(-2 * np.log(0.05)))  # of the circle that holds 95 % of N(0, I) in the plane


class BetaDial(Figure):
    r"""VAEs that differ in β alone: codes in the plane, reconstructions, samples, KL of each dimension, the ELBO.

    The numbers are means over `images`: $E_q \log p(x|z)$ by one sample (`VAE.elbo_parts`), the KL exactly, the ELBO
    their difference, in which β has no part; `active_units` says which dimensions are used. Each model's dimensions
    are put in the order of their KL, and their signs so that codes agree with those of the model before. Neither
    changes the model, as the prior and q have the same symmetry; and the same noise makes comparable samples.

    Args:
        models: at least two `VAE` of 784 pixels, with one `latent_dim`, at least 2, in increasing order of `beta`. They
            are judged in eval mode, in float32 and on the CPU, and left as they are.
        images: digits in [0, 1], shape (n, 784) or (n, 1, 28, 28) as the models take them, at least two.
        labels: their classes, integers from 0 to 9, shape (n,): the first of each class is shown as a picture.
        shown: how many codes are drawn, from the first.

    Traits:
        beta: one of the models' β.

    Raises:
        TypeError: a model that is no `VAE`.
        ValueError: too few models, β that does not increase, other sizes, an empty set, NaN in images or weights,
            images outside [0, 1], or a model with another KL than that to N(0, I).
        TraitError: a β that no model has.

    Example:
        >>> import aecore as ae, torch
        >>> models = [ae.VAE(ae.mlp([784, 4]), ae.mlp([2, 784]), beta=beta) for beta in (1, 4)]
        >>> figure = BetaDial(models, torch.rand(20, 784), [*range(10)] * 2, beta=4)
        >>> figure.beta = 1
        >>> figure.sentence()[:50]
        'VAEs at β = 1, one of 2 values: 2 of 2 dimensions '
    """

    module = "beta_dial"
    height = (790, 1210)
    beta = OneOf("betas", 1)
    betas = t.List(t.Float()).tag(sync=True)
    log_prob = t.List(t.Float()).tag(sync=True)
    kl = t.List(t.List(t.Float())).tag(sync=True)
    active = t.List(t.List(t.Bool())).tag(sync=True)
    codes = t.Bytes().tag(sync=True)
    reach = t.Float().tag(sync=True)
    labels = t.Bytes().tag(sync=True)
    pictures = t.Bytes().tag(sync=True)
    title = t.Unicode("The price of information.").tag(sync=True)
    caption = t.Unicode(
        "VAEs that differ only in β, the weight of the KL term. Turn β up, or drag over the lowest plot: one dimension "
        "after the other falls to the prior, and codes, reconstructions and samples lose what it carried."
    ).tag(sync=True)

    def __init__(self, models: Any, images: Any, labels: Any, shown: int = 700, **traits: Any) -> None:
        import torch

        labels = digit_labels(labels)
        n = len(labels)
        originals = finite_array("images", images, (n, 784), (n, 1, 28, 28), low=0, high=1)
        images = torch.from_numpy(originals)
        models = _compatible(models)
        betas, latent_dim = [float(model.beta) for model in models], models[0].latent_dim
        first = np.unique(labels, return_index=True)[1]
        noise = normals(0, len(first) * latent_dim).reshape(-1, latent_dim)
        codes, pictures, before = [], [originals.reshape(n, 784)[first]], None
        numbers: dict[str, list] = {"log_prob": [], "kl": [], "active": []}
        for model in models:
            found = _measured(model, images, first, noise, before)
            for name, values in numbers.items():
                values.append(found[name])
            before = found["codes"]
            codes.append(before[:shown, :2])
            pictures.append(found["pictures"])
        reach = float(np.abs(codes).max())
        super().__init__(
            betas=betas,
            **numbers,
            codes=(np.stack(codes) * (32767 / max(reach, 1e-9))).round().astype("<i2").tobytes(),
            reach=reach,
            labels=labels[:shown].tobytes(),
            pictures=(np.concatenate(pictures).clip(0, 1) * 255).round().astype(np.uint8).tobytes(),
            **{"beta": min(betas, key=lambda beta: abs(np.log(beta + 1e-3) - np.log(8))), **traits},
        )

    @classmethod
    def example(cls) -> BetaDial:
        import aecore as ae

        images, labels = ae.mnist("test")
        return cls(trained_vaes(), images[:2000], labels[:2000], beta=8)

    @property
    def elbo(self) -> np.ndarray:
        """The ELBO of each model, nats, shape (len(betas),)."""
        return np.array(self.log_prob) - np.array(self.kl).sum(axis=1)

    def sentence(self) -> str:
        at, elbo = self.betas.index(self.beta), self.elbo
        return (
            f"VAEs at β = {self.beta:g}, one of {len(self.betas)} values: {sum(self.active[at])} of "
            f"{len(self.kl[at])} dimensions are active, the KL is {sum(self.kl[at]):.1f} nats; the codes of digits in "
            "the plane of the first two, digits with their reconstructions, and samples. The ELBO is "
            f"{elbo[at]:.1f} nats, the best of these {elbo.max():.1f}, at β = {self.betas[elbo.argmax()]:g}."
        )

    def draw(self) -> Drawing:
        from matplotlib import pyplot as plt

        at, elbo = self.betas.index(self.beta), self.elbo
        labels = np.frombuffer(self.labels, np.uint8)
        codes = np.frombuffer(self.codes, "<i2").reshape(len(self.betas), -1, 2)[at] * (self.reach / 32767)
        pictures = np.frombuffer(self.pictures, np.uint8).reshape(1 + 2 * len(self.betas), -1, 28, 28) / 255
        grey = plt.rcParams["ytick.color"]
        figure = plt.figure(figsize=(7.2, 6.6))
        grid = figure.add_gridspec(3, 2, height_ratios=(1, 1, 0.9), width_ratios=(1, 1.05))
        plane, bars, rows, nats = (
            figure.add_subplot(grid[place]) for place in ((slice(2), 0), (0, 1), (1, 1), (2, slice(2)))
        )
        for digit in np.unique(labels):
            x, y = codes[labels == digit].T
            plane.scatter(x, y, s=20, marker=f"${digit}$", linewidths=0, color=f"C{DIGIT_HUES[digit]}", rasterized=True)
        turn = np.linspace(0, 2 * np.pi, 200)
        plane.plot(RADIUS * np.cos(turn), RADIUS * np.sin(turn), color=grey, linestyle=":", linewidth=1)
        plane.set(xlim=(-4, 4), ylim=(-4, 4), aspect="equal", title="codes (dotted: 95 % of the prior)")
        used = np.array(self.active[at])
        place = np.arange(1, len(used) + 1)
        bars.bar(place, self.kl[at], color=np.where(used, "C0", grey))
        bars.set(title="KL of each dimension, nats", xticks=place)
        sheet = pictures[[0, 1 + 2 * at, 2 + 2 * at]].transpose(0, 2, 1, 3).reshape(84, -1)
        rows.imshow(sheet, cmap=ink_colormap(), vmin=0, vmax=1)
        rows.set(xticks=[], yticks=[14, 42, 70], yticklabels=["digits", "rebuilt", "samples"])
        x = np.arange(len(self.betas))
        nats.fill_between(x, -np.array(self.log_prob), color="C2", alpha=0.3)
        nats.fill_between(x, -np.array(self.log_prob), -elbo, color="C1", alpha=0.5)
        nats.axvline(at, color=grey, linestyle=":")
        nats.set(xticks=x, xticklabels=[f"{beta:g}" for beta in self.betas], xlabel="β", ylim=(0, None))
        nats.set_title("nats per digit: −E log p(x|z) and, on top of it, the KL: together −ELBO")
        return figure


def trained_vaes() -> list[VAE]:
    """The VAEs of the example, cached: the same initial weights, the same order of images, another β."""
    import torch

    import aecore as ae
    from aelab.figures.kit.trained import trained

    train, models = ae.mnist("train")[0][:20_000], []
    for beta in (0.1, 0.3, 1, 2, 4, 8, 16, 32):
        torch.manual_seed(0)
        model = ae.VAE(ae.mlp([784, 192, 16]), ae.mlp([8, 192, 784], out_shape=(1, 28, 28)), beta=beta)
        trained(model, train, epochs=5, batch_size=100, lr=4e-3)
        models.append(model)
    return models


def _compatible(models: Any) -> list[VAE]:
    """Copies of the models in eval mode, in float32 and on the CPU."""
    import aecore as ae

    if not isinstance(models, (list, tuple)):
        raise TypeError(f"models must be a list of aecore.VAE, got {type(models).__name__}")
    for model in models:
        if not isinstance(model, ae.VAE):
            raise TypeError(f"models must be of aecore.VAE, got {type(model).__name__}")
    betas, sizes = [float(model.beta) for model in models], sorted({model.latent_dim for model in models})
    if len(models) < 2 or any(b <= a for a, b in pairwise(betas)):
        raise ValueError(f"models must be at least two of increasing β, got β = {betas}")
    if len(sizes) > 1 or sizes[0] < 2:
        raise ValueError(f"models must have one latent_dim, at least 2, got {sizes}")
    return [deepcopy(model).to("cpu").float().eval() for model in models]


def _measured(
    model: VAE, images: Tensor, first: np.ndarray, noise: np.ndarray, before: np.ndarray | None
) -> dict[str, Any]:
    """What the figure shows of one model, its dimensions in the order of their KL, signs as in the codes `before`."""
    import torch

    import aecore as ae

    name = f"of the model with β = {model.beta:g}"
    with torch.no_grad():
        mean, logvar = model.posterior(images)
        codes = finite_array(f"codes {name}", mean, (len(images), model.latent_dim), dtype=np.float64)
        kl = torch.stack([ae.gaussian_kl(mean[:, [j]], logvar[:, [j]]).mean() for j in range(model.latent_dim)])
        order = kl.argsort(descending=True)
        codes = codes[:, order]
        sign = np.ones(len(order)) if before is None else np.where((codes * before).sum(axis=0) < 0, -1.0, 1.0)
        z = torch.empty(noise.shape)
        z[:, order] = torch.tensor(noise * sign, dtype=torch.float32)
        decoded = [model(images[torch.as_tensor(first)]), model.decode(z).mean]
        pictures = [finite_array(f"pictures {name}", picture.flatten(1), (len(first), 784)) for picture in decoded]
        parts = model.elbo_parts(images, generator=torch.Generator().manual_seed(0))
        log_prob, total = parts["log_prob"].mean(), parts["kl"].mean()
    if not torch.isclose(total, kl.sum(), rtol=1e-3, atol=1e-3):
        raise ValueError(f"models must have the KL to N(0, I), {kl.sum():.3f} nats, got {total:.3f} {name}")
    return {
        "log_prob": float(finite_array(f"log_prob {name}", log_prob[None], (1,))[0]),
        "kl": kl[order].tolist(),
        "active": ae.active_units(model, images)[order].tolist(),
        "codes": codes * sign,
        "pictures": np.concatenate(pictures),
    }
