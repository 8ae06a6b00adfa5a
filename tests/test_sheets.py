"""Spreadsheets as people send them, and files that want to do harm."""

import io
import zipfile
from collections.abc import Callable
from datetime import datetime
from typing import Any

import openpyxl
import pytest

from storage import sheets
from storage.faults import Fault
from storage.sheets import LARGEST, MOST_ROWS, UNPACKED, Unreadable
from storage.typed import tidy


def workbook(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"papeleta,propuestas\n1,1 4 6\n",
        "\ufeffpapeleta;propuestas\r\n1;1 4 6\r\n".encode(),
        b"papeleta\tpropuestas\r1\t1 4 6\r",
        "papeleta;propuestas\n\n;\n1; 1  4\t6 \n".encode("cp1252"),
        workbook(["papeleta", "propuestas"], [None, None], [1, "1 4 6"]),
        workbook(["papeleta", "propuestas"], [1.0, "1 4 6"]),
    ],
)
def test_the_same_rows_however_a_program_writes_them(content: bytes) -> None:
    read = [[tidy(cell) for cell in row] for row in sheets.rows(content)]
    assert read == [["papeleta", "propuestas"], ["1", "1 4 6"]]


def test_letters_of_spanish_arrive_from_an_old_windows() -> None:
    assert sheets.rows("barrio;año\nÑandú;1\n".encode("cp1252"))[1] == ["Ñandú", "1"]


def test_a_cell_that_became_a_date_is_told_as_one() -> None:
    ((_slip, choices),) = sheets.rows(workbook([1, datetime(2026, 4, 1)]))
    assert isinstance(choices, Fault)
    assert choices.startswith("is a date")
    assert choices.values == {"was": "01/04/2026"}


def test_a_formula_is_never_worked_out() -> None:
    ((_slip, choices),) = sheets.rows(workbook([1, '=HYPERLINK("http://x.test")']))
    assert isinstance(choices, Fault)
    assert choices.startswith("has a formula")
    assert sheets.rows(b"1,=1+1,,\n") == [["1", "=1+1"]]


def test_a_strangers_xml_is_read_by_the_reader_that_takes_no_entities() -> None:
    assert openpyxl.DEFUSEDXML
    assert not openpyxl.LXML


def test_typed_rows_read_as_those_of_a_file() -> None:
    assert sheets.rows_of_text("papeleta; propuestas\r\n\r\n1; 1, 4, 6\r\n") == [
        ["papeleta", " propuestas"],
        ["1", " 1, 4, 6"],
    ]
    with pytest.raises(Unreadable):
        sheets.rows_of_text('1;"1 4 6')


def packed(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return made.getvalue()


def with_sheet(xml: bytes) -> bytes:
    """A workbook whose first sheet is this."""
    whole = zipfile.ZipFile(io.BytesIO(workbook([1])))
    files = {name: whole.read(name) for name in whole.namelist()}
    return packed({**files, "xl/worksheets/sheet1.xml": xml})


ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "1234567890"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
    b'<c r="A1" t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>'
)
OUTSIDE = ENTITIES.replace(b'<!ENTITY b "&a;&a;&a;&a;&a;&a;">', b'<!ENTITY b SYSTEM "file:///etc/passwd">')


HARMFUL: dict[str, Callable[[], bytes]] = {
    "a beginning of a ZIP": lambda: b"PK\x03\x04 and nothing more",
    "no workbook": lambda: packed({"a.txt": b"no workbook"}),
    "a bomb": lambda: packed({"xl/workbook.xml": b"0" * (UNPACKED + 1)}),
    "entities": lambda: with_sheet(ENTITIES),
    "a file of ours": lambda: with_sheet(OUTSIDE),
    "half a sheet": lambda: with_sheet(b"<worksheet>"),
    "a PDF": lambda: b"%PDF-1.7\0\0",
    "too large": lambda: b"x" * (LARGEST + 1),
    "too many rows": lambda: b"\n".join(b"1" for _n in range(MOST_ROWS + 2)),
    "a cell that is too long": lambda: b'"' + b"x" * 200_000 + b'"\n',
}


@pytest.mark.parametrize("kind", HARMFUL)
def test_what_is_broken_or_wants_harm_is_refused(kind: str) -> None:
    with pytest.raises(Unreadable):
        sheets.rows(HARMFUL[kind]())
