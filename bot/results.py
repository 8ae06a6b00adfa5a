"""Results: computed once, at the count, from the list of ballots and the roll; and the files that publish them."""

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from storage import ballots, counts
from storage.consultations import ConsultationRow

SMALLEST = 5
"""Groups of fewer people are not told apart."""

DIMENSIONS = ("age", "sex", "group", "locality", "unit", "origin", "level")

COLUMNS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "papeletas.csv": {
        "receipt": ("Recibo de la papeleta, al azar", "Receipt of the ballot, random"),
        "choices": ("Propuestas elegidas, separadas por un espacio", "Proposals chosen, separated by a space"),
    },
    "resultados.csv": {
        "id": ("Identificador de la propuesta", "Id of the proposal"),
        "number": ("Número de la propuesta en la lista", "Number of the proposal in the list"),
        "title_es": ("Título en español", "Title in Spanish"),
        "title_en": ("Título en inglés", "Title in English"),
        "votes": ("Papeletas que la eligieron", "Ballots that chose it"),
        "rank": ("Puesto; las empatadas comparten puesto", "Rank; tied proposals share it"),
    },
    "resultados.json": {
        "ballots": ("Papeletas contadas", "Ballots counted"),
        "votes": (
            "Votos en total: una papeleta puede elegir varias propuestas",
            "Votes in all: a ballot may choose several proposals",
        ),
        "proposals": ("Votos de cada propuesta, en el orden de la lista", "Votes of each proposal, in list order"),
        "ties": ("Grupos de propuestas con los mismos votos", "Groups of proposals with the same votes"),
        "turnout": (
            "Personas que votaron, por grupo; nulo donde son menos de 5",
            "People who voted, by group; null where fewer than 5",
        ),
    },
}
"""What each column of the published files means, in Spanish and English."""


def tabulate(connection: Connection, row: ConsultationRow, number: int) -> dict[str, Any]:
    """The results of a consultation whose box was just emptied into the list."""
    votes = counts.tally(connection, row.slug)
    listed = [
        {"id": p["id"], "number": p["number"], "title": p["title"], "votes": votes.get(p["id"], 0)}
        for p in json.loads(row.proposals)
    ]
    ranked = sorted((p["votes"] for p in listed), reverse=True)
    shown = json.loads(row.rules)["small_cells"]
    return {
        "consultation": row.slug,
        "title": json.loads(row.title),
        "ballots": number,
        "votes": sum(votes.values()),
        "proposals": [{**p, "rank": ranked.index(p["votes"]) + 1} for p in listed],
        "ties": ties(listed),
        "turnout": {
            name: _cells(ballots.turnout(connection, row.slug, name), _shown(shown, name)) for name in DIMENSIONS
        },
    }


def _shown(small_cells: Any, name: str) -> bool:
    return isinstance(small_cells, dict) and small_cells.get(name) == "shown"


def ties(listed: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Groups of proposals with the same number of votes, more than none."""
    groups: dict[int, list[str]] = {}
    for proposal in listed:
        groups.setdefault(proposal["votes"], []).append(proposal["id"])
    return [ids for votes, ids in sorted(groups.items(), reverse=True) if votes and len(ids) > 1]


def _cells(found: Mapping[str | None, int], small_too: bool) -> dict[str, int | None]:
    """A table of people by group. Small cells are hidden, and where only one is, the next smallest with it."""
    cells: dict[str, int | None] = {key or "": number for key, number in found.items()}
    if small_too:
        return cells
    hidden = [key for key, number in found.items() if number < SMALLEST]
    rest = sorted((key for key in found if key not in hidden), key=lambda key: found[key])
    # What is hidden must not follow from the total: not one cell alone, nor several that are small even together.
    while hidden and rest and (len(hidden) == 1 or sum(found[key] for key in hidden) < SMALLEST):
        hidden.append(rest.pop(0))
    return {key: None if (key or None) in hidden else number for key, number in cells.items()}


def write(connection: Connection, slug: str, results: Mapping[str, Any], folder: Path) -> str:
    """Write the public files of a counted consultation; the SHA-256 of the list of ballots."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = _write_ballots(connection, slug, folder / "papeletas.csv")
    described = {
        name: {c: {"es": es, "en": en} for c, (es, en) in columns.items()} for name, columns in COLUMNS.items()
    }
    public = {**results, "ballots_sha256": digest, "columns": described}
    (folder / "resultados.json").write_text(json.dumps(public, ensure_ascii=False, indent=1) + "\n", "utf-8")
    with (folder / "resultados.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS["resultados.csv"])
        for p in results["proposals"]:
            writer.writerow([p["id"], p["number"], p["title"].get("es"), p["title"].get("en"), p["votes"], p["rank"]])
    with (folder / "columnas.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "column", "description_es", "description_en"])
        for name, columns in COLUMNS.items():
            writer.writerows([name, column, es, en] for column, (es, en) in columns.items())
    return digest


def _write_ballots(connection: Connection, slug: str, path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for line in _lines(connection, slug):
            digest.update(line)
            file.write(line)
    return digest.hexdigest()


def _lines(connection: Connection, slug: str) -> Iterable[bytes]:
    yield b"receipt,choices\n"
    for receipt, choices in counts.ballots(connection, slug):
        yield f"{receipt},{choices}\n".encode()
