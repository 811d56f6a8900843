"""The pages for the lecturer: times add up, and what is named or linked is there. Their words are free."""

import re

import pytest
from pages import ROOT, broken_links

from aelab import figures

TEACHING = ROOT / "teaching"
LECTURES = sorted((ROOT / "chapters").glob("*.ipynb"))
PAGES = sorted(TEACHING.glob("[0-9]*.md"))
every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
every_file = pytest.mark.parametrize("path", sorted(TEACHING.glob("*.md")), ids=lambda path: path.stem)


def tables(text: str) -> list[list[list[str]]]:
    """Every table: its rows without the head, each a list of cells."""
    found = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    return [[[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]] for table in found]


def plans(text: str) -> list[list[list[str]]]:
    """The tables that are plans: their first two columns are when a row begins, and how many minutes it takes."""
    return [table for table in tables(text) if all(cell.isdigit() for row in table for cell in row[:2])]


def minutes(plan) -> int:
    """The minutes of a plan, whose rows begin where the ones before end."""
    begins, lasts = zip(*((int(at), int(lasting)) for at, lasting, *_ in plan), strict=True)
    assert list(begins) == [sum(lasts[:row]) for row in range(len(lasts))]
    return sum(lasts)


def test_every_lecture_has_a_page_and_the_table_of_contents_has_them_all():
    assert [path.stem for path in PAGES] == [path.stem for path in LECTURES]
    listed = re.findall(r"- file: (teaching/\S+)", (ROOT / "_toc.yml").read_text("utf-8"))
    assert sorted(listed) == sorted(f"teaching/{path.stem}" for path in TEACHING.glob("*.md"))


@every_page
def test_a_page_has_a_plan_of_45_and_one_of_90_minutes(path):
    assert sorted(map(minutes, plans(path.read_text("utf-8")))) == [45, 90]


def test_the_syllabus_of_one_and_of_three_lectures_takes_90_minutes_each():
    assert list(map(minutes, plans((TEACHING / "index.md").read_text("utf-8")))) == [90] * 4


def test_tables_of_the_overview_go_through_every_lecture_in_order():
    for table in tables((TEACHING / "index.md").read_text("utf-8")):
        named = re.findall(r"\]\((\d\S+?)\.md\)", " ".join(cell for row in table for cell in row))
        assert named in ([], [path.stem for path in LECTURES])


@every_file
def test_links_lead_to_a_page_and_a_heading_that_exist(path):
    assert broken_links(path) == []


@every_file
def test_exercises_and_equations_that_are_named_exist(path):
    sources = {lecture.stem[:2]: lecture.read_text("utf-8") for lecture in LECTURES}
    text = path.read_text("utf-8")
    named = re.findall(r"Exercise (\d)\.(\d)", text)
    assert all(f"**Exercise {lecture}.{number} (" in sources[f"0{lecture}"] for lecture, number in named)
    assert all(rf"\\tag{{{tag}}}" in sources[f"0{tag[0]}"] for tag in re.findall(r"\((\d\.\d+)\)", text))


@every_page
def test_a_page_points_at_every_exercise_of_its_lecture(path):
    lecture = (ROOT / "chapters" / f"{path.stem}.ipynb").read_text("utf-8")
    there = set(re.findall(r"\*\*Exercise (\d\.\d) \(", lecture))
    assert there
    assert there <= set(re.findall(r"Exercise (\d\.\d)", path.read_text("utf-8")))


@every_page
def test_every_figure_of_the_lecture_is_shown_and_every_figure_named_exists(path):
    named = set(re.findall(r"`([A-Z]\w+)`", path.read_text("utf-8")))
    lecture = (ROOT / "chapters" / f"{path.stem}.ipynb").read_text("utf-8")
    assert named == {name for name in figures.FIGURES if re.search(rf"figures\.{name}\b", lecture)}


@every_page
def test_questions_have_numbers_wrong_answers_and_a_place_in_a_plan(path):
    text = path.read_text("utf-8")
    questions = re.split(r"^\*\*(\d)\. ", re.split(r"^(?=## .*\n\n\*\*1\. )", text, flags=re.MULTILINE)[-1], flags=re.M)
    numbers = questions[1::2]
    assert [int(number) for number in numbers] == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 4
    assert all("\n- " in part for part in questions[2::2])
    cells = " ".join(cell for plan in plans(text) for row in plan for cell in row)
    asked = {
        number for row in re.findall(r"Questions? (\d(?:[, and]*\d)*)", cells) for number in re.findall(r"\d", row)
    }
    assert asked == set(numbers)


def test_make_knows_every_target_that_is_named():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = re.findall(r"`make (\w+)`", (TEACHING / "index.md").read_text("utf-8"))
    assert named
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named)
