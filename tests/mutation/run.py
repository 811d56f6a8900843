"""Runs the Python mutants, two at once: `python tests/mutation/run.py`, or with words, those that contain one of them.

Exit status 1 if a mutant survives, if its passage no longer occurs exactly once, or if a file has no mutant at all.
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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from mutation import core, figures, lab, training  # noqa: E402
from mutation.mutant import Mutant  # noqa: E402

MUTANTS: list[Mutant] = [*core.MUTANTS, *training.MUTANTS, *lab.MUTANTS, *figures.MUTANTS]
PACKAGES = ("aecore", "aelab")
LARGE = ("assets", "dist")  # linked into the copy, not copied: no mutant writes there
SLOW = "tests/test_training.py::test_one_epoch_on_mnist_passes_a_set_elbo"
# Imported once by the server that every worker is forked from; never the packages themselves.
HEAVY = ["pytest", "torch", "torchvision", "safetensors.torch", "tqdm.auto", "hypothesis", "scipy.stats"]
HEAVY += ["scipy.integrate", "sklearn.linear_model", "matplotlib.pyplot", "anywidget", "playwright.sync_api"]


class FirstFailure:
    """A pytest plugin that keeps the name of the first test that failed."""

    name: str | None = None

    def pytest_collectreport(self, report) -> None:
        self._keep(report)

    def pytest_runtest_logreport(self, report) -> None:
        self._keep(report)

    def _keep(self, report) -> None:
        if report.failed and self.name is None:
            self.name = report.nodeid.rsplit("/", 1)[-1]


def copy_of_the_packages(folder: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", *LARGE))
        for large in (path for path in (ROOT / package).rglob("*") if path.is_dir() and path.name in LARGE):
            (folder / large.relative_to(ROOT)).symlink_to(large)


def killer(mutant: Mutant) -> str | None:
    """The first test that fails on the mutant, None if all pass. Runs in a process of its own."""
    import pytest

    gc.freeze()  # pytest collects garbage ten times a run, and torch's modules are none
    first = FirstFailure()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copy_of_the_packages(Path(folder))
        source = Path(folder) / mutant.file
        source.write_text(source.read_text("utf-8").replace(mutant.right, mutant.wrong), "utf-8")
        os.chdir(folder)
        sys.path.insert(0, folder)
        sys.path.append(str(ROOT / "publish"))
        os.environ |= {"PYTHONPATH": folder, "AECORE_MUST_BE_IN": folder, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        os.environ |= {"AECORE_CACHE": str(Path(folder) / "cache")}
        os.environ.pop("PYTEST_ADDOPTS", None)
        options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", f"--rootdir={ROOT}", f"--deselect={SLOW}"]
        with redirect_stdout(io.StringIO()) as output:
            status = pytest.main([*options, *(str(ROOT / test) for test in mutant.tests)], plugins=[first])
        os.chdir("/")
    if status == 0:
        return None
    if status != 1 or first.name is None:
        raise RuntimeError(f"{mutant.mistake}: pytest did not run\n{output.getvalue()}")
    return first.name


def stale(mutants: list[Mutant]) -> list[Mutant]:
    """Those whose passage no longer occurs exactly once in the source."""
    return [m for m in mutants if (ROOT / m.file).read_text("utf-8").count(m.right) != 1]


def without_mutant() -> list[str]:
    """The files that hold code and no mutant."""
    files = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    named = {str(path.relative_to(ROOT)) for path in files if path.name != "__init__.py" and path.stat().st_size}
    return sorted(named - {mutant.file for mutant in MUTANTS})


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
    with ProcessPoolExecutor(2, mp_context=server, max_tasks_per_child=1) as pool:
        for mutant, test in zip(fresh, pool.map(killer, fresh), strict=True):
            survivors += test is None
            print(f"{'killed' if test else 'SURVIVED':9} {mutant.file}: {mutant.mistake}  {test or ''}", flush=True)
    killed = len(fresh) - survivors
    print(f"{killed} of {len(chosen)} killed, {survivors} survived, {len(gone)} stale, {len(bare)} files without one")
    return int(bool(survivors or gone or bare or not chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
