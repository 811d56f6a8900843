"""Every figure, live in JupyterLab: the keyboard moves it (Lab swallows arrow keys unless told), Python hears it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import pytest

from aelab import figures
from aelab.figures import FIGURES
from aelab.stills import Picture

from .conftest import Reader

SETTINGS = [
    "--IdentityProvider.token=",
    "--ServerApp.password=",
    "--allow-root",
    "--no-browser",
    "--ServerApp.port_retries=0",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab over an empty folder: its address and the folder."""
    folder = tmp_path_factory.mktemp("lab")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", *SETTINGS, f"--port={port}", f"--ServerApp.root_dir={folder}"]
    with (
        (folder / "lab.log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as process,
    ):
        address = f"http://127.0.0.1:{port}/"
        for _ in range(120):
            try:
                urlopen(address + "api", timeout=2).close()
                break
            except (URLError, OSError):
                time.sleep(0.5)
        yield address, folder
        process.terminate()


def run_all(page, done):
    """Run the one cell until the file `done` is there. Where kernels start slowly, Lab asks which it shall be."""
    prompt, asked = page.locator(".jp-Notebook .jp-InputPrompt").first, page.locator(".jp-Dialog .jp-mod-accept")
    deadline = time.monotonic() + 300
    while not done.exists() and time.monotonic() < deadline:
        if asked.is_visible():
            asked.click()
        elif prompt.inner_text().strip() == "[ ]:":
            page.locator(".jp-Notebook .cm-content").first.click()
            page.keyboard.press("Shift+Enter")
        page.wait_for_timeout(500)
    assert done.exists(), f"the notebook did not run to its end; Lab shows\n{page.locator('body').inner_text()[-2000:]}"


@pytest.fixture(scope="module")
def notebook(browser, lab):
    """One notebook with every figure, run once; Python writes down what it hears."""
    address, folder = lab
    source = (
        "from functools import partial\nfrom pathlib import Path\nfrom IPython.display import display\n"
        "from aelab import figures, quizzes\n"
        "def heard(name, change):\n    Path(name + '.heard').write_text(change['name'])\n"
        "for name, kind in figures.FIGURES.items():\n"
        "    figure = kind.example()\n    figure.observe(partial(heard, name), figure._own())\n    display(figure)\n"
        "from ipywidgets import FloatSlider, VBox, link\n"
        "figure, control = figures.BernoulliKL(), FloatSlider(0.05, min=0.01, max=0.5, step=0.01)\n"
        "coupling = link((control, 'value'), (figure, 'rho'))\n"
        "display(VBox([figure, control]))\n"
        "sheet = quizzes.quiz('06')\nsheet.observe(partial(heard, 'Quiz'), 'given')\ndisplay(sheet)\n"
        "Path('done').touch()"
    )
    cells = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    cells.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(cells, folder / "figures.ipynb")
    page = Reader(browser, height=1400).open(address + "lab/tree/figures.ipynb")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
    page.wait_for_timeout(1500)  # Lab restores its layout after the notebook shows
    page.keyboard.press("Escape")
    run_all(page, folder / "done")
    page.locator(".ae-figure").nth(len(FIGURES) + 1).wait_for(timeout=30_000)
    yield page, folder
    page.context.close()


@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_alive_in_jupyterlab(notebook, name):
    page, folder = notebook
    figure = page.locator(".ae-figure").nth(list(FIGURES).index(name))
    figure.scroll_into_view_if_needed()
    slider = figure.locator("input[type=range], [role=slider]").first
    before = figure.locator(".ae-notes").inner_text()
    slider.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    assert figure.locator(".ae-notes").inner_text() != before
    deadline = time.monotonic() + 10
    while not (folder / f"{name}.heard").exists() and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert (folder / f"{name}.heard").exists(), "Python did not hear the hand"


def test_a_plain_control_moves_a_figure_through_python(notebook):
    page, _ = notebook
    figure = page.locator(".ae-figure").nth(len(FIGURES))
    figure.scroll_into_view_if_needed()
    before = figure.locator(".ae-notes").inner_text()
    page.locator(".widget-hslider .noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    deadline = time.monotonic() + 10
    while figure.locator(".ae-notes").inner_text() == before and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert figure.locator(".ae-notes").inner_text() != before


def test_a_quiz_is_alive_in_jupyterlab(notebook):
    page, folder = notebook
    quiz = page.locator(".ae-figure").nth(len(FIGURES) + 1)
    quiz.scroll_into_view_if_needed()
    cells = page.locator(".jp-CodeCell").count()
    card = quiz.locator(".ae-question:not(.ae-away)")
    card.get_by_role("textbox").press_sequentially("ddab")  # Lab's shortcuts: two d delete a cell
    page.keyboard.press("Enter")
    assert card.get_by_role("textbox").input_value() == "ddab"
    assert "not a number" in card.get_by_role("status").inner_text()
    quiz.get_by_role("button", name="Question 4,").press("Enter")
    card.get_by_role("radio").first.focus()
    for key in ("Space", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert card.get_by_role("radio").nth(1).is_checked()
    assert card.get_by_role("status").inner_text().startswith(("Right.", "Not yet."))
    deadline = time.monotonic() + 10
    while not (folder / "Quiz.heard").exists() and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert (folder / "Quiz.heard").exists(), "Python did not hear the answer"
    assert page.locator(".jp-CodeCell").count() == cells


def test_a_figure_trains_in_jupyterlab(notebook):
    """The digits come from Python when they are asked for, and Python hears the weights."""
    page, folder = notebook
    figure = page.locator(".ae-figure").nth(list(FIGURES).index("TrainVAE"))
    figure.scroll_into_view_if_needed()
    (folder / "TrainVAE.heard").unlink(missing_ok=True)
    figure.get_by_role("button", name="Step", exact=True).click()
    figure.get_by_text("Epoch 0.0").wait_for(timeout=30_000)
    deadline = time.monotonic() + 20
    while (folder / "TrainVAE.heard").exists() is False and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert (folder / "TrainVAE.heard").read_text() == "weights"


def test_a_live_figure_hides_its_picture(notebook):
    page, _ = notebook
    saved = page.locator(".ae-saved")
    assert saved.count() == len(FIGURES) + 1  # and the questions; a figure inside of other widgets has none
    assert page.locator(".ae-figure").count() == len(FIGURES) + 2
    assert saved.locator("visible=true").count() == 0


@pytest.mark.parametrize("trusted", [True, False])
def test_a_notebook_that_is_opened_again_shows_pictures_with_their_words(browser, lab, monkeypatch, trusted):
    """Its kernel is gone, and with it every widget: no "model not found", no `repr`."""
    from matplotlib.figure import Figure as Drawing
    from nbformat.sign import NotebookNotary

    address, folder = lab
    figure, bundles = figures.BernoulliKL(), []
    monkeypatch.setattr("IPython.display.display", lambda data, raw, metadata=None: bundles.append(data))
    figure._ipython_display_()
    bundles.append(Picture(Drawing, alt="Nothing but paper.")._repr_mimebundle_()[0])
    outputs = [nbformat.v4.new_output("display_data", data) for data in bundles]
    cells = [nbformat.v4.new_code_cell("1", outputs=part, execution_count=1) for part in (outputs[:2], outputs[2:])]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    again = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    path = folder / f"again-{trusted}.ipynb"
    nbformat.write(again, path)
    if trusted:
        NotebookNotary().sign(nbformat.read(path, as_version=4))
    reader = Reader(browser, height=1400)
    page = reader.open(f"{address}lab/tree/{path.name}?reset")
    page.locator(".ae-saved").wait_for(timeout=60_000)
    page.wait_for_timeout(6000)  # JupyterLab gives up a widget after two seconds with a kernel
    image = page.locator(".ae-saved img")
    assert image.is_visible()
    assert image.evaluate("(image) => image.complete && image.naturalWidth > 500")
    assert image.get_attribute("alt") == figure.sentence()
    assert page.get_by_role("img", name="Nothing but paper.").is_visible()
    text = page.locator(".jp-Notebook").inner_text()
    for dead in ("model not found", "BernoulliKL(", "Loading widget", "Picture:"):
        assert dead not in text
    reader.context.close()
