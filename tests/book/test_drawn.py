"""The reading of a scatter bites: digits that stand elsewhere are told, those that only cover each other are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from figure_samples import dial
from gallery import write_gallery

from aelab.stills.style import DIGIT_HUES, HUES

from .figure_harness import FigureOnPage

SPREADS = (1.2, 0.2, 0.005)  # the last as of a collapsed model: 700 digits within a pixel
RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(0, 10, 700)
COLOURS = [HUES[DIGIT_HUES[digit]] for digit in LABELS]
CODES = RANDOM.normal(size=(700, 2))


@pytest.fixture(scope="module")
def figure():
    return dial(torch.rand(700, 784), labels=LABELS)


@pytest.mark.parametrize("spread", SPREADS)
def test_digits_are_found_at_their_codes_and_nowhere_else(light, figure, tmp_path, spread):
    codes = spread * CODES
    figure.reach = float(np.abs(codes).max())
    figure.codes = np.stack([codes * (32767 / figure.reach)] * 2).round().astype("<i2").tobytes()
    page = light.open(write_gallery(tmp_path, [figure]).as_uri())
    drawn = FigureOnPage(page, "BetaDial").drawn(canvases=True)
    plane = drawn.plot("plane")
    drawn.glyphs("codes", plane, *codes.T, COLOURS)
    wrong = {"moved": codes + np.array([0, 0.2])}
    if spread > 0.1:
        wrong |= {"mirrored": codes * [-1, 1], "upside down": codes * [1, -1], "exchanged": codes[:, ::-1]}
        wrong |= {"too large": 1.3 * codes, "too small": 0.7 * codes}
    for others in wrong.values():
        with pytest.raises(AssertionError, match=r"digits|drawn"):
            drawn.glyphs("codes", plane, *others.T, COLOURS)
    if spread > 1:
        with pytest.raises(AssertionError, match="digits are not where"):
            drawn.glyphs("codes", plane, *codes.T, COLOURS[::-1])
