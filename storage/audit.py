"""The audit log: who did what, when. Rows are only added; each carries the hash of all before it.

Whoever changes or removes a row breaks the chain from there on. The hash of each day's last row is published, so that
also the whole chain cannot be written anew without it being seen (OWASP ASVS 5.0, 16.2.5 and 16.4.2). It never holds
what somebody wrote, a name, a number, a code or a ballot.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, insert, select
from sqlmodel import Field, SQLModel

from storage.database import columns

FIRST = "0" * 64
"""What stands before the first row."""

LOCK = 0x4375656E7461
"""PostgreSQL's advisory lock of the chain: one at a time adds to it."""

ACTION = re.compile(r"[a-z]+(\.[a-z]+)+")
SUBJECT = re.compile(r"[\w./:-]{0,100}", re.ASCII)

SLICE = 1000
"""Rows that are read at a time."""


class Audited(SQLModel, table=True):
    """One thing that was done: `by` a staff account, or by the operator or the clock (nobody); `facts` is JSON."""

    __tablename__ = "audit"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime
    by: int | None = Field(default=None, index=True)
    action: str = Field(max_length=60, index=True)
    subject: str = Field(max_length=100)
    facts: str
    hash: str = Field(max_length=64)


class AuditHead(SQLModel, table=True):
    """The last row at the end of a day, as it was published."""

    __tablename__ = "audithead"

    day: date = Field(primary_key=True)
    last: int
    hash: str = Field(max_length=64)


@dataclass(frozen=True)
class Broken:
    """A row that is not what was written: changed, or the one before it is gone; or a published head that differs."""

    id: int
    why: str


_R, _H = columns(Audited), columns(AuditHead)


def note(connection: Connection, at: datetime, by: int | None, action: str, subject: str = "", **facts: Any) -> int:
    """Add a row in the transaction of what it tells; its id. Facts are numbers, short ids and lists of them."""
    assert ACTION.fullmatch(action), action
    assert SUBJECT.fullmatch(subject), "a subject is an id or a slug"
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
    last = connection.execute(select(_R.id, _R.hash).order_by(_R.id.desc()).limit(1)).one_or_none()
    row: dict[str, Any] = {
        "id": last.id + 1 if last else 1,
        "at": at.astimezone(UTC),
        "by": by,
        "action": action,
        "subject": subject,
        "facts": json.dumps(facts, sort_keys=True),
    }
    connection.execute(insert(Audited), {**row, "hash": _hash(last.hash if last else FIRST, row)})
    return int(row["id"])


def _hash(before: str, row: dict[str, Any]) -> str:
    plain = [row["id"], row["at"].isoformat(), row["by"], row["action"], row["subject"], row["facts"]]
    return sha256((before + json.dumps(plain)).encode()).hexdigest()


def rows(
    connection: Connection, before: int | None = None, most: int = 50, action: str = "", by: int | None = None,
    since: datetime | None = None, until: datetime | None = None,
) -> Sequence[Row[Any]]:  # fmt: skip
    """The latest rows first: those before an id, of an action (or all that begin so), of an account, of a time."""
    wanted = select(*_R).order_by(_R.id.desc()).limit(most)
    if before is not None:
        wanted = wanted.where(_R.id < before)
    if action:
        wanted = wanted.where((_R.action == action) | _R.action.startswith(f"{action}.", autoescape=True))
    if by is not None:
        wanted = wanted.where(_R.by == by)
    if since is not None:
        wanted = wanted.where(_R.at >= since)
    if until is not None:
        wanted = wanted.where(_R.at < until)
    return connection.execute(wanted).all()


def actions(connection: Connection) -> list[str]:
    """The actions that were ever noted."""
    return list(connection.scalars(select(_R.action).distinct().order_by(_R.action)))


def close_day(connection: Connection, day: date, ends_at: datetime) -> bool:
    """Keep the head of a day that has ended, to be published; False if it is kept already or nothing was ever noted."""
    if connection.execute(select(_H.day).where(_H.day == day)).first():
        return False
    last = select(_R.id, _R.hash).where(_R.at < ends_at).order_by(_R.id.desc()).limit(1)
    row = connection.execute(last).one_or_none()
    if row is None:
        return False
    connection.execute(insert(AuditHead), {"day": day, "last": row.id, "hash": row.hash})
    return True


def heads(connection: Connection, most: int | None = None) -> Sequence[Row[Any]]:
    """The published heads, the latest day first."""
    return connection.execute(select(_H.day, _H.last, _H.hash).order_by(_H.day.desc()).limit(most)).all()


def whole(connection: Connection) -> Iterator[Row[Any]]:
    """All rows, the oldest first, read in slices."""
    after = 0
    while found := connection.execute(select(*_R).where(_R.id > after).order_by(_R.id).limit(SLICE)).all():
        yield from found
        after = found[-1].id


def verify(connection: Connection) -> Broken | None:
    """The first place where the log is not what was written, or None where it is whole."""
    published = {row.last: row.hash for row in heads(connection)}
    before, last = FIRST, 0
    for row in whole(connection):
        if row.id != last + 1:
            return Broken(last + 1, "gone")
        if _hash(before, row._asdict()) != row.hash:
            return Broken(row.id, "changed")
        if published.pop(row.id, row.hash) != row.hash:
            return Broken(row.id, "head")
        before, last = row.hash, row.id
    return Broken(min(published), "gone") if published else None
