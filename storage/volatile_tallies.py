"""Tallies, in the volatile store: how often something was done of late. Their names tell nobody who did it."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from storage.volatile_tables import TALLY

AN_HOUR = timedelta(hours=1)


def count(connection: Connection, name: str, now: datetime, lasts: timedelta = AN_HOUR, more: int = 1) -> int:
    """Note one more of something; how many there were since the first, which counts for so long."""
    had = tried(connection, name, now)
    connection.execute(delete(TALLY).where(TALLY.c.name == name, TALLY.c.until <= now))
    if had:
        connection.execute(update(TALLY).where(TALLY.c.name == name).values(number=had + more))
    else:
        connection.execute(insert(TALLY), {"name": name, "number": more, "until": now + lasts})
    return had + more


def tried(connection: Connection, name: str, now: datetime) -> int:
    """How often something was tried."""
    mine = select(TALLY.c.number).where(TALLY.c.name == name, TALLY.c.until > now)
    return int(connection.execute(mine).scalar() or 0)


def forgive(connection: Connection, name: str) -> None:
    """Begin to count anew."""
    connection.execute(delete(TALLY).where(TALLY.c.name == name))
