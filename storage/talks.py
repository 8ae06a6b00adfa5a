"""Talks: at most one active for each contact, and the drafts that can be resumed. The journal is written sealed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Index, Row, bindparam, delete, func, insert, select, text, update
from sqlmodel import Field, SQLModel

from storage.database import columns
from storage.prepared import Prepared


class Talk(SQLModel, table=True):
    """`subject` names what the talk ends with (a consultation); an inactive talk is a draft.

    `sealed` is empty once the subject has ended.
    """

    id: int | None = Field(default=None, primary_key=True)
    contact_id: int = Field(foreign_key="contact.id", ondelete="CASCADE")
    person_id: int | None = Field(default=None)
    flow: str = Field(max_length=32)
    subject: str = Field(default="", max_length=80, index=True)
    sealed: bytes
    active: bool = True
    touched_at: datetime = Field(index=True)

    __table_args__ = (
        Index(
            "talk_active", "contact_id", unique=True, sqlite_where=text("active = 1"), postgresql_where=text("active")
        ),
        Index("talk_contact", "contact_id", "person_id", "flow"),
        {"sqlite_autoincrement": True},  # an id is never used again: old buttons must not fit a new talk
    )


_T = columns(Talk)
_START = Prepared(insert(Talk).returning(_T.id))
_KEEP = Prepared(
    update(Talk)
    .where(_T.id == bindparam("talk_id"))
    .values(
        sealed=bindparam("journal"),
        subject=bindparam("about"),
        person_id=bindparam("person"),
        touched_at=bindparam("now"),
    )
)
_DRAFT = Prepared(
    select(_T.id, _T.sealed, _T.subject, _T.touched_at)
    .where(
        _T.contact_id == bindparam("contact"),
        func.coalesce(_T.person_id, 0) == bindparam("person"),
        _T.flow == bindparam("name"),
        ~_T.active,
        _T.subject == func.coalesce(bindparam("about", type_=_T.subject.type), _T.subject),
    )
    .order_by(_T.id.desc())
    .limit(1)
)
_FINISH = Prepared(delete(Talk).where(_T.id == bindparam("talk_id")))
_SET_ASIDE = Prepared(update(Talk).where(_T.id == bindparam("talk_id")).values(active=False))
_RESUME = Prepared(update(Talk).where(_T.id == bindparam("talk_id")).values(active=True))


@dataclass(frozen=True)
class Where:
    """Where a talk is: whose it is, which conversation, what it is about, and its sealed journal."""

    contact_id: int
    person_id: int | None
    flow: str
    subject: str
    sealed: bytes


def start(connection: Connection, where: Where, now: datetime) -> int:
    """A new talk, written for the first time; its id."""
    (row,) = _START.rows(connection, {**vars(where), "active": True, "touched_at": now})
    return int(row.id)


def keep(connection: Connection, talk_id: int, where: Where, now: datetime) -> None:
    """Write where a talk is now."""
    values = {"talk_id": talk_id, "person": where.person_id, "about": where.subject, "journal": where.sealed}
    _KEEP.changed(connection, {**values, "now": now})


def finish(connection: Connection, talk_id: int) -> None:
    """Delete a finished talk whole."""
    _FINISH.changed(connection, {"talk_id": talk_id})


def set_aside(connection: Connection, talk_id: int) -> None:
    """Make the active talk a draft."""
    _SET_ASIDE.changed(connection, {"talk_id": talk_id})


def resume(
    connection: Connection, contact_id: int, person_id: int | None, flow: str, subject: str = ""
) -> Row[Any] | None:
    """Make the person's draft of that conversation (and about that subject) active again, if there is one."""
    values = {"contact": contact_id, "person": person_id or 0, "name": flow, "about": subject or None}
    row = _DRAFT.row(connection, values)
    if row is not None:
        _RESUME.changed(connection, {"talk_id": row.id})
    return row


def drop(connection: Connection, contact_id: int, person_id: int | None, flow: str, subject: str) -> None:
    """Delete the person's drafts of that conversation about that subject."""
    whose = (_T.contact_id == contact_id) & (func.coalesce(_T.person_id, 0) == (person_id or 0))
    mine = whose & (_T.flow == flow) & (_T.subject == subject)
    connection.execute(delete(Talk).where(mine, ~_T.active))


def end_subject(connection: Connection, subject: str) -> None:
    """Wipe every talk about a subject that has ended; what was going on stays, empty, for its person to know."""
    connection.execute(delete(Talk).where(_T.subject == subject, ~_T.active))
    connection.execute(update(Talk).where(_T.subject == subject, _T.sealed != b"").values(sealed=b""))


def purge(connection: Connection, before: datetime) -> int:
    """Delete talks that nobody has touched for too long."""
    return connection.execute(delete(Talk).where(_T.touched_at < before)).rowcount
