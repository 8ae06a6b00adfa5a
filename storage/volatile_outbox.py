"""What waits in the volatile store for a provider: replies to be sent, and messages that it is to delete."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from storage.volatile import LONGEST
from storage.volatile_tables import OUTGOING, TRACE

KNOWN_FOR = timedelta(hours=47)
"""How long a provider can be asked to delete a message: Telegram for 48 hours (Bot API, deleteMessages)."""


def queue(connection: Connection, channel: str, address: str, body: bytes, now: datetime, secret: bool = False) -> int:
    """Queue a reply; its id."""
    row = {
        "channel": channel,
        "address": address,
        "body": body,
        "secret": secret,
        "due_at": now,
        "until": now + LONGEST,
    }
    return int(connection.execute(insert(OUTGOING).returning(OUTGOING.c.id), row).scalar_one())


def due(connection: Connection, channel: str, most: int, now: datetime) -> Sequence[Row[Any]]:
    """The replies of a channel that may go now, in order; of a chat only the first."""
    waiting = select(*OUTGOING.c).where(OUTGOING.c.channel == channel).order_by(OUTGOING.c.id)
    seen: set[str] = set()
    found = []
    for row in connection.execute(waiting):
        if row.address not in seen and row.due_at <= now:
            found.append(row)
        seen.add(row.address)
    return found[:most]


def waiting(connection: Connection, channel: str, address: str) -> Sequence[Row[Any]]:
    """What waits for a chat that fetches its messages itself, in order: id, body, secret."""
    mine = (OUTGOING.c.channel == channel) & (OUTGOING.c.address == address)
    shown: Sequence[Any] = (OUTGOING.c.id, OUTGOING.c.body, OUTGOING.c.secret)
    return connection.execute(select(*shown).where(mine).order_by(OUTGOING.c.id)).all()


def shown(connection: Connection, channel: str, address: str, last: int) -> None:
    """A chat that fetches its messages has shown those up to `last`: wipe them."""
    mine = (OUTGOING.c.channel == channel) & (OUTGOING.c.address == address)
    connection.execute(delete(OUTGOING).where(mine, OUTGOING.c.id <= last))


def sent(connection: Connection, id: int) -> None:
    """The provider has a reply: wipe it."""
    connection.execute(delete(OUTGOING).where(OUTGOING.c.id == id))


def later(connection: Connection, id: int, at: datetime) -> None:
    """A reply could not be sent now."""
    connection.execute(update(OUTGOING).where(OUTGOING.c.id == id).values(due_at=at, attempts=OUTGOING.c.attempts + 1))


def trace(
    connection: Connection, channel: str, address: str, message: str, due_at: datetime, now: datetime, secret: bool
) -> None:
    """Remember that a provider has a message which it is to delete."""
    row = {"channel": channel, "address": address, "message": message, "due_at": due_at, "until": now + KNOWN_FOR}
    connection.execute(insert(TRACE).prefix_with("OR IGNORE"), {**row, "secret": secret})


def hasten(connection: Connection, channel: str, address: str, now: datetime, secret: bool) -> None:
    """Have a chat's traces deleted at once: those with an access key, or those without."""
    mine = (TRACE.c.channel == channel) & (TRACE.c.address == address) & (TRACE.c.secret == secret)
    connection.execute(update(TRACE).where(mine).values(due_at=now))


def traces(connection: Connection, channel: str, most: int, now: datetime) -> Sequence[Row[Any]]:
    """The messages that are to be deleted now: id, address, message."""
    shown: Sequence[Any] = (TRACE.c.id, TRACE.c.address, TRACE.c.message)
    mine = select(*shown).where(TRACE.c.channel == channel, TRACE.c.due_at <= now).order_by(TRACE.c.address, TRACE.c.id)
    return connection.execute(mine.limit(most)).all()


def forget(connection: Connection, ids: Sequence[int]) -> None:
    """These are deleted at the provider."""
    connection.execute(delete(TRACE).where(TRACE.c.id.in_(ids)))


def forget_later(connection: Connection, ids: Sequence[int], at: datetime) -> None:
    """These could not be deleted now."""
    connection.execute(update(TRACE).where(TRACE.c.id.in_(ids)).values(due_at=at))
