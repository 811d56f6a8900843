"""Tables of results: HTML where there is a page, aligned text where there is none."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from numbers import Real

import torch
from torch import Tensor

__all__ = ["Table", "columns_of", "mean_and_spread", "table"]

Value = object  # a number, a text, or (mean, spread)


class Table:
    """A table that shows as HTML in a notebook and on the page, and as aligned text in a terminal; made by `table`."""

    def __init__(self, head: list[str], rows: list[list[str]], caption: str) -> None:
        self.head, self.rows, self.caption = head, rows, caption

    def __repr__(self) -> str:
        """The same as text: the first column to the left, the others to the right."""
        lines = [self.head, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.head))]

        def line(cells: list[str]) -> str:
            first, *others = zip(cells, widths, strict=True)
            return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip()

        return "\n".join([*([self.caption] if self.caption else []), *map(line, lines)])

    def _repr_html_(self) -> str:
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        # A header cell has to say something (axe: empty-table-header): without words it is no header.
        head = "".join(f'<th scope="col">{escape(name)}</th>' if name else "<td></td>" for name in self.head)
        body = "".join(
            f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'
            for first, *cells in self.rows
        )
        return f'<table class="ae-data">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def table(
    rows: Mapping[object, Sequence[Value] | Value],
    *,
    columns: Sequence[str],
    corner: str = "",
    digits: int | Sequence[int] = 2,
    caption: str = "",
) -> Table:
    """A small table of results.

    Args:
        rows: name of the row -> its values, one for each column; of a single column the value alone. A value is a
            text, a number (tensors of one element too), None for an empty cell, or a pair (mean, spread), which shows
            as "mean ± spread".
        columns: the names of the columns.
        corner: what the names of the rows are.
        digits: decimals of the numbers, for all columns or for each; whole numbers of type int keep none.
        caption: a line above the table.

    Returns:
        A `Table`, to be the last expression of a cell.

    Raises:
        ValueError: if rows or columns are empty, or a row has another number of values than there are columns.
        TypeError: if a value is none of these.

    Example:
        >>> from aelab import stills
        >>> stills.table({"PCA": [12.345, 8], "autoencoder": [(9.8, 0.14), 8]}, columns=["error", "numbers"], digits=1)
                          error  numbers
        PCA                12.3        8
        autoencoder   9.8 ± 0.1        8
    """
    if not isinstance(rows, Mapping) or not rows:
        raise ValueError(f"rows must hold at least one row, name -> values, got {rows!r}")
    names = [str(name) for name in columns]
    if not names:
        raise ValueError("columns must hold at least one name, got none")
    places = [digits] * len(names) if isinstance(digits, int) else list(digits)
    if len(places) != len(names):
        raise ValueError(f"digits must be one number or {len(names)}, one for each column, got {len(places)}")
    body = []
    for name, values in rows.items():
        pair = len(names) == 1 and _is_pair(values)
        cells = list(values) if isinstance(values, Sequence) and not isinstance(values, str) and not pair else [values]
        if len(cells) != len(names):
            raise ValueError(f"rows[{name!r}] must hold {len(names)} values, one for each column, got {len(cells)}")
        body.append([str(name), *(_text(f"rows[{name!r}]", v, d) for v, d in zip(cells, places, strict=True))])
    return Table([str(corner), *names], body, caption)


def mean_and_spread(values: Sequence[float] | Tensor) -> tuple[float, float]:
    """The mean and the standard deviation of a sample, (n - 1) below the root: a cell of a table.

    Args:
        values: two numbers or more, of seeds or of draws.

    Raises:
        ValueError: for fewer than two: one run has no spread.

    Example:
        >>> mean_and_spread([1.0, 2.0, 3.0])
        (2.0, 1.0)
    """
    sample = torch.as_tensor(values).double()
    if sample.numel() < 2:
        raise ValueError(f"values must be two or more, got {sample.numel()}")
    return sample.mean().item(), sample.std().item()


def columns_of(rows: Iterable[Sequence[float]]) -> list[tuple[float, float]]:
    """One row for each seed in, `mean_and_spread` of each column out: a row of a table.

    Raises:
        ValueError: for rows of different length, or fewer than two.

    Example:
        >>> columns_of([[1.0, 10.0], [3.0, 10.0]])
        [(2.0, 1.4142135623730951), (10.0, 0.0)]
    """
    return [mean_and_spread(column) for column in zip(*rows, strict=True)]


def _is_pair(value: object) -> bool:
    """Whether it can be (mean, spread): a tuple of two numbers."""
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    return all(isinstance(part, Real) or hasattr(part, "item") for part in value)


def _text(name: str, value: Value, digits: int) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, tuple) and len(value) == 2:
        return f"{_text(name, value[0], digits)} ± {_text(name, value[1], digits)}"
    if hasattr(value, "item"):  # a tensor or a NumPy number
        value = value.item()
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, Real):
        raise TypeError(f"{name} must hold numbers, texts, None or pairs (mean, spread), got {type(value).__name__}")
    number = float(value)
    if not math.isfinite(number):
        return "∞" if number > 0 else "−∞" if number < 0 else "nan"
    rounded = f"{number:,.{digits}f}"
    return rounded.replace("-", "−") if float(rounded.replace(",", "")) else rounded.replace("-", "")
