"""The figures' JavaScript, bundled by esbuild: one script for the site, one module a figure for the live widget.

`python publish/aebook/bundle.py FOLDER` writes the modules, and needs nothing but Python, Node and `npm ci`; with
`--watch` it goes on, and writes what is edited.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

__all__ = ["bundle", "esbuild", "kernels", "node", "sources", "style", "write_modules"]

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "aelab" / "figures", ROOT / "aelab" / "quizzes")
HOST = Path(__file__).parent / "static" / "host.js"
PACKAGES = ROOT / "node_modules"
TRAIN = ROOT / "aelab" / "figures" / "kit" / "train"
LICENCE = PACKAGES / "d3-shape" / "LICENSE"  # that of all of d3, whose parts end up in what is bundled


def sources(folders: Iterable[Path] = FOLDERS) -> list[Path]:
    """The modules of all figures, in the order of their names."""
    return sorted((path for folder in folders for path in folder.glob("*.js")), key=lambda path: path.name)


def node(*arguments: str | Path, source: str | None = None, folder: Path = ROOT) -> str:
    """Run Node, with `source` as its standard input: what it prints.

    Raises:
        RuntimeError: Node is missing, or what it runs fails.
    """
    here = str(Path(sys.executable).parent)
    found = shutil.which("node", path=here) or shutil.which("node")
    if found is None:
        raise RuntimeError("node must be there: run `sh publish/environment.sh`")
    done = subprocess.run([found, *arguments], input=source, cwd=folder, capture_output=True, encoding="utf-8")
    if done.returncode:
        raise RuntimeError(f"{Path(arguments[0]).name} must succeed, got\n{done.stderr}")
    return done.stdout


def esbuild(*arguments: str | Path, source: str | None = None, folder: Path = ROOT) -> str:
    """Run esbuild: what it prints. `source` is bundled in the place of a file that lies in `folder`.

    Raises:
        RuntimeError: Node or its packages are missing, or esbuild refuses what it read.
    """
    script = PACKAGES / "esbuild" / "bin" / "esbuild"
    if not script.is_file():
        raise RuntimeError(f"{script.relative_to(ROOT)} must be there: run `sh publish/environment.sh`")
    options = ("--bundle", "--minify", "--target=es2022", "--log-level=warning")
    return node(script, *options, *arguments, source=source, folder=folder)


def kernels() -> bytes:
    """`kernels.wat`, by which figures train a network, compiled to WebAssembly."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "kernels.wasm"
        node(PACKAGES / "wabt" / "bin" / "wat2wasm", TRAIN / "kernels.wat", "-o", target)
        return target.read_bytes()


def _built(train: Path = TRAIN) -> list[str]:
    """The names of `built.d.ts` and what stands in their place: the compiled kernels, and the program of the worker."""
    compiled = json.dumps(b64encode(kernels()).decode())
    program = json.dumps(esbuild(train / "worker.js", "--format=iife"))
    return [f"--define:AE_KERNELS={compiled}", f"--define:AE_WORKER={program}"]


def bundle(paths: Iterable[Path] | None = None, train: Path = TRAIN) -> str:
    """One classic script for the whole book: a `type=module` script would be blocked by CORS on `file://`.

    `train` is the folder of the worker's program.

    Example:
        >>> "bernoulli_kl" in bundle()
        True
    """
    found = sources() if paths is None else list(paths)
    lines = [f'import {path.stem} from "{path.as_posix()}";' for path in found]
    start = f"host({{ {', '.join(path.stem for path in found)} }});"
    entry = "\n".join([f'import {{ host }} from "{HOST.as_posix()}";', *lines, start])
    script = esbuild("--format=iife", *_built(train), source=entry)
    return f"/*! with parts of d3:\n{LICENCE.read_text('utf-8')}*/\n{script}"


def style() -> str:
    """The style sheet of all pages and their figures."""
    from aelab.figures.kit.base import stylesheet

    return "".join([stylesheet(), *((HOST.parent / name).read_text("utf-8") for name in ("book.css", "print.css"))])


def write_modules(folder: Path, paths: Iterable[Path] | None = None, *options: str) -> None:
    """Write one ES module a figure, which needs no other file; with "--watch" again and again, until stdin ends."""
    found = sources() if paths is None else list(paths)
    esbuild(*found, "--format=esm", *_built(), f"--outdir={folder}", "--entry-names=[name]", *options)
    shutil.copyfile(LICENCE, folder / "LICENSE-d3")


if __name__ == "__main__":
    write_modules(Path(sys.argv[1]).resolve(), None, *sys.argv[2:])
