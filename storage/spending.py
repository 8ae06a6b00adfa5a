"""Spending: what messages cost on a day of the city's calendar, in whole pesos, and the ceiling that holds it."""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import Connection, bindparam, func, select, text
from sqlmodel import Field, SQLModel

from storage.database import columns

ANNOUNCEMENTS, REPLIES = "announcements", "replies"
"""What answers cost, as the worker sums it up."""


class Spent(SQLModel, table=True):
    """What was spent on a day for one purpose: `announcements` (with reminders) or `replies`."""

    day: date = Field(primary_key=True)
    purpose: str = Field(primary_key=True, max_length=16)
    pesos: int


class Unanswered(SQLModel, table=True):
    """How many messages of a day got no answer for its price: `abroad` (an SMS to another country) or `ceiling`."""

    day: date = Field(primary_key=True)
    reason: str = Field(primary_key=True, max_length=16)
    messages: int


_S, _U = columns(Spent), columns(Unanswered)
_SPEND = text(
    "INSERT INTO spent (day, purpose, pesos) SELECT :day, :purpose, :pesos WHERE :pesos <= :ceiling"
    " ON CONFLICT (day, purpose) DO UPDATE SET pesos = spent.pesos + :pesos WHERE spent.pesos + :pesos <= :ceiling"
).bindparams(bindparam("day", type_=_S.day.type))


def spend(connection: Connection, day: date, purpose: str, pesos: int, ceiling: int) -> bool:
    """Count an amount, in the transaction that queues what it is for; False, and nothing, where the day's ceiling is
    too low for it. The database holds the ceiling, however many spend at once."""
    values = {"day": day, "purpose": purpose, "pesos": pesos, "ceiling": ceiling}
    return bool(connection.execute(_SPEND, values).rowcount)


_GIVE_BACK = text(
    "UPDATE spent SET pesos = CASE WHEN pesos > :pesos THEN pesos - :pesos ELSE 0 END"
    " WHERE day = :day AND purpose = :purpose"
).bindparams(bindparam("day", type_=_S.day.type))


def give_back(connection: Connection, day: date, purpose: str, pesos: int) -> None:
    """Count an amount no more, in the transaction that takes back what it was for; a day's sum is never below zero."""
    connection.execute(_GIVE_BACK, {"day": day, "purpose": purpose, "pesos": pesos})


def on(connection: Connection, day: date) -> Mapping[str, int]:
    """What was spent on a day, by purpose."""
    return {row.purpose: row.pesos for row in connection.execute(select(_S.purpose, _S.pesos).where(_S.day == day))}


_NOTE = text(
    "INSERT INTO spent (day, purpose, pesos) VALUES (:day, :purpose, :pesos)"
    " ON CONFLICT (day, purpose) DO UPDATE SET pesos = excluded.pesos"
).bindparams(bindparam("day", type_=_S.day.type))


def note(connection: Connection, day: date, purpose: str, pesos: int) -> None:
    """Set what was spent on a day for a purpose that is summed up afterwards."""
    connection.execute(_NOTE, {"day": day, "purpose": purpose, "pesos": pesos})


def last(connection: Connection, purpose: str) -> tuple[date, int] | None:
    """The last day on which anything was spent, and how much of it for a purpose; None where that is nothing."""
    newest = select(func.max(_S.day)).scalar_subquery()
    found = select(_S.day, _S.pesos).where(_S.day == newest, _S.purpose == purpose)
    row = connection.execute(found).one_or_none()
    return (row.day, row.pesos) if row is not None else None


_LEAVE = text(
    "INSERT INTO unanswered (day, reason, messages) VALUES (:day, :reason, 1)"
    " ON CONFLICT (day, reason) DO UPDATE SET messages = unanswered.messages + 1"
).bindparams(bindparam("day", type_=_U.day.type))


def leave(connection: Connection, day: date, reason: str) -> None:
    """Count one more message that gets no answer."""
    connection.execute(_LEAVE, {"day": day, "reason": reason})


def unanswered(connection: Connection, day: date | None = None) -> Mapping[str, int]:
    """How many messages got no answer, by reason: on a day, or on all days."""
    found = select(_U.reason, func.sum(_U.messages).label("messages")).group_by(_U.reason)
    rows = connection.execute(found if day is None else found.where(_U.day == day))
    return {row.reason: int(row.messages) for row in rows}
