"""EncodeSampleDecode: the page's functions, in Node, against aecore."""

from __future__ import annotations

import numpy as np
import torch

import aecore as ae
from aelab.figures.kit.draws import normals


def test_the_cloud_the_point_and_the_divergence(js):
    moments = np.random.default_rng(0).normal(0, 1.5, (100, 4))
    eps = np.random.default_rng(1).normal(0, 1, (100, 2))
    mean, logvar = torch.tensor(moments[:, :2]), torch.tensor(moments[:, 2:])
    found = js.math("encode_sample_decode", "posterior", [[row] for row in moments.tolist()])
    np.testing.assert_allclose([item["mean"] for item in found], mean, rtol=1e-12)
    np.testing.assert_allclose([item["width"] for item in found], (0.5 * logvar).exp(), rtol=1e-12)
    pairs = [[item["mean"], item["width"]] for item in found]
    kl = js.math("encode_sample_decode", "kl", pairs)
    np.testing.assert_allclose(kl, ae.gaussian_kl(mean, logvar), rtol=1e-9, atol=1e-12)
    z = js.math("encode_sample_decode", "place", [[*pair, e] for pair, e in zip(pairs, eps.tolist(), strict=True)])
    np.testing.assert_allclose(z, ae.reparameterize(mean, logvar, torch.tensor(eps)), rtol=1e-9, atol=1e-12)


def test_the_noise_is_that_of_the_seed(js):
    for seed in (0, 1, 77):
        np.testing.assert_allclose(js.math("encode_sample_decode", "noise", [[seed]])[0], normals(seed, 2), rtol=1e-12)
