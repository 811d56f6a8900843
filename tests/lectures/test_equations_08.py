"""Every numbered equation of lecture 08, as a test of the same number: (8.2) is `test_equation_8_2_...`."""

import math

import pytest
import torch
import torch.nn.functional as F
from scipy import integrate, stats
from torch import nn
from torch.distributions import Categorical, MultivariateNormal, Normal, kl_divergence

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


@pytest.fixture(scope="module")
def conditional():
    """x|z,y ~ N(Wz + u_y, 0.5 I): W, u, one x, and log p(x|y) for three labels."""
    W, u, x = draws(4, 2), draws(3, 4, seed=1), draws(4, seed=2)
    return W, u, x, torch.stack([MultivariateNormal(m, W @ W.T + 0.5 * torch.eye(4)).log_prob(x) for m in u])


def test_equation_8_11_the_conditional_bound_misses_the_divergence_to_the_posterior(conditional):
    W, u, x, log_px = conditional
    cov = torch.linalg.inv(torch.eye(2) + W.T @ W / 0.5)
    root = draws(2, 2, seed=3)
    q = MultivariateNormal(draws(2, seed=4), root @ root.T + 0.1 * torch.eye(2))
    for label in range(3):
        error = (x - u[label] - W @ q.mean).square().sum() + (W @ q.covariance_matrix @ W.T).trace()
        bound = (
            -error
            - 2 * math.log(math.pi)
            - kl_divergence(q, MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double()))
        )
        gap = kl_divergence(q, MultivariateNormal(cov @ W.T @ (x - u[label]) / 0.5, cov))
        same(bound + gap, log_px[label])
        assert bound < log_px[label]


def test_equation_8_12_bayes_gives_the_label_back(conditional):
    """Against the frequency of each label among draws of (y, x) near the x at hand, in one dimension."""
    p_y, u = torch.tensor([0.6, 0.4]), torch.tensor([-0.5, 1.0])
    generator = torch.Generator().manual_seed(0)
    y = torch.multinomial(p_y, 2_000_000, replacement=True, generator=generator)
    x = u[y] + 1.25**0.5 * torch.randn(len(y), generator=generator)
    near = y[(x - 0.3).abs() < 0.02]
    joint = p_y * Normal(u, 1.25**0.5).log_prob(torch.tensor(0.3)).exp()
    share = (joint / joint.sum())[1].item()
    assert near.double().mean().item() == pytest.approx(share, abs=4 * (0.25 / len(near)) ** 0.5)


def quantized(z, codebook):
    entries = codebook[torch.cdist(z, codebook).argmin(dim=1)]
    return entries, z + (entries - z).detach()


def test_equation_8_13_forward_the_entry_backward_the_identity():
    z, codebook, weight = draws(9, 3).requires_grad_(), draws(5, 3, seed=1).requires_grad_(), draws(9, 3, seed=2)
    entries, passed = quantized(z, codebook)
    same(passed.detach(), entries.detach())
    assert (torch.cdist(z, codebook) >= (z - passed).norm(dim=1, keepdim=True) - 1e-12).all()
    to_z, to_book = torch.autograd.grad((passed * weight).sum(), (z, codebook), allow_unused=True)
    same(to_z, weight)
    assert to_book is None


def test_equation_8_14_one_term_moves_the_entries_the_other_the_encoder():
    z, codebook = draws(9, 3).requires_grad_(), draws(5, 3, seed=1).requires_grad_()
    entries, passed = quantized(z, codebook)
    target, gamma = draws(9, 3, seed=2), 0.25
    loss = F.mse_loss(passed, target, reduction="sum")
    loss = loss + (entries - z.detach()).square().sum() + gamma * (z - entries.detach()).square().sum()
    to_z, to_book = torch.autograd.grad(loss, (z, codebook))
    same(to_z, (2 * (entries - target) + 2 * gamma * (z - entries)).detach())
    chosen = torch.cdist(z, codebook).argmin(dim=1)
    for k in range(5):
        same(to_book[k], 2 * (codebook[k] - z[chosen == k]).sum(dim=0).detach())


def test_equation_8_15_a_certain_symbol_is_charged_its_code_length():
    p = torch.softmax(draws(6), dim=0)
    same(kl_divergence(Categorical(torch.eye(6, **F64)), Categorical(p.expand(6, 6))), -p.log(), rtol=1e-6, atol=1e-6)
    uniform = torch.full((6, 6), 1 / 6, **F64)
    same(
        kl_divergence(Categorical(torch.eye(6, **F64)), Categorical(uniform)),
        torch.full((6,), math.log(6), **F64),
        rtol=1e-6,
        atol=1e-6,
    )


def test_equation_8_16_many_steps_of_noise_are_one():
    schedule = torch.linspace(0.01, 0.3, 12, **F64)
    x, z = torch.tensor([1.5, -0.7], **F64), torch.tensor([1.5, -0.7], **F64).expand(200_000, 2)
    for t, beta in enumerate(schedule):
        z = (1 - beta).sqrt() * z + beta.sqrt() * draws(200_000, 2, seed=t)
    kept = (1 - schedule).prod()
    assert ((z.mean(dim=0) - kept.sqrt() * x).abs() < 5 * (1 - kept).sqrt() / 200_000**0.5).all()
    same(z.var(dim=0), (1 - kept).expand(2), rtol=0.02, atol=0)
    assert abs(z.T.cov()[0, 1]) < 0.01
