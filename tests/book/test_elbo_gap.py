"""ElboGap: under the hand, the climb, and the page's ELBO, KL, evidence and gradients against aecore and autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets

import aecore as ae
from aecore.widgets import ElboGap

from .figure_harness import FigureOnPage, call_module_function

MODEL = ("a", "b", "noise", "x")


@pytest.fixture(scope="module")
def cases():
    """150 states of q and of the model, over the whole range of the traits."""
    generator, traits = np.random.default_rng(0), ElboGap.class_traits()
    return [
        {name: float(generator.uniform(*traits[name].range)) for name in ("mean", "width", *MODEL)} for _ in range(150)
    ]


def column(cases, name, grad=False):
    return torch.tensor([[case[name]] for case in cases], dtype=torch.float64, requires_grad=grad)


def exact(cases):
    """What aecore and torch say, in float64: log p(x), both terms of the ELBO, the gap, and the gradients."""
    mean, log_width = column(cases, "mean", True), column(cases, "width").log().requires_grad_()
    a, b, noise, x = (column(cases, name) for name in MODEL)
    cost = ae.gaussian_kl(mean, 2 * log_width)
    # E_q log p(x|z) by Gauss-Hermite quadrature: exact for a quadratic, and not the formula of the figure
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    fit = sum(
        w * ae.gaussian_log_prob(x, a * (mean + log_width.exp() * e) + b, noise)
        for e, w in zip(nodes, weights / weights.sum(), strict=True)
    )
    total = a**2 + noise**2
    cov = (noise**2 / total)[..., None]
    gap = ae.gaussian_kl_full(mean, (2 * log_width).exp()[..., None], a * (x - b) / total, cov)
    evidence = ae.gaussian_log_prob(x, b, total.sqrt())
    gradients = torch.autograd.grad((fit - cost).sum(), (mean, log_width))
    parts = {"evidence": evidence, "reconstruction": fit, "elbo": fit - cost, "gap": gap, "cost": cost}
    return {name: value.detach().numpy() for name, value in parts.items()}, torch.cat(gradients, 1).numpy()


@pytest.mark.parametrize("way", ["http", "file"])
def test_moves_under_the_hand(light, bases, way):
    figure = FigureOnPage(light.open(bases[way] + "figures.html"), "ElboGap")
    figure.check_slider("mean of q")
    figure.check_slider("width of q")
    figure.check_reset()
    figure.check_handle("mean of q", dx=50)
    figure.check_handle("width of q", dx=30)
    figure.check_reset()
    assert (figure.trait("mean"), figure.trait("width")) == (-1.2, 0.5)
    figure.check_latency("mean of q")
    figure.check_latency("width of q")
    assert light.problems == []


def test_the_width_handle_follows_the_pointer(light, bases):
    figure = FigureOnPage(light.open(bases["file"] + "figures.html"), "ElboGap")
    figure.check_handle("width of q", dx=40)
    box = figure.handle("width of q").locator(".ae-knob").bounding_box()
    other = figure.handle("mean of q").locator(".ae-knob").bounding_box()
    pixels = (box["x"] + box["width"] / 2) - (other["x"] + other["width"] / 2)
    unit = float(figure.embed.locator(".ae-clip").first.get_attribute("width")) / 8
    assert pixels / unit == pytest.approx(figure.trait("width"), abs=0.02)


def test_a_press_on_the_map_moves_q(light, bases):
    figure = FigureOnPage(light.open(bases["file"] + "figures.html"), "ElboGap")
    # by its attributes: the box of a nested svg is that of its contents, and contours reach out of the picture
    left, top, width, height = (
        figure.embed.locator(".ae-clip")
        .nth(1)
        .evaluate(
            "(clip) => { const svg = clip.parentNode.getBoundingClientRect(), at = (name) => +clip.getAttribute(name);"
            " return [svg.left + at('x'), svg.top + at('y'), at('width'), at('height')]; }"
        )
    )
    before = figure.readout(), figure.picture()
    figure.page.mouse.click(left + 0.7 * width, top + 0.5 * height)
    assert figure.readout() != before[0]
    assert figure.picture() != before[1]
    assert figure.trait("mean") == pytest.approx(1.0, abs=0.05)
    assert figure.trait("width") == pytest.approx((0.2 * 1.5) ** 0.5, rel=0.02)


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_climb_reaches_the_posterior(light, bases, motion):
    page = light.open(bases["file"] + "figures.html")
    page.emulate_media(reduced_motion=motion)
    figure = FigureOnPage(page, "ElboGap")
    before = figure.picture()
    figure.embed.get_by_role("button", name="Climb").click()
    if motion == "no-preference":
        page.wait_for_timeout(300)
        assert -1.2 < figure.trait("mean") < 0.99, "the climb takes its time"
        page.wait_for_timeout(2600)
    assert figure.trait("mean") == pytest.approx(1, abs=0.01)
    assert figure.trait("width") == pytest.approx(0.5**0.5, abs=0.01)
    assert "touches log p(x)" in figure.readout()
    assert figure.picture() != before
    figure.check_reset()
    page.emulate_media(reduced_motion="no-preference")


def test_the_hand_stops_the_climb(light, bases):
    figure = FigureOnPage(light.open(bases["file"] + "figures.html"), "ElboGap")
    figure.embed.get_by_role("button", name="Climb").click()
    figure.page.wait_for_timeout(150)
    figure.embed.get_by_role("button", name="Reset").click()
    figure.page.wait_for_timeout(400)
    assert figure.trait("mean") == -1.2


def test_parity_with_aecore(gallery, cases):

    def call(name, *arguments):
        return np.array(
            call_module_function(gallery, "ElboGap", name, [list(row) for row in zip(*arguments, strict=True)])
        )

    close = {"rtol": 1e-11, "atol": 1e-11}
    models = [{name: case[name] for name in MODEL} for case in cases]
    means, widths = ([case[name] for case in cases] for name in ("mean", "width"))
    parts, gradients = exact(cases)
    for name in ("reconstruction", "elbo"):
        np.testing.assert_allclose(call(name, means, widths, models), parts[name], err_msg=name, **close)
    np.testing.assert_allclose(call("evidence", models), parts["evidence"], **close)
    posterior = call("posterior", models)
    gap = call("kl", means, widths, posterior[:, 0].tolist(), posterior[:, 1].tolist())
    np.testing.assert_allclose(gap, parts["gap"], **close)
    np.testing.assert_allclose(call("kl", means, widths, [0] * 150, [1] * 150), parts["cost"], **close)
    np.testing.assert_allclose(call("gradient", means, widths, models), gradients, **close)
    # the bar adds up: the page's ELBO and gap are computed on their own, and make the page's log p(x)
    np.testing.assert_allclose(call("elbo", means, widths, models) + gap, call("evidence", models), **close)


def test_parity_of_python(cases):
    parts, _ = exact(cases)
    figures = [ElboGap(**case) for case in cases]
    for name, trait in (("evidence", "log_px"), ("elbo", "elbo"), ("gap", "gap")):
        np.testing.assert_allclose([getattr(f, trait) for f in figures], parts[name], rtol=1e-11, atol=1e-11)


def test_contours_and_steps(gallery, cases):
    """Every point of a contour has its gap, and a step goes along the gradient, in the hand's range, and upwards."""
    models = [{name: case[name] for name in MODEL} for case in cases]
    posteriors = call_module_function(gallery, "ElboGap", "posterior", [[m] for m in models])
    for (mean, width), level in zip(posteriors, np.linspace(0.1, 8, 150).tolist(), strict=True):
        xs, ys = call_module_function(gallery, "ElboGap", "contour", [[level, [mean, width]]])[0]
        s = np.exp(ys)
        gap = np.log(width / s) + (s**2 + (np.array(xs) - mean) ** 2) / (2 * width**2) - 0.5
        np.testing.assert_allclose(gap, level, rtol=1e-7)
    steps = call_module_function(
        gallery, "ElboGap", "step", [[c["mean"], c["width"], m] for c, m in zip(cases, models, strict=True)]
    )
    _, gradients = exact(cases)
    for case, (mean, width), (dm, dl) in zip(cases, steps, gradients, strict=True):
        rate = 0.2 * ElboGap(**case).posterior[1] ** 2
        assert mean == pytest.approx(np.clip(case["mean"] + rate * dm, -2.5, 2.5), abs=1e-11)
        assert width == pytest.approx(np.clip(case["width"] * np.exp(rate * dl), 0.2, 1.5), abs=1e-11)
        assert ElboGap(**{**case, "mean": mean, "width": width}).elbo >= ElboGap(**case).elbo - 1e-12


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.1, 1.6, "0.5", None, [0.5]])
def test_refuses_by_name(bad):
    with pytest.raises(traitlets.TraitError, match=r"width: got .*, takes a finite number from 0.2 to 1.5"):
        ElboGap(width=bad)


def test_says_what_it_shows():
    assert repr(ElboGap()) == "ElboGap(a=1.0, b=0.0, mean=-1.2, noise=1.0, width=0.5, x=2.0)"
    assert "log p(x) is -2.27 nats, the ELBO -7.20" in ElboGap().sentence()
    density, nats = ElboGap().draw().axes
    assert density.get_title() == "q against the posterior"
    assert nats.get_title() == "log p(x) = -2.27"
