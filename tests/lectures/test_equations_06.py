"""Every numbered equation of lecture 06, as a test of the same number: (6.8) is `test_equation_6_8_...`.

The model is linear and Gaussian in three latent and five observed dimensions; expectations are taken by quadrature,
which is exact for the quadratics that the logarithms of Gaussians are. Nothing is taken from the notebook.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.distributions import MultivariateNormal as Gaussian
from torch.distributions import Normal, kl_divergence

import aecore as ae

COUNT, LATENT, OBSERVED, SIGMA = 100, 3, 5, 0.6
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def hermite(count, dimensions):
    """Nodes and weights of E over N(0, I)."""
    nodes, weights = (torch.tensor(v) for v in np.polynomial.hermite_e.hermegauss(count))
    mesh = [torch.cartesian_prod(*[v] * dimensions).reshape(-1, dimensions) for v in (nodes, weights / weights.sum())]
    return mesh[0], mesh[1].prod(dim=1)


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def identity(size):
    return torch.eye(size, dtype=torch.float64)


class Model:
    """The model, pairs of x and q, and the value of every log-density at the nodes of q."""

    def __init__(self):
        torch.manual_seed(0)
        self.W, self.b = normal(OBSERVED, LATENT), normal(OBSERVED)
        self.x = normal(COUNT, LATENT) @ self.W.T + self.b + SIGMA * normal(COUNT, OBSERVED)
        root = normal(COUNT, LATENT, LATENT)
        self.q = Gaussian(normal(COUNT, LATENT), 0.3 * root @ root.mT + 0.05 * identity(LATENT))
        self.prior = Gaussian(torch.zeros(COUNT, LATENT).double(), identity(LATENT).expand(COUNT, -1, -1))
        # the posterior by conditioning the joint Gaussian of (z, x), not by completing the square
        cov = self.W @ self.W.T + SIGMA**2 * identity(OBSERVED)
        gain = torch.linalg.solve(cov, self.W).T
        covariance = (identity(LATENT) - gain @ self.W).expand(COUNT, -1, -1)
        self.posterior = Gaussian((self.x - self.b) @ gain.T, covariance)
        self.evidence = torch.tensor(stats.multivariate_normal(self.b.numpy(), cov.numpy()).logpdf(self.x.numpy()))
        self.kl = kl_divergence(self.q, self.posterior)
        self.nodes, self.share = hermite(4, LATENT)
        self.here = self.at(self.q, self.nodes)

    def at(self, q, nodes):
        z = q.mean + torch.einsum("nij,sj->sni", q.scale_tril, nodes)
        fit = Normal(z @ self.W.T + self.b, SIGMA).log_prob(self.x).sum(-1)
        prior, post = self.prior.log_prob(z), self.posterior.log_prob(z)
        return SimpleNamespace(z=z, q=q.log_prob(z), lik=fit, prior=prior, post=post)

    def expect(self, values):
        return self.share @ values


@pytest.fixture(scope="module")
def m():
    return Model()


def same(left, right, **tolerance):
    torch.testing.assert_close(left, right.expand_as(left), **(tolerance or CLOSE))


def test_equation_6_1_any_z_gives_the_evidence(m):
    same(m.here.lik + m.here.prior - m.here.post, m.evidence)


def test_equation_6_2_the_encoder_names_a_gaussian_for_every_x():
    torch.manual_seed(0)
    vae = ae.VAE(ae.mlp([12, 8, 2 * 3]), ae.mlp([3, 8, 12])).double()
    x, z = torch.rand(20, 12).double(), normal(20, 3)
    mean, logvar = vae.posterior(x)
    full = Gaussian(mean, torch.diag_embed(logvar.exp()))
    same(vae.encode(x).log_prob(z), full.log_prob(z))
    assert (mean[0] != mean[1]).all()


def test_equation_6_5_the_divergence_is_an_expectation_under_q(m):
    same(m.expect(m.here.q - m.here.post), m.kl)


def test_equation_6_6_bayes_point_by_point(m):
    same(m.here.post, m.here.lik + m.here.prior - m.evidence)


def test_equation_6_7_the_evidence_leaves_the_expectation(m):
    same(m.expect(m.here.q - m.here.lik - m.here.prior) + m.evidence, m.kl)


def test_equation_6_8_rearranged(m):
    same(m.evidence - m.kl, m.expect(m.here.lik + m.here.prior - m.here.q))


def test_equation_6_9_the_bound_in_two_terms(m):
    elbo = m.expect(m.here.lik) - kl_divergence(m.q, m.prior)
    same(elbo, m.expect(m.here.lik + m.here.prior - m.here.q))


def test_equation_6_9_is_what_the_vae_estimates():
    """The mean of the package's one-sample ELBO, on a linear VAE, is (6.9)."""
    torch.manual_seed(0)
    vae = ae.VAE(torch.nn.Linear(5, 2 * 2), torch.nn.Linear(2, 5), likelihood="gaussian", sigma=0.8).double()
    x = normal(3, 5)
    mean, logvar = vae.posterior(x)
    W, b = vae.decoder.weight, vae.decoder.bias
    fit = ae.gaussian_log_prob(x, mean @ W.T + b, 0.8) - (logvar.exp() @ W.square().T).sum(1) / (2 * 0.8**2)
    exact = fit - ae.gaussian_kl(mean, logvar)
    many = x.repeat_interleave(20_000, 0)
    with torch.no_grad():
        estimates = vae.elbo(many).view(3, -1)
    assert ((estimates.mean(1) - exact).abs() < 4 * estimates.std(1) / 20_000**0.5).all()


def test_equation_6_10_the_gap_is_the_divergence_to_the_posterior(m):
    elbo = m.expect(m.here.lik) - kl_divergence(m.q, m.prior)
    same(m.evidence, elbo + m.kl)
    assert (elbo < m.evidence).all()
    touching = m.at(m.posterior, m.nodes)
    same(m.expect(touching.lik) - kl_divergence(m.posterior, m.prior), m.evidence)


def test_equation_6_11_the_best_diagonal_q_and_what_it_leaves(m):
    """By a search over all variances, not by the formula."""
    precision = m.posterior.precision_matrix[0]
    zero = torch.zeros(1, LATENT).double()
    logvar = zero.clone().requires_grad_()
    cov = m.posterior.covariance_matrix[:1]
    optimizer = torch.optim.LBFGS([logvar], max_iter=500, tolerance_grad=1e-12, tolerance_change=1e-15)

    def divergence():
        optimizer.zero_grad()
        value = ae.gaussian_kl_full(zero, torch.diag_embed(logvar.exp()), zero, cov).sum()
        value.backward()
        return value

    for _ in range(5):
        optimizer.step(divergence)
    same(logvar.detach()[0].exp(), 1 / precision.diagonal(), rtol=1e-6, atol=1e-6)
    remaining = 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision))
    same(divergence().detach(), remaining)
    assert remaining > 0.01


def test_equation_6_13_at_the_posterior_the_bound_has_the_gradient_of_the_evidence(m):
    W = m.W.clone().requires_grad_()
    cov = W @ W.T + SIGMA**2 * identity(OBSERVED)
    (wanted,) = torch.autograd.grad(Gaussian(m.b, cov).log_prob(m.x).sum(), W)
    for q, agrees in ((m.posterior, True), (m.q, False)):
        z = q.mean + torch.einsum("nij,sj->sni", q.scale_tril, m.nodes)
        fit = m.expect(Normal(z @ W.T + m.b, SIGMA).log_prob(m.x).sum(-1)).sum()
        (got,) = torch.autograd.grad(fit, W)
        assert torch.allclose(got, wanted, rtol=1e-8, atol=1e-8) is agrees


def test_equation_6_12_the_gap_is_that_of_the_family_and_that_of_the_search(m):
    """The best diagonal q by (6.11), and another diagonal q: the two gaps add up to the divergence."""
    precision = m.posterior.precision_matrix
    best = torch.diag_embed(1 / precision.diagonal(dim1=1, dim2=2))
    other = torch.diag_embed(m.q.covariance_matrix.diagonal(dim1=1, dim2=2))
    model = ae.LinearGaussian(m.W, SIGMA, m.b)
    of_best, of_other = model.elbo(m.x, m.posterior.mean, best), model.elbo(m.x, m.q.mean, other)
    family, search = m.evidence - of_best, of_best - of_other
    assert (family > 0).all()
    assert (search > 0).all()
    same(family + search, kl_divergence(Gaussian(m.q.mean, other), m.posterior))


def test_equation_6_14_elsewhere_the_gap_has_a_gradient_of_its_own(m):
    W = m.W.clone().requires_grad_()
    model = ae.LinearGaussian(W, SIGMA, m.b)
    cov = W @ W.T + SIGMA**2 * identity(OBSERVED)  # the posterior by conditioning, not by the package
    gain = torch.linalg.solve(cov, W).T
    posterior = Gaussian((m.x - m.b) @ gain.T, (identity(LATENT) - gain @ W).expand(COUNT, -1, -1))
    bound = model.elbo(m.x, m.q.mean, m.q.covariance_matrix)
    parts = bound, Gaussian(m.b, cov).log_prob(m.x), kl_divergence(m.q, posterior)
    of_bound, of_evidence, of_gap = (torch.autograd.grad(part.sum(), W, retain_graph=True)[0] for part in parts)
    same(of_bound, of_evidence - of_gap, rtol=1e-8, atol=1e-8)
    assert of_gap.abs().max() > 1


@pytest.fixture(scope="module")
def fine(m):
    """Log-weights at 20³ nodes of a q that is wider than the posterior."""
    torch.manual_seed(1)
    wide = Gaussian(m.posterior.mean + 0.1 * normal(COUNT, LATENT), 1.5 * m.posterior.covariance_matrix)
    nodes, share = hermite(24, LATENT)
    here = m.at(wide, nodes)
    return SimpleNamespace(q=wide, share=share, log_w=here.lik + here.prior - here.q)


def test_equation_6_4_jensen(m, fine):
    log_of_mean = torch.logsumexp(fine.log_w + fine.share.log()[:, None], dim=0)
    mean_of_log = fine.share @ fine.log_w
    same(log_of_mean, m.evidence, rtol=1e-6, atol=1e-6)
    same(mean_of_log, m.evidence - kl_divergence(fine.q, m.posterior))
    assert (mean_of_log < log_of_mean).all()


def test_equation_6_3_the_weights_average_to_the_evidence(m, fine):
    ratio = (fine.log_w - m.evidence).exp()
    same(fine.share @ ratio, torch.ones(1).double(), rtol=1e-6, atol=1e-6)
    same(ae.iwae_bound(fine.log_w[:1]), fine.log_w[0])  # with one sample, the logarithm of the weight
    log_weight, evidence = one_dimension(0.2, 0.8)
    for k in (1, 2, 3):  # the estimate is right on average for every k, its logarithm is not
        nodes, share = hermite(50, k)
        bound = ae.iwae_bound(log_weight(nodes).T)
        assert share @ (bound - evidence).exp() == pytest.approx(1, abs=1e-9)
        assert share @ bound < evidence - 0.1


def test_equation_6_16_the_expectation_of_a_quadratic_form(m):
    torch.manual_seed(2)
    a, A = normal(COUNT, LATENT), normal(COUNT, LATENT, LATENT)
    values = torch.einsum("sni,nij,snj->sn", m.here.z - a, A, m.here.z - a)
    gap = m.q.mean - a
    trace = torch.einsum("nij,nji->n", A, m.q.covariance_matrix)
    same(m.expect(values), trace + torch.einsum("ni,nij,nj->n", gap, A, gap))


def test_equation_6_15_the_divergence_of_two_gaussians(m):
    inverse, gap = torch.linalg.inv(m.posterior.covariance_matrix), m.posterior.mean - m.q.mean
    trace = torch.einsum("nij,nji->n", inverse, m.q.covariance_matrix)
    volume = torch.logdet(m.posterior.covariance_matrix) - torch.logdet(m.q.covariance_matrix)
    spelled = 0.5 * (trace + torch.einsum("ni,nij,nj->n", gap, inverse, gap) - LATENT + volume)
    same(spelled, m.kl)
    same(spelled, m.expect(m.here.q - m.here.post))
    pair = (m.q.mean, m.q.covariance_matrix, m.posterior.mean, m.posterior.covariance_matrix)
    same(ae.gaussian_kl_full(*pair), spelled)


def test_equation_6_17_the_divergence_to_the_standard_normal_has_a_minus(m):
    cov = m.q.covariance_matrix
    trace, length, logdet = cov.diagonal(dim1=1, dim2=2).sum(1), m.q.mean.square().sum(1), torch.logdet(cov)
    right, lectures = (0.5 * (trace + length - LATENT + sign * logdet) for sign in (-1, 1))
    same(right, kl_divergence(m.q, m.prior))
    same(right, m.expect(m.here.q - m.here.prior))
    assert (lectures < 0).any(), "a divergence that is negative is none"


def test_equation_6_18_the_diagonal_case(m):
    logvar = m.q.covariance_matrix.diagonal(dim1=1, dim2=2).log()
    spelled = 0.5 * (logvar.exp() + m.q.mean.square() - 1 - logvar).sum(1)
    same(ae.gaussian_kl(m.q.mean, logvar), spelled)
    same(kl_divergence(Gaussian(m.q.mean, torch.diag_embed(logvar.exp())), m.prior), spelled)


def one_dimension(mean, std, x=2.0):
    """log w at z = mean + std·ε, in the model z ~ N(0, 1), x|z ~ N(z, 1); and log p(x)."""

    x, q = torch.tensor(x).double(), Normal(torch.tensor(mean, dtype=torch.float64), std)

    def log_weight(eps):
        z = mean + std * eps
        return Normal(z, 1).log_prob(x) + Normal(torch.zeros_like(z), 1).log_prob(z) - q.log_prob(z)

    return log_weight, stats.norm(0, 2**0.5).logpdf(x.item())


@pytest.mark.parametrize(("mean", "std"), [(0.2, 0.8), (-0.5, 0.9), (1.5, 0.75)])
def test_equation_6_19_more_samples_tighten_the_bound(mean, std):
    log_weight, evidence = one_dimension(mean, std)
    bounds = []
    for k in (1, 2, 3):
        nodes, share = hermite(50, k)
        bounds.append((share @ ae.iwae_bound(log_weight(nodes).T)).item())
    assert bounds[0] < bounds[1] < bounds[2] < evidence
    posterior = Normal(torch.tensor(1.0).double(), 0.5**0.5)
    gap = kl_divergence(Normal(torch.tensor(mean, dtype=torch.float64), std), posterior)
    assert evidence - bounds[0] == pytest.approx(gap.item(), abs=1e-10)


def test_equation_6_20_the_gap_falls_like_the_variance_over_twice_k():
    mean, std, k, repeats = -0.5, 0.9, 256, 20_000
    log_weight, evidence = one_dimension(mean, std)
    nodes, share = hermite(60, 1)
    variance = share @ (log_weight(nodes[:, 0]) - evidence).exp().sub(1).square()
    # the same from an integral: p(z|x)² / q(z), minus one
    post, q = stats.norm(1, 0.5**0.5), stats.norm(mean, std)
    square, _ = integrate.quad(lambda z: post.pdf(z) ** 2 / q.pdf(z), -15, 15, epsabs=1e-12)
    assert variance.item() == pytest.approx(square - 1, rel=1e-8)
    eps = torch.randn(k, repeats, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ratio = ae.iwae_bound(log_weight(eps)) - evidence
    gap = ratio.expm1() - ratio  # p̂/p(x) − 1 has mean zero, and takes the noise away
    error = (gap.std() / repeats**0.5).item()
    assert gap.mean().item() == pytest.approx(variance.item() / (2 * k), rel=0.02, abs=3 * error)
