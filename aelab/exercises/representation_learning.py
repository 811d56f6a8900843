"""Checks for the exercises of lecture 01, representation learning."""

from collections.abc import Callable

import torch
import torch.nn as nn
from torch import Tensor

from aecore.losses import squared_error
from aelab.exercises.verdict import CALLED, Verdict, answer, close, draws, judge, tensor_answer, verdict

__all__ = [
    "check_few_labels",
    "check_pca_reconstruct",
    "check_principal_angles",
    "check_squared_error",
    "check_tied",
]


@verdict
def check_squared_error(function: Callable[[Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 1.1: `function(x_hat, x)` gives the squared error of each image, shape (batch,).

    Example:
        >>> from aelab.exercises.representation_learning import check_squared_error
        >>> check_squared_error(lambda x_hat, x: (x_hat - x).square().mean(dim=(1, 2, 3)))
        Not yet: you averaged over the pixels; sum over them, so that the error of an image is one number in ...
    """
    generator = torch.Generator().manual_seed(case)
    x_hat, x = torch.rand(2, 6, 1, 4, 4, generator=generator)
    error = (x_hat - x).square().flatten(1)
    return judge(
        answer(function, x_hat, x),
        squared_error(x_hat, x),
        "summed over the pixels, one number per image.",
        {
            "you averaged over the pixels; sum over them, so that the error of an image is one number in "
            "the units of the whole image": error.mean(dim=1),
            "you averaged over the batch as well; keep one number per image": error.sum(dim=1).mean(),
            "you averaged over pixels and batch, as F.mse_loss does by default": error.mean(),
            "you summed over the batch as well; keep one number per image": error.sum(),
            "you summed over the batch and kept the pixels; it is the other way round": error.sum(dim=0),
            "the square is missing: these are absolute errors": (x_hat - x).abs().flatten(1).sum(dim=1),
            "you took the square root: the loss is the squared length": error.sum(dim=1).sqrt(),
        },
    )


@verdict
def check_pca_reconstruct(function: Callable[[Tensor, Tensor, int], Tensor], case: int) -> Verdict:
    """Exercise 1.2: `function(train, test, k)` projects test rows on the first k principal components of train.

    Example:
        >>> from aelab.exercises.representation_learning import check_pca_reconstruct
        >>> check_pca_reconstruct(lambda train, test, k: test)
        Not yet: this is the input itself; k components must lose something
    """
    generator = torch.Generator().manual_seed(case)
    k = (2, 3)[case]
    train = torch.randn(200, 5, generator=generator) * torch.tensor([3.0, 2.0, 1.0, 0.5, 0.1]) + 4
    test = torch.randn(50, 5, generator=generator) * torch.tensor([0.1, 0.5, 1.0, 2.0, 3.0]) + 4

    def project(source: Tensor, centre: Tensor, rows: slice) -> Tensor:
        axes = torch.linalg.svd(source, full_matrices=False).Vh[rows]
        return (test - centre) @ axes.T @ axes + centre

    mean, zero = train.mean(dim=0), torch.zeros(5)
    return judge(
        answer(function, train, test, k),
        project(train - mean, mean, slice(k)),
        "the closest point of the best plane of the training set.",
        {
            "this is the input itself; k components must lose something": test,
            "you did not subtract the mean of the training set before the decomposition": project(
                train, zero, slice(k)
            ),
            "you forgot to add the mean back": project(train - mean, mean, slice(k)) - mean,
            "you fitted the components on the test set: that is looking at the answers": project(
                test - test.mean(dim=0), test.mean(dim=0), slice(k)
            ),
            "you took the last components; eigh sorts eigenvalues in ascending order": project(
                train - mean, mean, slice(5 - k, 5)
            ),
        },
    )


@verdict
def check_principal_angles(function: Callable[[Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 1.3: `function(a, b)` gives the principal angles between two column spaces, radians, ascending.

    Example:
        >>> from aelab.exercises.representation_learning import check_principal_angles
        >>> check_principal_angles(lambda a, b: None)
        Not done yet: <lambda> returns nothing
    """
    a, b = draws(case, (7, 3), (7, 3))
    cosines = torch.linalg.svdvals(torch.linalg.qr(a).Q.T @ torch.linalg.qr(b).Q)
    unit = [matrix / matrix.norm(dim=0) for matrix in (a, b)]
    angles = cosines.clamp(-1, 1).acos().sort().values
    value = tensor_answer(function, a, b)
    if value.isnan().any():
        return Verdict(False, "the result holds nan: rounding can push a cosine above 1; clamp before acos")
    return judge(
        value,
        angles,
        "they do not depend on the basis that spans each subspace.",
        {
            "these are the cosines; take acos": cosines,
            "these are cosines in ascending order; take acos": cosines.flip(0),
            "the angles are right, in degrees; give radians": angles.rad2deg(),
            "the angles are right, in descending order": angles.flip(0),
            "you compared the columns one by one; a subspace has many bases": (unit[0] * unit[1]).sum(dim=0).acos(),
            "the columns have length 1 but are not orthogonal; use qr": torch.linalg.svdvals(unit[0].T @ unit[1])
            .clamp(-1, 1)
            .acos()
            .sort()
            .values,
        },
    )


@verdict
def check_few_labels(function: Callable[[Tensor, int, int], Tensor], case: int) -> Verdict:
    """Exercise 1.4: `function(labels, per_class, seed)` draws that many indices of each class, without repeats.

    Example:
        >>> import torch
        >>> from aelab.exercises.representation_learning import check_few_labels
        >>> check_few_labels(lambda labels, per_class, seed: torch.arange(3 * per_class))
        Not yet: class 0 must have 5 indices, got 15
    """
    labels, per_class = (torch.arange(300) + case) % 3, (5, 7)[case]
    labels[:60] = 0
    first, again, other = (tensor_answer(function, labels, per_class, seed) for seed in (0, 0, 1))
    if first.is_floating_point() or first.dtype == torch.bool or first.ndim != 1:
        return Verdict(False, f"return a 1-D integer tensor of indices, got {first.dtype}, shape {tuple(first.shape)}")
    if len(first) and (first.min() < 0 or first.max() >= 300):
        return Verdict(False, f"indices must be from 0 to 299, got {int(first.min())} to {int(first.max())}")
    if len(first.unique()) != len(first):
        return Verdict(False, "an index appears twice: draw without replacement, e.g. with torch.randperm")
    for digit in range(3):
        found = int((labels[first.long()] == digit).sum())
        if found != per_class:
            return Verdict(False, f"class {digit} must have {per_class} indices, got {found}")
    if not torch.equal(first, again):
        return Verdict(False, "the same seed gave two different sets: pass a seeded generator to randperm")
    if torch.equal(first.sort().values, other.sort().values):
        return Verdict(False, "another seed gave the same set: without variation there are no error bars")
    return Verdict(True, "balanced, without repeats, and another draw for every seed.")


@verdict
def check_tied(function: Callable[[int, int], nn.Module], case: int) -> Verdict:
    """Exercise 1.5: `function(inputs, latent_dim)` builds a linear autoencoder whose decoder is its encoder transposed.

    Example:
        >>> import aecore as ae, torch
        >>> from aelab.exercises.representation_learning import check_tied
        >>> check_tied(lambda n, k: ae.Autoencoder(torch.nn.Linear(n, k), torch.nn.Linear(k, n)))
        Not yet: there are 58 parameters; with one shared 6×4 matrix and at most a bias at each end there ...
    """
    if isinstance(function, nn.Module):
        return Verdict(False, f"{CALLED}; got {type(function).__name__}")
    n, k = ((6, 4), (7, 3))[case]
    model = answer(function, n, k)
    if not isinstance(model, nn.Module):
        return Verdict(False, f"the result must be an nn.Module, got {type(model).__name__}")
    count = sum(parameter.numel() for parameter in model.parameters())
    if count not in (n * k, n * k + k, n * k + n, n * k + k + n):
        return Verdict(
            False,
            f"there are {count} parameters; with one shared {n}×{k} matrix and at most a bias at each end there "
            f"would be {n * k} to {n * k + n + k}: the decoder has a weight of its own",
        )
    x = torch.randn(5, n)
    x_hat, at_zero = tensor_answer(model, x), tensor_answer(model, torch.zeros(1, n))
    if x_hat.shape != x.shape or at_zero.shape != (1, n):
        return Verdict(False, f"the model must keep the shape (5, {n}) of its argument, got {tuple(x_hat.shape)}")
    jacobian = torch.autograd.functional.jacobian(lambda x: tensor_answer(model, x).sum(dim=0), x).permute(1, 0, 2)[0]
    if not close(x_hat, x @ jacobian.T + at_zero):
        return Verdict(False, "the model is not linear: leave the activation out")
    if not close(jacobian, jacobian.T):
        return Verdict(False, "the reconstruction is not x·WᵀW: use the transpose of the encoder's weight to decode")
    return Verdict(True, "one matrix, used in both directions: the reconstruction is a symmetric map.")
