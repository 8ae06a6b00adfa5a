"""The public list of complaints and their figures as files, and what each column means. No content is in them."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot import tables
from bot.complaints.case_sheets import Listed

COLUMNS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "denuncias.csv": {
        "locator": ("Código público de la denuncia", "Public code of the complaint"),
        "state": (
            "Estado el lunes de la lista: received (recibida), reviewing (en revisión), asked (pedimos más datos),"
            " admitted (admitida), handling (en trámite), answered (respondida), closed (cerrada), reopened (abierta"
            " otra vez), referred (enviada a otra entidad), not-admitted (no admitida)",
            "State on the Monday of the list: received, reviewing, asked (for more), admitted, handling, answered,"
            " closed, reopened, referred (to another body), not-admitted",
        ),
        "received_from": ("Primer día de la semana en que llegó", "First day of the week in which it came"),
        "received_to": ("Último día de esa semana", "Last day of that week"),
    },
    "cifras.csv": {
        "quarter": ("Trimestre, como 2026-Q3", "Quarter, like 2026-Q3"),
        "table": (
            "received: denuncias recibidas en el trimestre, por estado cuando terminó; answered: denuncias que tuvieron"
            " su primera respuesta en él, por días hábiles que tomó",
            "received: complaints received in the quarter, by state when it ended; answered: complaints that had their"
            " first answer in it, by working days that it took",
        ),
        "value": (
            "Estado, o días hábiles: 5, 10, 15 y 30 (hasta ese número), longer (más de 30); all: todas",
            "State, or working days: 5, 10, 15 and 30 (up to that number), longer (more than 30); all: all of them",
        ),
        "complaints": (
            "Cuántas, por debajo y en múltiplos de 5; vacío (en JSON, nulo) si se oculta",
            "How many, rounded down to a multiple of 5; empty (in JSON, null) where hidden",
        ),
    },
}
"""What each column means, in Spanish and English."""


def list_rows(found: Sequence[Listed]) -> list[dict[str, Any]]:
    """The complaints of the list, by locator."""
    return [
        {
            "locator": each.locator,
            "state": each.state,
            "received_from": each.week.isoformat(),
            "received_to": each.until.isoformat(),
        }
        for each in found
    ]


def figure_rows(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The published numbers, one a line, the earliest quarter first."""
    return [
        {"quarter": quarter, "table": name, "value": value, "complaints": number}
        for quarter, body in figures.items()
        for name, table in body.items()
        for value, number in {"all": table["all"], **table["by"]}.items()
    ]


def as_json(name: str, rows: Sequence[Mapping[str, Any]], at: datetime | None = None) -> bytes:
    """The rows of one of the files, what each field means, and (of the list) as of when."""
    told = {column: {"es": es, "en": en} for column, (es, en) in COLUMNS[name].items()}
    as_of = {"as_of": at.isoformat() if at else None} if name == "denuncias.csv" else {}
    return (json.dumps({**as_of, "rows": rows, "columns": told}, ensure_ascii=False, indent=1) + "\n").encode()


def as_csv(name: str, rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A line for each row."""
    columns = list(COLUMNS[name])
    cells = ([row[column] for column in columns] for row in rows)
    return tables.as_csv([columns, *(["" if cell is None else cell for cell in line] for line in cells)])


def columns_csv() -> bytes:
    """What each column of the files means."""
    rows = [[name, column, es, en] for name, told in COLUMNS.items() for column, (es, en) in told.items()]
    return tables.as_csv([["file", "column", "description_es", "description_en"], *rows])
