"""Tables as files: CSV whose cells no spreadsheet takes for a formula. Strangers write some of them."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

SLICE = 500
"""Lines that are put together before they are sent."""


def harmless(cell: Any) -> Any:
    """A cell as it is, or with a quote before what a spreadsheet would run."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def csv_lines(rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    """The file in slices, made while the rows are read."""
    made, waiting = io.StringIO(newline=""), 0
    writer = csv.writer(made, lineterminator="\n")
    for row in rows:
        writer.writerow([harmless(cell) for cell in row])
        waiting += 1
        if waiting == SLICE:
            yield made.getvalue().encode()
            made.seek(0)
            made.truncate()
            waiting = 0
    yield made.getvalue().encode()


def as_csv(rows: Iterable[Iterable[Any]]) -> bytes:
    """The file as a whole."""
    return b"".join(csv_lines(rows))
