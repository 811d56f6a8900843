"""Everything is made on the device of the input.

A machine without a GPU tells too: with "meta" as torch's default device, a tensor that is made without saying where
holds no numbers, and what is computed with it fails.
"""

import copy
import sys
from pathlib import Path

import pytest
import torch
import torch.nn as nn
from torch.utils._python_dispatch import TorchDispatchMode

import aecore as ae

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import mnist_likelihood

CPU = torch.device("cpu")
X = torch.linspace(0, 1, 24).view(6, 1, 2, 2)
FLAT, BINARY, LABELS = X.flatten(1), X.round(), torch.tensor([0, 1, 0, 1, 0, 1])
EYES = torch.eye(4).expand(6, 4, 4)


def plain(likelihood="bernoulli"):
    return ae.VAE(ae.mlp([4, 3, 4], nn.Tanh), ae.mlp([2, 3, 4], nn.Tanh, out_shape=(1, 2, 2)), likelihood)


VAE, GAUSSIAN, BATCH_NORM = plain(), plain("gaussian"), plain()
BATCH_NORM.encoder.insert(1, nn.BatchNorm1d(4))  # not plain: `fit` goes through autograd
AUTOENCODER = ae.Autoencoder(ae.mlp([4, 2]), ae.mlp([2, 4], out_shape=(1, 2, 2)))
TRAINING = {"images": X, "epochs": 2, "batch_size": 4, "device": CPU, "progress": False}

CALLS = {
    "mask": lambda: ae.mask(X, 0.5),
    "add_gaussian": lambda: ae.add_gaussian(X, 0.5),
    "salt_and_pepper": lambda: ae.salt_and_pepper(X, 0.5),
    "binarize": lambda: ae.binarize(X),
    "mnist": lambda: ae.mnist("test", device=CPU)[0],
    "bernoulli_kl": lambda: ae.bernoulli_kl(FLAT, FLAT.clamp(0.1, 0.9)),
    "gaussian_kl": lambda: ae.gaussian_kl(FLAT, FLAT),
    "gaussian_kl_full": lambda: ae.gaussian_kl_full(FLAT, EYES, FLAT, EYES),
    "squared_error": lambda: ae.squared_error(X, BINARY),
    "bernoulli_log_prob": lambda: ae.bernoulli_log_prob(X, BINARY),
    "gaussian_log_prob": lambda: ae.gaussian_log_prob(X, BINARY, 0.5),
    "gaussian_log_prob with a sigma each": lambda: ae.gaussian_log_prob(X, BINARY, X + 0.5),
    "l1_sparsity": lambda: ae.l1_sparsity(FLAT),
    "kl_sparsity": lambda: ae.kl_sparsity(FLAT, 0.1),
    "reparameterize": lambda: ae.reparameterize(FLAT, FLAT, FLAT),
    "reparameterize_full": lambda: ae.reparameterize_full(FLAT, EYES, FLAT),
    "iwae_bound": lambda: ae.iwae_bound(FLAT),
    "psnr": lambda: ae.psnr(X, BINARY),
    "start_at_mean": lambda: next(ae.start_at_mean(VAE, X).parameters()),
    "Autoencoder": lambda: AUTOENCODER.loss(X, X),
    "Codec": lambda: ae.Codec(AUTOENCODER, X, 0.1).bits(X),
    "VAE": lambda: VAE.elbo(BINARY),
    "VAE with a Gaussian": lambda: GAUSSIAN.elbo(X),
    "VAE.log_weights": lambda: VAE.log_weights(BINARY, 3),
    "VAE.sample": lambda: VAE.sample(3),
    "LinearGaussian": lambda: ae.LinearGaussian(FLAT[:4, :2], 0.5).elbo(FLAT, FLAT[:, :2], EYES[:, :2, :2]),
    "LinearGaussian.posterior": lambda: ae.LinearGaussian(FLAT[:4, :2], 0.5).posterior(FLAT).mean,
    "LinearGaussian.marginal": lambda: ae.LinearGaussian(FLAT[:4, :2], 0.5).marginal.log_prob(FLAT),
    "log_likelihood": lambda: ae.log_likelihood(VAE, BINARY, 7, chunk=5),
    "log_likelihood with a Gaussian": lambda: ae.log_likelihood(GAUSSIAN, X, 7, chunk=5),
    "active_units": lambda: ae.active_units(VAE, X),
    "linear_probe": lambda: torch.tensor(ae.linear_probe(FLAT, LABELS, FLAT, LABELS), device=CPU),
    "evaluate": lambda: torch.tensor(ae.evaluate(VAE, X), device=CPU),
    "fit": lambda: trained(VAE),
    "fit through autograd": lambda: trained(BATCH_NORM),
    "fit of an autoencoder": lambda: trained(AUTOENCODER, corrupt=lambda x: ae.mask(x, 0.5)),
    "fit in one cycle": lambda: trained(VAE, schedule="one_cycle"),
    "the bound of the literature": lambda: trained(
        nn.ModuleList([VAE]), loss=mnist_likelihood.loss([mnist_likelihood.ON_CPU[5]], steps=4)
    ),
}
# What needs numbers to go on, or is given none. Everything else may stand in a loss, also what is added later.
NOT_IN_A_LOSS = {
    "mnist",
    "psnr",
    "start_at_mean",
    "Codec",
    "VAE.sample",
    "LinearGaussian",
    "LinearGaussian.posterior",
    "LinearGaussian.marginal",
    "log_likelihood",
    "log_likelihood with a Gaussian",
    "active_units",
    "linear_probe",
    "evaluate",
    "fit",
    "fit through autograd",
    "fit of an autoencoder",
    "fit in one cycle",
    "the bound of the literature",
}
IN_TRAINING = [name for name in CALLS if name not in NOT_IN_A_LOSS]
MADE_ANYWHERE = {"mlp", "conv_encoder", "conv_decoder"}  # as torch's layers: on the default device
NO_TENSORS = {"History", "pick_device", "payload_size", "value_checks"}
FILES = {"dataset", "fashion_mnist", "read_pictures", "write_pictures"}  # read and written on the CPU
MODULES = {"codec", "data", "evaluation", "losses", "models", "training"}


def trained(model, **options):
    losses = ae.fit(model, **TRAINING, **options).loss
    return torch.tensor(losses, device=CPU)


def test_every_function_of_tensors_has_a_call():
    assert set(CALLS) >= set(ae.__all__) - MADE_ANYWHERE - NO_TENSORS - FILES - MODULES


@pytest.mark.parametrize("name", CALLS)
def test_nothing_is_made_elsewhere_than_the_input_lies(name):
    with torch.device("meta"):
        result = CALLS[name]()
    assert result.device.type == "cpu"
    assert result.isfinite().all()


@pytest.mark.parametrize("name", IN_TRAINING)
def test_a_term_of_a_loss_reads_no_number_once_values_are_not_checked(name, numbers_read):
    with ae.value_checks(False), numbers_read() as read:
        CALLS[name]()
    assert read.by == []
    with numbers_read() as read:
        CALLS[name]()  # it looks at values otherwise
    assert "aten._local_scalar_dense.default" in read.by


class Float64Made(TorchDispatchMode):
    """Notes every operation that makes a float64: Apple's GPU has none."""

    def __init__(self):
        super().__init__()
        self.by = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else [result]:
            if isinstance(value, torch.Tensor) and value.dtype == torch.float64:
                self.by.append(str(func))
        return result


ON_THE_CPU = {"Codec", "linear_probe", "mnist"}  # on purpose, wherever the model and the images are
MEASURED = [name for name in CALLS if name not in ON_THE_CPU and not name.startswith(("fit", "evaluate", "the bound"))]


@pytest.mark.parametrize("name", MEASURED)
def test_float32_needs_no_float64(name):
    with Float64Made() as made:
        CALLS[name]()
    assert made.by == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("name", IN_TRAINING)
def test_a_gpu_never_waits_in_a_term_of_a_loss(name, monkeypatch):
    for what in ("X", "FLAT", "BINARY", "EYES"):
        monkeypatch.setitem(globals(), what, globals()[what].cuda())
    for what in ("VAE", "GAUSSIAN", "AUTOENCODER"):
        monkeypatch.setitem(globals(), what, copy.deepcopy(globals()[what]).cuda())
    with ae.value_checks(False):
        CALLS[name]()  # libraries are set up
        torch.cuda.set_sync_debug_mode("error")
        try:
            result = CALLS[name]()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert result.is_cuda
    assert result.isfinite().all()


def test_a_run_on_another_default_device_resumes(tmp_path):
    whole, halves = plain(), plain()
    halves.load_state_dict(whole.state_dict())
    with torch.device("meta"):
        trained(whole)
        ae.fit(halves, **{**TRAINING, "epochs": 1}, checkpoint=tmp_path / "run")
        trained(halves, checkpoint=tmp_path / "run")
    for mine, theirs in zip(whole.parameters(), halves.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("ask", [lambda m: m.encode(X), lambda m: m(X), lambda m: m.decode(FLAT[:, :2])])
def test_a_tensor_elsewhere_than_the_model_is_refused(ask):
    for model in (AUTOENCODER, VAE):
        with pytest.raises(ValueError, match="must be on the device of the model, meta, got cpu"):
            ask(copy.deepcopy(model).to("meta"))
