"""Who takes part in following a plan: followers, offices' staff, the committee's seats, and the codes that invite."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Index, Row, bindparam, delete, func, insert, select, text, update
from sqlmodel import Field, SQLModel

from storage.contacts import Person
from storage.database import columns


class Follow(SQLModel, table=True):
    """What a person follows: `all`, `commitment:<id>` or `office:<plan>/<id>`, since when."""

    person_id: int = Field(primary_key=True, foreign_key="person.id", ondelete="CASCADE")
    scope: str = Field(primary_key=True, max_length=100)
    since: datetime

    __table_args__ = (Index("follow_scope", "scope", "person_id"),)


class Clerk(SQLModel, table=True):
    """Somebody who reports for an office of a plan."""

    person_id: int = Field(primary_key=True, foreign_key="person.id", ondelete="CASCADE")
    plan: str = Field(primary_key=True, max_length=40)
    office: str = Field(primary_key=True, max_length=40)
    since: datetime


class Seat(SQLModel, table=True):
    """A seat of a plan's committee (`seat` is `<sector>-<number>`) and who holds it; nobody when empty."""

    plan: str = Field(primary_key=True, max_length=40)
    seat: str = Field(primary_key=True, max_length=50)
    person_id: int | None = Field(default=None, foreign_key="person.id", ondelete="SET NULL", index=True)
    since: datetime


class Invitation(SQLModel, table=True):
    """A one-time code (only its hash) for a seat or an office."""

    code: str = Field(primary_key=True, max_length=64)
    kind: str = Field(max_length=8)
    plan: str = Field(max_length=40)
    subject: str = Field(max_length=50)
    expires_at: datetime
    used_at: datetime | None = Field(default=None)

    __table_args__ = (
        Index(
            "invitation_open", "plan", "kind", "subject", unique=True,
            sqlite_where=text("used_at IS NULL"), postgresql_where=text("used_at IS NULL"),
        ),
    )  # fmt: skip


_F, _K, _S, _I = columns(Follow), columns(Clerk), columns(Seat), columns(Invitation)

_INVITE = text(
    "INSERT INTO invitation (code, kind, plan, subject, expires_at) VALUES (:code, :kind, :plan, :subject, :expires_at)"
    " ON CONFLICT (plan, kind, subject) WHERE used_at IS NULL"
    " DO UPDATE SET code = excluded.code, expires_at = excluded.expires_at"
).bindparams(bindparam("expires_at", type_=_I.expires_at.type))


def follow(connection: Connection, person_id: int, scope: str, now: datetime) -> bool:
    """Follow; False if it was followed already."""
    if connection.execute(select(_F.scope).where(_F.person_id == person_id, _F.scope == scope)).first():
        return False
    connection.execute(insert(Follow), {"person_id": person_id, "scope": scope, "since": now})
    return True


def unfollow(connection: Connection, person_id: int, scope: str | None = None) -> int:
    """Follow no more (everything, without a scope); how many were followed."""
    mine = delete(Follow).where(_F.person_id == person_id)
    return connection.execute(mine if scope is None else mine.where(_F.scope == scope)).rowcount


def followed(connection: Connection, person_id: int) -> list[str]:
    """What a person follows, oldest first."""
    return list(connection.scalars(select(_F.scope).where(_F.person_id == person_id).order_by(_F.since, _F.scope)))


def followers(connection: Connection, scopes: Sequence[str], after: int, most: int) -> list[Row[Any]]:
    """The next people (by id) who follow any of these: person_id, scope, since; a row for each scope."""
    near = select(_F.person_id).where(_F.scope.in_(scopes), _F.person_id > after).distinct()
    some = near.order_by(_F.person_id).limit(most).subquery()
    rows = select(_F.person_id, _F.scope, _F.since).where(_F.scope.in_(scopes))
    return list(connection.execute(rows.where(_F.person_id.in_(select(some.c.person_id))).order_by(_F.person_id)))


def follows_of(connection: Connection, people: Sequence[int]) -> list[Row[Any]]:
    """What these people follow: person_id, scope, since."""
    return list(connection.execute(select(*_F).where(_F.person_id.in_(people)).order_by(_F.person_id, _F.scope)))


def clerk_of(connection: Connection, person_id: int) -> list[Row[Any]]:
    """The offices a person reports for: plan, office, since."""
    mine = select(_K.plan, _K.office, _K.since).where(_K.person_id == person_id).order_by(_K.plan, _K.office)
    return list(connection.execute(mine))


def clerks(connection: Connection, plan: str) -> list[Row[Any]]:
    """Everybody who reports in a plan: person_id, office, since."""
    return list(connection.execute(select(*_K).where(_K.plan == plan).order_by(_K.person_id, _K.office)))


def seats_of(connection: Connection, person_id: int) -> list[Row[Any]]:
    """The seats a person holds: plan, seat, since."""
    mine = select(_S.plan, _S.seat, _S.since).where(_S.person_id == person_id).order_by(_S.plan, _S.seat)
    return list(connection.execute(mine))


def seats(connection: Connection, plan: str) -> list[Row[Any]]:
    """The seats of a plan that somebody holds: person_id, seat, since."""
    held = select(_S.person_id, _S.seat, _S.since).where(_S.plan == plan, _S.person_id.is_not(None))
    return list(connection.execute(held.order_by(_S.seat)))


def holds(connection: Connection, person_id: int, plan: str, seat: str) -> bool:
    """Whether a person holds a seat; nobody can take it from them before this transaction ends."""
    mine = select(_S.person_id).where(_S.plan == plan, _S.seat == seat).with_for_update()
    return connection.execute(mine).scalar_one_or_none() == person_id


def take_seat(connection: Connection, person_id: int, plan: str, seat: str, now: datetime) -> None:
    """Sit down on a seat; whoever held it does not any more."""
    values = {"person_id": person_id, "since": now}
    if not connection.execute(update(Seat).where(_S.plan == plan, _S.seat == seat).values(**values)).rowcount:
        connection.execute(insert(Seat), {"plan": plan, "seat": seat, **values})


def vacate(connection: Connection, plan: str, seat: str) -> bool:
    """Nobody holds a seat any more, nor has an unused code for it; whether somebody held it."""
    _revoke(connection, "seat", plan, seat)
    held = (_S.plan == plan) & (_S.seat == seat) & _S.person_id.is_not(None)
    return bool(connection.execute(update(Seat).where(held).values(person_id=None)).rowcount)


def employ(connection: Connection, person_id: int, plan: str, office: str, now: datetime) -> None:
    """A person reports for an office from now on; harmless to repeat."""
    known = select(_K.office).where(_K.person_id == person_id, _K.plan == plan, _K.office == office)
    if connection.execute(known).first() is None:
        connection.execute(insert(Clerk), {"person_id": person_id, "plan": plan, "office": office, "since": now})


def dismiss(connection: Connection, plan: str, office: str) -> int:
    """Nobody reports for an office any more, nor has an unused code for it; how many did."""
    _revoke(connection, "office", plan, office)
    return connection.execute(delete(Clerk).where(_K.plan == plan, _K.office == office)).rowcount


def invite(connection: Connection, code: str, kind: str, plan: str, subject: str, expires_at: datetime) -> None:
    """Keep a code; an earlier one for the same that nobody used is void."""
    values = {"code": code, "kind": kind, "plan": plan, "subject": subject, "expires_at": expires_at}
    connection.execute(_INVITE, values)


def _revoke(connection: Connection, kind: str, plan: str, subject: str) -> None:
    unused = _I.used_at.is_(None) & (_I.plan == plan) & (_I.kind == kind) & (_I.subject == subject)
    connection.execute(delete(Invitation).where(unused))


def invited(connection: Connection, plan: str, kind: str, now: datetime) -> dict[str, datetime]:
    """The seats or offices of a plan that have a code nobody used, and when it runs out."""
    mine = select(_I.subject, _I.expires_at).where(_I.plan == plan, _I.kind == kind)
    rows = connection.execute(mine.where(_I.used_at.is_(None), _I.expires_at > now))
    return {row.subject: row.expires_at for row in rows}


def invitation(connection: Connection, code: str) -> Row[Any] | None:
    """What a code is for, locked until this transaction ends."""
    return connection.execute(select(*_I).where(_I.code == code).with_for_update()).one_or_none()


def use(connection: Connection, code: str, now: datetime) -> bool:
    """Use up a code; False if somebody was quicker."""
    statement = update(Invitation).where(_I.code == code, _I.used_at.is_(None)).values(used_at=now)
    return bool(connection.execute(statement).rowcount)


def followers_by_place(connection: Connection, scopes: Sequence[str]) -> dict[str | None, int]:
    """How many people follow any of these scopes, by the place they have told."""
    person = columns(Person)
    people = select(_F.person_id).where(_F.scope.in_(scopes)).distinct().subquery()
    rows = select(person.place, func.count()).where(person.id.in_(select(people.c.person_id))).group_by(person.place)
    return {row[0]: row[1] for row in connection.execute(rows)}


def rename(connection: Connection, kept: int, gone: int) -> None:
    """Two people turn out to be one: what `gone` follows, reports for and holds becomes that of `kept`."""
    for table, mine, others in ((Follow, _F, ("scope",)), (Clerk, _K, ("plan", "office"))):
        own = select(*(mine[name] for name in others)).where(mine.person_id == kept)
        for row in connection.execute(own).all():
            same = [mine[name] == value for name, value in zip(others, row, strict=True)]
            connection.execute(delete(table).where(mine.person_id == gone, *same))
        connection.execute(update(table).where(mine.person_id == gone).values(person_id=kept))
    connection.execute(update(Seat).where(_S.person_id == gone).values(person_id=kept))


def number_following(connection: Connection, scopes: Sequence[str]) -> int:
    """How many people follow any of these scopes."""
    people = select(func.count(func.distinct(_F.person_id))).where(_F.scope.in_(scopes))
    return int(connection.execute(people).scalar_one())


def purge(connection: Connection, before: datetime) -> None:
    """Codes that ran out before."""
    connection.execute(delete(Invitation).where(_I.expires_at < before))
