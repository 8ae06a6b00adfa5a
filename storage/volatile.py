"""The volatile store: what confidential conversations need for minutes, in memory alone.

One SQLite file on tmpfs, shared by the processes of one host; a reboot empties it, and its rows are wiped when their
time is over. Nothing of it is ever in the database, its log, its replicas or a backup. Without such a file the
confidential channel stays closed.
"""

import contextlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select

from storage import volatile_tallies
from storage.database import checkpoint, open_database, transaction
from storage.volatile_tables import DRAFT, OUTGOING, PART, PROBE, TABLES, TAKEN, TALLY, TRACE, VISIT

IDLE = timedelta(minutes=30)
"""After so long without a word a draft is wiped."""

LONGEST = timedelta(hours=2)
"""No draft lives longer, whatever is written."""

REMEMBERED = timedelta(hours=48)
"""How long it is known that a message was taken in: providers deliver again for a day."""

MOST_WAITING = 400_000_000
"""Bytes of sealed files that wait at one time. When memory is full nobody can tell anything any more."""

A_MONTH = timedelta(days=30)

NOT_FORGOTTEN = "not-forgotten"
"""The tally of messages that a provider did not delete in time."""

WIPED = (TAKEN, PART, OUTGOING, TRACE, VISIT, TALLY, PROBE)


def is_in_memory(path: Path) -> bool:
    """Whether a file would lie in memory alone: its folder is on tmpfs (Linux)."""
    where, found = path.resolve().parent, ("", "")
    with contextlib.suppress(OSError):
        for line in Path("/proc/mounts").read_text().splitlines():
            _device, mounted, kind, *_rest = line.split(" ")
            at = Path(mounted.replace("\\040", " "))
            if (where == at or at in where.parents) and len(str(at)) >= len(found[0]):
                found = (str(at), kind)
    return found[1] in ("tmpfs", "ramfs")


def swaps() -> bool:
    """Whether this machine may write memory to a disk without sealing it (anything in /proc/swaps but zram)."""
    with contextlib.suppress(OSError):
        return any(not line.startswith("/dev/zram") for line in Path("/proc/swaps").read_text().splitlines()[1:])
    return False


class NotOurs(Exception):
    """The folder of the store belongs to somebody else, or others can look into it."""


def open_store(path: Path) -> Engine:
    """The store in this file, made if it is new, readable by this user alone. Raises NotOurs."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = path.parent.stat()
    if folder.st_uid != os.getuid() or folder.st_mode & 0o077:
        raise NotOurs
    engine = open_database(f"sqlite:///{path}")
    with transaction(engine) as connection:
        TABLES.create_all(connection)
    return engine


@dataclass(frozen=True)
class Draft:
    """A confidential conversation as it is kept."""

    chat: str
    flow: str
    subject: str
    journal: str
    language: str
    kept: bytes
    begun_at: datetime
    touched_at: datetime


def concerns(connection: Connection, chat: str, message: str, now: datetime) -> bool:
    """Whether a confidential conversation is under way in this chat, or took this message in."""
    return draft(connection, chat, now) is not None or was_taken(connection, message)


def draft(connection: Connection, chat: str, now: datetime) -> Draft | None:
    """The conversation under way in this chat, unless its time is over."""
    alive = (DRAFT.c.touched_at > now - IDLE) & (DRAFT.c.begun_at > now - LONGEST)
    row = connection.execute(select(*DRAFT.c).where(DRAFT.c.chat == chat, alive)).one_or_none()
    return None if row is None else Draft(**row._asdict())


def drafts(connection: Connection, beginning: str) -> list[Draft]:
    """The conversations of chats whose names begin so."""
    mine = DRAFT.c.chat.startswith(beginning, autoescape=True)
    return [Draft(**row._asdict()) for row in connection.execute(select(*DRAFT.c).where(mine))]


def keep_draft(connection: Connection, kept: Draft) -> None:
    """Put a conversation where it is now."""
    connection.execute(delete(DRAFT).where(DRAFT.c.chat == kept.chat))
    connection.execute(insert(DRAFT), vars(kept))


def end_draft(connection: Connection, chat: str) -> None:
    """Wipe a conversation with its parts."""
    connection.execute(delete(DRAFT).where(DRAFT.c.chat == chat))
    connection.execute(delete(PART).where(PART.c.owner == chat))


def take(connection: Connection, message: str, now: datetime) -> bool:
    """Take a message in by its channel and id; False if it was taken in before."""
    if connection.execute(select(TAKEN.c.message).where(TAKEN.c.message == message)).first() is not None:
        return False
    connection.execute(insert(TAKEN), {"message": message, "until": now + REMEMBERED})
    return True


def was_taken(connection: Connection, message: str) -> bool:
    return connection.execute(select(TAKEN.c.message).where(TAKEN.c.message == message)).first() is not None


def keep_part(
    connection: Connection, owner: str, id: str, kind: str, body: bytes, now: datetime, lasts: timedelta = LONGEST
) -> None:
    """Keep a sealed part until its draft is filed, or its time is over."""
    row = {"id": id, "owner": owner, "kind": kind, "body": body, "until": now + lasts}
    connection.execute(insert(PART), row)


def has_room(connection: Connection, more: int) -> bool:
    """Whether so many bytes of files can wait here beside the others."""
    return int(connection.execute(select(func.sum(func.length(PART.c.body)))).scalar() or 0) + more <= MOST_WAITING


def parts(connection: Connection, owner: str) -> Sequence[Row[Any]]:
    """A draft's sealed parts: id, kind, body."""
    shown: Sequence[Any] = (PART.c.id, PART.c.kind, PART.c.body)
    return connection.execute(select(*shown).where(PART.c.owner == owner)).all()


def part_ids(connection: Connection, owner: str) -> Sequence[str]:
    """The ids of a draft's sealed parts."""
    return connection.execute(select(PART.c.id).where(PART.c.owner == owner)).scalars().all()


def drop_part(connection: Connection, owner: str, id: str) -> None:
    connection.execute(delete(PART).where(PART.c.owner == owner, PART.c.id == id))


def write_probe(engine: Engine, now: datetime) -> None:
    """Show for five minutes that a worker sees this store."""
    with transaction(engine) as connection:
        connection.execute(insert(PROBE), {"token": secrets.token_urlsafe(16), "until": now + timedelta(minutes=5)})


def is_attended(connection: Connection, now: datetime) -> bool:
    """Whether a worker has lately written into the store that this process sees."""
    return connection.execute(select(PROBE.c.token).where(PROBE.c.until > now)).first() is not None


def wipe(engine: Engine, now: datetime) -> None:
    """Wipe whatever has had its time; nothing of it stays in the store's log."""
    with transaction(engine) as connection:
        over = (DRAFT.c.touched_at <= now - IDLE) | (DRAFT.c.begun_at <= now - LONGEST)
        ended = connection.execute(delete(DRAFT).where(over).returning(DRAFT.c.chat)).scalars().all()
        connection.execute(delete(PART).where(PART.c.owner.in_(ended)))
        kept_on = connection.execute(select(func.count()).select_from(TRACE).where(TRACE.c.until <= now)).scalar_one()
        if kept_on:
            volatile_tallies.count(connection, NOT_FORGOTTEN, now, A_MONTH, kept_on)
        for table in WIPED:
            connection.execute(delete(table).where(table.c.until <= now))
    checkpoint(engine)
