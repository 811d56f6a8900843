"""A still is published in fewer bytes than matplotlib writes, and looks the same."""

from io import BytesIO

import numpy as np
import pytest
import torch
from aebook.nodes import slim
from PIL import Image

from aelab import stills

STEPS = torch.linspace(-3, 3, 121)
PICTURES = {
    "curves": lambda: stills.lines(
        {
            "sine": (STEPS, STEPS.sin()),
            "measured": ([-2.0, 0.0, 2.0], [0.5, 0.1, -0.4], [0.1, 0.2, 0.1]),
        },
        x_label="x",
        y_label="$\\sin x$",
        alt="A sine, and three measured points.",
    ),
    "densities": lambda: stills.density(
        {"": (-(STEPS**2) - STEPS[:, None] ** 2).exp()}, x_range=(-3, 3), y_range=(-3, 3), alt="One round bump."
    ),
    "digits": lambda: stills.latent_scatter(
        torch.randn(300, 2, generator=torch.Generator().manual_seed(0)),
        torch.arange(300) % 10,
        alt="A cloud of digits.",
    ),
    "images": lambda: stills.image_rows(
        {"noise": torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(0))}, alt="Six squares of noise."
    ),
    "scheme": lambda: stills.scheme("latent diffusion"),
}


def shown(page, svg, width, height):
    page.set_viewport_size({"width": width, "height": height})
    page.set_content(f'<body style="margin: 0; background: #fff">{svg[svg.index("<svg") :]}</body>')
    image = Image.open(BytesIO(page.screenshot()))
    return np.asarray(image.convert("L"), np.float64)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("name", PICTURES)
def test_a_slim_still_looks_the_same(browser, name, mode):
    data = PICTURES[name]().data()
    page = browser.new_page()
    before, after = (shown(page, svg, data["width"], data["height"]) for svg in (data[mode], slim(data[mode])))
    page.close()
    assert before.std() > 5, "nothing to see"
    assert len(slim(data[mode])) < 0.95 * len(data[mode])
    off = np.abs(before - after)
    assert off.mean() < 0.3
    assert (off > 60).mean() < 5e-4  # a few pixels of an edge fall on the other side
