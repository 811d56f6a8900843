"""BetaDial: β under the hand, and what the page shows against aecore and the models themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets

import aecore as ae
from aecore.widgets import BetaDial
from aecore.widgets.beta_dial import RADIUS, _models
from aecore.widgets.draws import normals

from .figure_harness import FigureOnPage, call_module_function

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
    return BetaDial.example(), _models(), images, labels


def opened(reader, bases, way="file"):
    return FigureOnPage(reader.open(bases[way] + "figures.html"), "BetaDial")


@pytest.mark.parametrize("way", ["http", "file"])
def test_moves_under_the_hand(light, bases, way):
    figure = opened(light, bases, way)
    assert "5 of 8 dimensions are active" in figure.readout()
    figure.check_slider("β")
    figure.check_reset()
    assert figure.trait("beta") == 8
    figure.check_latency("β")
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
    assert any("beta: got 5, takes one of 0.1, 0.3, 1" in text for text in figure.error())


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


def test_parity_of_the_elbo(gallery):
    random = np.random.default_rng(0)
    calls = [[random.normal(-120, 40), random.exponential(2, 8).tolist()] for _ in range(120)]
    got = call_module_function(gallery, "BetaDial", "elbo", calls)
    np.testing.assert_allclose(got, [log_prob - sum(kl) for log_prob, kl in calls], rtol=1e-12)
    model = vae(beta=7.0)  # aecore's ELBO, without its β, from the same sample
    parts = model.elbo_parts(IMAGES, generator=torch.Generator().manual_seed(0))
    mean, logvar = model.posterior(IMAGES)
    kl = torch.stack([ae.gaussian_kl(mean[:, [j]], logvar[:, [j]]) for j in range(2)], dim=1)
    model.beta = 1.0
    bound = model.elbo(IMAGES, generator=torch.Generator().manual_seed(0))
    calls = [[a, b] for a, b in zip(parts["log_prob"].tolist(), kl.tolist(), strict=True)]
    np.testing.assert_allclose(call_module_function(gallery, "BetaDial", "elbo", calls), bound.detach(), rtol=1e-5)


def test_parity_of_codes_their_share_outside_and_the_best(gallery):
    random = np.random.default_rng(1)
    steps, reaches = random.integers(-32767, 32768, (120, 30)), random.uniform(0.1, 9, 120)
    calls = [[list(map(int, row)), reach] for row, reach in zip(steps, reaches, strict=True)]
    codes = np.array(call_module_function(gallery, "BetaDial", "unpack", calls))
    np.testing.assert_allclose(codes, steps * (reaches / 32767)[:, None], rtol=1e-12)
    shares = call_module_function(gallery, "BetaDial", "outside", [[row, RADIUS] for row in codes.tolist()])
    far = np.linalg.norm(codes.reshape(120, 15, 2), axis=2) > RADIUS
    np.testing.assert_allclose(shares, far.mean(axis=1), rtol=1e-12)
    values = random.normal(size=(120, 8))
    assert (
        call_module_function(gallery, "BetaDial", "best", [[row] for row in values.tolist()])
        == values.argmax(1).tolist()
    )
    plane = random.normal(size=40_000)  # what the circle is said to hold
    assert call_module_function(gallery, "BetaDial", "outside", [[plane.tolist(), RADIUS]])[0] == pytest.approx(
        0.05, abs=0.003
    )


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
    _, elbo = figure._now()
    assert BETAS[elbo.argmax()] == 1
    assert "VAEs at β = 8, one of 8 values: 5 of 8 dimensions" in figure.sentence()
    assert f"the best of these {elbo.max():.1f}, at β = 1" in figure.sentence()
    assert len(figure.draw().axes) == 4
    assert len(str(figure.state())) < 400_000


@pytest.mark.parametrize(
    ("models", "images", "labels", "error", "message"),
    [
        ([], IMAGES, LABELS, ValueError, "models: got β = .., takes at least two"),
        ([vae()], IMAGES, LABELS, ValueError, r"models: got β = \[1.0\], takes at least two"),
        ([vae(2), vae(1)], IMAGES, LABELS, ValueError, "takes at least two VAEs of increasing β"),
        ([vae(1), torch.nn.Linear(2, 2)], IMAGES, LABELS, TypeError, "models: got Linear, takes aecore.VAE"),
        ([vae(1), vae(2, latent=3)], IMAGES, LABELS, ValueError, r"models: got latent_dim \[2, 3\]"),
        ([vae(1, latent=1), vae(2, latent=1)], IMAGES, LABELS, ValueError, r"models: got latent_dim \[1\]"),
        ([vae(1), vae(2)], IMAGES[:, :9], LABELS, ValueError, r"images: got shape \(20, 9\), takes \(20, 784\)"),
        ([vae(1), vae(2)], IMAGES[:0], LABELS, ValueError, r"images: got shape \(0, 784\)"),
        ([vae(1), vae(2)], IMAGES * np.nan, LABELS, ValueError, "images: got NaN"),
        ([vae(1), vae(2)], IMAGES, [], ValueError, r"labels: got shape \(0,\)"),
        ([vae(1), vae(2)], IMAGES[:1], [3], ValueError, "labels: got one digit"),
        ([vae(1), vae(2)], IMAGES, [10] * 20, ValueError, "labels: got values from 10 to 10"),
    ],
)
def test_refuses_other_data_by_name(models, images, labels, error, message):
    with pytest.raises(error, match=message):
        BetaDial(models, images, labels)


def test_refuses_other_models_by_name():
    broken = vae(4)
    broken.encoder[1].weight.data.fill_(float("nan"))
    with pytest.raises(ValueError, match="codes of the model with β = 4: got NaN"):
        BetaDial([vae(1), broken], IMAGES, LABELS)
    smaller = ae.VAE(ae.mlp([784, 4]), ae.mlp([2, 9]), likelihood="gaussian")
    with pytest.raises(ValueError, match=r"pictures of the model with β = 1: got shape \(10, 9\), takes \(10, 784\)"):
        BetaDial([smaller, vae(2)], IMAGES, LABELS)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "1", None, 3, -1])
def test_refuses_another_beta_by_name(bad):
    with pytest.raises(traitlets.TraitError, match="beta: got"):
        BetaDial([vae(1), vae(2)], IMAGES, LABELS, beta=bad)
