"""`Picture`: two themes and words, the same bytes each time, and what it refuses."""

import base64
import io
from functools import cache

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from aelab import stills
from aelab.stills import picture, style

ONES = torch.ones(2, 1, 4, 4)
PICTURES = {
    "image_rows": lambda alt: stills.image_rows({"a": ONES, "b": torch.rand(2, 3, 4, 4)}, alt=alt),
    "lines": lambda alt: stills.lines({"one": ([1, 2], [3, 2], [0.1, 0.1])}, x_label="x", y_label="y", alt=alt),
    "latent_scatter": lambda alt: stills.latent_scatter(torch.randn(30, 2), torch.arange(30) % 10, alt=alt),
    "decoded_grid": lambda alt: stills.decoded_grid(
        lambda z: z[:, :1, None, None].expand(-1, 1, 4, 4), x_range=(0, 1), y_range=(0, 1), steps=3, alt=alt
    ),
    "density": lambda alt: stills.density({"": torch.eye(2)}, x_range=(0, 2), y_range=(5, 6), alt=alt),
    "arrows": lambda alt: stills.arrows({"": (torch.eye(2), torch.zeros(2, 2))}, points=torch.eye(2), alt=alt),
    "scheme": lambda alt: stills.Picture(stills.scheme("vae").draw, alt=alt),
}
every_picture = pytest.mark.parametrize("name", PICTURES)


@cache
def shown(name):
    """What a notebook gets of a picture: its forms, and their metadata."""
    torch.manual_seed(0)
    return PICTURES[name]("What it shows.")._repr_mimebundle_()


def test_every_function_that_makes_a_picture_is_tried_here():
    assert set(PICTURES) == set(stills.__all__) - {"Picture", "Table", "columns_of", "mean_and_spread", "table"}


@every_picture
def test_a_picture_has_two_themes_and_words(name):
    bundle, metadata = shown(name)
    data = bundle[picture.MIME]
    assert data["alt"] == metadata["image/png"]["alt"] == "What it shows."
    assert data["light"] != data["dark"]
    assert data["light"].startswith("<?xml")
    assert bundle["text/plain"] == "Picture: What it shows."
    with Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))) as image:
        assert image.size == pytest.approx((2 * data["width"], 2 * data["height"]), abs=2)


@every_picture
def test_the_same_picture_has_the_same_bytes_and_leaves_no_figure_open(name):
    before = plt.get_fignums()
    first = shown(name)[0][picture.MIME]
    torch.manual_seed(0)
    assert PICTURES[name]("What it shows.").data() == first
    assert plt.get_fignums() == before


@every_picture
@pytest.mark.parametrize("alt", ["", "  ", "../_images/plot.png", "figure.svg", "plots/two"])
def test_a_picture_without_words_is_refused(name, alt):
    with pytest.raises(ValueError, match="alt must be a sentence"):
        PICTURES[name](alt)


def pixels(png: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(png))) as image:
        return np.array(image.convert("RGBA"))[..., :3]


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


@every_picture
def test_a_notebook_gets_dark_ink_on_light_paper(name):
    """A PNG has one theme, and the light one is readable on a dark page too: it brings its own ground."""
    image = pixels(shown(name)[0]["image/png"])
    corners = {tuple(map(int, image[row, column])) for row in (0, -1) for column in (0, -1)}
    assert corners == {rgb(style.LIGHT["surface"])}
    assert image.min() < 110
    assert (image.reshape(-1, 3) == rgb(style.DARK["surface"])).all(axis=1).mean() < 0.01


@every_picture
def test_a_page_gets_each_theme_in_its_colours_on_no_ground(name):
    data = shown(name)[0][picture.MIME]
    for theme, other, svg in ((style.LIGHT, style.DARK, data["light"]), (style.DARK, style.LIGHT, data["dark"])):
        assert f"fill: {theme['surface']}" not in svg
        assert f"fill: {other['surface']}" not in svg
        used = {part for part in (theme["ink"], theme["muted"], theme["blue"]) if part in svg}
        assert used
        assert not {part for part in (other["ink"], other["muted"], other["blue"]) if part in svg}


@pytest.mark.parametrize(
    ("draw", "alt", "error", "message"),
    [
        (None, "Words.", TypeError, "draw must be a function that returns a matplotlib Figure, got NoneType"),
        (Figure(), "Words.", TypeError, "draw must be a function that returns a matplotlib Figure, got Figure"),
        (Figure, 3, TypeError, "alt must be a sentence that says what the picture shows, got int"),
        (Figure, " ", ValueError, "alt must be a sentence that says what the picture shows, got ' '"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(draw, alt, error, message):
    with pytest.raises(error, match=message):
        stills.Picture(draw, alt=alt)


def test_a_drawing_that_returns_no_figure_is_refused_and_leaves_none_open():
    before = plt.get_fignums()
    with pytest.raises(TypeError, match="draw must return a matplotlib Figure, got Axes"):
        stills.Picture(lambda: plt.subplots()[1], alt="Words.").data()
    assert plt.get_fignums() == before


def test_the_figures_of_the_caller_stay_open():
    mine = plt.figure()
    try:
        PICTURES["lines"]("Words.").data()
        assert mine.number in plt.get_fignums()
    finally:
        plt.close(mine)


def test_a_raster_in_a_picture_keeps_its_colours():
    """At most 256 of them: a gradient of ink moves by less than can be seen."""
    ramp = torch.linspace(0, 1, 64).expand(1, 1, 64, 64)
    svg = stills.image_rows({"": ramp}, alt="A ramp.").data()["light"]
    raster = pixels(svg.split("base64,")[1].split('"')[0])
    row = raster[raster.shape[0] // 2].astype(float).mean(axis=1)
    with style.light():
        expected = 255 * style.ink_colormap()(np.linspace(0, 1, len(row)))[:, :3].mean(axis=1)
    assert np.abs(row - expected).max() < 8


def test_spaces_in_the_words_are_single():
    assert stills.Picture(Figure, alt="  Two\n lines. ").alt == "Two lines."
