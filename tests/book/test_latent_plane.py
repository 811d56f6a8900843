"""LatentPlane: the point, the ends and the planes under the hand; the page's decoder, neighbours and walk checked."""

from __future__ import annotations

import numpy as np
import pytest
import traitlets

from aelab.figures import LatentPlane
from aelab.figures.kit.quantize import forward
from aelab.stills.style import DIGIT_HUES, HUES

from .drawn import fmt
from .figure_harness import FigureOnPage

CODES = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0]])
DECODER = [(np.ones((784, 2)), np.zeros(784), "sigmoid")]


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
    assert any("nonsense" in text for text in figure.error())


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


def test_opens_in_a_gap_between_two_classes():
    figure = LatentPlane.example()
    labels = np.frombuffer(figure.labels, np.uint8)
    codes = np.frombuffer(figure.planes[0]["codes"], "<f4").reshape(-1, 2)
    ends = [
        labels[np.linalg.norm(codes - end, axis=1).argmin()] for end in ([figure.ax, figure.ay], [figure.bx, figure.by])
    ]
    assert ends[0] != ends[1]
    assert figure.nearest()[1] > 4  # what the page calls far from every code
    assert 0.3 <= figure.along <= 0.7
    assert "decoded at a point whose nearest code" in figure.sentence()
    assert len(figure.draw().axes) == 10
    figure.plane = "VAE"
    assert "the plane of the VAE" in figure.sentence()


STATES = {
    "as it opens": lambda figure: None,
    "at the end": lambda figure: figure.press("from A to B", "End"),
    "the other plane": lambda figure: figure.choose("plane of", "VAE"),
    "in the corner": lambda figure: figure.nudge("the point", "End", *["PageUp"] * 25),
}


@pytest.mark.parametrize("state", STATES)
def test_draws_what_the_decoder_decodes(gallery, state):
    figure = FigureOnPage(gallery, "LatentPlane")
    figure.start()
    STATES[state](figure)
    drawn = figure.drawn(canvases=True)
    has, labels = drawn.traits, np.frombuffer(drawn.traits["labels"], np.uint8)
    (shown,) = (one for one in has["planes"] if one["name"] == has["plane"])
    codes = np.frombuffer(shown["codes"], "<f4").reshape(-1, 2).astype(float)
    point, a, b = ((has[x], has[y]) for x, y in (("x", "y"), ("ax", "ay"), ("bx", "by")))
    plot, limits = drawn.plot("plane"), np.array(shown["limits"])
    assert [plot.x.limits, plot.y.limits] == [pytest.approx(list(ends), abs=1e-3) for ends in limits]
    plot.line("from A to B", "ink", *np.array([a, b]).T)
    drawn.glyphs("codes", plot, *codes.T, [HUES[DIGIT_HUES[digit]] for digit in labels])
    for label, hue, place in (("the point", "orange", point), ("end A", "ink", a), ("end B", "ink", b)):
        mark = plot.handle(label, hue, *place)
        assert [mark["min"], mark["max"]] == pytest.approx(limits[0])
        assert mark["now"] == place[0]
    plot.label("A", "ink", "A", *a)
    plot.label("B", "ink", "B", *b)
    plot.label("hint", "orange", "drag me" if state == "as it opens" else "", *point)

    def decoded(places):
        return forward(shown["decoder"], np.array(places)).reshape(-1, 28, 28)

    drawn.raster("decoded digit", decoded([point])[0])
    walk = decoded(np.linspace(a, b, 8))
    strip = np.concatenate(np.pad(walk, ((0, 0), (0, 0), (0, 4))), axis=1)[:, :-4]
    drawn.raster("eight digits decoded from A to B", strip)
    way = np.subtract(b, a)
    along = np.clip(np.subtract(point, a) @ way / (way @ way), 0, 1)
    assert has["along"] == pytest.approx(along, abs=0.005)
    drawn.slider("from A to B", has["along"], fmt(has["along"]))
    distance = np.sort(np.linalg.norm(codes - point, axis=1))
    nearest = labels[np.linalg.norm(codes - point, axis=1).argmin()]
    spacing = np.median([np.sort(np.linalg.norm(codes - code, axis=1))[1] for code in codes])
    far = distance[0] / spacing
    assert f"of {len(labels):,} test digits, a {nearest}, is {fmt(far, 1 if far < 10 else 0)} times" in drawn.say
    under = figure.embed.get_by_text(f"decoded at {fmt(point[0])}, {fmt(point[1])}", exact=True)
    assert under.count() == 1
    drawn.complete()


@pytest.mark.parametrize(
    ("planes", "labels", "message"),
    [
        ({}, [0, 1], "planes must be a dict"),
        ([CODES], [0, 1], "planes must be a dict"),
        ({"toy": CODES}, [0, 0, 1, 1], r"planes\['toy'\] must be .codes, decoder., got ndarray"),
        ({"toy": (CODES, DECODER)}, [], r"labels must have shape .*, got .0"),
        ({"toy": (CODES[:1], DECODER)}, [0], "labels must be of at least two digits, got one"),
        ({"toy": (CODES, DECODER)}, [0, 0, 1, 12], r"labels must be in \[0, 9\], got values from 0 to 12"),
        ({"toy": (CODES, DECODER)}, [0, 0, 1, 0.5], "labels"),
        ({"toy": (CODES, DECODER)}, [0, 0, 1], r"codes of toy must have shape .*3, 2.*, got .4, 2"),
        ({"toy": (CODES * np.nan, DECODER)}, [0, 0, 1, 1], "codes of toy must be finite, got"),
        (
            {"toy": (CODES, [(np.ones((784, 3)), np.zeros(784), "linear")])},
            [0, 0, 1, 1],
            "decoder of toy must be from 2 values to 784, got one from 3",
        ),
        ({"toy": (CODES, [(np.ones((9, 2)), np.zeros(9), "linear")])}, [0, 0, 1, 1], "decoder of toy must be .* to 9"),
        (
            {"toy": (CODES, [(DECODER[0][0] * np.nan, np.zeros(784), "tanh")])},
            [0, 0, 1, 1],
            "weight must be finite, got",
        ),
    ],
)
def test_refuses_other_data_by_name(planes, labels, message):
    with pytest.raises(ValueError, match=message):
        LatentPlane(planes, labels)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "1", None])
def test_refuses_other_traits_by_name(bad):
    for name in ("x", "y", "ax", "ay", "bx", "by", "along"):
        with pytest.raises(traitlets.TraitError, match=f"{name} must be a finite number.*, got"):
            LatentPlane({"toy": (CODES, DECODER)}, [0, 0, 1, 1], **{name: bad})
    with pytest.raises(traitlets.TraitError, match="plane"):
        LatentPlane({"toy": (CODES, DECODER)}, [0, 0, 1, 1], plane="other")


def test_shows_other_models_for_the_same_digits():
    figure = LatentPlane({"toy": (CODES, DECODER)}, labels=[0, 0, 1, 1])
    figure.show({"other": (10 * CODES, DECODER)})
    assert (figure.plane, figure.x, figure.bx) == ("other", 45, 90)
    with pytest.raises(ValueError, match="codes of other must have shape"):
        figure.show({"other": (CODES[:2], DECODER)})
    assert figure.plane == "other"
