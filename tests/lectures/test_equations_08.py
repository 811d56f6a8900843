"""Every numbered equation of lecture 08, as a test of the same number: (8.2) is `test_equation_8_2_...`."""

import math

import pytest
import torch
from scipy import integrate, stats
from torch import nn
from torch.distributions import Normal

import aecore as ae

F64 = {"dtype": torch.float64}
MEANS, SIGMAS = [-1.5, -1.2, 0.4, 2.0], [0.3, 0.8, 0.5, 1.1]
EIGENVALUES = torch.tensor([5.0, 2.5, 1.2, 0.4], **F64)


def same(left, right, **tolerance):
    torch.testing.assert_close(
        torch.as_tensor(left), torch.as_tensor(right), **{"rtol": 1e-9, "atol": 1e-9, **tolerance}
    )


def member(i):
    return stats.norm(MEANS[i], SIGMAS[i])


def aggregate(z):
    return sum(member(i).pdf(z) for i in range(4)) / 4


def integral(f):
    return integrate.quad(f, -14, 14, epsabs=1e-12, limit=400)[0]


def draws(*shape, seed=0):
    return torch.randn(*shape, **F64, generator=torch.Generator().manual_seed(seed))


def closed_form():
    """The exact ELBO terms of a linear VAE, by the chapter's formula: (distortion, KL of each dimension)."""

    def terms(W, V, logvar, noise, eigenvalues=EIGENVALUES):
        d = len(eigenvalues)
        miss = torch.eye(d, **F64) - W @ V
        error = (miss.square() @ eigenvalues).sum() + (W.square() @ logvar.exp()).sum()
        kl = 0.5 * (V.square() @ eigenvalues + logvar.exp() - 1 - logvar)
        return error / (2 * noise) + d / 2 * math.log(2 * math.pi * noise), kl

    return terms


terms = closed_form()


def linear_vae(W, V, logvar, noise, beta=1.0):
    """The same model as an `aecore.VAE`."""
    encoder, decoder = nn.Linear(V.shape[1], 2 * len(V)), nn.Linear(len(V), V.shape[1])
    vae = ae.VAE(encoder, decoder, likelihood="gaussian", sigma=noise**0.5, beta=beta).double()
    with torch.no_grad():
        encoder.weight.copy_(torch.cat([V, torch.zeros_like(V)]))
        encoder.bias.copy_(torch.cat([torch.zeros(len(V), **F64), logvar]))
        decoder.weight.copy_(W)
        decoder.bias.zero_()
    return vae


def random_model(k=3):
    return 0.4 * draws(4, k, seed=1), 0.4 * draws(k, 4, seed=2), draws(k, seed=3)


def test_equation_8_1_a_picture_and_then_a_code_has_the_density_of_the_mixture():
    generator = torch.Generator().manual_seed(0)
    i = torch.randint(4, (20_000,), generator=generator)
    z = torch.tensor(MEANS)[i] + torch.tensor(SIGMAS)[i] * torch.randn(20_000, generator=generator)
    cdf = lambda at: sum(member(j).cdf(at) for j in range(4)) / 4  # noqa: E731
    assert stats.kstest(z.numpy(), cdf).pvalue > 0.01
    assert integral(aggregate) == pytest.approx(1, abs=1e-9)
    assert stats.kstest(z.numpy(), stats.norm(z.mean(), z.std()).cdf).pvalue < 1e-6, "one Gaussian is another density"


def test_equation_8_2_the_kl_term_is_information_and_a_mismatch():
    ratio = lambda z, i: member(i).pdf(z) * (member(i).logpdf(z) - math.log(aggregate(z)))  # noqa: E731
    information = sum(integral(lambda z, i=i: ratio(z, i)) for i in range(4)) / 4
    mismatch = integral(lambda z: aggregate(z) * (math.log(aggregate(z)) - stats.norm.logpdf(z)))
    mean, logvar = torch.tensor(MEANS, **F64)[:, None], 2 * torch.tensor(SIGMAS, **F64).log()[:, None]
    assert information + mismatch == pytest.approx(ae.gaussian_kl(mean, logvar).mean().item(), abs=1e-8)
    assert information > 0.3
    assert mismatch > 0.05


@pytest.mark.parametrize(("distance", "expected"), [(0.0, 0.0), (40.0, math.log(5))])
def test_equation_8_3_information_lies_between_nothing_and_log_n(distance, expected):
    """Members on one spot say nothing, members far apart say which of the five."""
    centres, z = distance * torch.arange(5, **F64)[:, None], torch.linspace(-20, 180, 100_001, **F64)
    log_member = Normal(centres, 1).log_prob(z)
    log_all = log_member.logsumexp(dim=0) - math.log(5)
    information = (log_member.exp() * (log_member - log_all)).sum() * (z[1] - z[0]) / 5
    assert information.item() == pytest.approx(expected, abs=1e-6)


def test_equation_8_4_the_package_minimises_distortion_and_beta_times_rate():
    W, V, logvar = random_model()
    vae, x = linear_vae(W, V, logvar, 0.6, beta=3.0), EIGENVALUES.sqrt() * draws(100_000, 4)
    with torch.no_grad():
        value = vae.elbo(x, generator=torch.Generator().manual_seed(1))
    D, kl = terms(W, V, logvar, 0.6)
    assert abs(value.mean() + D + 3 * kl.sum()) < 5 * value.std() / len(x) ** 0.5


def test_equation_8_5_information_lies_between_entropy_less_distortion_and_rate():
    entropy = 0.5 * (2 * math.pi * math.e * EIGENVALUES).log().sum()
    for seed in range(20):
        W, V, logvar = (draws(*shape, seed=10 * seed + i) for i, shape in enumerate([(4, 2), (2, 4), (2,)]))
        D, kl = terms(W, V, logvar, 0.7)
        cov = V @ EIGENVALUES.diag() @ V.T + logvar.exp().diag()
        information = 0.5 * (torch.logdet(cov) - logvar.sum())
        assert entropy - D <= information <= kl.sum()


def test_equation_8_6_beta_is_the_noise_of_a_gaussian_likelihood():
    W, V, logvar = random_model()
    noise, x = 0.6, draws(50, 4)
    for beta in (0.3, 1.0, 5.0):
        by_beta, by_noise = linear_vae(W, V, logvar, noise, beta), linear_vae(W, V, logvar, beta * noise)
        values = [vae.elbo(x, generator=torch.Generator().manual_seed(1)) for vae in (by_beta, by_noise)]
        constant = 2 * (beta * math.log(2 * math.pi * beta * noise) - math.log(2 * math.pi * noise))
        same(values[0], beta * values[1] + constant)


def climbed(beta, noise=0.5, seed=0):
    torch.manual_seed(seed)
    free = [0.1 * torch.randn(4, 3, **F64), 0.1 * torch.randn(3, 4, **F64), torch.zeros(3, **F64)]
    free = [value.requires_grad_() for value in free]
    optimizer = torch.optim.LBFGS(
        free, max_iter=2000, tolerance_grad=1e-11, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def loss():
        optimizer.zero_grad()
        D, kl = terms(*free, noise)
        (D + beta * kl.sum()).backward()
        return (D + beta * kl.sum()).detach()

    optimizer.step(loss)
    return [value.detach() for value in free]


@pytest.mark.parametrize("beta", [1.0, 3.0, 7.0, 12.0])
def test_equation_8_7_a_direction_is_charged_by_what_it_beats_the_noise(beta):
    W, V, logvar = climbed(beta)
    kl = terms(W, V, logvar, 0.5)[1].sort(descending=True).values
    same(kl, 0.5 * (EIGENVALUES / (beta * 0.5)).clamp(min=1).log()[:3], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("beta", [3.0, 12.0])
def test_equation_8_8_the_collapsed_point_is_a_saddle_or_a_maximum(beta):
    noise, lam = 0.5, EIGENVALUES[0]

    def along(pair):
        W, V = torch.zeros(4, 1, **F64), torch.zeros(1, 4, **F64)
        W[0, 0], V[0, 0] = pair
        D, kl = terms(W, V, torch.zeros(1, **F64), noise)
        return -(D + beta * kl.sum())

    zero = torch.zeros(2, **F64)
    same(torch.autograd.functional.jacobian(along, zero), zero)
    hessian = torch.autograd.functional.hessian(along, zero)
    same(hessian, torch.tensor([[-1 / noise, lam / noise], [lam / noise, -beta * lam]], **F64))
    same(torch.linalg.det(hessian), lam / noise**2 * (beta * noise - lam))
    assert (torch.linalg.eigvalsh(hessian)[-1] > 0) == (lam > beta * noise)


@pytest.mark.parametrize("beta", [1.0, 3.0, 7.0])
def test_equation_8_9_active_units_are_those_whose_mean_moves(beta):
    W, V, logvar = climbed(beta)
    moved = (V.square() @ EIGENVALUES).sort(descending=True).values
    same(moved, (1 - beta * 0.5 / EIGENVALUES).clamp(min=0)[:3], atol=1e-4, rtol=1e-4)
    vae, x = linear_vae(W, V, logvar, 0.5), EIGENVALUES.sqrt() * draws(5000, 4)
    assert ae.active_units(vae, x).sum() == (beta * 0.5 < EIGENVALUES)[:3].sum()


def test_equation_8_10_free_bits_have_no_gradient_below_the_allowance():
    mean = (torch.tensor([0.2, 3.0], **F64) * draws(40, 2)).requires_grad_()
    logvar = torch.zeros(40, 2, **F64, requires_grad=True)
    each = torch.stack([ae.gaussian_kl(mean[:, [j]], logvar[:, [j]]).mean() for j in range(2)])
    loss = each.clamp(min=0.5).sum()
    assert each[0] < 0.5 < each[1]
    same(loss, 0.5 + each[1])
    to_mean, to_logvar = torch.autograd.grad(loss, (mean, logvar))
    assert (to_mean[:, 0] == 0).all()
    assert (to_logvar[:, 0] == 0).all()
    same(to_mean[:, 1], mean[:, 1].detach() / 40)


@pytest.mark.parametrize("seed", [0, 1])
def test_equation_8_11_pixels_each_given_those_before_are_a_distribution(seed):
    """Four binary pixels whose logits depend on z and on earlier ones: the sixteen images sum to one."""
    z, weight = draws(1, seed=seed), draws(4, 4, seed=seed + 5).tril(diagonal=-1)
    images = torch.cartesian_prod(*4 * [torch.tensor([0.0, 1.0], **F64)])
    logits = draws(4, seed=seed + 9) + z * draws(4, seed=seed + 11) + images @ weight.T
    same(ae.bernoulli_log_prob(logits, images).logsumexp(dim=0), torch.tensor(0.0, **F64))
    for i in range(4):  # the i-th factor is the conditional of the joint
        joint = ae.bernoulli_log_prob(logits, images).exp().view(4 * [2])
        so_far = joint.sum(dim=tuple(range(i + 1, 4))) if i < 3 else joint
        given = so_far / so_far.sum(dim=i, keepdim=True)
        index = images[:, : i + 1].long().unbind(dim=1)
        same(given[index].log(), ae.bernoulli_log_prob(logits[:, i : i + 1], images[:, i : i + 1]))


def test_equation_8_12_a_rotated_latent_space_gives_the_data_the_same_density():
    """The evidence by integration over a grid of z: the decoder is curved, so no Gaussian formula helps."""
    W, x, angle = draws(3, 2), draws(3, seed=1), 0.7
    U = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], **F64)
    line = torch.linspace(-8, 8, 801, **F64)
    z = torch.cartesian_prod(line, line)
    prior = Normal(0.0, 1.0).log_prob(z).sum(dim=1)

    def evidence(turn):
        fit = Normal((z @ turn.T @ W.T).tanh(), 0.4).log_prob(x).sum(dim=1)
        return (prior + fit).logsumexp(dim=0)

    straight, turned = evidence(torch.eye(2, **F64)), evidence(U.T)
    same(straight, turned, rtol=1e-6, atol=1e-6)
    assert abs(straight - evidence(1.3 * U.T)) > 1e-3  # stretched, it is a different model
