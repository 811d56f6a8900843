"""What esbuild makes of the figures: found, refused where it is missing, watched, and made anew after an edit."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from functools import partial
from http.server import HTTPServer
from types import SimpleNamespace
from urllib.request import urlopen

import build_figures
import figure as workbench
import pytest
import traitlets as t
from aebook.bundle import bundle, esbuild, sources, write_modules

from aelab.figures import FIGURES
from aelab.figures.kit import base


def test_every_figure_has_a_module_that_needs_no_other(tmp_path):
    write_modules(tmp_path)
    built = {path.stem: path.read_text("utf-8") for path in tmp_path.glob("*.js")}
    assert set(built) == {path.stem for path in sources()} >= {kind.module for kind in FIGURES.values()}
    for text in built.values():
        assert "import" not in text.replace("important", "")
        assert "as default" in text
    assert "Mike Bostock" in (tmp_path / "LICENSE-d3").read_text("utf-8")


def test_the_script_of_the_site_is_small_classic_and_licensed():
    text = bundle()
    assert len(gzip.compress(text.encode(), 9)) <= 62_000
    assert "export{" not in text
    assert "Mike Bostock" in text


def test_a_mistake_in_a_module_is_said(tmp_path):
    with pytest.raises(RuntimeError, match=r"(?s)esbuild must succeed, got.*parabola"):
        esbuild("--format=esm", source='import "./parabola.js";', folder=tmp_path)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A figure of a folder of its own, of which nothing is built."""
    (tmp_path / "toy.js").write_text("export default {}\n", "utf-8")
    monkeypatch.setattr(base, "FOLDERS", (tmp_path,))
    monkeypatch.setattr(base, "BUILT", tmp_path / "dist")

    def declare() -> type[base.Figure]:
        return type("Toy", (base.Figure,), {"module": "toy", "x": t.Int(0).tag(sync=True)})

    return SimpleNamespace(folder=tmp_path, declare=declare)


def test_a_figure_that_is_not_built_says_what_to_do(toy):
    kind = toy.declare()  # a lecture that only imports it goes on
    with pytest.raises(FileNotFoundError, match=r"toy\.js must be in .*dist, got no such file: .*`make environment`"):
        kind()
    write_modules(toy.folder / "dist", [toy.folder / "toy.js"])
    assert "export{" in toy.declare()()._esm


def test_the_style_sheet_is_read_anew_for_every_figure(monkeypatch):
    kind = FIGURES["BernoulliKL"]
    monkeypatch.setattr(base, "stylesheet", lambda: ".ae-host {}")
    assert kind()._css == ".ae-host {}"


WATCH = """
import sys, time
from pathlib import Path
from aelab.figures.kit import base
folder = Path(sys.argv[1])
base.FOLDERS, base.BUILT = (folder,), folder
kind = type("Toy", (base.Figure,), {"module": "toy"})
figure = kind()
assert figure._esm == "export default {}\\n", figure._esm
deadline = time.monotonic() + 60
while "after" not in figure._esm and time.monotonic() < deadline:
    (folder / "toy.js").write_text("export default { after: 1 }\\n")
    time.sleep(0.2)
print(figure._esm)
"""


def test_an_edit_reaches_a_figure_of_a_running_kernel(toy):
    """Under `make lab`: the figure that is shown hears of the new module, and JupyterLab shows it."""
    settings = {**os.environ, "ANYWIDGET_HMR": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WATCH, toy.folder], env=settings, capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.strip() == "export default { after: 1 }", done.stderr


def test_the_workbench_makes_anew_what_was_edited(tmp_path, monkeypatch):
    """`make figure`: an edit of JavaScript shows on reload, an edit of Python asks for a figure made by a fresh one."""
    folder, source = tmp_path / "page", tmp_path / "source"
    (folder / "_static").mkdir(parents=True)
    source.mkdir()
    for path in (source / "toy.js", source / "toy.py", folder / "figures.html", folder / "_static" / "aebook.js"):
        path.write_text("old", "utf-8")
        os.utime(path, (1000, 1000))
    monkeypatch.setattr(workbench, "FOLDERS", (source,))
    monkeypatch.setattr(workbench, "HOST", source / "host.js")
    monkeypatch.setattr(workbench, "bundle", lambda: "bundled")
    monkeypatch.setattr(workbench, "style", lambda: "styled")
    ran = []
    failed = SimpleNamespace(returncode=1, stderr="SyntaxError: in toy.py")
    monkeypatch.setattr(workbench.subprocess, "run", lambda command, **options: ran.append(command) or failed)
    handler = partial(workbench.Workbench, name="Toy", directory=str(folder))
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def read(page: str) -> str:
            with urlopen(f"http://127.0.0.1:{server.server_port}/{page}") as answer:
                return answer.read().decode()

        assert read("").count("figures.html") == 3
        assert (read("figures.html"), read("_static/aebook.js"), ran) == ("old", "old", [])
        os.utime(source / "toy.js", (2000, 2000))
        assert (read("figures.html"), read("_static/aebook.js"), ran) == ("old", "bundled", [])
        os.utime(source / "toy.py", (2000, 2000))
        assert read("figures.html?theme=dark") == "SyntaxError: in toy.py"
        assert ran[0][-1] == "Toy"
        server.shutdown()


@pytest.mark.parametrize("error", [None, OSError("no network"), subprocess.CalledProcessError(1, "npm ci")])
def test_the_wheel_holds_the_figures_and_is_built_without_them_where_npm_fails(tmp_path, monkeypatch, error):
    from setuptools import Distribution

    (tmp_path / "aelab").mkdir()
    (tmp_path / "aelab" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    calls = []

    def run(command, **options):
        calls.append(command)
        if error is not None:
            raise error

    monkeypatch.setattr(
        build_figures, "subprocess", SimpleNamespace(run=run, CalledProcessError=subprocess.CalledProcessError)
    )
    build = build_figures.WithFigures(Distribution({"name": "toy", "packages": ["aelab"], "script_name": "setup.py"}))
    build.ensure_finalized()
    warnings = []
    monkeypatch.setattr(build, "warn", warnings.append)
    build.run()
    assert (tmp_path / "build" / "lib" / "aelab" / "__init__.py").is_file()
    assert calls[-1][-1] == tmp_path / "build" / "lib" / "aelab" / "figures" / "dist"
    said = [text for text in warnings if "left out" in text]
    assert [str(error) in text for text in said] == ([] if error is None else [True])
