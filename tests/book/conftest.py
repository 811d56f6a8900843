"""The built book, a local server and one browser, shared by all tests of the published pages."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aebook.fonts import LATE
from project import chromium

ROOT = Path(__file__).resolve().parents[2]
SITE = Path(os.environ.get("BOOK_SITE", ROOT / "_build" / "html")).resolve()
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def pages() -> list[str]:
    """The pages a reader reaches, by their paths in the site; slides are no pages, test_slides.py checks them."""
    found = sorted(str(page.relative_to(SITE)) for page in SITE.rglob("*.html"))
    found = [page for page in found if not page.startswith(("_static/", "slides/"))]
    return [page for page in found if page != "genindex.html"]


def pytest_generate_tests(metafunc):
    if "page_path" in metafunc.fixturenames:
        metafunc.parametrize("page_path", pages() or ["(no page)"])


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built book."""
    if not (SITE / "index.html").is_file():
        pytest.fail("the book is not built: run `make book` first", pytrace=False)
    return SITE


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextmanager
def serving(folder: Path, handler: type[Quiet] = Quiet):
    """A folder over http, as long as the block lasts: the base address, ending in a slash."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/"
        http.shutdown()


@pytest.fixture(scope="session")
def server(site):
    """The site over http: the base address, ending in a slash."""
    with serving(site) as address:
        yield address


@pytest.fixture(scope="session")
def bases(site, server) -> dict[str, str]:
    """Both ways a reader opens the book."""
    return {"http": server, "file": site.as_uri() + "/"}


@pytest.fixture(scope="session")
def browser():
    """Chromium, driven by playwright."""
    found = chromium()
    if not found:
        missing = "no Chromium on this machine: `apt-get install chromium`, or name one in the variable CHROMIUM"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield opened
        opened.close()


class Reader:
    """One browser page, reused: what it asked for, and what went wrong on it."""

    def __init__(self, browser, theme: str = "light", width: int = 1280, height: int = 900, **context):
        self.context = browser.new_context(viewport={"width": width, "height": height}, **context)
        self.context.add_init_script(
            f"try {{ localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}'); }} catch {{}}"
        )
        self.page = self.context.new_page()
        self.requests, self.problems = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", self._failed)
        self.page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        self.page.on("console", lambda said: said.type == "error" and self.problems.append(f"console: {said.text}"))

    def _failed(self, request) -> None:
        if request.failure != "net::ERR_ABORTED":  # by the reader, who went on to the next page
            self.problems.append(f"failed: {request.url}")

    def open(self, address: str):
        self.requests.clear()
        self.problems.clear()
        self.page.goto(address, wait_until="load")
        self.page.evaluate("() => window.MathJax?.startup?.promise?.then(() => 0)")  # of a deck
        self.page.evaluate(LATE)
        self.page.evaluate("() => window.aecore?.all().then(() => 0)")  # a figure out of sight would wait for a reader
        self.page.evaluate("() => document.fonts.ready.then(() => 0)")
        return self.page


@pytest.fixture(scope="session")
def light(browser):
    return Reader(browser, "light")


@pytest.fixture(scope="session")
def dark(browser):
    return Reader(browser, "dark")


@pytest.fixture(scope="session")
def phone(browser):
    return Reader(browser, "light", width=360, height=740, has_touch=True)


@pytest.fixture(scope="session")
def smallest(browser):
    return Reader(browser, "light", width=320, height=640, has_touch=True)


@pytest.fixture(scope="session")
def page_of_figures(browser, bases):
    """The page of all figures, loaded once."""
    return Reader(browser).open(bases["file"] + "figures.html")


@pytest.fixture
def gallery(page_of_figures):
    """The page of all figures as it opens. A test that moves a figure begins with `FigureOnPage.start()`."""
    yield page_of_figures
    restart = "(embed) => { embed.aeEnd(); embed.aeEnd = undefined; aecore.mount(embed); }"
    page_of_figures.evaluate(
        f"() => [...document.querySelectorAll('.ae-embed')].filter((e) => e.aeEnd).forEach({restart})"
    )


@pytest.fixture(scope="session")
def no_script(browser):
    return Reader(browser, "light", java_script_enabled=False)
