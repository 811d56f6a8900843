"""What the figures share in Python: traits, arrays, and networks packed as they are or refused."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import traitlets as t
from torch import nn

import aecore as ae
from aelab.figures.kit.base import Number, OneOf, Whole, digit_labels, finite_array, increasing
from aelab.figures.kit.quantize import chain, dequantize, forward, quantize

HALVES = (torch.bfloat16, torch.float16)


def refuses(error, words):
    """An error whose message has the form "x must be …, got …", and these words in it."""
    return pytest.raises(error, match=rf"(?s)^(?=.* must .*, got )(?=.*{words})")


# ---- traits


class Dial(t.HasTraits):
    angle = Number(0.0, min=0, max=90)
    count = Whole(1, min=1, max=10)
    betas = t.List([1, 4.0, 16])
    beta = OneOf("betas", 1)
    kind = OneOf(("mean", "width"), "mean")
    on = OneOf((False, True), False)

    @property
    def places(self):
        return range(5)

    place = OneOf("places", 0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1, 91, "5", b"5", None, True, [5], {}, torch.zeros(2)])
def test_number_refuses_by_name(bad):
    dial = Dial(angle=7)
    with refuses(t.TraitError, "a finite number from 0 to 90"):
        dial.angle = bad
    assert dial.angle == 7


@pytest.mark.parametrize("bad", [0, 11, 1.5, math.nan, math.inf, "5", None, True, [5]])
def test_whole_refuses_by_name(bad):
    dial = Dial(count=7)
    with refuses(t.TraitError, "an integer from 1 to 10"):
        dial.count = bad
    assert dial.count == 7


@pytest.mark.parametrize("good", [5, 5.0, np.int64(5), np.float32(5), torch.tensor(5)])
def test_numbers_of_every_library_are_taken_as_plain_ones(good):
    dial = Dial(count=good, angle=good)
    assert (type(dial.count), type(dial.angle)) == (int, float)
    assert dial.count == dial.angle == 5


@pytest.mark.parametrize(
    ("name", "bad", "words"),
    [
        ("beta", 5, "one of 1, 4.0, 16"),
        ("beta", True, "one of"),
        ("beta", "4", "one of"),
        ("beta", math.nan, "one of"),
        ("beta", None, "one of"),
        ("beta", [4], "one of"),
        ("beta", np.ones(2), "one of"),
        ("kind", "median", "one of mean, width"),
        ("kind", 0, "one of"),
        ("on", 2, "one of False, True"),
        ("on", 1, "one of False, True"),
        ("place", 5, "an integer from 0 to 4"),
        ("place", -1, "an integer from 0 to 4"),
        ("place", 1.5, "an integer"),
    ],
)
def test_one_of_refuses_by_name(name, bad, words):
    dial = Dial()
    with refuses(t.TraitError, words):
        setattr(dial, name, bad)
    assert getattr(dial, name) == Dial.class_traits()[name].default_value
    with refuses(t.TraitError, words):
        Dial(**{name: bad})


def test_one_of_takes_what_is_offered_in_its_own_type():
    dial = Dial(betas=[2, 8], beta=8.0)  # in one call, in this order or the other
    assert (dial.beta, type(dial.beta)) == (8, int)
    assert Dial(beta=np.float32(2), betas=[2, 8]).beta == 2
    assert type(Dial(place=3.0).place) is int
    heard = []
    dial.observe(lambda change: heard.append(change["new"]), "beta")
    dial.beta = 2
    assert heard == [2]
    with pytest.raises(t.TraitError), dial.hold_trait_notifications():
        dial.betas, dial.beta = [1, 3], 8
    assert (dial.betas, dial.beta) == ([2, 8], 2)


# ---- arrays


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32, torch.float64, torch.int32, torch.uint8, torch.bool])
def test_arrays_of_every_dtype(dtype):
    value = torch.tensor([[0, 1], [1, 1]]).to(dtype)
    array = finite_array("x", value, (None, 2))
    assert (array.dtype, array.tolist()) == (np.float32, [[0, 1], [1, 1]])


def test_arrays_with_gradients_and_lists_of_tensors():
    leaf = torch.ones(3, requires_grad=True)
    assert finite_array("x", leaf * 2, (3,)).tolist() == [2, 2, 2]
    assert finite_array("x", [leaf.sum(), torch.tensor(2.0, dtype=torch.bfloat16), 5], (3,)).tolist() == [3, 2, 5]
    assert finite_array("x", leaf.expand(2, 3).T, (3, 2)).flags.c_contiguous
    assert finite_array("x", np.ones((2, 3)), (4,), (None, 3), dtype=np.float64).dtype == np.float64


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ([], ValueError, r"shape \(any, 2\)"),
        (np.zeros((0, 2)), ValueError, "shape"),
        (np.zeros((2, 3)), ValueError, r"\(2, 3\)"),
        ([[1, 2], [3]], TypeError, "an array of numbers"),
        ("12", TypeError, "an array of numbers"),
        (None, TypeError, "an array of numbers"),
        ([[1j, 2]], TypeError, "an array of numbers"),
        (torch.zeros(2, 2).to_sparse(), TypeError, "an array of numbers"),
        (torch.zeros(2, 2, device="meta"), TypeError, "an array of numbers"),
        ([[math.nan, 0]], ValueError, "finite"),
        ([[math.inf, 0]], ValueError, "finite"),
        ([[1e300, 0]], ValueError, "beyond float32"),
    ],
)
def test_arrays_are_refused_by_name(value, error, words):
    with refuses(error, words):
        finite_array("codes", value, (None, 2))


def test_ranges_and_integers():
    with refuses(ValueError, "from 0 to 255; divide by 255"):
        finite_array("x", torch.tensor([0, 255], dtype=torch.uint8), (2,), low=0, high=1)
    with pytest.raises(ValueError, match=r"got values from -1 to 2$"):
        finite_array("x", [-1, 2], (2,), low=0, high=0.5)
    with refuses(ValueError, "integers, got 1.5"):
        finite_array("x", [1, 1.5], (2,), dtype=np.int64)
    with refuses(ValueError, "integers, got 0.5"):
        finite_array("x", [1, 0.5], (2,), dtype=bool)
    assert finite_array("x", [True, 1.0, 0], (3,), dtype=bool).tolist() == [True, True, False]


@pytest.mark.parametrize("bad", [[1], [2, 1], [1, 1], [-1, 1], [1, math.nan], [], [[1, 2]], "12"])
def test_what_has_to_increase(bad):
    with refuses((ValueError, TypeError), ""):
        increasing("widths", bad, low=0)


@pytest.mark.parametrize("bad", [[1], [1, 10], [-1, 1], [1, 1.5], [], [[1, 2]], "12", [None, 1]])
def test_labels(bad):
    with refuses((ValueError, TypeError), ""):
        digit_labels(bad)


# ---- packed networks: the same network, or a refusal


def linear(*sizes):
    torch.manual_seed(sum(sizes))
    return [nn.Linear(a, b) for a, b in pairwise(sizes)]


class Doubled(nn.Sequential):
    def forward(self, x):
        return 2 * super().forward(x)


class Shifted(nn.Linear):
    def forward(self, x):
        return super().forward(x) + 1


class Skipping(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = linear(4, 4, 4)

    def forward(self, x):
        return self.second(self.first(x)) + x


def built(case):
    """Networks that are chains; `relu` is one object in two places."""
    one, two, three = linear(4, 6, 6, 3)
    relu = nn.ReLU()
    return {
        "one layer": one,
        "nested": nn.Sequential(nn.Sequential(nn.Flatten(), one, nn.Tanh()), nn.Sequential(two, nn.Sigmoid()), three),
        "one activation twice": nn.Sequential(one, relu, two, relu, three),
        "one layer twice": nn.Sequential(one, relu, two, relu, two, three),
        "one chain twice": nn.Sequential(one, *2 * [nn.Sequential(two, relu)], three),
        "dropout": nn.Sequential(one, nn.Dropout(0.9), nn.ReLU(), two),
        "no bias": nn.Sequential(nn.Linear(4, 3, bias=False), nn.Identity(), nn.Sigmoid()),
        "pictures": ae.mlp([4, 5, 6], out_shape=(1, 2, 3)),
    }[case]


CHAINS = ["one layer", "nested", "one activation twice", "one layer twice", "one chain twice", "dropout", "no bias"]


@pytest.mark.parametrize("case", [*CHAINS, "pictures"])
def test_a_chain_is_packed_as_it_is(case):
    network, x = built(case), torch.randn(50, 4)
    wanted = network.eval()(x).flatten(1).detach().numpy()
    network.train()
    y = x.numpy()
    for weight, bias, activation in chain(network):
        y = y @ weight.T + bias
        y = {"linear": y, "relu": np.maximum(y, 0), "tanh": np.tanh(y), "sigmoid": 1 / (1 + np.exp(-y))}[activation]
    np.testing.assert_allclose(y, wanted, atol=1e-5)
    np.testing.assert_allclose(forward(quantize(network), x), wanted, atol=0.03)
    assert all(part.training for part in network.modules()), "left in another mode"


def test_packing_changes_nothing():
    network, x = built("dropout"), torch.randn(2, 4)
    network[1].eval()  # frozen by its owner
    before, state = {k: v.clone() for k, v in network.state_dict().items()}, torch.get_rng_state()
    quantize(network)
    assert torch.equal(torch.get_rng_state(), state)
    assert [part.training for part in network] == [True, False, True, True]
    assert all(torch.equal(before[k], v) and v.requires_grad for k, v in network.named_parameters())
    assert network(x).requires_grad


@pytest.mark.parametrize("dtype", [*HALVES, torch.float64])
def test_networks_of_every_dtype(dtype):
    network = built("nested").to(dtype)
    wanted = network.double()(torch.ones(1, 4).double()).detach()
    np.testing.assert_allclose(forward(quantize(network.to(dtype)), np.ones((1, 4))), wanted, atol=0.02)


def patched(kind):
    network = built("nested")
    layer = network[1][0]
    if kind == "forward of a layer":
        layer.forward = lambda x: F.linear(x, 2 * layer.weight, layer.bias)
    elif kind == "forward of the whole":
        network.forward = lambda x: -nn.Sequential.forward(network, x)
    elif kind == "hook":
        layer.register_forward_hook(lambda module, args, out: 2 * out)
    elif kind == "hook before":
        network[0].register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    elif kind == "parametrized":
        nn.utils.parametrizations.weight_norm(layer)
    elif kind == "spectral norm":
        nn.utils.parametrizations.spectral_norm(layer)
    return network


@pytest.mark.parametrize(
    "network",
    [
        Doubled(*linear(4, 3)),
        nn.Sequential(Shifted(4, 3)),
        nn.Sequential(nn.Linear(4, 4), Doubled(*linear(4, 3))),
        Skipping(),
        nn.ModuleList(linear(4, 4, 4)),
        nn.Sequential(nn.Conv2d(1, 1, 3)),
        nn.Sequential(*linear(4, 3), nn.BatchNorm1d(3)),
        nn.Sequential(*linear(4, 3), nn.LeakyReLU()),
        nn.Sequential(nn.ReLU(), *linear(4, 3)),
        nn.Sequential(*linear(4, 3), nn.Tanh(), nn.ReLU()),
        ae.Autoencoder(ae.mlp([4, 2]), ae.mlp([2, 4])),
        "network",
        None,
        [5],
        [(np.eye(2), np.zeros(2))],
        [("weights", np.zeros(2), "relu")],
        *[
            patched(kind)
            for kind in ("forward of a layer", "forward of the whole", "hook", "hook before", "parametrized")
        ],
        patched("spectral norm"),
    ],
    ids=lambda network: type(network).__name__,
)
def test_another_network_is_refused(network):
    with refuses(TypeError, ""):
        quantize(network)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ([], "at least one linear layer"),
        (nn.Sequential(), "at least one linear layer"),
        (nn.Sequential(nn.Flatten()), "at least one linear layer"),
        (nn.Sequential(*linear(4, 3), *linear(4, 3)), r"weight must have shape \(any, 3\)"),
        (nn.Sequential(nn.Linear(4, 4), nn.Flatten(0)), "inputs of shape"),
        (nn.Sequential(nn.Unflatten(1, (2, 2)), *linear(4, 3)), "inputs of shape"),
        ([(np.full((2, 2), np.nan), np.zeros(2), "relu")], "weight must be finite"),
        ([(np.eye(2), np.zeros(3), "relu")], "bias must have shape"),
        ([(np.eye(2), np.zeros(2), "gelu")], "activation must be one of linear, relu, tanh, sigmoid"),
    ],
)
def test_networks_that_do_not_fit_are_refused(network, words):
    with refuses(ValueError, words):
        quantize(network)


def test_a_network_that_something_else_changes_is_refused():
    """Not seen on any layer: what is packed is compared with what the network computes."""
    hook = nn.modules.module.register_module_forward_hook(
        lambda module, args, out: 2 * out if type(module) is nn.Linear else out
    )
    try:
        with refuses(ValueError, "what its layers compute"):
            quantize(built("nested"))
    finally:
        hook.remove()
    quantize(built("nested"))


def test_int8_is_off_by_half_a_step_at_most():
    network = built("nested")
    for (weight, bias, _), (exact, offset, _) in zip(dequantize(quantize(network)), chain(network), strict=True):
        step = np.abs(exact).max(axis=1, keepdims=True) / 127
        assert (np.abs(weight - exact) <= step / 2 * (1 + 1e-5)).all()
        np.testing.assert_array_equal(bias, offset)
    packed = quantize(network)
    with refuses(ValueError, "bytes"):
        dequantize({**packed, "data": packed["data"][:-1]})
