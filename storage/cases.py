"""Cases: complaints as they are kept. Sealed, dated by the day, under random ids, and joined to nobody.

There is no column here, and no key to any table, that could say who filed a case, over which channel, or at which
hour. What was told lies in parts that the desk itself cannot open (`storage/vault.py`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlmodel import Field, SQLModel

from storage.database import columns
from storage.vault import NewCase, new_id

APART: dict[str, Any] = {"sqlite_with_rowid": False}
"""Rows of a table lie in the order of their random keys, so that none tells what was written after what."""


class Case(SQLModel, table=True):
    """A complaint. Its private key is in `own_wrap` (until it is destroyed) and in its wraps; `excluded` is the office
    that it concerns, whose receivers have none. `days` are the working days to answer, with what was added when it was
    `extended`; `calendar` names the working days that `due_on` was computed with; `number` is the office's own, given
    in daily batches; `held` keeps it from being destroyed."""

    __tablename__ = "sealedcase"
    __table_args__ = APART

    id: str = Field(primary_key=True, max_length=32)
    locator: str = Field(unique=True, max_length=8)
    received_on: date
    state: str = Field(default="received", max_length=16)
    changed_on: date
    due_on: date
    days: int
    calendar: str = Field(max_length=40)
    excluded: str = Field(default="", max_length=40)
    number: str = Field(default="", max_length=40)
    extended: bool = Field(default=False)
    held: bool = Field(default=False)
    closed_on: date | None = Field(default=None)
    salt: bytes
    verifier: bytes
    public: bytes
    own_wrap: bytes | None


class Wrap(SQLModel, table=True):
    """A case's private key for one receiver's key."""

    __tablename__ = "sealedwrap"
    __table_args__ = APART

    case_id: str = Field(primary_key=True, max_length=32, foreign_key="sealedcase.id", ondelete="CASCADE")
    receiver_id: int = Field(primary_key=True, foreign_key="receiverkey.id")
    body: bytes


class Part(SQLModel, table=True):
    """Something of a case (`storage.vault.KINDS`), sealed. When it came and its order are inside."""

    __tablename__ = "sealedpart"
    __table_args__ = APART

    id: str = Field(primary_key=True, max_length=32)
    case_id: str = Field(max_length=32, foreign_key="sealedcase.id", ondelete="CASCADE", index=True)
    kind: str = Field(max_length=8)
    body: bytes


class CaseEvent(SQLModel, table=True):
    """A step of a case: on which day, from where to where, why (a code), and which member of the staff took it."""

    __tablename__ = "caseevent"
    __table_args__ = APART

    id: str = Field(primary_key=True, max_length=32)
    case_id: str = Field(max_length=32, foreign_key="sealedcase.id", ondelete="CASCADE", index=True)
    on: date
    step: int
    before: str = Field(max_length=16)
    after: str = Field(max_length=16)
    reason: str = Field(default="", max_length=40)
    by: int | None = Field(default=None)


_C, _W, _P, _E = columns(Case), columns(Wrap), columns(Part), columns(CaseEvent)

ENDED = ("closed", "referred", "not-admitted")
"""The states after which a case is destroyed in time (`flows.case`)."""


@dataclass(frozen=True)
class SealedPart:
    """A part before it is kept: a random id, its kind, and its sealed bytes."""

    id: str
    kind: str
    body: bytes


def file(
    connection: Connection,
    new: NewCase,
    parts: Collection[SealedPart],
    excluded: str,
    received_on: date,
    due_on: date,
    days: int,
    calendar: str,
) -> bool:
    """Keep a new case whole; False if it is there already, so that sending twice files once.

    All of it goes in with one statement a table, parts by the order of their random ids. A locator that another case
    has is an IntegrityError: one in a million million.
    """
    if connection.execute(select(_C.id).where(_C.id == new.id)).first() is not None:
        return False
    row = {
        "id": new.id, "locator": new.locator, "received_on": received_on, "changed_on": received_on, "due_on": due_on,
        "days": days, "calendar": calendar, "excluded": excluded, "salt": new.salt, "verifier": new.verifier,
        "public": new.public, "own_wrap": new.own_wrap,
    }  # fmt: skip
    connection.execute(insert(Case), row)
    wraps = [{"case_id": new.id, "receiver_id": id, "body": body} for id, body in sorted(new.wraps.items())]
    connection.execute(insert(Wrap), wraps)
    if parts:
        connection.execute(insert(Part), [_row(new.id, part) for part in sorted(parts, key=lambda part: part.id)])
    return True


def add(connection: Connection, case: str, part: SealedPart) -> None:
    """Keep one more part of a case; the same part once more changes nothing."""
    if connection.execute(select(_P.id).where(_P.id == part.id)).first() is None:
        connection.execute(insert(Part), _row(case, part))


def _row(case: str, part: SealedPart) -> dict[str, Any]:
    return {"id": part.id, "case_id": case, "kind": part.kind, "body": part.body}


def by_locator(connection: Connection, locator: str) -> Row[Any] | None:
    """A case by its public name, with all that is kept of it."""
    return connection.execute(select(*_C).where(_C.locator == locator)).one_or_none()


def case(connection: Connection, id: str) -> Row[Any] | None:
    """A case by its id, with all that is kept of it."""
    return connection.execute(select(*_C).where(_C.id == id)).one_or_none()


def hold(connection: Connection, id: str) -> Row[Any] | None:
    """A case, locked until this transaction ends."""
    return connection.execute(select(*_C).where(_C.id == id).with_for_update()).one_or_none()


_LISTED: Sequence[Any] = (_C.id, _C.locator, _C.state, _C.received_on, _C.changed_on, _C.due_on, _C.extended, _C.held)


def listed(connection: Connection, states: Collection[str]) -> Sequence[Row[Any]]:
    """The cases in these states, the first that is due first."""
    return connection.execute(select(*_LISTED).where(_C.state.in_(states)).order_by(_C.due_on, _C.locator)).all()


def latest(connection: Connection, states: Collection[str], most: int, skipped: int = 0) -> Sequence[Row[Any]]:
    """The cases in these states, the last that changed first."""
    found = select(*_LISTED).where(_C.state.in_(states)).order_by(_C.changed_on.desc(), _C.locator)
    return connection.execute(found.limit(most).offset(skipped)).all()


def parts(connection: Connection, case: str, kinds: Collection[str]) -> Sequence[Row[Any]]:
    """The parts of these kinds, sealed: id, kind, body. Their order is inside them."""
    return connection.execute(select(_P.id, _P.kind, _P.body).where(_P.case_id == case, _P.kind.in_(kinds))).all()


def number_of_parts(connection: Connection, case: str, kinds: Collection[str]) -> int:
    """How many parts of these kinds there are; their bodies are not read."""
    mine = select(func.count()).where(_P.case_id == case, _P.kind.in_(kinds))
    return int(connection.execute(mine).scalar_one())


def part(connection: Connection, case: str, id: str) -> Row[Any] | None:
    """One part of a case, sealed: id, kind, body."""
    return connection.execute(select(_P.id, _P.kind, _P.body).where(_P.case_id == case, _P.id == id)).one_or_none()


def part_ids(connection: Connection, case: str) -> list[str]:
    """The ids of all parts of a case, in no order that means anything."""
    return list(connection.scalars(select(_P.id).where(_P.case_id == case).order_by(_P.id)))


def move(
    connection: Connection, case: str, before: str, after: str, on: date, reason: str, by: int | None, **more: Any
) -> bool:
    """Take a case from one state to the next and note the step; False if it is not there (any more)."""
    values = {"state": after, "changed_on": on, "closed_on": on if after in ENDED else None, **more}
    if not connection.execute(update(Case).where(_C.id == case, _C.state == before).values(values)).rowcount:
        return False
    _step(connection, case, before, after, on, reason, by)
    return True


def amend(connection: Connection, case: Row[Any], on: date, reason: str, by: int | None, **changed: Any) -> None:
    """Change a case that stays in its state, and note why."""
    connection.execute(update(Case).where(_C.id == case.id).values(changed))
    _step(connection, case.id, case.state, case.state, on, reason, by)


def _step(connection: Connection, case: str, before: str, after: str, on: date, reason: str, by: int | None) -> None:
    values = {
        "id": new_id(), "case_id": case, "on": on, "step": len(steps(connection, case)) + 1, "before": before,
        "after": after, "reason": reason, "by": by,
    }  # fmt: skip
    connection.execute(insert(CaseEvent), values)


def steps(connection: Connection, case: str) -> Sequence[Row[Any]]:
    """What became of a case, in order: on, before, after, reason, by."""
    shown: Sequence[Any] = (_E.on, _E.before, _E.after, _E.reason, _E.by)
    return connection.execute(select(*shown).where(_E.case_id == case).order_by(_E.step)).all()


def wrap_for(connection: Connection, case: str, receiver: int) -> bytes | None:
    """A case's private key as it is wrapped for this receiver's key; None for one who has none."""
    found = connection.execute(
        select(_W.body).where(_W.case_id == case, _W.receiver_id == receiver)
    ).scalar_one_or_none()
    return None if found is None else bytes(found)


def keep(connection: Connection, id: str, held: bool) -> None:
    """Keep a case from being destroyed, or do so no more."""
    connection.execute(update(Case).where(_C.id == id).values(held=held))


def openable(connection: Connection, receiver: int) -> set[str]:
    """The ids of the cases that have a wrap for this receiver's key."""
    return set(connection.scalars(select(_W.case_id).where(_W.receiver_id == receiver)))


def openable_by(connection: Connection, before: date) -> dict[int, int]:
    """How many cases each receiver's key opens, of those received before a day."""
    counted = select(_W.receiver_id, func.count().label("number")).join(Case, _C.id == _W.case_id)
    counted = counted.where(_C.received_on < before).group_by(_W.receiver_id)
    return {row.receiver_id: row.number for row in connection.execute(counted)}


def to_give(connection: Connection, giver: int, taker: int, office: str) -> Sequence[Row[Any]]:
    """The open cases that one key opens and the other, of this office, does not and may: id and the giver's wrap."""
    has = select(_W.case_id).where(_W.receiver_id == taker)
    mine = (_W.receiver_id == giver) & (_C.id == _W.case_id)
    may = (_C.excluded != office) & (_C.state != "closed") & _C.id.not_in(has)
    return connection.execute(select(_C.id, _W.body).where(mine, may).order_by(_C.id)).all()


def give(connection: Connection, case: str, receiver: int, body: bytes) -> None:
    """Keep a case's private key for one more receiver's key."""
    connection.execute(insert(Wrap), {"case_id": case, "receiver_id": receiver, "body": body})


def take_away(connection: Connection, receiver: int) -> None:
    """Delete all wraps of a receiver's key: it opens nothing any more."""
    connection.execute(delete(Wrap).where(_W.receiver_id == receiver))
