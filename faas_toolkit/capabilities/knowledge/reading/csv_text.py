"""A table to text: each row on a line of its own, every cell with the name of its column."""

import csv
import io

from faas_toolkit.core.errors import InvalidInput, TooLarge
from faas_toolkit.core.untrusted import printable

MAX_CELLS = 200_000
_DELIMITERS = ",;\t|"


def text_of_csv(text: str, name: str) -> str:
    """The rows as `column: value; column: value`.

    The delimiter is the one that the first line holds most of: the standard library's sniffer takes time that grows with the
    square of what it cannot make out.

    Raises:
        InvalidInput: it holds a header only, or cannot be read as a table.
        TooLarge: more than 200,000 cells.
    """
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        header = [cell.strip() or f"column {number}" for number, cell in enumerate(next(rows, []), 1)]
        lines, cells = [], len(header)
        for row in rows:
            cells += len(row)
            if cells > MAX_CELLS:
                raise TooLarge(f"{printable(name, 100)} has more than {MAX_CELLS:,} cells.", hint="Split the table.")
            if line := _line(header, row):
                lines.append(line)
    except csv.Error as error:
        shown = printable(name, 100)
        raise InvalidInput(f"{shown} cannot be read as a CSV table: {error}.", hint="Save it as CSV anew.") from error
    if not lines:
        raise InvalidInput(f"{printable(name, 100)} holds no rows below its header.", hint="Give a table with a header and rows.")
    return "\n".join(lines)


def _line(header: list[str], row: list[str]) -> str:
    extra = (f"column {number}" for number in range(len(header) + 1, len(row) + 1))
    named = zip([*header, *extra], row, strict=False)
    return "; ".join(f"{name}: {' '.join(cell.split())}" for name, cell in named if cell.strip())
