"""coverage.md holds every item of the lecture, and points at sections, functions and tests that exist."""

import csv
import re

import pytest
from pages import ROOT, anchors

import aecore as ae

ITEMS = {
    row["id"]: row["lecture topic"]
    for row in csv.DictReader((ROOT / "tests" / "lecture_items.tsv").open(encoding="utf-8"), delimiter="\t")
}
ROWS = {
    cells[0]: cells[1:]
    for line in (ROOT / "coverage.md").read_text("utf-8").splitlines()
    if re.match(r"\| L\d\d ", line)
    for cells in [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]]
}


def test_every_item_of_the_lecture_has_a_row():
    assert list(ROWS) == list(ITEMS)


@pytest.mark.parametrize("item", ITEMS)
def test_a_row_names_the_topic_as_the_lecture_does(item):
    assert ROWS[item][0] == ITEMS[item]


@pytest.mark.parametrize("item", ITEMS)
def test_a_section_exists_or_its_lecture_is_said_to_be_in_preparation(item):
    section = ROWS[item][1]
    links = re.findall(r"\]\(([^)#]+)#([^)]+)\)", section)
    if not links:
        lecture = re.fullmatch(r"lecture (\d\d), \*in preparation\*", section).group(1)
        assert not list((ROOT / "chapters").glob(f"{lecture}-*.ipynb")), f"lecture {lecture} is there: link to it"
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
