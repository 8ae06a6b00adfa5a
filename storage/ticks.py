"""When something last happened: the worker's heartbeat, the last look at a provider's list."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, text, update
from sqlmodel import Field, SQLModel

from storage.database import columns


class Tick(SQLModel, table=True):
    name: str = Field(primary_key=True, max_length=40)
    at: datetime


_T = columns(Tick)
_MARK = text(
    "INSERT INTO tick (name, at) VALUES (:name, :at) ON CONFLICT (name) DO UPDATE SET at = excluded.at"
).bindparams(bindparam("at", type_=_T.at.type))


def mark(connection: Connection, name: str, at: datetime) -> None:
    connection.execute(_MARK, {"name": name, "at": at})


def try_write(connection: Connection) -> None:
    """Write as far as the database lets us, and change nothing; raises what a turn would meet."""
    connection.execute(update(Tick).where(_T.name == "").values(at=_T.at))


def last(connection: Connection, name: str) -> datetime | None:
    return connection.execute(select(_T.at).where(_T.name == name)).scalar_one_or_none()
