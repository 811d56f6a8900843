"""ScoreField: the page's functions, in Node, against aecore's and independent ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from aelab.figures import ScoreField
from aelab.figures.kit.base import module_file
from aelab.figures.score_field import spiral

NOISES = [0.1, 0.2, 0.4]


torch.manual_seed(0)
NETWORKS = [nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)) for _ in NOISES]


@pytest.fixture(scope="module")
def still():
    """The gallery's figure in Python, with networks that nobody trained."""
    return ScoreField(spiral(64), 0.08, NOISES, NETWORKS)


def points(count=120):
    return np.random.default_rng(0).uniform(-2.4, 2.4, (count, 2))


def by_torch(at, noise):
    """log p_σ and σ²∇log p_σ of the spiral's mixture: torch.distributions and autograd, float64."""
    x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    means = torch.tensor(spiral(64).astype("<f4")).double()
    width = (0.08**2 + noise**2) ** 0.5
    parts = Independent(Normal(means, torch.full_like(means, width)), 1)
    log = MixtureSameFamily(Categorical(torch.ones(64, dtype=torch.float64)), parts).log_prob(x)
    (score,) = torch.autograd.grad(log.sum(), x)
    return log.detach().numpy(), noise**2 * score.numpy()


def test_parity_of_density_and_score(js, still):
    at, means = points(), np.frombuffer(still.means, "<f4").tolist()
    for noise in NOISES:
        log, arrows = by_torch(at, noise)
        got = js.math("score_field", "mixture", [[*xy, means, 0.08, noise] for xy in at.tolist()])
        np.testing.assert_allclose([one["log"] for one in got], log, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose([one["arrow"] for one in got], arrows, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(still.log_density(at, noise), log, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(still.score(at, noise), arrows, rtol=1e-9, atol=1e-12)


def test_parity_of_the_network_and_of_the_paths(js, still):
    at = points()
    code = """({ default: { math } }, packed, at) => {
      const residual = math.residual(packed);
      return at.map(([x, y]) => [residual(x, y), math.flow(residual, x, y)]);
    }"""
    for network, packed, noise in zip(NETWORKS, still.networks, NOISES, strict=True):
        network = network.double()
        got = js.run(module_file("score_field"), code, packed, at.tolist())
        x = torch.tensor(at)
        with torch.no_grad():
            residual = (network(x) - x).numpy()
            np.testing.assert_allclose([one for one, _ in got], residual, atol=1e-12)
            np.testing.assert_allclose(still.residual(at, noise), residual, atol=1e-12)
            for step in range(41):
                np.testing.assert_allclose([path[step] for _, path in got], x.numpy(), atol=1e-10)
                x = x + 0.2 * (network(x) - x)


def test_parity_of_angles_and_samples(js, still):
    a, b = points(150), points(300)[150:]
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    got = js.math("score_field", "angle", np.stack([a, b], 1).tolist())
    np.testing.assert_allclose(got, np.rad2deg(np.arccos(cosine)), atol=1e-6)
    means = np.frombuffer(still.means, "<f4").tolist()
    drawn = js.math("score_field", "samples", [[400, means, 0.08, 0.2]])[0]
    np.testing.assert_allclose(drawn, still.samples(400, 0.2), atol=1e-12)
