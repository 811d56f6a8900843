"""Checks for the exercises of lecture 09, after the VAE."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from aelab.exercises.verdict import Verdict, answer, draws, judge, pair, tensor_answer, verdict

__all__ = ["check_flow", "check_levels", "check_step_back", "check_straight_through"]


@verdict
def check_flow(function: Callable[[Callable[[Tensor], Tensor], Tensor], tuple[Tensor, Tensor]], case: int) -> Verdict:
    """Exercise 9.1: `function(flow, eps)` gives z and log q(z) by (9.1), each of shape (n,).

    Example:
        >>> from torch.distributions import Normal
        >>> from aelab.exercises.after_the_vae import check_flow
        >>> check_flow(lambda flow, eps: (flow(eps), Normal(0.0, 1.0).log_prob(eps)))
        Not yet: log q: this is the density of eps; where the flow stretches, q is thinner
    """
    (eps,) = draws(case, (9,))
    line, height, steep, place = ((0.7, 1.5, 2.0, 0.3), (1.3, 0.8, 4.0, -0.5))[case]

    def flow(noise: Tensor) -> Tensor:
        return line * noise + height * (steep * (noise - place)).tanh()

    slope = line + height * steep * (1 - (steep * (eps - place)).tanh().square())
    base = -0.5 * (eps.square() + math.log(2 * math.pi))
    z, log_q = pair(answer(function, flow, eps), "z and log q")
    found = judge(z, flow(eps), "", {"this is eps; send it through the flow": eps})
    if not found:
        return Verdict(False, f"z: {found.message}")
    density = judge(
        log_q,
        base - slope.log(),
        "the density of the noise, less the logarithm of the stretch.",
        {
            "this is the density of eps; where the flow stretches, q is thinner": base,
            "the sign is wrong: where the flow stretches, q is thinner": base + slope.log(),
            "the logarithm of the derivative is missing": base - slope,
            "this is the density; its logarithm is missing": base.exp() / slope,
            "the base density belongs at eps, not at z": -0.5 * (flow(eps).square() + math.log(2 * math.pi))
            - slope.log(),
            "the sum over the draws; keep one number for each": (base - slope.log()).sum(),
        },
    )
    return density if density else Verdict(False, f"log q: {density.message}")


@verdict
def check_straight_through(function: Callable[[Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 9.2: `function(z, codebook)` is the nearest entry, with the gradient of the identity, shape (m, d).

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


def _grey_levels(x: Tensor, mean: float, scale: float) -> tuple[Tensor, Tensor]:
    """log p of each level by (9.7), finite everywhere; and the same without what lies beyond the ends."""
    above, below = (x + 1 / 510 - mean) / scale, (x - 1 / 510 - mean) / scale
    inside = F.logsigmoid(above) + F.logsigmoid(-below) + torch.log(-torch.expm1(below - above))
    first, last = x < 1 / 510, x > 509 / 510
    return torch.where(first, F.logsigmoid(above), torch.where(last, F.logsigmoid(-below), inside)), inside


@verdict
def check_levels(function: Callable[[Tensor, float, float], Tensor], case: int) -> Verdict:
    """Exercise 9.3: `function(x, mean, scale)` is log p of each grey level by (9.7), shape (m,), finite everywhere.

    Example:
        >>> import torch
        >>> from aelab.exercises.after_the_vae import check_levels
        >>> check_levels(lambda x, mean, scale: torch.sigmoid((x - mean) / scale).log())
        Not yet: this is S at the level itself: take S at the upper edge minus S at the lower one
    """
    mean, scale = ((0.3, 0.05), (0.7, 0.02))[case]
    x = torch.tensor([0, 1, 40, 77, 120, 200, 254, 255], dtype=torch.float64) / 255
    expected, inside = _grey_levels(x, mean, scale)
    middle = (x - mean) / scale
    density = F.logsigmoid(middle) + F.logsigmoid(-middle) - torch.tensor(scale).log()
    value = answer(function, x, mean, scale)
    outcome = judge(
        value,
        expected,
        "the probability of the interval around each level, and the ends take what lies beyond.",
        {
            "the lowest and the highest level also get what lies beyond them": inside,
            "this is the probability; its logarithm is missing": expected.exp(),
            "this is the log-density; (9.7) is the probability of an interval": density,
            "the sum over the levels; keep one number for each": expected.sum(),
            "this is S at the level itself: take S at the upper edge minus S at the lower one": F.logsigmoid(middle),
        },
    )
    if outcome:
        tight, narrow = torch.tensor([0.0, 0.2, 0.5, 1.0], dtype=torch.float32), 0.002
        true, _ = _grey_levels(tight.double(), 0.1, narrow)
        far = tensor_answer(function, tight, 0.1, narrow).double()
        if far.shape != true.shape or not torch.allclose(far, true, rtol=1e-3, atol=1e-2):
            return Verdict(
                False,
                "right where S differs between the edges; far out both are 0 or 1 to all digits, and the logarithm of "
                "their difference is lost: use S(a) − S(b) = S(a) S(−b) (1 − e^(b−a)) and logsigmoid",
            )
    return outcome


@verdict
def check_step_back(function: Callable[[Tensor, Tensor, float, float], tuple[Tensor, float]], case: int) -> Verdict:
    """Exercise 9.4: `function(z_t, z_0, before, after)` gives mean and variance of q(z_{t-1} | z_t, z_0).

    Example:
        >>> from aelab.exercises.after_the_vae import check_step_back
        >>> check_step_back(lambda z_t, z_0, before, after: (before**0.5 * z_0, 1 - before))
        Not yet: the mean: this is the mean given z_0 alone; z_t says more
    """
    z_t, z_0 = draws(case, (6,), (6,))
    before, after = ((0.8, 0.6), (0.3, 0.2))[case]
    keep = after / before  # 1 - b_t
    gain = keep**0.5 * (1 - before) / (1 - after)
    mean = before**0.5 * z_0 + gain * (z_t - after**0.5 * z_0)
    first, second = pair(answer(function, z_t, z_0, before, after), "the mean and the variance")
    found = judge(
        first,
        mean,
        "",
        {
            "this is the mean given z_0 alone; z_t says more": before**0.5 * z_0,
            "this is the mean given z_t, as if nothing were known of z_0": keep**0.5 * z_t,
            "the two have changed places: z_t and z_0": before**0.5 * z_t + gain * (z_0 - after**0.5 * z_t),
            "the way from t − 1 to t keeps the square root of ᾱ_t / ᾱ_{t−1}": before**0.5 * z_0
            + keep * (1 - before) / (1 - after) * (z_t - after**0.5 * z_0),
        },
    )
    if not found:
        return Verdict(False, f"the mean: {found.message}")
    variance = (1 - keep) * (1 - before) / (1 - after)
    spread = judge(
        second,
        torch.tensor(variance, dtype=torch.float64),
        "two Gaussians that meet at z_{t−1}: what z_0 says and what z_t says.",
        {
            "this is b_t, the noise of the step forward; z_0 is known, so less is left": torch.tensor(1 - keep),
            "this is the variance given z_0 alone": torch.tensor(1 - before),
            "this is the standard deviation": torch.tensor(variance**0.5),
        },
    )
    return spread if spread else Verdict(False, f"the variance: {spread.message}")
