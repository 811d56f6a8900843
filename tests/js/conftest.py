"""Node, started once: it loads the figures' modules as they are, without a page, and calls their functions."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aelab.figures.kit.base import KIT, module_file

SERVER = Path(__file__).parent / "server.js"
ROOT = Path(__file__).resolve().parents[2]


def source(path: Path) -> Path:
    """The module itself, or the one in its place in the folder $JS_SOURCES: that of a mutant (`js_mutants.py`)."""
    return Path(os.environ.get("JS_SOURCES", ROOT)) / path.resolve().relative_to(ROOT)


def _portable(value: Any) -> Any:
    """JSON; bytes and numbers that JSON has not are marked."""
    if isinstance(value, bytes):
        return {"$bytes": b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: _portable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_portable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"$number": str(value).replace("inf", "Infinity").replace("nan", "NaN")}
    return value


def _numbers(item: dict) -> Any:
    return float(item["$number"].replace("Infinity", "inf")) if set(item) == {"$number"} else item


class Node:
    """A running Node and what it is asked."""

    def __init__(self) -> None:
        here = str(Path(sys.executable).parent)
        node = shutil.which("node", path=here) or shutil.which("node")
        assert node, "no Node on this machine: run `make environment`"
        self.process = subprocess.Popen(
            [node, SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", env={**os.environ}
        )

    def run(self, file: Path, code: str, *values: Any) -> Any:
        """What the function `code` returns: its first argument is the module `file`, the others are `values`.

        Raises:
            RuntimeError: the function throws, in its words.
        """
        assert self.process.stdin
        assert self.process.stdout
        request = {"file": str(file), "code": code, "values": _portable(values)}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline(), object_hook=_numbers)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer.get("value")

    def math(self, module: str, name: str, calls: list) -> list:
        """Call `math[name]` of a figure's module once for each list of arguments."""
        file = module_file(module)
        assert file, module
        code = "(m, name, calls) => calls.map((call) => m.default.math[name](...call))"
        return self.run(source(file), code, name, calls)

    def kit(self, file: str, name: str, calls: list) -> list:
        """Call a function of `kit/{file}.js` once for each list of arguments."""
        code = "(m, name, calls) => calls.map((call) => m[name](...call))"
        return self.run(source(KIT / f"{file}.js"), code, name, calls)


@pytest.fixture(scope="session")
def js() -> Iterator[Node]:
    """Node with the figures' modules."""
    node = Node()
    yield node
    node.process.stdin.close()  # type: ignore[union-attr]
    node.process.wait()
