"""Every figure's Python without a browser: what it takes, what it refuses and how, and models judged in eval mode."""

import inspect
import math
import pkgutil
from importlib import import_module

import numpy as np
import pytest
import torch
import traitlets as t
from figure_samples import (
    LABELS,
    PICTURES,
    PIXELS,
    Loud,
    bottleneck,
    codecs,
    dial,
    field,
    pad,
    plane,
    rate,
    sparse,
    vaes,
)
from torch import nn

import aecore as ae
from aelab import figures
from aelab.figures import FIGURES, Figure
from aelab.figures.kit.draws import normals, uniforms

HALVES = (torch.bfloat16, torch.float16)


def refuses(error, words):
    """An error whose message has the form "x must be …, got …", and these words in it."""
    return pytest.raises(error, match=rf"(?s)^(?=.* must .*, got )(?=.*{words})")


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_and_gradients_are_taken(dtype):
    half = PIXELS.to(dtype).requires_grad_()
    for make in (pad, bottleneck, sparse, dial):
        close(make(half), make(half.detach().float()))
    close(rate(half[:2].view(2, 1, 28, 28)), rate(half[:2].detach().float().view(2, 1, 28, 28)))
    decoder, small = nn.Sequential(nn.Linear(2, 784), nn.Sigmoid()), half[:, :2]
    close(plane(small, decoder.to(dtype)), plane(small.detach().float(), decoder.float()))
    close(
        figures.NaiveMonteCarlo([(small, half[:, 5])]), figures.NaiveMonteCarlo([(small.float(), half[:, 5].float())])
    )
    network = nn.Sequential(nn.Linear(2, 2))
    close(field(small, network.to(dtype)), field(small.detach().float(), network.float()))
    models = vaes(1, 4)
    close(dial(models=[model.to(dtype) for model in models]), dial(models=[model.float() for model in models]))


def close(one, other):
    """The same figure."""
    for name in one.state():
        assert getattr(one, name) == getattr(other, name), name


@pytest.mark.parametrize(
    "make",
    [pad, bottleneck, sparse, dial, lambda x: dial(x.view(-1, 1, 28, 28)), lambda x: rate(x.view(-1, 1, 28, 28))],
)
def test_pictures_from_0_to_255_are_refused_with_the_way_out(make):
    with refuses(ValueError, "divide by 255"):
        make((255 * PIXELS).byte())
    with refuses(ValueError, r"\[0, 1\], got values from -"):
        make(PIXELS - 1)


@pytest.mark.parametrize("make", [pad, sparse, dial, rate])
def test_pictures_with_the_channel_last_are_refused(make):
    with refuses(ValueError, r"shape .* got \(10, 28, 28, 1\)"):
        make(PIXELS.view(10, 28, 28, 1))


@pytest.mark.parametrize("make", [plane, dial])
@pytest.mark.parametrize("bad", [[*range(9), 10], [*range(9), -1], [*range(9), 0.5], ["1"] * 10, [1] * 9, None])
def test_labels_of_another_kind_are_refused(make, bad):
    with refuses((ValueError, TypeError), ""):
        make(labels=bad)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: figures.BernoulliKL(rho_hats=0.3), "among caption, rho, rho_hat, title"),
        (lambda: figures.NaiveMonteCarlo(size=3), "among"),
        (lambda: dial(models=vaes(4, 1)), "increasing β"),
        (lambda: dial(models=vaes(1)), "at least two"),
        (lambda: dial(models=[nn.Linear(2, 2)] * 2), "of aecore.VAE"),
        (lambda: dial(models=vaes(1, 2)[0]), "a list of aecore.VAE"),
        (lambda: bottleneck(widths=[1.5, 2]), "hold integers"),
        (lambda: bottleneck(widths=[2, 1]), "increasing"),
        (lambda: bottleneck(digit=10), "an integer from 0 to 9"),
        (lambda: bottleneck(width=3), "one of 1, 2"),
        (lambda: pad(network=nn.Linear(4, 4)), "from 784 values to 784"),
        (lambda: plane(decoder=nn.Linear(2, 4)), "from 2 values to 784"),
        (lambda: figures.LatentPlane([], LABELS), "a dict of names"),
        (lambda: figures.LatentPlane({"a": 5}, LABELS), "codes, decoder"),
        (lambda: figures.NaiveMonteCarlo([5]), r"a list of \(weights, x\)"),
        (lambda: figures.NaiveMonteCarlo([(np.ones((3, 2)), np.ones(3)), (np.ones((3, 1)), np.ones(3))]), "growing"),
        (lambda: figures.NaiveMonteCarlo(dimension=3), "one of 1, 2, 5, 10, 20"),
        (lambda: figures.RateDistortion(PICTURES, ["a"], codecs()), "one for each picture"),
        (lambda: figures.RateDistortion(PICTURES, ["a"] * 10, []), "a dict of names"),
        (lambda: figures.RateDistortion(PICTURES, ["a"] * 10, {}), "one or two rows"),
        (lambda: field(width=0), "a finite number"),
        (lambda: field(width=True), "a finite number"),
        (lambda: field(noises=[0]), "noises must be at least 0.001"),
        (lambda: field(noises=[1, 2]), "one for each noise"),
        (lambda: field(network=nn.Linear(2, 3)), "from 2 values to 2"),
        (lambda: field(network=[(np.eye(2), np.zeros(2), "gelu")]), "activation"),
        (lambda: sparse(penalties=[1, 0]), "increasing"),
        (lambda: sparse(activations=-torch.ones(2, 10, 2)), "activations must be at least 0"),
        (lambda: sparse(dead=[[1, 0], [0, 0]]), "never active"),
        (lambda: figures.GaussianKL(view="entropy"), "one of asymmetry, Monte Carlo, triangle"),
        (lambda: figures.GaussianKL().kl("p", "s"), "one of p, q, r"),
        (lambda: figures.Reparameterize(samples=201), "an integer from 1 to 200"),
        (lambda: figures.frames(print, [1], label="x", alt="A line."), "2 to 40"),
        (lambda: figures.frames(print, [1, 2], label="", alt="A line."), "name what the slider sets"),
        (lambda: figures.frames(print, [1, 2], label="x", alt="A line.", start=0.5), "an integer from 0 to 1"),
    ],
)
def test_refusals_name_the_argument_what_it_takes_and_what_it_got(make, words):
    with refuses((ValueError, TypeError, t.TraitError), words):
        make()


def test_models_are_judged_in_eval_mode_and_left_as_they_are():
    models = vaes(1, 4)
    models[1].decoder.norm.eval()  # frozen by its owner
    modes = [[part.training for part in model.modules()] for model in models]
    buffers = [{name: value.clone() for name, value in model.state_dict().items()} for model in models]
    state = torch.get_rng_state()
    figure = dial(models=models)
    assert torch.equal(torch.get_rng_state(), state)
    assert [[part.training for part in model.modules()] for model in models] == modes
    for before, model in zip(buffers, models, strict=True):
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    mean, logvar = models[0].eval().posterior(PIXELS)
    wanted = sorted(ae.gaussian_kl(mean[:, [j]], logvar[:, [j]]).mean().item() for j in range(2))
    assert sorted(figure.kl[0]) == pytest.approx(wanted, rel=1e-5)
    with torch.no_grad():
        pictures = models[0](PIXELS)
    shown = np.frombuffer(figure.pictures, np.uint8).reshape(5, 10, 784)
    np.testing.assert_allclose(shown[1] / 255, pictures, atol=0.5 / 255 + 1e-5)


def test_a_vae_with_another_prior_is_refused():
    class Wide(ae.VAE):
        """Its prior is N(0, 4 I)."""

        def elbo_parts(self, x, target=None, *, generator=None):
            parts = super().elbo_parts(x, target, generator=generator)
            return {**parts, "kl": parts["kl"] + 1}

    models = [Wide(Loud(784, 8, 4), Loud(2, 8, 784), beta=beta, latent_dim=2) for beta in (1, 2)]
    with refuses(ValueError, r"the KL to N\(0, I\)"):
        dial(models=models)


def test_every_public_name_is_documented():
    modules = [import_module(f"aelab.figures.{m.name}") for m in pkgutil.iter_modules(figures.__path__)]
    modules += [import_module(f"aelab.figures.kit.{m.name}") for m in pkgutil.iter_modules(figures.kit.__path__)]
    bare = []
    for module in (figures, *modules):
        bare += [] if module.__doc__ else [module.__name__]
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
                continue
            bare += [] if inspect.getdoc(value) else [f"{module.__name__}.{name}"]
            if isinstance(value, type):
                own = [(key, member) for key, member in vars(value).items() if not key.startswith("_")]
                methods = [(k, m) for k, m in own if inspect.isroutine(m) or isinstance(m, (property, classmethod))]
                bare += [f"{value.__name__}.{k}" for k, _ in methods if not inspect.getdoc(getattr(value, k))]
    assert bare == []


@pytest.mark.parametrize(
    "name", [name for name, kind in FIGURES.items() if kind.example.__func__ is Figure.example.__func__]
)
def test_a_figure_without_models_says_and_draws_itself(name):
    figure = FIGURES[name].example()
    assert "nan" not in figure.sentence()
    assert figure.draw().axes
    assert repr(figure).startswith(f"{name}(")


def test_random_numbers_are_those_of_mulberry32():
    def mulberry32(state):  # one number at a time, in Python's integers
        while True:
            state = state + 0x6D2B79F5 & 0xFFFFFFFF
            mixed = (state ^ state >> 15) * (state | 1) & 0xFFFFFFFF
            mixed = (mixed + ((mixed ^ mixed >> 7) * (mixed | 61) & 0xFFFFFFFF) & 0xFFFFFFFF) ^ mixed
            yield (mixed ^ mixed >> 14) / 2**32

    for seed in (0, 7, 2**31, 2**32 - 1):
        stream = mulberry32(seed)
        wanted = [next(stream) for _ in range(101)]
        np.testing.assert_array_equal(uniforms(seed, 101), wanted)
        pairs = zip(wanted[::2], wanted[1::2], strict=False)
        polar = [(math.sqrt(-2 * math.log(1 - u)), 2 * math.pi * v) for u, v in pairs]
        both = [r * f(angle) for r, angle in polar for f in (math.cos, math.sin)]
        np.testing.assert_allclose(normals(seed, 99), both[:99], rtol=1e-12)
    assert (len(uniforms(1, 0)), len(normals(1, 0))) == (0, 0)
