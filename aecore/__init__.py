"""Autoencoders and variational autoencoders whose every loss can be trusted.

Every loss term sums over event dimensions and returns shape (batch,), in nats; the caller takes `.mean()`. Two
kinds differ: `bernoulli_kl` is elementwise, and the sparsity penalties are scalars, because one of them is a function
of the batch's mean.
"""

from aecore import codec, data, evaluation, image_files, losses, models, training
from aecore._check import value_checks
from aecore.codec import *  # noqa: F403
from aecore.data import *  # noqa: F403
from aecore.evaluation import *  # noqa: F403
from aecore.image_files import *  # noqa: F403
from aecore.losses import *  # noqa: F403
from aecore.models import *  # noqa: F403
from aecore.training import *  # noqa: F403

__all__ = [
    *data.__all__,
    *losses.__all__,
    *models.__all__,
    *training.__all__,
    *evaluation.__all__,
    *codec.__all__,
    *image_files.__all__,
    "value_checks",
]
__version__ = "0.1.0"
