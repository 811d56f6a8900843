"""Tables: every value in its place, in HTML and in text; what does not fit is refused by name."""

import statistics

import pytest
import torch
from bs4 import BeautifulSoup

from aelab import stills

ROWS = {"a <b>": [1.256, 12_345, None], "c": [(torch.tensor(-0.001), 0.5), True, "word"]}


def test_a_table_shows_every_value_with_its_row_and_column():
    table = stills.table(ROWS, columns=["x", "n", "w & v"], corner="name", caption="Some numbers")
    page = BeautifulSoup(table._repr_html_(), "html.parser")
    assert page.caption.text == "Some numbers"
    assert [cell.text for cell in page.thead.find_all("th")] == ["name", "x", "n", "w & v"]
    found = [[cell.text for cell in row.find_all(["th", "td"])] for row in page.tbody.find_all("tr")]
    assert found == [["a <b>", "1.26", "12,345", ""], ["c", "0.00 ± 0.50", "yes", "word"]]
    assert {cell["scope"] for cell in page.find_all("th")} == {"col", "row"}
    for line, row in zip(repr(table).splitlines()[2:], found, strict=True):
        assert line.split() == " ".join(row).split()


def test_digits_are_those_of_the_column_and_numbers_without_end_have_a_sign():
    table = stills.table({"a": [1.0, 1.0], "b": [float("-inf"), -1.25]}, columns=["x", "y"], digits=[0, 3])
    assert table.rows == [["a", "1", "1.000"], ["b", "−∞", "−1.250"]]


def test_one_value_needs_no_list():
    rows = {"a": 0.5, "b": (1.0, 0.1), "c": (torch.tensor(2.0), torch.tensor(0.25)), "d": [(3, 0.5)], "e": (4.0,)}
    made = stills.table(rows, columns=["x"])
    assert made.rows == [["a", "0.50"], ["b", "1.00 ± 0.10"], ["c", "2.00 ± 0.25"], ["d", "3 ± 0.50"], ["e", "4.00"]]
    assert stills.table({"a": (1.0, 0.1)}, columns=["x", "y"]).rows == [["a", "1.00", "0.10"]]


def test_a_corner_without_words_is_no_header():
    page = BeautifulSoup(stills.table({"a": 0.5}, columns=["x"])._repr_html_(), "html.parser")
    first, second = page.thead.tr.find_all(["td", "th"])
    assert (first.name, first.attrs, first.text) == ("td", {}, "")
    assert (second.name, second["scope"], second.text) == ("th", "col", "x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({}, {"columns": ["x"]}), "rows must hold at least one row"),
        (({"a": [1]}, {"columns": []}), "columns must hold at least one name"),
        (({"a": [1, 2]}, {"columns": ["x"]}), r"rows\['a'\] must hold 1 values, one for each column, got 2"),
        (({"a": ("b", "c")}, {"columns": ["x"]}), r"rows\['a'\] must hold 1 values, one for each column, got 2"),
        (({"a": [1]}, {"columns": ["x"], "digits": [1, 2]}), "digits must be one number or 1"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        stills.table(arguments[0], **arguments[1])
    with pytest.raises(TypeError, match=r"rows\['a'\] must hold numbers, texts, None or pairs"):
        stills.table({"a": [object()]}, columns=["x"])


def test_the_spread_is_the_standard_deviation_of_a_sample():
    values = [1.0, 2.0, 4.0, 9.0]
    assert stills.mean_and_spread(values) == (statistics.mean(values), pytest.approx(statistics.stdev(values)))
    assert stills.mean_and_spread(torch.tensor(values, dtype=torch.float32)) == stills.mean_and_spread(values)
    assert stills.columns_of(zip(values, values[::-1], strict=True)) == [stills.mean_and_spread(values)] * 2
    for lonely in ([3.0], [], torch.tensor(1.0)):
        with pytest.raises(ValueError, match="two or more"):
            stills.mean_and_spread(lonely)
    with pytest.raises(ValueError, match="argument"):
        stills.columns_of([[1.0, 2.0], [3.0]])
