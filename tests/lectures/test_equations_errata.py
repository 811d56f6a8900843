"""The equations of the errata, as tests of the same number."""

import torch

import aecore as ae


def random_gaussian(k: int = 4):
    generator = torch.Generator().manual_seed(k)
    mean, root = torch.randn(1, k, generator=generator), torch.randn(1, k, k, generator=generator)
    return mean.double(), (root @ root.mT + 0.1 * torch.eye(k)).double()


def test_equation_e_1_the_divergence_of_two_gaussians():
    (mean0, cov0), (mean1, cov1) = random_gaussian(), (torch.ones(1, 4).double(), 2 * torch.eye(4).double()[None])
    p, q = (torch.distributions.MultivariateNormal(m, c) for m, c in ((mean0, cov0), (mean1, cov1)))
    torch.testing.assert_close(ae.gaussian_kl_full(mean0, cov0, mean1, cov1), torch.distributions.kl_divergence(p, q))


def test_equation_e_2_has_a_minus_before_the_log_determinant():
    mean, cov = random_gaussian()
    eye = torch.eye(4).double()[None]
    trace, length = cov.diagonal(dim1=1, dim2=2).sum(1), mean.square().sum(1)
    right, lectures = (0.5 * (trace + length - 4 + sign * torch.logdet(cov)) for sign in (-1, 1))
    exact = ae.gaussian_kl_full(mean, cov, torch.zeros(1, 4).double(), eye)
    torch.testing.assert_close(right, exact)
    assert (lectures - exact).abs() > 0.1
