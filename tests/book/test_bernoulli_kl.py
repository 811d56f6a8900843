"""BernoulliKL: under the hand, and the page's KL against aecore's."""

from __future__ import annotations

import pytest
import torch
import traitlets

import aecore as ae
from aelab.figures import BernoulliKL

from .drawn import fmt
from .figure_harness import FigureOnPage


@pytest.mark.parametrize("way", ["http", "file"])
def test_moves_under_the_hand(light, bases, way):
    figure = FigureOnPage(light.open(bases[way] + "figures.html"), "BernoulliKL")
    figure.check_slider("target ρ")
    figure.check_slider("activation ρ̂")
    figure.check_handle("mean activation ρ̂", dx=-60)
    figure.check_handle("target ρ", dx=40)
    figure.check_reset()
    assert figure.trait("rho") == 0.2


def kinds(p):
    """Each penalty's name, hue, value and gradient over the mean activation, by aecore and autograd."""

    def by_aecore(penalty):
        def both(q):
            q = torch.tensor(q, dtype=torch.float64, requires_grad=True)
            value = penalty(q)
            return value.detach().numpy(), torch.autograd.grad(value.sum(), q)[0].numpy()

        return both

    rho = torch.tensor(p, dtype=torch.float64)
    return {
        "KL(ρ‖ρ̂)": ("blue", by_aecore(lambda q: ae.bernoulli_kl(rho.expand_as(q), q))),
        "KL(ρ̂‖ρ)": ("orange", by_aecore(lambda q: ae.bernoulli_kl(q, rho.expand_as(q)))),
        "L1": ("green", by_aecore(lambda q: q)),
    }


STATES = {
    "as it opens": [],
    "on target": [("activation ρ̂", "Home"), ("target ρ", "Home")],
    "far apart": [("activation ρ̂", "End", "PageDown"), ("target ρ", "Home", "ArrowRight")],
}


@pytest.mark.parametrize("state", STATES)
def test_draws_what_aecore_computes(gallery, state):
    figure = FigureOnPage(gallery, "BernoulliKL")
    figure.start()
    for move in STATES[state]:
        figure.press(*move)
    drawn = figure.drawn()
    p, q = drawn.traits["rho"], drawn.traits["rho_hat"]
    penalty, push = drawn.plot("penalty"), drawn.plot("push")
    assert (penalty.x.limits, penalty.y.limits) == (pytest.approx((0, 1)), pytest.approx((0, 2)))
    for plot in (penalty, push):
        plot.rule("target", "muted", x=p)
    penalty.label("target", "muted", "target ρ", p, 2)
    push.rule("zero", "muted", y=0)
    wanted = []
    for name, (hue, both) in kinds(p).items():
        value, slope = (float(number) for number in both(q))
        penalty.curve(name, hue, lambda v, both=both: both(v)[0])
        push.curve(name, hue, lambda v, both=both: -both(v)[1])
        push.line(f"{name} at ρ̂", hue, [q, q], [0, -slope])
        push.dot(name, hue, q, -slope)
        if name != "KL(ρ‖ρ̂)":
            penalty.dot(name, hue, q, value)
        wanted.append((name, hue, f"{fmt(value, 3)} nats, gradient {fmt(slope)}"))
    penalty.end_labels(*((name, hue, float(both(0.99)[0])) for name, (hue, both) in kinds(p).items()))
    penalty.handle("target ρ", "muted", p, 0)
    penalty.handle("mean activation ρ̂", "blue", q, float(kinds(p)["KL(ρ‖ρ̂)"][1](q)[0]))
    drawn.shows(*wanted)
    drawn.slider("target ρ", p, fmt(p))
    drawn.slider("activation ρ̂", q, fmt(q))
    assert f"With target {fmt(p)}, a unit at {fmt(q)} is {'on' if p == q else 'too'}" in drawn.say
    drawn.complete()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.1, 1.0, "0.2", None, [0.2]])
def test_refuses_by_name(bad):
    with pytest.raises(traitlets.TraitError, match=r"rho_hat must be a finite number from 0.01 to 0.99, got"):
        BernoulliKL(rho_hat=bad)
    with pytest.raises(TypeError, match=r"among caption, rho, rho_hat, title, got 'rho_hats'"):
        BernoulliKL(rho_hats=0.3)


def test_repr_has_no_address():
    assert repr(BernoulliKL()) == "BernoulliKL(rho=0.2, rho_hat=0.06)"
