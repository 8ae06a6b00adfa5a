"""What there is to tell about a plan on a day: of which milestone, to whom, until when it is worth telling.

Computed from the plan, the voices and the day, and from nothing else: it does not matter when it is computed, or how
often.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from bot.duties import month_of, silent_since, stage
from flows.language import Month, Phrase, Text, _, many
from flows.plan import GRADES, STATES, Commitment, Milestone, Plan, Standing
from storage import plans, voices

NEWS = timedelta(days=7)
"""How long it is worth telling followers what is new, after a downtime."""

LATE = timedelta(days=14)
LONGEST = timedelta(days=60)
"""How far back events are looked at; what is older and was never told has been dropped, with a record, long since."""

SEAT = "seat"


@dataclass(frozen=True)
class Event:
    """One thing to tell. `scopes` say to whom: seat, clerk:<office>, person:<id>, or what followers follow.

    `until` is the last day on which followers are told; duties (of seats and offices) are never dropped.
    """

    kind: str
    subject: str
    day: date
    until: date
    scopes: frozenset[str]
    line: Phrase
    short: Phrase

    @property
    def key(self) -> tuple[str, str, date]:
        return self.kind, self.subject, self.day


@dataclass(frozen=True)
class Chronicle:
    """All that a plan's events follow from."""

    plan: Plan
    standings: Mapping[str, Standing]
    today: date
    zone: ZoneInfo

    def day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()


def events(connection: Connection, chronicle: Chronicle) -> list[Event]:
    """Everything that is to be told now, in the plan's order; nothing once the plan is no longer watched."""
    if chronicle.today > chronicle.plan.rules.watched_until:
        return []
    found = [event for c in chronicle.plan.commitments for event in _of_commitment(chronicle, c)]
    found += _of_reports(chronicle)
    found += _of_grades(connection, chronicle)
    found += _of_changes(connection, chronicle)
    found += _of_objections(connection, chronicle)
    return found + list(_of_month(chronicle))


def _of_commitment(of: Chronicle, commitment: Commitment) -> Iterator[Event]:
    if commitment.withdrawn is not None:
        return
    for milestone in commitment.milestones:
        standing = of.standings[milestone.id]
        if standing.phase == "done":
            continue
        reached = stage(milestone.span.last, of.today)
        if reached is not None:
            yield _duty(of, milestone, *reached)
        silent = silent_since(milestone.span.first, standing.on, of.plan.rules.silent_after, of.today)
        if silent is not None:
            line = _("{title}: no report since {date}.", date=max(milestone.span.first, standing.on or date.min))
            yield _event("silent", milestone, silent, _clerks(milestone), line)
        late = milestone.span.last + timedelta(days=1)
        if late <= of.today <= late + LONGEST:
            line = _("{title}: it ended on {date} and is late.", date=milestone.span.last)
            yield _event("overdue", milestone, late, _followers(of, milestone), line, late + LATE)


def _duty(of: Chronicle, milestone: Milestone, kind: str, day: date) -> Event:
    """What the committee and the office are told of the end of a milestone, with the days as they are today."""
    left, last = (milestone.span.last - of.today).days, milestone.span.last
    if left > 0:
        line = many("{title}: {n} day left, until {date}.", "{title}: {n} days left, until {date}.", left, date=last)
    elif left == 0:
        line = _("{title}: ends today.")
    else:
        line = many("{title}: {n} day late.", "{title}: {n} days late.", -left)
    return _event(kind, milestone, day, _clerks(milestone) | {SEAT}, line)


def _named(line: Text, milestone: Milestone, short: bool) -> Phrase:
    """The line with the title of its milestone, in the form that fits."""
    title = milestone.short if short else milestone.title
    return Text(line.msgid, {**line.values, "title": title}, line.plural, line.n)


def _event(
    kind: str,
    milestone: Milestone,
    day: date,
    scopes: frozenset[str],
    line: Text,
    until: date = date.max,
    subject: str = "",
) -> Event:
    forms = _named(line, milestone, False), _named(line, milestone, True)
    return Event(kind, subject or milestone.id, day, until, scopes, *forms)


def _clerks(milestone: Milestone) -> frozenset[str]:
    return frozenset(f"clerk:{office}" for office in milestone.offices)


def _followers(of: Chronicle, milestone: Milestone) -> frozenset[str]:
    offices = (f"office:{of.plan.slug}/{office}" for office in milestone.offices)
    return frozenset({"all", f"commitment:{milestone.commitment}", *offices})


def _of_reports(of: Chronicle) -> Iterator[Event]:
    """Each newest report, and what the committee decided of it."""
    for standing in of.standings.values():
        if standing.report is None or standing.on is None or standing.phase == "withdrawn":
            continue
        milestone = of.plan.milestones[standing.milestone]
        subject = str(standing.report)
        line = _("{title}: the office reports: {state}.", state=STATES[standing.reported or ""])
        if of.today - standing.on <= LONGEST:
            yield _event("report", milestone, standing.on, _followers(of, milestone), line, standing.on + NEWS, subject)
        yield _event("judge", milestone, standing.on, frozenset({SEAT}), line, subject=subject)
        decided, day = standing.verdict.outcome, standing.changed or standing.on
        if decided != "pending" and of.today - day <= LONGEST:
            said = _("{title}: the committee validated the report.")
            if decided == "objected":
                said = _("{title}: the committee objected to the report.")
            scopes = _followers(of, milestone) | _clerks(milestone)
            yield _event(decided, milestone, day, scopes, said, day + NEWS, subject)


def _of_grades(connection: Connection, of: Chronicle) -> Iterator[Event]:
    for row in voices.grades_of(connection, of.plan.slug):
        day, milestones = of.day(row.at), _milestones_of(of.plan, row.subject)
        if not milestones or of.today - day > LONGEST:
            continue
        scopes = frozenset().union(*(_followers(of, m) | _clerks(m) for m in milestones))
        commitment = of.plan.commitment(row.subject)
        title, short = (commitment or milestones[0]).title, (commitment or milestones[0]).short
        forms = [_("{title}: the monitor finds: {grade}.", title=t, grade=GRADES[row.grade]) for t in (title, short)]
        yield Event("grade", str(row.id), day, day + NEWS, scopes, *forms)


def _milestones_of(plan: Plan, subject: str) -> list[Milestone]:
    """The milestones of a commitment, or the one milestone."""
    return [m for m in plan.milestones.values() if subject in (m.id, m.commitment)]


def _of_changes(connection: Connection, of: Chronicle) -> Iterator[Event]:
    """What a new version of the plan moved or withdrew."""
    for change in plans.changes(connection, of.plan.slug):
        day, milestones = of.day(change.at), _milestones_of(of.plan, change.subject)
        if not milestones or of.today - day > LONGEST or change.what not in ("withdrawn", "span"):
            continue
        scopes = frozenset().union(*(_followers(of, m) for m in milestones)) | {SEAT}
        commitment = of.plan.commitment(change.subject)
        about = commitment or milestones[0]
        if change.what == "withdrawn":
            if not json.loads(change.after):
                continue
            why = commitment.withdrawn if commitment and commitment.withdrawn else ""
            forms = [
                _("{title}: the city withdrew it. The reason: {why}", title=t, why=why)
                for t in (about.title, about.short)
            ]
        else:
            ends = about.span.last
            forms = [
                _("{title}: the city moved its end to {date}.", title=t, date=ends) for t in (about.title, about.short)
            ]
        yield Event("changed", str(change.id), day, day + NEWS, scopes, *forms)


def _of_objections(connection: Connection, of: Chronicle) -> Iterator[Event]:
    """To the office: what waits for its answer. To who objected: the answer."""
    for row in voices.objections_in(connection, of.plan.slug):
        milestone = of.plan.milestones.get(row.milestone)
        if milestone is None:
            continue
        if row.answer is None:
            line = _("{title}: a resident objects (number {number}).", number=row.id)
            scopes = frozenset({f"clerk:{row.reporter}"})
            yield _event("objection", milestone, of.day(row.at), scopes, line, subject=str(row.id))
        elif row.person_id is not None:
            line = _('Your objection {number} to "{title}" has an answer: "{answer}"', number=row.id, answer=row.answer)
            scopes = frozenset({f"person:{row.person_id}"})
            yield _event("answer", milestone, of.day(row.answered_at), scopes, line, subject=str(row.id))


def _of_month(of: Chronicle) -> Iterator[Event]:
    """The committee's monthly digest."""
    day = month_of(of.today)
    if day < of.plan.span.first:
        return
    last = [m for m in of.plan.milestones.values() if month_of(m.span.last) == day]
    number = {
        "month": Month(day),
        "due": len(last),
        "late": sum(s.phase == "late" for s in of.standings.values()),
        "silent": sum(s.silent > 0 for s in of.standings.values()),
        "open": sum(s.report is not None and s.verdict.outcome == "pending" for s in of.standings.values()),
    }
    text = _(
        "{month}: {due} milestones end, {late} are late, {silent} have no recent report, {open} reports are undecided.",
        **number,
    )
    yield Event("month", of.plan.slug, day, date.max, frozenset({SEAT}), text, text)
