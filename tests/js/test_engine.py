"""Training in the page against aecore: the same weights, batches and noise give the same loss, gradient and weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from aebook.bundle import TRAIN, kernels
from torch import nn

import aecore as ae

from .conftest import source

ENGINE = source(TRAIN / "engine.js")
HEALTHY = {
    "rate": 1e-3,
    "likelihood": "bernoulli",
    "sigma": 1.0,
    "beta": 1.0,
    "sparsity": "none",
    "weight": 0.0,
    "rho": 0.05,
    "bug": "none",
}
# Trains on batches that come as bytes; returns the terms of every step and the weights at the end.
TRAINED = """(m, shape, settings, code, weights, steps, count) => {
  const floats = (view) => new Float32Array(view.buffer);
  const engine = m.engine(shape, count, code && new Uint8Array(code.buffer));
  engine.put(weights.map(([weight, bias]) => ({ weight: floats(weight), bias: floats(bias) })));
  const terms = steps.map(({ x, eps, target }) =>
    engine.step(floats(x), count, floats(eps), settings, target ? floats(target) : undefined));
  return { terms, compiled: engine.compiled, weights: engine.take().map(({ weight, bias }) => [weight, bias]) };
}"""


@pytest.fixture(scope="module", params=["compiled", "JavaScript"])
def code(request):
    return kernels() if request.param == "compiled" else None


def raw(tensor: torch.Tensor) -> bytes:
    return tensor.detach().float().numpy().tobytes()


def linears(model: nn.Module) -> list[nn.Linear]:
    return [part for part in model.modules() if isinstance(part, nn.Linear)]


def sizes(network: nn.Module) -> list[int]:
    parts = linears(network)
    return [parts[0].in_features, *(part.out_features for part in parts)]


def shape(model, **other) -> dict:
    kind = "vae" if isinstance(model, ae.VAE) else "autoencoder"
    parts = {"kind": kind, "encoder": sizes(model.encoder), "decoder": sizes(model.decoder)}
    return {**parts, "activation": "relu", **other}


def batches(pixels: int, latent: int, count: int, steps: int) -> list[dict]:
    generator = torch.Generator().manual_seed(1)
    ink = torch.rand(steps, count, pixels, generator=generator)
    dark = torch.rand(steps, count, pixels, generator=generator) < 0.7  # most pixels of a digit are exactly 0
    eps = torch.randn(steps, count, latent, generator=generator)
    return [{"x": x, "eps": e} for x, e in zip(ink.masked_fill(dark, 0), eps, strict=True)]


def in_page(js, code, model, settings, steps, **other):
    weights = [[raw(part.weight), raw(part.bias)] for part in linears(model)]
    sent = [{name: raw(value) for name, value in step.items()} for step in steps]
    found = js.run(ENGINE, TRAINED, shape(model, **other), settings, code, weights, sent, len(steps[0]["x"]))
    assert found["compiled"] is (code is not None)
    return found


def in_torch(model, settings, steps, loss):
    """The same by autograd and torch's Adam: the terms of every step; `model` is changed."""
    adam = torch.optim.Adam(model.parameters(), lr=settings["rate"])
    terms = []
    for step in steps:
        found = loss(model, step["x"], step["eps"], step.get("target", step["x"]))
        adam.zero_grad()
        found["loss"].backward()
        norms = {
            name: torch.cat([p.grad.flatten() for p in part.parameters()]).norm()
            for name, part in (("encoder", model.encoder), ("decoder", model.decoder))
        }
        terms.append({name: value.detach() for name, value in {**found, **norms}.items()})
        adam.step()
    return terms


def vae_loss(settings):
    """The loss of a VAE from aecore's parts, with the bug that is planted."""

    def loss(vae, x, eps, target):
        mean, logvar = vae.posterior(x)
        bug = settings["bug"]
        z = mean + logvar.exp() * eps if bug == "log σ" else ae.reparameterize(mean, logvar, eps)
        output = vae.decoder(z.detach() if bug == "no gradient" else z)
        if settings["likelihood"] == "bernoulli":
            error = -ae.bernoulli_log_prob(output, target).mean()
        else:
            error = -ae.gaussian_log_prob(target, output, settings["sigma"]).mean()
        error = error / x[0].numel() if bug == "mean" else error
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean(dim=0)
        torch.testing.assert_close(kl.sum(), ae.gaussian_kl(mean, logvar).mean())
        sign = -1 if bug == "sign" else 1
        return {"loss": error + sign * settings["beta"] * kl.sum(), "error": error, "kl": kl}

    return loss


def small_vae(activation=nn.ReLU, latent=3):
    torch.manual_seed(0)
    return ae.VAE(ae.mlp([36, 24, 10, 2 * latent], activation), ae.mlp([latent, 10, 24, 36], activation))


def compare(found, model, expected, *, tolerance):
    assert len(found["terms"]) == len(expected)
    for terms, wanted in zip(found["terms"], expected, strict=True):
        for name, value in wanted.items():
            np.testing.assert_allclose(terms[name], value.numpy(), rtol=tolerance, atol=tolerance, err_msg=name)
    for (weight, bias), part in zip(found["weights"], linears(model), strict=True):
        for got, wanted in ((np.reshape(weight, part.weight.shape), part.weight), (np.array(bias), part.bias)):
            off = np.abs(got - wanted.detach().numpy())
            # Adam divides by a gradient's size: where that is near 10⁻⁸, rounding decides a part of the step.
            assert (off > tolerance).mean() <= 2e-3, f"{off.max():.1e}"
            assert off.max() < 10 * tolerance + 2e-5


@pytest.mark.parametrize("steps", [1, 50])
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"beta": 4.0},
        {"likelihood": "gaussian", "sigma": 0.3},
        {"bug": "no gradient"},
        {"bug": "mean"},
        {"bug": "sign", "beta": 0.1},
        {"bug": "log σ"},
    ],
    ids=str,
)
def test_a_vae_learns_as_in_torch(js, code, changed, steps):
    settings, model = {**HEALTHY, **changed}, small_vae()
    data = batches(36, 3, 20, steps)
    found = in_page(js, code, model, settings, data)
    compare(found, model, in_torch(model, settings, data, vae_loss(settings)), tolerance=2e-6 if steps == 1 else 5e-5)


def test_with_tanh_and_a_rate_that_moves_far(js, code):
    settings, model = {**HEALTHY, "rate": 1e-2}, small_vae(nn.Tanh)
    data = batches(36, 3, 20, 50)
    found = in_page(js, code, model, settings, data, activation="tanh")
    compare(found, model, in_torch(model, settings, data, vae_loss(settings)), tolerance=2e-4)


def test_a_denoising_vae_explains_the_clean_image(js, code):
    settings, model = HEALTHY, small_vae()
    data = batches(36, 3, 20, 20)
    for step in data:
        step["target"], step["x"] = step["x"], step["x"] + 0.3 * torch.randn(20, 36)
    found = in_page(js, code, model, settings, data)
    compare(found, model, in_torch(model, settings, data, vae_loss(settings)), tolerance=5e-5)


@pytest.mark.parametrize("steps", [1, 50])
@pytest.mark.parametrize(
    ("squash", "changed"),
    [
        (None, {}),
        (nn.ReLU, {"sparsity": "l1", "weight": 0.2}),
        (nn.Sigmoid, {"sparsity": "kl", "weight": 0.3, "rho": 0.1}),
    ],
)
def test_an_autoencoder_learns_as_in_torch(js, code, squash, changed, steps):
    settings = {**HEALTHY, **changed}
    torch.manual_seed(0)
    encoder = ae.mlp([36, 24, 7])
    model = ae.Autoencoder(encoder if squash is None else nn.Sequential(encoder, squash()), ae.mlp([7, 24, 36]))
    data = batches(36, 7, 20, steps)

    def loss(model, x, eps, target):
        h = model.encode(x)
        error = ae.squared_error(model.decoder(h), target).mean()
        if settings["sparsity"] == "l1":
            penalty = settings["weight"] * ae.l1_sparsity(h)
        elif settings["sparsity"] == "kl":
            penalty = settings["weight"] * ae.kl_sparsity(h, settings["rho"])
        else:
            penalty = torch.zeros(())
        return {"loss": error + penalty, "error": error, "penalty": penalty}

    model.train()
    other = {"squash": squash.__name__.lower()} if squash else {}
    found = in_page(js, code, model, settings, data, **other)
    compare(found, model, in_torch(model, settings, data, loss), tolerance=2e-6 if steps == 1 else 5e-5)


def test_real_digits_and_the_size_of_the_figure(js, code):
    torch.manual_seed(0)
    model = ae.VAE(ae.mlp([784, 128, 4]), ae.mlp([2, 128, 784]))
    images = ae.mnist("train")[0][:500].flatten(1)
    eps = torch.randn(5, 100, 2)
    data = [{"x": x, "eps": e} for x, e in zip(images.view(5, 100, 784), eps, strict=True)]
    found = in_page(js, code, model, HEALTHY, data)
    terms = in_torch(model, HEALTHY, data, vae_loss(HEALTHY))
    for got, wanted in zip(found["terms"], terms, strict=True):
        assert got["loss"] == pytest.approx(float(wanted["loss"]), rel=1e-5)
    for (weight, _), part in zip(found["weights"], linears(model), strict=True):
        np.testing.assert_allclose(np.reshape(weight, part.weight.shape), part.weight.detach(), atol=2e-5)


EVALUATED = """(m, shape, settings, weights, x, eps, count) => {
  const floats = (view) => new Float32Array(view.buffer);
  const engine = m.engine(shape, 32, null);
  engine.put(weights.map(([weight, bias]) => ({ weight: floats(weight), bias: floats(bias) })));
  const before = engine.save();
  const terms = engine.evaluate(floats(x), count, eps && floats(eps), settings);
  const pictures = engine.pictures(count, settings.likelihood);
  const codes = engine.codes(floats(x), count);
  engine.decode(codes, count);
  const after = engine.save();
  const same = before.parameters.every((v, i) => v === after.parameters[i]);
  return { terms, codes, pictures, again: engine.pictures(count, settings.likelihood), same };
}"""


def test_what_is_looked_at(js):
    model, (step,) = small_vae(), batches(36, 3, 20, 1)
    weights = [[raw(part.weight), raw(part.bias)] for part in linears(model)]
    found = js.run(ENGINE, EVALUATED, shape(model), HEALTHY, weights, raw(step["x"]), None, 20)
    with torch.no_grad():
        mean, logvar = model.posterior(step["x"])
        pictures = model(step["x"])
    np.testing.assert_allclose(np.reshape(found["codes"], (20, 3)), mean, atol=1e-6)
    np.testing.assert_allclose(np.reshape(found["pictures"], (20, 36)), pictures, atol=1e-6)
    assert found["again"] == found["pictures"]
    assert found["same"], "a look changed the weights"
    assert sum(found["terms"]["kl"]) == pytest.approx(float(ae.gaussian_kl(mean, logvar).mean()), rel=1e-5)


BACK = """(m, shape, settings, code, weights, steps, count) => {
  const floats = (view) => new Float32Array(view.buffer);
  const engine = m.engine(shape, count, code && new Uint8Array(code.buffer));
  engine.put(weights.map(([weight, bias]) => ({ weight: floats(weight), bias: floats(bias) })));
  const train = (from, to) => {
    for (const { x, eps } of steps.slice(from, to)) engine.step(floats(x), count, floats(eps), settings);
    return engine.save();
  };
  const middle = train(0, 3);
  const end = train(3, 6);
  engine.restore(middle);
  const again = train(3, 6);
  const equal = (a, b) => a.every((value, i) => Object.is(value, b[i]));
  return [engine.steps(), equal(end.parameters, again.parameters), equal(end.moments, again.moments),
    equal(middle.parameters, end.parameters)];
}"""


def test_back_in_time_bit_for_bit(js, code):
    model, data = small_vae(), batches(36, 3, 20, 6)
    weights = [[raw(part.weight), raw(part.bias)] for part in linears(model)]
    sent = [{name: raw(value) for name, value in step.items()} for step in data]
    assert js.run(ENGINE, BACK, shape(model), HEALTHY, code, weights, sent, 20) == [6, True, True, False]


@pytest.mark.parametrize(
    ("x", "eps", "count", "words"),
    [
        (36 * 2, 6, 3, "x must hold 1 to 32 images of 36 pixels, got 72 numbers"),
        (36 * 33, 99, 33, "x must hold 1 to 32 images"),
        (36 * 2, 5, 2, "noise must be 3 numbers an image, got 5 for 2"),
    ],
)
def test_refuses_by_name(js, x, eps, count, words):
    model = small_vae()
    weights = [[raw(part.weight), raw(part.bias)] for part in linears(model)]
    values = raw(torch.zeros(x)), raw(torch.zeros(eps)), count
    with pytest.raises(RuntimeError, match=words):
        js.run(ENGINE, EVALUATED, shape(model), HEALTHY, weights, *values)


def test_a_host_that_refuses_webassembly_gets_javascript(js):
    model = small_vae()
    with pytest.raises(AssertionError, match="assert False is"):  # the same, but not compiled
        in_page(js, b"not a module", model, HEALTHY, batches(36, 3, 20, 1))
