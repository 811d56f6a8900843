"""ElboGap: under the hand, the climb, and the page's ELBO, KL, evidence and gradients against aecore and autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets
from figure_references import MODEL, elbo_cases, elbo_exact

from aelab.figures import ElboGap

from .drawn import fmt
from .figure_harness import FigureOnPage, frames


@pytest.fixture(scope="module")
def cases():
    return elbo_cases()


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
    figure.watch("circle[data-name=q]", "cx")
    figure.embed.get_by_role("button", name="Climb").click()
    figure.until("Math.abs(get('mean') - 1) < 0.001")
    if motion == "no-preference":
        assert len(set(figure.watched())) > 3, "the climb takes its time"
    assert figure.trait("mean") == pytest.approx(1, abs=0.01)
    assert figure.trait("width") == pytest.approx(0.5**0.5, abs=0.01)
    assert "touches log p(x)" in figure.readout()
    assert figure.picture() != before
    figure.check_reset()
    page.emulate_media(reduced_motion="no-preference")


def test_the_hand_stops_the_climb(light, bases):
    figure = FigureOnPage(light.open(bases["file"] + "figures.html"), "ElboGap")
    figure.embed.get_by_role("button", name="Climb").click()
    figure.until("get('mean') > -1.2")
    figure.embed.get_by_role("button", name="Reset").click()
    frames(figure.page, 10)
    assert figure.trait("mean") == -1.2


def normal(mean, width):
    """The density of N(mean, width²), by torch."""
    return lambda z: torch.distributions.Normal(mean, width).log_prob(torch.tensor(z)).exp().numpy()


def climb(case):
    """45 steps up the gradient of the ELBO, by autograd: each (mean, log width)."""
    way, rate = [(case["mean"], np.log(case["width"]))], 0.2 * ElboGap(**case).posterior[1] ** 2
    for _ in range(45):
        mean, log_width = way[-1]
        ((dm, dl),) = elbo_exact([{**case, "mean": mean, "width": np.exp(log_width)}])[1]
        way.append((np.clip(mean + rate * dm, -2.5, 2.5), np.clip(log_width + rate * dl, np.log(0.2), np.log(1.5))))
    return np.array(way).T


@pytest.mark.parametrize("state", ["as it opens", "climbed", "far off", "narrow"])
def test_draws_what_aecore_computes(gallery, state):
    figure = FigureOnPage(gallery, "ElboGap")
    figure.start()
    way = np.zeros((2, 0))
    if state == "climbed":
        way = climb(figure.drawn().traits)
        gallery.emulate_media(reduced_motion="reduce")
        figure.embed.get_by_role("button", name="Climb").click()
        gallery.emulate_media(reduced_motion="no-preference")
    elif state != "as it opens":
        figure.press("mean of q", "Home" if state == "far off" else "End")
        figure.press("width of q", "End" if state == "far off" else "Home")
    drawn = figure.drawn()
    case = {name: drawn.traits[name] for name in ("mean", "width", *MODEL)}
    parts, ((dm, dl),) = elbo_exact([case])
    evidence, fit, elbo, gap, cost = (
        float(parts[name][0]) for name in ("evidence", "reconstruction", "elbo", "gap", "cost")
    )
    mean, width, (mu, sd) = case["mean"], case["width"], ElboGap(**case).posterior

    density, z = drawn.plot("density", ylim=(0, 1.3)), np.linspace(-4, 4, 200)
    q = normal(mean, width)
    density.curve("prior", "muted", normal(0.0, 1.0))
    density.curve("posterior", "ink", normal(mu, sd))
    density.curve("q", "blue", q)
    density.area("q", "blue", z, q(z))
    density.label("prior", "muted", "prior p(z)", -2.15, normal(0.0, 1.0)(2.15))
    density.label("posterior", "ink", "posterior p(z|x)", mu, normal(mu, sd)(mu))
    shoulder = mean + (-0.75 if mean < mu else 0.75) * width
    density.label("q", "blue", "q(z)", shoulder, q(shoulder), within=32)
    density.handle("mean of q", "blue", mean, q(mean))
    density.handle("width of q", "blue", mean + width, q(mean + width))

    plane, labelled = drawn.plot("map"), 0
    for level in (0.1, 0.5, 1, 2, 4, 8):
        means, logs = plane.points(f"gap {level:g}", "muted")
        gaps = elbo_exact([{**case, "mean": m, "width": s} for m, s in zip(means, np.exp(logs), strict=True)])[0]["gap"]
        np.testing.assert_allclose(gaps, level, rtol=0.01, atol=0.002)
        assert [means[0], logs[0]] == pytest.approx([means[-1], logs[-1]], abs=0.01), "a closed line"
        label = plane.take("text", f"gap {level:g}", "muted")
        if label["words"]:
            left, top, right, low = label["box"]
            steps, all_of_it = np.linspace(0, len(means) - 1, 5000), np.arange(len(means))
            x, y = (np.interp(steps, all_of_it, values) for values in (means, logs))
            far = np.hypot(plane.x.pixel(x) - (left + right) / 2, plane.y.pixel(y) - (top + low) / 2)
            assert (label["words"], bool(far.min() < 6)) == (f"{level:g}", True)
            labelled += 1
    assert labelled >= 3
    plane.dot("posterior", "ink", mu, np.log(sd))
    plane.dot("q", "blue", mean, np.log(width))
    plane.line("climb", "blue", *way)
    plane.dots("climb", "blue", *way)
    size = 0.55 / max(1, np.hypot(dm, dl))
    plane.arrow("gradient", "blue", (mean, np.log(width)), (mean + size * dm, np.log(width) + size * dl))

    nats = drawn.plot("nats", ylim=(0, 1))
    nats.line("evidence", "ink", [evidence, evidence], [0.87, 0.54])
    nats.line("gap", "orange", [elbo, evidence], [0.66, 0.66])
    nats.line("reconstruction", "green", [fit, 0], [0.22, 0.22])
    nats.line("KL", "purple", [elbo, fit], [0.22, 0.22])
    nats.line("bound", "blue", [elbo, elbo], [0.44, 0.14])
    nats.dot("ELBO", "blue", elbo, 0.66)
    for hue, words, x, y in (
        ("ink", f"log p(x) = {fmt(evidence)}", evidence, 0.93),
        ("orange", f"gap KL(q‖p(z|x)) {fmt(gap)} ", evidence, 0.775),
        ("blue", f"ELBO {fmt(elbo)}", elbo, 0.485),
        ("green", f"E log p(x|z) {fmt(fit)}", 0, 0.335),
        ("purple", f"−KL(q‖p(z)) {fmt(-cost)}", (elbo + fit) / 2, 0.04),
    ):
        nats.label(f"{hue} label", hue, words, x, y)
    drawn.shows(
        ("log p(x), fixed", "ink", f"{fmt(evidence, 3)} nats"),
        ("= ELBO", "blue", f"{fmt(elbo, 3)} nats"),
        ("+ KL(q‖p(z|x)), the gap", "orange", f"{fmt(gap, 3)} nats"),
    )
    drawn.slider("mean of q", mean, fmt(mean))
    drawn.slider("width of q", width, fmt(width))
    assert drawn.say.startswith(f"q is at {fmt(mean)}, {fmt(width)} wide; the posterior at {fmt(mu)}, {fmt(sd)} wide.")
    drawn.complete()


def test_parity_of_python(cases):
    parts, _ = elbo_exact(cases)
    figures = [ElboGap(**case) for case in cases]
    for name, trait in (("evidence", "log_px"), ("elbo", "elbo"), ("gap", "gap")):
        np.testing.assert_allclose([getattr(f, trait) for f in figures], parts[name], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.1, 1.6, "0.5", None, [0.5]])
def test_refuses_by_name(bad):
    with pytest.raises(traitlets.TraitError, match=r"width must be a finite number from 0.2 to 1.5.*, got"):
        ElboGap(width=bad)


def test_says_what_it_shows():
    assert repr(ElboGap()) == "ElboGap(a=1.0, b=0.0, mean=-1.2, noise=1.0, width=0.5, x=2.0)"
    assert "log p(x) is -2.27 nats, the ELBO -7.20" in ElboGap().sentence()
    density, nats = ElboGap().draw().axes
    assert density.get_title() == "q against the posterior"
    assert nats.get_title() == "log p(x) = -2.27"
