"""How long a figure's redraw takes, from the move of a control to the finished layout, in Chromium.

    python benchmarks/figure_latency.py          # the built book
    python benchmarks/figure_latency.py FOLDER   # what `publish/gallery.py FOLDER` wrote

For every slider and handle of every figure: the median and the 95th percentile of 200 moves in milliseconds, and the
median as a share of a frame (60 a second). Other work on the machine only adds time: the best of three runs counts.
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "publish"))
from project import chromium

MOVES, RUNS, FRAME = 200, 3, 1000 / 60
BOOK = Path(__file__).parents[1] / "_build" / "html"

SLIDERS = """([embed, moves]) => [...embed.querySelectorAll("input[type=range]")].filter((input) =>
  input.checkVisibility({ checkVisibilityCSS: true })).map((input) => {
  const [low, high, step] = [input.min, input.max, input.step || 1].map(Number), times = [];
  const count = Math.round((high - low) / step) + 1, before = input.value;
  const move = (value) => {
    input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    embed.getBoundingClientRect();  // layout is part of it
  };
  for (let i = 0; i < moves; i++) {
    const begin = performance.now();
    move(low + step * ((i * 37 + (i % 2)) % count));
    times.push(performance.now() - begin);
  }
  move(before);
  return [input.parentNode.querySelector(".ae-label").textContent, times.sort((a, b) => a - b)];
})"""

HANDLES = """([embed, moves]) => [...embed.querySelectorAll(".ae-handle")].filter((handle) =>
  handle.checkVisibility({ checkVisibilityCSS: true })).map((handle) => {
  const svg = handle.closest("svg.ae-plot"), box = svg.getBoundingClientRect(), times = [];
  handle.setPointerCapture = svg.setPointerCapture = () => {};
  const hand = (type, x, y) => handle.dispatchEvent(new PointerEvent(type, { bubbles: true, buttons: 1, pointerId: 1,
    clientX: box.left + x * box.width, clientY: box.top + y * box.height, pointerType: "touch" }));
  hand("pointerdown", 0.5, 0.5);
  for (let i = 0; i < moves; i++) {
    const begin = performance.now();
    hand("pointermove", 0.2 + ((i * 37) % 60) / 100, 0.2 + ((i * 53) % 60) / 100);
    embed.getBoundingClientRect();
    times.push(performance.now() - begin);
  }
  hand("pointerup", 0, 0);
  return [`handle: ${handle.getAttribute("aria-label")}`, times.sort((a, b) => a - b)];
})"""


def best(runs: list[list]) -> list[tuple[str, float, float]]:
    """Of each control the median and the 95th percentile of the run with the smaller median."""
    found = []
    for control in zip(*runs, strict=True):
        name, times = min(control, key=lambda run: run[1][MOVES // 2])
        found.append((name, times[MOVES // 2], times[int(0.95 * MOVES)]))
    return found


def main(folder: Path) -> None:
    """Print a row for each control of each figure on the page of all figures."""
    print(f"{'figure':20} {'control':34} {'median':>8} {'95 %':>8} {'of a frame':>11}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto((folder / "figures.html").resolve().as_uri())
        page.evaluate("window.aecore?.all?.()")  # they wake when they are near
        for embed in page.query_selector_all(".ae-embed"):
            embed.scroll_into_view_if_needed()
            for script in (SLIDERS, HANDLES):
                for name, median, tail in best([page.evaluate(script, [embed, MOVES]) for _ in range(RUNS)]):
                    row = f"{embed.get_attribute('data-module'):20} {name:34} {median:6.1f}ms {tail:6.1f}ms"
                    print(f"{row} {median / FRAME:11.0%}")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else BOOK)
