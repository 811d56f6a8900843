"""Every numbered equation of lecture 09, as a test of the same number: (9.2) is `test_equation_9_2_...`."""

import math

import pytest
import torch
import torch.nn.functional as F
from scipy import integrate, stats
from torch.distributions import Categorical, MultivariateNormal, Normal, kl_divergence

import aecore as ae

F64 = {"dtype": torch.float64}


def same(left, right, **tolerance):
    torch.testing.assert_close(
        torch.as_tensor(left), torch.as_tensor(right), **{"rtol": 1e-9, "atol": 1e-9, **tolerance}
    )


def draws(*shape, seed=0):
    return torch.randn(*shape, **F64, generator=torch.Generator().manual_seed(seed))


def test_equation_9_1_the_density_of_what_a_flow_draws():
    """Against the shares of draws between three places."""

    def flow(eps):
        return 0.5 * eps + 1.5 * (3 * (eps - 0.2)).tanh()

    eps = torch.linspace(-6, 6, 200_001, **F64).requires_grad_()
    z = flow(eps)
    (slope,) = torch.autograd.grad(z.sum(), eps)
    density = (Normal(0.0, 1.0).log_prob(eps) - slope.log()).exp().detach()
    drawn = flow(draws(400_000))
    for low, high in ((-9, -1.0), (-1.0, 1.0), (1.0, 9)):
        inside = (z.detach() > low) & (z.detach() < high)
        expected = torch.trapezoid(density[inside], z.detach()[inside]).item()
        assert ((drawn > low) & (drawn < high)).double().mean().item() == pytest.approx(expected, abs=0.004)


def test_equation_9_2_the_best_prior_is_the_aggregate_posterior():
    means, sigmas = [-1.5, -1.2, 0.4, 2.0], [0.3, 0.8, 0.5, 1.1]
    members = [stats.norm(*pair) for pair in zip(means, sigmas, strict=True)]

    def pooled(z):
        return sum(member.pdf(z) for member in members) / 4

    def kl(p, q):
        return integrate.quad(lambda z: p(z) * math.log(p(z) / q(z)), -8, 8, epsabs=1e-11, limit=400)[0]

    information = sum(kl(member.pdf, pooled) for member in members) / 4
    for prior in (stats.norm(0, 1).pdf, stats.norm(0.3, 1.5).pdf, pooled):
        term = sum(kl(member.pdf, prior) for member in members) / 4
        assert term == pytest.approx(information + kl(pooled, prior), abs=1e-6)
        assert term >= information - 1e-9


def test_equation_9_6_the_best_output_is_the_mean():
    images = torch.rand(20, 6, **F64, generator=torch.Generator().manual_seed(0))
    output = torch.zeros(6, **F64).requires_grad_()
    optimizer = torch.optim.LBFGS([output], max_iter=100, tolerance_grad=1e-12)

    def cost():
        optimizer.zero_grad()
        value = (images - output).square().sum(dim=1).mean()
        value.backward()
        return value

    optimizer.step(cost)
    same(output.detach(), images.mean(dim=0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 0.01), (0.4, 0.05), (1.3, 0.7)])
def test_equation_9_7_a_level_has_the_probability_of_its_interval(mean, scale):
    """The stable form against the logistic distribution of SciPy; the ends take what lies beyond."""
    levels = torch.arange(256, **F64) / 255
    above, below = (levels + 1 / 510 - mean) / scale, (levels - 1 / 510 - mean) / scale
    stable = F.logsigmoid(above) + F.logsigmoid(-below) + torch.log(-torch.expm1(below - above))
    stable[0], stable[-1] = F.logsigmoid(above[0]), F.logsigmoid(-below[-1])
    edges = stats.logistic(mean, scale).cdf([-math.inf, *((levels[:-1] + 1 / 510).tolist()), math.inf])
    inside = edges[1:] - edges[:-1] > 1e-12  # where the plain difference still has digits
    same(stable.exp()[inside], torch.as_tensor(edges[1:] - edges[:-1])[inside], rtol=1e-4, atol=1e-14)
    same(stable.exp().sum(), torch.tensor(1.0, **F64))
    assert stable.isfinite().all()


def test_equation_9_10_two_levels_have_an_elbo_of_their_pair():
    """One number a level, by integrals: the bound plus its gap, the divergence of the pair, is log p(x)."""
    x = 0.7
    lower, upper = stats.norm(0.3, 0.6), (lambda z_1: stats.norm(0.5 * z_1 - 0.1, 0.7))
    z_1, z_2 = torch.meshgrid(torch.linspace(-6, 6, 1201, **F64), torch.linspace(-7, 7, 1401, **F64), indexing="ij")
    cell = (12 / 1200) * (14 / 1400)
    joint = Normal((2 * z_1).sin(), 0.5).log_prob(torch.tensor(x, **F64))  # a decoder that is not linear
    joint = joint + Normal(z_2.tanh(), 0.8).log_prob(z_1) + Normal(0.0, 1.0).log_prob(z_2)
    log_px = (joint.logsumexp(dim=(0, 1)) + math.log(cell)).item()
    log_q1 = torch.as_tensor(lower.logpdf(z_1.numpy()))
    log_q2 = torch.as_tensor(upper(z_1.numpy()).logpdf(z_2.numpy()))
    q = (log_q1 + log_q2).exp() * cell
    gap = (q * (log_q1 + log_q2 - joint)).sum().item() + log_px  # the divergence of q to the posterior of the pair
    first = (
        Normal((2 * z_1).sin(), 0.5).log_prob(torch.tensor(x, **F64)) + Normal(z_2.tanh(), 0.8).log_prob(z_1) - log_q1
    )
    line, step = z_1[:, 0], 12 / 1200
    second = kl_divergence(Normal(0.5 * line - 0.1, 0.7), Normal(torch.zeros(()).double(), 1.0))
    bound = (q * first).sum().item() - (torch.as_tensor(lower.pdf(line.numpy())) * second).sum().item() * step
    assert gap > 0
    assert bound + gap == pytest.approx(log_px, abs=1e-6)


def test_equation_9_12_the_divergence_of_a_step_is_a_weighted_squared_error():
    """The step back by conditioning a joint Gaussian, not by its formula."""
    schedule = torch.tensor([0.1, 0.2, 0.15, 0.3], **F64)
    kept = (1 - schedule).cumprod(dim=0)
    t = 2  # from z_3 to z_2, counted from 1
    before, after, b = kept[t - 1], kept[t], schedule[t]
    variance, covariance = 1 - before, (1 - b).sqrt() * (1 - before)
    gain, z_t, truth, guess = covariance / (1 - after), draws(1, 5), draws(1, 5, seed=1), draws(1, 5, seed=2)
    means = [before.sqrt() * z + gain * (z_t - after.sqrt() * z) for z in (truth, guess)]
    cov = ((variance - gain * covariance) * torch.eye(5, **F64))[None]
    weight = before / (1 - before) - after / (1 - after)
    same(ae.gaussian_kl_full(means[0], cov, means[1], cov), weight / 2 * (truth - guess).square().sum(dim=1))


@pytest.fixture(scope="module")
def conditional():
    """x|z,y ~ N(Wz + u_y, 0.5 I): W, u, one x, and log p(x|y) for three labels."""
    W, u, x = draws(4, 2), draws(3, 4, seed=1), draws(4, seed=2)
    return W, u, x, torch.stack([MultivariateNormal(m, W @ W.T + 0.5 * torch.eye(4)).log_prob(x) for m in u])


def test_equation_9_8_the_conditional_bound_misses_the_divergence_to_the_posterior(conditional):
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


def test_equation_9_9_bayes_gives_the_label_back(conditional):
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


def test_equation_9_3_forward_the_entry_backward_the_identity():
    z, codebook, weight = draws(9, 3).requires_grad_(), draws(5, 3, seed=1).requires_grad_(), draws(9, 3, seed=2)
    entries, passed = quantized(z, codebook)
    same(passed.detach(), entries.detach())
    assert (torch.cdist(z, codebook) >= (z - passed).norm(dim=1, keepdim=True) - 1e-12).all()
    to_z, to_book = torch.autograd.grad((passed * weight).sum(), (z, codebook), allow_unused=True)
    same(to_z, weight)
    assert to_book is None


def test_equation_9_4_one_term_moves_the_entries_the_other_the_encoder():
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


def test_equation_9_5_a_certain_symbol_is_charged_its_code_length():
    p = torch.softmax(draws(6), dim=0)
    same(kl_divergence(Categorical(torch.eye(6, **F64)), Categorical(p.expand(6, 6))), -p.log(), rtol=1e-6, atol=1e-6)
    uniform = torch.full((6, 6), 1 / 6, **F64)
    same(
        kl_divergence(Categorical(torch.eye(6, **F64)), Categorical(uniform)),
        torch.full((6,), math.log(6), **F64),
        rtol=1e-6,
        atol=1e-6,
    )


def test_equation_9_11_many_steps_of_noise_are_one():
    schedule = torch.linspace(0.01, 0.3, 12, **F64)
    x, z = torch.tensor([1.5, -0.7], **F64), torch.tensor([1.5, -0.7], **F64).expand(200_000, 2)
    for t, beta in enumerate(schedule):
        z = (1 - beta).sqrt() * z + beta.sqrt() * draws(200_000, 2, seed=t)
    kept = (1 - schedule).prod()
    assert ((z.mean(dim=0) - kept.sqrt() * x).abs() < 5 * (1 - kept).sqrt() / 200_000**0.5).all()
    same(z.var(dim=0), (1 - kept).expand(2), rtol=0.02, atol=0)
    assert abs(z.T.cov()[0, 1]) < 0.01


def test_equation_9_13_what_bits_back_adds_is_minus_the_elbo_on_average():
    """Three codes, two images, all counted: the mean of ℓ under q is −L, and under the posterior −log p(x)."""
    prior = torch.tensor([0.5, 0.3, 0.2], **F64)
    likelihood = torch.tensor([[0.9, 0.2, 0.4], [0.1, 0.8, 0.6]], **F64)  # p(x|z), a row for each x
    q = torch.tensor([[0.6, 0.1, 0.3], [0.2, 0.5, 0.3]], **F64)
    added = -likelihood.log() - prior.log() + q.log()
    bound = (q * likelihood.log()).sum(dim=1) - kl_divergence(Categorical(q), Categorical(prior.expand(2, 3)))
    same((q * added).sum(dim=1), -bound)
    joint = likelihood * prior
    posterior = joint / joint.sum(dim=1, keepdim=True)
    exact = -likelihood.log() - prior.log() + posterior.log()
    same(exact, -joint.sum(dim=1, keepdim=True).log().expand(2, 3))  # every z costs the same: −log p(x)
