"""What a narrow code keeps: the same digits through k linear directions (PCA) and through an autoencoder's k units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets as t

from aelab.figures.kit.base import Figure, OneOf, finite_array, increasing
from aelab.stills.style import ink_colormap

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["Bottleneck"]


class Bottleneck(Figure):
    r"""One digit through a code of k numbers: by PCA and by an autoencoder, with the test error of every width.

    The error is $\|\hat x - x\|^2$ summed over pixels, as in `aecore.squared_error`: of the digit that is shown,
    computed in the page, and on the curve its mean over a test set. Pictures are sent as one byte per pixel, in 255
    steps from the smallest to the largest value that occurs.

    Args:
        widths: the widths k, increasing, at least two.
        originals: the digits to choose from, shape (n, 784), in [0, 1].
        pca: their reconstructions by PCA, shape (len(widths), n, 784).
        autoencoder: their reconstructions by the autoencoder of each width, the same shape.
        pca_error: mean squared error per test picture, one for each width.
        autoencoder_error: the same for the autoencoders.

    Traits:
        width: one of `widths`.
        digit: which of the originals, from 0.

    Raises:
        ValueError: an empty set, another shape, NaN, digits outside [0, 1]; widths that do not increase.
        TraitError: a width that is not among `widths`, or a digit that there is not.

    Example:
        >>> import numpy as np
        >>> pictures = np.zeros((2, 1, 784))
        >>> figure = Bottleneck([1, 2], np.ones((1, 784)), pictures, pictures + 0.5, [9.0, 8.0], [7.0, 6.0], width=2)
        >>> figure.width = 1
        >>> figure
        Bottleneck(digit=0, width=1)
    """

    module = "bottleneck"
    height = (422, 714)
    width = OneOf("widths", 8)
    digit = OneOf("digits", 0)
    widths = t.List(t.Int()).tag(sync=True)
    errors = t.Dict().tag(sync=True)
    limits = t.List(t.Float()).tag(sync=True)
    pictures = t.Bytes().tag(sync=True)
    title = t.Unicode("What k numbers keep.").tag(sync=True)
    caption = t.Unicode(
        "One test digit through a code of k numbers, and the mean test error of every width. Slide k, or press on the "
        "plot; choose another digit."
    ).tag(sync=True)

    def __init__(
        self,
        widths: Any,
        originals: Any,
        pca: Any,
        autoencoder: Any,
        pca_error: Any,
        autoencoder_error: Any,
        **traits: Any,
    ) -> None:
        widths = increasing("widths", widths, low=1, dtype=np.int64)
        originals = finite_array("originals", originals, (None, 784), low=0, high=1)
        shape = (len(widths), len(originals), 784)
        all_pictures = [
            originals[None],
            finite_array("pca", pca, shape),
            finite_array("autoencoder", autoencoder, shape),
        ]
        errors = {
            name: finite_array(f"{name}_error", values, (len(widths),), dtype=np.float64).tolist()
            for name, values in (("pca", pca_error), ("autoencoder", autoencoder_error))
        }
        low = min(0.0, *(float(array.min()) for array in all_pictures))
        high = max(1.0, *(float(array.max()) for array in all_pictures))
        packed = np.concatenate(
            [((array - low) * (255 / (high - low))).round().astype(np.uint8) for array in all_pictures]
        )
        super().__init__(
            widths=widths,
            errors=errors,
            limits=[low, high],
            pictures=packed.tobytes(),
            **{"width": min(widths, key=lambda k: abs(k - 8)), **traits},
        )

    @property
    def digits(self) -> range:
        """The numbers of the originals."""
        return range(len(self.pictures) // 784 // (1 + 2 * len(self.widths)))

    @classmethod
    def example(cls) -> Bottleneck:
        import torch
        from sklearn.decomposition import PCA

        import aecore as ae
        from aelab.figures.kit.trained import trained

        widths = [1, 2, 4, 8, 16, 32, 64]
        train = ae.mnist("train")[0][:15_000].flatten(1)
        test, labels = ae.mnist("test")
        test = test.flatten(1)
        chosen = [int((labels == digit).nonzero()[0]) for digit in range(10)]
        pca = PCA(widths[-1], svd_solver="covariance_eigh").fit(train.double().numpy())
        codes = torch.tensor(pca.transform(test.double().numpy()))
        directions, mean = torch.tensor(pca.components_), torch.tensor(pca.mean_)
        pictures: dict[str, list] = {"pca": [], "autoencoder": []}
        errors: dict[str, list] = {"pca": [], "autoencoder": []}
        for k in widths:
            torch.manual_seed(k)
            model = ae.Autoencoder(ae.mlp([784, 256, k]), ae.mlp([k, 256, 784]))
            trained(model, train, epochs=4, batch_size=64, lr=2e-3)
            with torch.no_grad():
                both = {"pca": (codes[:, :k] @ directions[:k] + mean).float(), "autoencoder": model(test)}
            for name, reconstructions in both.items():
                errors[name].append(ae.squared_error(reconstructions, test).mean().item())
                pictures[name].append(reconstructions[chosen].numpy())
        return cls(
            widths,
            test[chosen],
            np.stack(pictures["pca"]),
            np.stack(pictures["autoencoder"]),
            errors["pca"],
            errors["autoencoder"],
            width=4,
            digit=2,
        )

    def sentence(self) -> str:
        at = self.widths.index(self.width)
        pca, autoencoder = (self.errors[name][at] for name in ("pca", "autoencoder"))
        return (
            f"A digit, its reconstructions from {self.width:g} numbers by PCA and by an autoencoder, and the mean test "
            f"error over the width of the code: with {self.width:g} numbers {pca:.1f} by PCA and {autoencoder:.1f} by "
            "the autoencoder."
        )

    def draw(self) -> Drawing:
        from matplotlib import pyplot as plt

        low, high = self.limits
        pictures = (
            np.frombuffer(self.pictures, np.uint8).reshape(-1, len(self.digits), 28, 28) * ((high - low) / 255) + low
        )
        at = self.widths.index(self.width)
        figure, axes = plt.subplots(1, 4, width_ratios=(3, 1, 1, 1))
        for name, label in (("pca", "PCA"), ("autoencoder", "autoencoder")):
            axes[0].plot(self.widths, self.errors[name], marker="o", markersize=3, label=label)
        axes[0].axvline(self.width, color=plt.rcParams["ytick.color"], linewidth=0.8, linestyle=":")
        axes[0].set_xscale("log", base=2)
        axes[0].set(ylim=(0, None), xlabel="width k of the code", title="squared error per test picture")
        axes[0].set_xticks(self.widths, [str(k) for k in self.widths])
        axes[0].legend()
        for axis, index, name in zip(
            axes[1:], (0, 1 + at, 1 + len(self.widths) + at), ("original", "PCA", "autoencoder"), strict=True
        ):
            axis.imshow(pictures[index, self.digit], cmap=ink_colormap(), vmin=0, vmax=1)
            axis.set(title=name, xticks=[], yticks=[])
        return figure
