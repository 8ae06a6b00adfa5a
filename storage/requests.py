"""The register of data requests: what a person asked of an office about their own data, by when it is due, its answer.

A request knows its person only while it is open. Afterwards it says that something was asked and answered, and no more.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Index, Row, case, delete, func, insert, select, text, update
from sqlmodel import Field, SQLModel

from storage.database import columns

KINDS = ("export", "correct", "delete")
OUTCOMES = ("done", "nothing", "unproven", "withdrawn")
"""How a request ended: as asked; we keep nothing; whose it is was not shown; the person did not want it any more."""

OPEN = "closed_on IS NULL"


class DataRequest(SQLModel, table=True):
    """`kind` is export, correct or delete. `contact_id` is the contact that was given, if we know it.

    `code` is the hash of what was sent to that contact, good until `code_until` and for a few tries. `proof` is how
    the person showed that the contact is theirs: code or paper (`reason` and `number` are those of the paper).
    `person_id` is whose data it is about, once that is clear.
    """

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=8)
    received_on: date
    due_on: date
    extended_on: date | None = Field(default=None)
    contact_id: int | None = Field(default=None, foreign_key="contact.id", ondelete="SET NULL", index=True)
    person_id: int | None = Field(default=None, foreign_key="person.id", ondelete="SET NULL", index=True)
    code: str | None = Field(default=None, max_length=64)
    code_until: datetime | None = Field(default=None)
    tries: int = Field(default=0)
    sent: int = Field(default=0)
    sent_at: datetime | None = Field(default=None)
    proof: str | None = Field(default=None, max_length=8)
    proven_at: datetime | None = Field(default=None)
    reason: str | None = Field(default=None, max_length=16)
    number: str | None = Field(default=None, max_length=40)
    outcome: str | None = Field(default=None, max_length=12)
    closed_on: date | None = Field(default=None)
    by: int
    created_at: datetime

    __table_args__ = (
        Index("datarequest_open", "due_on", "id", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
        Index("datarequest_closed", "closed_on", "id"),
        Index("datarequest_by", "by", "created_at"),
        {"sqlite_autoincrement": True},
    )


_R = columns(DataRequest)
_SHOWN = (
    _R.id, _R.kind, _R.received_on, _R.due_on, _R.extended_on, _R.proof, _R.proven_at, _R.outcome, _R.closed_on,
    _R.sent, _R.tries,
)  # fmt: skip


def add(connection: Connection, kind: str, received_on: date, due_on: date, by: int, now: datetime) -> int:
    """Enter a request in the register; its id."""
    values = {"kind": kind, "received_on": received_on, "due_on": due_on, "by": by, "created_at": now}
    return int(connection.execute(insert(DataRequest).returning(_R.id), {**values, "tries": 0, "sent": 0}).scalar_one())


def number_by(connection: Connection, by: int, since: datetime) -> int:
    """How many requests a member of the staff entered since then."""
    mine = select(func.count()).where(_R.by == by, _R.created_at > since)
    return int(connection.execute(mine).scalar_one())


def codes_to(connection: Connection, contact_id: int, since: datetime) -> int:
    """How many codes went to a contact with the requests of which one went since then."""
    sent = select(func.coalesce(func.sum(_R.sent), 0)).where(_R.contact_id == contact_id, _R.sent_at > since)
    return int(connection.execute(sent).scalar_one())


def lock(connection: Connection, request_id: int) -> Row[Any] | None:
    """A request, locked until this transaction ends."""
    return connection.execute(select(*_R).where(_R.id == request_id).with_for_update()).one_or_none()


def of(connection: Connection, request_id: int) -> Row[Any] | None:
    """A request."""
    return connection.execute(select(*_R).where(_R.id == request_id)).one_or_none()


def change(connection: Connection, request_id: int, **values: Any) -> None:
    """Set columns of a request."""
    connection.execute(update(DataRequest).where(_R.id == request_id).values(**values))


def close(connection: Connection, request_id: int, outcome: str, today: date) -> None:
    """End a request: whose it was is forgotten."""
    gone = {"contact_id": None, "person_id": None, "code": None, "code_until": None}
    change(connection, request_id, outcome=outcome, closed_on=today, **gone)


def open_ones(connection: Connection, most: int, skip: int = 0) -> list[Row[Any]]:
    """The open requests, those due first before the others."""
    mine = select(*_SHOWN).where(text(OPEN)).order_by(_R.due_on, _R.id).limit(most).offset(skip)
    return list(connection.execute(mine))


def closed_ones(connection: Connection, most: int, skip: int = 0) -> list[Row[Any]]:
    """The requests that were answered, newest first."""
    mine = select(*_SHOWN).where(_R.closed_on.is_not(None)).order_by(_R.closed_on.desc(), _R.id.desc())
    return list(connection.execute(mine.limit(most).offset(skip)))


def waiting(connection: Connection, today: date) -> tuple[int, int]:
    """How many requests are open, and how many of these are late."""
    late = func.coalesce(func.sum(case((_R.due_on < today, 1), else_=0)), 0)
    row = connection.execute(select(func.count(), late).select_from(DataRequest).where(text(OPEN))).one()
    return int(row[0]), int(row[1])


def purge(connection: Connection, before: date) -> int:
    """Delete the requests that were answered before that day."""
    return connection.execute(delete(DataRequest).where(_R.closed_on < before)).rowcount
