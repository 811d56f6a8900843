"""Every numbered equation of lecture 03, as a test of the same number: (3.4) is `test_equation_3_4_...`."""

import heapq
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

import aecore as ae
from aelab.pretrained import price_per_bit


def entropy(p):
    return float(-torch.special.xlogy(p, p).sum()) / math.log(2)


def random_pmf(generator, n):
    p = torch.rand(n, dtype=torch.float64, generator=generator) ** 4
    return p / p.sum()


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def identity():
    """An autoencoder whose code is the picture itself, of five pixels."""
    model = ae.Autoencoder(nn.Linear(5, 5), nn.Linear(5, 5))
    with torch.no_grad():
        for layer in (model.encoder, model.decoder):
            layer.weight.copy_(torch.eye(5)), layer.bias.zero_()
    return model


def test_equation_3_1_integers_are_written_and_their_multiples_decoded(identity, generator):
    x, step = torch.rand(300, 5, generator=generator), 0.07
    codec = ae.Codec(identity, x, step)
    q = codec.symbols(x)
    assert torch.equal(q, (x.double() / step).round().long())
    decoded = codec.decode(codec.encode(x))
    assert (decoded - step * q).clamp(max=1 - step * q).abs().max() <= 0.5 / 255 + 1e-6
    assert (step * q - x).abs().max() <= step / 2 + 1e-6


@pytest.mark.parametrize("law", [stats.norm(0.2, 1), stats.laplace(0, 1), stats.uniform(-1.3, 4)])
def test_equation_3_2_the_mean_square_of_rounding_is_a_twelfth_of_the_step_squared(law):
    step = 0.05
    points = np.linspace(-12, 12, 400_001)  # the exact expectation, by quadrature
    density = law.pdf(points)
    error = step * np.round(points / step) - points
    mean_square = np.trapezoid(density * error**2, points) / np.trapezoid(density, points)
    assert mean_square == pytest.approx(step**2 / 12, rel=2e-3)
    assert np.abs(error).max() <= step / 2 + 1e-12


def test_equation_3_3_no_decodable_code_is_shorter_than_the_entropy(generator):
    for n in (2, 3, 7, 20):
        for _ in range(20):
            p = random_pmf(generator, n)
            heap, huffman = p.tolist(), 0.0  # the best code of whole bits
            heapq.heapify(heap)
            while len(heap) > 1:
                joint = heapq.heappop(heap) + heapq.heappop(heap)
                huffman += joint
                heapq.heappush(heap, joint)
            assert entropy(p) - 1e-12 <= huffman < entropy(p) + 1
            # Lengths of any other decodable code: they obey Kraft's inequality, and then Gibbs' does the rest.
            lengths = -random_pmf(generator, n).log2()
            assert (p * lengths.ceil()).sum() >= (p * lengths).sum() >= entropy(p) - 1e-12
    assert entropy(torch.tensor([0.5, 0.25, 0.125, 0.125], dtype=torch.float64)) == 1.75
    assert stats.entropy(p, base=2) == pytest.approx(entropy(p), rel=1e-12)


def test_equation_3_4_the_coder_writes_the_bits_of_its_tables(identity, generator):
    x = torch.randint(0, 9, (4000, 5), generator=generator).float() ** 2 / 64
    codec = ae.Codec(identity, x, 1 / 64)
    q = codec.symbols(x)
    bits = torch.zeros(len(x), dtype=torch.float64)
    for column in q.T:
        counts = 1 + column.bincount().double()
        bits -= (counts / counts.sum()).log2()[column]
    torch.testing.assert_close(codec.bits(x), bits)
    written = torch.tensor([8.0 * (len(file) - 1) for file in codec.encode(x)])
    assert (written < bits + 16).all()
    assert bits.mean() - 8 < written.mean() < bits.mean() + 8


def test_equation_3_5_a_wrong_table_costs_the_divergence(generator):
    for _ in range(50):
        p, wrong = random_pmf(generator, 9), random_pmf(generator, 9)
        divergence = stats.entropy(p, wrong)  # in nats
        cost = -(p * wrong.log2()).sum().item()
        assert cost == pytest.approx(entropy(p) + divergence / math.log(2), rel=1e-12)
        two = torch.stack([p[:2] / p[:2].sum(), wrong[:2] / wrong[:2].sum()])
        ours = ae.bernoulli_kl(two[0, :1], two[1, :1]).item()  # the same divergence as in lecture 02
        assert -(two[0] * two[1].log2()).sum().item() == pytest.approx(entropy(two[0]) + ours / math.log(2), rel=1e-9)


@pytest.mark.parametrize("law", [stats.norm(0.2, 1), stats.laplace(0, 0.8), stats.uniform(-1.31, 3.7)])
def test_equation_3_6_halving_a_fine_step_costs_one_bit(law):
    found = []
    for step in (0.04, 0.02):
        s = np.arange(-20 / step, 20 / step + 1)
        p = law.cdf((s + 0.5) * step) - law.cdf((s - 0.5) * step)
        found.append(entropy(torch.tensor(p)))
        assert found[-1] == pytest.approx(law.entropy() / math.log(2) - math.log2(step), abs=0.02)
    assert found[1] - found[0] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_equation_3_7_no_channel_needs_less_than_the_rate_distortion_function(sigma, generator):
    def information(channel):
        output = p @ channel
        return (p[:, None] * torch.xlogy(channel, channel / output)).nan_to_num().sum().item() / math.log(2)

    x = sigma * torch.linspace(-6, 6, 241, dtype=torch.float64)
    p = torch.softmax(-x.square() / (2 * sigma**2), dim=0)
    squares = (x[:, None] - x).square()
    for share in (0.9, 0.5, 0.1):  # the best channel, as a formula: shrink, and add noise
        D = share * sigma**2
        mean, variance = (1 - share) * x[:, None], D * (1 - share)
        best = torch.softmax(-(x - mean).square() / (2 * variance), dim=1)
        distortion = (p[:, None] * best * squares).sum().item()
        assert distortion == pytest.approx(D, rel=1e-3)
        assert information(best) == pytest.approx(0.5 * math.log2(1 / share), abs=2e-3)
    for _ in range(30):  # no other one is better
        slope, bend = 3 * torch.rand(2, dtype=torch.float64, generator=generator)
        other = torch.softmax(-slope * (x - (0.3 + bend / 3) * x[:, None]).abs() ** (1 + bend), dim=1)
        distortion = (p[:, None] * other * squares).sum().item()
        assert information(other) >= max(0.0, 0.5 * math.log2(sigma**2 / distortion)) - 1e-3


def test_equation_3_8_the_loss_is_distortion_plus_price_times_rate(generator):
    torch.manual_seed(0)
    model = ae.Autoencoder(ae.mlp([6, 4]), ae.mlp([4, 6])).double()
    x, price = torch.rand(2000, 6, dtype=torch.float64, generator=generator), 0.3
    found = np.mean(
        [ae.evaluate(model, x, loss=price_per_bit(price), batch_size=2000, seed=seed) for seed in range(20)]
    )
    with torch.no_grad():  # for a linear decoder W the noise adds 1/12 of the squares of W
        h = model.encode(x)
        exact = model.loss(x).mean() + model.decoder[1].weight.square().sum() / 12
        bits = sum(stats.norm.entropy(0, math.sqrt(v.item() + 1 / 12)) / math.log(2) for v in h.var(dim=0))
    assert found == pytest.approx(exact.item() + price * bits, rel=2e-3)


@pytest.mark.parametrize("law", [stats.norm(0.3, 1.2), stats.laplace(-0.4, 0.3), stats.logistic(2.1, 0.8)])
def test_equation_3_9_the_density_of_the_noisy_number_is_the_law_of_the_rounded_one(law):
    s = np.arange(-9, 10)
    rounded = law.cdf(s + 0.5) - law.cdf(s - 0.5)
    u = (np.arange(200_000) + 0.5) / 200_000 - 0.5
    noisy = law.pdf(s[:, None] - u).mean(axis=1)
    np.testing.assert_allclose(noisy, rounded, atol=1e-9)
    draws = law.rvs(200_000, random_state=0)  # and the name is right: this is what rounding does
    np.testing.assert_allclose([(np.round(draws) == k).mean() for k in s], rounded, atol=0.005)


def test_equation_3_10_no_integer_has_more_entropy_than_its_variance_allows(generator):
    s = torch.arange(-40, 41).double()
    for n in (1, 2, 3, 10, 81):
        for _ in range(40):
            p = torch.zeros(81, dtype=torch.float64)
            p[torch.randperm(81, generator=generator)[:n] if n < 81 else slice(None)] = random_pmf(generator, n)
            variance = (p * s.square()).sum() - (p * s).sum().square()
            assert entropy(p) <= 0.5 * math.log2(2 * math.pi * math.e * (variance.item() + 1 / 12)) + 1e-12
    p = torch.softmax(-s.square() / 50, dim=0)  # the bound is reached by wide Gaussians
    bound = 0.5 * math.log2(2 * math.pi * math.e * ((p * s.square()).sum().item() + 1 / 12))
    assert entropy(p) == pytest.approx(bound, abs=0.003)


def test_equation_3_11_with_orthogonal_axes_the_error_of_the_picture_is_that_of_the_code(generator):
    Q = torch.linalg.qr(torch.randn(50, 50, dtype=torch.float64, generator=generator)).Q
    x = torch.randn(80, 50, dtype=torch.float64, generator=generator) + 3
    mu = x.mean(dim=0)
    for step in (3.0, 0.4, 1e-3):
        h = (x - mu) @ Q
        h_hat = step * (h / step).round()
        picture = ae.squared_error(h_hat @ Q.T + mu, x)
        torch.testing.assert_close(picture, ae.squared_error(h_hat, h), rtol=1e-9, atol=1e-12)
        assert (picture <= 50 * step**2 / 4).all()


def test_equation_3_12_the_model_is_paid_for_when_the_total_is_smaller():
    for model, theirs, ours in ((870_000, 45.3, 14.2), (100, 3.0, 2.5), (7, 10.0, 1.0)):
        n = math.floor(model / (theirs - ours)) + 1
        assert model + n * ours < n * theirs
        assert model + (n - 1) * ours >= (n - 1) * theirs
