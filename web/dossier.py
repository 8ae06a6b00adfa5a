"""A commitment as its page shows it: every milestone with the three voices side by side, and what residents object."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row

from bot.catalogue import Catalogue
from bot.results import SMALLEST
from bot.standing import standings
from flows.consultation import Consultation, Proposal
from flows.language import Local, Phrase, _, many
from flows.milestones import when
from flows.plan import (
    GRADES,
    Commitment,
    Event,
    Milestone,
    Plan,
    Sector,
    Standing,
    said_by_committee,
    said_by_office,
    until,
)
from storage import voices
from web.history import VERDICTS, File, files_of, office_name
from web.timeline import Bar, Scale


@dataclass(frozen=True)
class Judged:
    """What a seat says of the newest report; only its sector is told."""

    sector: Local
    verdict: Phrase
    reason: str
    on: date


@dataclass(frozen=True)
class Graded:
    grade: Phrase
    text: str
    on: date
    files: Sequence[File]


@dataclass(frozen=True)
class Objected:
    """An objection and its answer. `text` is empty until it is answered."""

    number: int
    on: date
    text: str = ""
    answer: str = ""
    office: Phrase = ""
    answered_on: date | None = None


@dataclass(frozen=True)
class Stated:
    """A milestone and where it stands, in words."""

    milestone: Milestone
    standing: Standing

    @property
    def when(self) -> Phrase:
        return when(self.milestone.span)

    @property
    def until(self) -> Phrase:
        return until(self.standing)

    @property
    def office_says(self) -> Phrase:
        return said_by_office(self.standing)

    @property
    def committee_says(self) -> Phrase:
        return said_by_committee(self.standing)


@dataclass(frozen=True)
class Step(Stated):
    """A milestone with every voice. `sectors` has how many seats of each said yes and no."""

    bar: Bar
    reporter: Phrase = ""
    files: Sequence[File] = ()
    sectors: Sequence[tuple[Sector, int, int]] = ()
    judged: Sequence[Judged] = ()
    graded: Graded | None = None
    objected: Sequence[Objected] = ()

    @property
    def told(self) -> Phrase:
        return _("The office says: {state}", state=self.office_says)


@dataclass(frozen=True)
class Outline:
    """A commitment in a list: the bars of its first milestones, and how many are in each phase."""

    plan: Plan
    commitment: Commitment
    scale: Scale
    steps: Sequence[Step]
    phases: Sequence[Phrase]

    @property
    def marks(self) -> Sequence[Phrase]:
        """What must stand beside it wherever it is shown."""
        return [_("This is a made-up example.")] if self.plan.example else []


@dataclass(frozen=True)
class Rated:
    """How people rated an event: how many, and the two averages from 1 to 5; None while they are too few."""

    event: Event
    people: int | None = None
    clear: float = 0
    heard: float = 0


@dataclass(frozen=True)
class Reader:
    """Reads what there is to show on a day."""

    connection: Connection
    plan: Plan
    today: date
    zone: ZoneInfo

    def outline(self, commitment: Commitment, standing: Mapping[str, Standing], most: int) -> Outline:
        scale = self._scale(commitment)
        steps = [Step(m, standing[m.id], scale.bar(m.span, standing[m.id])) for m in commitment.milestones[:most]]
        return Outline(self.plan, commitment, scale, steps, phases(commitment, standing))

    def whole(self, commitment: Commitment) -> Outline:
        """A commitment with every voice."""
        known = self.standings(commitment.milestones)
        bare = self.outline(commitment, known, len(commitment.milestones))
        reports = {row.id: row.milestone for row in voices.reports_of(self.connection, list(known))}
        newest = [each.report for each in known.values() if each.report is not None]
        judged = self._judged(newest)
        objected = self._objected(reports)
        grades = {row.subject: row for row in voices.grades_of(self.connection, self.plan.slug)}
        files = files_of(self.connection, newest, [row.id for row in grades.values()])
        steps = [
            Step(
                step.milestone,
                step.standing,
                step.bar,
                office_name(self.plan, step.standing.office),
                files["report", step.standing.report or 0],
                self._sectors(step.standing),
                judged[step.standing.report or 0],
                self._graded(grades.get(step.milestone.id), files),
                objected[step.milestone.id],
            )
            for step in bare.steps
        ]
        return Outline(self.plan, commitment, bare.scale, steps, bare.phases)

    def grade(self, subject: str) -> Graded | None:
        """The monitor's newest grade of a commitment as a whole."""
        rows = [row for row in voices.grades_of(self.connection, self.plan.slug) if row.subject == subject]
        return self._graded(rows[-1], files_of(self.connection, [], [rows[-1].id])) if rows else None

    def rated(self) -> list[Rated]:
        """How each event that has begun was rated."""
        given = voices.ratings(self.connection, self.plan.slug)
        return [_rated(event, given.get(event.id, [])) for event in self.plan.events if event.opens <= self.today]

    def standings(self, milestones: Sequence[Milestone]) -> Mapping[str, Standing]:
        return standings(self.connection, self.plan, self.today, self.zone, milestones)

    def _scale(self, commitment: Commitment) -> Scale:
        return Scale.over([commitment.span, *(m.span for m in commitment.milestones)], self.today)

    def _sectors(self, standing: Standing) -> Sequence[tuple[Sector, int, int]]:
        said = {id: (yes, no) for id, yes, no in standing.verdict.sectors}
        return [(sector, *said[sector.id]) for sector in self.plan.sectors if sector.id in said]

    def _judged(self, reports: Sequence[int]) -> Mapping[int, Sequence[Judged]]:
        """The latest judgement of each seat, by report, in the order of the sectors."""
        latest: dict[tuple[int, str], Row[Any]] = {}
        for row in voices.judgements_of(self.connection, reports):
            latest[row.report_id, row.seat] = row
        found: dict[int, list[Judged]] = defaultdict(list)
        seats = list(self.plan.seats)
        held = [row for row in latest.values() if row.seat in self.plan.seats]
        for row in sorted(held, key=lambda row: seats.index(row.seat)):
            said = Judged(self.plan.seats[row.seat].name, VERDICTS[row.verdict], row.reason, self._day(row))
            found[row.report_id].append(said)
        return found

    def _objected(self, reports: Mapping[int, str]) -> Mapping[str, Sequence[Objected]]:
        """Objections by milestone, oldest first; `reports` has the milestone of each report."""
        found: dict[str, list[Objected]] = defaultdict(list)
        for row in voices.objections_of(self.connection, list(reports)):
            found[reports[row.report_id]].append(self._objection(row))
        return found

    def _objection(self, row: Row[Any]) -> Objected:
        on = self._day(row)
        if row.answer is None:
            return Objected(row.id, on)
        answered = row.answered_at.astimezone(self.zone).date()
        return Objected(row.id, on, row.text, row.answer, office_name(self.plan, row.office), answered)

    def _graded(self, row: Row[Any] | None, files: Mapping[tuple[str, int], Sequence[File]]) -> Graded | None:
        return Graded(GRADES[row.grade], row.text, self._day(row), files["grade", row.id]) if row else None

    def _day(self, row: Row[Any]) -> date:
        day: date = row.at.astimezone(self.zone).date()
        return day


def phases(commitment: Commitment, standing: Mapping[str, Standing]) -> Sequence[Phrase]:
    """How many milestones are where, those first that need somebody's eye."""
    found = Counter(standing[m.id].phase for m in commitment.milestones)
    told = {
        "late": many("{n} late", "{n} late", found["late"]),
        "ended": many("{n} over", "{n} over", found["ended"]),
        "soon": many("{n} ends soon", "{n} end soon", found["soon"]),
        "running": many("{n} running", "{n} running", found["running"]),
        "ahead": many("{n} not begun", "{n} not begun", found["ahead"]),
        "done": many("{n} reported complete", "{n} reported complete", found["done"]),
        "withdrawn": many("{n} withdrawn", "{n} withdrawn", found["withdrawn"]),
    }
    return [words for phase, words in told.items() if found[phase]]


def _rated(event: Event, given: Sequence[tuple[int, int]]) -> Rated:
    people = len(given)
    if people < SMALLEST:
        return Rated(event)
    clear, heard = (round(sum(each) / people, 1) for each in zip(*given, strict=True))
    return Rated(event, people, clear, heard)


def origin(city: Catalogue, commitment: Commitment, now: datetime) -> tuple[Consultation, Proposal | None] | None:
    """The consultation and the proposal that a commitment came from, where the public can see them."""
    listed = city.consultations.get(commitment.consultation)
    if listed is None or listed.phase(now) == "draft":
        return None
    return listed.seen, next((p for p in listed.seen.proposals if p.id == commitment.proposal), None)


def came_of(city: Catalogue, slug: str) -> list[tuple[Plan, Commitment]]:
    """The commitments that came from a consultation."""
    return [(plan, c) for plan in city.plans.values() for c in plan.commitments if c.consultation == slug]
