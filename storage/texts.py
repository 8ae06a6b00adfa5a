"""The city's texts as they were: every version, who wrote it and when, so that an older one can be put back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Index, Row, func, insert, select, update
from sqlmodel import Field, SQLModel

from storage import catalogue
from storage.catalogue import CityText
from storage.database import columns


class TextVersion(SQLModel, table=True):
    """A text as it was written; `by` is a member of the staff, or nobody where the city's folder brought it."""

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(max_length=40)
    body: str
    by: int | None = Field(default=None)
    at: datetime

    __table_args__ = (Index("textversion_key", "key", "id"), {"sqlite_autoincrement": True})


_V, _T = columns(TextVersion), columns(CityText)
_NEWEST = select(func.max(_V.id)).group_by(_V.key)


class Stale(Exception):
    """Somebody else wrote this text since it was read; nothing was changed."""


@dataclass(frozen=True)
class Current:
    """A text as it is now: its version (0 before it was ever written), who wrote it, and its words as JSON."""

    version: int
    by: int | None
    body: str | None


def current(connection: Connection, key: str) -> Current:
    """The newest version of a text."""
    newest = select(_V.id, _V.by, _V.body).where(_V.key == key).order_by(_V.id.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return Current(row.id, row.by, row.body) if row is not None else Current(0, None, None)


def write(connection: Connection, key: str, body: str, version: int, by: int, now: datetime) -> int:
    """Put a text in place of its version `version`; the new one's number. Raises Stale.

    All who write a text pass by the one row of the catalogue's number: of two at once the later finds a newer version.
    """
    catalogue.changed(connection)
    if current(connection, key).version != version:
        raise Stale
    if not connection.execute(update(CityText).where(_T.key == key).values(body=body)).rowcount:
        connection.execute(insert(CityText), {"key": key, "body": body})
    row = {"key": key, "body": body, "by": by, "at": now}
    return int(connection.execute(insert(TextVersion).returning(_V.id), row).scalar_one())


def note(connection: Connection, bodies: Mapping[str, str], now: datetime) -> None:
    """Texts that the city's folder brought."""
    if bodies:
        rows = [{"key": key, "body": body, "by": None, "at": now} for key, body in bodies.items()]
        connection.execute(insert(TextVersion), rows)


def edited(connection: Connection) -> set[str]:
    """The keys whose words are those of somebody of the staff, and not of the city's folder."""
    return set(connection.scalars(select(_V.key).where(_V.id.in_(_NEWEST), _V.by.is_not(None))))


def history(connection: Connection, key: str, before: int | None, most: int) -> list[Row[Any]]:
    """The versions of a text, newest first, from the one before `before`: id, body, by, at."""
    mine = select(_V.id, _V.body, _V.by, _V.at).where(_V.key == key)
    if before is not None:
        mine = mine.where(_V.id < before)
    return list(connection.execute(mine.order_by(_V.id.desc()).limit(most)))


def version(connection: Connection, key: str, number: int) -> Row[Any] | None:
    """One version of a text: id, body, by, at."""
    mine = select(_V.id, _V.body, _V.by, _V.at).where(_V.key == key, _V.id == number)
    return connection.execute(mine).one_or_none()
