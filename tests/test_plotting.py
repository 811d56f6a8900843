"""The still pictures: each says what it shows, keeps its promises about colours, and refuses what it cannot draw."""

import base64

import pytest
import torch

from aecore import picture, plotting, style

IMAGES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
GRID = torch.arange(6.0).view(2, 3)  # grows to the right, and more so upwards
PICTURES = {
    "image_rows": lambda **k: plotting.image_rows({"a": IMAGES, "b": IMAGES[:3]}, columns=3, **k),
    "lines": lambda **k: plotting.lines(
        {"one": ([1, 2, 4], [3, 2, 1], [0.1, 0.1, 0.1]), "two": ([1, 2, 4], [3, 2, 1])},
        x_label="x",
        y_label="y",
        log_x=True,
        log_y=True,
        x_ticks=[1, 2, 4],
        **k,
    ),
    "latent_scatter": lambda **k: plotting.latent_scatter(torch.randn(30, 2), torch.arange(30) % 10, **k),
    "decoded_grid": lambda **k: plotting.decoded_grid(
        lambda z: z[:, :1, None, None].expand(-1, 1, 4, 4), x_range=(0, 1), y_range=(0, 1), steps=3, **k
    ),
    "density": lambda **k: plotting.density(
        {"ramp": GRID, "same": GRID}, x_range=(0, 2), y_range=(5, 6), points={"same": torch.tensor([[1.0, 5.5]])}, **k
    ),
}


def plot_density(panels, **changes):
    return plotting.density(panels, **{"x_range": (0, 2), "y_range": (0, 1), "alt": "A density."} | changes)


def test_every_public_picture_is_tested_here():
    assert set(PICTURES) == set(plotting.__all__)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_has_two_themes_and_words(name):
    bundle, metadata = PICTURES[name](alt="What it shows.")._repr_mimebundle_()
    data = bundle[picture.MIME]
    assert data["alt"] == metadata["image/png"]["alt"] == "What it shows."
    assert data["light"] != data["dark"]
    assert data["light"].startswith("<?xml")
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"] == "Picture: What it shows."


@pytest.mark.parametrize("name", PICTURES)
def test_the_same_picture_has_the_same_bytes(name):
    torch.manual_seed(0)
    first = PICTURES[name](alt="Same.").data()
    torch.manual_seed(0)
    assert PICTURES[name](alt="Same.").data() == first


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("alt", ["", "  ", "../_images/plot.png", "figure.svg", "plots/two"])
def test_a_picture_without_words_is_refused(name, alt):
    with pytest.raises(ValueError, match="alt"):
        PICTURES[name](alt=alt)


def test_a_line_s_name_stands_at_its_end_and_names_do_not_touch():
    figure = PICTURES["lines"](alt="Two equal curves.").draw()
    heights = sorted(text.xy[1] for text in figure.axes[0].texts)
    assert [text.get_text() for text in figure.axes[0].texts] == ["one", "two"]
    assert heights[1] - heights[0] > 0.05


def test_a_density_stands_where_its_grid_says():
    with style.light():
        figure = PICTURES["density"](alt="Two ramps.").draw()
    first, second = figure.axes
    assert [ax.get_title("left") for ax in figure.axes] == ["ramp", "same"]
    assert (first.get_xlim(), first.get_ylim()) == ((0, 2), (5, 6))
    picture = first.images[0]
    assert picture.origin == "lower"  # the first row is the lowest
    assert picture.get_extent() == [-0.5, 2.5, 4.5, 6.5]  # each value in the middle of its cell
    assert picture.get_clim() == (0, 5)
    assert not first.collections
    assert second.collections[0].get_offsets().tolist() == [[1, 5.5]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plotting.image_rows({}, alt="None."), "rows must hold at least one row"),
        (lambda: plotting.image_rows({"a": IMAGES[0]}, alt="One."), r"rows\['a'\] must have 4 dimensions"),
        (lambda: plotting.image_rows({"a": IMAGES * torch.nan}, alt="One."), r"rows\['a'\] must hold numbers"),
        (lambda: plotting.lines({}, x_label="", y_label="", alt="None."), "series must hold at least one curve"),
        (lambda: plotting.lines({"a": ([1], [1, 2])}, x_label="", y_label="", alt="A."), r"series\['a'\] must hold"),
        (lambda: plotting.lines({"a": ([1], [float("nan")])}, x_label="", y_label="", alt="A."), "finite"),
        (lambda: plotting.latent_scatter(torch.randn(5, 3), torch.arange(5), alt="A."), r"shape \(n, 2\)"),
        (
            lambda: plotting.latent_scatter(torch.randn(5, 2), torch.arange(4), alt="A."),
            r"labels must have shape \(5,\)",
        ),
        (lambda: plotting.decoded_grid(len, x_range=(1, 0), y_range=(0, 1), alt="A."), "x_range must be"),
        (
            lambda: plotting.decoded_grid(len, x_range=(0, 1), y_range=(0, 1), steps=1, alt="A."),
            "steps must be at least 2",
        ),
        (lambda: plot_density({}), "panels must hold at least one grid"),
        (lambda: plot_density({"a": GRID[0]}), r"panels\['a'\] must have 2 dimensions"),
        (lambda: plot_density({"a": -GRID}), r"panels\['a'\] must be at least 0"),
        (lambda: plot_density({"a": GRID / 0}), r"panels\['a'\] must hold numbers"),
        (lambda: plot_density({"a": GRID * 0}), r"panels\['a'\] must hold at least 2 × 2 values that are not all 0"),
        (lambda: plot_density({"a": GRID[:1]}), r"panels\['a'\] must hold at least 2 × 2"),
        (lambda: plot_density({"a": GRID}, points={"b": GRID}), "points must belong to one of the panels"),
        (lambda: plot_density({"a": GRID}, points={"a": GRID}), r"points\['a'\] must have shape \(n, 2\)"),
        (lambda: plot_density({"a": GRID}, y_range=(1, 1)), "y_range must be"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colours", [style.LIGHT, style.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "muted", *style.HUES])
def test_every_hue_can_carry_text_on_its_page(colours, name):
    bright, dim = sorted((luminance(colours[name]), luminance(colours["surface"])), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= 4.5
