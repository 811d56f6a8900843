"""Checks for the exercises of lecture 01, representation learning."""

from collections.abc import Callable

import torch
import torch.nn as nn
from torch import Tensor

from aecore.losses import squared_error
from aelab.exercises.verdict import CALLED, Verdict, answer, close, draws, judge, tell_apart, tensor_answer, verdict

__all__ = ["check_one_unit", "check_only_copies", "check_pca_reconstruct", "check_squared_error", "check_tied"]


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


def _suspects() -> dict[str, tuple[bool, Callable[[Tensor], Tensor]]]:
    """Name -> (does it only copy?, a model of 784 numbers): simple maps, so that nothing has to be trained."""
    generator = torch.Generator().manual_seed(0)
    tall = torch.linalg.qr(torch.randn(1024, 784, generator=generator)).Q
    few = torch.linalg.qr(torch.randn(784, 10, generator=generator)).Q
    many = torch.linalg.qr(torch.randn(784, 300, generator=generator)).Q
    return {
        "a code of 1,024 numbers": (True, lambda x: x @ tall.T @ tall),
        "a code of 10 numbers": (False, lambda x: x @ few @ few.T),
        "a copy half as dark": (True, lambda x: 0.5 * x),
        "the same image for every input": (False, lambda x: torch.full_like(x, 0.5)),
        "a negative, paper and ink exchanged": (True, lambda x: 1 - x),
        "the mean grey of each image": (False, lambda x: x.mean(dim=1, keepdim=True).expand_as(x)),
        "a code of 300 numbers": (False, lambda x: (x - 0.5) @ many @ many.T + 0.5),
    }


@verdict
def check_only_copies(function: Callable[[Callable[[Tensor], Tensor]], bool], case: int) -> Verdict:
    """Exercise 1.3: `function(model)` says whether `model`, (batch, 784) to the same shape, only copies.

    Example:
        >>> from aelab.exercises.representation_learning import check_only_copies
        >>> check_only_copies(lambda model: True)
        Not yet: you took this for a copier: a code of 10 numbers
    """
    missed, accused = "you let a copier pass: {name}", "you took this for a copier: {name}"
    return tell_apart(function, _suspects(), missed, accused)


@verdict
def check_tied(function: Callable[[int, int], nn.Module], case: int) -> Verdict:
    """Exercise 1.4: `function(inputs, latent_dim)` builds a linear autoencoder whose decoder is its encoder transposed.

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


@verdict
def check_one_unit(function: Callable[[Tensor, float], Tensor], case: int) -> Verdict:
    """Exercise 1.5: `function(losses, scale)` turns squared errors of `scale * images` into those of `images`.

    Example:
        >>> from aelab.exercises.representation_learning import check_one_unit
        >>> check_one_unit(lambda losses, scale: losses / scale)
        Not yet: you divided by the scale; a squared error grows with its square
    """
    scale = (255.0, 7.0)[case]
    (drawn,) = draws(case, (3,))
    losses = scale**2 * (30 + drawn.abs())
    return judge(
        answer(function, losses, scale),
        losses / scale**2,
        "a squared error grows with the square of the scale.",
        {
            "these are the losses of the scaled images: divide": losses,
            "you divided by the scale; a squared error grows with its square": losses / scale,
            "you multiplied; the scaled images have the larger errors": losses * scale**2,
            "you took the root: that is a typical error, in units of the scaled images": losses.sqrt(),
        },
    )
