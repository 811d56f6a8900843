"""How soon a page of the built book is there: Lighthouse's scores, and the first live figure on a slow phone.

    python benchmarks/page_speed.py                  # index, 07 and 08, the median of three runs
    python benchmarks/page_speed.py --runs 1 index   # one of them, once

The book is served gzipped, as every host of static pages does. Lighthouse comes from the npm registry (about a minute,
once) and drives the Chromium that the browser tests use. The slow phone is Chromium with its processor slowed four
times, 1.6 Mbit/s and 150 ms there and back. Nothing else should run meanwhile: a busy machine is a slow phone.
"""

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "publish"))
from project import chromium  # noqa: E402

BOOK = ROOT / "_build" / "html"
LIGHTHOUSE = "lighthouse@13.5.0"
PAGES = {
    "index": "index.html",
    "07": "chapters/07-reparameterization.html",
    "08": "chapters/08-latent-space.html",
}
SCORES = ("performance", "accessibility", "best-practices", "seo")
TEXT = (".html", ".css", ".js", ".json", ".svg", ".txt", ".xml")
CHROMIUM = chromium() or ""
PHONE = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}

# When the first figure is drawn, and what arrives: a figure lives once its host holds a plot or a canvas.
WATCH = """() => {
  const seen = () => {
    const live = document.querySelector(".ae-mount .ae-figure :is(svg, canvas)");
    if (live && !("aeFirst" in window)) window.aeFirst = performance.now();
  };
  new MutationObserver(seen).observe(document, { childList: true, subtree: true });
}"""


class Gzipped(SimpleHTTPRequestHandler):
    """Files as a host of static pages sends them: text packed, letters and pictures as they are."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the file, packed if it is text."""
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            self.send_error(404)
            return
        body = path.read_bytes()
        self.send_response(200)
        if path.suffix in TEXT:
            body = gzip.compress(body, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600")  # what GitHub Pages says
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder over http as long as the block lasts: its address, ending in a slash."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Gzipped, directory=str(folder))) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/"
        http.shutdown()


def lighthouse(address: str, *, desktop: bool) -> dict[str, float]:
    """Lighthouse's four scores (0 to 100) and the layout shift of one visit.

    Raises:
        RuntimeError: if Lighthouse did not come to an end; with what it said.
    """
    npx = ROOT / ".venv" / "bin" / "npx"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [str(npx if npx.exists() else "npx"), "--yes", LIGHTHOUSE, address, "--quiet", "--output=json"]
        command += [f"--output-path={report}", "--chrome-flags=--headless=new --no-sandbox --disable-gpu"]
        command += ["--preset=desktop"] if desktop else []
        path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
        environment = {**os.environ, "CHROME_PATH": CHROMIUM, "PATH": path}
        ran = subprocess.run(command, capture_output=True, text=True, env=environment)
        if not report.exists():
            raise RuntimeError(f"Lighthouse gave no report for {address}: {ran.stderr[-500:]}")
        found = json.loads(report.read_text("utf-8"))
    scores = {name: 100 * found["categories"][name]["score"] for name in SCORES}
    return scores | {"shift": found["audits"]["cumulative-layout-shift"]["numericValue"]}


def first_figure(browser: Browser, address: str) -> tuple[float, float]:
    """On a slow phone: seconds until the first figure lives (nan where the page has none), and KB over the wire."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    sizes: list[float] = []
    devtools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", PHONE)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.add_init_script(f"({WATCH})()")
    page.goto(address, wait_until="load", timeout=120_000)
    page.wait_for_timeout(3000)
    first = page.evaluate("window.aeFirst ?? NaN")
    context.close()
    return first / 1000, sum(sizes) / 1000


def main(names: list[str], runs: int) -> dict[str, dict[str, float]]:
    """Print a row for each page: the medians over the runs; return them by page."""
    rows: dict[str, dict[str, float]] = {}
    head = f"{'page':8}" + "".join(f"{name:>16}" for name in (*SCORES, "shift"))
    with served(BOOK) as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        print("slow phone")
        for name in names:
            visits = [first_figure(browser, base + PAGES[name]) for _ in range(runs)]
            rows[name] = {"first figure": statistics.median(v[0] for v in visits), "KB": visits[-1][1]}
            print(f"{name:8} first figure {rows[name]['first figure']:.1f} s, {rows[name]['KB']:.0f} KB over the wire")
        browser.close()
        for way in ("mobile", "desktop"):
            print(f"Lighthouse, {way}\n{head}")
            for name in names:
                visits = [lighthouse(base + PAGES[name], desktop=way == "desktop") for _ in range(runs)]
                median = {key: statistics.median(visit[key] for visit in visits) for key in visits[0]}
                rows[name] |= {f"{way} {key}": value for key, value in median.items()}
                print(f"{name:8}" + "".join(f"{value:16.3g}" for value in median.values()), flush=True)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", default=list(PAGES), help=f"some of {', '.join(PAGES)}")
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    if wrong := set(chosen.pages) - set(PAGES):
        sys.exit(f"pages must be some of {list(PAGES)}, got {sorted(wrong)}")
    main(chosen.pages, chosen.runs)
