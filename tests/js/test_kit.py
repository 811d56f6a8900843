"""The figures' kit, in Node: random numbers, networks, scales and marks, against Python's own and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import aecore as ae
from aelab.figures.kit.base import KIT
from aelab.figures.kit.draws import normals, uniforms
from aelab.figures.kit.quantize import forward, quantize
from aelab.stills.style import DIGIT_HUES, HUES


@pytest.mark.parametrize("seed", [0, 7, 2**31, 2**32 - 1])
def test_random_numbers_are_those_of_python(js, seed):
    code = "({ rng }, seed, kind) => { const r = rng(seed); return Array.from({ length: 2001 }, () => r[kind]()); }"
    assert js.run(KIT / "maths.js", code, seed, "uniform") == uniforms(seed, 2001).tolist()
    np.testing.assert_allclose(js.run(KIT / "maths.js", code, seed, "normal"), normals(seed, 2001), atol=1e-12)


def test_random_numbers_are_normal(js):
    code = "({ rng }) => { const r = rng(7); return Array.from({ length: 20000 }, () => r.normal()); }"
    one = np.array(js.run(KIT / "maths.js", code))
    assert abs(one.mean()) < 4 / np.sqrt(len(one))
    assert abs(one.var() - 1) < 4 * np.sqrt(2 / len(one))
    assert abs((one**3).mean()) < 4 * np.sqrt(15 / len(one))


NETWORKS = {
    "every activation": lambda: nn.Sequential(
        nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 16), nn.Linear(16, 9), nn.Sigmoid()
    ),
    "a denoiser of digits": lambda: nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 784), nn.Sigmoid()),
}
RUN = "({ network }, packed, inputs) => inputs.map(network(packed))"


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("weights", "off"), [("int8", 0.02), ("float32", 1e-6)])
def test_networks_are_those_of_python_and_of_torch(js, name, weights, off):
    torch.manual_seed(0)
    network = NETWORKS[name]()
    packed = quantize(network, weights=weights)
    inputs = np.random.default_rng(0).normal(size=(100, packed["layers"][0][0]))
    got = js.run(KIT / "network.js", RUN, packed, inputs.tolist())
    np.testing.assert_allclose(got, forward(packed, inputs), atol=1e-6)
    with torch.no_grad():
        np.testing.assert_allclose(got, network.double()(torch.tensor(inputs)), atol=off)


def test_networks_that_do_not_fit_are_refused(js):
    packed = quantize([(np.eye(3), np.zeros(3), "relu")])
    for other, inputs, words in (
        ({}, [[1.0, 2.0]], "input must have 3 numbers, got 2"),
        ({"layers": [[3, 4, "relu"]]}, [], "data must have 44 bytes, got 33"),
        ({"weights": "float32"}, [], "data must have 48 bytes, got 33"),
        ({"layers": [[3, 3, "gelu"]]}, [], "activation must be one of linear, relu, tanh, sigmoid, got gelu"),
    ):
        with pytest.raises(RuntimeError, match=f"^{words}$"):
            js.run(KIT / "network.js", RUN, {**packed, **other}, inputs)


def test_buffers_are_read_wherever_they_start(js):
    numbers = np.random.default_rng(0).normal(size=9).astype("<f4")
    code = """({ bytes, floats }, view) => {
      const inside = new DataView(view.buffer, 3, view.byteLength - 3);
      return [bytes(inside), floats(inside)];
    }"""
    whole, inside = js.run(KIT / "maths.js", code, b"abc" + numbers.tobytes())
    assert bytes(whole) == numbers.tobytes()
    assert inside == numbers.tolist()


def test_numbers_as_text(js):
    texts = {
        (1.005,): "1.00",
        (-1.5, 1): "−1.5",
        (-0.001,): "0.00",
        (-0.4, 0): "0",
        (-12.0, 0): "−12",
        (0.05, 1): "0.1",
        (float("inf"),): "∞",
        (float("-inf"), 1): "−∞",
    }
    assert js.kit("maths", "fmt", [list(call) for call in texts]) == list(texts.values())
    for value in np.random.default_rng(0).normal(0, 50, 200):
        assert js.kit("maths", "fmt", [[value, 3]]) == [f"{value:.3f}".replace("-", "−")]
    assert js.kit("maths", "thousands", [[7], [12345], [10**6]]) == ["7", "12,345", "1,000,000"]


def test_small_functions(js):
    random = np.random.default_rng(0)
    numbers = random.normal(size=(100, 3))
    np.testing.assert_allclose(
        js.kit("maths", "clamp", [[v, a, a + abs(b)] for v, a, b in numbers.tolist()]),
        [np.clip(v, a, a + abs(b)) for v, a, b in numbers],
    )
    np.testing.assert_allclose(
        js.kit("maths", "lerp", [[a, b, t] for a, b, t in numbers.tolist()]),
        [a + (b - a) * t for a, b, t in numbers],
    )
    np.testing.assert_allclose(js.kit("maths", "linspace", [[-2, 3, 41]])[0], np.linspace(-2, 3, 41), atol=1e-15)
    np.testing.assert_allclose(js.kit("maths", "sum", [[row] for row in numbers.tolist()]), numbers.sum(1), atol=1e-14)
    assert js.kit("maths", "sum", [[[]]]) == [0]


@pytest.mark.parametrize("peak", [1.0, 255.0])
def test_error_and_decibels_are_aecores(js, peak):
    pairs = torch.rand(2, 120, 84, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    calls = [[a, b, peak] for a, b in zip(*(peak * pairs).tolist(), strict=True)]
    np.testing.assert_allclose(js.kit("maths", "psnr", calls), ae.psnr(*pairs), rtol=1e-12)
    errors = js.kit("maths", "squaredError", [[a, b] for a, b, _ in calls])
    np.testing.assert_allclose(errors, peak**2 * ae.squared_error(*pairs), rtol=1e-12)
    assert js.kit("maths", "psnr", [[[1, 2], [1, 2]]]) == [np.inf]


SCALE = """({ scale }, kind, domain, range, values) => {
  const s = scale(kind, domain, range);
  return values.map((v) => [s(v), s.invert(s(v))]);
}"""


@pytest.mark.parametrize(("kind", "through"), [("linear", lambda v: v), ("log", np.log10)])
def test_scales(js, kind, through):
    values = np.random.default_rng(0).uniform(0.5, 900, 100)
    got = np.array(js.run(KIT / "scale.js", SCALE, kind, [0.5, 900], [240, 10], values.tolist()))
    low, high = through(0.5), through(900)
    np.testing.assert_allclose(got[:, 0], 240 + (through(values) - low) / (high - low) * (10 - 240), rtol=1e-12)
    np.testing.assert_allclose(got[:, 1], values, rtol=1e-12)


def test_numbers_at_the_axes_are_round(js):
    ticks = "({ scale }, kind, domain, n) => scale(kind, domain, [0, 1]).ticks(n)"
    random = np.random.default_rng(0)
    for low, width in zip(random.normal(0, 3, 200), 10 ** random.uniform(-3, 4, 200), strict=True):
        for n in (3, 5):
            found = np.array(js.run(KIT / "scale.js", ticks, "linear", [low, low + width], n))
            assert low <= found[0]
            assert found[-1] <= low + width
            assert n // 2 <= len(found) <= 2 * n
            if len(found) == 1:
                continue
            step = np.diff(found)
            np.testing.assert_allclose(step, step[0], rtol=1e-6)
            digit = step[0] / 10 ** np.floor(np.log10(step[0] * (1 + 1e-9)))
            assert digit == pytest.approx(min((1, 2, 5), key=lambda d, digit=digit: abs(d - digit)), rel=1e-6)
    for low, high, powers in ((1, 1e5, range(6)), (2, 1000, (1, 2, 3)), (0.03, 0.4, (-1,))):
        np.testing.assert_allclose(
            js.run(KIT / "scale.js", ticks, "log", [low, high], 5), [10.0**power for power in powers]
        )


def test_handles_snap_to_steps_within_their_limits(js):
    axis = {"min": 0.01, "max": 0.99, "step": 0.01}
    values = np.random.default_rng(0).uniform(-0.5, 1.5, 200)
    got = js.kit("handle", "snap", [[axis, value] for value in values.tolist()])
    assert got == pytest.approx(np.clip(np.round(values, 2), 0.01, 0.99).tolist(), abs=1e-12)
    assert all(value == round(value, 2) for value in got), "0.30000000000000004 would be shown"


def test_keys_of_a_handle(js):
    keys = {
        ("ArrowRight", False): [1, 0],
        ("ArrowLeft", True): [-10, 0],
        ("ArrowUp", False): [0, 1],
        ("ArrowDown", True): [0, -10],
        ("PageUp", False): [0, 10],
        ("PageDown", False): [0, -10],
        ("Home", False): [-np.inf, 0],
        ("End", False): [np.inf, 0],
        ("a", False): None,
    }
    assert js.kit("handle", "steps", [[{"key": key, "shiftKey": shift}] for key, shift in keys]) == list(keys.values())


def test_labels_at_the_ends_of_curves_stay_apart_and_inside(js):
    random = np.random.default_rng(0)
    for count in (2, 3, 4):
        for wanted in np.sort(random.uniform(10, 200, (60, count)), axis=1).tolist():
            (places,) = js.kit("marks", "apart", [[wanted, 16, 204]])
            assert np.diff(places).min() >= 16 - 1e-9
            assert max(places) <= 204
            if np.diff(wanted).min() >= 16:
                assert places == wanted


def test_arrows_end_where_they_point(js):
    for a, b, c, d in np.random.default_rng(0).uniform(0, 300, (50, 4)):
        (path,) = js.kit("marks", "arrowPath", [[a, b, c, d, 6]])
        numbers = np.array(path.replace("M", " ").replace("L", " ").split(), float).reshape(-1, 2)
        np.testing.assert_allclose(numbers, [[a, b], [c, d], numbers[2], [c, d], numbers[4]], atol=0.006)
        along = np.array([c - a, d - b]) / np.hypot(c - a, d - b)
        for barb in (numbers[2], numbers[4]):
            assert (barb - [c, d]) @ along == pytest.approx(-6, abs=0.02)
            assert abs(np.cross([*along, 0], [*(barb - [c, d]), 0])[2]) == pytest.approx(3.6, abs=0.02)


def test_colours_of_numbers(js):
    code = """({ shade }, values, paper, plus, minus) => {
      const out = new Uint8ClampedArray(4 * values.length);
      shade(values, paper, plus, minus, out);
      return out;
    }"""
    values = np.array([0, 0.25, 1, 9, -0.5, -1, -7])
    paper, plus, minus = np.array([250, 240, 230]), np.array([0, 100, 200]), np.array([50, 60, 70])
    got = js.run(KIT / "raster.js", code, values.tolist(), paper.tolist(), plus.tolist(), minus.tolist())
    share = np.clip(np.abs(values), 0, 1)[:, None]
    colours = paper + share * (np.where(values[:, None] < 0, minus, plus) - paper)
    np.testing.assert_allclose(np.reshape(got, (-1, 4)), np.column_stack([colours, [255] * 7]), atol=0.51)


def test_the_place_of_the_nearest_value(js):
    random = np.random.default_rng(0)
    values, wanted = np.sort(random.uniform(0, 9, (100, 6)), axis=1), random.uniform(-1, 10, 100)
    got = js.kit("controls", "nearestPlace", [[v, w] for v, w in zip(values.tolist(), wanted.tolist(), strict=True)])
    assert got == np.abs(values - wanted[:, None]).argmin(axis=1).tolist()


def test_digits_have_the_hues_of_the_still_pictures(js):
    assert js.run(KIT / "scatter.js", "(m) => m.DIGIT_HUES") == [HUES[i] for i in DIGIT_HUES]


@pytest.mark.parametrize("anchor", ["start", "middle", "end"])
def test_labels_stay_inside_or_change_their_side(js, anchor):
    low, high = 10, 210
    for at, width in np.random.default_rng(0).uniform([low, 20], [high, 90], (100, 2)):
        call = [at, 8, anchor, width, [low, high]]
        (free,) = js.kit("marks", "inside", [call])
        assert free == [at + 8, anchor]
        (place, side), (flipped, other) = js.kit("marks", "inside", [[*call, "shift"], [*call, "flip"]])
        left = place - {"start": 0, "middle": 0.5, "end": 1}[side] * width
        assert side == anchor
        assert low - 1e-9 <= left <= high - width + 1e-9
        wanted = at + 8 - {"start": 0, "middle": 0.5, "end": 1}[anchor] * width
        assert left == pytest.approx(np.clip(wanted, low, high - width))
        assert (flipped, other) in ((at + 8, "start"), (at - 8, "end"))
        if anchor != "middle":
            fits = at + 8 + width <= high if anchor == "start" else at - 8 - width >= low
            assert (other == anchor) == fits


def test_refusals_say_what_a_trait_must_be(js):
    assert js.kit("checks", "placeOf", [["beta", 4, [1, 4, 8]]]) == [1]
    assert js.kit("checks", "place", [["digit", 9, 10], ["digit", 0, 10]]) == [9, 0]
    for name, call, words in (
        ("placeOf", ["beta", 5, [1, 4, 8]], "beta must be one of 1, 4, 8, got 5"),
        ("place", ["digit", 10, 10], "digit must be an integer from 0 to 9, got 10"),
        ("place", ["digit", -1, 10], "digit must be an integer from 0 to 9, got -1"),
        ("place", ["digit", 0.5, 10], "digit must be an integer from 0 to 9, got 0.5"),
        ("ofLength", ["codes", 3, 4], "codes must have 4 numbers, got 3"),
        ("ofLength", ["pixels", 7, 8, "bytes"], "pixels must have 8 bytes, got 7"),
    ):
        with pytest.raises(RuntimeError, match=f"^{words}$"):
            js.kit("checks", name, [call])
