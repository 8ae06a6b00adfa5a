"""Table batches: what one table (a "mesa") hands in, assisted ballots one by one or signed paper as a whole.

What an officer typed of a paper batch lies here sealed until a second person confirms it. Only then do its ballots go
into the box, and what was typed is wiped; who discards it, counts or annuls the consultation wipes it too.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Index, func, insert, select, update
from sqlmodel import Field, SQLModel

from storage.ballots import Roll
from storage.database import columns


class Batch(SQLModel, table=True):
    """`origin` is assisted or paper; `way`, how its voters are told apart, is document or slips (with their range).

    `state`: open (being entered), waiting (for the second person), boxed (its paper is in the box), ended (an assisted
    table that takes no more), discarded. `valid`, `blank` and `void` are the papers of the table's signed sheet.
    `opened_by`, `entered_by`, `sent_by` and `ended_by` are ids of staff.
    """

    id: int | None = Field(default=None, primary_key=True)
    consultation: str = Field(max_length=60)
    name: str = Field(max_length=60)
    origin: str = Field(max_length=16)
    way: str = Field(max_length=16)
    first_slip: int | None = Field(default=None)
    last_slip: int | None = Field(default=None)
    state: str = Field(default="open", max_length=16)
    valid: int = Field(default=0)
    blank: int = Field(default=0)
    void: int = Field(default=0)
    opened_by: int
    opened_at: datetime
    entered_by: int | None = Field(default=None)
    sent_by: int | None = Field(default=None)
    ended_by: int | None = Field(default=None)
    ended_at: datetime | None = Field(default=None)
    sealed: bytes | None = Field(default=None)

    __table_args__ = (Index("batch_of_consultation", "consultation", "id"), {"sqlite_autoincrement": True})


_B, _R = columns(Batch), columns(Roll)
LIVE = ("open", "waiting", "boxed", "ended")
UNCONFIRMED = ("open", "waiting")


def add(connection: Connection, **values: Any) -> int:
    """A new batch; its id."""
    return int(connection.execute(insert(Batch).returning(_B.id), values).scalar_one())


def of(connection: Connection, slugs: Collection[str]) -> list[Batch]:
    """The batches of these consultations, newest first, without what was typed."""
    rows = connection.execute(
        select(*(c for c in _B if c.key != "sealed")).where(_B.consultation.in_(slugs)).order_by(_B.id.desc())
    )
    return [Batch(**row._asdict()) for row in rows]


def one(connection: Connection, batch_id: int) -> Batch | None:
    row = connection.execute(select(*_B).where(_B.id == batch_id)).one_or_none()
    return Batch(**row._asdict()) if row is not None else None


def hold(connection: Connection, batch_id: int) -> Batch | None:
    """A batch that nobody else changes before this transaction ends."""
    row = connection.execute(select(*_B).where(_B.id == batch_id).with_for_update()).one_or_none()
    return Batch(**row._asdict()) if row is not None else None


def change(connection: Connection, batch_id: int, **values: Any) -> None:
    connection.execute(update(Batch).where(_B.id == batch_id).values(**values))


def overlapping(connection: Connection, slug: str, first: int, last: int) -> Batch | None:
    """A batch that has some of these slips already; a discarded one has given its own back."""
    row = connection.execute(
        select(*_B)
        .where(_B.consultation == slug, _B.state.in_(LIVE), _B.first_slip <= last, _B.last_slip >= first)
        .order_by(_B.id)
        .limit(1)
    ).one_or_none()
    return Batch(**row._asdict()) if row is not None else None


def entered(connection: Connection, batch_ids: Collection[int]) -> dict[int, int]:
    """How many of the roll each of these batches brought."""
    rows = connection.execute(select(_R.batch, func.count()).where(_R.batch.in_(batch_ids)).group_by(_R.batch))
    return {row[0]: row[1] for row in rows}


def papers(connection: Connection, slug: str, states: Collection[str] = ("boxed",)) -> dict[str, int]:
    """Of the paper in these states (that in the box): its tables, and how many papers were valid, blank and void."""
    row = connection.execute(
        select(
            func.count().label("tables"),
            *(func.coalesce(func.sum(_B[name]), 0).label(name) for name in ("valid", "blank", "void")),
        ).where(_B.consultation == slug, _B.origin == "paper", _B.state.in_(states))
    ).one()
    return {name: int(value) for name, value in row._asdict().items()}


def finish(connection: Connection, slug: str, now: datetime) -> None:
    """Nothing more enters a consultation: what was not confirmed is wiped and discarded, assisted tables end."""
    mine = update(Batch).where(_B.consultation == slug, _B.state.in_(UNCONFIRMED))
    connection.execute(mine.where(_B.origin == "assisted").values(state="ended", ended_at=now))
    connection.execute(mine.where(_B.origin == "paper").values(state="discarded", sealed=None, ended_at=now))
