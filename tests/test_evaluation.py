"""What is measured after training is right where the right answer is known."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn as nn
from sklearn.linear_model import LogisticRegression
from torch.distributions import Normal, kl_divergence

import aecore as ae


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# log p(x), on a model where it is known


@pytest.mark.parametrize("samples", [1, 7])
def test_at_the_true_posterior_every_sample_gives_the_exact_likelihood(linear_gaussian, samples):
    x = linear_gaussian.p_x.sample((5,))
    found = ae.log_likelihood(linear_gaussian.vae(), x, samples=samples)
    torch.testing.assert_close(found, linear_gaussian.p_x.log_prob(x))


def test_elsewhere_many_samples_reach_the_exact_likelihood(linear_gaussian):
    x = linear_gaussian.p_x.sample((5,))
    found = ae.log_likelihood(linear_gaussian.vae(0.2, 0.3), x, samples=50_000)
    torch.testing.assert_close(found, linear_gaussian.p_x.log_prob(x), rtol=0, atol=0.01)


class Counting(nn.Module):
    """A decoder that writes down how many codes each call brought."""

    def __init__(self, decoder):
        super().__init__()
        self.decoder, self.calls = decoder, []

    def forward(self, z):
        self.calls.append(len(z))
        return self.decoder(z)


@pytest.mark.parametrize(("samples", "chunk"), [(1, 1), (10, 100), (10, 25), (100, 7), (101, 10), (5, 3), (6, 6)])
def test_as_many_samples_are_drawn_as_were_asked_for_and_no_chunk_is_larger_than_allowed(
    linear_gaussian, samples, chunk
):
    vae, x = linear_gaussian.vae(), linear_gaussian.p_x.sample((7,))
    vae.decoder = Counting(vae.decoder)
    found = ae.log_likelihood(vae, x, samples=samples, chunk=chunk)
    assert sum(vae.decoder.calls) == samples * len(x)
    assert max(vae.decoder.calls) <= chunk
    torch.testing.assert_close(found, linear_gaussian.p_x.log_prob(x))


def test_chunks_change_the_memory_but_not_what_is_estimated(linear_gaussian):
    x, vae = linear_gaussian.p_x.sample((1,)), linear_gaussian.vae(0.5, 0.5)
    whole = ae.log_likelihood(vae, x, samples=1000, generator=seeded())
    pieces = ae.log_likelihood(vae, x, samples=1000, chunk=64, generator=seeded())
    torch.testing.assert_close(whole, pieces)  # one image: the same draws in the same order


def test_the_likelihood_needs_no_gradient_and_keeps_the_global_randomness(linear_gaussian):
    x, vae = linear_gaussian.p_x.sample((2,)), linear_gaussian.vae()
    state = torch.get_rng_state()
    assert not ae.log_likelihood(vae, x, samples=3, generator=seeded()).requires_grad
    assert torch.equal(torch.get_rng_state(), state)


def test_a_bernoulli_likelihood_is_the_sum_over_the_latent_space(float64):
    vae = ae.VAE(nn.Linear(3, 2), nn.Linear(1, 3))
    x = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    z = torch.linspace(-10, 10, 4001)[:, None]
    log_joint = torch.stack([ae.bernoulli_log_prob(vae.decoder(z), row.expand(len(z), 3)) for row in x])
    log_joint = log_joint + Normal(0.0, 1.0).log_prob(z).squeeze(1) + math.log(20 / 4000)
    found = ae.log_likelihood(vae, x, samples=50_000)
    torch.testing.assert_close(found, log_joint.logsumexp(dim=1), rtol=0, atol=0.02)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("pixels", [7, 784, 1009])  # fewer than a product holds, many, and a prime number
@pytest.mark.parametrize(("samples", "chunk"), [(3, 40), (700, 2000), (30, 10)])
def test_the_fast_likelihood_is_the_bound_of_the_log_weights_with_the_same_draws(likelihood, pixels, samples, chunk):
    vae = ae.VAE(nn.Linear(pixels, 4), nn.Linear(2, pixels), likelihood=likelihood, sigma=0.5)
    with torch.no_grad():
        vae.decoder.weight.mul_(40)  # logits far from 0, where sums of large numbers would cancel
    x = torch.rand(9, pixels).round() if likelihood == "bernoulli" else torch.randn(9, pixels)
    draws, generator, expected = min(samples, chunk), seeded(), []
    for batch in x.split(max(1, chunk // draws)):
        with torch.no_grad():
            parts = [vae.log_weights(batch, draws, generator=generator) for _ in range(samples // draws)]
        expected.append(ae.iwae_bound(torch.cat(parts).double()))
    found = ae.log_likelihood(vae, x, samples, chunk=chunk, generator=seeded())
    torch.testing.assert_close(found.double(), torch.cat(expected), rtol=2e-6, atol=2e-4)


def test_logits_that_saturate_give_the_exact_likelihood(float64):
    vae = ae.VAE(nn.Linear(3, 2), nn.Linear(1, 3))
    with torch.no_grad():
        vae.decoder.weight.zero_(), vae.decoder.bias.copy_(torch.tensor([300.0, -300.0, 20.0]))
        vae.encoder.weight.zero_(), vae.encoder.bias.zero_()
    x = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.5]])
    expected = torch.tensor([-math.log1p(math.exp(-20)), -600 - 10 - math.log1p(math.exp(-20))])
    torch.testing.assert_close(ae.log_likelihood(vae, x, samples=2), expected, rtol=1e-14, atol=1e-16)


def test_a_likelihood_that_is_no_number_is_refused_and_so_is_a_decoder_of_another_shape():
    vae = ae.VAE(nn.Linear(3, 2), nn.Linear(1, 3))
    with torch.no_grad():
        vae.decoder.bias[1] = math.nan
    with pytest.raises(ValueError, match="vae must give numbers, got nan for image 0 of x"):
        ae.log_likelihood(vae, torch.zeros(2, 3), samples=2)
    with pytest.raises(ValueError, match=r"x must have the shape of the decoder's output, \(4,\), got \(3,\)"):
        ae.log_likelihood(ae.VAE(nn.Linear(3, 2), nn.Linear(1, 4)), torch.zeros(2, 3), samples=2)


# The ladder from the ELBO to log p(x)


def test_the_elbo_misses_the_likelihood_by_the_divergence_from_the_true_posterior(linear_gaussian):
    x = linear_gaussian.p_x.sample((1,))
    for offsets in ((0.0, 0.0), (0.3, 0.0), (0.0, -0.8), (-0.5, 0.4)):
        vae, truth = linear_gaussian.vae(*offsets), linear_gaussian.vae()
        elbo = vae.elbo(x.expand(40_000, 4)).detach()
        gap = kl_divergence(vae.encode(x), truth.encode(x))
        error = elbo.mean() - (linear_gaussian.p_x.log_prob(x) - gap).item()
        assert abs(error) < 4 * elbo.std() / 200


def test_more_samples_tighten_the_bound_and_none_exceeds_the_likelihood(linear_gaussian):
    x, vae = linear_gaussian.p_x.sample((1,)), linear_gaussian.vae(0.8, 0.5)
    with torch.no_grad():
        log_w = vae.log_weights(x.expand(4000, 4), 64)
        elbo = vae.elbo(x.expand(4000, 4))
    ladder = [elbo, *(ae.iwae_bound(log_w[:k]) for k in (1, 4, 16, 64))]
    errors = [rung.std() / math.sqrt(4000) for rung in ladder]
    means = [rung.mean() for rung in ladder]
    assert abs(means[0] - means[1]) < 4 * (errors[0] ** 2 + errors[1] ** 2).sqrt()
    for low, high in pairwise(ladder[1:]):
        rise = high - low  # the same draws and more of them: compared in pairs
        assert rise.mean() > 4 * rise.std() / math.sqrt(4000)
    assert means[-1] < linear_gaussian.p_x.log_prob(x) + 4 * errors[-1]


# The rest


def vae_with_means(means):
    """A VAE whose posterior mean is the image itself."""
    encoder = nn.Linear(means.shape[1], 2 * means.shape[1])
    nn.init.zeros_(encoder.bias)
    nn.init.eye_(encoder.weight)  # ones on the diagonal of the upper half, zeros in the half of log σ²
    return ae.VAE(encoder, nn.Linear(means.shape[1], means.shape[1]), "gaussian")


def test_active_units_are_those_whose_mean_varies_by_more_than_a_hundredth():
    direction = torch.tensor([[-1.0], [1.0]]) / math.sqrt(2)  # of variance 1
    means = direction * torch.tensor([1.0, 0.011, 0.009, 0.0]).sqrt()
    vae = vae_with_means(means)
    assert ae.active_units(vae, means).tolist() == [True, True, False, False]
    assert ae.active_units(vae, means, threshold=0.5).tolist() == [True, False, False, False]
    assert ae.active_units(vae, means + 7).tolist() == [True, True, False, False]  # a variance, not a second moment


def test_the_probe_finds_what_lies_open_and_nothing_in_noise():
    labels = torch.arange(400) % 4
    separated = torch.eye(4)[labels] + 0.05 * torch.randn(400, 4)
    assert ae.linear_probe(separated[:200], labels[:200], separated[200:], labels[200:]) == 1
    noise = torch.randn(400, 4)
    assert ae.linear_probe(noise[:200], labels[:200], noise[200:], labels[200:]) < 0.4


def test_the_probe_is_scikit_learns_on_centred_codes_of_mean_square_length_one():
    codes, labels = 5 + torch.randn(300, 5), torch.randint(3, (300,))
    codes[:, 0] += labels
    x = (codes - codes[:200].mean(dim=0)).double().numpy()
    x /= np.sqrt((x[:200] ** 2).sum(axis=1).mean())
    theirs = LogisticRegression(C=0.5, max_iter=500).fit(x[:200], labels[:200]).score(x[200:], labels[200:])
    assert 0.5 < theirs < 0.9  # so that agreeing is no accident
    for moved in (codes, 1000 * codes, codes - 50):
        ours = ae.linear_probe(moved[:200], labels[:200], moved[200:], labels[200:], penalty=2.0)
        assert ours == pytest.approx(theirs, abs=0.011)  # one code of a hundred


def test_codes_that_are_all_the_same_say_nothing_about_the_label():
    labels = torch.tensor([0, 0, 0, 1])
    assert ae.linear_probe(torch.ones(4, 2), labels, torch.randn(4, 2), labels) == 0.75


def test_the_probe_takes_half_precision_and_codes_with_a_gradient():
    codes, labels = torch.tensor([[-1.0], [1.0]], requires_grad=True), torch.tensor([0, 1])
    assert ae.linear_probe(codes.bfloat16(), labels, codes, labels) == 1


def test_psnr_is_its_definition_and_infinite_for_equal_pictures(float64):
    x, x_hat = torch.rand(3, 1, 4, 4), torch.rand(3, 1, 4, 4)
    mse = ((x - x_hat) ** 2).mean(dim=(1, 2, 3)).numpy()
    np.testing.assert_allclose(ae.psnr(x_hat, x).numpy(), 20 * np.log10(1 / np.sqrt(mse)))
    assert (ae.psnr(x, x) == math.inf).all()
    assert (ae.psnr(x + 0.01, x) > ae.psnr(x + 0.1, x)).all()


def test_a_measure_of_pictures_in_0_to_1_refuses_bytes():
    grey = torch.rand(3, 4)
    with pytest.raises(ValueError, match=r"x must be at most 1, got 2\d\d"):
        ae.psnr(255 * grey, (255 * grey).clamp_min(200))
    with pytest.raises(ValueError, match=r"x must be at most 1, got 255"):
        ae.active_units(ae.VAE(nn.Linear(4, 4), nn.Linear(2, 4)), torch.full((3, 4), 255.0))
    with pytest.raises(TypeError, match=r"x must be floating-point, got torch.uint8; .*/ 255$"):
        ae.psnr(grey, (255 * grey).byte())
    with pytest.raises(TypeError, match=r"x must be floating-point, got torch.int64; .*\.float\(\)$"):
        ae.psnr(grey, grey.long())
