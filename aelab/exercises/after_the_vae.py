"""Checks for the exercises of lecture 09, after the VAE."""

from collections.abc import Callable

import torch
from torch import Tensor

from aelab.exercises.verdict import Verdict, draws, judge, tensor_answer, verdict

__all__ = ["check_straight_through"]


@verdict
def check_straight_through(function: Callable[[Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 9.1: `function(z, codebook)` is the nearest entry, with the gradient of the identity, shape (m, d).

    Example:
        >>> import torch
        >>> from aelab.exercises.after_the_vae import check_straight_through
        >>> check_straight_through(lambda z, codebook: codebook[torch.cdist(z, codebook).argmin(dim=1)])
        Not yet: the entries are right, but no gradient reaches the encoder: argmin has none
    """
    z, codebook, weight = draws(case, (7, 3), (5, 3), (7, 3))
    nearest = torch.cdist(z, codebook).argmin(dim=1)
    z, codebook = z.requires_grad_(), codebook.requires_grad_()
    value = tensor_answer(function, z, codebook)
    entries = codebook.detach()[nearest]
    outcome = judge(
        value,
        entries,
        "forward the entry, backward the identity.",
        {
            "this is z itself: the decoder has to see the entry": z.detach(),
            "these are the farthest entries: argmin, not argmax": codebook.detach()[
                torch.cdist(z, codebook).argmax(dim=1)
            ],
            "this is entry minus z; add z": entries - z.detach(),
            "these are the numbers of the entries; the decoder gets the entries": nearest,
        },
    )
    if not outcome:
        return outcome
    if not value.requires_grad:
        return Verdict(False, "the entries are right, but you detached everything: there is no gradient at all")
    to_z, to_codebook = torch.autograd.grad((value * weight).sum(), (z, codebook), allow_unused=True)
    if to_z is None or not to_z.any():
        return Verdict(False, "the entries are right, but no gradient reaches the encoder: argmin has none")
    if not torch.allclose(to_z, weight):
        return Verdict(False, "a gradient reaches z, but not that of the identity")
    if to_codebook is not None and to_codebook.any():
        return Verdict(False, "the reconstruction pulls at the codebook too; detach the whole step from z to the entry")
    return outcome
