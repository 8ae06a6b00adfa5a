"""Parked errors: that a message met a bug, and where; never what the message said or who sent it."""

from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select
from sqlmodel import Field, SQLModel

from storage.database import columns


class ParkedError(SQLModel, table=True):
    """`place` is the exception's class with file and line; `code` is what the person was told to quote."""

    code: str = Field(primary_key=True, max_length=16)
    channel: str = Field(max_length=16)
    place: str = Field(max_length=160)
    at: datetime


def park(connection: Connection, code: str, channel: str, place: str, now: datetime) -> None:
    connection.execute(insert(ParkedError), {"code": code, "channel": channel, "place": place, "at": now})


def count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(ParkedError)).scalar_one())


def count_since(connection: Connection, since: datetime) -> int:
    """How many errors there were since a moment."""
    recent = select(func.count()).where(columns(ParkedError).at >= since)
    return int(connection.execute(recent).scalar_one())


def purge(connection: Connection, before: datetime) -> int:
    """Delete the errors of long ago; how many."""
    return connection.execute(delete(ParkedError).where(columns(ParkedError).at < before)).rowcount
