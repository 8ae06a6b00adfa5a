"""What the clock does about cases: their days, numbers and sheets, and the end of what nobody may open any more.

Everything is computed from the database and the day, and harmless when it runs twice or late.
"""

import secrets
from collections import defaultdict
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import Connection, Engine

from bot.catalogue import Catalogue
from bot.complaints import case_days, case_sheets
from bot.desk import Desk
from storage import case_keeping, ticks
from storage import case_sheets as shelf
from storage.database import checkpoint, reading, transaction

OWN_KEPT = timedelta(days=90)
"""How long after a case is closed its complainant can still read in it."""

NUMBER = "number-"
MIXED = "mixed:cases"


def look_after(desk: Desk) -> None:
    """Do whatever is due now about the city's cases."""
    now = desk.clock()
    city = desk.city()
    if city is None or city.city.intake is None:
        return
    case_days.recount(desk.engine, city, city.hours.today(now))
    give_numbers(desk.engine, city, now)
    case_sheets.list_cases(desk.engine, city, now)
    case_sheets.digest_cases(desk.engine, city, now)
    case_sheets.count_cases(desk.engine, city, now)
    destroy(desk.engine, city, now)
    mix(desk.engine, city, now)


def give_numbers(engine: Engine, city: Catalogue, now: datetime) -> None:
    """Give the cases of earlier days the office's own numbers, like 2026-0007; those of one day in no order."""
    with reading(engine) as connection:
        if not case_keeping.unnumbered(connection, city.hours.today(now)):
            return
    with transaction(engine) as connection:
        of_day = defaultdict(list)
        for row in case_keeping.unnumbered(connection, city.hours.today(now)):
            of_day[row.received_on].append(row.id)
        for day, ids in sorted(of_day.items()):
            secrets.SystemRandom().shuffle(ids)
            _number(connection, day.year, ids, now)


def _number(connection: Connection, year: int, ids: list[str], now: datetime) -> None:
    """The last number is kept by itself: a case that was destroyed must not give its number away."""
    known = shelf.sheet(connection, f"{NUMBER}{year}")
    last = int(known[1]) if known is not None else 0
    for number, id in enumerate(ids, start=last + 1):
        case_keeping.give_number(connection, id, f"{year}-{number:04}")
    shelf.put(connection, f"{NUMBER}{year}", now, last + len(ids))


def destroy(engine: Engine, city: Catalogue, now: datetime) -> None:
    """Destroy what has been kept long enough after its case was closed; nothing of it stays in SQLite's log.

    What figures are made of stays until they are published: days and states, that open nothing.
    """
    assert city.city.intake is not None
    today = city.hours.today(now)
    kept_until = today - timedelta(days=city.city.intake.kept + 1)
    with transaction(engine) as connection:
        gone = [
            case_keeping.shut_out(connection, today - OWN_KEPT - timedelta(days=1)),
            case_keeping.destroy(connection, kept_until),
        ]
        counted = case_sheets.published_until(connection)
        if counted is not None:
            gone.append(case_keeping.forget(connection, kept_until, counted))
    if any(gone):
        checkpoint(engine)


def mix(engine: Engine, city: Catalogue, now: datetime) -> None:
    """PostgreSQL: once a week lay all rows of cases anew, so that none tells by its place when it was written."""
    if engine.dialect.name == "sqlite":
        return
    monday = case_sheets.monday_of(city.hours.today(now))
    begun = datetime.combine(monday, time(), city.hours.zone).astimezone(UTC)
    with reading(engine) as connection:
        last = ticks.last(connection, MIXED)
    if last is None or last < begun:
        case_keeping.mix(engine)
        with transaction(engine) as connection:
            ticks.mark(connection, MIXED, now)
