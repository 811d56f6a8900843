"""DenoisePad: the page's functions, in Node, against aecore's and independent ones."""

from __future__ import annotations

import numpy as np
import torch

import aecore as ae
from aelab.figures.denoise_pad import KINDS
from aelab.figures.kit.draws import normals, uniforms


def python_spoil(image, kind, level, seed):
    """By aecore's own definitions, with the page's numbers in place of torch's."""
    chance, bell = torch.tensor(uniforms(seed, 784)), torch.tensor(normals(seed, 784))
    if kind == "masking":
        return image.masked_fill(chance < level, 0)
    if kind == "Gaussian":
        return image + level * bell
    return image.masked_fill(chance < level / 2, 0).masked_fill((chance >= level / 2) & (chance < level), 1)


def python_brush(strokes):
    y, x = np.mgrid[:28, :28]
    image = np.zeros((28, 28))
    for points in strokes:
        for (ax, ay), (bx, by) in zip([points[0], *points[:-1]], points, strict=True):
            dx, dy = bx - ax, by - ay
            along = np.clip(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy or 1), 0, 1)
            image = np.maximum(image, np.clip(1.75 - np.hypot(x - ax - along * dx, y - ay - along * dy), 0, 1))
    return image


def python_centred(strokes):
    points = np.concatenate(strokes)
    middle, size = (points.min(0) + points.max(0)) / 2, np.ptp(points, axis=0).max()
    scale = np.clip(17.5 / max(size, 1), 0.5, 2)
    placed = [(np.array(s) - middle) * scale for s in strokes]
    rough = python_brush([s + 13.5 for s in placed])
    centre = np.array([(rough.sum(axis) * np.arange(28)).sum() for axis in (0, 1)]) / rough.sum()
    return python_brush([s + 27 - centre for s in placed])


def test_parity_of_noise(js):
    images = ae.mnist("test")[0][:120].flatten(1).double()
    levels = np.random.default_rng(0).uniform(0, 0.9, 120)
    calls = [[x.tolist(), KINDS[i % 3], levels[i], i] for i, x in enumerate(images)]
    spoiled = torch.tensor(js.math("denoise_pad", "spoil", calls), dtype=torch.float64)
    expected = torch.stack([python_spoil(x, *call[1:]) for x, call in zip(images, calls, strict=True)])
    torch.testing.assert_close(spoiled, expected, rtol=1e-12, atol=1e-12)


def test_parity_of_the_drawing(js):
    generator = np.random.default_rng(0)
    drawings = []
    for _ in range(110):
        low, high = np.sort(generator.uniform(-0.5, 27.5, 2))
        drawings.append([generator.uniform(low, high, (generator.integers(1, 6), 2)).tolist() for _ in range(3)])
    for function, ours in (("brush", python_brush), ("centred", python_centred)):
        got = np.array(js.math("denoise_pad", function, [[strokes] for strokes in drawings]))
        expected = np.stack([ours(strokes).ravel() for strokes in drawings])
        np.testing.assert_allclose(got, expected, atol=1e-5)
    assert js.math("denoise_pad", "centred", [[[]]]) == [[0] * 784]
