"""Spending: what messages cost on a day of the city's calendar, in whole pesos, and the ceiling that holds it."""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import Connection, bindparam, select, text
from sqlmodel import Field, SQLModel

from storage.database import columns


class Spent(SQLModel, table=True):
    """What was spent on a day for one purpose: `announcements` (with reminders) or `replies`."""

    day: date = Field(primary_key=True)
    purpose: str = Field(primary_key=True, max_length=16)
    pesos: int


_S = columns(Spent)
_SPEND = text(
    "INSERT INTO spent (day, purpose, pesos) SELECT :day, :purpose, :pesos WHERE :pesos <= :ceiling"
    " ON CONFLICT (day, purpose) DO UPDATE SET pesos = spent.pesos + :pesos WHERE spent.pesos + :pesos <= :ceiling"
).bindparams(bindparam("day", type_=_S.day.type))


def spend(connection: Connection, day: date, purpose: str, pesos: int, ceiling: int) -> bool:
    """Count an amount, in the transaction that queues what it is for; False, and nothing, where the day's ceiling is
    too low for it. The database holds the ceiling, however many spend at once."""
    values = {"day": day, "purpose": purpose, "pesos": pesos, "ceiling": ceiling}
    return bool(connection.execute(_SPEND, values).rowcount)


def on(connection: Connection, day: date) -> Mapping[str, int]:
    """What was spent on a day, by purpose."""
    rows = connection.execute(select(_S.purpose, _S.pesos).where(_S.day == day))
    return {row[0]: row[1] for row in rows}
