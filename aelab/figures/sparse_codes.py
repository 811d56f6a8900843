"""A penalty on the code: how many units a digit takes, which strokes they draw, and what is lost."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
import traitlets as t
from torch import nn

from aelab.figures.kit.base import Figure, OneOf, finite_array, increasing
from aelab.stills.style import ink_colormap

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure as Drawing
    from torch import Tensor

    from aecore import Autoencoder

__all__ = ["SparseCodes"]


class _UnitColumns(nn.Linear):
    """A linear decoder whose columns have length 1: L1 cannot be cheated by small activations and large filters."""

    def forward(self, h: Tensor) -> Tensor:
        return F.linear(h, F.normalize(self.weight, dim=0), self.bias)


def _penalised(penalty: float) -> Callable:
    """The loss: a closure, because `trained` names its cache by what a loss closes over (not by its defaults)."""
    import aecore as ae

    def loss(model: Autoencoder, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        h = model.encode(x)
        return {"reconstruction": ae.squared_error(model.decode(h), target), "sparsity": penalty * ae.l1_sparsity(h)}

    return loss


class SparseCodes(Figure):
    r"""One digit through autoencoders with a hidden ReLU layer, trained with growing weights λ of the L1 penalty.

    Each minimises $\|\hat x - x\|^2 + \lambda \sum_j |h_j|$ with $\hat x = \sum_j h_j w_j + b$. The page decodes:
    it adds up the filters $w_j$ (int8, one scale per filter) times the activations of the digit that is chosen.

    Args:
        penalties: the weights λ, increasing, at least two.
        filters: the decoders' columns, shape (len(penalties), units, 784).
        biases: the decoders' biases, shape (len(penalties), 784).
        originals: the digits to choose from, shape (n, 784), in [0, 1].
        activations: their codes, shape (len(penalties), n, units), at least 0.
        active: mean number of active units per test picture, one for each penalty.
        error: mean squared error per test picture, one for each penalty.
        dead: which units are never active on the test pictures, shape (len(penalties), units); they have no picture.

    Traits:
        penalty: one of `penalties`.
        digit: which of the originals, from 0.

    Raises:
        ValueError: an empty set, another shape, NaN; penalties that do not increase; a dead unit that is active.
        TraitError: a penalty that is not among `penalties`, or a digit that there is not.

    Example:
        >>> import numpy as np
        >>> filters, codes = np.ones((2, 4, 784)) / 28, np.ones((2, 1, 4))
        >>> figure = SparseCodes([0, 1], filters, np.zeros((2, 784)), np.ones((1, 784)), codes, [4, 4], [9.0, 9.5],
        ...     np.zeros((2, 4)))
        >>> figure.penalty = 1
        >>> figure
        SparseCodes(digit=0, penalty=1.0)
    """

    module = "sparse_codes"
    height = (614, 1156)
    penalty = OneOf("penalties", 0)
    digit = OneOf("digits", 0)
    penalties = t.List(t.Float()).tag(sync=True)
    active = t.List(t.Float()).tag(sync=True)
    error = t.List(t.Float()).tag(sync=True)
    weights = t.Bytes().tag(sync=True)  # int8, the units that are not dead, penalty after penalty
    numbers = t.Bytes().tag(sync=True)  # float32 for each penalty: scales (0: dead), bias, activations
    originals = t.Bytes().tag(sync=True)  # uint8
    title = t.Unicode("A digit from few strokes.").tag(sync=True)
    caption = t.Unicode(
        "The filters of an autoencoder's 64 hidden units (blue adds ink, orange takes it away), framed where the digit "
        "uses them. Move the penalty λ: without it nearly all units fire and their filters are a tangle; raised, they "
        "turn into strokes, then into whole digits; at last the units die."
    ).tag(sync=True)

    def __init__(
        self,
        penalties: Any,
        filters: Any,
        biases: Any,
        originals: Any,
        activations: Any,
        active: Any,
        error: Any,
        dead: Any,
        **traits: Any,
    ) -> None:
        penalties = increasing("penalties", penalties, low=0)
        count = len(penalties)
        filters = finite_array("filters", filters, (count, None, 784))
        units = filters.shape[1]
        biases = finite_array("biases", biases, (count, 784))
        originals = finite_array("originals", originals, (None, 784), low=0, high=1)
        activations = finite_array("activations", activations, (count, len(originals), units), low=0)
        dead = finite_array("dead", dead, (count, units), dtype=bool)
        if (activations.max(axis=1) > 0)[dead].any():
            raise ValueError("dead must name units that are never active, got one that is on one of the originals")
        scales = np.where(dead, 0, np.maximum(np.abs(filters).max(axis=2), 1e-12) / 127).astype("<f4")
        numbers = np.concatenate([scales, biases, activations.reshape(count, -1)], axis=1)
        super().__init__(
            penalties=penalties,
            active=finite_array("active", active, (count,), dtype=np.float64).tolist(),
            error=finite_array("error", error, (count,), dtype=np.float64).tolist(),
            weights=np.round(filters[~dead] / scales[~dead][:, None]).astype(np.int8).tobytes(),
            numbers=numbers.astype("<f4").tobytes(),
            originals=(originals * 255).round().astype(np.uint8).tobytes(),
            **{"penalty": penalties[0], **traits},
        )

    def unpacked(self) -> dict[str, np.ndarray]:
        """What the page sees: scales, biases, activations, originals, and the filters (0 where a unit is dead)."""
        originals = np.frombuffer(self.originals, np.uint8).reshape(-1, 784) / np.float32(255)
        count, n = len(self.penalties), len(originals)
        numbers = np.frombuffer(self.numbers, "<f4").reshape(count, -1)
        units = (numbers.shape[1] - 784) // (1 + n)
        scales, biases, codes = np.split(numbers, [units, units + 784], axis=1)
        filters = np.zeros((count, units, 784), np.float32)
        weights = np.frombuffer(self.weights, np.int8).reshape(-1, 784)
        filters[scales > 0] = weights * scales[scales > 0][:, None]
        activations = codes.reshape(count, n, units)
        return {
            "scales": scales,
            "biases": biases,
            "activations": activations,
            "originals": originals,
            "filters": filters,
        }

    @property
    def digits(self) -> range:
        """The numbers of the originals."""
        return range(len(self.originals) // 784)

    @classmethod
    def trained_models(cls, penalties: list[float]) -> list[Autoencoder]:
        """784-64-784 for each penalty, on 20,000 digits; each goes on where the one before it ended.

        From random filters a large λ would only switch units off: none of them is worth its price yet. Raised step
        by step, it finds filters that are; and unit j stays the same unit, so the page can follow it.
        """
        import aecore as ae
        from aelab.figures.kit.trained import trained

        torch.manual_seed(0)
        encoder, decoder = nn.Linear(784, 64), _UnitColumns(64, 784)
        with torch.no_grad():
            decoder.weight.copy_(F.normalize(decoder.weight.normal_(), dim=0))
            encoder.weight.copy_(decoder.weight.T)
            encoder.bias.zero_(), decoder.bias.zero_()
        model, models = ae.Autoencoder(nn.Sequential(encoder, nn.ReLU()), decoder), []
        images = ae.mnist("train")[0][:20_000].flatten(1)
        for penalty in penalties:
            model = deepcopy(model)
            trained(model, images, epochs=8, batch_size=128, lr=2e-3, loss=_penalised(float(penalty)))
            models.append(model)
        return models

    @classmethod
    def example(cls) -> SparseCodes:
        import aecore as ae

        penalties = [0, 0.3, 1, 3, 10]
        test, labels = ae.mnist("test")
        test = test.flatten(1)
        chosen = [int((labels == digit).nonzero()[0]) for digit in range(10)]
        models = cls.trained_models(penalties)
        with torch.no_grad():
            codes = torch.stack([model.encode(test) for model in models])
            errors = [ae.squared_error(m.decode(h), test).mean().item() for m, h in zip(models, codes, strict=True)]
            decoders: list[Any] = [model.decoder for model in models]
            filters = torch.stack([F.normalize(decoder.weight, dim=0).T for decoder in decoders])
            biases = torch.stack([decoder.bias for decoder in decoders])
        used = codes > 0
        return cls(
            penalties,
            filters,
            biases,
            test[chosen],
            codes[:, chosen],
            used.float().sum(dim=2).mean(dim=1),
            errors,
            ~used.any(dim=1),
            penalty=1,
            digit=4,
        )

    def sentence(self) -> str:
        at = self.penalties.index(self.penalty)
        page = self.unpacked()
        used, scales = page["activations"][at, self.digit] > 0, page["scales"][at]
        return (
            f"The {len(scales)} filters of a sparse autoencoder at penalty {self.penalty:g}, a digit and its "
            f"reconstruction from {used.sum()} active units; {(scales == 0).sum()} units are dead, and the squared "
            f"error per test picture is {self.error[at]:.1f}."
        )

    def draw(self) -> Drawing:
        from matplotlib import pyplot as plt

        at, digit = self.penalties.index(self.penalty), self.digit
        page = self.unpacked()
        h, filters = page["activations"][at, digit], page["filters"][at]
        side = int(np.ceil(np.sqrt(len(h))))
        sheet = np.full((side * 30, side * 30), np.nan)
        for j, filter_ in enumerate(filters):
            if page["scales"][at, j]:
                row, column = divmod(j, side)
                sheet[row * 30 : row * 30 + 28, column * 30 : column * 30 + 28] = filter_.reshape(28, 28)
        largest = max(np.abs(filters).max(), 1e-9)
        figure, axes = plt.subplots(1, 3, width_ratios=(1.6, 1, 1))
        axes[0].imshow(sheet, cmap="PuOr", vmin=-largest, vmax=largest)
        for j in np.flatnonzero(h).tolist():
            row, column = divmod(j, side)
            frame = plt.Rectangle((column * 30 - 1, row * 30 - 1), 29, 29, fill=False, linewidth=1.2)
            axes[0].add_patch(frame).set_edgecolor(plt.rcParams["text.color"])
        pictures = page["originals"][digit], h @ filters + page["biases"][at]
        for axis, picture in zip(axes[1:], pictures, strict=True):
            axis.imshow(picture.reshape(28, 28), cmap=ink_colormap(), vmin=0, vmax=1)
        titles = f"filters, λ = {self.penalty:g}", "digit", f"from {np.count_nonzero(h)} units"
        for axis, title in zip(axes, titles, strict=True):
            axis.set(title=title, xticks=[], yticks=[])
        return figure
