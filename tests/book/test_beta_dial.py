"""BetaDial: β under the hand, and what the page shows against aecore and the models themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets
from scipy.stats import chi2

import aecore as ae
from aelab.figures import BetaDial
from aelab.figures.beta_dial import trained_vaes
from aelab.figures.kit.draws import normals
from aelab.stills.style import DIGIT_HUES, HUES

from .drawn import fmt
from .figure_harness import FigureOnPage

BETAS = [0.1, 0.3, 1, 2, 4, 8, 16, 32]
SAY = "(embed, beta) => embed.aeModel.set('beta', beta)"


def vae(beta=1.0, pixels=784, latent=2, **settings):
    torch.manual_seed(0)
    return ae.VAE(ae.mlp([784, 2 * latent]), ae.mlp([latent, pixels]), beta=beta, **settings)


IMAGES = torch.rand(20, 784, generator=torch.Generator().manual_seed(0))
LABELS = [*range(10)] * 2


@pytest.fixture(scope="module")
def example():
    """The figure of the gallery, its models, and the digits of its numbers."""
    images, labels = (part[:2000] for part in ae.mnist("test"))
    return BetaDial.example(), trained_vaes(), images, labels


def opened(reader, bases, way="file"):
    return FigureOnPage(reader.open(bases[way] + "figures.html"), "BetaDial")


@pytest.mark.parametrize("way", ["http", "file"])
def test_moves_under_the_hand(light, bases, way):
    figure = opened(light, bases, way)
    assert "5 of 8 dimensions are active" in figure.readout()
    figure.check_slider("β")
    figure.check_reset()
    assert figure.trait("beta") == 8
    box, mouse = (
        figure.embed.locator("svg[aria-label='Reconstruction cost and KL over β']").bounding_box(),
        light.page.mouse,
    )
    mouse.move(box["x"] + 60, box["y"] + 60)
    mouse.down()
    assert figure.trait("beta") == 0.1
    mouse.move(box["x"] + box["width"] - 30, box["y"] + 90, steps=8)
    mouse.up()
    assert figure.trait("beta") == 32
    assert "Collapse" in figure.readout()
    assert [problem for problem in light.problems if "404" not in problem] == []


def test_keeps_its_room_at_every_beta_and_says_what_is_wrong(light, phone, bases):
    for reader in (light, phone):
        figure = opened(reader, bases)
        for beta in BETAS:
            figure.embed.evaluate(SAY, beta)
            figure.check_room()
        assert figure.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    figure.embed.evaluate(SAY, 5)
    assert any("beta" in text and "got 5" in text for text in figure.error())


def test_the_page_says_aecores_numbers(light, bases, example):
    _, models, images, _ = example
    figure = opened(light, bases)
    for model in models:
        figure.embed.evaluate(SAY, model.beta)
        with torch.no_grad():
            parts = model.elbo_parts(images, generator=torch.Generator().manual_seed(0))
        log_prob, kl = (parts[name].mean().item() for name in ("log_prob", "kl"))
        active = int(ae.active_units(model, images).sum())
        shown = [text.replace("−", "-").split()[0] for text in figure.embed.locator(".ae-notes dd").all_inner_texts()]
        assert [float(text) for text in shown[:3]] == pytest.approx([log_prob, kl, log_prob - kl], abs=0.0501)
        assert int(shown[3]) == active


@pytest.mark.parametrize(
    ("keys", "beta"), [([], 8), (["Home"], 0.1), (["End"], 32), (["Home", "ArrowRight", "ArrowRight"], 1)]
)
def test_draws_its_numbers(gallery, keys, beta):
    """Of the models themselves: see the next tests."""
    figure = FigureOnPage(gallery, "BetaDial")
    figure.start()
    figure.press("β", *keys)
    drawn = figure.drawn(canvases=True)
    has, betas = drawn.traits, drawn.traits["betas"]
    assert has["beta"] == beta
    kl, log_prob, labels = np.array(has["kl"]), np.array(has["log_prob"]), np.frombuffer(has["labels"], np.uint8)
    at, (count, dimensions), elbo = betas.index(has["beta"]), kl.shape, log_prob - kl.sum(axis=1)
    used, places = np.array(has["active"][at]), np.arange(count)

    plane, turn = drawn.plot("plane"), np.linspace(0, 2 * np.pi, 120)
    radius = chi2(2).ppf(0.95) ** 0.5
    plane.line("95 % of the prior", "ink", radius * np.cos(turn), radius * np.sin(turn))
    plane.label("95 % of the prior", "ink", "95 % of the prior", 0, radius)
    codes = np.frombuffer(has["codes"], "<i2").reshape(count, -1, 2)[at] * (has["reach"] / 32767)
    drawn.glyphs("codes", plane, *codes.T, [HUES[DIGIT_HUES[digit]] for digit in labels])

    bars, edges = drawn.plot("dimensions"), np.arange(dimensions + 1) + 0.5
    bars.bars("active", "blue", edges, np.where(used, kl[at], 0))
    bars.bars("collapsed", "muted", edges, np.where(used, 0, kl[at]))
    roomy = bars.read["clip"]["width"] / dimensions >= 26
    for j, nats in enumerate(kl[at]):
        words = fmt(nats) if roomy or nats == max(kl[at]) else ""
        bars.label(f"KL of dimension {j + 1}", "blue" if used[j] else "muted", words, j + 1, nats)

    nats = drawn.plot("nats", x="rank")
    nats.area("reconstruction", "green", places, -log_prob)
    nats.area("KL", "orange", places, -elbo, -log_prob)
    nats.line("−ELBO", "ink", places, -elbo)
    nats.rule("β", "muted", x=at)
    nats.dot("−ELBO", "ink", at, -elbo[at])
    nats.label("reconstruction", "green", "−E log p(x|z)", count / 2, -log_prob[count // 2] / 2)
    nats.label("KL", "orange", "KL", 0.4, -(elbo[0] + log_prob[0]) / 2)
    best = int(elbo.argmax())
    nats.label("−ELBO", "ink", f"−ELBO, least at β = {betas[best]:g}", best, -elbo[best], within=40)

    pictures = np.frombuffer(has["pictures"], np.uint8).reshape(1 + 2 * count, -1, 28, 28) / 255
    names = "test digits", "their reconstructions", "samples, from the same noise for every β"
    for name, row in zip(names, pictures[[0, 1 + 2 * at, 2 + 2 * at]], strict=True):
        drawn.raster(name, np.concatenate(np.pad(row, ((0, 0), (0, 0), (0, 4))), axis=1)[:, :-4])

    drawn.shows(
        ("E log p(x|z)", "green", fmt(log_prob[at], 1)),
        ("− KL", "orange", fmt(kl[at].sum(), 1)),
        ("= ELBO", "ink", fmt(elbo[at], 1)),
        ("active units", "blue", f"{used.sum()} of {dimensions}"),
    )
    drawn.slider("β", at, f"{has['beta']:g}")
    assert drawn.say.startswith(f"β = {has['beta']:g}.")
    drawn.complete()


def test_the_dimensions_are_the_models_own_in_another_order(example):
    """Codes to half a step of 16 bits, pictures to half a step of 8 bits."""
    figure, models, images, labels = example
    codes = np.frombuffer(figure.codes, "<i2").reshape(len(models), -1, 2) * (figure.reach / 32767)
    pictures = np.frombuffer(figure.pictures, np.uint8).reshape(-1, 10, 784) / 255
    first = [int((labels == digit).nonzero()[0]) for digit in range(10)]
    np.testing.assert_allclose(pictures[0], images[first].flatten(1), atol=1 / 509)
    before = None
    for at, model in enumerate(models):
        with torch.no_grad():
            mean, logvar = model.posterior(images)
            kl = torch.stack([ae.gaussian_kl(mean[:, [j]], logvar[:, [j]]).mean() for j in range(8)])
            rebuilt = model(images[first]).flatten(1)
        order = kl.argsort(descending=True)
        assert figure.kl[at] == pytest.approx(kl[order].tolist(), rel=1e-6)
        assert sum(figure.kl[at]) == pytest.approx(ae.gaussian_kl(mean, logvar).mean().item(), rel=1e-5)
        assert figure.active[at] == ae.active_units(model, images)[order].tolist()
        ours = mean[:, order].double().numpy()
        sign = np.ones(8) if before is None else np.where((ours * before).sum(axis=0) < 0, -1, 1)
        before = ours * sign
        np.testing.assert_allclose(codes[at], before[:700, :2], atol=figure.reach / 65000)
        np.testing.assert_allclose(pictures[1 + 2 * at], rebuilt, atol=1 / 509)
        z = torch.zeros(10, 8)
        z[:, order] = torch.tensor(normals(0, 80).reshape(10, 8) * sign, dtype=torch.float32)
        with torch.no_grad():
            samples = model.decode(z).mean.flatten(1)
        np.testing.assert_allclose(pictures[2 + 2 * at], samples, atol=1 / 509)


def test_collapse_happens_under_the_hand(example):
    figure, *_ = example
    active, nats = [sum(used) for used in figure.active], [sum(kl) for kl in figure.kl]
    assert figure.betas == BETAS
    assert active[0] == 8
    assert active == sorted(active, reverse=True)
    assert 0 < active[BETAS.index(8)] < 8  # where it opens
    assert active[-1] == 0
    assert nats == sorted(nats, reverse=True)
    assert nats[-1] < 0.05
    assert figure.log_prob == sorted(figure.log_prob, reverse=True)
    elbo = figure.elbo
    assert BETAS[elbo.argmax()] == 1
    assert "VAEs at β = 8, one of 8 values: 5 of 8 dimensions" in figure.sentence()
    assert f"the best of these {elbo.max():.1f}, at β = 1" in figure.sentence()
    assert len(figure.draw().axes) == 4
    assert len(str(figure.state())) < 400_000


@pytest.mark.parametrize(
    ("models", "images", "labels", "error", "message"),
    [
        ([], IMAGES, LABELS, ValueError, r"models must be at least two of increasing β, got β = \[\]"),
        ([vae()], IMAGES, LABELS, ValueError, r"models must be at least two of increasing β, got β = \[1.0\]"),
        ([vae(2), vae(1)], IMAGES, LABELS, ValueError, "models must be at least two of increasing β"),
        ([vae(1), torch.nn.Linear(2, 2)], IMAGES, LABELS, TypeError, "models must be of aecore.VAE, got Linear"),
        (
            [vae(1), vae(2, latent=3)],
            IMAGES,
            LABELS,
            ValueError,
            r"models must have one latent_dim, at least 2, got \[2, 3\]",
        ),
        (
            [vae(1, latent=1), vae(2, latent=1)],
            IMAGES,
            LABELS,
            ValueError,
            r"models must have one latent_dim, at least 2, got \[1\]",
        ),
        ([vae(1), vae(2)], IMAGES[:, :9], LABELS, ValueError, r"images must have shape .*20, 784.*, got .20, 9"),
        ([vae(1), vae(2)], IMAGES[:0], LABELS, ValueError, r"images must have shape .*, got .0, 784"),
        ([vae(1), vae(2)], IMAGES * np.nan, LABELS, ValueError, "images must be finite, got"),
        ([vae(1), vae(2)], IMAGES, [], ValueError, r"labels must have shape .*, got .0"),
        ([vae(1), vae(2)], IMAGES[:1], [3], ValueError, "labels must be of at least two digits, got one"),
        ([vae(1), vae(2)], IMAGES, [10] * 20, ValueError, r"labels must be in \[0, 9\], got values from 10 to 10"),
    ],
)
def test_refuses_other_data_by_name(models, images, labels, error, message):
    with pytest.raises(error, match=message):
        BetaDial(models, images, labels)


def test_refuses_other_models_by_name():
    broken = vae(4)
    broken.encoder[1].weight.data.fill_(float("nan"))
    with pytest.raises(ValueError, match="codes of the model with β = 4 must be finite, got"):
        BetaDial([vae(1), broken], IMAGES, LABELS)
    smaller = ae.VAE(ae.mlp([784, 4]), ae.mlp([2, 9]), likelihood="gaussian")
    with pytest.raises(ValueError, match=r"pictures of the model with β = 1 must have shape .*10, 784.*, got .10, 9"):
        BetaDial([smaller, vae(2)], IMAGES, LABELS)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "1", None, 3, -1])
def test_refuses_another_beta_by_name(bad):
    with pytest.raises(traitlets.TraitError, match=r"beta must be one of 1.0, 2.0, got"):
        BetaDial([vae(1), vae(2)], IMAGES, LABELS, beta=bad)
