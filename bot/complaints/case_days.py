"""The days of a case: until when it is to be answered, how near that is, and what else is due on the way.

The law counts working days from the day after receipt (Ley 1755 de 2015, arts. 14 and 21); a word to the complainant
within three of them, and later from time to time, is ISO 37002, 8.1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row

from bot.catalogue import Catalogue
from bot.complaints.cases import calendar
from flows.case import STOPPED
from storage import case_keeping, cases
from storage.database import reading, transaction

NEAR = (5, 2, 0)
"""Working days before its last one at which a case is named."""

ACKNOWLEDGED = 3
"""Working days until somebody of the office has taken a case up."""

REFERRED = (3, 5)
"""Working days after receipt at which a case that nobody decided on is named; on the last it has to be referred."""

FEEDBACK = 15
"""Working days after its last step at which the complainant should hear how far a case is."""

DAY = timedelta(days=1)

UNDECIDED = frozenset({"received", "reviewing", "asked"})


@dataclass(frozen=True)
class Standing:
    """Where a case stands on a day.

    `days_left` are working days until the last one, below zero since. `stage` is ok, 5, 2, 0 (the last day) or late,
    and ok wherever the clock stands still; `running` says whether it does not. `asks` is what is due now beside an
    answer: acknowledge, refer, feedback. `next_on` is the next day on which any of this changes.
    """

    due_on: date
    days_left: int
    stage: str
    running: bool
    asks: tuple[str, ...]
    next_on: date | None


class Refused(Exception):
    """A case that cannot be put off; `why` is over (the clock stands still), late, twice or long."""

    def __init__(self, why: str):
        super().__init__(why)
        self.why = why


def standing(city: Catalogue, case: Row[Any], today: date) -> Standing:
    """Where a case stands; of its row the days, the state and nothing else are looked at."""
    left = days_left(city, case.due_on, today)
    if not _runs(city, case.state):
        return Standing(case.due_on, left, "ok", False, (), None)
    turns = list(_turns(city, case))
    asks = {what: None for what, day in turns if what and day <= today}
    coming = [day for _what, day in turns if day > today]
    return Standing(case.due_on, left, _stage(left, case.due_on, today), True, tuple(asks), min(coming, default=None))


def days_left(city: Catalogue, due_on: date, today: date) -> int:
    """Working days from a day to the last one; below zero after it."""
    count, closures = city.hours.working_days, _closures(city)
    return count(today, due_on, closures) if today <= due_on else -max(1, count(due_on, today, closures))


def _stage(left: int, due_on: date, today: date) -> str:
    if today > due_on:
        return "late"
    return next((str(days) for days in reversed(NEAR) if left <= days), "ok")


def _turns(city: Catalogue, case: Row[Any]) -> Iterable[tuple[str, date]]:
    """The days on which something changes, with what is asked for from then on."""

    def after(day: date, number: int) -> date:
        return city.hours.working_day(day, number, _closures(city))

    if case.state == "received":
        yield "acknowledge", after(case.received_on, ACKNOWLEDGED)
    if case.state in UNDECIDED:
        for number in REFERRED:
            yield "refer", after(case.received_on, number)
    yield "feedback", after(case.changed_on, FEEDBACK)
    yield "", case.due_on + DAY
    for number in NEAR:
        yield "", _with_left(city, case.due_on, number)


def _with_left(city: Catalogue, last: date, number: int) -> date:
    """The first day on which no more than so many working days are left."""
    day = last
    while city.hours.working_days(day - DAY, last, _closures(city)) <= number:
        day -= DAY
    return day


def _runs(city: Catalogue, state: str) -> bool:
    return state not in STOPPED and not (state == "asked" and _pauses(city))


def extend(connection: Connection, city: Catalogue, case_id: str, more: int, reason: str, by: int, today: date) -> date:
    """Put an answer off by working days, once, on its last day at the latest, and to double at most; the new last day.

    The complainant has to be told why, and until when, in the same transaction (Ley 1755 de 2015, art. 14).
    Raises Refused.
    """
    case = cases.hold(connection, case_id)
    if case is None or case.state in STOPPED:
        raise Refused("over")
    if case.extended:
        raise Refused("twice")
    if today > case.due_on:
        raise Refused("late")
    if not 1 <= more <= case.days:
        raise Refused("long")
    days = case.days + more
    due_on = city.hours.working_day(case.due_on, more, _closures(city))
    cases.amend(connection, case, today, reason, by, extended=True, days=days, due_on=due_on)
    return due_on


def anew(city: Catalogue, today: date) -> dict[str, Any]:
    """What changes in a case that is opened again: its days are counted from then on, as those of a new one."""
    assert city.city.intake is not None
    days = city.city.intake.days
    due_on = city.hours.working_day(today, days, _closures(city))
    return {"due_on": due_on, "days": days, "calendar": calendar(city), "extended": False}


def recount(engine: Engine, city: Catalogue, today: date) -> None:
    """Compute the last day anew of each case under way whose calendar is another now, or whose clock had paused."""
    now = calendar(city)
    with reading(engine) as connection:
        rows = [row for row in case_keeping.dated(connection) if _runs(city, row.state)]
    ids = [row.id for row in rows if row.calendar != now or _pauses(city)]
    if ids:
        with transaction(engine) as connection:
            for id in ids:
                _recount(connection, city, id, now, today)


def _recount(connection: Connection, city: Catalogue, id: str, now: str, today: date) -> None:
    case = cases.hold(connection, id)
    if case is None or not _runs(city, case.state):
        return
    begun, steps = _begun(case, cases.steps(connection, id))
    paused = _paused(city, steps) if _pauses(city) else 0
    due_on = city.hours.working_day(begun, case.days + paused, _closures(city))
    if due_on != case.due_on:
        reason = "calendar" if case.calendar != now else "pause"
        cases.amend(connection, case, today, reason, None, due_on=due_on, calendar=now)
    elif case.calendar != now:
        case_keeping.recalculate(connection, id, now)


def _begun(case: Row[Any], steps: Sequence[Row[Any]]) -> tuple[date, Sequence[Row[Any]]]:
    """From which day the days of a case are counted, and its steps since: from receipt, or from its being reopened."""
    again = [n for n, step in enumerate(steps) if step.after == "reopened" != step.before]
    return (steps[again[-1]].on, steps[again[-1] :]) if again else (case.received_on, steps)


def _paused(city: Catalogue, steps: Sequence[Row[Any]]) -> int:
    """Working days on which a case waited for its complainant."""
    days, since = 0, None
    for step in steps:
        if step.after == "asked" and step.before != "asked":
            since = step.on
        elif step.before == "asked" and step.after != "asked" and since is not None:
            days += city.hours.working_days(since, step.on, _closures(city))
    return days


def _pauses(city: Catalogue) -> bool:
    return city.city.intake is not None and city.city.intake.pauses


def _closures(city: Catalogue) -> frozenset[date]:
    return city.city.intake.closures if city.city.intake is not None else frozenset()
