"""What there is to tell about a plan on a day: of which milestone, to whom, until when it is worth telling.

Computed from the plan, the voices and the day, and from nothing else: it does not matter when it is computed, or how
often.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row

from bot.duties import month_of, silent_since, stage
from flows.language import Month, Phrase, Text, _, many
from flows.plan import GRADES, STATES, Commitment, Milestone, Plan, Standing
from storage import plans, voices

NEWS = timedelta(days=7)
"""How long it is worth telling followers what is new, after a downtime."""

LATE = timedelta(days=14)
LONGEST = timedelta(days=60)
"""How far back news is looked at for those who follow; what is older was told, or dropped with a record, long since."""

REMEMBERED = timedelta(days=700)
"""How far back duties are looked at: for two years it is known who was told of what."""

QUOTED = 600
"""Letters of an answer that an SMS tells; the page has all of it."""

Key = tuple[str, str, date]
"""By which it is known that somebody was told of something: kind, subject, day."""


@dataclass(frozen=True)
class Event:
    """One thing to tell. `scopes` say to whom: seat:<plan>, clerk:<plan>/<office>, person:<id>, or what people follow.

    `until` is the last day on which followers are told; duties (of seats and offices) are never dropped.
    """

    plan: str
    kind: str
    subject: str
    day: date
    until: date
    scopes: frozenset[str]
    line: Phrase
    short: Phrase

    @cached_property
    def key(self) -> Key:
        return self.kind, self.subject, self.day

    @property
    def is_answer(self) -> bool:
        """Whether it is for one person alone, who objected."""
        return self.kind == "answer"


@dataclass(frozen=True)
class Chronicle:
    """All that a plan's events follow from."""

    plan: Plan
    standings: Mapping[str, Standing]
    today: date
    zone: ZoneInfo

    def day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    @property
    def seats(self) -> frozenset[str]:
        return frozenset({f"seat:{self.plan.slug}"})

    def clerks(self, *milestones: Milestone) -> frozenset[str]:
        return frozenset(clerk(self.plan.slug, office) for each in milestones for office in each.offices)

    def recent(self, day: date, *milestones: Milestone) -> frozenset[str]:
        """Those who follow these milestones, for what is new since that day; nobody once that is too long ago."""
        return self.followers(*milestones) if self.today - day <= LONGEST else frozenset()

    def followers(self, *milestones: Milestone) -> frozenset[str]:
        commitments = {f"commitment:{each.commitment}" for each in milestones}
        return frozenset(
            {"all"} | commitments | {f"office:{self.plan.slug}/{o}" for m in milestones for o in m.offices}
        )


def clerk(plan: str, office: str) -> str:
    """The scope of those who report for an office."""
    return f"clerk:{plan}/{office}"


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
            yield _event(of, "silent", milestone, silent, of.clerks(milestone), line)
        late = milestone.span.last + timedelta(days=1)
        if standing.reported == "complete" and standing.decided is not None:  # late since the committee objected
            late = max(late, standing.decided)
        if late <= of.today <= late + LONGEST:
            line = _("{title}: it ended on {date} and is late.", date=milestone.span.last)
            yield _event(of, "overdue", milestone, late, of.followers(milestone), line, late + LATE)


def _duty(of: Chronicle, milestone: Milestone, kind: str, day: date) -> Event:
    """What the committee and the office are told of the end of a milestone, with the days as they are today."""
    left, last = (milestone.span.last - of.today).days, milestone.span.last
    if left > 0:
        line = many("{title}: {n} day left, until {date}.", "{title}: {n} days left, until {date}.", left, date=last)
    elif left == 0:
        line = _("{title}: ends today.")
    else:
        line = many("{title}: {n} day late.", "{title}: {n} days late.", -left)
    return _event(of, kind, milestone, day, of.clerks(milestone) | of.seats, line)


def _named(line: Text, milestone: Milestone, short: bool) -> Phrase:
    """The line with the title of its milestone, in the form that fits."""
    title = milestone.short if short else milestone.title
    return Text(line.msgid, {**line.values, "title": title}, line.plural, line.n)


def _event(
    of: Chronicle,
    kind: str,
    milestone: Milestone,
    day: date,
    scopes: frozenset[str],
    line: Text,
    until: date = date.max,
    subject: str = "",
) -> Event:
    forms = _named(line, milestone, False), _named(line, milestone, True)
    return Event(of.plan.slug, kind, subject or milestone.id, day, until, scopes, *forms)


def _of_reports(of: Chronicle) -> Iterator[Event]:
    """Each newest report, and what the committee decided of it."""
    for standing in of.standings.values():
        if standing.report is None or standing.on is None or standing.phase == "withdrawn":
            continue
        milestone = of.plan.milestones[standing.milestone]
        subject = str(standing.report)
        if of.today - standing.on <= REMEMBERED:
            line = _("{title}: the office reports: {state}.", state=STATES[standing.reported or ""])
            scopes = of.seats | of.recent(standing.on, milestone)
            yield _event(of, "report", milestone, standing.on, scopes, line, standing.on + NEWS, subject)
        day = standing.decided
        if day is not None and of.today - day <= REMEMBERED:
            said = _("{title}: the committee validated the report.")
            if standing.verdict.outcome == "objected":
                said = _("{title}: the committee objected to the report.")
            scopes = of.clerks(milestone) | of.recent(day, milestone)
            yield _event(of, standing.verdict.outcome, milestone, day, scopes, said, day + NEWS, subject)


def _of_grades(connection: Connection, of: Chronicle) -> Iterator[Event]:
    for row in voices.grades_of(connection, of.plan.slug):
        day, milestones = of.day(row.at), _milestones_of(of.plan, row.subject)
        if not milestones or of.today - day > REMEMBERED:
            continue
        scopes = of.clerks(*milestones) | of.recent(day, *milestones)
        commitment = of.plan.commitment(row.subject)
        title, short = (commitment or milestones[0]).title, (commitment or milestones[0]).short
        forms = [_("{title}: the monitor finds: {grade}.", title=t, grade=GRADES[row.grade]) for t in (title, short)]
        yield Event(of.plan.slug, "grade", str(row.id), day, day + NEWS, scopes, *forms)


def _milestones_of(plan: Plan, subject: str) -> Sequence[Milestone]:
    """The milestones of a commitment, or the one milestone."""
    commitment = plan.commitment(subject)
    if commitment is not None:
        return commitment.milestones
    return (plan.milestones[subject],) if subject in plan.milestones else ()


def _of_changes(connection: Connection, of: Chronicle) -> Iterator[Event]:
    """What a new version of the plan moved or withdrew: of each thing the newest change."""
    since = datetime.combine(of.today - LONGEST, time(), of.zone)
    newest = {(each.subject, each.what): each for each in plans.moved(connection, of.plan.slug, since)}
    for change in newest.values():
        day, milestones = of.day(change.at), _milestones_of(of.plan, change.subject)
        if not milestones:
            continue
        about = of.plan.commitment(change.subject) or milestones[0]
        line = _changed(change, about)
        if line is not None:
            scopes = of.followers(*milestones) | of.seats
            forms = [Text(line.msgid, {**line.values, "title": title}) for title in (about.title, about.short)]
            yield Event(of.plan.slug, "changed", str(change.id), day, day + NEWS, scopes, *forms)


def _changed(change: Row[Any], about: Commitment | Milestone) -> Text | None:
    """What to say of a change, if anything."""
    if change.what == "withdrawn" and isinstance(about, Commitment) and about.withdrawn is not None:
        return _("{title}: the city withdrew it. The reason: {why}", why=about.withdrawn)
    if change.what == "withdrawn":
        return None  # it stands again
    if json.loads(change.before)["ends"] == json.loads(change.after)["ends"]:
        return _("{title}: the city moved its beginning to {date}.", date=about.span.first)
    return _("{title}: the city moved its end to {date}.", date=about.span.last)


def _of_objections(connection: Connection, of: Chronicle) -> Iterator[Event]:
    """To the office: what waits for its answer. To who objected: the answer."""
    for row in voices.objections_in(connection, of.plan.slug):
        milestone, day = of.plan.milestones.get(row.milestone), of.day(row.answered_at or row.at)
        if milestone is None or of.today - day > REMEMBERED:
            continue
        if row.answer is None:
            line = _("{title}: a resident objects (number {number}).", number=row.id)
            scopes = frozenset({clerk(of.plan.slug, row.reporter)})
            yield _event(of, "objection", milestone, day, scopes, line, subject=str(row.id))
        elif row.person_id is not None:
            brief = f"{row.answer[:QUOTED]}..." if len(row.answer) > QUOTED else row.answer
            forms = [
                _('Your objection {number} to "{title}" has an answer: "{answer}"', number=row.id, title=t, answer=text)
                for t, text in ((milestone.title, row.answer), (milestone.short, brief))
            ]
            scopes = frozenset({f"person:{row.person_id}"})
            yield Event(of.plan.slug, "answer", str(row.id), day, date.max, scopes, *forms)


def _of_month(of: Chronicle) -> Iterator[Event]:
    """The committee's monthly digest."""
    day = month_of(of.today)
    if day < of.plan.span.first:
        return
    standing = [each for each in of.standings.values() if each.phase != "withdrawn"]
    text = _(
        "{month}. Milestones that end: {due}. Late: {late}. Without a recent report: {silent}."
        " Reports to decide: {open}.",
        month=Month(day),
        due=sum(month_of(of.plan.milestones[each.milestone].span.last) == day for each in standing),
        late=sum(each.phase == "late" for each in standing),
        silent=sum(each.silent > 0 for each in standing),
        open=sum(each.report is not None and each.verdict.outcome == "pending" for each in standing),
    )
    yield Event(of.plan.slug, "month", of.plan.slug, day, date.max, of.seats, text, text)
