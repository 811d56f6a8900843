"""`make bundle`: one zip for a memory stick. Unpacked, its `index.html` opens the book without a network."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import student
from project import ROOT

__all__ = ["NAME", "write_zip"]

NAME = "autoencoders-hands-on"
START = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Autoencoders, Hands On</title>
<style>body {{ font: 18px/1.6 system-ui, sans-serif; max-width: 36rem; margin: 12vh auto; padding: 0 1.2rem;
color-scheme: light dark; }} a {{ font-weight: 600; }} code {{ overflow-wrap: anywhere; }}</style></head><body><main>
<h1>Autoencoders, Hands On</h1>
<ul>
<li><a href="book/index.html">Read the book</a>: every figure moves, without a network.</li>
{extra}<li>Run the lectures: <code>pip install "{wheel}[lab]"</code>, then open the folder <code>notebooks</code> in
Jupyter; the copies in <code>notebooks-without-solutions</code> leave the exercises to you.</li>
</ul></main></body></html>
"""
SLIDES = "<li>Show the slides: {}.</li>\n"
PDF = '<li><a href="book.pdf">Print the book</a>.</li>\n'


def build_wheel(folder: Path) -> Path:
    """The package as a wheel, built from a copy: an old `build/` would bring back modules that are gone."""
    with tempfile.TemporaryDirectory() as copy:
        for name in ("pyproject.toml", "README.md", "LICENSE", "publish/build_figures.py", "publish/aebook/bundle.py"):
            (Path(copy) / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, Path(copy) / name)
        for name in ("aecore", "aelab"):
            shutil.copytree(ROOT / name, Path(copy) / name, ignore=shutil.ignore_patterns("__pycache__", "dist"))
        (Path(copy) / "node_modules").symlink_to(ROOT / "node_modules")
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*command, "--wheel-dir", folder, copy], check=True)
    (wheel,) = folder.glob("aecore-*.whl")
    return wheel


def write_zip(build: Path, target: Path) -> Path:
    """Pack the site, the notebooks and the wheel; decks and the PDF too, if `make slides` and `make pdf` made them."""
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch) / NAME
        shutil.copytree(build / "html", top / "book", ignore=shutil.ignore_patterns(".buildinfo", "*.doctree"))
        shutil.copytree(ROOT / "chapters", top / "notebooks", ignore=shutil.ignore_patterns(".*", "*.toml"))
        student.main(top / "notebooks-without-solutions")
        decks = [path.relative_to(top) for path in sorted((top / "book" / "slides").glob("*.html"))]
        links = ", ".join(f'<a href="{deck}">{deck.stem}</a>' for deck in decks)
        extra = [SLIDES.format(links)] if decks else []
        if (build / f"{NAME}.pdf").is_file():
            shutil.copyfile(build / f"{NAME}.pdf", top / "book.pdf")
            extra.append(PDF)
        wheel = build_wheel(top)
        (top / "index.html").write_text(START.format(extra="".join(extra), wheel=wheel.name), "utf-8")
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
            for path in sorted(top.rglob("*")):
                bundle.write(path, path.relative_to(scratch))
    return target


if __name__ == "__main__":
    bundle = write_zip(ROOT / "_build", ROOT / "_build" / f"{NAME}.zip")
    print(f"{bundle.stat().st_size / 1e6:.0f} MB: {bundle}")
