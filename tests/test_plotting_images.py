"""The pictures of images: every pixel is read back from the figure, and from the page's picture."""

import base64
import io

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from PIL import Image

from aelab import stills
from aelab.stills import picture, style

GREY = torch.rand(7, 1, 6, 4, generator=torch.Generator().manual_seed(0))  # taller than wide: a transpose shows
COLOUR = torch.rand(5, 3, 6, 4, generator=torch.Generator().manual_seed(1))
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
GAP = 2


def drawn(made):
    with style.light():
        figure = made.draw()
    plt.close(figure)
    return figure


def tile(sheet, index, columns, size=(6, 4), gap=GAP):
    """The image at a place of a sheet (height, width, ...), counted row by row."""
    (height, width), (row, column) = size, divmod(index, columns)
    top, left = row * (height + gap), column * (width + gap)
    return sheet[top : top + height, left : left + width]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("columns", [None, 3, 20])
def test_every_grey_image_stands_upright_in_its_place(columns, dtype):
    rows = {"first": GREY.to(dtype), "second": GREY[:3].to(dtype)}
    figure = drawn(stills.image_rows(rows, columns=columns, alt="Rows.", low=-1, high=2))
    wide = columns or 7
    for ax, (name, images) in zip(figure.axes, rows.items(), strict=True):
        (shown,) = ax.images
        assert shown.origin == "upper"
        assert shown.get_clim() == (-1, 2)
        assert ax.get_ylabel() == name
        sheet = np.ma.filled(shown.get_array(), np.nan)
        across = min(wide, len(images))
        down = -(-len(images) // across)
        assert sheet.shape == (down * (6 + GAP) - GAP, across * (4 + GAP) - GAP)
        for index, image in enumerate(images):
            np.testing.assert_array_equal(tile(sheet, index, across), image[0].float())
        assert np.isfinite(sheet).sum() == images.numel()  # and nothing elsewhere


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 2)])
def test_every_colour_image_stands_in_its_colours(low, high, dtype):
    images = COLOUR.to(dtype)
    figure = drawn(stills.image_rows({"": images}, columns=3, alt="Colours.", low=low, high=high))
    sheet = figure.axes[0].images[0].get_array()
    assert sheet.shape == (2 * (6 + GAP) - GAP, 3 * (4 + GAP) - GAP, 4)
    for index, image in enumerate(images):
        shown = tile(sheet, index, 3)
        np.testing.assert_allclose(shown[..., :3], (image.float().permute(1, 2, 0) - low) / (high - low), atol=1e-6)
        assert (shown[..., 3] == 1).all()
    assert (sheet[..., 3] == 1).sum() == 5 * 6 * 4


def test_noise_beyond_the_ends_is_drawn_as_the_ends():
    noisy = torch.tensor([-3.0, 0.5, 4.0]).view(1, 1, 1, 3)
    with style.light():
        shown = drawn(stills.image_rows({"": noisy}, alt="Noise.")).axes[0].images[0]
        colours = shown.cmap(shown.norm(shown.get_array()))[0]
    assert style.LIGHT["raised"] == "#" + bytes((255 * colours[0, :3]).round().astype(int).tolist()).hex()
    assert style.LIGHT["ink"] == "#" + bytes((255 * colours[2, :3]).round().astype(int).tolist()).hex()
    sheet = drawn(stills.image_rows({"": noisy.expand(1, 3, 1, 3)}, alt="Noise.")).axes[0].images[0].get_array()
    assert sheet[0, :, :3].tolist() == [[0, 0, 0], [0.5, 0.5, 0.5], [1, 1, 1]]


def rendered(made) -> np.ndarray:
    """The pixels of the notebook's picture, shape (height, width, 3)."""
    bundle, _ = made._repr_mimebundle_()
    with Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))) as image:
        return np.array(image.convert("RGB")).astype(int)


def test_a_corner_of_ink_is_in_that_corner_of_the_picture():
    corner = torch.zeros(1, 1, 28, 28)
    corner[..., :14, :14] = 1  # the upper left
    corner[..., 14:, :4] = 0.5  # and something at the lower left: not a transpose of itself
    ink = rendered(stills.image_rows({"": corner}, alt="A corner.")).sum(axis=2) < 200
    rows, columns = np.nonzero(ink)
    height, width = ink.shape
    assert rows.mean() < 0.4 * height
    assert columns.mean() < 0.4 * width
    assert ink.sum() > 0.15 * height * width


def test_a_green_square_is_green_in_both_themes():
    green = torch.zeros(1, 3, 8, 8)
    green[:, 1] = 1
    made = stills.image_rows({"": green}, alt="A green square.")
    image = rendered(made)
    middle = image[image.shape[0] // 2, image.shape[1] // 2]
    assert middle.tolist() == [0, 255, 0]
    data = made._repr_mimebundle_()[0][picture.MIME]
    for theme in ("light", "dark"):
        raster = data[theme].split("base64,")[1].split('"')[0]
        with Image.open(io.BytesIO(base64.b64decode(raster))) as found:
            pixels = np.array(found.convert("RGBA")).reshape(-1, 4)
        assert (pixels[pixels[:, 3] > 0] == [0, 255, 0, 255]).all()


def code_images(z):
    """Images of 2 × 3 pixels that hold their own code: h1 at the upper left, h2 beside it, 0 elsewhere."""
    images = torch.zeros(len(z), 1, 2, 3)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = z[:, 0], z[:, 1]
    return images


@pytest.mark.parametrize(("x_range", "y_range", "steps"), [((0, 1), (0, 0.5), 3), ((0.2, 0.8), (0, 1), 16)])
def test_every_decoded_image_stands_around_its_code(x_range, y_range, steps):
    made = stills.decoded_grid(
        code_images, x_range=x_range, y_range=y_range, steps=steps, x_label="a", y_label="b", alt="A grid."
    )
    ax = drawn(made).axes[0]
    (shown,) = ax.images
    assert (ax.get_xlabel(), ax.get_ylabel(), shown.get_clim(), shown.origin) == ("a", "b", (0, 1), "upper")
    left, right, bottom, top = shown.get_extent()
    assert (ax.get_xlim(), ax.get_ylim()) == ((left, right), (bottom, top))
    sheet = shown.get_array()
    assert sheet.shape == (2 * steps, 3 * steps)
    for row in range(steps):
        for column in range(steps):
            x = left + (column + 0.5) * (right - left) / steps
            y = top - (row + 0.5) * (top - bottom) / steps
            image = tile(sheet, row * steps + column, steps, (2, 3), gap=0)
            np.testing.assert_allclose(image, [[x, y, 0], [0, 0, 0]], atol=1e-6)
    corners = [np.linspace(*x_range, steps)[[0, -1]], np.linspace(*y_range, steps)[[0, -1]]]
    np.testing.assert_allclose([sheet[-2, 0], sheet[-2, -3]], corners[0], atol=1e-6)
    np.testing.assert_allclose([sheet[-2, 1], sheet[0, 1]], corners[1], atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_decoder_may_give_any_float_and_colours(dtype, channels):
    def decode(z):
        return z[:, :1, None, None].expand(-1, channels, 2, 2).to(dtype).requires_grad_()

    shown = drawn(stills.decoded_grid(decode, x_range=(0, 1), y_range=(0, 1), steps=2, alt="A.")).axes[0].images[0]
    value = np.array(shown.get_array()).reshape(4, 4, -1)[..., 0]
    np.testing.assert_array_equal(value, np.repeat([[0.0, 0.0, 1.0, 1.0]], 4, axis=0))


def rows(images, **changes):
    return stills.image_rows({"a": images}, **{"alt": "Images."} | changes)


def grid(decode, **changes):
    return stills.decoded_grid(decode, **{"x_range": (0, 1), "y_range": (0, 1), "steps": 2, "alt": "A."} | changes)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: stills.image_rows({}, alt="None."), ValueError, "rows must hold at least one row of images, got none"),
        (
            lambda: stills.image_rows(GREY, alt="A."),
            TypeError,
            "rows must be a mapping from names, each to a row of im",
        ),
        (
            lambda: stills.image_rows({1: GREY}, alt="A."),
            TypeError,
            "rows must have texts for names, got 1 of type int",
        ),
        (lambda: rows(GREY[0]), ValueError, r"rows\['a'\] must have 4 dimensions, got shape \(1, 6, 4\)"),
        (lambda: rows(GREY * torch.nan), ValueError, r"rows\['a'\] must hold numbers, got nan"),
        (lambda: rows(GREY / 0), ValueError, r"rows\['a'\] must be finite"),
        (lambda: rows(GREY[:0]), ValueError, r"rows\['a'\] must not be empty"),
        (lambda: rows(GREY.numpy()), TypeError, r"rows\['a'\] must be a torch.Tensor, got ndarray"),
        (lambda: rows((255 * GREY).byte()), TypeError, r"rows\['a'\] must be floating-point, got torch.uint8"),
        (lambda: rows(GREY > 0.5), TypeError, r"rows\['a'\] must be floating-point, got torch.bool"),
        (lambda: rows(GREY.movedim(1, 3)), ValueError, r"got \(7, 6, 4, 1\); put the channels first with .permute"),
        (lambda: rows(COLOUR.movedim(1, 3)), ValueError, r"got \(5, 6, 4, 3\); put the channels first with .permute"),
        (lambda: rows(GREY.expand(7, 2, 6, 4)), ValueError, r"shape \(n, 1, .*or \(n, 3, .*, got \(7, 2, 6, 4\)$"),
        (lambda: rows(255 * GREY), ValueError, r"rows\['a'\] must lie near \[0, 1\], got values from .*; rescale it"),
        (lambda: rows(255 * COLOUR), ValueError, r"rows\['a'\] must lie near \[0, 1\], got values from .*; rescale it"),
        (lambda: rows(GREY, low=1, high=0), ValueError, "low must be below high = 0, got 1"),
        (lambda: rows(GREY, low=1, high=1), ValueError, "low must be below high = 1, got 1"),
        (lambda: rows(GREY, low="0"), TypeError, "low must be a real number, got str"),
        (lambda: rows(GREY, columns=0), ValueError, "columns must be at least 1, got 0"),
        (lambda: grid(3), TypeError, "decode must be a function from codes to images, got int"),
        (lambda: grid(len), TypeError, r"decode\(codes\) must be a torch.Tensor, got int"),
        (lambda: grid(code_images, x_range=(1, 0)), ValueError, "x_range must be .* with low < high"),
        (lambda: grid(code_images, y_range=None), TypeError, r"y_range must be a pair \(low, high\), got None"),
        (lambda: grid(code_images, steps=1), ValueError, "steps must be at least 2"),
        (lambda: grid(lambda z: code_images(z)[:3]), ValueError, "must hold an image for each of 4 codes, got 3"),
        (lambda: grid(lambda z: code_images(z)[:, 0]), ValueError, r"decode\(codes\) must have 4 dimensions"),
        (lambda: grid(lambda z: 255 * code_images(z)), ValueError, r"decode\(codes\) must lie near \[0, 1\]"),
        (lambda: grid(lambda z: code_images(z) * torch.nan), ValueError, r"decode\(codes\) must hold numbers"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_other_scales_are_drawn_where_they_are_named():
    sheet = drawn(rows(255 * GREY, high=255)).axes[0].images[0]
    assert sheet.get_clim() == (0, 255)
    np.testing.assert_allclose(tile(np.ma.filled(sheet.get_array(), np.nan), 6, 7), 255 * GREY[6, 0])
    assert rows(torch.randn(2, 1, 4, 4) * 5)  # noise, on both sides
