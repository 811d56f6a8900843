"""coverage.md holds every item of the lecture, and points at sections, functions and tests that exist."""

import csv
import re

import pytest
from pages import ROOT, anchors

import aecore as ae

ITEMS = [
    row["id"] for row in csv.DictReader((ROOT / "tests" / "lecture_items.tsv").open(encoding="utf-8"), delimiter="\t")
]
TABLES = [  # topic and sections; then, in a fold, functions and tests
    {
        cells[0]: cells[1:]
        for line in part.splitlines()
        if re.match(r"\| L\d\d ", line)
        for cells in [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]]
    }
    for part in (ROOT / "coverage.md").read_text("utf-8").split("<details>")
]
ROWS = {item: [*TABLES[0].get(item, []), *TABLES[1].get(item, [])] for item in TABLES[0]}


def test_every_item_of_the_lecture_has_a_row():
    assert [list(table) for table in TABLES] == [ITEMS, ITEMS]


@pytest.mark.parametrize("item", ITEMS)
def test_a_section_exists(item):
    links = re.findall(r"\]\(([^)#]+)#([^)]+)\)", ROWS[item][1])
    assert links
    for page, anchor in links:
        assert anchor in anchors(ROOT / page), f"{page} has no heading #{anchor}"


@pytest.mark.parametrize("item", ITEMS)
def test_functions_exist(item):
    names = re.findall(r"`(\w+)`", ROWS[item][2])
    assert names
    assert all(name in ae.__all__ for name in names)


@pytest.mark.parametrize("item", ITEMS)
def test_tests_exist(item):
    found = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", ROWS[item][3])
    assert found
    for path, name in found:
        assert f"def {name or 'test_'}" in (ROOT / path).read_text("utf-8")
