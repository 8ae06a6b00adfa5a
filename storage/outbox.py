"""The outbox: what is to be sent, and what became of it. Bodies are sealed, and erased once they are done with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Index,
    Row,
    bindparam,
    case,
    column,
    delete,
    func,
    insert,
    literal_column,
    null,
    select,
    text,
    update,
)
from sqlmodel import Field, SQLModel

from storage.database import columns
from storage.prepared import Prepared

ACTIVE = ("queued", "sending", "uncertain")
FINAL = ("sent", "delivered", "read", "failed", "superseded")

UNASKED = ("announcement", "duty")
"""What we send first. Answers go before it, and opting out stops it."""

RANKS = {"queued": 0, "sending": 1, "uncertain": 2, "sent": 3, "failed": 4, "delivered": 5, "read": 6}
"""Statuses never move to a lower rank: callbacks arrive in any order (channels.md 3.9)."""

ARRIVED = ("delivered", "read")


PENDING = "finished_at IS NULL"
"""What is not done with. Queries say it in these words: SQLite uses a partial index only where it reads its own."""


def _pending_index(name: str, *on: str) -> Index:
    return Index(name, *on, sqlite_where=text(PENDING), postgresql_where=text(PENDING))


class Outgoing(SQLModel, table=True):
    """One message to one contact.

    `lane` is the provider account it goes through; `kind` is reply, receipt (a reply that must arrive), announcement
    (sent at most once) or duty (what a seat or an office must hear: sent at least once).
    `state` moves queued → sending → sent → delivered → read, or to failed, superseded or uncertain. `after_id` is the
    part that must be sent before. `epoch` is that of the sender which claimed it. `finished_at` is set with the first
    final state, and only then; `delivered_at` with the first word that it reached the phone.
    """

    id: int | None = Field(default=None, primary_key=True)
    lane: str = Field(max_length=16)
    contact_id: int = Field(foreign_key="contact.id", ondelete="CASCADE", index=True)
    kind: str = Field(max_length=16)
    state: str = Field(default="queued", max_length=16)
    after_id: int | None = Field(default=None)
    sealed: bytes | None = Field(default=None)
    epoch: int = Field(default=0)
    attempts: int = Field(default=0)
    due_at: datetime
    created_at: datetime = Field(index=True)
    finished_at: datetime | None = Field(default=None)
    delivered_at: datetime | None = Field(default=None)
    provider_id: str | None = Field(default=None, max_length=80, index=True)
    error: str | None = Field(default=None, max_length=40)
    segments: int = Field(default=1)

    __table_args__ = (
        Index(
            "outgoing_after",
            "after_id",
            sqlite_where=text("after_id IS NOT NULL"),
            postgresql_where=text("after_id IS NOT NULL"),
        ),
        _pending_index("outgoing_waiting", "lane", "state", "due_at", "id"),
        _pending_index("outgoing_of_contact", "contact_id", "id"),
        {"sqlite_autoincrement": True},
    )  # fmt: skip


_O = columns(Outgoing)
_IS_PENDING = _O.finished_at.is_(None)
_QUEUE = Prepared(insert(Outgoing).returning(_O.id))
_QUEUE_MANY = insert(Outgoing).returning(_O.id, sort_by_parameter_order=True)
_SUPERSEDE = Prepared(
    update(Outgoing)
    .where(_IS_PENDING, _O.contact_id == bindparam("contact"), _O.state == "queued", _O.kind == "reply")
    .values(state="superseded", sealed=None, finished_at=bindparam("now"))
)


_MINE = text("contact_id = (SELECT id FROM contact WHERE channel = :lane AND address = :address)")
_WAITING = (
    select(_O.id, _O.sealed, _O.segments)
    .where(_IS_PENDING, _O.state == "queued", _O.lane == bindparam("lane"), _MINE)
    .order_by(_O.id)
)
_SHOWN = text(
    "UPDATE outgoing SET state = 'read', sealed = NULL, finished_at = :now"
    " WHERE finished_at IS NULL AND state = 'queued' AND lane = :lane AND id <= :last"
    " AND contact_id = (SELECT id FROM contact WHERE channel = :lane AND address = :address)"
).bindparams(bindparam("now", type_=_O.finished_at.type))


_NUMBER = (
    select(func.count())
    .select_from(Outgoing)
    .where(_O.contact_id == bindparam("contact"), _O.created_at > bindparam("since"))
)


def queue(
    connection: Connection,
    lane: str,
    contact_id: int,
    kind: str,
    sealed: bytes,
    now: datetime,
    after_id: int | None = None,
    segments: int = 1,
) -> int:
    """Put a message in the outbox, in the transaction of what it tells; its id."""
    values = {
        "lane": lane, "contact_id": contact_id, "kind": kind, "state": "queued", "sealed": sealed, "after_id": after_id,
        "epoch": 0, "attempts": 0, "due_at": now, "created_at": now, "segments": segments,
    }  # fmt: skip
    (row,) = _QUEUE.rows(connection, values)
    return int(row.id)


def queue_many(connection: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> list[int]:
    """Put many messages in the outbox: lane, contact_id, kind, sealed, segments each, and due_at where that is not now.

    Their ids, in that order.
    """
    fresh = {"state": "queued", "epoch": 0, "attempts": 0, "due_at": now, "created_at": now, "after_id": None}
    if not rows:
        return []
    return list(connection.scalars(_QUEUE_MANY, [{**fresh, **row} for row in rows]))


def supersede(connection: Connection, contact_id: int, now: datetime) -> None:
    """Withdraw replies that are still waiting: the person has moved on."""
    _SUPERSEDE.changed(connection, {"contact": contact_id, "now": now})


def number_since(connection: Connection, contact_id: int, since: datetime) -> int:
    """How many messages a contact was given since then."""
    return int(connection.execute(_NUMBER, {"contact": contact_id, "since": since}).scalar_one())


def waiting(connection: Connection, lane: str, address: str) -> list[Row[Any]]:
    """What waits for a contact that fetches its messages itself, oldest first: id, sealed body, segments."""
    return list(connection.execute(_WAITING, {"lane": lane, "address": address}))


def shown(connection: Connection, lane: str, address: str, last: int, now: datetime) -> None:
    """A contact that fetches its messages has shown those up to `last`: their bodies are erased."""
    connection.execute(_SHOWN, {"lane": lane, "address": address, "last": last, "now": now})


# A message is claimed only when nothing older to the same contact is under way: that keeps the order within a chat.
_CLAIMABLE = """
SELECT o.id FROM outgoing o
WHERE o.finished_at IS NULL AND o.lane = :lane AND o.state = 'queued' AND o.due_at <= :now
  AND NOT EXISTS (SELECT 1 FROM outgoing e WHERE e.finished_at IS NULL AND e.contact_id = o.contact_id AND e.id < o.id
                  AND e.state IN ('queued', 'sending', 'uncertain')
                  AND NOT (e.kind IN ('announcement', 'duty') AND e.state IN ('queued', 'uncertain')
                           AND o.kind NOT IN ('announcement', 'duty'))
                  AND NOT (e.state = 'uncertain' AND e.kind = 'announcement'))
ORDER BY CASE WHEN o.kind IN ('announcement', 'duty') THEN 1 ELSE 0 END, o.id
LIMIT :most
"""
_HOLDS = "EXISTS (SELECT 1 FROM lease WHERE name = :lease AND epoch = :epoch AND holder = :holder AND until > :at)"
_CLAIM = Prepared(
    text(
        "UPDATE outgoing SET state = 'sending', epoch = :epoch, attempts = attempts + 1"
        f" WHERE id IN ({_CLAIMABLE}) AND {_HOLDS} RETURNING id, contact_id, kind, sealed, attempts, created_at,"
        " (SELECT address FROM contact WHERE contact.id = contact_id) AS address,"
        " (SELECT contact.state FROM contact WHERE contact.id = contact_id) AS reach"
    )
    .bindparams(bindparam("now", type_=_O.due_at.type), bindparam("at", type_=_O.due_at.type))
    .columns(
        _O.id, _O.contact_id, _O.kind, _O.sealed, _O.attempts, _O.created_at, column("address"), column("reach")
    )
)  # fmt: skip


_DUE = Prepared(
    select(_O.id)
    .where(_IS_PENDING, _O.lane == bindparam("on"), _O.state == "queued", _O.due_at <= bindparam("now"))
    .limit(literal_column("1"))
)


def is_anything_due(connection: Connection, lane: str, now: datetime) -> bool:
    """Whether a message of a lane is due, be it one that has to wait for another of its contact."""
    return _DUE.row(connection, {"on": lane, "now": now}) is not None


@dataclass(frozen=True)
class Hold:
    """In whose name messages are claimed: a lease, its holder and epoch, and the time `at` which it must still run."""

    lease: str
    holder: str
    epoch: int
    at: datetime


def claim(connection: Connection, lane: str, hold: Hold, most: int, now: datetime) -> list[Row[Any]]:
    """Take up to `most` messages to send, with their contact's address and state (`reach`).

    Oldest first and replies before announcements; none if the lease is lost.
    """
    values = {"lane": lane, "most": most, "now": now, **vars(hold)}
    rows = _CLAIM.rows(connection, values)
    return sorted(rows, key=lambda row: (row.kind in UNASKED, row.id))


_FINISH = Prepared(
    update(Outgoing)
    .where(_O.id == bindparam("message"), _O.epoch == bindparam("mine"), _O.state == "sending")
    .values(
        state=bindparam("became"),
        provider_id=bindparam("given"),
        error=bindparam("why"),
        due_at=bindparam("due"),
        finished_at=case(
            (bindparam("over", type_=Boolean()), bindparam("now", type_=_O.finished_at.type)), else_=null()
        ),
        sealed=case((bindparam("over", type_=Boolean()), null()), else_=_O.sealed),
    )
)

_FAIL_REST = text(
    "WITH RECURSIVE rest (id) AS (SELECT o.id FROM outgoing o JOIN outgoing f ON o.after_id = f.id"
    " WHERE f.id IN :ids AND f.state = 'failed'"
    " UNION SELECT o.id FROM outgoing o JOIN rest ON o.after_id = rest.id)"
    " UPDATE outgoing SET state = 'failed', error = 'part', sealed = NULL, finished_at = :now"
    " WHERE id IN (SELECT id FROM rest) AND state = 'queued'"
).bindparams(bindparam("ids", expanding=True), bindparam("now", type_=_O.finished_at.type))


def _fail_rest(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """The parts that come after one that failed would make no sense alone."""
    if ids:
        connection.execute(_FAIL_REST, {"ids": list(ids), "now": now})


def finish(connection: Connection, epoch: int, outcomes: Sequence[dict[str, Any]], now: datetime) -> int:
    """Record what became of claimed messages, and erase the bodies of those that are done with.

    Each outcome has `message`, `became`, `given` (the provider's id), `why` and `due`. Those of an older epoch are
    refused: a sender that was paused must not overwrite what its successor did. Returns how many were recorded.
    """
    if not outcomes:
        return 0
    recorded = _FINISH.changed_by_all(connection, [_outcome(o, epoch, now) for o in outcomes])
    _fail_rest(connection, [o["message"] for o in outcomes if o["became"] == "failed"], now)
    return recorded


def _outcome(outcome: dict[str, Any], epoch: int, now: datetime) -> dict[str, Any]:
    return {**outcome, "mine": epoch, "now": now, "over": outcome["became"] in FINAL}


def orphaned(connection: Connection, lane: str, epoch: int, now: datetime) -> int:
    """What an earlier sender left under way becomes uncertain; how many."""
    return connection.execute(
        update(Outgoing)
        .where(_IS_PENDING, _O.lane == lane, _O.state == "sending", _O.epoch < epoch)
        .values(state="uncertain", due_at=now, epoch=epoch)
    ).rowcount


# Contacts know the outbox; to name their table here as a class would close a circle.
_ADDRESS: ColumnElement[str] = literal_column(
    "(SELECT address FROM contact WHERE contact.id = outgoing.contact_id)"
).label("address")


def uncertain(connection: Connection, lane: str, now: datetime, most: int = 100) -> list[Row[Any]]:
    """Replies whose provider's answer was lost some time ago, with their contact's address, oldest first."""
    return list(
        connection.execute(
            select(_O.id, _O.contact_id, _O.kind, _O.sealed, _O.attempts, _O.created_at, _ADDRESS)
            .where(_IS_PENDING, _O.lane == lane, _O.state == "uncertain", _O.kind != "announcement", _O.due_at <= now)
            .order_by(_O.id)
            .limit(most)
        )
    )


def settle(connection: Connection, message_id: int, state: str, provider_id: str | None, now: datetime) -> None:
    """Decide an uncertain message: `sent` (it was found at the provider), `queued` (send it again) or `failed`."""
    values: dict[str, Any] = {"state": state, "provider_id": provider_id, "due_at": now}
    if state in FINAL:
        values |= {"sealed": None, "finished_at": now}
    connection.execute(update(Outgoing).where(_O.id == message_id, _O.state == "uncertain").values(**values))
    if state == "failed":
        _fail_rest(connection, [message_id], now)


def report(
    connection: Connection, message_id: int | None, provider_id: str, state: str, error: str | None, now: datetime
) -> int | None:
    """A provider's status for a message; the contact it went to, or None where it changes nothing."""
    lower = [name for name, rank in RANKS.items() if rank < RANKS[state]]
    same = (_O.id == message_id) if message_id is not None else (_O.provider_id == provider_id)
    row = connection.execute(
        update(Outgoing)
        .where(same, _O.state.in_(lower))
        .values(
            state=state,
            provider_id=func.coalesce(_O.provider_id, provider_id),
            error=error,
            finished_at=now,
            delivered_at=func.coalesce(_O.delivered_at, now) if state in ARRIVED else _O.delivered_at,
            sealed=None,
        )
        .returning(_O.id, _O.contact_id)
    ).one_or_none()
    if row is None:
        return None
    if state == "failed":
        _fail_rest(connection, [row.id], now)
    return int(row.contact_id)


def stop(connection: Connection, contact_id: int, error: str, now: datetime) -> None:
    """Nothing more goes to a contact that cannot or will not be reached."""
    connection.execute(
        update(Outgoing)
        .where(_IS_PENDING, _O.contact_id == contact_id, _O.state == "queued")
        .values(state="failed", error=error, sealed=None, finished_at=now)
    )


def give_up(connection: Connection, before: datetime, now: datetime) -> int:
    """Messages that waited too long fail, so that nothing is sent late without sense; how many.

    An announcement of which it is not known whether it went out fails as such: it is never sent again.
    """
    unknown = (_O.kind == "announcement") & (_O.state == "uncertain")
    return connection.execute(
        update(Outgoing)
        .where(_IS_PENDING, _O.state.in_(("queued", "uncertain")), _O.created_at < before)
        .values(state="failed", error=case((unknown, "uncertain"), else_="expired"), sealed=None, finished_at=now)
    ).rowcount


def announced(connection: Connection) -> dict[str, tuple[int, datetime]]:
    """How many announcements wait to be sent, and when the last of them is due, by lane."""
    waiting = (_IS_PENDING, _O.state == "queued", _O.kind == "announcement")
    found = select(_O.lane, func.count(), func.max(_O.due_at)).where(*waiting).group_by(_O.lane)
    return {lane: (number, due) for lane, number, due in connection.execute(found)}


def counts(connection: Connection) -> list[tuple[str, str, int]]:
    """How many messages are in each (lane, state)."""
    rows = connection.execute(select(_O.lane, _O.state, func.count()).group_by(_O.lane, _O.state))
    return [(lane, state, number) for lane, state, number in rows]


def counts_since(connection: Connection, since: datetime) -> list[tuple[str, str, int]]:
    """The same of the messages made since a moment."""
    grouped = select(_O.lane, _O.state, func.count()).where(_O.created_at >= since).group_by(_O.lane, _O.state)
    return [(lane, state, number) for lane, state, number in connection.execute(grouped)]


def volume(connection: Connection, since: datetime, lanes: Sequence[str]) -> list[tuple[str, int, int]]:
    """What answers came to since then, by lane: messages and segments, without those that no provider took."""
    charged = _O.provider_id.is_not(None) | _O.state.not_in(("failed", "superseded"))
    mine = (_O.created_at >= since) & _O.lane.in_(lanes) & _O.kind.not_in(UNASKED) & charged
    sums = select(_O.lane, func.count(), func.coalesce(func.sum(_O.segments), 0)).where(mine).group_by(_O.lane)
    return [(lane, messages, segments) for lane, messages, segments in connection.execute(sums)]


def failed_since(connection: Connection, since: datetime, error: str) -> int:
    """How many messages made since then failed for one reason."""
    mine = (_O.created_at >= since) & (_O.state == "failed") & (_O.error == error)
    return int(connection.execute(select(func.count()).select_from(Outgoing).where(mine)).scalar_one())


def purge(connection: Connection, before: datetime) -> int:
    """Delete the records of messages that were done with long ago."""
    return connection.execute(delete(Outgoing).where(_O.created_at < before, _O.state.in_(FINAL))).rowcount
