"""The pictures of numbers: what was drawn is read back from the figure and compared with what was to be drawn."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.markers import MarkerStyle

from aelab import stills
from aelab.stills import style

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
GRID = torch.arange(6.0).view(2, 3)  # grows to the right, and more so upwards


def drawn(picture, mode=style.light):
    with mode():
        figure = picture.draw()
        figure.canvas.draw()
    plt.close(figure)
    return figure


# ---- lines


def plot(series, **changes):
    return stills.lines(series, **{"x_label": "x", "y_label": "y", "alt": "Curves."} | changes)


def curves(figure, mode=style.light):
    """The curves, without the caps of the error bars: [(x, y, colour)]."""
    lines = [line for line in figure.axes[0].lines if line.get_marker() not in (2, 3, "_")]
    with mode():  # where "C0" is a colour of the style
        return [(line.get_xdata().tolist(), line.get_ydata().tolist(), to_hex(line.get_color())) for line in lines]


SERIES = {
    "three": {"one": ([1, 2, 4], [3, 2, 1]), "two": ([1, 2, 4], [0.5, 4, 2]), "three": ([2, 4], [1, 1])},
    "errors": {"one": ([1, 2, 4], [3, 2, 1], [0.1, 0.2, 0.3]), "two": ([1, 2, 4], [3, 2, 1])},
    "many points": {"": (range(1, 31), torch.arange(30.0) + 1, torch.full((30,), 0.5))},
}


@pytest.mark.parametrize("logarithmic", [False, True])
@pytest.mark.parametrize("state", SERIES)
def test_curves_go_through_their_points(state, logarithmic):
    series = SERIES[state]
    figure = drawn(plot(series, log_x=logarithmic, log_y=logarithmic, x_label="steps", y_label="nats"))
    ax = figure.axes[0]
    expected = [
        ([float(v) for v in x], [float(v) for v in y], style.LIGHT[hue])
        for hue, (x, y, *_) in zip(style.HUES, series.values(), strict=False)
    ]
    assert curves(figure) == expected
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("steps", "nats")
    assert (ax.get_xscale(), ax.get_yscale()) == (("log", "log") if logarithmic else ("linear", "linear"))
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert all(left <= v <= right for x, _, _ in expected for v in x)
    assert all(bottom <= v <= top for _, y, _ in expected for v in y)


@pytest.mark.parametrize("state", SERIES)
def test_error_bars_reach_from_below_to_above(state):
    figure = drawn(plot(SERIES[state]))
    bars = [part for part in figure.axes[0].collections if isinstance(part, LineCollection)]
    expected = [parts for parts in SERIES[state].values() if len(parts) == 3]
    assert len(bars) == len(expected)
    for bar, (x, y, error) in zip(bars, expected, strict=True):
        ends = [[[float(a), float(b - c)], [float(a), float(b + c)]] for a, b, c in zip(x, y, error, strict=True)]
        np.testing.assert_allclose(bar.get_segments(), ends, rtol=1e-6)
        assert to_hex(bar.get_colors()[0]) == style.LIGHT["blue"]


def test_error_bars_stand_aside_together_with_their_points():
    series = {name: ([1, 2, 4], [3, 2, 1], [0.1, 0.2, 0.3]) for name in ("one", "two")}
    figure = drawn(plot(series))
    bars = [part for part in figure.axes[0].collections if isinstance(part, LineCollection)]
    first, second = (line for line in figure.axes[0].lines if line.get_marker() in "os")
    place = {part: part.get_transform().transform((2, 2)) for part in (first, second, *bars)}
    np.testing.assert_allclose(place[first], place[bars[0]])
    np.testing.assert_allclose(place[second], place[bars[1]])
    assert place[second][0] - place[first][0] == pytest.approx(4 * figure.dpi / 72)


@pytest.mark.parametrize("mode", [style.light, style.dark])
def test_a_line_s_name_stands_at_its_end_in_its_colour_and_names_do_not_touch(mode):
    figure = drawn(plot({"one": ([1, 2, 4], [3, 2, 1]), "two": ([1, 2, 4], [3, 2, 1])}), mode)
    texts = figure.axes[0].texts
    assert [text.get_text() for text in texts] == ["one", "two"]
    heights = sorted(text.xy[1] for text in texts)
    assert heights[1] - heights[0] > 0.05
    with mode() as colours:
        assert [to_hex(text.get_color()) for text in texts] == [colours["blue"], colours["orange"]]
    assert [colour for _, _, colour in curves(figure, mode)] == [colours["blue"], colours["orange"]]
    ax = figure.axes[0]
    end = (ax.transData + ax.transAxes.inverted()).transform((4, 1))
    np.testing.assert_allclose(min(text.xy[1] for text in texts), end[1])
    np.testing.assert_allclose([text.xy[0] for text in texts], end[0])


def test_no_name_stands_below_a_logarithmic_axis():
    figure = drawn(plot({"one": ([1, 2, 4], [3, 2, 0]), "two": ([1, 2, 4], [3, 2, 1])}, log_y=True))
    assert all(0 <= text.xy[1] <= 1.2 for text in figure.axes[0].texts)


@pytest.mark.parametrize("ticks", [[1, 2, 4], [10.0, 40.0], torch.tensor([5, 7]), np.array([2, 4])])
def test_the_ticks_are_those_that_were_asked_for(ticks):
    figure = drawn(plot({"one": ([1, 40], [3, 2])}, x_ticks=ticks, log_x=True))
    assert figure.axes[0].get_xticks().tolist() == [float(tick) for tick in ticks]
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == [f"{float(tick):g}" for tick in ticks]


@pytest.mark.parametrize("dtype", [*DTYPES, torch.int64, torch.uint8])
def test_curves_take_tensors_of_any_dtype(dtype):
    x, y = torch.tensor([1, 2, 4]).to(dtype), torch.tensor([3, 2, 1]).to(dtype)
    if dtype.is_floating_point:
        y.requires_grad_()
    assert curves(drawn(plot({"a": (x, y)})))[0][:2] == ([1, 2, 4], [3, 2, 1])
    assert curves(drawn(plot({"a": (list(x), tuple(y.detach()))})))[0][:2] == ([1, 2, 4], [3, 2, 1])


# ---- latent_scatter


@pytest.mark.parametrize("limit", [2000, 7])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_code_is_drawn_as_its_label(dtype, limit):
    codes = torch.randn(40, 2).to(dtype)
    labels = torch.arange(40) % 10
    figure = drawn(stills.latent_scatter(codes, labels, alt="Codes.", limit=limit))
    shown, codes = figure.axes[0].collections, codes.float()[:limit]
    assert len(shown) == len(labels[:limit].unique())
    for digit, group in zip(labels[:limit].unique().tolist(), shown, strict=True):
        np.testing.assert_allclose(group.get_offsets(), codes[labels[:limit] == digit], rtol=1e-6)
        assert to_hex(group.get_facecolor()[0]) == style.LIGHT[style.HUES[style.DIGIT_HUES[digit]]]
        with style.light():  # in the letters of the pictures
            marker = MarkerStyle(f"${digit}$")
        np.testing.assert_allclose(
            group.get_paths()[0].vertices, marker.get_path().transformed(marker.get_transform()).vertices
        )


def test_a_few_far_codes_do_not_squeeze_the_rest():
    codes = torch.cat([torch.rand(1999, 2), torch.tensor([[1e4, -1e4]])])
    ax = drawn(stills.latent_scatter(codes, torch.zeros(2000, dtype=torch.long), alt="Codes.")).axes[0]
    for low, high in (ax.get_xlim(), ax.get_ylim()):
        assert -0.1 < low < 0.05
        assert 0.95 < high < 1.1


def test_codes_that_are_all_one_are_in_the_middle():
    ax = drawn(stills.latent_scatter(torch.ones(5, 2), torch.arange(5), alt="Codes.")).axes[0]
    assert ax.get_xlim() == ax.get_ylim() == (0, 2)


# ---- density


def plot_density(panels, **changes):
    return stills.density(panels, **{"x_range": (0, 2), "y_range": (0, 1), "alt": "A density."} | changes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("panels", "dots"),
    [({"ramp": GRID, "same": 2 * GRID}, {"same": torch.tensor([[1.0, 5.5]])}), ({"": GRID.T.clone()}, {})],
)
def test_a_density_stands_where_its_grid_says(panels, dots, dtype):
    panels = {name: values.to(dtype) for name, values in panels.items()}
    dots = {name: places.to(dtype) for name, places in dots.items()}
    figure = drawn(plot_density(panels, x_range=(0, 2), y_range=(5, 6), points=dots, x_label="a", y_label="b"))
    assert [ax.get_title("left") for ax in figure.axes] == list(panels)
    assert figure.axes[0].get_ylabel() == "b"
    for ax, (name, values) in zip(figure.axes, panels.items(), strict=True):
        assert (ax.get_xlim(), ax.get_ylim(), ax.get_xlabel()) == ((0, 2), (5, 6), "a")
        (image,) = ax.images
        assert image.get_array().tolist() == values.tolist()
        assert image.origin == "lower"  # the first row is the lowest
        rows, columns = values.shape
        left, right, bottom, top = image.get_extent()
        assert (right - left) / columns == pytest.approx(2 / (columns - 1))  # each value in the middle of its cell
        assert (top - bottom) / rows == pytest.approx(1 / (rows - 1))
        assert (left + right, bottom + top) == (pytest.approx(2), pytest.approx(11))
        assert image.get_clim() == (0, values.max())
        assert [to_hex(image.cmap(end)) for end in (0.0, 1.0)] == [style.LIGHT["raised"], style.LIGHT["blue"]]
        shown = [part.get_offsets().tolist() for part in ax.collections]
        assert shown == ([dots[name].tolist()] if name in dots else [])


@pytest.mark.parametrize("count", [4, 5, 6])
def test_more_than_four_densities_stand_in_two_rows(count):
    panels = {f"panel {i}": GRID + i for i in range(count)}
    figure = drawn(plot_density(panels))
    assert [ax.get_title("left") for ax in figure.axes] == list(panels)
    tops = {round(ax.get_position().y0, 3) for ax in figure.axes}
    assert len(tops) == (1 if count == 4 else 2)
    assert [ax.images[0].get_array().tolist() for ax in figure.axes] == [v.tolist() for v in panels.values()]


# ---- arrows


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dots", [None, torch.tensor([[8.0, -1.0], [0.0, 0.5]])])
def test_an_arrow_leads_from_where_a_point_is_to_where_it_is_moved(dtype, dots):
    start = torch.tensor([[0.0, 0.0], [1.0, 2.0], [4.0, 2.0]]).to(dtype)
    panels = {"one": (start, start + torch.tensor([0.5, -0.25])), "two": [start[:2], 0 * start[:2]]}
    figure = drawn(stills.arrows(panels, points=dots, x_label="a", y_label="b", alt="Arrows."))
    assert [ax.get_title("left") for ax in figure.axes] == list(panels)
    assert figure.axes[0].get_ylabel() == "b"
    for ax, (begin, end) in zip(figure.axes, panels.values(), strict=True):
        data, quiver = ax.collections
        assert data.get_offsets().tolist() == ([] if dots is None else dots.tolist())
        assert quiver.get_offsets().tolist() == begin.tolist()
        way = (end - begin).double()
        np.testing.assert_allclose(np.stack([quiver.U, quiver.V], axis=1), way, atol=1e-12)
        assert (quiver.angles, quiver.scale_units, quiver.scale) == ("xy", "xy", 1)  # as long as the way
        assert ax.get_aspect() == 1
        assert (ax.get_xlim(), ax.get_ylim()) == (figure.axes[0].get_xlim(), figure.axes[0].get_ylim())
        everything = torch.cat([*panels["one"], *panels["two"], *([] if dots is None else [dots])]).double()
        for low, high, values in zip(*zip(ax.get_xlim(), ax.get_ylim(), strict=True), everything.T, strict=True):
            assert low < values.min() <= values.max() < high


# ---- all of them


def test_what_changes_after_a_picture_was_made_does_not_show():
    y, codes, grid, dots = np.ones(3), torch.ones(4, 2), torch.ones(2, 2), torch.ones(1, 2)
    x, image = torch.arange(3.0, dtype=torch.float64), torch.ones(1, 1, 2, 2)
    pictures = [
        plot({"a": (x, y)}),
        stills.latent_scatter(codes, torch.arange(4), alt="Codes."),
        plot_density({"a": grid}, points={"a": dots}),
        stills.image_rows({"": image}, alt="Images."),
    ]
    before = [picture.data() for picture in pictures]
    y[:] = 0
    for tensor in (x, codes, grid, dots, image):
        tensor.zero_()
    assert [picture.data() for picture in pictures] == before


NAN = torch.full((3,), torch.nan)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plot({}), ValueError, "series must hold at least one curve, got none"),
        (lambda: plot([]), TypeError, "series must be a mapping from names, each to a curve, got list"),
        (lambda: plot({3: ([1], [1])}), TypeError, "series must have texts for names, got 3 of type int"),
        (lambda: plot({"a": ([1], [1, 2])}), ValueError, r"series\['a'\] must hold sequences of one length, got"),
        (lambda: plot({"a": ([1],)}), TypeError, r"series\['a'\] must be \(x, y\) or \(x, y, error\), got tuple of 1"),
        (lambda: plot({"a": ([1], [1], [1], [1])}), TypeError, r"series\['a'\] must be \(x, y\) or .*, got tuple of 4"),
        (lambda: plot({"a": 3}), TypeError, r"series\['a'\] must be \(x, y\) or .*, got int"),
        (lambda: plot({"a": ([], [])}), ValueError, r"the x of series\['a'\] must be one sequence of at least one"),
        (lambda: plot({"a": ([1], [[1]])}), ValueError, r"the y of series\['a'\] must be one sequence of .*\(1, 1\)"),
        (
            lambda: plot({"a": ([1], [float("nan")])}),
            ValueError,
            r"the y of series\['a'\] must hold finite .*, got nan",
        ),
        (lambda: plot({"a": (NAN, NAN)}), ValueError, r"the x of series\['a'\] must hold finite numbers, got nan"),
        (lambda: plot({"a": ([1], ["1"])}), TypeError, r"the y of series\['a'\] must be a sequence of numbers"),
        (
            lambda: plot({"a": ([1], [1j])}),
            TypeError,
            r"the y of series\['a'\] must be a sequence of numbers, got list",
        ),
        (lambda: plot({"a": ([1], 2)}), TypeError, r"the y of series\['a'\] must be a sequence of numbers, got int"),
        (lambda: plot({"a": ([1], [None])}), TypeError, r"the y of series\['a'\] must be a sequence of numbers"),
        (lambda: plot({"a": ([1, 2], [[1], [1, 2]])}), TypeError, r"the y of series\['a'\] must be a sequence of num"),
        (lambda: plot({"a": ([1], [1], [-1])}), ValueError, r"the error of series\['a'\] must be at least 0, got -1"),
        (lambda: plot({"a": ([-1], [1])}, log_x=True), ValueError, r"the x of .* at least 0 on a logarithmic axis"),
        (lambda: plot({"a": ([1], [-1])}, log_y=True), ValueError, r"the y of .* at least 0 on a logarithmic axis"),
        (lambda: plot({"a": ([1], [1])}, x_ticks=["one"]), TypeError, "x_ticks must be a sequence of numbers"),
        (lambda: plot({"a": ([1], [1])}, x_ticks=[]), ValueError, "x_ticks must be one sequence of at least one"),
        (
            lambda: stills.latent_scatter(torch.randn(5, 3), torch.arange(5), alt="A."),
            ValueError,
            r"codes must have shape \(n, 2\), got \(5, 3\)",
        ),
        (
            lambda: stills.latent_scatter(torch.randn(5, 2), torch.arange(4), alt="A."),
            ValueError,
            r"labels must have shape \(5,\)",
        ),
        (
            lambda: stills.latent_scatter(torch.randn(5, 2), torch.arange(5.0), alt="A."),
            TypeError,
            "labels must be an integer tensor",
        ),
        (
            lambda: stills.latent_scatter(torch.randn(5, 2), torch.arange(5) + 6, alt="A."),
            ValueError,
            "labels must be from 0 to 9, got 6 to 10",
        ),
        (
            lambda: stills.latent_scatter(torch.randn(5, 2), torch.arange(5), alt="A.", limit=0),
            ValueError,
            "limit must be at least 1",
        ),
        (
            lambda: stills.latent_scatter(torch.ones(0, 2), torch.arange(0), alt="A."),
            ValueError,
            "codes must not be empty",
        ),
        (lambda: stills.latent_scatter(np.ones((5, 2)), torch.arange(5), alt="A."), TypeError, "codes must be a torch"),
        (lambda: stills.arrows({}, alt="No."), ValueError, "panels must hold at least one pair, got none"),
        (lambda: stills.arrows({"a": GRID}, alt="No."), TypeError, r"panels\['a'\] must be a pair .*, got Tensor"),
        (lambda: stills.arrows({"a": [GRID] * 3}, alt="No."), TypeError, r"panels\['a'\] must be a pair .*, got list"),
        (
            lambda: stills.arrows({"a": (GRID, GRID)}, alt="No."),
            ValueError,
            r"the start of panels\['a'\] must have sha",
        ),
        (
            lambda: stills.arrows({"a": (GRID.T.clone(), GRID[:, :2])}, alt="No."),
            ValueError,
            r"panels\['a'\] must be \(start, end\) of one length, got 3 and 2",
        ),
        (
            lambda: stills.arrows({"a": (GRID[:, :2], GRID[:, :2])}, points=GRID, alt="No."),
            ValueError,
            r"points must have shape \(n, 2\), got \(2, 3\)",
        ),
        (lambda: plot_density({}), ValueError, "panels must hold at least one grid of values, got none"),
        (lambda: plot_density(GRID), TypeError, "panels must be a mapping from names, each to a grid of values, got"),
        (lambda: plot_density({"a": GRID[0]}), ValueError, r"panels\['a'\] must have 2 dimensions"),
        (lambda: plot_density({"a": -GRID}), ValueError, r"panels\['a'\] must be at least 0"),
        (lambda: plot_density({"a": GRID / 0}), ValueError, r"panels\['a'\] must hold numbers"),
        (lambda: plot_density({"a": GRID * 0}), ValueError, r"panels\['a'\] must hold at least 2 × 2 values"),
        (lambda: plot_density({"a": GRID[:1]}), ValueError, r"panels\['a'\] must hold at least 2 × 2 values"),
        (lambda: plot_density({"a": GRID}, points={"b": GRID}), ValueError, "points must belong to one of the panels"),
        (lambda: plot_density({"a": GRID}, points={"a": GRID}), ValueError, r"points\['a'\] must have shape \(n, 2\)"),
        (lambda: plot_density({"a": GRID}, points=GRID), TypeError, "points must be a mapping from names"),
        (lambda: plot_density({"a": GRID}, y_range=(1, 1)), ValueError, "y_range must be .* with low < high"),
        (lambda: plot_density({"a": GRID}, y_range=3), TypeError, r"y_range must be a pair \(low, high\), got 3"),
        (lambda: plot_density({"a": GRID}, x_range=(1, 2, 3)), TypeError, r"x_range must be a pair \(low, high\), got"),
        (lambda: plot_density({"a": GRID}, x_range=("0", 1)), TypeError, "x_range must be a real number, got str"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
