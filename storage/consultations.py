"""Consultations: their published rules and proposals, and where they are in their life.

A consultation is a draft until it is opened (frozen, its ballot key made); from then on the clock decides: scheduled
before `opens_at`, open until `closes_at`, then closed; signed paper enters until `paper_until`; then it is counted and
published. It can be annulled, with a public notice.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlmodel import Field, SQLModel

from storage import catalogue
from storage.database import columns
from storage.prepared import Prepared


class ConsultationRow(SQLModel, table=True):
    """`state` is draft, opened, counted, published or annulled. `rules` and `proposals` are JSON, frozen at opening."""

    __tablename__ = "consultation"

    slug: str = Field(primary_key=True, max_length=60)
    title: str
    opens_at: datetime
    closes_at: datetime
    paper_until: datetime
    zone: str = Field(max_length=40)
    rules: str
    proposals: str
    digest: str = Field(max_length=64)
    state: str = Field(default="draft", max_length=16)
    key_print: str | None = Field(default=None, max_length=32)
    notice: str | None = Field(default=None)


_COLUMNS = columns(ConsultationRow)


def phase(state: str, opens_at: datetime, closes_at: datetime, now: datetime) -> str:
    """Where it is at `now`: what was decided, and what the clock decides."""
    if state != "opened":
        return state
    if now < opens_at:
        return "scheduled"
    return "open" if now < closes_at else "closed"


def every(connection: Connection) -> list[ConsultationRow]:
    """All consultations, the one that closes first at the front."""
    rows = connection.execute(select(*_COLUMNS).order_by(_COLUMNS.closes_at, _COLUMNS.slug))
    return [ConsultationRow(**row._asdict()) for row in rows]


def one(connection: Connection, slug: str) -> ConsultationRow | None:
    row = connection.execute(select(*_COLUMNS).where(_COLUMNS.slug == slug)).one_or_none()
    return ConsultationRow(**row._asdict()) if row is not None else None


_HOLD = Prepared(
    select(_COLUMNS.state, _COLUMNS.opens_at, _COLUMNS.closes_at, _COLUMNS.paper_until)
    .where(_COLUMNS.slug == bindparam("which"))
    .with_for_update(read=True)
)


def hold_open(connection: Connection, slug: str, now: datetime) -> bool:
    """Whether one can vote at `now`; if so nobody can close or annul it before this transaction ends."""
    row = _HOLD.row(connection, {"which": slug})
    return row is not None and phase(row.state, row.opens_at, row.closes_at, now) == "open"


def hold_paper(connection: Connection, slug: str, now: datetime) -> bool:
    """Whether signed paper enters at `now`: from the opening until `paper_until`; if so nobody can count meanwhile."""
    row = _HOLD.row(connection, {"which": slug})
    where = phase(row.state, row.opens_at, row.closes_at, now) if row is not None else ""
    return row is not None and where in ("open", "closed") and now < max(row.closes_at, row.paper_until)


def hold_alone(connection: Connection, slug: str) -> None:
    """Keep everybody from casting in a consultation until this transaction ends; waits for those who are at it."""
    connection.execute(select(_COLUMNS.slug).where(_COLUMNS.slug == slug).with_for_update())


def load(connection: Connection, values: dict[str, Any]) -> str:
    """Write a consultation from its file: new, changed, same, or frozen (it is open or later, and differs)."""
    known = one(connection, values["slug"])
    if known is None:
        connection.execute(insert(ConsultationRow), {**values, "state": "draft"})
    elif known.digest == values["digest"]:
        return "same"
    elif known.state != "draft":
        return "frozen"
    else:
        connection.execute(update(ConsultationRow).where(_COLUMNS.slug == values["slug"]).values(**values))
    catalogue.changed(connection)
    return "new" if known is None else "changed"


def move(connection: Connection, slug: str, expected: str, **values: Any) -> bool:
    """Change a consultation that is in the state `expected`; False if it is not, so that two at once act once."""
    statement = update(ConsultationRow).where(_COLUMNS.slug == slug, _COLUMNS.state == expected).values(**values)
    if connection.execute(statement).rowcount != 1:
        return False
    catalogue.changed(connection)
    return True
