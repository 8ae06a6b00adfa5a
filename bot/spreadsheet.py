"""Spreadsheets that people send: CSV as programs in Spanish write it, and XLSX, read as plain text and nothing else."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

import openpyxl

from flows.language import Phrase, _

MOST_BYTES = 900_000
"""Of a file as it is sent: with the form around it that is a little less than a page of ours takes."""

MOST_UNPACKED = 20_000_000
"""Of an XLSX file when it is unpacked: a small file can hold a thousand times its size."""

MOST_ROWS = 1_000
MOST_COLUMNS = 20
MOST_LETTERS = 200
"""Of a cell."""

DATED = "\N{CALENDAR}"
"""Begins a cell that a program took for a date: "1-4-6" was meant as three numbers, and which is lost."""

_BREAKS = re.compile(r"\r\n?")


class Unreadable(Exception):
    """The file is no spreadsheet that can be read; `why` says it in words that can be shown."""

    def __init__(self, why: Phrase):
        super().__init__("unreadable")
        self.why = why


def read(content: bytes) -> list[list[str]]:
    """The rows of a CSV or XLSX file that are not empty, each cell as trimmed text. Raises Unreadable."""
    if len(content) > MOST_BYTES:
        raise Unreadable(_("The file is too large: at most one megabyte."))
    if content.startswith(b"PK\x03\x04"):
        return _rows(_workbook(content))
    if b"\0" in content:
        raise Unreadable(_("This is neither a CSV nor an XLSX file."))
    try:
        return typed(content.decode("utf-8-sig"))
    except UnicodeDecodeError:  # what Excel calls "CSV" on Windows
        return typed(content.decode("cp1252", "replace"))


def typed(text: str) -> list[list[str]]:
    """The rows of a text with a mark between the cells: a tab, a semicolon or a comma. Raises Unreadable."""
    text = _BREAKS.sub("\n", text).replace("\0", "")
    first = next((line for line in text.split("\n") if line.strip()), "")
    mark = next((mark for mark in "\t;" if mark in first), ",")
    return _rows(csv.reader(io.StringIO(text, newline=""), delimiter=mark))


def _workbook(content: bytes) -> Iterator[list[Any]]:
    """The cells of the first sheet. Formulas count as what they last came to."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            # What an entry claims to be is the most that zipfile unpacks of it.
            if sum(entry.file_size for entry in packed.infolist()) > MOST_UNPACKED:
                raise Unreadable(_("The file is too large: at most one megabyte."))
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        try:
            for row in book.worksheets[0].iter_rows(values_only=True, max_col=MOST_COLUMNS):
                yield list(row)
        finally:
            book.close()
    except Unreadable:
        raise
    except Exception:  # openpyxl fails in as many ways as a file can be broken
        raise Unreadable(_("The file is damaged or protected. Save it again, or save it as CSV.")) from None


def _rows(found: Any) -> list[list[str]]:
    rows: list[list[str]] = []
    empty = 0
    try:
        for row in found:
            cells = [_text(cell) for cell in row[:MOST_COLUMNS]]
            while cells and not cells[-1]:
                cells.pop()
            if not cells:
                empty += 1
                if empty > 100 * MOST_ROWS:
                    raise Unreadable(_("The file has too many rows: at most {n}.", n=MOST_ROWS))
                continue
            rows.append(cells)
            if len(rows) > MOST_ROWS + 1:
                raise Unreadable(_("The file has too many rows: at most {n}.", n=MOST_ROWS))
    except csv.Error:
        raise Unreadable(_("This is neither a CSV nor an XLSX file.")) from None
    return rows


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime | date | time):
        return f"{DATED} {cell:%d/%m/%Y}" if not isinstance(cell, time) else f"{DATED} {cell:%H:%M}"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return " ".join(str(cell)[:MOST_LETTERS].split())
