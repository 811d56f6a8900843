"""SparseCodes: the page's functions, in Node, against aecore's and independent ones."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


def test_parity(js):
    random = np.random.default_rng(0)
    codes = np.maximum(random.normal(size=(100, 9)), 0)
    filters, bias = random.normal(size=(9, 12)), random.normal(size=12)
    got = js.math("sparse_codes", "decode", [[h, filters.tolist(), bias.tolist()] for h in codes.tolist()])
    x_hat = F.linear(torch.tensor(codes), torch.tensor(filters).T, torch.tensor(bias))
    np.testing.assert_allclose(got, x_hat, rtol=1e-12, atol=1e-12)
    counts = js.math("sparse_codes", "count", [[h] for h in codes.tolist()])
    assert counts == (codes > 0).sum(axis=1).tolist()
    rows, scales = random.integers(-127, 128, (100, 784)), random.random((4, 50)).astype(np.float32)
    scales.ravel()[1::2] = 0  # every second unit is dead, and has no row
    unpacked = js.math("sparse_codes", "unpack", [[rows.ravel().tolist(), scales.tolist()]])[0]
    alive = [filter_ for units in unpacked for filter_ in units if filter_]
    assert [filter_ is None for units in unpacked for filter_ in units] == [False, True] * 100
    np.testing.assert_allclose(alive, rows * scales.ravel()[::2, None], rtol=1e-6)
