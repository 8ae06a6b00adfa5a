"""What the clock asks of cases and does to them: days, numbers, figures, and the end of what was kept long enough.

Their tables, and all that people do with them, are in `storage/cases.py`.
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, select, text, update
from sqlmodel import SQLModel

from storage.cases import Case, CaseEvent, Part, Wrap
from storage.database import columns, transaction

_C, _W, _P, _E = columns(Case), columns(Wrap), columns(Part), columns(CaseEvent)


def dated(connection: Connection) -> Sequence[Row[Any]]:
    """Of every case what the calendar needs, by locator: nothing that opens one."""
    shown: Sequence[Any] = (
        _C.id, _C.locator, _C.received_on, _C.state, _C.changed_on, _C.due_on, _C.days, _C.calendar, _C.excluded,
    )  # fmt: skip
    return connection.execute(select(*shown).order_by(_C.locator)).all()


def recalculate(connection: Connection, id: str, calendar: str) -> None:
    """The days of a case were computed again, and came out the same."""
    connection.execute(update(Case).where(_C.id == id).values(calendar=calendar))


def unnumbered(connection: Connection, before: date) -> Sequence[Row[Any]]:
    """The cases received before a day that have no number of the office's own: id, received_on."""
    rows = select(_C.id, _C.received_on).where(_C.number == "", _C.received_on < before)
    return connection.execute(rows).all()


def give_number(connection: Connection, id: str, number: str) -> None:
    connection.execute(update(Case).where(_C.id == id).values(number=number))


def first_steps(connection: Connection, states: Collection[str]) -> Sequence[Row[Any]]:
    """When each case first came to one of these states: received_on, `on`."""
    first = func.min(_E.on).label("on")
    rows = select(_C.received_on, first).join(CaseEvent, _E.case_id == _C.id)
    return connection.execute(rows.where(_E.after.in_(states)).group_by(_C.id, _C.received_on)).all()


def shut_out(connection: Connection, closed_by: date) -> bool:
    """Destroy the complainant's own way into cases that were closed by a day; whether there was any."""
    mine = _C.closed_on.is_not(None) & (_C.closed_on <= closed_by) & ~_C.held & _C.own_wrap.is_not(None)
    return bool(connection.execute(update(Case).where(mine).values(own_wrap=None)).rowcount)


def destroy(connection: Connection, closed_by: date) -> bool:
    """Destroy all keys to cases that were closed by a day, and all that they would open; whether there was any."""
    over = select(_C.id).where(_C.closed_on.is_not(None), _C.closed_on <= closed_by, ~_C.held)
    shut = shut_out(connection, closed_by)
    gone = [connection.execute(delete(table).where(of.in_(over))).rowcount for table, of in _INSIDE]
    return shut or any(gone)


_INSIDE: Sequence[tuple[type[SQLModel], Any]] = ((Wrap, _W.case_id), (Part, _P.case_id))


def forget(connection: Connection, closed_by: date, closed_before: date) -> bool:
    """Delete what is left of cases that were closed by one day and before another; whether there was any."""
    over = (_C.closed_on <= closed_by) & (_C.closed_on < closed_before) & ~_C.held
    return bool(connection.execute(delete(Case).where(_C.closed_on.is_not(None), over)).rowcount)


def strays(connection: Connection) -> tuple[int, int]:
    """What should never be there: parts and keys without a case; cases under way that no receiver has a key to."""
    known = select(_C.id)
    alone = sum(
        int(connection.execute(select(func.count()).select_from(table).where(of.not_in(known))).scalar_one())
        for table, of in _INSIDE
    )
    lost = select(func.count()).select_from(Case).where(_C.closed_on.is_(None), _C.id.not_in(select(_W.case_id)))
    return alone, int(connection.execute(lost).scalar_one())


def mix(engine: Engine) -> None:
    """PostgreSQL: write every row anew in the order of its random id, so that its place tells nothing.

    What lies inside a case is put back one after another, since what is too long for a page has a number of its own
    that grows. A case itself has nothing that long, and others refer to it: it is marked as written now, and its table
    is laid out anew. That also takes away what was deleted. SQLite keeps these rows in that order anyway.
    """
    with transaction(engine) as connection:
        for table, names, order in _MIXED:
            connection.execute(
                text(
                    f"WITH taken AS (DELETE FROM {table} RETURNING {names})"
                    f" INSERT INTO {table} ({names}) SELECT {names} FROM taken ORDER BY {order}"
                )
            )
        connection.execute(update(Case).values(locator=_C.locator))
    for table in ("sealedcase", *(table for table, _names, _order in _MIXED)):
        with transaction(engine) as connection:
            connection.execute(text(f"CLUSTER {table} USING {table}_pkey"))


_MIXED = (
    ("sealedwrap", "case_id, receiver_id, body", "case_id, receiver_id"),
    ("sealedpart", "id, case_id, kind, body", "id"),
    ("caseevent", 'id, case_id, "on", step, before, after, reason, by', "id"),
)
