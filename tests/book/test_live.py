"""A figure with controls that need Python: what the page keeps of it, and what it says instead."""

from __future__ import annotations

import ipywidgets
import pytest
from aebook.nodes import KERNEL

from aelab.figures import BernoulliKL, InKernel

from .conftest import ROOT

SAYS = "a slider of Python's moves the target."


def test_the_page_of_a_lecture_with_such_a_cell_says_so(light, bases, site):
    lectures = [
        path for path in sorted(ROOT.glob("chapters/*.ipynb")) if "figures.InKernel(" in path.read_text("utf-8")
    ]
    assert lectures
    for lecture in lectures:
        page = light.open(bases["file"] + f"chapters/{lecture.stem}.html")
        words = page.locator(".ae-embed .ae-kernel")
        assert words.count() >= 1, lecture.name
        assert words.first.inner_text().startswith(KERNEL)
        assert page.locator(".ae-embed:has(.ae-kernel) .ae-figure").first.is_visible()


@pytest.mark.parametrize(
    ("figure", "controls", "says", "error", "match"),
    [
        (
            ipywidgets.FloatSlider(),
            [ipywidgets.FloatSlider()],
            SAYS,
            TypeError,
            "figure must be a Figure of aelab.figures, got FloatSlider",
        ),
        (BernoulliKL(), [], SAYS, TypeError, "controls must be widgets, at least one, got NoneType"),
        (BernoulliKL(), [3], SAYS, TypeError, "controls must be widgets, at least one, got int"),
        (
            BernoulliKL(),
            [ipywidgets.FloatSlider()],
            " ",
            ValueError,
            "says must say what the controls do, in words, got ' '",
        ),
    ],
)
def test_refuses_by_name(figure, controls, says, error, match):
    with pytest.raises(error, match=match):
        InKernel(figure, *controls, says=says)
