"""The count: the only place where choices are added up, and only when voting and paper are over."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Index, delete, func, insert, select, update
from sqlmodel import Field, SQLModel

from storage.ballots import Ballot, Tombstone
from storage.database import columns

SLICE = 20_000
Connections = Callable[[], AbstractContextManager[Connection]]


class CountedBallot(SQLModel, table=True):
    """A ballot after the count: its receipt and what it chose, in the order of the random receipts, without a mark."""

    consultation: str = Field(primary_key=True, max_length=60)
    receipt: str = Field(primary_key=True, max_length=16)
    choices: str

    __table_args__ = (Index("counted_receipt", "receipt"), {"sqlite_with_rowid": False})


class Count(SQLModel, table=True):
    """The record of a count. `results` is JSON; `list_digest` is the SHA-256 of the published list of ballots."""

    consultation: str = Field(primary_key=True, max_length=60)
    counted_at: datetime
    ballots: int
    results: str
    list_digest: str | None = Field(default=None, max_length=64)
    published_at: datetime | None = Field(default=None)
    counted_by: str | None = Field(default=None, max_length=120)


_B, _C = columns(Ballot), columns(CountedBallot)
_N = columns(Count)


def empty_box(connection: Connection, slug: str) -> int:
    """Move every ballot out of the box into the list of counted ones, without its mark; how many."""
    chosen = select(_B.consultation, _B.id, _B.choices).where(_B.consultation == slug)
    into = ["consultation", "receipt", "choices"]
    connection.execute(insert(CountedBallot).from_select(into, chosen.order_by(_B.id)))
    connection.execute(delete(Ballot).where(_B.consultation == slug))
    connection.execute(delete(Tombstone).where(columns(Tombstone).consultation == slug))
    return int(connection.execute(select(func.count()).where(_C.consultation == slug)).scalar_one())


def ballots(connections: Connections, slug: str) -> Iterator[tuple[str, str]]:
    """The counted ballots (receipt, choices) in the order of their receipts, read in slices.

    Between slices no connection is held: who reads slowly would keep SQLite's log from being emptied.
    """
    last = ""
    statement = select(_C.receipt, _C.choices)
    while True:
        with connections() as connection:
            rows = connection.execute(
                statement.where(_C.consultation == slug, _C.receipt > last).order_by(_C.receipt).limit(SLICE)
            ).all()
        yield from rows
        if len(rows) < SLICE:
            return
        last = rows[-1].receipt


def tally(connection: Connection, slug: str) -> Counter[str]:
    """Votes for each proposal; equal ballots are added at once."""
    statement = select(_C.choices, func.count()).where(_C.consultation == slug).group_by(_C.choices)
    votes: Counter[str] = Counter()
    for choices, number in connection.execute(statement):
        for choice in choices.split():
            votes[choice] += number
    return votes


def record(connection: Connection, slug: str, number: int, results: str, now: datetime, by: str) -> None:
    """Keep what was counted, when, and by which office."""
    values = {"consultation": slug, "counted_at": now, "counted_by": by, "ballots": number, "results": results}
    connection.execute(insert(Count), values)


def of(connection: Connection, slug: str) -> Count | None:
    """The record of a consultation's count, once it was counted."""
    row = connection.execute(select(*_N).where(_N.consultation == slug)).one_or_none()
    return Count(**row._asdict()) if row is not None else None


def published(connection: Connection) -> dict[str, datetime]:
    """When each result was published, by consultation."""
    rows = connection.execute(select(_N.consultation, _N.published_at).where(_N.published_at.is_not(None)))
    return {row.consultation: row.published_at for row in rows}


def chosen_by(connection: Connection, receipt: str) -> tuple[str, list[str]] | None:
    """What a counted ballot says: its consultation and choices."""
    row = connection.execute(select(_C.consultation, _C.choices).where(_C.receipt == receipt).limit(1)).one_or_none()
    return (row.consultation, row.choices.split()) if row is not None else None


def mark_published(connection: Connection, slug: str, digest: str, now: datetime) -> None:
    connection.execute(update(Count).where(_N.consultation == slug).values(list_digest=digest, published_at=now))


def discard(connection: Connection, slug: str) -> None:
    """Throw away the box of an annulled consultation, uncounted."""
    connection.execute(delete(Ballot).where(_B.consultation == slug))
    connection.execute(delete(Tombstone).where(columns(Tombstone).consultation == slug))


def results_of(connection: Connection, slug: str) -> dict[str, Any] | None:
    """The results as they were recorded at the count."""
    count = of(connection, slug)
    return dict(json.loads(count.results)) if count is not None else None
