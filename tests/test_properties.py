"""Whatever is right with an input, the result has the promised shape and dtype, and no nan."""

import math

import numpy as np
import pytest
import torch
import torch.nn as nn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import aecore as ae

examples = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

FINITE = st.floats(-1e4, 1e4, width=32)
PROBABILITY = st.floats(0, 1, width=32)
LOG_VARIANCE = st.floats(-60, 60, width=32)
SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=5)


@st.composite
def tensors(draw, *elements, shapes=SHAPES):
    """Tensors of one shape and dtype, with values drawn from each of `elements`."""
    shape, dtype = draw(shapes), draw(st.sampled_from([torch.float32, torch.float64]))
    return [torch.tensor(draw(arrays(np.float64, shape, elements=values))).to(dtype) for values in elements]


@st.composite
def gaussians(draw):
    """Means and well-conditioned covariances of two batches of Gaussians."""
    mean0, mean1 = draw(tensors(FINITE, FINITE))
    batch, k = mean0.shape
    root0, root1 = (
        torch.tensor(draw(arrays(np.float64, (batch, k, k), elements=st.floats(-3, 3)))).to(mean0.dtype)
        for _ in range(2)
    )
    eye = torch.eye(k, dtype=mean0.dtype)
    return [mean0, root0 @ root0.mT + eye, mean1, root1 @ root1.mT + eye]


IMAGES = array_shapes(min_dims=2, max_dims=4, max_side=4)
ANY = array_shapes(min_dims=1, max_dims=4, max_side=4)


def per_image(inputs):
    return (len(inputs[0]),)


def same_as_first(inputs):
    return tuple(inputs[0].shape)


VALID = {
    "mask": (lambda x, r: ae.mask(x, r.flatten()[0].item()), tensors(FINITE, PROBABILITY, shapes=ANY), same_as_first),
    "salt_and_pepper": (
        lambda x, r: ae.salt_and_pepper(x, r.flatten()[0].item()),
        tensors(PROBABILITY, PROBABILITY, shapes=ANY),
        same_as_first,
    ),
    "add_gaussian": (
        lambda x, s: ae.add_gaussian(x, s.abs().flatten()[0].item()),
        tensors(FINITE, FINITE, shapes=ANY),
        same_as_first,
    ),
    "binarize": (ae.binarize, tensors(PROBABILITY, shapes=ANY), same_as_first),
    "bernoulli_kl": (ae.bernoulli_kl, tensors(PROBABILITY, PROBABILITY, shapes=ANY), same_as_first),
    "gaussian_kl": (ae.gaussian_kl, tensors(FINITE, LOG_VARIANCE), per_image),
    "gaussian_kl_full": (ae.gaussian_kl_full, gaussians(), per_image),
    "squared_error": (ae.squared_error, tensors(FINITE, FINITE, shapes=IMAGES), per_image),
    "bernoulli_log_prob": (ae.bernoulli_log_prob, tensors(FINITE, PROBABILITY, shapes=IMAGES), per_image),
    "gaussian_log_prob": (
        ae.gaussian_log_prob,
        tensors(FINITE, FINITE, st.floats(2**-10, 2**10, width=32), shapes=IMAGES),
        per_image,
    ),
    "l1_sparsity": (ae.l1_sparsity, tensors(FINITE), lambda _: ()),
    "kl_sparsity": (lambda a: ae.kl_sparsity(a, 0.05), tensors(PROBABILITY), lambda _: ()),
    "reparameterize": (ae.reparameterize, tensors(FINITE, LOG_VARIANCE, FINITE), same_as_first),
    "reparameterize_full": (
        lambda mean, cov, *_: ae.reparameterize_full(mean, torch.linalg.cholesky(cov), mean),
        gaussians(),
        same_as_first,
    ),
    "iwae_bound": (ae.iwae_bound, tensors(st.one_of(FINITE, st.just(-math.inf))), lambda inputs: inputs[0].shape[1:]),
    "psnr": (ae.psnr, tensors(PROBABILITY, PROBABILITY, shapes=IMAGES), per_image),
}
NEVER_NEGATIVE = {"bernoulli_kl", "gaussian_kl", "gaussian_kl_full", "squared_error", "l1_sparsity", "kl_sparsity"}


def test_every_function_of_tensors_has_its_property():
    assert set(VALID) == {*ae.losses.__all__, "psnr", "mask", "salt_and_pepper", "add_gaussian", "binarize"}


@pytest.mark.parametrize("name", VALID)
@examples
@given(data=st.data())
def test_valid_input_gives_the_promised_shape_and_no_nan(name, data):
    function, strategy, shape = VALID[name]
    inputs = data.draw(strategy)
    before = [value.clone() for value in inputs]
    found = function(*inputs)
    assert tuple(found.shape) == tuple(shape(inputs))
    assert found.dtype == inputs[0].dtype
    assert not found.isnan().any()
    assert all(torch.equal(a, b) for a, b in zip(before, inputs, strict=True))
    if name in NEVER_NEGATIVE:
        assert (found >= 0).all()
    if name == "bernoulli_log_prob":
        assert (found <= 0).all()


@examples
@given(
    x=tensors(PROBABILITY, shapes=st.tuples(st.integers(1, 5), st.just(4))),
    likelihood=st.sampled_from(["bernoulli", "gaussian"]),
    samples=st.integers(1, 9),
    chunk=st.integers(1, 9),
)
def test_a_vae_gives_the_promised_shapes_and_no_nan(x, likelihood, samples, chunk):
    x = x[0].float()
    model = ae.VAE(nn.Linear(4, 4), nn.Linear(2, 4), likelihood)
    outputs = [model.elbo(x), ae.log_likelihood(model, x, samples, chunk=chunk), *model.loss(x).values()]
    assert all(output.shape == (len(x),) and output.isfinite().all() for output in outputs)
    assert model(x).shape == x.shape
    assert model.log_weights(x, samples).shape == (samples, len(x))
