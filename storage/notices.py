"""Notices: what the clock told whom, once. The unique row is what makes a second run harmless."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Index, Row, and_, delete, exists, false, func, insert, or_, select, update
from sqlmodel import Field, SQLModel

from storage.contacts import Contact, Housemate, Person
from storage.database import columns
from storage.outbox import Outgoing


class Notice(SQLModel, table=True):
    """That a person was told of one thing: `kind` and `subject` say of what, `day` for which day of the calendar."""

    person_id: int = Field(primary_key=True, foreign_key="person.id", ondelete="CASCADE")
    kind: str = Field(primary_key=True, max_length=16)
    subject: str = Field(primary_key=True, max_length=50)
    day: date = Field(primary_key=True)
    at: datetime

    __table_args__ = (Index("notice_at", "at"), {"sqlite_with_rowid": False})


class Round(SQLModel, table=True):
    """That followers were told of one thing (outcome sent, to how many), or that it came too late (dropped)."""

    plan: str = Field(primary_key=True, max_length=40)
    kind: str = Field(primary_key=True, max_length=16)
    subject: str = Field(primary_key=True, max_length=50)
    day: date = Field(primary_key=True)
    outcome: str = Field(max_length=8)
    people: int
    at: datetime


_R = columns(Round)
_N, _C, _H, _O = columns(Notice), columns(Contact), columns(Housemate), columns(Outgoing)
_P = columns(Person)


def known(connection: Connection, people: Sequence[int], first: Mapping[str, date]) -> Iterable[Row[Any]]:
    """What these people were told, of each kind for days from its `first` on: person_id, kind, subject, day."""
    kinds = or_(false(), *(and_(_N.kind == kind, _N.day >= day) for kind, day in first.items()))
    wanted = select(_N.person_id, _N.kind, _N.subject, _N.day).where(_N.person_id.in_(people), kinds)
    return connection.execute(wanted)


def note(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Record what is being told: person_id, kind, subject, day, at."""
    if rows:
        connection.execute(insert(Notice), list(rows))


def undelivered(connection: Connection, people: Sequence[int]) -> list[Row[Any]]:
    """Duties that these people were told in vain: person_id, contact_id, at, finished_at and the error."""
    wanted = (_H.person_id, _O.contact_id, _O.created_at.label("at"), _O.finished_at, _O.error)
    told = exists().where(_N.person_id == _H.person_id, _N.at == _O.created_at)
    rows = select(*wanted).join(Housemate, _H.contact_id == _O.contact_id)
    return list(connection.execute(rows.where(_H.person_id.in_(people), _O.kind == "duty", _O.state == "failed", told)))


def take_back(connection: Connection, person_id: int, at: datetime) -> None:
    """What a person was told at that moment counts as not told."""
    connection.execute(delete(Notice).where(_N.person_id == person_id, _N.at == at))


def rounds(connection: Connection, plan: str, since: date) -> set[tuple[str, str, date]]:
    """What followers of a plan were told, or will not be, for days from `since` on: (kind, subject, day)."""
    rows = connection.execute(select(_R.kind, _R.subject, _R.day).where(_R.plan == plan, _R.day >= since))
    return {(row.kind, row.subject, row.day) for row in rows}


def close_round(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Record that followers were told, or that it came too late: plan, kind, subject, day, outcome, people, at."""
    if rows:
        connection.execute(insert(Round), list(rows))


def contacts_of(connection: Connection, people: Sequence[int]) -> list[Row[Any]]:
    """The contacts of these people: person_id, id, channel, address, language, state, heard_at."""
    wanted = (_H.person_id, _C.id, _C.channel, _C.address, _C.language, _C.state, _C.heard_at)
    rows = select(*wanted).join(Contact, _C.id == _H.contact_id).where(_H.person_id.in_(people))
    return list(connection.execute(rows.order_by(_H.person_id, _C.id)))


def limits(connection: Connection, people: Sequence[int], since: datetime) -> list[Row[Any]]:
    """Where these people live, and how many announcements they were sent since: person_id, place, number."""
    sent = select(func.count()).select_from(Outgoing).join(Housemate, _H.contact_id == _O.contact_id)
    sent = sent.where(_H.person_id == _P.id, _O.kind == "announcement", _O.created_at > since)
    number = sent.where(_O.state.not_in(("failed", "superseded"))).scalar_subquery().label("number")
    wanted = select(_P.id.label("person_id"), func.coalesce(_P.place, "").label("place"), number)
    return list(connection.execute(wanted.where(_P.id.in_(people))))


def rename(connection: Connection, kept: int, gone: int) -> None:
    """Two people turn out to be one: what `gone` was told counts as told to `kept`."""
    told = _N.person_id.table.alias("told").c
    same = (told.kind == _N.kind) & (told.subject == _N.subject) & (told.day == _N.day)
    twice = select(1).where(told.person_id == kept, same).exists()
    connection.execute(update(Notice).where(_N.person_id == gone, ~twice).values(person_id=kept))


def purge(connection: Connection, before: datetime) -> int:
    """Forget what was told long ago; how many rows."""
    return connection.execute(delete(Notice).where(_N.at < before)).rowcount
