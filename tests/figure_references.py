"""What aecore, torch and scipy say about the states of a figure: for tests of its functions and of what it draws."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.special import logsumexp
from torch.distributions import MultivariateNormal, Normal

import aecore as ae
from aelab.figures import ElboGap, Reparameterize

MODEL = ("a", "b", "noise", "x")


def elbo_cases():
    """150 states of q and of the model, over the whole range of the traits."""
    generator, traits = np.random.default_rng(0), ElboGap.class_traits()
    return [
        {name: float(generator.uniform(*traits[name].range)) for name in ("mean", "width", *MODEL)} for _ in range(150)
    ]


def _column(cases, name, grad=False):
    return torch.tensor([[case[name]] for case in cases], dtype=torch.float64, requires_grad=grad)


def elbo_exact(cases):
    """What aecore and torch say, in float64: log p(x), both terms of the ELBO, the gap, and the gradients."""
    mean, log_width = _column(cases, "mean", True), _column(cases, "width").log().requires_grad_()
    a, b, noise, x = (_column(cases, name) for name in MODEL)
    cost = ae.gaussian_kl(mean, 2 * log_width)
    # E_q log p(x|z) by Gauss-Hermite quadrature: exact for a quadratic, and not the formula of the figure
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    fit = sum(
        w * ae.gaussian_log_prob(x, a * (mean + log_width.exp() * e) + b, noise)
        for e, w in zip(nodes, weights / weights.sum(), strict=True)
    )
    total = a**2 + noise**2
    cov = (noise**2 / total)[..., None]
    gap = ae.gaussian_kl_full(mean, (2 * log_width).exp()[..., None], a * (x - b) / total, cov)
    evidence = ae.gaussian_log_prob(x, b, total.sqrt())
    gradients = torch.autograd.grad((fit - cost).sum(), (mean, log_width))
    parts = {"evidence": evidence, "reconstruction": fit, "elbo": fit - cost, "gap": gap, "cost": cost}
    return {name: value.detach().numpy() for name, value in parts.items()}, torch.cat(gradients, 1).numpy()


def reparameterize_cases():
    """150 states of q, of the model, and of one ε, over the whole range of the traits."""
    generator, traits = np.random.default_rng(0), Reparameterize.class_traits()
    return [
        {"eps": float(generator.normal())}
        | {name: float(generator.uniform(*traits[name].range)) for name in ("mean", "width", *MODEL)}
        for _ in range(150)
    ]


def linear_models(count):
    """Random decoders, observations and noises: (weights, x, σ), of 1 to 20 latent and 2 to 20 visible dimensions."""
    random = np.random.default_rng(0)
    for _ in range(count):
        size, dimension = random.integers(2, 21), random.integers(1, 21)
        weights, sigma = random.normal(size=(size, dimension)) / math.sqrt(size), random.uniform(0.2, 2)
        x = weights @ random.normal(size=dimension) + sigma * random.normal(size=size)
        yield weights, x, float(sigma)


def evidence(weights, x, sigma):
    """log p(x) by torch, in float64."""
    weights, x = torch.tensor(weights), torch.tensor(x)
    covariance = weights @ weights.T + sigma**2 * torch.eye(len(x), dtype=torch.float64)
    return MultivariateNormal(torch.zeros_like(x), covariance).log_prob(x).item()


def likelihoods(weights, x, sigma, z):
    """log p(x|z) of each row of z by torch, in float64."""
    return Normal(torch.tensor(z) @ torch.tensor(weights).T, sigma).log_prob(torch.tensor(x)).sum(1).numpy()


def carriers(values):
    """The fewest of exp(values) that make up 99 % of their sum, by sorting them all."""
    parts = np.exp(np.sort(values)[::-1] - logsumexp(values)).cumsum()
    return int(np.argmax(parts >= 0.99 * parts[-1])) + 1
