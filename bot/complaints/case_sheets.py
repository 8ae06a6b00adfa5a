"""What is told of cases at fixed moments: the public list of a week, the receivers' digest, the figures of a quarter.

Each is made once for its moment and then only read, so that nobody sees when a case came or moved. Whoever was away is
told once, of how things stand now.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row

from bot.catalogue import Catalogue
from bot.complaints.case_days import Standing, standing
from bot.headcount import rounded, rounded_table
from bot.results import cells
from flows.case import STOPPED
from storage import case_keeping, case_sheets
from storage.database import reading, transaction

LIST, DIGEST, FIGURES = "list", "digest", "figures-"

TOLD_AT = (8, 15)
"""The hours of a working day at which receivers are told how many cases wait, also when none does."""

WEEK = timedelta(days=7)

BANDS = (5, 10, 15, 30)
"""Working days until an answer, each up to and with."""

LONGER = "longer"


@dataclass(frozen=True)
class Listed:
    """A case as everybody may see it: `week` is the Monday of the week in which it was received."""

    locator: str
    state: str
    week: date

    @property
    def until(self) -> date:
        return self.week + WEEK - timedelta(days=1)


@dataclass(frozen=True)
class Digest:
    """How many cases wait for an answer, and of these: within five working days, today, and late."""

    waiting: int
    soon: int
    today: int
    late: int


def list_cases(engine: Engine, city: Catalogue, now: datetime) -> None:
    """Write the public list of this week, unless it is there: the cases received before its Monday."""
    monday = monday_of(city.hours.today(now))
    at = _begins(city, monday)
    with reading(engine) as connection:
        if not _is_due(connection, LIST, at):
            return
    with transaction(engine) as connection:
        rows = [row for row in case_keeping.dated(connection) if row.received_on < monday]
        body = [[row.locator, row.state, monday_of(row.received_on).isoformat()] for row in rows]
        case_sheets.put(connection, LIST, at, sorted(body))


def listed(connection: Connection) -> tuple[datetime, list[Listed]] | None:
    """The public list, and as of when; None before the first."""
    found = case_sheets.sheet(connection, LIST)
    if found is None:
        return None
    at, rows = found
    return at, [Listed(locator, state, date.fromisoformat(week)) for locator, state, week in rows]


def digest_cases(engine: Engine, city: Catalogue, now: datetime) -> None:
    """Count what waits, at the last of the fixed hours, unless it was counted then."""
    at = _last_told(city, now)
    if at is None or city.city.intake is None:
        return
    with reading(engine) as connection:
        if not _is_due(connection, DIGEST, at):
            return
    with transaction(engine) as connection:
        today = city.hours.today(now)
        rows = [row for row in case_keeping.dated(connection) if row.state not in STOPPED]
        waiting = [(row.excluded, standing(city, row, today)) for row in rows]
        body = {
            office: vars(_digest([each for about, each in waiting if not office or about != office]))
            for office in ("", *(each.id for each in city.city.intake.offices))
        }
        case_sheets.put(connection, DIGEST, at, body)


def digest(connection: Connection, office: str) -> tuple[datetime, Digest] | None:
    """What an office is told ('': of all cases): nothing of cases that concern it. None before the first."""
    found = case_sheets.sheet(connection, DIGEST)
    if found is None or office not in found[1]:
        return None
    return found[0], Digest(**found[1][office])


def _digest(found: Iterable[Standing]) -> Digest:
    stages = Counter(each.stage for each in found)
    return Digest(stages.total(), stages["5"] + stages["2"] + stages["0"], stages["0"], stages["late"])


def _last_told(city: Catalogue, now: datetime) -> datetime | None:
    """The last of the fixed hours of a working day that has come; None after a month without a working day."""
    today, closures = city.hours.today(now), city.city.intake.closures if city.city.intake else ()
    for back in range(31):
        day = today - timedelta(days=back)
        if not city.hours.working_days(day - timedelta(days=1), day, closures):
            continue
        told = [datetime.combine(day, time(hour), city.hours.zone).astimezone(UTC) for hour in TOLD_AT]
        come = [at for at in told if at <= now]
        if come:
            return come[-1]
    return None


def count_cases(engine: Engine, city: Catalogue, now: datetime) -> None:
    """Publish the figures of every quarter that has ended and was not published; what is published never changes."""
    this = quarter_of(city.hours.today(now))
    with reading(engine) as connection:
        known = figures(connection)
        rows = case_keeping.dated(connection)
        first = min((row.received_on for row in rows), default=None)
        wanted = [each for each in _quarters(first, this) if each not in known] if first else []
        answered = case_keeping.first_steps(connection, STOPPED) if wanted else []
    for quarter in wanted:
        body = {
            "received": _table(row.state for row in rows if quarter_of(row.received_on) == quarter),
            "answered": _table(_band(city, row) for row in answered if quarter_of(row.on) == quarter),
        }
        with transaction(engine) as connection:
            case_sheets.put(connection, f"{FIGURES}{quarter}", now, body)


def figures(connection: Connection) -> Mapping[str, Any]:
    """The published figures by quarter, the earliest first: `received` by state, `answered` by working days."""
    return case_sheets.sheets(connection, FIGURES)


def published_until(connection: Connection) -> date | None:
    """The first day after the last quarter whose figures are published."""
    known = list(figures(connection))
    return begins(_next(known[-1])) if known else None


def _table(keys: Iterable[str]) -> dict[str, Any]:
    """How many in all, rounded, and by one property, small numbers hidden and others with them."""
    found = Counter(keys)
    return {"all": rounded(found.total()), "by": rounded_table(cells(found, small_too=False))}


def _band(city: Catalogue, row: Row[Any]) -> str:
    closures = city.city.intake.closures if city.city.intake else ()
    days = city.hours.working_days(row.received_on, row.on, closures)
    return next((str(most) for most in BANDS if days <= most), LONGER)


def quarter_of(day: date) -> str:
    """A day's quarter, like 2026-Q3."""
    return f"{day.year}-Q{(day.month + 2) // 3}"


def begins(quarter: str) -> date:
    """The first day of a quarter."""
    year, number = quarter.split("-Q")
    return date(int(year), int(number) * 3 - 2, 1)


def _next(quarter: str) -> str:
    return quarter_of(begins(quarter) + timedelta(days=100))


def _quarters(first: date, end: str) -> Sequence[str]:
    """The quarters from that of a day up to another one, which is not among them."""
    found = [quarter_of(first)]
    while found[-1] < end:
        found.append(_next(found[-1]))
    return found[:-1]


def monday_of(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def _begins(city: Catalogue, day: date) -> datetime:
    return datetime.combine(day, time(), city.hours.zone).astimezone(UTC)


def _is_due(connection: Connection, name: str, at: datetime) -> bool:
    found = case_sheets.sheet(connection, name)
    return found is None or found[0] < at
