"""LatentPlane: the point, the ends and the planes under the hand; the page's decoder, neighbours and walk checked."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets

from aecore.widgets import LatentPlane
from aecore.widgets.latent_plane import _models
from aecore.widgets.quantize import forward

from .figure_harness import FigureOnPage, call_module_function

CODES = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0]])
DECODER = [(np.ones((784, 2)), np.zeros(784), "sigmoid")]

HANDLE_LATENCY = """([handle, plot, moves]) => {
  const box = plot.getBoundingClientRect(), times = [];
  const hand = (type, x, y) => handle.dispatchEvent(
    new PointerEvent(type, { bubbles: true, clientX: x, clientY: y, pointerId: 1, buttons: 1, pointerType: 'touch' }));
  handle.setPointerCapture = plot.setPointerCapture = () => {};
  hand('pointerdown', box.left + 60, box.top + 60);
  for (let i = 0; i < moves; i++) {
    const begin = performance.now();
    hand('pointermove', box.left + 60 + ((i * 37) % 300), box.top + 60 + ((i * 53) % 200));
    plot.getBoundingClientRect().height;
    times.push(performance.now() - begin);
  }
  hand('pointerup', 0, 0);
  return times.sort((a, b) => a - b);
}"""


def opened(reader, bases, way="file"):
    return FigureOnPage(reader.open(bases[way] + "figures.html"), "LatentPlane")


def canvas(figure, label):
    return figure.embed.locator(f'canvas[aria-label="{label}"]').evaluate("(canvas) => canvas.toDataURL()")


def traits(figure, *names):
    return np.array([figure.trait(name) for name in names])


@pytest.mark.parametrize("way", ["http", "file"])
def test_moves_under_the_hand(light, bases, way):
    figure = opened(light, bases, way)
    plot = figure.embed.locator("svg.ae-plot")
    assert "drag me" in plot.inner_html()
    figure.check_slider("from A to B")
    assert "drag me" not in plot.inner_html()
    figure.check_reset()
    figure.check_handle("the point", dx=70, dy=30)
    figure.check_reset()
    before = canvas(figure, "eight digits decoded from A to B")
    figure.check_handle("end A", dx=40, dy=30)
    assert canvas(figure, "eight digits decoded from A to B") != before
    figure.check_reset()
    figure.check_latency("from A to B")
    for label in ("the point", "end B"):
        nodes = [figure.handle(label).element_handle(), plot.element_handle()]
        figure.check_times(200, lambda nodes=nodes: figure.page.evaluate(HANDLE_LATENCY, [*nodes, 200]))
    figure.check_choice("plane of")
    assert figure.trait("plane") == "VAE"
    figure.check_slider("from A to B")
    figure.check_reset()
    assert figure.trait("plane") == "autoencoder"
    assert [problem for problem in light.problems if "404" not in problem] == []


def test_the_hand_takes_the_point_anywhere_and_the_segment_by_its_ends(light, bases):
    figure = opened(light, bases)
    box = figure.embed.locator("svg.ae-plot").bounding_box()
    start = traits(figure, "ax", "ay", "bx", "by")
    figure.page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + 0.5 * box["height"])
    limits = np.array(LatentPlane.example().planes[0]["limits"])
    inner = [0.7 * box["width"] - 26, 0.5 * box["height"] - 26] / np.array([box["width"] - 30, box["height"] - 50])
    wanted = limits[0, 0] + inner[0] * np.ptp(limits[0]), limits[1, 1] - inner[1] * np.ptp(limits[1])
    assert traits(figure, "x", "y") == pytest.approx(np.array(wanted), abs=np.ptp(limits[0]) / 100)
    assert (traits(figure, "ax", "ay", "bx", "by") == start).all()
    # Now it stands beside the way: an end leaves it there, and the slider takes it back.
    point = traits(figure, "x", "y")
    end = figure.handle("end B").locator(".ae-hit").bounding_box()
    figure.page.mouse.move(end["x"] + 22, end["y"] + 22)
    figure.page.mouse.down()
    figure.page.mouse.move(end["x"] + 122, end["y"] + 22, steps=4)
    figure.page.mouse.up()
    assert (traits(figure, "x", "y") == point).all()
    assert figure.trait("bx") > start[2] + 1
    figure.slider("from A to B").focus()
    figure.page.keyboard.press("Home")
    assert traits(figure, "x", "y") == pytest.approx(traits(figure, "ax", "ay"))


def test_a_passing_mouse_looks_and_moves_nothing(light, bases):
    figure = opened(light, bases)
    before, point, picture = figure.readout(), traits(figure, "x", "y"), canvas(figure, "decoded digit")
    box = figure.embed.locator("svg.ae-plot").bounding_box()
    figure.page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.7 * box["height"])
    assert (traits(figure, "x", "y") == point).all()
    assert canvas(figure, "decoded digit") != picture
    assert figure.readout() != before
    figure.page.mouse.move(2, 2)
    assert (figure.readout(), canvas(figure, "decoded digit")) == (before, picture)


def test_another_plane_keeps_the_digits_of_the_ends(light, bases):
    figure, still = opened(light, bases), LatentPlane.example()
    codes = [np.frombuffer(plane["codes"], "<f4").reshape(-1, 2) for plane in still.planes]
    ends = [
        int(np.linalg.norm(codes[0] - end, axis=1).argmin()) for end in ([still.ax, still.ay], [still.bx, still.by])
    ]
    figure.embed.get_by_role("radio", name="VAE").click()
    assert traits(figure, "ax", "ay", "bx", "by") == pytest.approx(codes[1][ends].ravel(), abs=1e-6)
    figure.embed.evaluate("(embed) => embed.aeModel.set('plane', 'nonsense')")
    assert any("takes autoencoder or VAE" in text for text in figure.error())


def test_keeps_its_room(light, phone, bases):
    for reader in (light, phone):
        figure = opened(reader, bases)
        for plane, x, y in (("VAE", 0.0, 0.0), ("autoencoder", 0.3, -0.4), ("autoencoder", 99.0, 99.0)):
            figure.embed.evaluate(
                "(embed, to) => Object.entries(to).forEach(([k, v]) => embed.aeModel.set(k, v))",
                {"plane": plane, "x": x, "y": y},
            )
            figure.check_room()
        assert figure.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_parity_of_the_decoders_with_torch(gallery):
    """Weights in int8: a pixel in [0, 1] is off by < 0.005 on average, < 0.06 at worst; from the still by 1e-5."""
    still = LatentPlane.example()
    for plane, model in zip(still.planes, _models(), strict=True):
        (x0, x1), (y0, y1) = plane["limits"]
        z = np.random.default_rng(0).uniform([x0, y0], [x1, y1], (120, 2)).astype(np.float32)
        with torch.no_grad():
            logits = model.decoder(torch.from_numpy(z))
        exact = (logits.sigmoid() if plane["name"] == "VAE" else logits).numpy()
        packed = {**plane["decoder"], "data": list(plane["decoder"]["data"])}
        got = np.array(call_module_function(gallery, "LatentPlane", "decode", [[packed, z.tolist()]])[0])
        assert np.abs(got - exact).mean() < 0.005
        assert np.abs(got - exact).max() < 0.06
        np.testing.assert_allclose(got, forward(plane["decoder"], z), atol=1e-5)


def test_parity_of_the_neighbours(gallery):
    random = np.random.default_rng(1)
    codes, points = random.normal(size=(150, 2)), random.uniform(-3, 3, (120, 2))
    calls = [[codes.ravel().tolist(), *point, 10] for point in points.tolist()]
    for point, got in zip(points, call_module_function(gallery, "LatentPlane", "nearest", calls), strict=True):
        distance = np.linalg.norm(codes - point, axis=1)
        order = distance.argsort()[:10]
        assert [i for i, _ in got] == order.tolist()
        np.testing.assert_allclose([d for _, d in got], distance[order], rtol=1e-12)


def test_parity_of_the_walk(gallery):
    ends = np.random.default_rng(2).normal(size=(120, 3, 2))
    ways = call_module_function(gallery, "LatentPlane", "between", [[a, b, 8] for a, b, _ in ends.tolist()])
    np.testing.assert_allclose(ways, np.linspace(ends[:, 0], ends[:, 1], 8, axis=1), atol=1e-12)
    places = call_module_function(gallery, "LatentPlane", "along", [[a, b, p] for a, b, p in ends.tolist()])
    figure = LatentPlane({"toy": (CODES, DECODER)}, [0, 0, 1, 1])
    for (a, b, p), place in zip(ends, places, strict=True):
        numbers = dict(zip(("ax", "ay", "bx", "by", "x", "y"), np.concatenate([a, b, p]), strict=True))
        for name, value in numbers.items():
            setattr(figure, name, value)
        assert figure._place() == pytest.approx(place, abs=1e-12)
        steps = np.linspace(0, 1, 2001)  # the place is the nearest of all on the segment
        nearest = np.linalg.norm(a + steps[:, None] * (b - a) - p, axis=1).argmin()
        assert place == pytest.approx(steps[nearest], abs=1e-3)
    assert call_module_function(gallery, "LatentPlane", "along", [[[1, 2], [1, 2], [5, 5]]]) == [0]


def test_opens_in_a_gap_between_two_classes():
    figure = LatentPlane.example()
    labels = np.frombuffer(figure.labels, np.uint8)
    codes = np.frombuffer(figure.planes[0]["codes"], "<f4").reshape(-1, 2)
    ends = [
        labels[np.linalg.norm(codes - end, axis=1).argmin()] for end in ([figure.ax, figure.ay], [figure.bx, figure.by])
    ]
    assert ends[0] != ends[1]
    assert figure._nearest()[1] > 4  # what the page calls far from every code
    assert 0.3 <= figure.along <= 0.7
    assert "decoded at a point whose nearest code" in figure.sentence()
    assert len(figure.draw().axes) == 10
    figure.plane = "VAE"
    assert "the plane of the VAE" in figure.sentence()


@pytest.mark.parametrize(
    ("planes", "labels", "message"),
    [
        ({}, [0, 1], "planes: got"),
        ([CODES], [0, 1], "planes: got"),
        ({"toy": CODES}, [0, 0, 1, 1], r"planes\['toy'\]: got ndarray"),
        ({"toy": (CODES, DECODER)}, [], r"labels: got shape \(0,\)"),
        ({"toy": (CODES[:1], DECODER)}, [0], "labels: got one digit"),
        ({"toy": (CODES, DECODER)}, [0, 0, 1, 12], "labels: got values from 0 to 12"),
        ({"toy": (CODES, DECODER)}, [0, 0, 1, 0.5], "labels"),
        ({"toy": (CODES, DECODER)}, [0, 0, 1], r"codes of toy: got shape \(4, 2\), takes \(3, 2\)"),
        ({"toy": (CODES * np.nan, DECODER)}, [0, 0, 1, 1], "codes of toy: got NaN"),
        (
            {"toy": (CODES, [(np.ones((784, 3)), np.zeros(784), "linear")])},
            [0, 0, 1, 1],
            "decoder of toy: got 3 inputs",
        ),
        ({"toy": (CODES, [(np.ones((9, 2)), np.zeros(9), "linear")])}, [0, 0, 1, 1], "decoder of toy: .* 9 outputs"),
        ({"toy": (CODES, [(DECODER[0][0] * np.nan, np.zeros(784), "tanh")])}, [0, 0, 1, 1], "weight: got NaN"),
    ],
)
def test_refuses_other_data_by_name(planes, labels, message):
    with pytest.raises(ValueError, match=message):
        LatentPlane(planes, labels)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "1", None])
def test_refuses_other_traits_by_name(bad):
    for name in ("x", "y", "ax", "ay", "bx", "by", "along"):
        with pytest.raises(traitlets.TraitError, match=f"{name}: got .*, takes a finite number"):
            LatentPlane({"toy": (CODES, DECODER)}, [0, 0, 1, 1], **{name: bad})
    with pytest.raises(traitlets.TraitError, match="plane"):
        LatentPlane({"toy": (CODES, DECODER)}, [0, 0, 1, 1], plane="other")


def test_shows_other_models_for_the_same_digits():
    figure = LatentPlane({"toy": (CODES, DECODER)}, labels=[0, 0, 1, 1])
    figure.show({"other": (10 * CODES, DECODER)})
    assert (figure.plane, figure.x, figure.bx) == ("other", 45, 90)
    with pytest.raises(ValueError, match="other: got"):
        figure.show({"other": (CODES[:2], DECODER)})
    assert figure.plane == "other"
