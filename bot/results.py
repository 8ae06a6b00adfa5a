"""Results: computed once, at the count, from the list of ballots and the roll; and the files that publish them."""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from bot.tables import harmless
from storage import ballots, batches, counts, public_notices
from storage.consultations import ConsultationRow

SMALLEST = 5
"""Groups of fewer people are not told apart."""

PIECE = 1_000
"""Ballots that are written or sent at once."""

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
        "consultation": ("Identificador de la consulta", "Id of the consultation"),
        "title": ("Título de la consulta, por idioma", "Title of the consultation, by language"),
        "ballots": ("Papeletas contadas", "Ballots counted"),
        "votes": (
            "Votos en total: una papeleta puede elegir varias propuestas",
            "Votes in all: a ballot may choose several proposals",
        ),
        "proposals": ("Votos de cada propuesta, en el orden de la lista", "Votes of each proposal, in list order"),
        "ties": ("Grupos de propuestas con los mismos votos", "Groups of proposals with the same votes"),
        "ballots_sha256": ("Huella SHA-256 de papeletas.csv", "SHA-256 fingerprint of papeletas.csv"),
        "paper": (
            "Papel firmado: mesas, y papeletas válidas (nulo donde se oculta), en blanco y nulas; nulo si no hubo",
            "Signed paper: tables, and valid (null where hidden), blank and void ballots; null if there was none",
        ),
        "columns": ("Qué significa cada columna de cada archivo", "What each column of each file means"),
        "notices": (
            "Avisos públicos de la consulta: qué es (erratum: corrección), cuándo y su texto, por idioma",
            "Public notices of the consultation: what it is (erratum: correction), when, and its text, by language",
        ),
        "turnout": (
            "Personas que votaron, por grupo; nulo donde se oculta: menos de 5, o dejaría ver otro tan pequeño",
            "People who voted, by group; null where hidden: fewer than 5, or it would show another one that small",
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
    people = {name: _turnout(connection, row.slug, name, _shown(shown, name)) for name in DIMENSIONS}
    return {
        "consultation": row.slug,
        "title": json.loads(row.title),
        "ballots": number,
        "votes": sum(votes.values()),
        "proposals": [{**p, "rank": ranked.index(p["votes"]) + 1} for p in listed],
        "ties": ties(listed),
        "notices": [notice.as_json() for notice in public_notices.of(connection, row.slug)],
        "paper": _paper(batches.papers(connection, row.slug), people["origin"]),
        "turnout": people,
    }


def _paper(papers: Mapping[str, int], origins: Mapping[str, int | None]) -> dict[str, int | None] | None:
    """What tables handed in; how many papers were valid only where the table of channels tells it too."""
    return {**papers, "valid": origins.get("paper")} if papers["tables"] else None


def turnout(connection: Connection, slug: str) -> dict[str, Any]:
    """How many have taken part in an open vote: in all (null below five) and by locality and unit."""
    found = ballots.turnout_by_place(connection, slug)
    people = sum(found.values())
    return {"people": people if people >= SMALLEST else None, **places(found)}


def _turnout(connection: Connection, slug: str, name: str, small_too: bool) -> dict[str, int | None]:
    if name in ("locality", "unit") and not small_too:
        return places(ballots.turnout_by_place(connection, slug))[name]
    return cells(ballots.turnout(connection, slug, name), small_too)


def _shown(small_cells: Any, name: str) -> bool:
    return isinstance(small_cells, dict) and small_cells.get(name) == "shown"


def ties(listed: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Groups of proposals with the same number of votes, more than none."""
    groups: dict[int, list[str]] = {}
    for proposal in listed:
        groups.setdefault(proposal["votes"], []).append(proposal["id"])
    return [ids for votes, ids in sorted(groups.items(), reverse=True) if votes and len(ids) > 1]


def cells(found: Mapping[Any, int], small_too: bool) -> dict[str, int | None]:
    """A table of people by group: small cells are hidden, and more with them until none follows from the total.

    Who knows the total knows what the hidden cells add up to. So they are at least two, they differ (equal ones would
    each be an equal share), and together they are not few. What is as small as the last hidden one is hidden too, so
    that the choice says nothing: any of them may be any of their numbers. A table in which that leaves nothing to show
    is empty: it does not even say which groups there are.
    """
    if small_too:
        return {_key(key): number for key, number in found.items()}
    hidden = covered(found, {key for key in found if found[key] < SMALLEST})
    if hidden and len(hidden) == len(found):
        return {}
    return {_key(key): None if key in hidden else number for key, number in found.items()}


def covered(found: Mapping[Any, int], hidden: Set[Any]) -> set[Any]:
    """What has to be hidden of a table so that nothing of `hidden` follows from the total."""
    order = sorted(hidden, key=lambda key: found[key])
    rest = sorted((key for key in found if key not in hidden), key=lambda key: found[key])
    while order and rest and (not mixed([found[key] for key in order]) or found[rest[0]] == found[order[-1]]):
        order.append(rest.pop(0))
    return set(order)


def mixed(hidden: list[int]) -> bool:
    """Whether hidden numbers hide one another."""
    return len(set(hidden)) > 1 and sum(hidden) >= SMALLEST


def places(found: Mapping[tuple[str | None, str | None], int]) -> dict[str, dict[str, int | None]]:
    """Tables by locality and by unit, from (locality, unit). No unit follows from its locality's number either.

    The units of a hidden locality are left out: how many they are would say how small it can be at most.
    """
    inside: dict[str | None, dict[str | None, int]] = {}
    for (locality, unit), people in found.items():
        inside.setdefault(locality, {})[unit] = people
    localities = cells({locality: sum(units.values()) for locality, units in inside.items()}, small_too=False)
    by_unit: dict[str, int | None] = {}
    for locality, units in inside.items():
        told = cells(units, small_too=False) if localities.get(_key(locality)) is not None else {}
        for unit in map(_key, units):
            if unit in told:
                number, before = told[unit], by_unit.get(unit, 0)  # people without a unit are counted together
                by_unit[unit] = None if number is None or before is None else before + number
            elif not unit and localities:
                by_unit[unit] = None
    return {"locality": localities, "unit": by_unit}


def _key(group: str | None) -> str:
    return group or ""


def write(connection: Connection, slug: str, results: Mapping[str, Any], folder: Path) -> str:
    """Write the public files of a counted consultation; the SHA-256 of the list of ballots."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with (folder / "papeletas.csv").open("wb") as file:
        for line in ballot_lines(lambda: nullcontext(connection), slug):
            digest.update(line)
            file.write(line)
    (folder / "resultados.json").write_bytes(as_json(results, digest.hexdigest()))
    (folder / "resultados.csv").write_bytes(as_csv(results))
    (folder / "columnas.csv").write_bytes(columns_csv())
    return digest.hexdigest()


def fingerprint(connection: Connection, slug: str) -> str:
    """The SHA-256 of the list of ballots."""
    digest = hashlib.sha256()
    for line in ballot_lines(lambda: nullcontext(connection), slug):
        digest.update(line)
    return digest.hexdigest()


def ballot_lines(connections: counts.Connections, slug: str) -> Iterator[bytes]:
    """`papeletas.csv`, in pieces."""
    yield b"receipt,choices\n"
    listed = counts.ballots(connections, slug)
    while lines := [f"{receipt},{choices}\n" for receipt, choices in islice(listed, PIECE)]:
        yield "".join(lines).encode()


def as_json(results: Mapping[str, Any], digest: str) -> bytes:
    """`resultados.json`: the results, the digest of the list of ballots, and what each column means."""
    described = {
        name: {c: {"es": es, "en": en} for c, (es, en) in columns.items()} for name, columns in COLUMNS.items()
    }
    public = {**results, "ballots_sha256": digest, "columns": described}
    return (json.dumps(public, ensure_ascii=False, indent=1) + "\n").encode()


def as_csv(results: Mapping[str, Any]) -> bytes:
    """`resultados.csv`: a line for each proposal, in list order."""
    rows = [
        [p["id"], p["number"], p["title"].get("es"), p["title"].get("en"), p["votes"], p["rank"]]
        for p in results["proposals"]
    ]
    return _csv([list(COLUMNS["resultados.csv"]), *rows])


def columns_csv() -> bytes:
    """`columnas.csv`: what each column of the other files means."""
    rows = [[name, c, es, en] for name, columns in COLUMNS.items() for c, (es, en) in columns.items()]
    return _csv([["file", "column", "description_es", "description_en"], *rows])


def _csv(rows: Iterable[Iterable[Any]]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([harmless(cell) for cell in row] for row in rows)
    return buffer.getvalue().encode()
