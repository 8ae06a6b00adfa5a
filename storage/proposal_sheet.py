"""Proposals on a sheet: read from a CSV or XLSX file that somebody uploads, and the empty one they begin with."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from storage import sheets
from storage.definition import MOST_PROPOSALS, PROPOSAL_COLUMNS
from storage.faults import Fault, _
from storage.sheets import Unreadable
from storage.typed import Where, tidy

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


@dataclass(frozen=True)
class Sheet:
    """The proposals of a sheet as they were typed, by column, and the cells that hold no text (they are empty here)."""

    rows: Sequence[Mapping[str, str]]
    faults: Mapping[Where, Fault] = field(default_factory=dict)


def read(body: bytes) -> Sheet:
    """What somebody uploaded. Raises Unreadable."""
    header, *rows = sheets.rows(body) or [[]]
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
    empty = dict.fromkeys(columns.values(), "")
    texts = [empty | {column: cell for column, cell in row.items() if not isinstance(cell, Fault)} for row in named]
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


def blank(language: str, words: Mapping[str, str], about: str) -> bytes:
    """An empty XLSX sheet to fill in. `words` say what belongs into each column; `about` names the sheet of those."""
    book, sheet = sheets.blank([HEADINGS[language][column] for column in PROPOSAL_COLUMNS], MOST_PROPOSALS)
    help_sheet = book.create_sheet(about)
    for n, column in enumerate(PROPOSAL_COLUMNS, start=1):
        sheet.column_dimensions[get_column_letter(n)].width = 14 if column in OPTIONAL else 34
        help_sheet.cell(n, 1, HEADINGS[language][column]).font = Font(bold=True)
        help_sheet.cell(n, 2, words[column]).alignment = Alignment(wrap_text=True, vertical="top")
    help_sheet.column_dimensions["A"].width, help_sheet.column_dimensions["B"].width = 34, 80
    return sheets.packed(book)
