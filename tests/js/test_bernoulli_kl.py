"""BernoulliKL: the page's functions, in Node, against aecore's and independent ones."""

from __future__ import annotations

import numpy as np
import torch

import aecore as ae


def test_parity_with_aecore(js):
    pairs = np.random.default_rng(0).uniform(0.01, 0.99, (200, 2))
    p = torch.tensor(pairs[:, 0])
    q = torch.tensor(pairs[:, 1], requires_grad=True)
    for function, value in (("kl", ae.bernoulli_kl(p, q)), ("forwardSlope", None), ("backwardSlope", None)):
        got = js.math("bernoulli_kl", function, pairs.tolist())
        if value is None:
            loss = ae.bernoulli_kl(p, q) if function == "forwardSlope" else ae.bernoulli_kl(q, p)
            value = torch.autograd.grad(loss.sum(), q)[0]
        np.testing.assert_allclose(got, value.detach().numpy(), rtol=1e-10, atol=1e-12)
