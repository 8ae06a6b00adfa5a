"""The voices on a milestone, each kept apart and never overwritten: the office's reports with their evidence, the
committee's judgements of a report, the monitor's grades, and what residents object and rate."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Index, LargeBinary, Row, UniqueConstraint, and_, delete, func, insert, select, update
from sqlmodel import Field, SQLModel

from storage.database import columns

STATES = ("not-started", "in-progress", "stalled", "complete")
"""What an office can report."""

GRADES = ("no-evidence", "not-started", "limited", "substantial", "complete")
"""The words of OGP's Independent Reporting Mechanism for completion (glossary, "Completion")."""


class MilestoneRow(SQLModel, table=True):
    """`id` is `<commitment>.<number>`; what was reported hangs on it, so that it cannot disappear."""

    __tablename__ = "milestone"

    id: str = Field(primary_key=True, max_length=50)
    plan: str = Field(max_length=40, index=True)


class Report(SQLModel, table=True):
    """What an office says of a milestone. `office` is its id in the plan; `via` is chat, cli or console."""

    id: int | None = Field(default=None, primary_key=True)
    milestone: str = Field(max_length=50, foreign_key="milestone.id")
    office: str = Field(max_length=40)
    state: str = Field(max_length=16)
    text: str
    via: str = Field(max_length=8)
    at: datetime

    __table_args__ = (Index("report_of_milestone", "milestone", "id"), {"sqlite_autoincrement": True})


class Evidence(SQLModel, table=True):
    """A file that shows what a report or a grade says.

    `state` is awaited (the worker has still to fetch it from the provider; `source` says where, sealed), kept or
    refused (`reason`: size, type, gone). `kind` is its media type as checked here, `body` the file itself.
    """

    id: int | None = Field(default=None, primary_key=True)
    report_id: int | None = Field(default=None, foreign_key="report.id", index=True)
    grade_id: int | None = Field(default=None, foreign_key="grade.id", index=True)
    contact_id: int | None = Field(default=None, foreign_key="contact.id", ondelete="SET NULL")
    state: str = Field(max_length=8, index=True)
    channel: str = Field(default="", max_length=16)
    source: bytes | None = Field(default=None)
    due_at: datetime
    tries: int = Field(default=0)
    reason: str | None = Field(default=None, max_length=8)
    name: str = Field(default="", max_length=80)
    kind: str = Field(default="", max_length=40)
    size: int = Field(default=0)
    sha256: str = Field(default="", max_length=64)
    body: bytes | None = Field(default=None, sa_type=LargeBinary)


class Judgement(SQLModel, table=True):
    """What a seat of the committee says of one report: validated or objected. The latest of each seat counts."""

    id: int | None = Field(default=None, primary_key=True)
    report_id: int = Field(foreign_key="report.id", index=True)
    seat: str = Field(max_length=50)
    verdict: str = Field(max_length=10)
    reason: str
    at: datetime

    __table_args__ = ({"sqlite_autoincrement": True},)


class Grade(SQLModel, table=True):
    """What the monitor found of a commitment or milestone (`subject`), in one of `GRADES`, with text."""

    id: int | None = Field(default=None, primary_key=True)
    plan: str = Field(max_length=40, index=True)
    subject: str = Field(max_length=50)
    grade: str = Field(max_length=16)
    text: str
    at: datetime


class Objection(SQLModel, table=True):
    """A resident's objection to a report, and the office's public answer. Who objected is never shown."""

    id: int | None = Field(default=None, primary_key=True)
    report_id: int = Field(foreign_key="report.id", index=True)
    person_id: int | None = Field(default=None, foreign_key="person.id", ondelete="SET NULL", index=True)
    text: str
    at: datetime
    answer: str | None = Field(default=None)
    office: str | None = Field(default=None, max_length=40)
    answered_at: datetime | None = Field(default=None)

    __table_args__ = ({"sqlite_autoincrement": True},)


class Rating(SQLModel, table=True):
    """How a resident rates an accountability event: two answers from 1 (bad) to 5 (good). One for each person."""

    id: int | None = Field(default=None, primary_key=True)
    plan: str = Field(max_length=40)
    event: str = Field(max_length=40)
    person_id: int | None = Field(default=None, foreign_key="person.id", ondelete="SET NULL", index=True)
    clear: int
    heard: int

    __table_args__ = (UniqueConstraint("plan", "event", "person_id"),)


_R, _E, _J = columns(Report), columns(Evidence), columns(Judgement)
_G, _O, _RA = columns(Grade), columns(Objection), columns(Rating)
_SHOWN = (_E.id, _E.report_id, _E.grade_id, _E.state, _E.reason, _E.name, _E.kind, _E.size, _E.sha256)


def reported_among(connection: Connection, milestones: Sequence[str]) -> list[str]:
    """Those of these milestones that have reports or grades."""
    if not milestones:
        return []
    reported = select(_R.milestone).where(_R.milestone.in_(milestones))
    return sorted(connection.scalars(reported.union(select(_G.subject).where(_G.subject.in_(milestones)))))


def report(connection: Connection, milestone: str, office: str, state: str, text: str, via: str, now: datetime) -> int:
    """Keep a report; its id."""
    values = {"milestone": milestone, "office": office, "state": state, "text": text, "via": via, "at": now}
    return int(connection.execute(insert(Report).returning(_R.id), values).scalar_one())


def latest_reports(connection: Connection, milestones: Sequence[str] | None = None) -> dict[str, Row[Any]]:
    """The newest report of each milestone (all, or these): id, office, state, text, at."""
    newest = select(func.max(_R.id)).group_by(_R.milestone)
    if milestones is not None:
        newest = newest.where(_R.milestone.in_(milestones))
    rows = connection.execute(select(*_R).where(_R.id.in_(newest)))
    return {row.milestone: row for row in rows}


def reports_of(connection: Connection, milestones: Sequence[str]) -> list[Row[Any]]:
    """Every report of these milestones, oldest first."""
    return list(connection.execute(select(*_R).where(_R.milestone.in_(milestones)).order_by(_R.id)))


def reports_since(connection: Connection, after: int) -> list[Row[Any]]:
    """Reports with a higher id, oldest first."""
    return list(connection.execute(select(*_R).where(_R.id > after).order_by(_R.id)))


def judge(connection: Connection, report_id: int, seat: str, verdict: str, reason: str, now: datetime) -> bool:
    """Keep a judgement; whether this seat had judged the same report before."""
    before = select(_J.id).where(_J.report_id == report_id, _J.seat == seat).limit(1)
    again = connection.execute(before).first() is not None
    values = {"report_id": report_id, "seat": seat, "verdict": verdict, "reason": reason, "at": now}
    connection.execute(insert(Judgement), values)
    return again


def judgements_of(connection: Connection, reports: Sequence[int]) -> list[Row[Any]]:
    """Every judgement of these reports, oldest first."""
    return list(connection.execute(select(*_J).where(_J.report_id.in_(reports)).order_by(_J.id)))


def one_report(connection: Connection, report_id: int) -> Row[Any] | None:
    """A report: milestone, office, state, text, at."""
    return connection.execute(select(*_R).where(_R.id == report_id)).one_or_none()


def is_latest(connection: Connection, report_id: int) -> bool:
    """Whether no newer report of its milestone stands above it."""
    milestone = select(_R.milestone).where(_R.id == report_id).scalar_subquery()
    newest = connection.execute(select(func.max(_R.id)).where(_R.milestone == milestone)).scalar_one()
    return bool(newest == report_id)


def grade(connection: Connection, plan: str, subject: str, word: str, text: str, now: datetime) -> int:
    """Keep what the monitor found; its id."""
    values = {"plan": plan, "subject": subject, "grade": word, "text": text, "at": now}
    return int(connection.execute(insert(Grade).returning(_G.id), values).scalar_one())


def grades_of(connection: Connection, plan: str) -> list[Row[Any]]:
    """Every grade of a plan, oldest first."""
    return list(connection.execute(select(*_G).where(_G.plan == plan).order_by(_G.id)))


def object_to(connection: Connection, report_id: int, person_id: int | None, text: str, now: datetime) -> int:
    """Keep an objection; its number."""
    values = {"report_id": report_id, "person_id": person_id, "text": text, "at": now}
    return int(connection.execute(insert(Objection).returning(_O.id), values).scalar_one())


def has_objected(connection: Connection, report_id: int, person_id: int) -> bool:
    mine = select(_O.id).where(_O.report_id == report_id, _O.person_id == person_id).limit(1)
    return connection.execute(mine).first() is not None


def objections_by(connection: Connection, person_id: int) -> list[Row[Any]]:
    """What a person has objected, oldest first: milestone, text, at."""
    joined = select(_R.milestone, _O.text, _O.at).join(Report, _R.id == _O.report_id)
    return list(connection.execute(joined.where(_O.person_id == person_id).order_by(_O.id)))


def open_objections(connection: Connection, person_id: int) -> int:
    """How many objections of a person wait for an answer."""
    mine = select(func.count()).where(_O.person_id == person_id, _O.answer.is_(None))
    return int(connection.execute(mine).scalar_one())


def objections_of(connection: Connection, reports: Sequence[int]) -> list[Row[Any]]:
    """Every objection to these reports, oldest first."""
    return list(connection.execute(select(*_O).where(_O.report_id.in_(reports)).order_by(_O.id)))


def objection(connection: Connection, number: int) -> Row[Any] | None:
    """One objection with the milestone and office of its report."""
    joined = select(*_O, _R.milestone, _R.office.label("reporter")).join(Report, _R.id == _O.report_id)
    return cast("Row[Any] | None", connection.execute(joined.where(_O.id == number)).one_or_none())


def unanswered(connection: Connection) -> list[Row[Any]]:
    """Objections that wait for an answer, oldest first, with the milestone and office of their report."""
    joined = select(*_O, _R.milestone, _R.office.label("reporter")).join(Report, _R.id == _O.report_id)
    return list(connection.execute(joined.where(_O.answer.is_(None)).order_by(_O.id)))


def objections_in(connection: Connection, plan: str) -> list[Row[Any]]:
    """Every objection in a plan, oldest first, with the milestone and office of its report."""
    joined = select(*_O, _R.milestone, _R.office.label("reporter")).join(Report, _R.id == _O.report_id)
    mine = _R.milestone.in_(select(columns(MilestoneRow).id).where(columns(MilestoneRow).plan == plan))
    return list(connection.execute(joined.where(mine).order_by(_O.id)))


def answer(connection: Connection, number: int, office: str, text: str, now: datetime) -> bool:
    """Keep the office's answer; False if there is one already."""
    values = {"answer": text, "office": office, "answered_at": now}
    return bool(
        connection.execute(update(Objection).where(_O.id == number, _O.answer.is_(None)).values(**values)).rowcount
    )


def rate(connection: Connection, plan: str, event: str, person_id: int, clear: int, heard: int) -> bool:
    """Keep a rating in place of this person's earlier one; whether there was one."""
    mine = and_(_RA.plan == plan, _RA.event == event, _RA.person_id == person_id)
    if connection.execute(update(Rating).where(mine).values(clear=clear, heard=heard)).rowcount:
        return True
    values = {"plan": plan, "event": event, "person_id": person_id, "clear": clear, "heard": heard}
    connection.execute(insert(Rating), values)
    return False


def rename(connection: Connection, kept: int, gone: int) -> None:
    """Two people turn out to be one: what `gone` objected is theirs, and so is a rating, where they gave no other."""
    connection.execute(update(Objection).where(_O.person_id == gone).values(person_id=kept))
    rated = {
        (row.plan, row.event) for row in connection.execute(select(_RA.plan, _RA.event).where(_RA.person_id == kept))
    }
    for row in connection.execute(select(_RA.id, _RA.plan, _RA.event).where(_RA.person_id == gone)).all():
        mine = _RA.id == row.id
        if (row.plan, row.event) in rated:
            connection.execute(delete(Rating).where(mine))
        else:
            connection.execute(update(Rating).where(mine).values(person_id=kept))


def ratings_by(connection: Connection, person_id: int) -> list[Row[Any]]:
    """How a person has rated events: plan, event, clear, heard."""
    mine = select(_RA.plan, _RA.event, _RA.clear, _RA.heard).where(_RA.person_id == person_id)
    return list(connection.execute(mine.order_by(_RA.plan, _RA.event)))


def ratings(connection: Connection, plan: str) -> dict[str, list[tuple[int, int]]]:
    """The (clear, heard) answers to each event of a plan, without an order that tells who gave them."""
    found: dict[str, list[tuple[int, int]]] = {}
    rows = connection.execute(select(_RA.event, _RA.clear, _RA.heard).where(_RA.plan == plan))
    for row in sorted(rows):
        found.setdefault(row.event, []).append((row.clear, row.heard))
    return found


def await_file(
    connection: Connection, report_id: int, contact_id: int, channel: str, source: bytes, name: str, now: datetime
) -> None:
    """Evidence that the provider has and the worker is to fetch."""
    values = {
        "report_id": report_id, "contact_id": contact_id, "channel": channel, "source": source, "name": name,
        "state": "awaited", "due_at": now, "tries": 0, "kind": "", "size": 0, "sha256": "",
    }  # fmt: skip
    connection.execute(insert(Evidence), values)


def keep_file(connection: Connection, file: dict[str, Any], now: datetime) -> None:
    """Evidence that is here already: report_id or grade_id, name, kind, size, sha256, body."""
    connection.execute(insert(Evidence), {"state": "kept", "due_at": now, "tries": 0, "channel": "", **file})


def awaited(connection: Connection, now: datetime, most: int = 10) -> list[Row[Any]]:
    """Files to fetch now, oldest first."""
    wanted = (_E.id, _E.contact_id, _E.channel, _E.source, _E.tries, _E.name)
    due = select(*wanted).where(_E.state == "awaited", _E.due_at <= now).order_by(_E.id).limit(most)
    return list(connection.execute(due))


def settle_file(connection: Connection, id: int, **values: Any) -> bool:
    """Keep what became of a file that was awaited; False if it is not awaited any more."""
    return bool(
        connection.execute(update(Evidence).where(_E.id == id, _E.state == "awaited").values(**values)).rowcount
    )


def evidence_of(connection: Connection, reports: Sequence[int], grades: Sequence[int] = ()) -> list[Row[Any]]:
    """The files of these reports and grades, without their bodies, oldest first."""
    mine = _E.report_id.in_(reports) | _E.grade_id.in_(grades)
    return list(connection.execute(select(*_SHOWN).where(mine).order_by(_E.id)))


def file(connection: Connection, id: int) -> Row[Any] | None:
    """One file that is kept, with its body."""
    found = connection.execute(select(*_SHOWN, _E.body).where(_E.id == id, _E.state == "kept"))
    return cast("Row[Any] | None", found.one_or_none())
