"""The inbox: ids of messages already taken in, never their bodies."""

from datetime import datetime
from hashlib import blake2b

from sqlalchemy import Connection, bindparam, delete, select, text
from sqlmodel import Field, SQLModel

from storage.database import columns
from storage.prepared import Prepared


class Inbox(SQLModel, table=True):
    channel: str = Field(primary_key=True, max_length=16)
    provider_id: str = Field(primary_key=True, max_length=80)
    received_at: datetime = Field(index=True)


_I = columns(Inbox)
_ACCEPT_SQLITE = Prepared(
    text(
        "INSERT INTO inbox (channel, provider_id, received_at) VALUES (:channel, :id, :now) ON CONFLICT DO NOTHING"
    ).bindparams(bindparam("now", type_=_I.received_at.type))
)
# The lock is taken in a statement of its own before anything is read: a later statement then sees what the turn before
# committed. (SELECT … FOR UPDATE over a join would lock the contact and still read an old talk.)
_ACCEPT_POSTGRESQL = Prepared(
    text(
        "INSERT INTO inbox (channel, provider_id, received_at)"
        " SELECT :channel, :id, :now FROM pg_advisory_xact_lock(:lock) ON CONFLICT DO NOTHING"
    ).bindparams(bindparam("now", type_=_I.received_at.type))
)


def accept(connection: Connection, channel: str, provider_id: str, address: str, now: datetime) -> bool:
    """Take a message in and the contact's turn with it; False if that id was taken in before."""
    values = {"channel": channel, "id": provider_id, "now": now}
    if connection.dialect.name == "sqlite":  # BEGIN IMMEDIATE already serialises all turns
        return _ACCEPT_SQLITE.changed(connection, values) == 1
    values["lock"] = turn_lock(channel, address)
    return _ACCEPT_POSTGRESQL.changed(connection, values) == 1


def turn_lock(channel: str, address: str) -> int:
    """The number of a contact's advisory lock (64 bits, signed)."""
    digest = blake2b(f"{channel}|{address}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def unseen(connection: Connection, channel: str, provider_ids: list[str]) -> set[str]:
    """Which of these ids were never taken in."""
    seen = connection.scalars(select(_I.provider_id).where(_I.channel == channel, _I.provider_id.in_(provider_ids)))
    return set(provider_ids) - set(seen)


def purge(connection: Connection, before: datetime) -> int:
    """Forget ids that no provider will send again."""
    return connection.execute(delete(Inbox).where(_I.received_at < before)).rowcount
