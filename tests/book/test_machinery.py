"""The shared parts: several traits at once, rasters and controls, and the README's own example."""

from __future__ import annotations

import re

import ipywidgets
import pytest
from aebook.bundle import esbuild, write_modules

from aelab.figures import BernoulliKL
from aelab.figures.kit import base

from .figure_harness import frames

FIGURES = base.KIT.parent
STAGE = """(state) => {
  const module = trialModule.default;
  const box = document.createElement('div');
  document.querySelector('article').append(box);
  const listeners = {};
  const model = { get: (n) => state[n], save_changes() {}, off() {}, on: (n, f) => (listeners[n] ||= []).push(f),
    set(n, v) { state[n] = v; (listeners[`change:${n}`] || []).forEach((f) => f()); } };
  const end = module.render({ model, el: box });
  window.trial = { box, end, model, module };
}"""


def mount(page, source: str, state: dict, folder=FIGURES):
    """A figure's module at the end of the page, as if it stood in `folder`."""
    script = esbuild("--format=iife", "--global-name=trialModule", source=source, folder=folder)
    page.add_script_tag(content=script)
    page.evaluate(f"(state) => ({STAGE})(state)", state)
    return page.locator("article > div").last


@pytest.fixture
def page(light, bases):
    return light.open(bases["file"] + "figures.html")


def test_what_two_traits_change_is_drawn_once_with_both(page):
    source = """import { define } from "./kit/define.js";
    export default define({ render(f) {
      f.draw(["x", "y"], () => window.drawn.push(f.get("x") + 10 * f.get("y")));
      f.on("x", () => f.set("z", f.get("x")));
      f.draw(["z"], () => window.followed.push(f.get("z")));
      f.button({ label: "both", onclick: () => f.set({ x: 1, y: 2 }) });
    } })"""
    page.evaluate("window.drawn = []; window.followed = []")
    mount(page, source, {"x": 0, "y": 0, "z": 0})
    page.wait_for_function("drawn.length >= 2")  # once when made, once when its size is known
    frames(page)
    page.evaluate("drawn.length = followed.length = 0")
    page.get_by_role("button", name="both").evaluate("(button) => button.click()")  # scrolling would redraw
    assert page.evaluate("drawn") == [21]
    assert page.evaluate("followed") == [1]


def test_python_may_replace_the_data_of_a_figure(page):
    source = """import { define } from "./kit/define.js";
    export default define({ data: ["n"], render(f) {
      const n = f.get("n");
      if (n > 2) throw new Error("n: too many");
      f.readout()(`drawn for ${n}`);
    } })"""
    box = mount(page, source, {"n": 1})
    said = []
    for n in (1, 2, 3, 2):
        page.evaluate("(n) => trial.model.set('n', n)", n)
        said.append(box.inner_text().strip())
    assert said == ["drawn for 1", "drawn for 2", "This figure cannot start: n: too many", "drawn for 2"]
    page.evaluate("() => { trial.end(); trial.box.remove(); }")


def test_rasters_choices_and_toggles(page):
    source = """import { define } from "./kit/define.js";
    export default define({ render(f) {
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
    figure = mount(page, source, {"kind": "a", "on": True, "k": 10})
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
    text = (FIGURES / "README.md").read_text("utf-8")
    script = re.search(r"```js\n(.*?)```", text, re.DOTALL).group(1)
    python = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    (tmp_path / "parabola.js").write_text(script, "utf-8")
    (tmp_path / "kit").symlink_to(FIGURES / "kit")
    write_modules(tmp_path / "dist", [tmp_path / "parabola.js"])
    monkeypatch.setattr(base, "FOLDERS", (tmp_path,))
    monkeypatch.setattr(base, "BUILT", tmp_path / "dist")
    scope = {"__name__": "aelab.figures.parabola", "__package__": "aelab.figures"}
    exec(compile(python, "README.md", "exec"), scope)
    figure = scope["Parabola"](x=0.5)
    assert "0.25" in figure.sentence()
    assert figure.still()["light"].startswith("<?xml")
    assert "export{" in figure._esm
    box = mount(page, script, figure.state())
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
