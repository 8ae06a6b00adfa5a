"""The year 2023, day by day: who is told what of Cartagena's plan when nobody reports anything.

`notices_2023.csv` was written by hand from the calendar and the list of holidays; no code made it.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from storage.notices import Notice, Round
from storage.outbox import Outgoing
from tests.audience import PLAN, at, employ, follow, heard, person, sit, tick, town
from tests.world import World

HOURS = ("07:00", "08:00", "13:30", "17:59")
ROLES = {"seat": 1, "office": 2, "follower": 3}
WORDS = ("hasta el", "termina hoy", "de retraso", "sin informe desde", "está retrasado", "Hitos que terminan")

Told = set[tuple[str, str, tuple[int, ...]]]
"""What was told in one day: role, kind, milestones."""


def table() -> dict[str, Told]:
    """By day, as the file has it."""
    days: dict[str, Told] = defaultdict(set)
    with (Path(__file__).parent / "notices_2023.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            milestones = tuple(map(int, row["milestones"].split()))
            days[row["day"]] |= {(role, row["kind"], milestones) for role in row["role"].split("|")}
    return days


@pytest.fixture
def year(database_url: str, tmp_path: Path) -> Iterator[World]:
    """The plan with a seat, somebody of an office that never reports, and a follower, all since 2022."""
    world = town(database_url, tmp_path)
    sit(world, person(world, who=1))
    employ(world, person(world, who=2))
    follow(world, person(world, who=3))
    yield world
    world.desk.engine.dispose()


def days_of_2023() -> Iterator[str]:
    for n in range(365):
        yield (date(2023, 1, 1) + timedelta(days=n)).isoformat()


def test_the_year_is_told_as_the_calendar_says(year: World) -> None:
    hours, expected = defaultdict(list), table()
    for day in days_of_2023():
        for hour in HOURS:
            if tick(year, day, hour):
                hours[day].append(hour)
        if day in hours:
            assert lines(year) == {role: number(expected[day], role) for role in ROLES}, day
    told = told_by_day(year)
    assert {day: told[day] for day in told if told[day] != expected[day]} == {}
    assert set(told) == set(expected)
    assert {tuple(at) for at in hours.values()} == {("08:00",)}  # as soon as it may be, and in one message a day
    assert len(year.rows(Outgoing)) == sum(bool(number(things, role)) for things in expected.values() for role in ROLES)
    assert {row["outcome"] for row in year.rows(Round)} == {"sent"}


def number(things: Told, role: str) -> int:
    """How many things somebody is told of, the monthly digest as one of them."""
    return sum(max(len(milestones), 1) for who, _kind, milestones in things if who == role)


def lines(world: World) -> dict[str, int]:
    """In what was sent to each: the lines that say something, and those that were left out for want of room."""
    found: dict[str, int] = {}
    for role, who in ROLES.items():
        texts = [message.text for message in heard(world, who=who)]
        assert len(texts) <= 1
        found[role] = sum(any(word in line for word in WORDS) for text in texts for line in text.splitlines())
        found[role] += sum(int(left) for text in texts for left in re.findall(r"^Y (\d+) más", text, re.MULTILINE))
    return found


def told_by_day(world: World) -> dict[str, Told]:
    """What was recorded, by the local day on which it was told."""
    names = {number: role for role, number in ROLES.items()}
    found: dict[tuple[str, int, str], list[int]] = defaultdict(list)
    for row in world.rows(Notice):
        number = [] if row["kind"] == "month" else [int(row["subject"].rpartition(".")[2])]
        found[row["at"].astimezone(at("2023-01-01").tzinfo).date().isoformat(), row["person_id"], row["kind"]] += number
    days: dict[str, Told] = defaultdict(set)
    for (day, who, kind), numbers in found.items():
        days[day].add((names[who], kind, tuple(sorted(numbers))))
    return days


def test_the_plan_of_the_table_is_the_one_that_is_loaded(year: World) -> None:
    with year.desk.engine.connect() as connection:
        plan = year.desk.catalogue(connection, -1).plans[PLAN]
    last = [(m.number, m.span.last.isoformat()) for m in plan.milestones.values()]
    ends = ["2023-01-31", "2023-02-28", "2023-02-28", "2023-03-31", "2023-03-31", "2023-12-31", "2023-12-31"]
    assert last == list(enumerate(ends, 1))


def test_the_last_days_of_the_year_are_told_in_the_next(year: World) -> None:
    """New Year's Eve of 2023 is a Sunday, the day after it a holiday."""
    tick(year, "2023-12-30", "12:59")
    for day in ("2023-12-30", "2023-12-31", "2024-01-01"):
        assert not tick(year, day, "13:00")
    heard(year), heard(year, who=3)
    tick(year, "2024-01-02", "08:00")
    assert "2 días de retraso" in heard(year)[0].text
    assert "está retrasado" in heard(year, who=3)[0].text
