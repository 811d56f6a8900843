"""What every figure's browser test needs: find it, move it, read what it shows.

Example (the whole test of a figure):

    def test_bernoulli_kl(light, bases):
        figure = FigureOnPage(light.open(bases["file"] + "figures.html"), "BernoulliKL")
        figure.check_slider("activation ρ̂")
        figure.check_handle("mean activation ρ̂", dx=80)
        figure.check_reset()
        plot = figure.drawn().plot("penalty")
        plot.curve("L1", "green", lambda q: q)
"""

from __future__ import annotations

import base64

from aelab.figures import FIGURES

from .drawn import READ, Drawn

FINGERPRINT = """(embed) => {
  const body = embed.querySelector('.ae-body').cloneNode(true);
  body.querySelectorAll('.ae-held').forEach((node) => node.classList.remove('ae-held'));
  const canvases = [...embed.querySelectorAll('canvas')].map((canvas) => canvas.toDataURL());
  return body.innerHTML + canvases.join('');
}"""


def frames(page, count: int = 3) -> None:
    """Wait until the page has drawn so many frames: what was to follow from before has then followed."""
    page.evaluate(
        """(count) => new Promise((done) => {
          const next = () => (count-- ? requestAnimationFrame(next) : done());
          next();
        })""",
        count,
    )


def revived(value):
    """What came from the page, its buffers as bytes."""
    if isinstance(value, list):
        return [revived(item) for item in value]
    if isinstance(value, dict):
        return base64.b64decode(value["$bytes"]) if "$bytes" in value else {k: revived(v) for k, v in value.items()}
    return value


class FigureOnPage:
    """One figure of a page, found by its class name."""

    def __init__(self, page, name: str, nth: int = 0):
        self.page, self.name = page, name
        self.embed = page.locator(f'.ae-embed[data-module="{FIGURES[name].module}"]').nth(nth)
        self.embed.scroll_into_view_if_needed()
        assert self.embed.locator(".ae-figure").count() == 1, f"{name} did not start: {self.embed.inner_text()}"

    # ---- reading

    def picture(self) -> str:
        """Everything that is drawn: the SVG as text, canvases as data."""
        return self.embed.evaluate(FINGERPRINT)

    def readout(self) -> str:
        """The sentence and the numbers under the figure."""
        return self.embed.locator(".ae-notes").inner_text()

    def trait(self, name: str):
        return self.embed.evaluate("(embed, name) => embed.aeModel.get(name)", name)

    def error(self) -> str:
        return self.embed.locator(".ae-error:not([hidden])").all_inner_texts()

    def slider(self, label: str):
        return self.embed.get_by_role("slider", name=label, exact=True).and_(self.page.locator("input"))

    def handle(self, label: str):
        return self.embed.get_by_role("slider", name=label, exact=True).and_(self.page.locator("g"))

    def drawn(self, canvases: bool = False) -> Drawn:
        """Everything that is drawn, in numbers: see `drawn.py`."""
        traits = [name for name in FIGURES[self.name].class_traits(sync=True) if not name.startswith("_")]
        inherited = {"layout", "comm", "keys", "tabbable", "tooltip"}
        what = {"canvases": canvases, "traits": [name for name in traits if name not in inherited]}
        return Drawn(revived(self.embed.evaluate(READ, what)))

    def start(self) -> None:
        """As it opens, whatever was done to it: the page of all figures is loaded once, and `gallery` puts it back."""
        self.page.mouse.move(1, 1)
        self.embed.evaluate("(embed) => { embed.aeEnd?.(); embed.aeEnd = aecore.mount(embed); }")

    def press(self, label: str, *keys: str) -> None:
        """Keys on a slider."""
        for key in keys:
            self.slider(label).press(key)

    def nudge(self, label: str, *keys: str) -> None:
        """Keys on a handle."""
        for key in keys:
            self.handle(label).press(key)

    def choose(self, label: str, words: str) -> None:
        """One of several, by its words."""
        group = self.embed.get_by_role("radiogroup", name=label, exact=True)
        group.get_by_role("radio", name=words, exact=True).check()

    def until(self, condition: str) -> None:
        """Wait until an expression of `get(trait)` is true."""
        function = f"(embed) => {{ const get = (name) => embed.aeModel.get(name); return {condition}; }}"
        self.page.wait_for_function(function, arg=self.embed.element_handle())

    def watch(self, selector: str, attribute: str) -> None:
        """Note from now on what an attribute of one of the marks becomes: `watched` has it."""
        self.embed.evaluate(
            """(embed, [selector, attribute]) => {
              const mark = embed.querySelector(selector), seen = (embed.aeSeen = []);
              const note = () => seen.push(mark.getAttribute(attribute));
              new MutationObserver(note).observe(mark, { attributes: true, attributeFilter: [attribute] });
            }""",
            [selector, attribute],
        )

    def watched(self) -> list[str]:
        """What a watched attribute was since."""
        return self.embed.evaluate("(embed) => embed.aeSeen")

    def until_picture(self, picture: str) -> None:
        """Wait until this is drawn."""
        function = f"([embed, picture]) => ({FINGERPRINT})(embed) === picture"
        self.page.wait_for_function(function, arg=[self.embed.element_handle(), picture])

    # ---- moving, with the promise that something is seen and something is said

    def _changes(self, move) -> None:
        before = self.picture(), self.readout()
        move()
        after = self.picture(), self.readout()
        assert before[0] != after[0], f"{self.name}: the picture did not change"
        assert before[1] != after[1], f"{self.name}: the read-out did not change"
        assert self.error() == []

    def check_slider(self, label: str) -> None:
        """By keyboard, then by mouse; the value is spoken."""
        slider = self.slider(label)
        spoken = slider.get_attribute("aria-valuetext")
        assert spoken
        slider.focus()
        key = "ArrowRight" if float(slider.input_value()) < float(slider.get_attribute("max")) else "ArrowLeft"
        self._changes(lambda: self.page.keyboard.press(key))
        assert slider.get_attribute("aria-valuetext") != spoken
        box = slider.bounding_box()
        far = 0.2 if float(slider.input_value()) > float(slider.get_attribute("max")) / 2 else 0.8
        self._changes(lambda: self.page.mouse.click(box["x"] + far * box["width"], box["y"] + box["height"] / 2))
        before = slider.input_value()
        for key, end in (("End", "max"), ("Home", "min")):
            slider.press(key)
            assert slider.input_value() == slider.get_attribute(end), f"{label}: {key} leads elsewhere"
        slider.fill(before)

    def check_handle(self, label: str, dx: float = 60, dy: float = 0) -> None:
        """By keyboard, then dragged by the mouse."""
        handle = self.handle(label)
        handle.focus()
        self._changes(lambda: self.page.keyboard.press("Shift+ArrowRight" if dx else "Shift+ArrowUp"))
        box = handle.locator(".ae-hit").bounding_box()
        assert min(box["width"], box["height"]) >= 24, f"{label}: the target is smaller than 24 pixels"
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

        def drag():
            self.page.mouse.move(x, y)
            self.page.mouse.down()
            self.page.mouse.move(x + dx, y + dy, steps=4)
            self.page.mouse.up()

        self._changes(drag)
        for key, end in (("Home", "aria-valuemin"), ("End", "aria-valuemax")) if dx else ():
            handle.press(key)
            now, there = (float(handle.get_attribute(name)) for name in ("aria-valuenow", end))
            assert abs(now - there) < 1e-6, f"{label}: {key} leads to {now}, not to {there}"

    def check_choice(self, label: str) -> None:
        """Take an option that is not taken, by the keyboard."""
        group = self.embed.get_by_role("radiogroup", name=label, exact=True)
        group.locator("input:checked").focus()
        self._changes(lambda: self.page.keyboard.press("ArrowRight"))

    def check_reset(self) -> None:
        """Move something first: Reset has to bring back the picture and the read-out of the start."""
        button = self.embed.get_by_role("button", name="Reset")
        button.click()
        start = self.readout()
        slider = self.embed.locator("input[type=range]").first
        slider.focus()
        self.page.keyboard.press("End" if float(slider.input_value()) < float(slider.get_attribute("max")) else "Home")
        assert self.readout() != start
        button.click()
        assert self.readout() == start

    def check_room(self, slack: int = 70) -> None:
        """The height that Python declares holds the figure (nothing jumps) without a hole under it."""
        mount, host = (self.embed.locator(name).bounding_box()["height"] for name in (".ae-mount", ".ae-host"))
        declared = self.embed.evaluate(
            "(embed) => parseFloat(getComputedStyle(embed.querySelector('.ae-mount')).minHeight)"
        )
        assert mount <= declared + 1, f"{self.name}: takes {mount:.0f} px, declares {declared:.0f}"
        assert declared - host < slack, f"{self.name}: takes {host:.0f} px, declares {declared:.0f}"
