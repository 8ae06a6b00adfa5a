"""Whom an announcement reached: its final figures, which name nobody."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select
from sqlmodel import Field, SQLModel

from storage.database import columns


class Reached(SQLModel, table=True):
    """The final figures of an announcement: by unit (or empty), channel and outcome, with the reason of a failure; what
    they cost in pesos."""

    announcement_id: int = Field(primary_key=True, foreign_key="announcement.id", ondelete="CASCADE")
    unit: str = Field(primary_key=True, max_length=80)
    channel: str = Field(primary_key=True, max_length=16)
    outcome: str = Field(primary_key=True, max_length=16)
    reason: str = Field(primary_key=True, max_length=40)
    people: int
    pesos: int


_F = columns(Reached)


def keep(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Keep final figures: announcement_id, unit, channel, outcome, reason, people, pesos each."""
    if rows:
        connection.execute(insert(Reached), list(rows))


def kept(connection: Connection, announcement_id: int) -> list[Row[Any]]:
    """The final figures: unit, channel, outcome, reason, people, pesos."""
    by = (_F.unit, _F.channel, _F.outcome, _F.reason)
    mine = select(*by, _F.people, _F.pesos).where(_F.announcement_id == announcement_id)
    return list(connection.execute(mine.order_by(*by)))
