"""Checks for the exercises of lecture 01, representation learning."""

from collections.abc import Callable

import torch
import torch.nn as nn
from torch import Tensor

from aecore.exercises.verdict import Verdict, answer, close, judge, verdict
from aecore.losses import squared_error

__all__ = [
    "check_few_labels",
    "check_pca_reconstruct",
    "check_principal_angles",
    "check_squared_error",
    "check_tied",
]


@verdict
def check_squared_error(function: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Exercise 1.1: `function(x_hat, x)` gives the squared error of each image, shape (batch,).

    Example:
        >>> from aecore.exercises.representation_learning import check_squared_error
        >>> check_squared_error(lambda x_hat, x: (x_hat - x).square().mean(dim=(1, 2, 3)))
        Not yet: you averaged over the pixels; sum over them, so that the error of an image is one number in ...
    """
    generator = torch.Generator().manual_seed(0)
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
def check_pca_reconstruct(function: Callable[[Tensor, Tensor, int], Tensor]) -> Verdict:
    """Exercise 1.2: `function(train, test, k)` projects test rows on the first k principal components of train.

    Example:
        >>> from aecore.exercises.representation_learning import check_pca_reconstruct
        >>> check_pca_reconstruct(lambda train, test, k: test)
        Not yet: this is the input itself; k components must lose something
    """
    generator = torch.Generator().manual_seed(0)
    train = torch.randn(200, 5, generator=generator) * torch.tensor([3.0, 2.0, 1.0, 0.5, 0.1]) + 4
    test = torch.randn(50, 5, generator=generator) * torch.tensor([0.1, 0.5, 1.0, 2.0, 3.0]) + 4

    def project(source: Tensor, centre: Tensor, rows: slice) -> Tensor:
        axes = torch.linalg.svd(source, full_matrices=False).Vh[rows]
        return (test - centre) @ axes.T @ axes + centre

    mean, zero = train.mean(dim=0), torch.zeros(5)
    return judge(
        answer(function, train, test, 2),
        project(train - mean, mean, slice(2)),
        "the closest point of the best plane of the training set.",
        {
            "this is the input itself; k components must lose something": test,
            "you did not subtract the mean of the training set before the decomposition": project(
                train, zero, slice(2)
            ),
            "you forgot to add the mean back": project(train - mean, mean, slice(2)) - mean,
            "you fitted the components on the test set: that is looking at the answers": project(
                test - test.mean(dim=0), test.mean(dim=0), slice(2)
            ),
            "you took the last components; eigh sorts eigenvalues in ascending order": project(
                train - mean, mean, slice(3, 5)
            ),
        },
    )


@verdict
def check_principal_angles(function: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Exercise 1.3: `function(a, b)` gives the principal angles between two column spaces, radians, ascending.

    Example:
        >>> from aecore.exercises.representation_learning import check_principal_angles
        >>> check_principal_angles(lambda a, b: None)
        Not yet: not done yet: <lambda> returns nothing
    """
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 7, 3, generator=generator, dtype=torch.float64)
    cosines = torch.linalg.svdvals(torch.linalg.qr(a).Q.T @ torch.linalg.qr(b).Q)
    unit = [matrix / matrix.norm(dim=0) for matrix in (a, b)]
    angles = cosines.clamp(-1, 1).acos().sort().values
    value = torch.as_tensor(answer(function, a, b))
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
def check_few_labels(function: Callable[[Tensor, int, int], Tensor]) -> Verdict:
    """Exercise 1.4: `function(labels, per_class, seed)` draws that many indices of each class, without repeats.

    Example:
        >>> import torch
        >>> from aecore.exercises.representation_learning import check_few_labels
        >>> check_few_labels(lambda labels, per_class, seed: torch.arange(3 * per_class))
        Not yet: class 0 has 15 indices and should have 5
    """
    labels = torch.arange(300) % 3
    labels[:60] = 0
    first, again, other = (torch.as_tensor(answer(function, labels, 5, seed)) for seed in (0, 0, 1))
    if first.is_floating_point() or first.ndim != 1:
        return Verdict(False, f"return a 1-D integer tensor of indices, got {first.dtype}, shape {tuple(first.shape)}")
    if len(first.unique()) != len(first):
        return Verdict(False, "an index appears twice: draw without replacement, e.g. with torch.randperm")
    for digit in range(3):
        found = int((labels[first] == digit).sum())
        if found != 5:
            return Verdict(False, f"class {digit} has {found} indices and should have 5")
    if not torch.equal(first, again):
        return Verdict(False, "the same seed gave two different sets: pass a seeded generator to randperm")
    if torch.equal(first.sort().values, other.sort().values):
        return Verdict(False, "another seed gave the same set: without variation there are no error bars")
    return Verdict(True, "balanced, without repeats, and another draw for every seed.")


@verdict
def check_tied(function: Callable[[int, int], nn.Module]) -> Verdict:
    """Exercise 1.5: `function(inputs, latent_dim)` builds a linear autoencoder whose decoder is its encoder transposed.

    Example:
        >>> import aecore as ae, torch
        >>> from aecore.exercises.representation_learning import check_tied
        >>> check_tied(lambda n, k: ae.Autoencoder(torch.nn.Linear(n, k), torch.nn.Linear(k, n)))
        Not yet: there are 58 parameters; with one shared 6×4 matrix and at most a bias at each end there ...
    """
    torch.manual_seed(0)
    model = answer(function, 6, 4)
    if not isinstance(model, nn.Module):
        return Verdict(False, f"return an nn.Module, got {type(model).__name__}")
    count = sum(parameter.numel() for parameter in model.parameters())
    if count not in (24, 24 + 4, 24 + 6, 24 + 4 + 6):
        return Verdict(
            False,
            f"there are {count} parameters; with one shared 6×4 matrix and at most a bias at each end there "
            "would be 24 to 34: the decoder has a weight of its own",
        )
    x = torch.randn(5, 6)
    zero = torch.zeros(1, 6)
    jacobian = torch.autograd.functional.jacobian(lambda x: answer(model, x).sum(dim=0), x).permute(1, 0, 2)[0]
    if not close(answer(model, x), x @ jacobian.T + answer(model, zero)):
        return Verdict(False, "the model is not linear: leave the activation out")
    if not close(jacobian, jacobian.T):
        return Verdict(False, "the reconstruction is not x·WᵀW: use the transpose of the encoder's weight to decode")
    return Verdict(True, "one matrix, used in both directions: the reconstruction is a symmetric map.")
