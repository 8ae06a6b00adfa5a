"""Progress: how far an announcement has come, and what it came to by territory; final figures where there are any."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from bot.catalogue import Catalogue
from bot.results import cells
from storage import reached, recipients
from storage.announcements import Announcement

TOLD = ("sent", "delivered", "read")
"""Outcomes of those who were reached, as far as anybody knows."""

BESIDE = ("stopped", "answered")
"""Of those who were reached: they have opted out of that contact since, or have written to us since."""

MEASURES = {
    "reached": TOLD, "read": ("read",), "failed": ("failed",), "stopped": ("stopped",), "answered": ("answered",),
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """So many people of a unit (or of none) on a channel.

    `outcome` is waiting, under-way, sent, delivered, read, failed, uncertain or skipped, with its `reason`. Beside
    these, of those who were reached: stopped (they opted out) and answered. `pesos` is what their messages cost.
    """

    unit: str
    channel: str
    outcome: str
    reason: str
    people: int
    pesos: int = 0

    def as_row(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Progress:
    """How many people there are by outcome (see `Line`), and why they wait or were skipped; the cost in pesos."""

    outcomes: Mapping[str, int]
    waiting: Mapping[str, int]
    skipped: Mapping[str, int]
    pesos: int
    selected: bool

    @property
    def people(self) -> int:
        return sum(self.outcomes.values())

    @property
    def reached(self) -> int:
        return sum(self.outcomes.get(name, 0) for name in TOLD)

    @property
    def done(self) -> float:
        """The share for whom nothing is to be done any more; 0 until everybody is selected."""
        left = self.outcomes.get("waiting", 0) + self.outcomes.get("under-way", 0)
        if not self.selected:
            return 0.0
        return (self.people - left) / self.people if self.people else 1.0


def progress(connection: Connection, announcement: Announcement) -> Progress:
    """How far it has come."""
    return of(_lines(connection, announcement, lambda _place: ""), announcement)


def of(lines: Sequence[Line], announcement: Announcement) -> Progress:
    """The same, from its lines: to read them takes seconds where there are a million people."""
    numbers: dict[str, Counter[str]] = {"outcomes": Counter(), "waiting": Counter(), "skipped": Counter()}
    pesos = 0
    for line in lines:
        if line.outcome not in BESIDE:
            numbers["outcomes"][line.outcome] += line.people
        if line.outcome in ("waiting", "skipped"):
            numbers[line.outcome][line.reason] += line.people
        pesos += line.pesos
    return Progress(**numbers, pesos=pesos, selected=announcement.selected_at is not None)


def results(connection: Connection, city: Catalogue, announcement: Announcement) -> list[Line]:
    """What it came to, by unit and channel."""

    def unit(place: str) -> str:
        found = city.city.territory.containing(place, "unit")
        return found.code if found else ""

    return _lines(connection, announcement, unit)


def _lines(connection: Connection, announcement: Announcement, unit: Callable[[str], str]) -> list[Line]:
    """The final figures, or those of now."""
    if announcement.counted_at is not None:
        return [Line(**row._asdict()) for row in reached.kept(connection, announcement.id)]
    people: Counter[tuple[str, str, str, str]] = Counter()
    pesos: Counter[tuple[str, str, str, str]] = Counter()
    for row in recipients.outcomes(connection, announcement.id):
        outcome, reason = _outcome(row)
        key = (unit(row.place), row.channel, outcome, reason)
        people[key] += row.people
        pesos[key] += int(row.pesos)
        for beside in BESIDE if outcome in TOLD else ():
            if getattr(row, beside):
                people[*key[:2], beside, ""] += row.people
    return [Line(*key, number, pesos[key]) for key, number in sorted(people.items())]


def _outcome(row: Row[Any]) -> tuple[str, str]:
    """What became of a recipient, and why."""
    if row.state in ("waiting", "skipped"):
        return row.state, row.reason
    if row.error == "uncertain" or row.became == "uncertain":
        return "uncertain", ""
    if row.became == "failed":
        return "failed", row.error or ""
    return {"queued": "under-way", "sending": "under-way"}.get(row.became, row.became or "sent"), ""


def number(lines: Sequence[Line], *outcomes: str) -> int:
    """How many people there are with one of these outcomes."""
    return sum(line.people for line in lines if line.outcome in outcomes)


def published(lines: Sequence[Line]) -> Mapping[str, Mapping[str, int | None]]:
    """What everybody may read, by measure and unit; None where it is hidden: fewer
    than 5 people, or it would show another number that small."""
    tables: dict[str, Mapping[str, int | None]] = {}
    for measure, outcomes in MEASURES.items():
        units: Counter[str] = Counter()
        for line in lines:
            if line.outcome in outcomes:
                units[line.unit] += line.people
        tables[measure] = cells(dict(units), small_too=False)
    return tables
