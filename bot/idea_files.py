"""What was proposed and what came of it, as public files, and what each column means. No person's words are in it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from bot import tables
from bot.plan_files import LANGUAGES
from bot.results import SMALLEST
from flows.ideas import Collection

WORDS = ("proposed", "reason")
"""Fields with words in each language; in the CSV two columns each."""

COLUMNS: Mapping[str, tuple[str, str]] = {
    "collection": ("Consulta o plan que recibió las ideas", "Consultation or plan that collected the ideas"),
    "answer": ("Número de la respuesta", "Number of the answer"),
    "proposed": ("Lo que se propuso, en palabras de la ciudad", "What was proposed, in the city's words"),
    "outcome": (
        "Lo que resultó: selected (es una propuesta), merged (es parte de una), not-selected (no fue elegida), outside"
        " (lo deciden otros)",
        "What came of it: selected (it is a proposal), merged (it is part of one), not-selected, outside (others have"
        " the power)",
    ),
    "became": (
        "Propuesta o compromiso que se nombra; vacío si ninguno",
        "Proposal or commitment that is named; empty if none",
    ),
    "became_number": ("Su número", "Its number"),
    "reason": ("Por qué", "Why"),
    "ideas": (
        "Cuántas ideas lo decían; vacío si fueron menos de 5",
        "How many ideas said it; empty if they were fewer than 5",
    ),
    "answered_on": ("Día de la respuesta", "Day of the answer"),
}
"""What each field means, in Spanish and English."""


def rows(collection: Collection, published: Iterable[Row[Any]], zone: ZoneInfo) -> list[dict[str, Any]]:
    """The answers of a collection, as `storage.ideas.published` has them."""
    return [_row(collection, row, zone) for row in published]


def _row(collection: Collection, row: Row[Any], zone: ZoneInfo) -> dict[str, Any]:
    target = collection.targets.get(row.subject)
    return {
        "collection": collection.slug,
        "answer": row.id,
        "proposed": json.loads(row.summary),
        "outcome": row.what,
        "became": target.id if target else None,
        "became_number": target.number if target else None,
        "reason": json.loads(row.reason),
        "ideas": shown(row.ideas),
        "answered_on": row.sent_at.astimezone(zone).date().isoformat(),
    }


def shown(ideas: int) -> int | None:
    """A number of ideas as far as it is public: a small one could point to who had them."""
    return ideas if ideas >= SMALLEST else None


def as_json(found: Sequence[Mapping[str, Any]]) -> bytes:
    """The answers, and what each field means."""
    told = {name: {"es": es, "en": en} for name, (es, en) in COLUMNS.items()}
    return (json.dumps({"answers": found, "columns": told}, ensure_ascii=False, indent=1) + "\n").encode()


def as_csv(found: Sequence[Mapping[str, Any]]) -> bytes:
    """A line for each answer."""
    return tables.as_csv([list(columns()), *(_cells(row) for row in found)])


def columns_csv() -> bytes:
    """What each column of the CSV means."""
    told = [["ideas.csv", name, es, en] for name, (es, en) in columns().items()]
    return tables.as_csv([["file", "column", "description_es", "description_en"], *told])


def columns() -> Mapping[str, tuple[str, str]]:
    """The columns of the CSV with what they mean."""
    found: dict[str, tuple[str, str]] = {}
    for name, told in COLUMNS.items():
        found |= {f"{name}_{each}": told for each in LANGUAGES} if name in WORDS else {name: told}
    return found


def _cells(row: Mapping[str, Any]) -> list[Any]:
    cells: list[Any] = []
    for name in COLUMNS:
        cells += [row[name].get(each, "") for each in LANGUAGES] if name in WORDS else [row[name]]
    return ["" if cell is None else cell for cell in cells]
