"""Reparameterize: under the hand, and the page's noise, both estimators and the true gradient against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets
from figure_references import reparameterize_cases

import aecore as ae
from aelab.figures import Reparameterize
from aelab.figures.kit.draws import normals

from .drawn import fmt
from .figure_harness import FigureOnPage


@pytest.fixture(scope="module")
def cases():
    return reparameterize_cases()


def state_of(case):
    return {name: case[name] for name in ("mean", "width", "a", "b", "noise", "x")}


@pytest.mark.parametrize("way", ["http", "file"])
def test_moves_under_the_hand(light, bases, way):
    figure = FigureOnPage(light.open(bases[way] + "figures.html"), "Reparameterize")
    for label in ("mean μ", "width σ", "samples"):
        figure.check_slider(label)
    figure.check_reset()
    figure.check_handle("mean μ", dx=50)
    figure.check_handle("width σ", dx=20)
    figure.check_choice("gradient for")
    assert figure.trait("parameter") == "width"
    assert "the gradient for σ is" in figure.readout()
    before = figure.picture(), figure.readout()
    figure.embed.get_by_role("button", name="Resample").click()
    assert figure.trait("seed") == 6
    assert figure.picture() != before[0]
    assert figure.readout() != before[1]
    figure.check_reset()
    start = Reparameterize()
    for name in ("mean", "width", "samples", "parameter", "seed"):
        assert figure.trait(name) == getattr(start, name)
    assert light.problems == []


def test_keeps_the_noise_and_its_room(light, phone, bases):
    """A move of μ and σ moves every z by what its own ε says; the figure keeps its room for either gradient."""
    for reader in (light, phone):
        figure = FigureOnPage(reader.open(bases["file"] + "figures.html"), "Reparameterize")
        for parameter in ("mean", "width"):
            figure.embed.evaluate("(embed, value) => { embed.aeModel.set('parameter', value); }", parameter)
            figure.check_room()
        assert figure.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    word = figure.embed.get_by_text("∂z/∂σ = ε")
    before = word.text_content()
    figure.embed.evaluate("(embed) => { embed.aeModel.set('mean', 1); embed.aeModel.set('width', 1.2); }")
    assert word.text_content() == before
    eps = normals(5, 1)[0]
    assert before == f"∂z/∂σ = ε = {eps:.2f}"


STATES = {
    "as it opens": [],
    "wide, and many": [("mean μ", "Home"), ("width σ", "End"), ("samples", "End")],
    "narrow, and one": [("mean μ", "End"), ("width σ", "Home"), ("samples", "Home")],
}


@pytest.mark.parametrize("parameter", ["μ", "σ"])
@pytest.mark.parametrize("state", STATES)
def test_draws_what_aecore_and_autograd_compute(gallery, state, parameter):
    figure = FigureOnPage(gallery, "Reparameterize")
    figure.start()
    for label, *keys in STATES[state]:
        figure.press(label, *keys)
    figure.choose("gradient for", parameter)
    drawn = figure.drawn()
    has, k = drawn.traits, "μσ".index(parameter)
    m, s, n, noise = (has[name] for name in ("mean", "width", "samples", "noise"))

    def f(z):  # log p(x|z), by aecore
        return ae.gaussian_log_prob(torch.full_like(z, has["x"])[:, None], (has["a"] * z + has["b"])[:, None], noise)

    eps = torch.tensor(normals(has["seed"], 1000))
    mean, width = (torch.full_like(eps, value).requires_grad_() for value in (m, s))
    z = mean + width * eps
    pathwise = torch.autograd.grad(f(z).sum(), (mean, width), retain_graph=True)[k]
    slope = torch.autograd.grad(f(z).sum(), z, retain_graph=True)[0].numpy()
    log_q = torch.distributions.Normal(mean, width).log_prob(z.detach())
    score = torch.autograd.grad((f(z).detach() * log_q).sum(), (mean, width))[k]
    z, value, e = z.detach().numpy(), f(z.detach()).numpy(), eps.numpy()
    low, grid = -15, np.linspace(-4, 4, 120)
    none = np.full(n, np.nan)

    def pieces(*columns):  # of each sample a piece of its own
        return np.stack([*(np.broadcast_to(column, n) for column in columns), none], axis=1).ravel()

    hill = drawn.plot("objective", xlim=(-4, 4))
    hill.area("q", "blue", grid, low + 2.6 / s * np.exp(-(((grid - m) / s) ** 2) / 2), low)
    hill.curve("objective", "ink", lambda v: f(torch.tensor(v)).numpy())
    hill.line("samples", "blue", pieces(z[:n], z[:n]), pieces(low, value[:n]))
    half = 0.22 / np.hypot(1, 0.25 * slope)
    hill.line(
        "slopes",
        "blue",
        pieces((z - half)[:n], (z + half)[:n]),
        pieces((value - half * slope)[:n], (value + half * slope)[:n]),
    )
    hill.line("first sample", "orange", [z[0], z[0]], [low, value[0]])
    hill.dot("first sample", "orange", z[0], value[0])
    step = 0.75 * np.sign(slope[0]) / np.hypot(1, 0.25 * slope[0])
    hill.arrow("first slope", "orange", (z[0], value[0]), (z[0] + step, value[0] + step * slope[0]))
    hill.label("first slope", "orange", f"f′(z) = {fmt(slope[0])}", z[0], value[0], within=40)

    fan = drawn.plot("fan", ylim=(0, 1))
    fan.area("p(ε)", "muted", grid, 0.28 * np.exp(-(grid**2) / 2))
    fan.line("samples", "blue", pieces(e[:n], z[:n]), pieces(0, 1))
    fan.line("first sample", "orange", [e[0], z[0]], [0, 1])
    fan.arrow("∂z/∂μ", "green", (z[0], 0.8), (z[0] + 1, 0.8))
    fan.arrow("∂z/∂σ", "purple", (z[0], 0.6), (z[0] + e[0], 0.6))
    fan.label("∂z/∂μ", "green", "∂z/∂μ = 1", z[0] + 1, 0.8)
    fan.label("∂z/∂σ", "purple", f"∂z/∂σ = ε = {fmt(e[0])}", z[0] + e[0], 0.6)
    fan.label("ε", "muted", "ε ~ N(0, 1)", -4, 0.06)
    fan.label("z", "blue", "z = μ + σε", -4, 0.93)
    fan.handle("mean μ", "blue", m, 1)
    fan.handle("width σ", "blue", m + s, 1)

    strips, target = drawn.plot("estimates", ylim=(0, 2)), Reparameterize(**state_of(has)).gradient[k]
    assert strips.read["titles"][-1] == f"gradient for {parameter}"
    strips.rule("true gradient", "ink", x=target)
    strips.label("true gradient", "ink", f"true gradient {fmt(target)}", np.clip(target, -15, 15), 1.96)
    jitter = 0.34 * (np.arange(1000) * 0.618034 % 1 - 0.5)
    found = []
    for name, hue, estimates, at, formula in (
        ("pathwise", "blue", pathwise.numpy(), 1.42, "f′(z) · ∂z/∂"),
        ("score function", "orange", score.numpy(), 0.42, "f(z) · ∂log q(z)/∂"),
    ):
        strips.dots(f"all of {name}", hue, estimates, at + jitter)
        strips.dots(name, hue, estimates[:n], (at + jitter)[:n])
        middle = estimates[:n].mean()
        strips.line(f"mean of {name}", hue, [middle, middle], [at - 0.24, at + 0.24])
        strips.label(name, hue, name, -25, at + 0.4)
        strips.label(f"what {name} averages", hue, f"{formula}{parameter}", -25, at + 0.4)
        found.append((middle, estimates.var(ddof=1)))
    ratio = found[1][1] / found[0][1] if found[0][1] > 1e-20 else np.inf
    drawn.shows(
        ("true gradient", "ink", fmt(target)),
        ("pathwise variance", "blue", fmt(found[0][1])),
        ("score-function variance", "orange", fmt(found[1][1])),
        ("ratio", "ink", f"{fmt(ratio, 1)} ×" if ratio < 1e4 else "over 10,000 ×"),
    )
    assert f"is {fmt(found[0][0])} pathwise and {fmt(found[1][0])} by the score function" in drawn.say
    drawn.slider("mean μ", m, fmt(m))
    drawn.slider("width σ", s, fmt(s))
    drawn.slider("samples", n, str(n))
    drawn.complete()


def test_both_estimators_are_right_on_average(cases):
    """By quadrature over ε, exact for these polynomials: both have the true gradient as their mean."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    for case in cases[:100]:
        for parameter, truth in zip(("mean", "width"), Reparameterize(**state_of(case)).gradient, strict=True):
            for values in Reparameterize(**state_of(case), parameter=parameter).estimates(nodes):
                assert np.average(values, weights=weights) == pytest.approx(truth, rel=1e-9, abs=1e-8)


def test_opens_with_more_than_a_hundred_times_the_variance(gallery):
    """What the docstring says, of the samples that are shown and by quadrature; page and still picture agree."""
    figure = Reparameterize.example()
    path, score = figure.variances()
    assert score > 100 * path
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    exact = [
        np.average((values - np.average(values, weights=weights)) ** 2, weights=weights)
        for values in figure.estimates(nodes)
    ]
    assert exact[1] > 100 * exact[0]
    shown = FigureOnPage(gallery, "Reparameterize").readout()
    for text in (f"{path:.2f}", f"{score:.2f}", f"{score / path:.1f} ×"):
        assert text in shown
    assert f"their variance is {path:.2f} pathwise and {score:.2f} by the score function" in figure.sentence()
    fan, strips = figure.draw().axes
    assert fan.get_title() == "the same ε, moved"
    assert strips.get_title().startswith("one-sample gradients")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.1, 1.6, "0.5", None, [0.5]])
def test_refuses_by_name(bad):
    with pytest.raises(traitlets.TraitError, match=r"width must be a finite number from 0.3 to 1.5.*, got"):
        Reparameterize(width=bad)
    with pytest.raises(traitlets.TraitError, match="samples"):
        Reparameterize(samples=bad)


def test_refuses_another_parameter_and_another_trait():
    with pytest.raises(traitlets.TraitError, match="parameter"):
        Reparameterize(parameter="sigma")
    with pytest.raises(traitlets.TraitError, match="seed"):
        Reparameterize(seed=-1)
    with pytest.raises(TypeError, match=r"traits must be among .*, got 'mu'"):
        Reparameterize(mu=0.3)
