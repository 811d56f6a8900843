"""Every loss under the transforms of torch.func and under torch.compile, against loops and autograd in float64."""

import math

import pytest
import torch
from loss_cases import DIFFERENTIABLE
from torch.func import grad, hessian, jvp, vmap

import aecore as ae

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # torch's own, of torch.jit


@pytest.fixture(params=DIFFERENTIABLE)
def loss(request):
    """The sum of a loss, and its inputs."""
    function, *inputs = DIFFERENTIABLE[request.param]
    return lambda *values: function(*values).sum(), inputs


def gradients(function, inputs):
    inputs = [value.clone().requires_grad_() for value in inputs]
    return torch.autograd.grad(function(*inputs), inputs)


def test_grad_is_autograds(loss):
    function, inputs = loss
    found = grad(function, tuple(range(len(inputs))))(*inputs)
    torch.testing.assert_close(found, gradients(function, inputs))


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_vmap_is_a_loop(name):
    function, *inputs = DIFFERENTIABLE[name]
    many = [torch.stack([value, value.flip(0), value]) for value in inputs]
    looped = torch.stack([function(*(value[i] for value in many)) for i in range(3)])
    torch.testing.assert_close(vmap(function)(*many), looped)
    # Only the first is mapped, over its second dimension.
    looped = torch.stack([function(many[0][i], *inputs[1:]) for i in range(3)])
    found = vmap(function, in_dims=(1, *(None for _ in inputs[1:])))(many[0].transpose(0, 1), *inputs[1:])
    torch.testing.assert_close(found, looped)


def test_the_gradient_of_each_sample_is_its_own(loss):
    function, inputs = loss
    many = [torch.stack([value, value.flip(0)]) for value in inputs]
    found = vmap(grad(function, tuple(range(len(inputs)))))(*many)
    looped = [gradients(function, [value[i] for value in many]) for i in range(2)]
    torch.testing.assert_close(found, tuple(torch.stack(pair) for pair in zip(*looped, strict=True)))


def test_jvp_is_the_gradient_times_the_tangent(loss):
    function, inputs = loss
    tangents = tuple(torch.randn_like(value) for value in inputs)
    value, found = jvp(function, tuple(inputs), tangents)
    slopes = gradients(function, inputs)
    expected = sum((slope * tangent).sum() for slope, tangent in zip(slopes, tangents, strict=True))
    torch.testing.assert_close(value, function(*inputs))
    torch.testing.assert_close(found, expected)


def test_hessian_is_the_slope_of_the_gradient(loss):
    function, inputs = loss
    step = 1e-6
    for at, value in enumerate(inputs):
        found = hessian(function, at)(*inputs).reshape(value.numel(), value.numel())
        slopes = []
        for index in range(value.numel()):
            moved = torch.zeros(value.numel(), dtype=value.dtype)
            moved[index] = step
            ends = [[*inputs[:at], value + sign * moved.view_as(value), *inputs[at + 1 :]] for sign in (1, -1)]
            high, low = (gradients(function, end)[at].flatten() for end in ends)
            slopes.append((high - low) / (2 * step))
        torch.testing.assert_close(found, torch.stack(slopes, dim=1), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_forward_mode_and_a_second_backward_pass_work_without_torch_func_too(name):
    function, *inputs = DIFFERENTIABLE[name]
    inputs = [value.clone().requires_grad_() for value in inputs]
    assert torch.autograd.gradcheck(function, inputs, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(function, inputs)


def test_a_divergence_bends_by_the_fisher_information_where_the_two_are_equal():
    """Clamping at 0, which equal distributions reach by rounding, must not flatten it."""
    p = torch.linspace(0.05, 0.95, 19, dtype=torch.float64)
    bend = hessian(lambda q: ae.bernoulli_kl(p, q).sum())(p).diagonal()
    torch.testing.assert_close(bend, 1 / (p * (1 - p)))


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_compiled_loss_is_one_graph_and_the_same(name):
    function, *inputs = DIFFERENTIABLE[name]
    torch.compiler.reset()
    compiled = torch.compile(function, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(*inputs), function(*inputs))
    torch.testing.assert_close(
        gradients(lambda *values: compiled(*values).sum(), inputs),
        gradients(lambda *values: function(*values).sum(), inputs),
    )


# Value checks


def test_value_checks_are_switched_off_and_on_for_a_block():
    spoiled, x = torch.full((1, 2), math.nan), torch.zeros(1, 2)
    with ae.value_checks(False):
        assert ae.squared_error(spoiled, x).isnan().all()
        with ae.value_checks(True), pytest.raises(ValueError, match="x_hat must hold numbers, got nan"):
            ae.squared_error(spoiled, x)
        assert ae.squared_error(spoiled, x).isnan().all()  # as before the inner block
        with pytest.raises(ValueError, match="x must have the shape"):  # shapes are checked in any case
            ae.squared_error(spoiled, x[:, :1])
    with pytest.raises(ValueError, match="x_hat must hold numbers, got nan"):
        ae.squared_error(spoiled, x)


def test_value_checks_are_on_again_after_an_error():
    with pytest.raises(KeyError), ae.value_checks(False):
        raise KeyError
    with pytest.raises(ValueError, match="a must be at most 1"):
        ae.kl_sparsity(torch.full((1, 2), 2.0), 0.1)


def test_shapes_are_checked_under_a_transform():
    with pytest.raises(ValueError, match="mean must have 2 dimensions"):
        vmap(ae.gaussian_kl)(torch.zeros(3, 4), torch.zeros(3, 4))
