"""The shared parts: the page's forward pass, its random numbers, its rasters, and the README's own example."""

from __future__ import annotations

import re
from base64 import b64encode

import ipywidgets
import numpy as np
import pytest
import torch
from torch import nn

from aecore.widgets import BernoulliKL, base
from aecore.widgets.base import FOLDER
from aecore.widgets.quantize import dequantize, quantize

FORWARD = """([layers, data, inputs]) => {
  const view = new DataView(Uint8Array.from(atob(data), (c) => c.charCodeAt(0)).buffer);
  const run = aecore.helpers.network({ layers, data: view });
  return inputs.map((input) => Array.from(run(Float32Array.from(input))));
}"""
STAGE = """([source, state]) => {
  const module = new Function('ae', source.replace('export default ', 'return '))(aecore.helpers);
  const box = document.createElement('div');
  document.querySelector('article').append(box);
  const listeners = {};
  const model = { get: (n) => state[n], save_changes() {}, off() {}, on: (n, f) => (listeners[n] ||= []).push(f),
    set(n, v) { state[n] = v; (listeners[`change:${n}`] || []).forEach((f) => f()); } };
  const end = module.render({ model, el: box });
  return { box, end, model, module };
}"""


@pytest.fixture
def page(light, bases):
    return light.open(bases["file"] + "figures.html")


def test_what_two_traits_change_is_drawn_once_with_both(page):
    source = """export default ae.define({ render(f) {
      f.draw(["x", "y"], () => window.drawn.push(f.get("x") + 10 * f.get("y")));
      f.on("x", () => f.set("z", f.get("x")));
      f.draw(["z"], () => window.followed.push(f.get("z")));
      f.button({ label: "both", onclick: () => f.set({ x: 1, y: 2 }) });
    } })"""
    page.evaluate("window.drawn = []; window.followed = []")
    page.evaluate(
        f"async ([source, state]) => {{ await ({STAGE})([source, state]); }}", [source, {"x": 0, "y": 0, "z": 0}]
    )
    page.wait_for_function("drawn.length >= 2")  # once when made, once when its size is known
    page.wait_for_timeout(100)
    page.evaluate("drawn.length = followed.length = 0")
    page.get_by_role("button", name="both").evaluate("(button) => button.click()")  # scrolling would redraw
    assert page.evaluate("drawn") == [21]
    assert page.evaluate("followed") == [1]


def test_forward_pass_has_parity(page):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 784), nn.Sigmoid())
    packed = quantize(network)
    inputs = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    got = np.array(page.evaluate(FORWARD, [packed["layers"], b64encode(packed["data"]).decode(), inputs.tolist()]))
    functions = {"relu": lambda v: np.maximum(v, 0), "tanh": np.tanh, "sigmoid": lambda v: 1 / (1 + np.exp(-v))}
    exact = inputs.astype(np.float64)
    for weight, bias, activation in dequantize(packed):
        exact = functions[activation](exact @ weight.T.astype(np.float64) + bias)
    np.testing.assert_allclose(got, exact, atol=2e-6)  # the same weights: float32 rounding only
    with torch.no_grad():
        np.testing.assert_allclose(got, network(torch.tensor(inputs)).numpy(), atol=0.02)  # int8 included


def test_forward_pass_refuses_the_wrong_size(page):
    packed = quantize([(np.eye(3), np.zeros(3), "relu")])
    data = b64encode(packed["data"]).decode()
    with pytest.raises(Exception, match="network: got 2 inputs, takes 3"):
        page.evaluate(FORWARD, [packed["layers"], data, [[1.0, 2.0]]])
    with pytest.raises(Exception, match="network: got 33 bytes, the layers take 44"):
        page.evaluate(FORWARD, [[[3, 4, "relu"]], data, [[1.0, 2.0, 3.0]]])


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ([], "no linear layer"),
        ([(np.full((2, 2), np.nan), np.zeros(2), "relu")], "weight: got NaN"),
        ([(np.eye(2), np.zeros(3), "relu")], "bias: got shape"),
        ([(np.eye(2), np.zeros(2), "relu"), (np.eye(3), np.zeros(3), "relu")], "weight: got shape"),
        ([(np.eye(2), np.zeros(2), "gelu")], "activation: got 'gelu'"),
    ],
)
def test_quantize_refuses_by_name(chain, words):
    with pytest.raises(ValueError, match=words):
        quantize(chain)


def test_quantize_refuses_other_layers():
    with pytest.raises(TypeError, match="Conv2d"):
        quantize(nn.Sequential(nn.Conv2d(1, 1, 3)))


def test_random_numbers_are_normal_and_seeded(page):
    draw = "(seed) => { const r = aecore.helpers.rng(seed); return Array.from({ length: 20000 }, () => r.normal()); }"
    one, two, other = (np.array(page.evaluate(draw, seed)) for seed in (7, 7, 8))
    assert (one == two).all()
    assert not (one == other).any()
    assert abs(one.mean()) < 4 / np.sqrt(len(one))
    assert abs(one.var() - 1) < 4 * np.sqrt(2 / len(one))
    assert abs((one**3).mean()) < 4 * np.sqrt(15 / len(one))


def test_rasters_choices_and_toggles(page):
    source = """export default ae.define({ render(f) {
      const ink = f.digit({ label: "a digit" });
      const filter = f.raster({ label: "a filter", width: 2, height: 1, mode: "diverging" });
      f.choice({ trait: "kind", label: "kind", options: [["a", "one"], ["b", "two"]] });
      f.toggle({ trait: "on", label: "on" });
      f.slider({ trait: "k", label: "k", values: [1, 10, 100], format: (v) => `${v}` });
      f.reset();
      const say = f.readout();
      f.draw(["kind", "on", "k"], () => {
        ink.draw(new Float32Array(784).fill(f.get("on") ? 1 : 0));
        filter.draw([-1, 1]);
        say(`${f.get("kind")} ${f.get("on")} ${f.get("k")}`);
        if (f.get("k") === 100) throw new Error("k is too large");
      });
    } });"""
    page.evaluate(
        f"(arguments_) => {{ window.trial = ({STAGE})(arguments_); }}", [source, {"kind": "a", "on": True, "k": 10}]
    )
    figure = page.locator("article > div").last
    said, error = figure.locator(".ae-say"), figure.locator(".ae-error")
    assert said.inner_text() == "a true 10"
    assert figure.get_by_role("slider", name="k").get_attribute("aria-valuetext") == "10"
    figure.get_by_role("radio", name="two").check()
    figure.get_by_role("checkbox", name="on").uncheck()
    assert said.inner_text() == "b false 10"
    pixels = "(c) => Array.from(c.getContext('2d').getImageData(0, 0, c.width, 1).data.slice(0, 8))"
    assert figure.locator("canvas").first.evaluate(pixels)[:4] == [255, 255, 255, 255]
    assert figure.locator("canvas").last.evaluate(pixels) == [194, 74, 0, 255, 11, 102, 168, 255]
    figure.get_by_role("slider", name="k").press("End")
    assert error.inner_text() == "This figure cannot draw: k is too large"
    figure.get_by_role("button", name="Reset").click()
    assert not error.is_visible()
    assert said.inner_text() == "a true 10"
    page.evaluate("() => { trial.end(); trial.box.remove(); }")


def test_the_example_of_the_readme_works(page, tmp_path, monkeypatch):
    text = (FOLDER / "README.md").read_text("utf-8")
    script = re.search(r"```js\n(.*?)```", text, re.DOTALL).group(1)
    python = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    for name in ("shared.js", "figures.css"):
        (tmp_path / name).write_text((FOLDER / name).read_text("utf-8"), "utf-8")
    (tmp_path / "parabola.js").write_text(script, "utf-8")
    monkeypatch.setattr(base, "FOLDER", tmp_path)
    scope = {"__name__": "aecore.widgets.parabola", "__package__": "aecore.widgets"}
    exec(compile(python, "README.md", "exec"), scope)
    figure = scope["Parabola"](x=0.5)
    assert "0.25" in figure.sentence()
    assert figure.still()["light"].startswith("<?xml")
    page.evaluate(f"(arguments_) => {{ window.trial = ({STAGE})(arguments_); }}", [script, figure.state()])
    box = page.locator("article > div").last
    assert box.locator(".ae-say").inner_text() == "The square of 0.50 is 0.25."
    box.get_by_role("slider", name="point on the parabola").press("ArrowLeft")
    assert box.locator(".ae-say").inner_text() == "The square of 0.45 is 0.20."
    page.evaluate("() => { trial.end(); trial.box.remove(); }")


def test_a_figure_is_an_ipywidget():
    figure, control = BernoulliKL(rho=0.1), ipywidgets.FloatSlider(0.3, min=0.01, max=0.99)
    ipywidgets.link((control, "value"), (figure, "rho_hat"))
    heard = []
    figure.observe(lambda change: heard.append(change["new"]), "rho_hat")
    ipywidgets.VBox([figure, control])
    control.value = 0.5
    figure.rho_hat = 0.6
    assert heard == [0.5, 0.6]
    assert control.value == 0.6


def test_the_bundle_of_a_display_holds_the_live_view_and_the_page():
    data, _ = BernoulliKL()._repr_mimebundle_()
    assert set(data) == {
        "text/plain",
        "application/vnd.jupyter.widget-view+json",
        "application/x-aecore-figure+json",
    }
    assert data["application/x-aecore-figure+json"]["state"]["rho"] == 0.2
