"""Proposals that people upload: as programs save them, and as somebody with bad intentions would."""

import csv
import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from storage.definition import PROPOSAL_COLUMNS
from storage.proposal_sheet import HEADINGS, Sheet, blank, read
from storage.sheets import LARGEST, MOST_ROWS, UNPACKED, Unreadable
from storage.typed import check_proposals
from tests.test_sheets import packed

HEADER = [HEADINGS["es"][name] for name in PROPOSAL_COLUMNS]
ROWS = [
    ["", "", f"Título número {n}", f"Title number {n}", f"Corto {n}", f"Short {n}", "Más.", "More.", "Oficial ñ"]
    for n in (1, 2, 3)
]


def as_csv(rows: Sequence[Sequence[Any]], between: str = ",") -> str:
    made = io.StringIO(newline="")
    csv.writer(made, delimiter=between).writerows(rows)
    return made.getvalue()


def as_xlsx(rows: Sequence[Sequence[Any]], spoil: Callable[[Any], None] = lambda _sheet: None) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    spoil(book.active)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def refused(body: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        read(body)
    return str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_a_csv_file_reads_the_same_however_it_was_saved(encoding: str, between: str) -> None:
    sheet = read(as_csv([HEADER, *ROWS], between).encode(encoding))
    assert [row["id"] for row in sheet.rows] == ["p01", "p02", "p03"]
    assert (sheet.rows[1]["title_es"], sheet.rows[2]["official"]) == ("Título número 2", "Oficial ñ")
    assert check_proposals(sheet.rows).faults == {}


def test_a_line_for_excel_alone_and_empty_rows_and_columns_are_passed_over() -> None:
    rows = [[*HEADER, "", ""], [""] * 11, *([*row, "", ""] for row in ROWS), [""] * 11]
    assert len(read(("sep=;\r\n" + as_csv(rows, ";")).encode()).rows) == 3


def test_columns_may_be_named_in_spanish_in_english_or_as_in_a_citys_folder() -> None:
    for names in (HEADER, list(HEADINGS["en"].values()), list(PROPOSAL_COLUMNS), [name.upper() for name in HEADER]):
        assert read(as_csv([names, *ROWS]).encode()).rows == read(as_xlsx([names, *ROWS])).rows


def test_a_number_in_a_cell_is_its_text_and_what_is_no_text_is_named() -> None:
    def spoil(sheet: Any) -> None:
        sheet["C2"], sheet["C3"], sheet["E2"], sheet["E3"] = 2024, 3.5, "=1+1", date(2026, 3, 4)
        sheet["F2"] = "#N/A"
        sheet["F2"].data_type = "e"

    sheet = read(as_xlsx([HEADER, *ROWS], spoil))
    assert [row["title_es"] for row in sheet.rows] == ["2024", "3.5", "Título número 3"]
    assert {where: str(fault).partition(":")[0] for where, fault in sheet.faults.items()} == {
        ("0", "short_es"): "has a formula",
        ("1", "short_es"): "is a date for Excel",
        ("0", "short_en"): "has an error of Excel",
    }
    assert sheet.rows[0]["short_es"] == "", "a formula never becomes a text"


def test_bad_cells_are_named_each_in_its_place() -> None:
    rows = [row[:] for row in ROWS]
    rows[0][2], rows[1][4], rows[2][2] = "x" * 61, "Árboles", rows[1][2]
    found = check_proposals(read(as_xlsx([HEADER, *rows])).rows)
    assert {where: [str(fault) for fault in faults] for where, faults in found.faults.items()} == {
        ("0", "title_es"): ["has 61 characters; at most 60 fit"],
        ("1", "short_es"): ['has "Á", which an SMS cannot carry: write it without'],
        ("2", "title_es"): ['"Título número 2" was given on line 2'],
    }


def test_a_number_that_is_given_has_to_be_its_place() -> None:
    rows = [[row[0], str(n), *row[2:]] for n, row in zip((1, 3, 2), ROWS, strict=True)]
    assert list(check_proposals(read(as_csv([HEADER, *rows]).encode()).rows).faults) == [
        ("1", "number"),
        ("2", "number"),
    ]


def test_line_breaks_and_blanks_of_a_pasted_text_do_no_harm() -> None:
    rows = [[*ROWS[0][:2], "  Un\u00a0título ", *ROWS[0][3:8], "Uno\r\ndos\n\ntres"]]
    assert check_proposals(read(as_xlsx([HEADER, *rows])).rows).faults == {}


def test_our_own_quote_before_a_formula_is_taken_off_again() -> None:
    rows = [[*ROWS[0][:2], "'=1+1", "'tis", *ROWS[0][4:]]]
    (row,) = read(as_csv([HEADER, *rows]).encode()).rows
    assert (row["title_es"], row["title_en"]) == ("=1+1", "'tis")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "lacks the column"),
        (b"x" * (LARGEST + 1), "is larger than 2 megabytes"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 600, "is an old or locked Excel file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "is neither XLSX nor CSV"),
        (b"PK\x03\x04 and nothing else", "is no XLSX file that can be read"),
        (as_csv([HEADER]).encode(), "has no proposal below its headings"),
        (as_csv([HEADER[:-1], *ROWS]).encode(), 'lacks the column "Texto oficial"'),
        (as_csv([[*HEADER, "Precio"], *ROWS]).encode(), 'has a column "Precio" that is not in the template'),
        (as_csv([[*HEADER, HEADER[2]], *ROWS]).encode(), 'has the column "Título en español" twice'),
        (as_csv([HEADER, *ROWS * MOST_ROWS]).encode(), "has more than 2000 rows"),
        (as_csv([HEADER, *ROWS * 67]).encode(), "has 201 proposals; at most 200 fit"),
        (as_csv([HEADER]).encode() + b'"open', "is broken at line"),
        (as_csv([HEADER]).encode() + b"x" * 200_000, "is broken at line"),
    ],
)
def test_what_is_no_sheet_is_said_to_be_none(body: bytes, reason: str) -> None:
    assert refused(body).startswith(reason)


def parts_of(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def hostile() -> dict[str, bytes]:
    whole = parts_of(as_xlsx([HEADER, *ROWS]))
    sheet = "xl/worksheets/sheet1.xml"
    laughs = b'<!DOCTYPE s [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
    honest = packed({**whole, "xl/bomb.bin": b"\0" * 100_000})
    lying = honest.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    return {
        "a bomb": packed({**whole, "xl/bomb.bin": b"\0" * (UNPACKED + 1)}),
        "a bomb that lies of its size": lying,
        "many small parts": packed({**whole, **{f"x/{n}.xml": b"" for n in range(300)}}),
        "a million cells": packed({**whole, sheet: b"<worksheet><sheetData><row>" + b"<c/>" * 1_000_000}),
        "entities": packed({**whole, sheet: laughs + whole[sheet]}),
        "a file outside": packed({**whole, sheet: b'<!DOCTYPE s SYSTEM "file:///etc/passwd">' + whole[sheet]}),
        "broken": honest[: len(honest) // 2],
        "no workbook": packed({"hello.txt": b"hello"}),
        "another kind": packed({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}),
    }


@pytest.mark.parametrize("trap", hostile())
def test_a_trap_is_refused_before_it_is_unpacked(trap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read_as_xml: list[Any] = []

    def noted(*arguments: Any, **more: Any) -> Any:
        read_as_xml.append(arguments)
        return load_workbook(*arguments, **more)

    monkeypatch.setattr("storage.sheets.load_workbook", noted)
    assert refused(hostile()[trap])
    assert bool(read_as_xml) == (trap in ("no workbook", "another kind"))


def test_a_sheet_that_claims_a_row_at_the_end_of_the_world_is_read_quickly() -> None:
    def spoil(sheet: Any) -> None:
        sheet["C1048576"] = "far away"

    assert len(read(as_xlsx([HEADER, *ROWS], spoil)).rows) == 3


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_template_is_empty_text_cells_under_our_headings_with_help(language: str) -> None:
    made = blank(language, {name: f"about {name}" for name in PROPOSAL_COLUMNS}, "Ayuda")
    book = load_workbook(io.BytesIO(made))
    assert [cell.value for cell in book.worksheets[0][1]] == list(HEADINGS[language].values())
    assert book.worksheets[0]["C2"].number_format == "@"
    assert book.worksheets[1]["B3"].value == "about title_es"
    assert refused(made) == "has no proposal below its headings"
    for row, typed in zip(book.worksheets[0].iter_rows(2, 4), ROWS, strict=True):
        for cell, text in zip(row, typed, strict=True):
            cell.value = text
    filled = io.BytesIO()
    book.save(filled)
    sheet = read(filled.getvalue())
    assert isinstance(sheet, Sheet)
    assert check_proposals(sheet.rows).faults == {}
