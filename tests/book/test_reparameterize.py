"""Reparameterize: under the hand, and the page's noise, both estimators and the true gradient against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets

import aecore as ae
from aecore.widgets import Reparameterize
from aecore.widgets.draws import normals

from .figure_harness import FigureOnPage, call_module_function

MODEL = ("a", "b", "noise", "x")


@pytest.fixture(scope="module")
def cases():
    """150 states of q, of the model, and of one ε, over the whole range of the traits."""
    generator, traits = np.random.default_rng(0), Reparameterize.class_traits()
    return [
        {"eps": float(generator.normal())}
        | {name: float(generator.uniform(*traits[name].range)) for name in ("mean", "width", *MODEL)}
        for _ in range(150)
    ]


def state(case):
    return {name: case[name] for name in case if name != "eps"}


def columns(cases, *names):
    return [torch.tensor([[case[name]] for case in cases], dtype=torch.float64) for name in names]


def autograd(cases):
    """Value, slope, both estimators and the exact gradient, by autograd on aecore's log-probability: float64."""
    eps, mean, width, a, b, noise, x = columns(cases, "eps", "mean", "width", *MODEL)
    mean.requires_grad_(), width.requires_grad_()

    def value(z):
        return ae.gaussian_log_prob(x, a * z + b, noise)

    z = mean + width * eps
    pathwise = torch.autograd.grad(value(z).sum(), (mean, width))
    still = z.detach().requires_grad_()
    slope = torch.autograd.grad(value(still).sum(), still)[0]
    log_q = torch.distributions.Normal(mean, width).log_prob(still.detach()).squeeze(1)
    score = torch.autograd.grad((value(still).detach() * log_q).sum(), (mean, width))
    # E_q f by Gauss-Hermite quadrature, exact for a quadratic: not the formula of the figure
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    pairs = zip(nodes, weights / weights.sum(), strict=True)
    exact = torch.autograd.grad(sum(w * value(mean + width * e) for e, w in pairs).sum(), (mean, width))
    return {
        "place": z.detach().squeeze(1),
        "value": value(z).detach(),
        "slope": slope.squeeze(1),
        **{name: torch.cat(pair, 1) for name, pair in (("pathwise", pathwise), ("score", score), ("exact", exact))},
    }


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
    for label in ("mean μ", "width σ", "samples"):
        figure.check_latency(label)
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


def test_parity_of_both_estimators_and_of_the_true_gradient(gallery, cases):
    models = [{name: case[name] for name in MODEL} for case in cases]
    eps, mean, width = ([case[name] for case in cases] for name in ("eps", "mean", "width"))
    wanted = autograd(cases)
    places = wanted["place"].tolist()
    calls = {
        "place": zip(eps, mean, width, strict=True),
        "value": zip(places, models, strict=True),
        "slope": zip(places, models, strict=True),
        "pathwise": zip(eps, mean, width, models, strict=True),
        "score": zip(eps, mean, width, models, strict=True),
        "exact": zip(mean, width, models, strict=True),
    }
    for name, arguments in calls.items():
        got = call_module_function(gallery, "Reparameterize", name, [list(row) for row in arguments])
        np.testing.assert_allclose(got, wanted[name].numpy(), rtol=1e-10, atol=1e-10, err_msg=name)
    for case, gradient in zip(cases, wanted["exact"], strict=True):
        assert Reparameterize(**state(case)).gradient == pytest.approx(gradient.tolist(), rel=1e-10, abs=1e-10)


def test_parity_of_noise_and_variance(gallery):
    for seed in (0, 5, 2**31):
        got = call_module_function(gallery, "Reparameterize", "draws", [[seed]])[0]
        np.testing.assert_allclose(got, normals(seed, 1000), rtol=1e-12, atol=1e-14)
    samples = np.random.default_rng(1).normal(3, 2, (100, 40))
    got = call_module_function(gallery, "Reparameterize", "variance", [[row] for row in samples.tolist()])
    np.testing.assert_allclose(got, samples.var(axis=1, ddof=1), rtol=1e-12)


def test_both_estimators_are_right_on_average(cases):
    """By quadrature over ε, exact for these polynomials: both have the true gradient as their mean."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    for case in cases[:100]:
        for parameter, truth in zip(("mean", "width"), Reparameterize(**state(case)).gradient, strict=True):
            for values in Reparameterize(**state(case), parameter=parameter)._estimates(nodes):
                assert np.average(values, weights=weights) == pytest.approx(truth, rel=1e-9, abs=1e-8)


def test_opens_with_more_than_a_hundred_times_the_variance(gallery):
    """What the docstring says, of the samples that are shown and by quadrature; page and still picture agree."""
    figure = Reparameterize.example()
    path, score = figure._variances()
    assert score > 100 * path
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    exact = [
        np.average((values - np.average(values, weights=weights)) ** 2, weights=weights)
        for values in figure._estimates(nodes)
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
    with pytest.raises(traitlets.TraitError, match=r"width: got .*, takes a finite number from 0.3 to 1.5"):
        Reparameterize(width=bad)
    with pytest.raises(traitlets.TraitError, match="samples"):
        Reparameterize(samples=bad)


def test_refuses_another_parameter_and_another_trait():
    with pytest.raises(traitlets.TraitError, match="parameter"):
        Reparameterize(parameter="sigma")
    with pytest.raises(traitlets.TraitError, match="seed"):
        Reparameterize(seed=-1)
    with pytest.raises(TypeError, match="got 'mu', takes"):
        Reparameterize(mu=0.3)
