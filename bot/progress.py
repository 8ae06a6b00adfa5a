"""Progress: how far an announcement has come, and what it came to by territory; final figures where there are any."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from bot.catalogue import Catalogue
from bot.results import cells
from storage import recipients
from storage.announcements import Announcement

TOLD = ("sent", "delivered", "read")
"""Outcomes of those who were reached, as far as anybody knows."""

MEASURES = {
    "reached": TOLD, "read": ("read",), "failed": ("failed",), "opted-out": ("opted-out",), "answered": ("answered",),
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """So many people of a unit (or of none) on a channel.

    `outcome` is waiting, under-way, sent, delivered, read, failed, uncertain or skipped, with its `reason`. Beside
    these, of those who were reached: opted-out and answered.
    """

    unit: str
    channel: str
    outcome: str
    reason: str
    people: int

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
    """How far it has come; from its final figures, without the cost, once its recipients are forgotten."""
    numbers: dict[str, Counter[str]] = {"outcomes": Counter(), "waiting": Counter(), "skipped": Counter()}
    pesos = 0
    for row in recipients.outcomes(connection, announcement.id):
        outcome, reason = _outcome(row)
        numbers["outcomes"][outcome] += row.people
        if outcome in ("waiting", "skipped"):
            numbers[outcome][reason] += row.people
        pesos += int(row.pesos)
    return Progress(**numbers, pesos=pesos, selected=announcement.selected_at is not None)


def results(connection: Connection, city: Catalogue, announcement: Announcement) -> list[Line]:
    """What it came to, by unit and channel."""
    if announcement.counted_at is not None:
        return [Line(**row._asdict()) for row in recipients.kept(connection, announcement.id)]
    found: Counter[tuple[str, str, str, str]] = Counter()
    for row in recipients.outcomes(connection, announcement.id):
        unit = city.city.territory.containing(row.place, "unit")
        where = (unit.code if unit else "", row.channel)
        outcome, reason = _outcome(row)
        found[*where, outcome, reason] += row.people
        if outcome in TOLD and row.stopped:
            found[*where, "opted-out", ""] += row.people
        if outcome in TOLD and row.answered:
            found[*where, "answered", ""] += row.people
    return [Line(*key, people) for key, people in sorted(found.items())]


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
