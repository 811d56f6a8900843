"""Shared by all tests: one thread a worker, one seed a test, real digits, and a VAE whose p(x) is known exactly."""

import os
from pathlib import Path

import pytest
import torch
import torch.nn as nn
import training_runs
from torch.distributions import MultivariateNormal
from torch.utils._python_dispatch import TorchDispatchMode

import aecore as ae

torch.set_num_threads(1)  # two workers share two cores

if "AECORE_MUST_BE_IN" in os.environ:  # set by tests/mutants.py: never test the original by mistake
    assert Path(ae.__file__).is_relative_to(os.environ["AECORE_MUST_BE_IN"]), ae.__file__


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


class NumbersRead(TorchDispatchMode):
    """Notes where a number leaves its tensor: on a GPU, Python waits for it, and a recorded step cannot do it."""

    def __init__(self) -> None:
        super().__init__()
        self.by = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default):
            self.by.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.fixture
def numbers_read():
    """`with numbers_read() as read:`, and `read.by` has an entry for each number that was read."""
    return NumbersRead


@pytest.fixture
def float64():
    """Floats are float64 inside a test that claims exactness."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="session")
def train_digits():
    return ae.mnist("train")[0]


@pytest.fixture(scope="session")
def test_digits():
    return ae.mnist("test")[0]


@pytest.fixture(scope="session")
def uninterrupted():
    """A model and the history of its four epochs, which a run cut short must end with too."""
    model = training_runs.fresh_vae()
    return model, ae.fit(model, training_runs.IMAGES, epochs=4, **training_runs.RUN)


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "run.safetensors"
    ae.fit(training_runs.fresh_vae(), training_runs.IMAGES, epochs=1, **training_runs.RUN, checkpoint=path)
    return path


class LinearGaussian:
    """x = A z + c + σ ε with orthogonal columns in A, so that p(x) and the diagonal posterior are known exactly."""

    def __init__(self) -> None:
        basis = torch.linalg.qr(torch.randn(4, 2)).Q
        self.a, self.c, self.sigma = basis * torch.tensor([1.5, 0.7]), torch.randn(4), 0.6
        self.p_x = MultivariateNormal(self.c, self.a @ self.a.T + self.sigma**2 * torch.eye(4))
        self.variance = 1 / (1 + self.a.square().sum(dim=0) / self.sigma**2)

    def posterior_mean(self, x):
        return (x - self.c) @ self.a / self.sigma**2 * self.variance

    def vae(self, mean_off: float = 0.0, logvar_off: float = 0.0) -> ae.VAE:
        """The VAE whose encoder is the true posterior, moved by the two offsets."""
        encoder, decoder = nn.Linear(4, 4), nn.Linear(2, 4)
        gain = self.a.T / self.sigma**2 * self.variance[:, None]
        with torch.no_grad():
            decoder.weight.copy_(self.a), decoder.bias.copy_(self.c)
            encoder.weight.copy_(torch.cat([gain, torch.zeros(2, 4)]))
            encoder.bias.copy_(torch.cat([mean_off - gain @ self.c, self.variance.log() + logvar_off]))
        return ae.VAE(encoder, decoder, likelihood="gaussian", sigma=self.sigma)


@pytest.fixture
def linear_gaussian(float64):
    return LinearGaussian()
