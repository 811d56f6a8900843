"""The terms that losses are made of: divergences, log-probabilities, penalties, bounds.

One convention: a term sums over the event dimensions (pixels, latent dimensions) and keeps the batch, so it
has shape (batch,), in nats. The caller takes `.mean()`. Mixing a sum in one term with a mean in the other is
the most frequent bug in published VAE code, and here it cannot be written by accident.

One precision: a term is computed and returned in the dtype of its inputs, but at least in float32, also inside
`torch.autocast`. A sum over hundreds of pixels keeps two digits in bfloat16, and float16 ends at 65,504. A sample
(`reparameterize`) goes on into a network, and keeps the dtype of its inputs.

Every term can be differentiated twice, and transformed by `torch.func` (`grad`, `jvp`, `vmap`, `hessian`).
"""

from aecore.losses.divergences import bernoulli_kl, gaussian_kl, gaussian_kl_full
from aecore.losses.likelihoods import bernoulli_log_prob, gaussian_log_prob, squared_error
from aecore.losses.sampling import iwae_bound, reparameterize, reparameterize_full
from aecore.losses.sparsity import kl_sparsity, l1_sparsity

__all__ = [
    "bernoulli_kl",
    "bernoulli_log_prob",
    "gaussian_kl",
    "gaussian_kl_full",
    "gaussian_log_prob",
    "iwae_bound",
    "kl_sparsity",
    "l1_sparsity",
    "reparameterize",
    "reparameterize_full",
    "squared_error",
]
