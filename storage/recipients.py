"""Recipients: the people an announcement was selected for, one row each, and what became of it.

waiting → queued (its message is in the outbox) → settled (nothing more is done for it), or skipped (with the reason).
A row is all that says who was told of what: it goes with the person, and after the announcement's figures are final.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Index,
    Row,
    and_,
    bindparam,
    case,
    delete,
    exists,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel

from storage import audiences
from storage.announcements import AnnouncementRow, Words
from storage.audiences import BY_SMS, UNREAD, Audience
from storage.contacts import Contact, Housemate, Person
from storage.database import columns
from storage.outbox import ARRIVED, PENDING, Outgoing
from storage.participants import Follow
from storage.prepared import Prepared

WAITING = "state = 'waiting'"
QUEUED = "state = 'queued'"
"""Queries say it in these words: SQLite uses a partial index only where it reads its own."""

REPORTING = ("whatsapp", "sms")
"""Channels whose provider says later what became of a message; of others `sent` is all that is ever known."""

CHANNELS = ("telegram", *REPORTING, *UNREAD)


class Recipient(SQLModel, table=True):
    """One person of one announcement.

    Nobody is told twice: one row for each person, and one for each contact, since several people may share a phone.
    `place` is the person's at that time. It may go from `due_at` on. `tries` counts the messages that were queued for
    it, `message_id` is the last of them. `cost` is what it is charged at in pesos, over all tries, and `charged` the
    part of it that may yet be given back: what the last message was charged at on the day of `queued_at`.
    """

    announcement_id: int = Field(primary_key=True, foreign_key="announcement.id", ondelete="CASCADE")
    person_id: int = Field(primary_key=True, foreign_key="person.id", ondelete="CASCADE")
    contact_id: int = Field(foreign_key="contact.id", ondelete="CASCADE")
    channel: str = Field(max_length=16)
    place: str = Field(default="", max_length=80)
    state: str = Field(default="waiting", max_length=8)
    reason: str = Field(default="", max_length=16)
    due_at: datetime
    tries: int = Field(default=0)
    cost: int = Field(default=0)
    charged: int = Field(default=0)
    message_id: int | None = Field(default=None)
    queued_at: datetime | None = Field(default=None)

    __table_args__ = (
        Index("recipient_contact", "contact_id", "announcement_id", unique=True),
        Index("recipient_person", "person_id"),
        Index(
            "recipient_message", "message_id", unique=True,
            sqlite_where=text("message_id IS NOT NULL"), postgresql_where=text("message_id IS NOT NULL"),
        ),
        Index(
            "recipient_waiting", "channel", "announcement_id", "due_at", "person_id",
            sqlite_where=text(WAITING), postgresql_where=text(WAITING),
        ),
        Index(
            "recipient_queued", "announcement_id", "queued_at",
            sqlite_where=text(QUEUED), postgresql_where=text(QUEUED),
        ),
        {"sqlite_with_rowid": False},
    )  # fmt: skip


_R = columns(Recipient)
_A = columns(AnnouncementRow)
_P, _C, _H, _O, _W = columns(Person), columns(Contact), columns(Housemate), columns(Outgoing), columns(Follow)
_IS_WAITING, _IS_QUEUED = (text(f"recipient.{words}") for words in (WAITING, QUEUED))
_INSERT: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_BY_SMS = exists().where(_W.person_id == _R.person_id, _W.scope == BY_SMS)

# Selecting


def select_slice(
    connection: Connection,
    announcement_id: int,
    audience: Audience,
    topic: str,
    countries: Sequence[str],
    after: int,
    most: int,
    now: datetime,
) -> int | None:
    """Make recipients of those of the next `most` people (by id) who are in the audience, in one statement.

    The last id that was looked at, None where nobody is left. What was selected before stays as it is.
    """
    near = select(_P.id).where(_P.id > after).order_by(_P.id).limit(most).subquery()
    last = connection.execute(select(func.max(near.c.id))).scalar_one()
    if last is None:
        return None
    # Of both tables, though they are joined by it: else PostgreSQL reads all housemates for each slice.
    span = and_(*(id > after for id in (_P.id, _H.person_id)), *(id <= last for id in (_P.id, _H.person_id)))
    them = audiences.reachable(audience, topic, countries, span).subquery()
    rows = select(
        literal(announcement_id),
        them.c.person_id,
        them.c.contact_id,
        them.c.channel,
        func.coalesce(them.c.place, ""),
        case((them.c.abroad, "skipped"), else_="waiting"),
        case((them.c.abroad, "abroad"), else_=""),
        literal(now, _R.due_at.type),
        literal(0),
        literal(0),
        literal(0),
    ).where(them.c.person_id > after)  # fmt: skip  SQLite takes ON CONFLICT for a join where there is no WHERE
    names = ("announcement_id", "person_id", "contact_id", "channel", "place", "state", "reason", "due_at")
    statement = _INSERT[connection.dialect.name](Recipient).from_select([*names, "tries", "cost", "charged"], rows)
    connection.execute(statement.on_conflict_do_nothing())
    return int(last)


# Feeding


_ANYBODY = Prepared(
    select(_R.person_id)
    .where(
        _R.announcement_id == bindparam("announcement"), _R.channel == bindparam("on"), _IS_WAITING,
        _R.due_at <= bindparam("now"),
    )
    .limit(literal_column("1"))
)  # fmt: skip


def is_anybody_due(connection: Connection, announcement_id: int, channel: str, now: datetime) -> bool:
    """Whether anybody waits on a channel and is due: to ask costs a fiftieth of looking for them."""
    values = {"announcement": announcement_id, "on": channel, "now": now}
    return _ANYBODY.row(connection, values) is not None


def due(
    connection: Connection,
    announcement_id: int,
    audience: Audience,
    topic: str,
    countries: Sequence[str],
    channel: str,
    now: datetime,
    week: datetime,
    most: int,
) -> list[Row[Any]]:
    """Those who wait on a channel and are due, in order, locked until this transaction ends, as they are now.

    person_id, contact_id, place, tries, language, reach (the contact's state), heard_at, declined_at, `agreed` to the
    topic, `still` in the audience, `abroad`, `by_sms`, `before` (the state of the message before, if any), and the
    announcements this person was sent since `week`: their `number` and the `oldest`.
    """
    sent = select(Outgoing).join(Housemate, _H.contact_id == _O.contact_id).correlate(Recipient)
    sent = sent.where(_H.person_id == _R.person_id, _O.kind == "announcement", _O.created_at > week)
    sent = sent.where(_O.state.not_in(("failed", "superseded")))
    last = _O.id.table.alias("last").c
    found = (
        select(
            _R.person_id, _R.contact_id, _R.place, _R.tries, _C.language, _C.state.label("reach"), _C.heard_at,
            _C.declined_at,
            audiences.agreed(audience, topic).label("agreed"), audiences.condition(audience, topic).label("still"),
            audiences.abroad(countries).label("abroad"), _BY_SMS.label("by_sms"),
            select(last.state).where(last.id == _R.message_id).scalar_subquery().label("before"),
            sent.with_only_columns(func.count()).scalar_subquery().label("number"),
            sent.with_only_columns(func.min(_O.created_at)).scalar_subquery().label("oldest"),
        )
        .join_from(Recipient, Person, _P.id == _R.person_id)
        .join(Contact, _C.id == _R.contact_id)
        .where(_R.announcement_id == announcement_id, _R.channel == channel, _IS_WAITING, _R.due_at <= now)
        .order_by(_R.due_at, _R.person_id)
        .limit(most)
        .with_for_update(of=Recipient)
    )  # fmt: skip
    return list(connection.execute(found))


_MINE = (_R.announcement_id == bindparam("announcement"), _R.person_id == bindparam("person"))
_MARK = (
    update(Recipient)
    .where(*_MINE)
    .values(
        state="queued", reason="", message_id=bindparam("message"), tries=_R.tries + 1, queued_at=bindparam("at"),
        cost=_R.cost + bindparam("pesos"), charged=bindparam("pesos"),
    )
)  # fmt: skip
_MOVE = update(Recipient).where(*_MINE).values(state=bindparam("became"), reason=bindparam("why"))
_LATER = _MOVE.values(due_at=bindparam("due"))
_ADDRESS = _LATER.values(contact_id=bindparam("contact"), channel=bindparam("by"))


def mark(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Their messages are in the outbox: announcement, person, message, at, pesos each."""
    if rows:
        connection.execute(_MARK, list(rows))


def move(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Take recipients to another state: announcement, person, became, why each."""
    if rows:
        connection.execute(_MOVE, list(rows))


def postpone(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Let recipients wait until later: announcement, person, why, due each."""
    if rows:
        connection.execute(_LATER, [{**row, "became": "waiting"} for row in rows])


def readdress(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Let recipients wait for another contact of theirs: announcement, person, contact, by (its channel), due each."""
    if rows:
        connection.execute(_ADDRESS, [{**row, "became": "waiting", "why": ""} for row in rows])


def others(
    connection: Connection,
    announcement_id: int,
    people: Sequence[int],
    countries: Sequence[str],
    channels: Sequence[str],
    marketing: bool = False,
) -> dict[int, tuple[int, str]]:
    """Another contact of each of these people that takes announcements, has none of this one, and is on one of these
    channels: (contact, channel) of the one heard of last; none is given to two people. With `marketing` it is one that
    never declined that."""
    taken = _R.announcement_id.table.alias("taken").c
    free = ~exists().where(taken.contact_id == _C.id, taken.announcement_id == announcement_id)
    found = (
        select(_H.person_id, _C.id, _C.channel)
        .join(Contact, _C.id == _H.contact_id)
        .where(_H.person_id.in_(people), _C.state == "active", ~audiences.abroad(countries), free)
        .where(_C.channel.in_(channels))
        .order_by(case((_C.channel.in_(UNREAD), 1), else_=0), _C.heard_at.desc(), _C.id)
    )
    if marketing:
        found = found.where(_C.declined_at.is_(None))
    given: dict[int, tuple[int, str]] = {}
    for row in connection.execute(found):
        if row.person_id not in given and row.id not in {contact for contact, _channel in given.values()}:
            given[row.person_id] = (row.id, row.channel)
    return given


Charge = tuple[datetime, int]
"""When a message was queued, and the pesos it was charged at."""


def recall(
    connection: Connection, announcement_id: int, unless: ColumnElement[bool] | None, now: datetime
) -> list[Charge]:
    """Take back what waits in the outbox, except for those of whom `unless` holds (a condition on `person`).

    They wait again, and are no longer charged for it; what each was charged at.
    """
    mine = (_R.message_id == _O.id) & (_R.announcement_id == announcement_id)
    whose = exists().where(mine)
    if unless is not None:
        whose = exists().where(mine, _P.id == _R.person_id, ~unless)
    ids = list(
        connection.scalars(
            update(Outgoing)
            .where(text(PENDING), _O.lane.in_(CHANNELS), _O.state == "queued", _O.kind == "announcement", whose)
            .values(state="superseded", sealed=None, finished_at=now)
            .returning(_O.id)
        )
    )
    return _uncharge(connection, _R.message_id.in_(ids), state="waiting", message_id=None, tries=_R.tries - 1)


def _uncharge(connection: Connection, whose: ColumnElement[bool], **values: Any) -> list[Charge]:
    """Charge recipients no more for their last message; what each was charged at."""
    found = [(row.queued_at, row.charged) for row in connection.execute(select(_R.queued_at, _R.charged).where(whose))]
    connection.execute(update(Recipient).where(whose).values(cost=_R.cost - _R.charged, charged=0, **values))
    return found


def withdraw(connection: Connection, person_id: int, now: datetime) -> None:
    """A person leaves: what waits for them in the outbox is not sent. What it was charged at stays counted."""
    theirs = exists().where(_R.message_id == _O.id, _R.person_id == person_id)
    waits = (text(PENDING), _O.state == "queued", _O.kind == "announcement", theirs)
    connection.execute(update(Outgoing).where(*waits).values(state="superseded", sealed=None, finished_at=now))


def skip(connection: Connection, announcement_id: int, reason: str, most: int) -> int:
    """Skip up to `most` of those who wait; how many."""
    waits = (_R.announcement_id == announcement_id, _R.channel.in_(CHANNELS), _IS_WAITING)
    some = select(_R.person_id).where(*waits).limit(most).scalar_subquery()
    chosen = update(Recipient).where(_R.announcement_id == announcement_id, _IS_WAITING, _R.person_id.in_(some))
    return connection.execute(chosen.values(state="skipped", reason=reason)).rowcount


# Settling


def settle(connection: Connection, announcement_id: int) -> None:
    """What has arrived needs nothing more; nor what was sent where no more than that is ever known."""
    arrived = _O.state.in_((*ARRIVED, "superseded")) | ((_O.state == "sent") & _O.lane.not_in(REPORTING))
    there = exists().where(_O.id == _R.message_id, arrived)
    mine = update(Recipient).where(_R.announcement_id == announcement_id, _IS_QUEUED, there)
    connection.execute(mine.values(state="settled"))


def undelivered(connection: Connection, announcement_id: int, before: datetime, most: int) -> list[Row[Any]]:
    """Those whose message failed, or was sent but not delivered though it was queued before that moment, locked.

    person_id, contact_id, place, tries, channel, queued_at, became (the message's state), error, given (the provider's
    id, if it took the message), reach, by_sms.
    """
    lost = or_(_O.state == "failed", and_(_O.state == "sent", _R.queued_at <= before))
    found = (
        select(
            _R.person_id, _R.contact_id, _R.place, _R.tries, _R.channel, _R.queued_at, _O.state.label("became"),
            _O.error, _O.provider_id.label("given"), _C.state.label("reach"), _BY_SMS.label("by_sms"),
        )
        .join_from(Recipient, Outgoing, _O.id == _R.message_id)
        .join(Contact, _C.id == _R.contact_id)
        .where(_R.announcement_id == announcement_id, _IS_QUEUED, lost)
        .order_by(_R.queued_at, _R.person_id)
        .limit(most)
        .with_for_update(of=Recipient)
    )  # fmt: skip
    return list(connection.execute(found))


def refund(connection: Connection, announcement_id: int, people: Sequence[int]) -> list[Charge]:
    """The last message of these people was never taken by a provider: what each was charged at."""
    return _uncharge(connection, (_R.announcement_id == announcement_id) & _R.person_id.in_(people))


def is_open(connection: Connection, announcement_id: int) -> bool:
    """Whether somebody waits, or something is under way whose end will be known."""
    mine = _R.announcement_id == announcement_id
    waits = select(1).where(mine, _R.channel.in_(CHANNELS), _IS_WAITING).limit(1)
    moves = select(1).join_from(Recipient, Outgoing, _O.id == _R.message_id)
    moves = moves.where(mine, _IS_QUEUED, _O.state.in_(("queued", "sending", "sent"))).limit(1)
    return any(connection.execute(each).first() for each in (waits, moves))


# Counting


def outcomes(connection: Connection, announcement_id: int) -> list[Row[Any]]:
    """How many there are by place, channel and what became of them: place, channel, state, reason, became, error,
    `stopped` (that contact has opted out), `answered` (they wrote after they were told), people, pesos."""
    answered = case((_C.heard_at > _R.queued_at, 1), else_=0)
    by = (
        _R.place, func.coalesce(_O.lane, _R.channel).label("channel"), _R.state, _R.reason, _O.state.label("became"),
        _O.error, case((_C.state == "stopped", 1), else_=0).label("stopped"), answered.label("answered"),
    )  # fmt: skip
    found = (
        select(*by, func.count().label("people"), func.sum(_R.cost).label("pesos"))
        .join_from(Recipient, Contact, _C.id == _R.contact_id)
        .outerjoin(Outgoing, _O.id == _R.message_id)
        .where(_R.announcement_id == announcement_id)
        .group_by(*(literal_column(str(place)) for place in range(1, len(by) + 1)))
    )
    return list(connection.execute(found))


# Whose they are


def _weight(row: Any) -> ColumnElement[int]:
    return case((row.state.in_(("queued", "settled")), 2), (row.state == "waiting", 1), else_=0)


def purge(connection: Connection, before: datetime, most: int) -> int:
    """Forget up to `most` recipients of announcements that finished before and whose figures are final; how many."""
    over = select(_A.id).where(_A.finished_at < before, _A.counted_at.is_not(None))
    gone = select(_R.announcement_id, _R.person_id).where(_R.announcement_id.in_(over)).limit(most)
    these = tuple_(_R.announcement_id, _R.person_id).in_(gone)
    return connection.execute(delete(Recipient).where(these)).rowcount


def told(
    connection: Connection, person_id: int | None, contact_id: int | None, since: datetime, most: int
) -> list[tuple[datetime, Words]]:
    """When a person or a contact was sent which words since a moment, the newest first; not of what was cancelled."""
    # Where one of them is not known nothing is asked about it: that it is null would have the whole table read.
    whose = ((_R.contact_id, contact_id), (_R.person_id, person_id))
    mine = or_(false(), *(column == id for column, id in whose if id is not None))
    sent = _R.state.in_(("queued", "settled")) & (_R.queued_at > since) & (_A.state != "cancelled")
    found = select(_R.queued_at, _A.words).join_from(Recipient, AnnouncementRow, _A.id == _R.announcement_id)
    rows = connection.execute(found.where(mine, sent).order_by(_R.queued_at.desc(), _A.id.desc()).limit(most))
    return [(row.queued_at, json.loads(row.words)) for row in rows]


def rename(connection: Connection, kept: int, gone: int) -> None:
    """Two people turn out to be one: who of them was told counts for both; else who waits, before who was skipped."""
    other = _R.person_id.table.alias("other").c
    same = other.announcement_id == _R.announcement_id
    told = exists().where(same, other.person_id == gone, _weight(other) > _weight(_R))
    connection.execute(delete(Recipient).where(_R.person_id == kept, told))
    twice = exists().where(same, other.person_id == kept)
    connection.execute(update(Recipient).where(_R.person_id == gone, ~twice).values(person_id=kept))
