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

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlmodel.sql.sqltypes import UTCDateTime

from storage.database import checkpoint, open_database, reading, transaction

IDLE = timedelta(minutes=30)
"""After so long without a word a draft is wiped."""

LONGEST = timedelta(hours=2)
"""No draft lives longer, whatever is written."""

REMEMBERED = timedelta(hours=48)
"""How long it is known that a message was taken in: providers deliver again for a day."""

A_MONTH = timedelta(days=30)

NOT_FORGOTTEN = "not-forgotten"
"""The tally of messages that a provider did not delete in time."""

_TABLES = MetaData()

_DRAFT = Table(
    "draft", _TABLES,
    Column("chat", String, primary_key=True),
    Column("flow", String, nullable=False),
    Column("subject", String, nullable=False, default=""),
    Column("journal", String, nullable=False, default=""),
    Column("language", String, nullable=False),
    Column("kept", LargeBinary, nullable=False, default=b""),
    Column("begun_at", UTCDateTime(), nullable=False),
    Column("touched_at", UTCDateTime(), nullable=False),
)  # fmt: skip
"""One confidential conversation: `chat` is channel and address; `kept` is what its commands need later, as JSON."""

_TAKEN = Table(
    "taken", _TABLES, Column("message", String, primary_key=True), Column("until", UTCDateTime(), nullable=False)
)
"""Messages that were taken in, by channel and the provider's id."""

_PART = Table(
    "part", _TABLES,
    Column("id", String, primary_key=True),
    Column("owner", String, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("until", UTCDateTime(), nullable=False),
)  # fmt: skip
"""Sealed parts of a draft (`owner` is its chat, or the hash of a visitor's token), until they are filed."""

_OUTGOING = Table(
    "outgoing", _TABLES,
    Column("id", Integer, primary_key=True),
    Column("channel", String, nullable=False),
    Column("address", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("secret", Boolean, nullable=False, default=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("due_at", UTCDateTime(), nullable=False),
    Column("until", UTCDateTime(), nullable=False),
    sqlite_autoincrement=True,
)  # fmt: skip
"""Replies that wait to be sent; `secret` ones hold an access key. They are wiped when the provider has them."""

_TRACE = Table(
    "trace", _TABLES,
    Column("id", Integer, primary_key=True),
    Column("channel", String, nullable=False),
    Column("address", String, nullable=False),
    Column("message", String, nullable=False),
    Column("secret", Boolean, nullable=False, default=False),
    Column("due_at", UTCDateTime(), nullable=False),
    Column("until", UTCDateTime(), nullable=False),
    Index("trace_message", "channel", "address", "message", unique=True),
)  # fmt: skip
"""Messages that a provider has and is to delete at `due_at`; it can until `until`."""

_VISIT = Table(
    "visit", _TABLES,
    Column("token", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("kept", LargeBinary, nullable=False),
    Column("until", UTCDateTime(), nullable=False),
)  # fmt: skip
"""A browser that has a case open, or a receiver's key: `token` is the hash of what only the browser holds, `subject`
the case's id or the member of the staff, `kept` is sealed with the browser's token."""

_TALLY = Table(
    "tally", _TABLES,
    Column("name", String, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("until", UTCDateTime(), nullable=False),
)  # fmt: skip
"""How often something was tried, until then."""

_PROBE = Table(
    "probe", _TABLES, Column("token", String, primary_key=True), Column("until", UTCDateTime(), nullable=False)
)
"""Tokens that a web process writes and a worker must read back."""

WIPED = (_TAKEN, _PART, _OUTGOING, _TRACE, _VISIT, _TALLY, _PROBE)


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
        _TABLES.create_all(connection)
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
    """Whether a confidential conversation is under way in this chat, ran out of time there, or took this message in."""
    draft = select(_DRAFT.c.chat).where(_DRAFT.c.chat == chat)
    taken = select(_TAKEN.c.message).where(_TAKEN.c.message.in_((message, _over(chat))), _TAKEN.c.until > now)
    return bool(connection.execute(select(draft.exists() | taken.exists())).scalar_one())


def _over(chat: str) -> str:
    """What says that the conversation in a chat ran out of time, so that its next words are no ordinary ones."""
    return f"over|{chat}"


def draft(connection: Connection, chat: str, now: datetime) -> Draft | None:
    """The conversation under way in this chat, unless its time is over."""
    alive = (_DRAFT.c.touched_at > now - IDLE) & (_DRAFT.c.begun_at > now - LONGEST)
    row = connection.execute(select(*_DRAFT.c).where(_DRAFT.c.chat == chat, alive)).one_or_none()
    return None if row is None else Draft(**row._asdict())


def keep_draft(connection: Connection, kept: Draft) -> None:
    """Put a conversation where it is now."""
    connection.execute(delete(_DRAFT).where(_DRAFT.c.chat == kept.chat))
    connection.execute(insert(_DRAFT), vars(kept))


def end_draft(connection: Connection, chat: str) -> None:
    """Wipe a conversation with its parts, and what says that it ran out of time."""
    connection.execute(delete(_TAKEN).where(_TAKEN.c.message == _over(chat)))
    connection.execute(delete(_DRAFT).where(_DRAFT.c.chat == chat))
    connection.execute(delete(_PART).where(_PART.c.owner == chat))


def take(connection: Connection, message: str, now: datetime) -> bool:
    """Take a message in by its channel and id; False if it was taken in before."""
    if connection.execute(select(_TAKEN.c.message).where(_TAKEN.c.message == message)).first() is not None:
        return False
    connection.execute(insert(_TAKEN), {"message": message, "until": now + REMEMBERED})
    return True


def was_taken(connection: Connection, message: str) -> bool:
    return connection.execute(select(_TAKEN.c.message).where(_TAKEN.c.message == message)).first() is not None


def keep_part(connection: Connection, owner: str, id: str, kind: str, body: bytes, now: datetime) -> None:
    """Keep a sealed part until its draft is filed."""
    row = {"id": id, "owner": owner, "kind": kind, "body": body, "until": now + LONGEST}
    connection.execute(insert(_PART), row)


def parts(connection: Connection, owner: str) -> Sequence[Row[Any]]:
    """A draft's sealed parts: id, kind, body."""
    shown: Sequence[Any] = (_PART.c.id, _PART.c.kind, _PART.c.body)
    return connection.execute(select(*shown).where(_PART.c.owner == owner)).all()


def part_ids(connection: Connection, owner: str) -> Sequence[str]:
    """The ids of a draft's sealed parts."""
    return connection.execute(select(_PART.c.id).where(_PART.c.owner == owner)).scalars().all()


def drop_part(connection: Connection, owner: str, id: str) -> None:
    connection.execute(delete(_PART).where(_PART.c.owner == owner, _PART.c.id == id))


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
    return int(connection.execute(insert(_OUTGOING).returning(_OUTGOING.c.id), row).scalar_one())


def due(connection: Connection, channel: str, most: int, now: datetime) -> Sequence[Row[Any]]:
    """The replies of a channel that may go now, in order; of a chat only the first."""
    waiting = select(*_OUTGOING.c).where(_OUTGOING.c.channel == channel).order_by(_OUTGOING.c.id)
    seen: set[str] = set()
    found = []
    for row in connection.execute(waiting):
        if row.address not in seen and row.due_at <= now:
            found.append(row)
        seen.add(row.address)
    return found[:most]


def waiting(connection: Connection, channel: str, address: str) -> Sequence[Row[Any]]:
    """What waits for a chat that fetches its messages itself, in order: id, body, secret."""
    mine = (_OUTGOING.c.channel == channel) & (_OUTGOING.c.address == address)
    shown: Sequence[Any] = (_OUTGOING.c.id, _OUTGOING.c.body, _OUTGOING.c.secret)
    return connection.execute(select(*shown).where(mine).order_by(_OUTGOING.c.id)).all()


def shown(connection: Connection, channel: str, address: str, last: int) -> None:
    """A chat that fetches its messages has shown those up to `last`: wipe them."""
    mine = (_OUTGOING.c.channel == channel) & (_OUTGOING.c.address == address)
    connection.execute(delete(_OUTGOING).where(mine, _OUTGOING.c.id <= last))


def sent(connection: Connection, id: int) -> None:
    """The provider has a reply: wipe it."""
    connection.execute(delete(_OUTGOING).where(_OUTGOING.c.id == id))


def later(connection: Connection, id: int, at: datetime) -> None:
    """A reply could not be sent now."""
    connection.execute(
        update(_OUTGOING).where(_OUTGOING.c.id == id).values(due_at=at, attempts=_OUTGOING.c.attempts + 1)
    )


def trace(
    connection: Connection, channel: str, address: str, message: str, due_at: datetime, until: datetime, secret: bool
) -> None:
    """Remember that a provider has a message which it is to delete."""
    row = {"channel": channel, "address": address, "message": message, "due_at": due_at, "until": until}
    connection.execute(insert(_TRACE).prefix_with("OR IGNORE"), {**row, "secret": secret})


def hasten(connection: Connection, channel: str, address: str, now: datetime, secret: bool) -> None:
    """Have a chat's traces deleted at once: those with an access key, or those without."""
    mine = (_TRACE.c.channel == channel) & (_TRACE.c.address == address) & (_TRACE.c.secret == secret)
    connection.execute(update(_TRACE).where(mine).values(due_at=now))


def traces(connection: Connection, channel: str, most: int, now: datetime) -> Sequence[Row[Any]]:
    """The messages that are to be deleted now: id, address, message."""
    shown: Sequence[Any] = (_TRACE.c.id, _TRACE.c.address, _TRACE.c.message)
    mine = (
        select(*shown)
        .where(_TRACE.c.channel == channel, _TRACE.c.due_at <= now)
        .order_by(_TRACE.c.address, _TRACE.c.id)
    )
    return connection.execute(mine.limit(most)).all()


def forget(connection: Connection, ids: Sequence[int]) -> None:
    """These are deleted at the provider."""
    connection.execute(delete(_TRACE).where(_TRACE.c.id.in_(ids)))


def forget_later(connection: Connection, ids: Sequence[int], at: datetime) -> None:
    """These could not be deleted now."""
    connection.execute(update(_TRACE).where(_TRACE.c.id.in_(ids)).values(due_at=at))


def begin_visit(connection: Connection, token: str, kind: str, subject: str, kept: bytes, until: datetime) -> None:
    """A browser opens a case or a key; one with the same token ends."""
    end_visit(connection, token)
    row = {"token": token, "kind": kind, "subject": subject, "kept": kept, "until": until}
    connection.execute(insert(_VISIT), row)


def visit(connection: Connection, token: str, kind: str, now: datetime) -> Row[Any] | None:
    """What a browser has open: subject, kept, until."""
    shown: Sequence[Any] = (_VISIT.c.subject, _VISIT.c.kept, _VISIT.c.until)
    mine = select(*shown).where(_VISIT.c.token == token, _VISIT.c.kind == kind, _VISIT.c.until > now)
    return connection.execute(mine).one_or_none()


def end_visit(connection: Connection, token: str) -> None:
    connection.execute(delete(_VISIT).where(_VISIT.c.token == token))


def end_visits(connection: Connection, kind: str, subject: str) -> None:
    """Close all that is open of a case, or with a member's key."""
    connection.execute(delete(_VISIT).where(_VISIT.c.kind == kind, _VISIT.c.subject == subject))


def count(connection: Connection, name: str, until: datetime, now: datetime) -> int:
    """Note one more try of something; how many there were in its time."""
    return _add(connection, name, 1, until, now)


def _add(connection: Connection, name: str, more: int, until: datetime, now: datetime) -> int:
    had = tried(connection, name, now)
    connection.execute(delete(_TALLY).where(_TALLY.c.name == name, _TALLY.c.until <= now))
    if had:
        connection.execute(update(_TALLY).where(_TALLY.c.name == name).values(number=had + more))
    else:
        connection.execute(insert(_TALLY), {"name": name, "number": more, "until": until})
    return had + more


def tried(connection: Connection, name: str, now: datetime) -> int:
    """How often something was tried."""
    mine = select(_TALLY.c.number).where(_TALLY.c.name == name, _TALLY.c.until > now)
    return int(connection.execute(mine).scalar() or 0)


def forgive(connection: Connection, name: str) -> None:
    """Begin to count anew."""
    connection.execute(delete(_TALLY).where(_TALLY.c.name == name))


def write_probe(engine: Engine, now: datetime) -> str:
    """Write a token for another process to read back; it."""
    token = secrets.token_urlsafe(16)
    with transaction(engine) as connection:
        connection.execute(insert(_PROBE), {"token": token, "until": now + timedelta(minutes=5)})
    return token


def reads_probe(engine: Engine, token: str, now: datetime) -> bool:
    """Whether this process sees the store that the token was written to."""
    with reading(engine) as connection:
        mine = select(_PROBE.c.token).where(_PROBE.c.token == token, _PROBE.c.until > now)
        return connection.execute(mine).first() is not None


def is_attended(connection: Connection, now: datetime) -> bool:
    """Whether a worker has lately written into the store that this process sees."""
    return connection.execute(select(_PROBE.c.token).where(_PROBE.c.until > now)).first() is not None


def wipe(engine: Engine, now: datetime) -> None:
    """Wipe whatever has had its time; nothing of it stays in the store's log."""
    with transaction(engine) as connection:
        over = (_DRAFT.c.touched_at <= now - IDLE) | (_DRAFT.c.begun_at <= now - LONGEST)
        ended = connection.execute(delete(_DRAFT).where(over).returning(_DRAFT.c.chat)).scalars().all()
        connection.execute(delete(_PART).where(_PART.c.owner.in_(ended)))
        for chat in ended:
            connection.execute(insert(_TAKEN), {"message": _over(chat), "until": now + LONGEST})
        kept_on = connection.execute(select(func.count()).select_from(_TRACE).where(_TRACE.c.until <= now)).scalar_one()
        if kept_on:
            _add(connection, NOT_FORGOTTEN, kept_on, now + A_MONTH, now)
        for table in WIPED:
            connection.execute(delete(table).where(table.c.until <= now))
    checkpoint(engine)
