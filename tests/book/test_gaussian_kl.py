"""GaussianKL: under the hand in its three views, and the page's KL, integrand and estimate against aecore's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets

import aecore as ae
from aecore.widgets import GaussianKL
from aecore.widgets.draws import normals

from .figure_harness import FigureOnPage, call_module_function


def gaussians(count, of=2):
    """Means and widths over the whole range of the sliders: shape (count, 2 * of), mean, width, mean, width, …"""
    low, high = np.tile([-2.5, 0.4], of), np.tile([2.5, 1.6], of)
    return np.random.default_rng(0).uniform(low, high, (count, 2 * of))


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
    figure.check_latency("mean of p")
    figure.check_choice("show")
    assert figure.trait("view") == "Monte Carlo"
    figure.check_slider("samples")
    figure.check_latency("samples")
    figure.check_latency("width of q")
    before = figure.picture(), figure.readout()
    figure.embed.get_by_role("button", name="New samples").click()
    assert figure.picture() != before[0]
    assert figure.readout() != before[1]
    figure.check_choice("show")
    assert figure.trait("view") == "triangle"
    figure.check_slider("mean of r")
    figure.check_handle("width of r", dx=-20)
    figure.check_handle("mean of r", dx=-20)
    figure.check_latency("mean of r")
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


def test_parity_of_kl(gallery):
    numbers = gaussians(400)
    got = call_module_function(gallery, "GaussianKL", "kl", numbers.tolist())
    np.testing.assert_allclose(got, aecore_kl(numbers), rtol=1e-10, atol=1e-12)
    for m, s, n, w in numbers[:20]:
        figure = GaussianKL(p_mean=m, p_width=s, q_mean=n, q_width=w)
        assert figure.kl("p", "q") == pytest.approx(aecore_kl([[m, s, n, w]])[0], abs=1e-12)


def test_parity_of_the_integrand_and_its_area(gallery):
    numbers = np.concatenate([np.random.default_rng(1).uniform(-6, 6, (400, 1)), gaussians(400)], axis=1)
    x, m, s, n, w = torch.tensor(numbers).T.reshape(5, -1, 1)
    log_p, log_q = ae.gaussian_log_prob(x, m, s), ae.gaussian_log_prob(x, n, w)
    got = call_module_function(gallery, "GaussianKL", "integrand", numbers.tolist())
    np.testing.assert_allclose(got, (log_p.exp() * (log_p - log_q)).numpy(), rtol=1e-9, atol=1e-12)
    grid = np.linspace(-15, 15, 4001)
    for pair in gaussians(5):
        values = call_module_function(gallery, "GaussianKL", "integrand", [[v, *pair] for v in grid])
        assert np.trapezoid(values, grid) == pytest.approx(aecore_kl([pair])[0], abs=1e-6)


def test_parity_of_the_estimate_sample_for_sample(gallery):
    for seed in (0, 1, 2**31):
        z = call_module_function(gallery, "GaussianKL", "normals", [[seed]])[0]
        np.testing.assert_allclose(z, normals(seed, 10_000), rtol=1e-12, atol=1e-14)
        assert abs(np.mean(z)) < 0.04
        assert abs(np.std(z) - 1) < 0.03
    pairs = gaussians(120)
    calls = [[3, int(count), *pair] for count, pair in zip(np.geomspace(1, 10_000, 120), pairs.tolist(), strict=True)]
    for call, got in zip(calls, call_module_function(gallery, "GaussianKL", "running", calls), strict=True):
        _, count, m, s, n, w = call
        x = m + s * torch.tensor(normals(3, count))[:, None]
        value = ae.gaussian_log_prob(x, torch.full_like(x, m), s) - ae.gaussian_log_prob(x, torch.full_like(x, n), w)
        assert (got["at"][0], got["at"][-1]) == (1, count)
        assert got["at"] == sorted(set(got["at"]))
        for at, mean, error in list(zip(got["at"], got["mean"], got["error"], strict=True))[:: max(1, count // 50)]:
            assert mean == pytest.approx(value[:at].mean().item(), rel=1e-9, abs=1e-10)
            if at > 1:
                assert error == pytest.approx((value[:at].std() / at**0.5).item(), rel=1e-7, abs=1e-9)
            else:
                assert np.isnan(error)


def test_parity_of_the_spread(gallery):
    pairs = gaussians(100)
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)  # exact: the squared log-ratio is a polynomial
    m, s, n, w = pairs.T[..., None]
    x = m + s * nodes
    ratio = np.log(w / s) + ((x - n) / w) ** 2 / 2 - ((x - m) / s) ** 2 / 2
    mean = (ratio * weights).sum(1) / weights.sum()
    variance = ((ratio - mean[:, None]) ** 2 * weights).sum(1) / weights.sum()
    got = call_module_function(gallery, "GaussianKL", "spread", pairs.tolist())
    np.testing.assert_allclose(got, np.sqrt(variance), rtol=1e-9)


def test_the_still_picture_samples_as_the_page_does(light, bases):
    figure = FigureOnPage(light.open(bases["file"] + "figures.html"), "GaussianKL")
    figure.embed.evaluate("(embed) => { embed.aeModel.set('view', 'Monte Carlo'); }")
    still = GaussianKL(view="Monte Carlo")
    mean, error = (values[-1] for values in still._estimates())
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
    with pytest.raises(traitlets.TraitError, match=r"q_width: got .*, takes a finite number from 0.4 to 1.6"):
        GaussianKL(q_width=bad)
    with pytest.raises(traitlets.TraitError, match="samples"):
        GaussianKL(samples=bad)


def test_refuses_another_view_and_another_trait():
    with pytest.raises(traitlets.TraitError, match="view"):
        GaussianKL(view="entropy")
    with pytest.raises(traitlets.TraitError, match="seed"):
        GaussianKL(seed=-1)
    with pytest.raises(TypeError, match="got 'mean', takes"):
        GaussianKL(mean=0.3)
