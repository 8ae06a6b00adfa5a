"""Sheets: proposals read from a CSV or XLSX file that somebody uploads, and the empty one they begin with.

A file is read in memory and never kept. It may be hostile: what it claims to hold is looked at before it is unpacked.
"""

import csv
import io
import re
import unicodedata
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from storage.definition import MOST_PROPOSALS, PROPOSAL_COLUMNS
from storage.faults import Fault, _
from storage.typed import Where, cut, tidy

LARGEST = 2_000_000
"""Bytes of a file: 200 proposals of the greatest length have less than half of that."""

UNPACKED = 8_000_000
"""Bytes of all that an XLSX file holds."""

MOST_PARTS = 200
"""Files within an XLSX file; Excel writes about a dozen."""

MOST_MARKS = 200_000
"""Of `<` in an XLSX file: an element takes some hundred bytes of memory while it is read."""

MOST_ROWS, MOST_COLUMNS = 2_000, 40
"""What is looked at: sheets have empty rows and columns behind what was written."""

HEADINGS: Mapping[str, Mapping[str, str]] = {
    "es": {
        "id": "Identificador (opcional)",
        "number": "Número (opcional)",
        "title_es": "Título en español",
        "title_en": "Título en inglés",
        "short_es": "Título corto en español",
        "short_en": "Título corto en inglés",
        "more_es": "Explicación en español",
        "more_en": "Explicación en inglés",
        "official": "Texto oficial",
    },
    "en": {
        "id": "Id (optional)",
        "number": "Number (optional)",
        "title_es": "Title in Spanish",
        "title_en": "Title in English",
        "short_es": "Short title in Spanish",
        "short_en": "Short title in English",
        "more_es": "Explanation in Spanish",
        "more_en": "Explanation in English",
        "official": "Official text",
    },
}
"""How each column is headed, by language. The names of the columns in `docs/data-formats.md` are understood too."""

OPTIONAL = ("id", "number")
XLSX, OLD = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
"""How a file of Excel begins: of today, and of before 2007 or with a password."""

QUOTED = re.compile(r"'(?=[=+@\t\r-])")
"""The quote that our own files have before what a spreadsheet would take for a formula."""


class Unreadable(Exception):
    """A file that is no sheet of proposals; `reason` says why."""

    def __init__(self, reason: Fault):
        self.reason = reason
        super().__init__(str(reason))


@dataclass(frozen=True)
class Sheet:
    """The proposals of a sheet as they were typed, by column, and the cells that hold no text (they are empty here)."""

    rows: Sequence[Mapping[str, str]]
    faults: Mapping[Where, Fault] = field(default_factory=dict)


Cell = str | Fault


def read(body: bytes) -> Sheet:
    """What somebody uploaded. Raises Unreadable."""
    if len(body) > LARGEST:
        raise Unreadable(_("is larger than {most} megabytes", most=LARGEST // 1_000_000))
    found = _xlsx(body) if body.startswith(XLSX) else _csv(body)
    header, *rows = [row for row in found if any(tidy(cell) for cell in row)] or [[]]
    columns = _columns([tidy(cell) for cell in header])
    if not rows:
        raise Unreadable(_("has no proposal below its headings"))
    if len(rows) > MOST_PROPOSALS:
        raise Unreadable(_("has {n} proposals; at most {most} fit", n=len(rows), most=MOST_PROPOSALS))
    named = [{columns[n]: cell for n, cell in enumerate(row) if n in columns} for row in rows]
    faults: dict[Where, Fault] = {
        (str(place), column): cell
        for place, row in enumerate(named)
        for column, cell in row.items()
        if isinstance(cell, Fault)
    }
    texts = [{column: "" if isinstance(cell, Fault) else cell for column, cell in row.items()} for row in named]
    return Sheet(with_ids(texts), faults)


def with_ids(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The same rows; those without an id get one (p01, p02 …) that no other has."""
    taken = {tidy(row.get("id", "")) for row in rows}
    free = (id for id in (f"p{n:02}" for n in range(1, 2 * MOST_PROPOSALS + 2)) if id not in taken)
    return [{**row, "id": tidy(row.get("id", "")) or next(free)} for row in rows]


def _columns(header: Sequence[str]) -> dict[int, str]:
    """Which column stands where. Raises Unreadable."""
    known = {_folded(name): name for name in PROPOSAL_COLUMNS}
    known |= {_folded(heading): name for names in HEADINGS.values() for name, heading in names.items()}
    found: dict[int, str] = {}
    for n, heading in enumerate(header):
        name = known.get(_folded(heading))
        if name is None and heading:
            raise Unreadable(_('has a column "{name}" that is not in the template', name=heading[:60]))
        if name in found.values():
            raise Unreadable(_('has the column "{name}" twice', name=heading[:60]))
        if name is not None:
            found[n] = name
    missing = [name for name in PROPOSAL_COLUMNS if name not in OPTIONAL and name not in found.values()]
    if missing:
        raise Unreadable(_('lacks the column "{name}"', name=HEADINGS["es"][missing[0]]))
    return found


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFD", text.casefold())
    return "".join(c for c in plain if c.isalnum())


def _csv(body: bytes) -> Iterator[list[Cell]]:
    """The rows of a CSV file, however Excel saved it: its encoding and what parts its cells are found out."""
    if body.startswith(OLD):
        raise Unreadable(_("is an old or locked Excel file: save it as XLSX or CSV, without a password"))
    text = _decoded(body).removeprefix("\ufeff")
    if "\0" in text:
        raise Unreadable(_("is neither XLSX nor CSV"))
    if text[:4].casefold() == "sep=":  # a line for Excel alone
        text = text.partition("\n")[2]
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
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
                raise Unreadable(_("holds far more than {n} proposals", n=MOST_PROPOSALS))
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
        raise Unreadable(_("holds far more than {n} proposals", n=MOST_PROPOSALS))


def _typed(value: Any, kind: str) -> Cell:
    """What stands in a cell of a workbook, as text; what Excel made of it is named."""
    if kind == "f":
        return _("has a formula: paste its text instead")
    if kind == "e":
        return _("has an error of Excel")
    if kind == "d":
        return _("is a date for Excel: give the column the format Text and write it again")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _cell("" if value is None else str(value))


def _cell(text: str) -> str:
    return cut(QUOTED.sub("", text, count=1) if QUOTED.match(text) else text)


def blank(language: str, words: Mapping[str, str], about: str) -> bytes:
    """An empty XLSX sheet to fill in. `words` say what belongs into each column; `about` names the sheet of those."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    help_sheet = book.create_sheet(about)
    bold, wraps = Font(bold=True), Alignment(wrap_text=True, vertical="top")
    for n, column in enumerate(PROPOSAL_COLUMNS, start=1):
        letter = get_column_letter(n)
        sheet.column_dimensions[letter].width = 14 if column in OPTIONAL else 34
        head = sheet.cell(1, n, HEADINGS[language][column])
        head.font, head.alignment = bold, wraps
        for row in range(2, MOST_PROPOSALS + 2):  # as text, or Excel makes dates of "1/2" and formulas of "=…"
            cell = sheet.cell(row, n)
            cell.number_format, cell.alignment = "@", wraps
        help_sheet.cell(n, 1, HEADINGS[language][column]).font = bold
        help_sheet.cell(n, 2, words[column]).alignment = wraps
    sheet.freeze_panes = "A2"
    help_sheet.column_dimensions["A"].width, help_sheet.column_dimensions["B"].width = 34, 80
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()
