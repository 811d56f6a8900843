"""Every loss with inputs at which it is differentiable, in float64: shared by several files of tests."""

from functools import partial

import torch

import aecore as ae

UNIT = torch.linspace(0.1, 0.9, 12, dtype=torch.float64).view(3, 4)
REAL = torch.linspace(-1.7, 1.9, 12, dtype=torch.float64).view(3, 4)
TRIL = torch.diag_embed(UNIT + 1) + REAL[:, :, None] * torch.ones(4, 4, dtype=torch.float64).tril(-1)


def kl_full(mean0, tril0, mean1, tril1):
    """A derivative moves one entry at a time; the Cholesky factors keep the covariances symmetric meanwhile."""
    tril0, tril1 = tril0.tril(), tril1.tril()
    return ae.gaussian_kl_full(mean0, tril0 @ tril0.mT, mean1, tril1 @ tril1.mT)


DIFFERENTIABLE = {
    "bernoulli_kl": (ae.bernoulli_kl, UNIT, UNIT.flip(0)),
    "gaussian_kl": (ae.gaussian_kl, REAL, REAL.flip(0)),
    "gaussian_kl_full": (kl_full, REAL, TRIL, REAL.flip(0), TRIL.flip(0)),
    "squared_error": (ae.squared_error, REAL, UNIT),
    "bernoulli_log_prob": (ae.bernoulli_log_prob, REAL, UNIT),
    "gaussian_log_prob": (ae.gaussian_log_prob, REAL, UNIT, UNIT.flip(1)),
    "gaussian_log_prob with one sigma": (partial(ae.gaussian_log_prob, sigma=0.3), REAL, UNIT),
    "l1_sparsity": (ae.l1_sparsity, REAL),
    "kl_sparsity": (partial(ae.kl_sparsity, rho=0.2), UNIT),
    "reparameterize": (ae.reparameterize, REAL, UNIT, REAL.flip(0)),
    "reparameterize_full": (lambda m, tril, e: ae.reparameterize_full(m, tril.tril(), e), REAL, TRIL, REAL.flip(0)),
    "iwae_bound": (ae.iwae_bound, REAL),
}
