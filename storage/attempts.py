"""Attempts to guess: how often something was tried in a short time, whoever counts and in whichever process."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, text
from sqlmodel import Field, SQLModel

from storage.database import columns


class Attempt(SQLModel, table=True):
    """How often a key (a hash of what is tried) was tried since a moment."""

    key: str = Field(primary_key=True, max_length=64)
    since: datetime
    number: int


_T = columns(Attempt)


_COUNT = text(
    "INSERT INTO attempt (key, since, number) VALUES (:key, :now, 1) ON CONFLICT (key) DO UPDATE SET"
    " number = CASE WHEN attempt.since <= :edge THEN 1 ELSE attempt.number + 1 END,"
    " since = CASE WHEN attempt.since <= :edge THEN excluded.since ELSE attempt.since END RETURNING number"
).bindparams(bindparam("now", type_=_T.since.type), bindparam("edge", type_=_T.since.type))


def count(connection: Connection, key: str, now: datetime, window: timedelta) -> int:
    """Note one more attempt; how many there were in this window, with it."""
    return int(connection.execute(_COUNT, {"key": key, "now": now, "edge": now - window}).scalar_one())


def tally(connection: Connection, key: str, now: datetime) -> None:
    """Count one more under a key that lasts until it is taken."""
    connection.execute(_COUNT, {"key": key, "now": now, "edge": datetime.min.replace(tzinfo=UTC)})


def take(connection: Connection, prefix: str, before: datetime) -> list[tuple[str, int]]:
    """Take the tallies whose keys begin so and that were begun by then: what follows the beginning, and how many."""
    mine = delete(Attempt).where(_T.key.startswith(prefix, autoescape=True), _T.since <= before)
    return [(row.key.removeprefix(prefix), row.number) for row in connection.execute(mine.returning(_T.key, _T.number))]


def forget(connection: Connection, key: str) -> None:
    connection.execute(delete(Attempt).where(_T.key == key))


def purge(connection: Connection, before: datetime) -> None:
    connection.execute(delete(Attempt).where(_T.since < before))
