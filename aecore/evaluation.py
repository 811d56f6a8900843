"""How good is it? Likelihood, used latent dimensions, usefulness of a code, fidelity of a picture."""

import math
import warnings

import torch
from torch import Tensor

from aecore import _check
from aecore._extra import lab_package
from aecore._modes import eval_mode
from aecore.losses.likelihoods import bernoulli_rows, gaussian_rows
from aecore.losses.precision import at_least_float32
from aecore.models.parts import call_part, data_bounds
from aecore.models.vae import VAE, is_bernoulli, posterior_draws

__all__ = ["active_units", "linear_probe", "log_likelihood", "psnr"]

# Pictures decoded at once on a CPU. The output for 500 pictures of MNIST (1.6 MB) stays in the processor's cache, and
# its log-probabilities take a third of the time that they take when it has to be read back from memory.
_BLOCK = 500


def log_likelihood(
    vae: VAE,
    x: Tensor,
    samples: int = 5000,
    *,
    chunk: int = 10_000,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Importance-sampled log p(x): the importance-weighted bound with many samples.

    $$\log p(x) \approx \log \frac1k \sum_{i=1}^k \frac{p(x|z_i)\, p(z_i)}{q(z_i|x)}, \quad z_i \sim q(z|x)$$

    Args:
        vae: the model; its likelihood decides what x may be. It is judged in eval mode, and keeps its own. What counts
            is its `posterior`, `decoder`, `likelihood` and `sigma`.
        x: shape (batch, ...). For a Bernoulli likelihood, binarize first and say how.
        samples: k, draws of z for each x.
        chunk: draws of z held in memory at once. On a CPU they are decoded 500 at a time, elsewhere all together
            (10,000 pictures of 784 floats are 31 MB a layer), so that memory does not grow with `samples` or x.
        generator: source of randomness; torch's global one if left out.

    Returns:
        Nats, shape (batch,). In expectation a lower bound of log p(x), tight as k grows.

    Raises:
        TypeError, ValueError: for arguments of another kind, shape or range.

    Source: Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", 2016, equation 8 and section 5.

    Example:
        >>> import aecore as ae, torch
        >>> vae = ae.VAE(ae.mlp([4, 2 * 2]), ae.mlp([2, 4]))
        >>> ae.log_likelihood(vae, torch.ones(3, 4), samples=100).shape
        torch.Size([3])
    """
    if not isinstance(vae, VAE):
        raise TypeError(f"vae must be an aecore.VAE, got {type(vae).__name__}")
    samples, chunk = _check.count("samples", samples), _check.count("chunk", chunk)
    _check.tensor("x", x, min_ndim=2, **data_bounds(vae))
    draws = min(samples, chunk)
    # x is checked; if a network does not give numbers, the result shows it.
    with torch.no_grad(), eval_mode(vae), _check.value_checks(False):
        batches = x.split(max(1, chunk // draws))
        result = torch.cat([_log_mean_weight(vae, batch, samples, draws, generator) for batch in batches])
    if bool(result.isnan().any()):
        raise ValueError(f"vae must give numbers, got nan for image {int(result.isnan().nonzero()[0])} of x")
    return result


def _log_mean_weight(vae: VAE, x: Tensor, samples: int, draws: int, generator: torch.Generator | None) -> Tensor:
    mean, logvar = vae.posterior(x)  # once, and not anew for every part of the draws
    (log_sum,) = at_least_float32(torch.full((len(x),), -math.inf, dtype=x.dtype, device=x.device))
    for start in range(0, samples, draws):
        z, log_ratio = posterior_draws(mean, logvar, min(draws, samples - start), generator)
        log_w = _log_prob_of_draws(vae, x, z) + log_ratio
        log_sum = torch.logaddexp(log_sum, torch.logsumexp(log_w, dim=0))
    return log_sum - math.log(samples)


def _log_prob_of_draws(vae: VAE, x: Tensor, z: Tensor) -> Tensor:
    """log p(x|z) for z of shape (draws, batch, latent_dim): shape (draws, batch), decoded block by block."""
    draws, batch = z.shape[:2]
    block = _BLOCK if z.device.type == "cpu" else draws * batch
    (log_prob,) = at_least_float32(z.new_empty(draws, batch))
    images = max(1, block // draws)  # at once; many draws: one image; few: many images
    for first in range(0, batch, images):
        at = slice(first, first + images)
        for start in range(0, draws, block):
            part = z[start : start + block, at]
            output = call_part(vae, "decoder", "z", part.flatten(0, 1))
            if output.shape[1:] != x.shape[1:]:
                raise ValueError(
                    f"x must have the shape of the decoder's output, {tuple(output.shape[1:])}, "
                    f"got {tuple(x.shape[1:])}"
                )
            outputs, pixels = at_least_float32(output.reshape(*part.shape[:2], -1), x[at].flatten(1))
            if is_bernoulli(vae):
                log_prob[start : start + block, at] = bernoulli_rows(outputs, pixels)
            else:
                log_prob[start : start + block, at] = gaussian_rows(pixels, outputs, vae.sigma)
    return log_prob


def active_units(vae: VAE, x: Tensor, *, threshold: float = 1e-2) -> Tensor:
    r"""Which latent dimensions are used: those whose posterior mean moves with the data.

    A dimension j is active if $\operatorname{Var}_x(E_{q(z|x)}[z_j]) > 0.01$.

    Args:
        vae: the model. It is judged in eval mode, and keeps its own.
        x: at least two images, shape (batch, ...).
        threshold: variance above which a dimension counts as active, at least 0.

    Returns:
        Bool, shape (latent_dim,); `.sum()` counts them.

    Raises:
        TypeError, ValueError: for arguments of another kind, shape or range.

    Source: Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", 2016, section 5.

    Example:
        >>> import aecore as ae, torch
        >>> ae.active_units(ae.VAE(ae.mlp([4, 2 * 2]), ae.mlp([2, 4])), torch.rand(100, 4)).shape
        torch.Size([2])
    """
    if not isinstance(vae, VAE):
        raise TypeError(f"vae must be an aecore.VAE, got {type(vae).__name__}")
    _check.tensor("x", x, min_ndim=2, **data_bounds(vae))
    threshold = _check.number("threshold", threshold, low=0)
    if len(x) < 2:
        raise ValueError(f"x must hold at least two images to have a variance, got {len(x)}")
    with torch.no_grad(), eval_mode(vae):
        return vae.posterior(x)[0].var(dim=0) > threshold


def linear_probe(
    train_codes: Tensor,
    train_labels: Tensor,
    test_codes: Tensor,
    test_labels: Tensor,
    *,
    penalty: float = 1.0,
) -> float:
    """Accuracy of a linear classifier on codes: how much of the label can be decoded linearly.

    Logistic regression (scikit-learn) on codes that are centred and divided by one common number, their
    root-mean-square length. Scaling each dimension on its own would change the geometry that is to be judged:
    it blows up border pixels that are almost always 0, and makes raw pixels look worse than they are.

    Args:
        train_codes: shape (n, dim); train_labels: integers, shape (n,), of at least two classes.
        test_codes: shape (m, dim); test_labels: integers, shape (m,).
        penalty: strength of the L2 penalty, 1/C in scikit-learn, positive.

    Returns:
        Share of test codes classified correctly, in [0, 1].

    Raises:
        TypeError, ValueError: for other shapes or dtypes, values that are not finite, or a single class.

    Source: Alain and Bengio, "Understanding intermediate layers using linear classifier probes", 2016.

    Example:
        >>> import aecore as ae, torch
        >>> codes, labels = torch.tensor([[-1.0], [-2.0], [1.0], [2.0]]), torch.tensor([0, 0, 1, 1])
        >>> ae.linear_probe(codes, labels, codes, labels)
        1.0
    """
    _check.tensor("train_codes", train_codes, ndim=2)
    _check.tensor("test_codes", test_codes, ndim=2)
    if train_codes.shape[1] != test_codes.shape[1]:
        raise ValueError(f"test_codes must have {train_codes.shape[1]} columns, got {test_codes.shape[1]}")
    _check.labels("train_labels", train_labels, len(train_codes))
    _check.labels("test_labels", test_labels, len(test_codes))
    if len(train_labels.unique()) < 2:
        raise ValueError("train_labels must hold at least two classes, got one")
    penalty = _check.number("penalty", penalty, low=0, open_low=True)
    linear_model = lab_package("sklearn.linear_model", "aecore.linear_probe")
    too_few_steps = lab_package("sklearn.exceptions", "aecore.linear_probe").ConvergenceWarning
    train, test = (at_least_float32(codes.detach().cpu())[0] for codes in (train_codes, test_codes))
    centre = train.mean(dim=0)
    length = (train - centre).square().sum(dim=1).mean().sqrt().item() or 1.0  # 0: every code is the same
    probe = linear_model.LogisticRegression(C=1 / penalty, max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", too_few_steps)  # 200 steps settle the accuracy, not every weight
        probe.fit(((train - centre) / length).numpy(), train_labels.cpu().numpy())
    return float(probe.score(((test - centre) / length).numpy(), test_labels.cpu().numpy()))


def psnr(x_hat: Tensor, x: Tensor) -> Tensor:
    r"""Peak signal-to-noise ratio of pictures in [0, 1]: $-10 \log_{10}$ of the mean squared error.

    Args:
        x_hat: reconstructions, shape (batch, ...). They may leave [0, 1], as a linear decoder's do.
        x: originals in [0, 1], same shape.

    Returns:
        Decibels, shape (batch,), at least float32; inf where the two are equal.

    Raises:
        TypeError, ValueError: for anything but two finite floating-point tensors of one shape (batch, ...), or
            originals outside [0, 1]: divide pixels of 0 to 255 by 255.

    Source: Huynh-Thu and Ghanbari, "Scope of validity of PSNR in image/video quality assessment", 2008.

    Example:
        >>> import aecore as ae, torch
        >>> ae.psnr(torch.full((1, 4), 0.1), torch.zeros(1, 4))
        tensor([20.])
    """
    _check.tensor("x_hat", x_hat, min_ndim=2)
    _check.tensor("x", x, low=0, high=1)
    _check.same_shape("x", x, "x_hat", x_hat)
    x_hat, x = at_least_float32(x_hat, x)
    return -10 * (x_hat - x).square().flatten(1).mean(dim=1).log10()
