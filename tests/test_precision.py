"""Losses in half precision, under autocast and at the edge of float32: what they are in float64, up to rounding."""

import math

import pytest
import torch
import torch.nn as nn
from loss_cases import DIFFERENTIABLE

import aecore as ae
from aecore.models.vae import posterior_draws

HALF = [torch.bfloat16, torch.float16]
SAMPLES = {"reparameterize", "reparameterize_full"}  # go on into a network, in the dtype of their inputs
TERMS = [name for name in DIFFERENTIABLE if name not in SAMPLES]


def prepared(name, dtype):
    """The loss, its inputs in `dtype`, and the same numbers in float64; covariances stay float32, or are no longer."""
    function, *inputs = DIFFERENTIABLE[name]
    if name == "gaussian_kl_full":
        function, inputs = ae.gaussian_kl_full, [value @ value.mT if value.ndim == 3 else value for value in inputs]
    inputs = [value.to(dtype) for value in inputs]
    return function, inputs, [value.double() for value in inputs]


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("name", TERMS)
def test_a_term_in_half_precision_is_computed_and_returned_in_float32(name, dtype):
    function, inputs, exact = prepared(name, dtype)
    found = function(*inputs)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), function(*exact), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_sample_keeps_its_dtype_and_is_rounded_once(name, dtype):
    function, inputs, exact = prepared(name, dtype)
    found = function(*inputs)
    assert found.dtype == dtype
    torch.testing.assert_close(found, function(*exact).to(dtype), rtol=torch.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_float64_among_the_inputs_makes_the_result_float64(name):
    function, inputs, exact = prepared(name, torch.float32)
    if len(inputs) > 1:
        mixed = function(*inputs[:-1], exact[-1])
        assert mixed.dtype == torch.float64
        torch.testing.assert_close(mixed, function(*exact))
    assert function(*inputs).dtype == torch.float32


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_autocast_changes_no_loss(name):
    function, inputs, exact = prepared(name, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = function(*inputs)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), function(*exact), rtol=2e-5, atol=1e-6)


def test_the_losses_of_a_network_under_autocast_are_finite_and_close(train_digits):
    vae = ae.VAE(ae.mlp([784, 64, 8]), ae.mlp([4, 64, 784], out_shape=(1, 28, 28)))
    images = train_digits[:64]
    parts = vae.elbo_parts(images, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = vae.elbo_parts(images, generator=torch.Generator().manual_seed(0))
        sum(part.sum() for part in found.values()).backward()
    assert all(part.dtype == torch.float32 for part in found.values())
    torch.testing.assert_close(found["kl"], parts["kl"], rtol=0.02, atol=0.02)
    torch.testing.assert_close(found["log_prob"].mean(), parts["log_prob"].mean(), rtol=0.02, atol=0)  # other draws
    assert all(parameter.grad.isfinite().all() for parameter in vae.parameters())


# What overflows or vanishes in a half


def test_a_divergence_beyond_the_range_of_float16_is_finite():
    logvar = torch.full((1, 2), 12.0, dtype=torch.float16)
    kl = ae.gaussian_kl(torch.zeros_like(logvar), logvar)
    assert kl.item() == pytest.approx(math.exp(12) - 1 - 12, rel=1e-5)
    far, eye = torch.full((1, 2), 250.0, dtype=torch.float16), torch.eye(2, dtype=torch.float16)[None]
    full = ae.gaussian_kl_full(far, eye, torch.zeros_like(far), eye)
    assert full.item() == pytest.approx(250.0**2)


def test_an_error_and_a_density_beyond_the_range_of_float16_are_finite():
    x = torch.zeros(1, 8, dtype=torch.float16)
    assert ae.squared_error(x + 100, x).item() == 80_000
    assert ae.gaussian_log_prob(x + 200, x).item() == pytest.approx(-160_000 - 4 * math.log(2 * math.pi))
    assert ae.bernoulli_log_prob(x - 10_000, x + 1).item() == -80_000
    assert ae.l1_sparsity(x - 10_000).item() == 80_000


def test_eighty_decibels_fit_float16():
    x_hat = torch.full((1, 4), 1e-4, dtype=torch.float16)
    expected = -20 * math.log10(x_hat[0, 0].item())
    assert ae.psnr(x_hat, torch.zeros_like(x_hat)).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dtype", [*HALF, torch.float32, torch.float64])
@pytest.mark.parametrize("activation", [0.004, 0.03, 0.4])
def test_the_gradient_of_the_sparsity_penalty_is_the_formulas_in_every_dtype(activation, dtype):
    a = torch.full((8, 3), activation, dtype=dtype, requires_grad=True)
    rho, rho_hat = 0.05, a[0, 0].item()
    ae.kl_sparsity(a, rho).backward()
    slope = ((1 - rho) / (1 - rho_hat) - rho / rho_hat) / 8
    assert a.grad.double().unique().tolist() == pytest.approx([slope], rel=2 * torch.finfo(dtype).eps, abs=1e-7)


@pytest.mark.parametrize("dtype", [*HALF, torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [1, 8])
def test_the_gradient_wakes_a_dead_unit_and_calms_a_saturated_one(batch, dtype):
    for value, sign in ((0.0, -1), (1.0, 1)):
        a = torch.full((batch, 3), value, dtype=dtype, requires_grad=True)
        penalty = ae.kl_sparsity(a, 0.1)
        penalty.backward()
        assert penalty.isfinite()
        assert a.grad.isfinite().all()
        assert (a.grad * sign > 0).all()
        nearer = torch.full((batch, 3), abs(value - 0.05), dtype=dtype)
        assert ae.kl_sparsity(nearer, 0.1) < penalty


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_penalty_of_a_dead_unit_has_the_same_slope_forwards_and_backwards(value):
    a = torch.full((4, 2), value, dtype=torch.float64)
    _, forwards = torch.func.jvp(lambda a: ae.kl_sparsity(a, 0.1), (a,), (torch.ones_like(a),))
    backwards = torch.func.grad(lambda a: ae.kl_sparsity(a, 0.1))(a).sum()
    torch.testing.assert_close(forwards, backwards)


@pytest.mark.parametrize("rho_hat", [1e-6, 1e-4, 1 - 1e-4, 1 - 1e-6])
def test_the_penalty_is_the_formula_up_to_the_last_digits_of_the_activation(rho_hat):
    a = torch.full((8, 1), rho_hat)
    rho, rho_hat = 0.05, a[0, 0].item()
    formula = rho * math.log(rho / rho_hat) + (1 - rho) * math.log((1 - rho) / (1 - rho_hat))
    assert ae.kl_sparsity(a, rho).item() == pytest.approx(formula, rel=1e-4)


# float32


def test_divergences_of_nearly_equal_distributions_are_never_negative():
    """A quarter of these pairs come out below 0 by rounding."""
    p = torch.rand(100_000).clamp(1e-3, 1 - 1e-3)
    q = (p + 5e-7 * (2 * torch.rand(100_000) - 1)).clamp(0, 1)
    assert (ae.bernoulli_kl(p, q) >= 0).all()
    mean, logvar = 1e-7 * torch.randn(100_000, 1), 1e-7 * torch.randn(100_000, 1)
    assert (ae.gaussian_kl(mean, logvar) >= 0).all()
    root = torch.randn(5000, 4, 4)
    cov, mean = root @ root.mT + torch.eye(4), torch.randn(5000, 4)
    assert (ae.gaussian_kl_full(mean, cov, mean, cov * (1 + 1e-6)) >= 0).all()


def test_a_sigma_that_float32_cannot_divide_by_is_refused_and_a_huge_one_is_no_infinity():
    x = torch.zeros(1, 2)
    with pytest.raises(ValueError, match=r"sigma must be a finite number in \[1\.17.*, got 1e-50"):
        ae.gaussian_log_prob(x, x, 1e-50)
    for value, sigma in ((x.double(), 1e-50), (x, 1e50)):
        expected = -2 * math.log(sigma) - math.log(2 * math.pi)
        assert ae.gaussian_log_prob(value, value, sigma).item() == pytest.approx(expected)


# Models and measures


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_a_vae_in_half_precision_is_measured_in_float32(likelihood, dtype):
    vae = ae.VAE(nn.Linear(784, 4), nn.Linear(2, 784), likelihood)
    x = torch.rand(6, 784).round()
    half = ae.VAE(nn.Linear(784, 4), nn.Linear(2, 784), likelihood).to(dtype)
    half.load_state_dict(vae.state_dict())
    vae.load_state_dict(half.state_dict())  # the rounded weights
    for measure in (
        lambda vae, x: ae.log_likelihood(vae, x, samples=20, generator=torch.Generator().manual_seed(0)),
        lambda vae, x: vae.log_weights(x, 5, generator=torch.Generator().manual_seed(0)).logsumexp(0),
        lambda vae, x: vae.elbo(x, generator=torch.Generator().manual_seed(0)),
    ):
        found = measure(half, x.to(dtype))
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, measure(vae, x), rtol=0.1, atol=0)  # other draws of z
    assert ae.active_units(half, x.to(dtype)).tolist() == ae.active_units(vae, x).tolist()


@pytest.mark.parametrize("dtype", HALF)
def test_the_ratio_of_prior_and_posterior_is_that_of_the_draws(dtype):
    """Far from the prior, ½ (ε² − z² + log σ²) has more digits than a half holds."""
    mean, logvar = torch.full((2, 3), 30.0, dtype=dtype), torch.full((2, 3), -2.0, dtype=dtype)
    z, log_ratio = posterior_draws(mean, logvar, 4, torch.Generator().manual_seed(0))
    assert (z.dtype, log_ratio.dtype) == (dtype, torch.float32)
    eps = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(0), dtype=dtype).double()
    expected = 0.5 * (eps.square() - z.double().square() + logvar.double()).sum(dim=-1)
    torch.testing.assert_close(log_ratio.double(), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("dtype", HALF)
def test_a_pixel_that_is_always_white_starts_at_a_finite_logit(dtype):
    vae = ae.VAE(nn.Linear(4, 4), nn.Linear(2, 4)).to(dtype)
    ae.start_at_mean(vae, torch.tensor([[0.0, 1.0, 1.0, 0.5]], dtype=dtype))
    expected = torch.tensor([0.001, 0.999, 0.999, 0.5]).logit()
    torch.testing.assert_close(vae.decoder.bias.float(), expected, rtol=0.01, atol=0.01)
