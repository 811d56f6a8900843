"""A two-sample test for images: how well a network learns to tell two sets apart."""

import torch
from torch import Tensor

from aecore import _check
from aecore.losses import bernoulli_log_prob
from aecore.models import mlp
from aecore.training import fit

__all__ = ["told_apart"]


def told_apart(first: Tensor, second: Tensor, *, seed: int = 0, epochs: int = 15) -> float:
    """How often a small network is right about which of two sets an image comes from: 50 is guessing, 100 certainty.

    It learns from the first half of each set, and is asked about the second. Each set has to be in random order: a
    network would also learn that the first half of the MNIST test set is tidier than the second.

    Args:
        first, second: images in [0, 1] of one shape (n, ...), n at least 4.
        seed: of the network's weights and batches.
        epochs: of training.

    Returns:
        Percent of the held-out images that are named right.

    Raises:
        TypeError, ValueError: for images of another shape or range, or fewer than four of a kind.

    Source: Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", 2017.

    Example:
        >>> told_apart(torch.zeros(400, 1, 2, 2), torch.ones(400, 1, 2, 2))
        100.0
    """
    _check.tensor("first", first, min_ndim=2, low=0, high=1)
    _check.tensor("second", second, low=0, high=1)
    _check.same_shape("second", second, "first", first)
    if len(first) < 4:
        raise ValueError(f"first must hold at least 4 images, got {len(first)}")
    half = len(first) // 2
    x = torch.cat([first[:half], second[:half]]).flatten(1)
    truth = torch.cat([torch.zeros(half, 1), torch.ones(half, 1)]).to(x)
    torch.manual_seed(seed)
    critic = mlp([x.shape[1], 128, 1]).to(x)

    def loss(model: torch.nn.Module, batch: Tensor, target: Tensor) -> Tensor:
        return -bernoulli_log_prob(model(batch[:, 1:]), batch[:, :1])

    fit(
        critic, torch.cat([truth, x], dim=1), epochs=epochs, batch_size=100, lr=2e-3, loss=loss, seed=seed, device="cpu"
    )
    with torch.no_grad():
        scores = [critic(images[half:].flatten(1)) for images in (first, second)]
    right = torch.cat([scores[0] < 0, scores[1] > 0])
    return 100 * right.float().mean().item()
