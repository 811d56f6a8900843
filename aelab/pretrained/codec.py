"""The deep codec of lecture 03, trained for 30 epochs: three minutes a seed, too long to wait for in a lecture.

`python -m aelab.pretrained.codec` trains the three networks again and writes their files; on another machine, or with
another version of torch, the weights differ and the curves agree.
"""

import json
import math
from pathlib import Path

import torch
from torch import Tensor, nn

from aecore.data import mnist
from aecore.losses import squared_error
from aecore.models import Autoencoder, mlp
from aecore.training import fit, storage
from aecore.training.checkpoint import restore_state
from aecore.training.step import Loss

__all__ = ["digit_codec", "price_per_bit", "train", "untrained"]

SEEDS = (0, 1, 2)
PRICE = 0.01  # of a bit, in the units of the squared error of an image
SETTINGS = {"epochs": 30, "batch_size": 64, "lr": 4e-3, "schedule": "one_cycle"}
_FOLDER = Path(__file__).parent


def price_per_bit(price: float, noise: bool = True) -> Loss:
    r"""The loss of a code that will be rounded to integers, for `ae.fit(model, images, loss=price_per_bit(0.01))`.

    $$E \lVert g(h + u) - x \rVert^2 + \lambda \sum_j \tfrac12 \log_2\!\big(2 \pi e (\operatorname{Var}(h_j) +
    \tfrac1{12})\big)$$ with $u$ uniform between −½ and ½ in each dimension and the variance of the batch: the
    squared error summed over the pixels, and λ times a proxy for the bits of a code.

    Args:
        price: λ, not negative; 0 leaves the second term out.
        noise: whether to add $u$.

    Source: Ballé, Laparra and Simoncelli, "End-to-end optimized image compression", 2017, with a Gaussian for the code.

    Example:
        >>> import aecore as ae, torch
        >>> model = ae.Autoencoder(ae.mlp([4, 2]), ae.mlp([2, 4]))
        >>> sorted(price_per_bit(0.1)(model, torch.rand(8, 4), torch.rand(8, 4)))
        ['error', 'rate']
    """
    if not price >= 0:
        raise ValueError(f"price must not be negative, got {price}")

    def loss(model: Autoencoder, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        h = model.encode(x)
        noisy = h + torch.rand_like(h) - 0.5 if noise else h
        parts = {"error": squared_error(model.decode(noisy), target)}
        if price:
            bits = 0.5 * (2 * math.pi * math.e * (h.var(dim=0) + 1 / 12)).log2().sum()
            parts["rate"] = price * bits
        return parts

    return loss


def untrained(seed: int) -> Autoencoder:
    """784 pixels, a code of 64 numbers, and pixels in [0, 1] again; initial weights that depend on `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        decoder = mlp([64, 256, 784], out_shape=(1, 28, 28))
        return Autoencoder(mlp([784, 256, 64]), nn.Sequential(decoder, nn.Sigmoid()))


def digit_codec(seed: int = 0) -> Autoencoder:
    """A network of 784-256-64-256-784 units that was trained on the 60,000 training digits with `price_per_bit(0.01)`.

    Args:
        seed: 0, 1 or 2, of the initial weights and of the order of the digits.

    Returns:
        the network, on the CPU, in eval mode; its weights have the precision of float16.

    Raises:
        ValueError: for another seed; also if the file of the weights is missing or altered.

    Example:
        >>> import aecore as ae
        >>> digits = ae.mnist("test")[0][:500]
        >>> codec = ae.Codec(digit_codec(0), ae.mnist("train")[0][:5000], step=2.0)
        >>> files = codec.encode(digits)
        >>> 15 < sum(map(len, files)) / 500 < 25
        True
    """
    if seed not in SEEDS:
        raise ValueError(f"seed must be 0, 1 or 2, got {seed}")
    tensors, _ = storage.read(_path(_FOLDER, seed))
    model = untrained(seed)
    restore_state(model, {name: tensor.float() for name, tensor in tensors.items()})
    return model.eval()


def train(seed: int, images: Tensor, folder: Path = _FOLDER, **settings: object) -> Path:
    """Train the network of `seed` on `images`, write its file in `folder`, and return the path.

    Args:
        seed: of the initial weights and of the order of the images.
        images: shape (n, 1, 28, 28), in [0, 1].
        settings: for `ae.fit`, where they differ from `SETTINGS`.
    """
    settings = {**SETTINGS, **settings}
    model = untrained(seed)
    history = fit(model, images, seed=seed, device="cpu", loss=price_per_bit(PRICE), **settings)  # type: ignore[arg-type]
    facts = {**settings, "price": PRICE, "seed": seed, "images": len(images), "torch": torch.__version__}
    facts["loss"] = round(history.loss[-1], 3)
    storage.write(
        path := _path(folder, seed),
        {name: tensor.half() for name, tensor in model.state_dict().items()},
        json.dumps(facts),
    )
    return path


def _path(folder: Path, seed: int) -> Path:
    return folder / f"digit_codec_{seed}.safetensors"


if __name__ == "__main__":
    torch.set_num_threads(1)
    for seed in SEEDS:
        print(train(seed, mnist("train")[0]), flush=True)
