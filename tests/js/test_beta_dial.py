"""BetaDial: the page's functions, in Node, against aecore's and independent ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import aecore as ae
from aelab.figures.beta_dial import RADIUS


def vae(beta=1.0, pixels=784, latent=2, **settings):
    torch.manual_seed(0)
    return ae.VAE(ae.mlp([784, 2 * latent]), ae.mlp([latent, pixels]), beta=beta, **settings)


IMAGES = torch.rand(20, 784, generator=torch.Generator().manual_seed(0))


def test_parity_of_the_elbo(js):
    random = np.random.default_rng(0)
    calls = [[random.normal(-120, 40), random.exponential(2, 8).tolist()] for _ in range(120)]
    got = js.math("beta_dial", "elbo", calls)
    np.testing.assert_allclose(got, [log_prob - sum(kl) for log_prob, kl in calls], rtol=1e-12)
    model = vae(beta=7.0)  # aecore's ELBO, without its β, from the same sample
    parts = model.elbo_parts(IMAGES, generator=torch.Generator().manual_seed(0))
    mean, logvar = model.posterior(IMAGES)
    kl = torch.stack([ae.gaussian_kl(mean[:, [j]], logvar[:, [j]]) for j in range(2)], dim=1)
    model.beta = 1.0
    bound = model.elbo(IMAGES, generator=torch.Generator().manual_seed(0))
    calls = [[a, b] for a, b in zip(parts["log_prob"].tolist(), kl.tolist(), strict=True)]
    np.testing.assert_allclose(js.math("beta_dial", "elbo", calls), bound.detach(), rtol=1e-5)


def test_parity_of_codes_their_share_outside_and_the_best(js):
    random = np.random.default_rng(1)
    steps, reaches = random.integers(-32767, 32768, (120, 30)), random.uniform(0.1, 9, 120)
    calls = [[list(map(int, row)), reach] for row, reach in zip(steps, reaches, strict=True)]
    codes = np.array(js.math("beta_dial", "unpack", calls))
    np.testing.assert_allclose(codes, steps * (reaches / 32767)[:, None], rtol=1e-12)
    shares = js.math("beta_dial", "outside", [[row, RADIUS] for row in codes.tolist()])
    far = np.linalg.norm(codes.reshape(120, 15, 2), axis=2) > RADIUS
    np.testing.assert_allclose(shares, far.mean(axis=1), rtol=1e-12)
    values = random.normal(size=(120, 8))
    assert js.math("beta_dial", "best", [[row] for row in values.tolist()]) == values.argmax(1).tolist()
    plane = random.normal(size=40_000)  # what the circle is said to hold
    assert js.math("beta_dial", "outside", [[plane.tolist(), RADIUS]])[0] == pytest.approx(0.05, abs=0.003)
