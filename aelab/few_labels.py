"""What a representation is worth where labels are few: the experiment that lectures 01 and 04 share."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from aecore import _check
from aecore.evaluation import linear_probe

__all__ = ["labelled", "probe_accuracy"]

DRAWS = 5  # of the labelled images


def labelled(labels: Tensor, per_class: int, seed: int) -> Tensor:
    """Which images get a label: `per_class` of each of the ten classes, drawn by the seed.

    Args:
        labels: int64 of shape (n,), the digits 0 to 9, at least `per_class` of each.
        per_class: how many of each.
        seed: of the draw.

    Returns:
        indices, int64 of shape (10 * per_class,), on the device of the labels.

    Raises:
        ValueError: if a class has fewer images.

    Example:
        >>> import torch
        >>> labelled(torch.arange(10).repeat(3), 2, seed=0).shape
        torch.Size([20])
    """
    per_class = _check.count("per_class", per_class)
    generator = torch.Generator().manual_seed(seed)
    chosen, on_cpu = [], labels.cpu()
    for digit in range(10):
        members = (on_cpu == digit).nonzero()[:, 0]
        if len(members) < per_class:
            raise ValueError(f"labels must have {per_class} of each class, got {len(members)} of {digit}")
        chosen.append(members[torch.randperm(len(members), generator=generator)[:per_class]])
    return torch.cat(chosen).to(labels.device)


def probe_accuracy(
    encode: Callable[[Tensor], Tensor],
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    budgets: Sequence[int] = (10, 100, 1000),
) -> Tensor:
    """Test accuracy of a linear probe on `encode(images)`, in %, for each budget of labels and each of five draws.

    Args:
        encode: images to codes of shape (batch, k); it is called without gradients.
        train, test: images and labels.
        budgets: numbers of labelled images, multiples of 10, equally many of each class.

    Returns:
        float32 of shape (budgets, 5).

    Raises:
        ValueError: for a budget that is no multiple of 10.

    Source: Alain and Bengio, "Understanding intermediate layers using linear classifier probes", 2016.

    Example:
        >>> import torch
        >>> pair = torch.rand(60, 1, 2, 2), torch.arange(10).repeat(6)
        >>> probe_accuracy(lambda x: x.flatten(1), pair, pair, budgets=(10, 20)).shape
        torch.Size([2, 5])
    """
    if any(budget < 10 or budget % 10 for budget in budgets):
        raise ValueError(f"budgets must be multiples of 10, got {tuple(budgets)}")
    rows = []
    with torch.no_grad():
        codes = encode(test[0])
        for budget in budgets:
            draws = [labelled(train[1], budget // 10, seed) for seed in range(DRAWS)]
            rows.append([linear_probe(encode(train[0][i]), train[1][i], codes, test[1]) for i in draws])
    return 100 * torch.tensor(rows)
