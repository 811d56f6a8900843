"""A figure with controls that need Python: what the page keeps of it, and what it says instead."""

from __future__ import annotations

import ipywidgets
import pytest
from aebook.nodes import FIGURE, KERNEL

from aecore.widgets import BernoulliKL, InKernel

SAYS = "a slider of Python's moves the target."


def test_the_page_gets_the_figure_and_the_kernel_gets_the_box():
    box = InKernel(BernoulliKL(rho=0.3), ipywidgets.FloatSlider(), says=SAYS)
    bundle = box._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == box.model_id
    assert bundle[FIGURE]["state"]["rho"] == 0.3
    assert SAYS in bundle[FIGURE]["kernel"]
    assert bundle["text/plain"] == "InKernel(BernoulliKL(rho=0.3, rho_hat=0.06), FloatSlider)"


def test_every_lecture_has_such_a_cell_and_its_page_says_so(light, bases, site):
    lectures = sorted(site.glob("chapters/*.html"))
    assert lectures
    for lecture in lectures:
        page = light.open(bases["file"] + f"chapters/{lecture.name}")
        words = page.locator(".ae-embed .ae-kernel")
        assert words.count() >= 1, lecture.name
        assert words.first.inner_text().startswith(KERNEL)
        assert page.locator(".ae-embed:has(.ae-kernel) .ae-figure").first.is_visible()


def test_python_may_replace_the_data_of_a_figure(light, bases):
    page = light.open(bases["file"] + "figures.html")
    words = page.evaluate(
        """() => {
          const listeners = {}, state = { n: 1, title: '', caption: '' }, box = document.createElement('div');
          document.querySelector('article').append(box);
          const model = { get: (k) => state[k], save_changes() {}, off() {},
            on: (k, f) => (listeners[k] ||= []).push(f),
            set(k, v) { state[k] = v; (listeners[`change:${k}`] || []).forEach((f) => f()); } };
          const figure = aecore.helpers.define({ data: ['n'], render(f) {
            const n = f.get('n');
            if (n > 2) throw new Error('n: too many');
            f.readout()(`drawn for ${n}`); } });
          figure.render({ model, el: box });
          const said = [1, 2, 3, 2].map((n) => { model.set('n', n); return box.innerText.trim(); });
          box.remove();
          return said; }"""
    )
    assert words == ["drawn for 1", "drawn for 2", "This figure cannot start: n: too many", "drawn for 2"]


@pytest.mark.parametrize(
    ("figure", "controls", "says", "error", "match"),
    [
        (ipywidgets.FloatSlider(), [ipywidgets.FloatSlider()], SAYS, TypeError, "figure: got FloatSlider"),
        (BernoulliKL(), [], SAYS, TypeError, "controls: got NoneType"),
        (BernoulliKL(), [3], SAYS, TypeError, "controls: got int"),
        (BernoulliKL(), [ipywidgets.FloatSlider()], " ", ValueError, "says: got ' '"),
    ],
)
def test_refuses_by_name(figure, controls, says, error, match):
    with pytest.raises(error, match=match):
        InKernel(figure, *controls, says=says)
