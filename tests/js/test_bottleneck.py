"""Bottleneck: the page's functions, in Node, against aecore's and independent ones."""

from __future__ import annotations

import numpy as np
import pytest

from aelab.figures import Bottleneck

GREY = np.full((2, 3, 784), 0.5)  # two widths, three digits

DIGITS = np.eye(3, 784)


def built(**other):
    data = {"widths": [1, 4], "originals": DIGITS, "pca": GREY, "autoencoder": GREY}
    return Bottleneck(**{**data, "pca_error": [9, 8], "autoencoder_error": [7, 6], **other})


def test_parity_of_the_width_that_is_enough(js):
    random = np.random.default_rng(0)
    calls = [
        [list(range(1, 8)), np.sort(random.uniform(0, 9, 7))[::-1].tolist(), random.uniform(0, 9)] for _ in range(120)
    ]
    got = js.math("bottleneck", "enough", calls)
    for (widths, errors, error), width in zip(calls, got, strict=True):
        assert width == next((k for k, e in zip(widths, errors, strict=True) if e <= error), None)


def test_the_page_unpacks_what_python_packed(js):
    """One byte per pixel: off by half a step at most, of 255 from the smallest to the largest value."""
    random = np.random.default_rng(0)
    pictures = random.normal(0.4, 0.5, (100, 784))
    figure = built(widths=[1, 2], originals=DIGITS[:1] + 0, pca=pictures[:2, None], autoencoder=pictures[2:4, None])
    low, high = figure.limits
    assert [low, high] == pytest.approx([min(0, pictures[:4].min()), max(1, pictures[:4].max())])
    got = js.math("bottleneck", "unpack", [[list(figure.pictures), low, high]])[0]
    wanted = np.concatenate([DIGITS[:1], pictures[:4]]).ravel()
    assert np.abs(got - wanted).max() <= (high - low) / 510 + 1e-6
