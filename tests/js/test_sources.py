"""What no formatter checks: that a line and a file of JavaScript and of style sheets can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    path
    for pattern in ("aelab/**/*.js", "aelab/**/*.css", "publish/**/*.js", "publish/**/*.css", "tests/**/*.js")
    for path in ROOT.glob(pattern)
    if "dist" not in path.parts
]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_lines_and_files_are_short(path):
    lines = path.read_text("utf-8").splitlines()
    assert [f"{number}: {line}" for number, line in enumerate(lines, 1) if len(line) > 120] == []
    assert len(lines) <= 350
