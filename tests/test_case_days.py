"""The days of a case: the law's working days, what is due when, what can be put off, and what is computed anew."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bot.catalogue import Catalogue
from bot.complaints import case_days
from bot.complaints import cases as filing
from bot.complaints.case_days import Refused, standing
from bot.hours import Hours
from flows.case import STATES, STOPPED
from storage import cases
from storage.database import reading, transaction
from tests.docket import case_of, city_of, go, with_closures, write_down
from tests.vaults import taking_complaints
from tests.world import World

RECEIVED = date(2026, 6, 30)
DUE = date(2026, 7, 23)
"""Fifteen working days later, by Ley 2578 de 2026."""


@pytest.fixture
def small(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    with taking_complaints(sqlite_url, tmp_path) as world:
        yield world


@pytest.mark.parametrize(
    ("received", "days"),
    [
        ("2026-06-05", ("2026-06-11", "2026-06-16", "2026-06-23", "2026-07-01", "2026-07-24")),
        ("2026-06-30", ("2026-07-03", "2026-07-07", "2026-07-15", "2026-07-23", "2026-08-14")),
        ("2026-12-18", ("2026-12-23", "2026-12-28", "2027-01-05", "2027-01-13", "2027-02-03")),
        ("2027-03-19", ("2027-03-29", "2027-03-31", "2027-04-07", "2027-04-14", "2027-05-05")),
        ("2026-07-12", ("2026-07-16", "2026-07-21", "2026-07-28", "2026-08-04", "2026-08-27")),
    ],
)
def test_working_days_are_those_of_the_law(received: str, days: tuple[str, ...]) -> None:
    hours, begun = Hours.of({"holidays": "CO"}, "America/Bogota"), date.fromisoformat(received)
    counted = [hours.working_day(begun, number) for number in (3, 5, 10, 15, 30)]
    assert [day.isoformat() for day in counted] == list(days)
    assert [hours.working_days(begun, day) for day in counted] == [3, 5, 10, 15, 30]


@pytest.mark.parametrize(("now", "day"), [("2026-07-10T23:30", 10), ("2026-07-11T04:59", 10), ("2026-07-11T05:00", 11)])
def test_a_day_is_one_of_the_citys_own_calendar(now: str, day: int) -> None:
    hours = Hours.of({"holidays": "CO"}, "America/Bogota")
    assert hours.today(datetime.fromisoformat(now).replace(tzinfo=UTC)) == date(2026, 7, day)


@pytest.mark.parametrize(
    ("today", "left", "stage", "asks", "next_on"),
    [
        (date(2026, 6, 30), 15, "ok", (), date(2026, 7, 3)),
        (date(2026, 7, 3), 12, "ok", ("acknowledge", "refer"), date(2026, 7, 7)),
        (date(2026, 7, 15), 5, "5", ("acknowledge", "refer"), date(2026, 7, 21)),
        (date(2026, 7, 21), 2, "2", ("acknowledge", "refer"), date(2026, 7, 23)),
        (date(2026, 7, 23), 0, "0", ("acknowledge", "refer", "feedback"), date(2026, 7, 24)),
        (date(2026, 7, 24), -1, "late", ("acknowledge", "refer", "feedback"), None),
        (date(2026, 7, 25), -1, "late", ("acknowledge", "refer", "feedback"), None),
    ],
)
def test_a_case_stands_where_its_days_say(
    small: World, today: date, left: int, stage: str, asks: tuple[str, ...], next_on: date | None
) -> None:
    city, case = city_of(small), case_of(small, write_down(small, RECEIVED))
    found = standing(city, case, today)
    assert (found.due_on, found.days_left, found.stage, found.asks) == (DUE, left, stage, asks)
    assert found.next_on == next_on


def test_what_is_asked_for_ends_with_the_state(small: World) -> None:
    city, id = city_of(small), write_down(small, RECEIVED)
    day = date(2026, 7, 6)
    assert standing(city, case_of(small, id), day).asks == ("acknowledge", "refer")
    go(small, id, day, "reviewing")
    assert standing(city, case_of(small, id), day).asks == ("refer",)
    go(small, id, day, "admitted")
    assert standing(city, case_of(small, id), day).asks == ()
    assert standing(city, case_of(small, id), date(2026, 7, 29)).asks == ("feedback",)
    assert standing(city, case_of(small, id), date(2026, 7, 29)).stage == "late"


@pytest.mark.parametrize("state", STATES)
def test_the_clock_stands_still_where_the_law_says(small: World, state: str) -> None:
    case = case_of(small, write_down(small, RECEIVED, state=state))
    found = standing(city_of(small), case, date(2027, 1, 1))
    assert found.running == (state not in STOPPED)
    assert (found.stage, found.next_on) == ("ok", None) if state in STOPPED else (found.stage == "late")


def put_off(world: World, id: str, more: int, today: date) -> date:
    with transaction(world.desk.engine) as connection:
        return case_days.extend(connection, city_of(world), id, more, "evidence", 901, today)


def test_an_answer_is_put_off_once_in_time_and_to_double_at_most(desk: World) -> None:
    id = write_down(desk, RECEIVED)
    for more, today, why in ((15, date(2026, 7, 24), "late"), (16, DUE, "long"), (0, DUE, "long")):
        with pytest.raises(Refused, match=why):
            put_off(desk, id, more, today)
    assert put_off(desk, id, 15, DUE) == date(2026, 8, 14)
    case = case_of(desk, id)
    assert (case.due_on, case.days, case.extended) == (date(2026, 8, 14), 30, True)
    with pytest.raises(Refused, match="twice"):
        put_off(desk, id, 1, DUE)
    go(desk, id, DUE, "reviewing", "not-admitted")
    with pytest.raises(Refused, match="over"):
        put_off(desk, id, 1, DUE)
    with reading(desk.desk.engine) as connection:
        first = cases.steps(connection, id)[0]
    assert (first.before, first.after, first.reason, first.by) == ("received", "received", "evidence", 901)


def recount(world: World, city: Catalogue, today: date = date(2026, 7, 6)) -> None:
    case_days.recount(world.desk.engine, city, today)


def told(world: World, id: str) -> list[tuple[str, int | None]]:
    with reading(world.desk.engine) as connection:
        return [(step.reason, step.by) for step in cases.steps(connection, id)]


def test_a_closure_moves_the_last_day_of_what_runs_and_keeps_what_was_added(desk: World) -> None:
    plain, extended = write_down(desk, RECEIVED), write_down(desk, RECEIVED)
    answered, early = write_down(desk, RECEIVED, state="answered"), write_down(desk, date(2026, 5, 4))
    put_off(desk, extended, 15, DUE)
    closed = with_closures(city_of(desk), date(2026, 7, 10))
    for _twice in range(2):
        recount(desk, closed)
    assert [case_of(desk, id).due_on for id in (plain, extended)] == [date(2026, 7, 24), date(2026, 8, 18)]
    assert told(desk, plain) == [("calendar", None)]
    assert told(desk, extended) == [("evidence", 901), ("calendar", None)]
    assert (case_of(desk, answered).due_on, told(desk, answered)) == (DUE, []), "its clock stands still"
    assert (case_of(desk, early).calendar, told(desk, early)) == (filing.calendar(closed), []), "no day of its own"
    recount(desk, city_of(desk))
    assert case_of(desk, plain).due_on == DUE, "a closure that was withdrawn"


def test_another_release_of_the_calendar_moves_the_last_day(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    id = write_down(small, RECEIVED, calendar="CO/0.1/x", due_on=date(2026, 7, 22))
    recount(small, city_of(small))
    assert (case_of(small, id).due_on, told(small, id)) == (DUE, [("calendar", None)])
    monkeypatch.setattr(filing, "version", lambda _package: "999")
    recount(small, city_of(small))
    assert case_of(small, id).calendar.startswith("CO/999/")
    assert len(told(small, id)) == 1, "the same day needs no word"


def test_asking_for_more_stops_the_clock_only_where_the_city_says_so(desk: World) -> None:
    id, city = write_down(desk, RECEIVED), city_of(desk)
    go(desk, id, date(2026, 7, 6), "reviewing", "asked")
    pausing = with_closures(city, pauses=True)
    assert standing(city, case_of(desk, id), date(2026, 7, 27)).stage == "late"
    assert not standing(pausing, case_of(desk, id), date(2026, 7, 27)).running
    go(desk, id, date(2026, 7, 9), "reviewing")
    recount(desk, city)
    assert case_of(desk, id).due_on == DUE
    for _twice in range(2):
        recount(desk, pausing)
    assert case_of(desk, id).due_on == date(2026, 7, 28)
    assert told(desk, id)[-1] == ("pause", None)
    assert len(told(desk, id)) == 4


def test_a_case_that_is_opened_again_has_its_days_from_then_on(desk: World) -> None:
    id, city = write_down(desk, RECEIVED), city_of(desk)
    put_off(desk, id, 15, DUE)
    go(desk, id, DUE, "reviewing", "admitted", "handling", "answered", "closed")
    again = date(2027, 3, 19)
    go(desk, id, again, "reopened", **case_days.anew(city, again))
    case = case_of(desk, id)
    assert (case.due_on, case.days, case.extended, case.closed_on) == (date(2027, 4, 14), 15, False, None)
    recount(desk, with_closures(city, date(2027, 3, 29)), date(2027, 3, 23))
    assert case_of(desk, id).due_on > case.due_on
    recount(desk, city, date(2027, 3, 23))
    assert case_of(desk, id).due_on == case.due_on
