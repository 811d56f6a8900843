"""Do the tests of what is drawn bite? Each mutant is the figures' JavaScript with one mistake, and some test must fail.

    .venv/bin/python tests/js_mutants.py              # all of `mutation/javascript.py`, two at once
    .venv/bin/python tests/js_mutants.py scale quiz   # those whose file or mistake contains one of the words

The pages are those of $BOOK_SITE or of the built book, else a gallery made for the purpose; a mutant has a script of
its own on them. Exit status 1 if a mutant survives, if its passage no longer occurs exactly once, or if a file of
JavaScript has no mutant at all.
"""

import gc
import io
import multiprocessing
import os
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "publish")]

from mutation.javascript import MUTANTS  # noqa: E402
from mutation.mutant import Mutant  # noqa: E402
from mutation.run import HEAVY, FirstFailure, stale  # noqa: E402

SOURCES = ("aelab/figures", "aelab/quizzes")
BOOK = Path(os.environ.get("BOOK_SITE", ROOT / "_build" / "html"))


def pages(folder: Path) -> Path:
    """A site with all figures and quizzes: the built book, or made in `folder`."""
    if (BOOK / "figures.html").is_file():
        return BOOK
    from gallery import write_gallery

    from aelab import quizzes
    from aelab.figures import FIGURES

    write_gallery(folder, [quizzes.quiz(chapter) for chapter in quizzes.chapters()])
    (folder / "figures.html").rename(folder / "quizzes.html")
    write_gallery(folder, [kind.example() for kind in FIGURES.values()])
    return folder


def script(mutant: Mutant, folder: Path) -> str:
    """The script of the pages with the mutant in it; the sources are copied to `folder`."""
    from aebook.bundle import bundle, sources

    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.js")):
            if "dist" not in path.parts:
                copy = folder / path.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    changed = folder / mutant.file
    changed.write_text(changed.read_text("utf-8").replace(mutant.right, mutant.wrong), "utf-8")
    train = folder / "aelab" / "figures" / "kit" / "train"
    return bundle(sources(folder / source for source in SOURCES), train)


def killer(mutant: Mutant, site: Path) -> str | None:
    """The first test that fails on the mutant, None if all pass. Runs in a process of its own."""
    import pytest

    gc.freeze()  # pytest collects garbage ten times a run, and torch's modules are none
    first = FirstFailure()
    with tempfile.TemporaryDirectory(dir=site.parent, ignore_cleanup_errors=True) as folder:
        changed = script(mutant, Path(folder) / "sources")
        copy = shutil.copytree(site, Path(folder) / "site", copy_function=os.link)
        (copy / "_static" / "aebook.js").unlink()
        (copy / "_static" / "aebook.js").write_text(changed, "utf-8")
        os.environ |= {"JS_SOURCES": str(Path(folder) / "sources")}  # for the tests that need no page
        os.environ |= {"BOOK_SITE": str(copy), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", f"--rootdir={ROOT}"]
        with redirect_stdout(io.StringIO()) as output:
            status = pytest.main([*options, *(str(ROOT / test) for test in mutant.tests)], plugins=[first])
    if status == 0:
        return None
    if status != 1 or first.name is None:
        raise RuntimeError(f"{mutant.mistake}: pytest did not run\n{output.getvalue()}")
    return first.name


def without_mutant() -> list[str]:
    """The JavaScript files of figures and quizzes that have no mutant."""
    files = {str(path.relative_to(ROOT)) for source in SOURCES for path in (ROOT / source).rglob("*.js")}
    return sorted(file for file in files - {mutant.file for mutant in MUTANTS} if "/dist/" not in file)


def main(words: list[str]) -> int:
    chosen = [m for m in MUTANTS if not words or any(word in f"{m.file} {m.mistake}" for word in words)]
    gone, bare = stale(chosen), [] if words else without_mutant()
    for mutant in gone:
        print(f"STALE     {mutant.mistake}: {mutant.right!r} is not exactly once in {mutant.file}")
    for file in bare:
        print(f"NO MUTANT {file}")
    fresh = [mutant for mutant in chosen if mutant not in gone]
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(HEAVY)
    survivors = 0
    with (
        tempfile.TemporaryDirectory(dir=ROOT / "tests", ignore_cleanup_errors=True) as folder,
        ProcessPoolExecutor(2, mp_context=server, max_tasks_per_child=1) as pool,
    ):
        site = pages(Path(folder) / "site").resolve()
        for mutant, test in zip(fresh, pool.map(partial(killer, site=site), fresh), strict=True):
            survivors += test is None
            print(f"{'killed' if test else 'SURVIVED':9} {mutant.file}: {mutant.mistake}  {test or ''}", flush=True)
    print(
        f"{len(fresh) - survivors} of {len(chosen)} killed, {survivors} survived, {len(gone)} stale, {len(bare)} bare"
    )
    return int(bool(survivors or gone or bare or not chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
