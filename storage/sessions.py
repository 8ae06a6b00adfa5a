"""Sessions of the console: who is signed in where. Kept here and not in the browser, so that they can be ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlmodel import Field, SQLModel

from storage.database import columns
from storage.staff import Account


class StaffSession(SQLModel, table=True):
    """One browser that is signed in. `token` is a hash; `proved_at` is when password and code were last given."""

    __tablename__ = "staffsession"

    token: str = Field(primary_key=True, max_length=64)
    staff_id: int = Field(foreign_key="staff.id", ondelete="CASCADE", index=True)
    begun_at: datetime
    seen_at: datetime
    proved_at: datetime


_S, _A = columns(StaffSession), columns(Account)
_SHOWN: Sequence[Any] = (_S.begun_at, _S.seen_at, _S.proved_at, _A.id, _A.login, _A.name, _A.roles, _A.offices)


def begin(connection: Connection, token: str, staff_id: int, now: datetime) -> None:
    values = {"token": token, "staff_id": staff_id, "begun_at": now, "seen_at": now, "proved_at": now}
    connection.execute(insert(StaffSession), values)


def find(connection: Connection, token: str) -> Row[Any] | None:
    """A session with its account (id, login, name, roles, offices), if that is not closed."""
    mine = select(*_SHOWN).where(_S.token == token, _A.id == _S.staff_id, _A.active)
    return connection.execute(mine).one_or_none()


def of(connection: Connection, staff_id: int) -> Sequence[Row[Any]]:
    """An account's sessions, the latest first."""
    return connection.execute(select(*_S).where(_S.staff_id == staff_id).order_by(_S.seen_at.desc())).all()


def seen(connection: Connection, token: str, now: datetime) -> None:
    connection.execute(update(StaffSession).where(_S.token == token).values(seen_at=now))


def renew(connection: Connection, token: str, new: str, now: datetime) -> None:
    """Let a session that was proved once more go on under another token; the one before is dead."""
    values = {"token": new, "seen_at": now, "proved_at": now}
    connection.execute(update(StaffSession).where(_S.token == token).values(**values))


def end(connection: Connection, token: str) -> None:
    connection.execute(delete(StaffSession).where(_S.token == token))


def end_all(connection: Connection, staff_id: int, but: str = "") -> int:
    """End an account's sessions, all but one; how many were ended."""
    return connection.execute(delete(StaffSession).where(_S.staff_id == staff_id, _S.token != but)).rowcount


def purge(connection: Connection, begun_before: datetime) -> None:
    """Those that began too long ago to be used."""
    connection.execute(delete(StaffSession).where(_S.begun_at < begun_before))
