"""GaussianKL: under the hand in its three views, and the page's KL, integrand and estimate against aecore's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets

import aecore as ae
from aelab.figures import GaussianKL
from aelab.figures.kit.draws import normals

from .drawn import fmt
from .figure_harness import FigureOnPage


def aecore_kl(numbers):
    m, s, n, w = torch.tensor(np.array(numbers)).T.reshape(4, -1, 1)
    return ae.gaussian_kl_full(m, s.square()[..., None], n, w.square()[..., None]).numpy()


@pytest.mark.parametrize("way", ["http", "file"])
def test_moves_under_the_hand(light, bases, way):
    figure = FigureOnPage(light.open(bases[way] + "figures.html"), "GaussianKL")
    figure.check_slider("mean of p")
    figure.check_slider("width of q")
    figure.check_reset()
    figure.check_handle("mean of p", dx=-40)
    figure.check_handle("width of p", dx=20)
    figure.check_handle("mean of q", dx=30)
    figure.check_handle("width of q", dx=-30)
    figure.check_reset()
    figure.check_choice("show")
    assert figure.trait("view") == "Monte Carlo"
    figure.check_slider("samples")
    before = figure.picture(), figure.readout()
    figure.embed.get_by_role("button", name="New samples").click()
    assert figure.picture() != before[0]
    assert figure.readout() != before[1]
    figure.check_choice("show")
    assert figure.trait("view") == "triangle"
    figure.check_slider("mean of r")
    figure.check_handle("width of r", dx=-20)
    figure.check_handle("mean of r", dx=-20)
    figure.check_reset()
    assert [figure.trait(name) for name in ("view", "seed", "r_mean")] == ["asymmetry", 0, 2]
    assert [problem for problem in light.problems if "404" not in problem] == []


def test_the_shoulder_sets_the_width_and_leaves_the_mean(light, bases):
    figure = FigureOnPage(light.open(bases["file"] + "figures.html"), "GaussianKL")
    box = figure.handle("width of q").locator(".ae-hit").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    unit = figure.embed.evaluate("(embed) => (embed.querySelector('.ae-plot').clientWidth - 56) / 12")
    figure.page.mouse.move(x, y)
    figure.page.mouse.down()
    figure.page.mouse.move(x - unit / 2, y, steps=3)
    figure.page.mouse.up()
    assert figure.trait("q_mean") == 0
    assert figure.trait("q_width") == pytest.approx(0.7, abs=0.051)


def test_swap_exchanges_the_two_directions(light, bases):
    figure = FigureOnPage(light.open(bases["file"] + "figures.html"), "GaussianKL")
    numbers = figure.embed.locator(".ae-notes dd")
    before = numbers.all_inner_texts()
    figure.embed.get_by_role("button", name="Swap p and q").click()
    assert numbers.all_inner_texts() == before[::-1]


@pytest.mark.parametrize("view", ["asymmetry", "Monte Carlo", "triangle"])
def test_keeps_its_room_in_every_view(light, phone, bases, view):
    for reader in (light, phone):
        figure = FigureOnPage(reader.open(bases["file"] + "figures.html"), "GaussianKL")
        figure.embed.evaluate("(embed, view) => { embed.aeModel.set('view', view); }", view)
        figure.check_room()
        assert figure.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


STATES = {
    "as it opens": ("asymmetry", []),
    "two alike": ("asymmetry", [("width of p", "End"), ("width of q", "End"), ("mean of p", "Home")]),
    "narrow against wide": ("asymmetry", [("width of p", "Home"), ("mean of p", "End"), ("mean of q", "Home")]),
    "estimated": ("Monte Carlo", []),
    "by one sample": ("Monte Carlo", [("samples", "Home"), ("width of q", "Home")]),
    "by ten thousand": ("Monte Carlo", [("samples", "End"), ("mean of p", "PageUp")]),
    "broken triangle": ("triangle", []),
    "kept triangle": ("triangle", [("mean of r", "Home"), ("width of r", "End")]),
}


@pytest.mark.parametrize("state", STATES)
def test_draws_what_aecore_computes(gallery, state):
    figure, (view, moves) = FigureOnPage(gallery, "GaussianKL"), STATES[state]
    figure.start()
    figure.choose("show", view)
    for label, *keys in moves:
        figure.press(label, *keys)
    drawn = figure.drawn()
    has, x = drawn.traits, np.linspace(-6, 6, 145)
    of = {name: (has[f"{name}_mean"], has[f"{name}_width"]) for name in "pqr"}
    hues = {"p": "blue", "q": "orange", "r": "green"}

    def log_density(name, at):
        at = torch.tensor(at, dtype=torch.float64)[:, None]
        mean, width = of[name]
        return ae.gaussian_log_prob(at, torch.full_like(at, mean), width).numpy()

    def kl(first, second):
        return float(aecore_kl([[*of[first], *of[second]]])[0])

    top = drawn.plot("densities")
    for name in "pqr" if view == "triangle" else "pq":
        (mean, width), hue = of[name], hues[name]
        density = np.exp(log_density(name, x))
        peak, side = np.exp(log_density(name, [mean, mean + width]))
        top.area(name, hue, x, density)
        top.line(name, hue, x, density)
        top.label(name, hue, name, mean, peak)
        top.handle(f"mean of {name}", hue, mean, peak)
        top.handle(f"width of {name}", hue, mean + width, side)
        drawn.slider(f"mean of {name}", mean, fmt(mean))
        drawn.slider(f"width of {name}", width, fmt(width))

    forward, backward = kl("p", "q"), kl("q", "p")
    if view == "asymmetry":
        plot, ratio = drawn.plot("integrands"), log_density("p", x) - log_density("q", x)
        plot.rule("zero", "muted", y=0)
        for first, name, area, sign in (("p", "p·log(p/q)", forward, 1), ("q", "q·log(q/p)", backward, -1)):
            values = sign * ratio * np.exp(log_density(first, x))
            plot.line(name, hues[first], x, values)
            plot.area(name, hues[first], x, values)
            plot.label(name, hues[first], f"{name}, area {fmt(area)}", x[values.argmax()], values.max(), within=120)
        low, high = plot.y.limits
        assert low < min(values.min(), 0) < values.max() < high
    elif view == "Monte Carlo":
        plot, count = drawn.plot("estimate", x="log"), has["samples"]
        z = of["p"][0] + of["p"][1] * normals(has["seed"], count)
        ratio = log_density("p", z) - log_density("q", z)
        at = plot.points("estimate", "blue")[0].round().astype(int)
        assert (at[0], at[-1], (np.diff(at) > 0).all()) == (1, count, True)
        mean = np.array([ratio[:n].mean() for n in at])
        error = np.array([ratio[:n].std(ddof=1) / n**0.5 if n > 1 else 0 for n in at])
        plot.rule("exact", "ink", y=forward)
        plot.line("estimate", "blue", at, mean)
        plot.area("standard error", "blue", at, mean + error, mean - error)
        plot.dot("estimate", "blue", count, mean[-1])
        words = f"{fmt(mean[-1])} ± {fmt(error[-1])}" if count > 1 else fmt(mean[-1])
        plot.label("estimate", "blue", words, count, mean[-1])
        plot.end_labels(("exact", "ink", forward))
        place = [v * 10**k for k in range(4) for v in (1, 2, 3, 5, 7)].index(count) if count < 10_000 else 20
        drawn.slider("samples", place, f"{count:,}")
        assert f"{count:,} sample" in drawn.say
    else:
        plot = drawn.plot("triangle", ylim=(0, 1))
        direct, second = kl("p", "r"), kl("q", "r")
        plot.area("KL(p‖r)", "green", [0, direct], [0.8, 0.8], 0.6)
        plot.area("KL(p‖q)", "blue", [0, forward], [0.3, 0.3], 0.1)
        plot.area("KL(q‖r)", "orange", [forward, forward + second], [0.3, 0.3], 0.1)
        plot.label("direct", "ink", f"straight from p to r: {fmt(direct)}", 0, 0.8)
        words = f"by way of q: {fmt(forward)} + {fmt(second)} = {fmt(forward + second)}"
        plot.label("detour", "ink", words, 0, 0.3)
        assert plot.x.limits[0] == pytest.approx(0, abs=1e-6)
        assert plot.x.limits[1] >= max(direct, forward + second) - 1e-6
        assert ("fails" in drawn.say) is (direct > forward + second)
    drawn.shows(("KL(p‖q)", "blue", f"{fmt(forward, 3)} nats"), ("KL(q‖p)", "orange", f"{fmt(backward, 3)} nats"))
    drawn.complete()


def test_the_still_picture_samples_as_the_page_does(light, bases):
    figure = FigureOnPage(light.open(bases["file"] + "figures.html"), "GaussianKL")
    figure.embed.evaluate("(embed) => { embed.aeModel.set('view', 'Monte Carlo'); }")
    still = GaussianKL(view="Monte Carlo")
    mean, error = (values[-1] for values in still.estimates())
    assert f"{mean:.3f} ± {error:.3f}" in figure.readout()
    assert f"ends at {mean:.2f} nats" in still.sentence()


def test_opens_with_a_counterexample_to_symmetry_and_to_the_triangle():
    figure = GaussianKL.example()
    assert figure.kl("q", "p") > 3 * figure.kl("p", "q")
    assert figure.kl("p", "r") > 1.5 * (figure.kl("p", "q") + figure.kl("q", "r"))
    for view in ("asymmetry", "Monte Carlo", "triangle"):
        assert GaussianKL(view=view).draw().axes
        assert "nats" in GaussianKL(view=view).sentence()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0, -1.0, "1", None, [0.5]])
def test_refuses_by_name(bad):
    with pytest.raises(traitlets.TraitError, match=r"q_width must be a finite number from 0.4 to 1.6.*, got"):
        GaussianKL(q_width=bad)
    with pytest.raises(traitlets.TraitError, match="samples"):
        GaussianKL(samples=bad)


def test_refuses_another_view_and_another_trait():
    with pytest.raises(traitlets.TraitError, match="view"):
        GaussianKL(view="entropy")
    with pytest.raises(traitlets.TraitError, match="seed"):
        GaussianKL(seed=-1)
    with pytest.raises(TypeError, match=r"traits must be among .*, got 'mean'"):
        GaussianKL(mean=0.3)
