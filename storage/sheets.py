"""Sheets: the rows of a CSV or XLSX file that somebody uploads, and the empty one they begin with.

A file is read in memory and never kept. It may be hostile: what it claims to hold is looked at before it is unpacked.
"""

import csv
import io
import re
import unicodedata
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.worksheet import Worksheet

from storage.faults import Fault, _
from storage.typed import cut, tidy

LARGEST = 2_000_000
"""Bytes of a file: 200 proposals of the greatest length, or 1,000 papers, have less than half of that."""

UNPACKED = 8_000_000
"""Bytes of all that an XLSX file holds."""

MOST_PARTS = 200
"""Files within an XLSX file; Excel writes about a dozen."""

MOST_MARKS = 200_000
"""Of `<` in an XLSX file: an element takes some hundred bytes of memory while it is read."""

MOST_ROWS, MOST_COLUMNS = 2_000, 40
"""What is looked at of an XLSX file, which has empty rows and columns behind what was written; a CSV file is refused
when it has more rows."""

XLSX, OLD = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
"""How a file of Excel begins: of today, and of before 2007 or with a password."""

QUOTED = re.compile(r"'(?=[=+@\t\r-])")
"""The quote that our own files have before what a spreadsheet would take for a formula."""

Cell = str | Fault
"""What stands in a cell. What Excel made of it is a fault, in whose values `was` is what it holds now."""


class Unreadable(Exception):
    """A file that is no sheet; `reason` says why."""

    def __init__(self, reason: Fault):
        self.reason = reason
        super().__init__(str(reason))


def rows(body: bytes) -> list[list[Cell]]:
    """The rows of what somebody uploaded, without the empty ones. Raises Unreadable."""
    if len(body) > LARGEST:
        raise Unreadable(_("is larger than {most} megabytes", most=LARGEST // 1_000_000))
    if body.startswith(XLSX):
        return _written(_xlsx(body))
    if body.startswith(OLD):
        raise Unreadable(_("is an old or locked Excel file: save it as XLSX or CSV, without a password"))
    text = _decoded(body).removeprefix("\ufeff")
    if "\0" in text:
        raise Unreadable(_("is neither XLSX nor CSV"))
    return rows_of_text(text)


def rows_of_text(text: str) -> list[list[Cell]]:
    """The rows of a text with a tab, a semicolon or a comma between its cells, without the empty ones.

    Raises Unreadable.
    """
    return _written(_csv(text))


def _written(found: Iterator[list[Cell]]) -> list[list[Cell]]:
    """The rows in which something stands, each as far as something stands in it. Raises Unreadable."""
    kept: list[list[Cell]] = []
    for row in found:
        while row and not tidy(row[-1]):
            row.pop()
        if row:
            kept.append(row)
        if len(kept) > MOST_ROWS:
            raise Unreadable(_("has more than {n} rows", n=MOST_ROWS))
    return kept


def _csv(text: str) -> Iterator[list[Cell]]:
    """The rows of a text, however Excel saved it: what parts its cells is found out."""
    if text[:4].casefold() == "sep=":  # a line for Excel alone
        text = text.partition("\n")[2]
    first = next((line for line in text.splitlines() if line.strip()), "")
    mark = next((mark for mark in "\t;" if mark in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    try:
        for row in reader:
            yield [_cell(cell) for cell in row[:MOST_COLUMNS]]
    except csv.Error:
        raise Unreadable(_("is broken at line {line}", line=reader.line_num)) from None


def _decoded(body: bytes) -> str:
    for encoding in ("utf-16",) if body[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8", "cp1252"):
        try:
            return unicodedata.normalize("NFC", body.decode(encoding))
        except UnicodeDecodeError:
            continue
    raise Unreadable(_("has letters that cannot be read: save it again as XLSX"))


def _xlsx(body: bytes) -> Iterator[list[Cell]]:
    """The rows of the first sheet of an XLSX file."""
    _look_inside(body)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = load_workbook(io.BytesIO(body), read_only=True, keep_links=False)
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # what a file says of its size need not be so
            for row in sheet.iter_rows(max_row=MOST_ROWS, max_col=MOST_COLUMNS):
                yield [_typed(cell.value, cell.data_type) for cell in row]
    except Exception:  # whatever openpyxl cannot read, hostile or broken, is no sheet
        raise Unreadable(_("is no XLSX file that can be read: save it again, or as CSV")) from None


def _look_inside(body: bytes) -> None:
    """Unpack all parts once, within bounds, before anything reads them as XML. Raises Unreadable."""
    marks = 0
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > UNPACKED:
                raise Unreadable(_("holds far more than we read"))
            for part in parts:
                content = archive.read(part)  # never more than was declared; a part that has more is refused
                marks += content.count(b"<")
                if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
                    raise Unreadable(_("is no XLSX file that can be read: save it again, or as CSV"))
    except Unreadable:
        raise
    except Exception:  # zipfile meets broken files with many kinds of errors
        raise Unreadable(_("is no XLSX file that can be read: save it again, or as CSV")) from None
    if marks > MOST_MARKS:
        raise Unreadable(_("holds far more than we read"))


def _typed(value: Any, kind: str) -> Cell:
    """What stands in a cell of a workbook, as text; what Excel made of it is named."""
    if kind == "f":
        return _("has a formula: paste its text instead", was=cut(value) if isinstance(value, str) else "=")
    if kind == "e":
        return _("has an error of Excel", was=cut(value))
    if kind == "d":
        was = f"{value:%d/%m/%Y}" if isinstance(value, date) else str(value)
        return _("is a date for Excel: give the column the format Text and write it again", was=was)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _cell("" if value is None else str(value))


def _cell(text: str) -> str:
    return cut(QUOTED.sub("", text, count=1) if QUOTED.match(text) else text)


def blank(headings: Sequence[str], most: int, firsts: Sequence[str] = ()) -> tuple[Workbook, Worksheet]:
    """A workbook to fill in with at most so many rows, and its sheet; `firsts` stand in the first column already."""
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    wraps = Alignment(wrap_text=True, vertical="top")
    for n, heading in enumerate(headings, start=1):
        head = sheet.cell(1, n, heading)
        head.font, head.alignment = Font(bold=True), wraps
        for row in range(2, most + 2):  # as text, or Excel makes dates of "1/2" and formulas of "=…"
            cell = sheet.cell(row, n)
            cell.number_format, cell.alignment = "@", wraps
    for row, first in enumerate(firsts[:most], start=2):
        sheet.cell(row, 1, first)
    sheet.freeze_panes = "A2"
    return book, sheet


def packed(book: Workbook) -> bytes:
    """A workbook as a file."""
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()
