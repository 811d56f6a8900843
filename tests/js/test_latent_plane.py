"""LatentPlane: the page's functions, in Node, against aecore's and independent ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from aelab.figures import LatentPlane
from aelab.figures.kit.quantize import forward

CODES = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0]])

DECODER = [(np.ones((784, 2)), np.zeros(784), "sigmoid")]


@pytest.mark.parametrize("last", [nn.Identity(), nn.Sigmoid()])
def test_parity_of_the_decoders_with_torch(js, last):
    """Weights in int8: a pixel is off by < 0.005 on average, < 0.06 at worst; from the still by rounding."""
    torch.manual_seed(0)
    decoder = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 784), last)
    (plane,) = LatentPlane({"toy": (CODES, decoder)}, [0, 0, 1, 1]).planes
    (x0, x1), (y0, y1) = plane["limits"]
    z = np.random.default_rng(0).uniform([x0, y0], [x1, y1], (120, 2)).astype(np.float32)
    with torch.no_grad():
        exact = decoder(torch.from_numpy(z)).numpy()
    got = np.array(js.math("latent_plane", "decode", [[plane["decoder"], z.tolist()]])[0])
    assert np.abs(got - exact).mean() < 0.005
    assert np.abs(got - exact).max() < 0.06
    np.testing.assert_allclose(got, forward(plane["decoder"], z), atol=1e-6)


def test_parity_of_the_neighbours(js):
    random = np.random.default_rng(1)
    codes, points = random.normal(size=(150, 2)), random.uniform(-3, 3, (120, 2))
    calls = [[codes.ravel().tolist(), *point, 10] for point in points.tolist()]
    for point, got in zip(points, js.math("latent_plane", "nearest", calls), strict=True):
        distance = np.linalg.norm(codes - point, axis=1)
        order = distance.argsort()[:10]
        assert [i for i, _ in got] == order.tolist()
        np.testing.assert_allclose([d for _, d in got], distance[order], rtol=1e-12)


def test_parity_of_the_walk(js):
    ends = np.random.default_rng(2).normal(size=(120, 3, 2))
    ways = js.math("latent_plane", "between", [[a, b, 8] for a, b, _ in ends.tolist()])
    np.testing.assert_allclose(ways, np.linspace(ends[:, 0], ends[:, 1], 8, axis=1), atol=1e-12)
    places = js.math("latent_plane", "along", [[a, b, p] for a, b, p in ends.tolist()])
    figure = LatentPlane({"toy": (CODES, DECODER)}, [0, 0, 1, 1])
    for (a, b, p), place in zip(ends, places, strict=True):
        numbers = dict(zip(("ax", "ay", "bx", "by", "x", "y"), np.concatenate([a, b, p]), strict=True))
        for name, value in numbers.items():
            setattr(figure, name, value)
        assert figure.place() == pytest.approx(place, abs=1e-12)
        steps = np.linspace(0, 1, 2001)  # the place is the nearest of all on the segment
        nearest = np.linalg.norm(a + steps[:, None] * (b - a) - p, axis=1).argmin()
        assert place == pytest.approx(steps[nearest], abs=1e-3)
    assert js.math("latent_plane", "along", [[[1, 2], [1, 2], [5, 5]]]) == [0]
