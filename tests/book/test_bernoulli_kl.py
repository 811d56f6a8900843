"""BernoulliKL: under the hand, and the page's KL against aecore's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets

import aecore as ae
from aecore.widgets import BernoulliKL

from .figure_harness import FigureOnPage, call_module_function


@pytest.mark.parametrize("way", ["http", "file"])
def test_moves_under_the_hand(light, bases, way):
    figure = FigureOnPage(light.open(bases[way] + "figures.html"), "BernoulliKL")
    figure.check_slider("target ρ")
    figure.check_slider("activation ρ̂")
    figure.check_handle("mean activation ρ̂", dx=-60)
    figure.check_handle("target ρ", dx=40)
    figure.check_reset()
    assert figure.trait("rho") == 0.2
    figure.check_latency("activation ρ̂")


def test_parity_with_aecore(gallery):
    pairs = np.random.default_rng(0).uniform(0.01, 0.99, (200, 2))
    p = torch.tensor(pairs[:, 0])
    q = torch.tensor(pairs[:, 1], requires_grad=True)
    for function, value in (("kl", ae.bernoulli_kl(p, q)), ("forwardSlope", None), ("backwardSlope", None)):
        got = call_module_function(gallery, "BernoulliKL", function, pairs.tolist())
        if value is None:
            loss = ae.bernoulli_kl(p, q) if function == "forwardSlope" else ae.bernoulli_kl(q, p)
            value = torch.autograd.grad(loss.sum(), q)[0]
        np.testing.assert_allclose(got, value.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.1, 1.0, "0.2", None, [0.2]])
def test_refuses_by_name(bad):
    with pytest.raises(traitlets.TraitError, match=r"rho_hat: got .*, takes a finite number from 0.01 to 0.99"):
        BernoulliKL(rho_hat=bad)
    with pytest.raises(TypeError, match=r"got .rho_hats., takes caption, rho, rho_hat"):
        BernoulliKL(rho_hats=0.3)


def test_repr_has_no_address():
    assert repr(BernoulliKL()) == "BernoulliKL(rho=0.2, rho_hat=0.06)"
