"""What the figures compute from models and data in Python, against the models themselves."""

from copy import deepcopy

import numpy as np
import pytest
import torch
import traitlets as t
from figure_samples import PIXELS, dial, vaes
from torch import nn

from aelab import figures


def turned(model, beta):
    """The same VAE of two dimensions with these exchanged and of the other sign."""
    other = deepcopy(model)
    other.beta = beta
    last, first = other.encoder.second, other.decoder.first
    with torch.no_grad():
        sign, order = torch.tensor([-1.0, -1, 1, 1]), torch.tensor([1, 0, 3, 2])
        last.weight.copy_((sign[:, None] * last.weight)[order])
        last.bias.copy_((sign * last.bias)[order])
        first.weight.copy_(-first.weight[:, [1, 0]])
    return other


def test_the_dial_sets_dimensions_and_signs_so_that_equal_models_look_equal():
    (model,) = vaes(1)
    figure = dial(models=[model, turned(model, 4), turned(turned(model, 4), 8)])
    for kl in figure.kl:
        assert kl == sorted(kl, reverse=True)
        assert kl == pytest.approx(figure.kl[0], rel=1e-5)
    codes = np.frombuffer(figure.codes, "<i2").reshape(3, 10, 2) * (figure.reach / 32767)
    with torch.no_grad():
        mean, _ = model.eval().posterior(PIXELS)
    order = [0, 1] if np.allclose(codes[0, :, 0], mean[:, 0], atol=1e-3) else [1, 0]
    for own in codes:
        np.testing.assert_allclose(own, mean[:, order], atol=1e-3)
    pictures = np.frombuffer(figure.pictures, np.uint8).reshape(7, 10, 784).astype(int)
    for row in (3, 5):
        assert np.abs(pictures[row] - pictures[1]).max() <= 1, "reconstructions"
        assert np.abs(pictures[row + 1] - pictures[2]).max() <= 1, "samples, from the same noise"


# The two kinds of networks for EncodeSampleDecode: constant moments, and a sum of the code at every pixel.
MOMENTS = [(np.zeros((4, 784)), np.array([1.0, 2.0, 2 * np.log(0.5), 2 * np.log(3)]), "linear")]
SUMS = [(np.ones((784, 2)), np.zeros(784), "sigmoid")]


def cloud(encoder=MOMENTS, decoder=SUMS, **traits):
    return figures.EncodeSampleDecode(encoder, decoder, PIXELS, [[0.0, 0.0], [2.0, 2.0]], [0, 1], **traits)


def test_a_cloud_has_the_encoders_mean_and_the_square_root_of_its_variance():
    figure = cloud(e0=1.0, e1=-0.5, digit=4)
    np.testing.assert_allclose(figure.cloud(), [[1, 2], [0.5, 3]], rtol=1e-5)
    np.testing.assert_allclose(figure.sampled(), [1.5, 0.5], rtol=1e-5)
    np.testing.assert_allclose(figure.decoded(), np.full((28, 28), 1 / (1 + np.exp(-2))), rtol=1e-3)
    np.testing.assert_allclose(figure.image(), PIXELS[4], atol=0.5 / 255 + 1e-6)
    assert "around 1.00, 2.00 and of width 0.50 and 3.00, the point z at 1.50, 0.50" in figure.sentence()


def test_a_cloud_refuses_networks_and_drawings_of_another_size():
    with pytest.raises(ValueError, match="encoder must be from 784 values to 4, got one from 2 to 784"):
        cloud(encoder=SUMS)
    with pytest.raises(ValueError, match="decoder must be from 2 values to 784, got one from 784 to 4"):
        cloud(decoder=MOMENTS)
    with pytest.raises(t.TraitError, match="drawing must have 784 bytes, got 3"):
        cloud(drawing=b"123")


def test_a_plane_opens_in_the_widest_gap_and_a_unit_is_as_long_both_ways():
    codes = np.array([[x + dx, 0.1 * dx] for x in (0, 1.2, 10) for dx in (-0.4, 0, 0.4)])
    decoder = [(np.ones((784, 2)), np.zeros(784), "sigmoid")]
    figure = figures.LatentPlane({"toy": (codes, decoder)}, [0] * 3 + [1] * 3 + [2] * 3)
    assert (figure.ax, figure.bx) == pytest.approx((1.2, 10))  # each the middle of its class
    assert figure.x == pytest.approx(5.6)
    assert figure.place() == pytest.approx(figure.along) == pytest.approx(0.5)
    for points in (codes, codes[:, ::-1]):
        ((left, right), (low, high)) = figures.LatentPlane({"toy": (points, decoder)}, [0] * 9).planes[0]["limits"]
        assert (high - low) / (right - left) == pytest.approx(0.86)
        inside = (points > [left, low]) & (points < [right, high])
        assert inside.all()


def test_a_decoder_of_every_dimension_is_the_one_that_was_given():
    models = [(PIXELS[:5, :d], PIXELS[:5, 10 + d]) for d in (1, 3, 4)]
    figure = figures.NaiveMonteCarlo(models)
    for weights, x in models:
        figure.dimension = weights.shape[1]
        for got, wanted in zip(figure.decoder(), (weights, x), strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_each_noise_has_its_own_network_and_its_residual_is_exact():
    torch.manual_seed(0)
    networks = [nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2)) for _ in range(2)]
    figure = figures.ScoreField([[0.0, 0.0]], 0.1, [0.2, 0.4], networks)
    at = torch.randn(20, 2)
    for noise, network in zip((0.2, 0.4), networks, strict=True):
        with torch.no_grad():
            wanted = network(at) - at
        figure.noise = noise
        np.testing.assert_allclose(figure.residual(at), wanted, atol=1e-6)
        np.testing.assert_allclose(figure.residual(at, noise), wanted, atol=1e-6)


def test_filters_keep_half_a_step_of_their_own_scale_and_dead_units_cost_nothing():
    random = np.random.default_rng(0)
    filters = random.normal(size=(2, 3, 784)) * np.array([[0.01], [1.0], [5.0]])
    dead = np.array([[0, 0, 0], [0, 1, 0]], bool)
    codes = np.where(dead, 0, 1)[:, None].repeat(10, axis=1)
    biases = random.normal(size=(2, 784))
    figure = figures.SparseCodes([0, 1], filters, biases, PIXELS, codes, [1, 2], [3, 4], dead)
    page = figure.unpacked()
    step = np.abs(filters).max(axis=2, keepdims=True) / 127
    wanted = np.where(dead[..., None], 0, filters)
    assert (np.abs(page["filters"] - wanted) <= step / 2 * (1 + 1e-4)).all()
    assert len(figure.weights) == 5 * 784
    np.testing.assert_array_equal(page["activations"], codes)
    np.testing.assert_allclose(page["biases"], biases, rtol=1e-6)
