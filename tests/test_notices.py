"""Notices: who is told of what, once, by which contact, in which words; whatever happens to the worker meanwhile."""

import csv
import json
import re
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event, select, update
from sqlalchemy.engine import Engine
from structlog.testing import capture_logs

from bot import notices, press
from bot.events import REMEMBERED
from bot.hours import Hours
from bot.messages import Reply
from bot.speech import Speaker
from cli import wiring
from flows.language import Text
from storage import contacts, outbox, participants, spending, voices
from storage.catalogue import CityText, changed
from storage.contacts import Contact, Housemate
from storage.database import columns, reading, transaction
from storage.folder import read_folder
from storage.loading import load
from storage.notices import Notice, Round
from storage.outbox import Outgoing
from storage.retention import RETENTION
from tests.audience import (
    COMMITMENT,
    PLAN,
    answer,
    at,
    employ,
    follow,
    heard,
    judge,
    noted,
    objection,
    person,
    report,
    sit,
    tick,
    town,
)
from tests.test_sender import Office, Scripted, play
from tests.world import CARTAGENA, World, address

QUORUM = ("sociedad-civil-1", "sociedad-civil-2", "academia-1", "academia-2", "grupos-1", "grupos-2", "comunales-1-1")


@pytest.fixture
def city(database_url: str, tmp_path: Path) -> Iterator[World]:
    """The plan of 2023, on each kind of database."""
    made = town(database_url, tmp_path)
    yield made
    made.desk.engine.dispose()


@pytest.fixture
def little_city(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    """The same on SQLite only, for what no database can change."""
    made = town(sqlite_url, tmp_path)
    yield made
    made.desk.engine.dispose()


def folder(path: Path, name: str = "city") -> Path:
    """A copy of Cartagena's folder, to be changed."""
    return Path(shutil.copytree(CARTAGENA, path / name))


def rewrite(path: Path, which: int, **values: str) -> None:
    """Change columns of one row of a table (1 is the first)."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows[which - 1].update(values)
    write(path, rows)


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def many_milestones(path: Path, number: int, ends: str) -> Path:
    """A city whose plan has so many milestones, all with the same last day."""
    made = folder(path)
    shared = {"commitment": COMMITMENT, "official": "-", "offices": "", "starts": "2023-01-01", "ends": ends}
    titles = ("title_es", "title_en", "short_es", "short_en")
    rows = [{**shared, "number": str(n), **dict.fromkeys(titles, f"Hito {n}")} for n in range(1, number + 1)]
    order = ("commitment", "number", *titles, "official", "offices", "starts", "ends")
    write(made / "plans" / PLAN / "milestones.csv", [{name: row[name] for name in order} for row in rows])
    return made


def reload(world: World, city: Path) -> None:
    """The city's folder is loaded anew, at the world's own time."""
    with transaction(world.desk.engine) as connection:
        load(connection, read_folder(city), world.clock())


def lines(text: str) -> list[str]:
    """What a message says, without its heading and without why one gets it."""
    return text.splitlines()[1:-1]


def everybody(world: World) -> Counter[tuple[int, str]]:
    """Every message that waits, by contact and text."""
    found: Counter[tuple[int, str]] = Counter()
    for row in world.rows(Outgoing):
        body = world.desk.ink.open(row["sealed"])
        assert body is not None
        found[row["contact_id"], body.decode()] += 1
    return found


# Killed, doubled, away


class Killed(BaseException):
    """The worker dies here."""


@contextmanager
def killed(engine: Engine, moment: str, number: int) -> Iterator[None]:
    """The n-th transaction from here on dies as it begins, or just before it is committed."""
    left = count(1)

    def die(_connection: Any) -> None:
        if next(left) == number:
            raise Killed

    event.listen(engine, moment, die)
    try:
        yield
    finally:
        event.remove(engine, moment, die)


def forget_all(world: World) -> None:
    with transaction(world.desk.engine) as connection:
        for table in (Outgoing, Notice, Round):
            connection.execute(delete(table))


@pytest.mark.parametrize("moment", ["begin", "commit"])
def test_killed_at_any_transaction_nothing_is_lost_or_doubled(
    city: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setattr(notices, "SLICE", 2)
    sit(city, person(city, who=1))
    employ(city, person(city, who=2))
    for who in range(3, 8):
        follow(city, person(city, who=who))
    city.clock.now = at("2023-01-20")
    report(city, 3)
    tick(city, "2023-02-01")
    expected, rounds = everybody(city), city.rows(Round)
    assert set(expected.values()) == {1}
    assert len(expected) == 7
    assert {row["outcome"]: row["people"] for row in rounds} == {"sent": 5, "dropped": 0}
    for number in count(1):
        forget_all(city)
        with killed(city.desk.engine, moment, number), suppress(Killed):
            tick(city)
            break  # there was no n-th transaction: each has died once
        tick(city)
        assert everybody(city) == expected
        assert sorted(map(str, city.rows(Round))) == sorted(map(str, rounds))
    assert number > 5


def test_two_workers_at_once_tell_once(city: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have read who knows what before either of them writes."""
    monkeypatch.setattr(notices, "SLICE", 2)
    sit(city, person(city, who=1))
    people = [follow(city, person(city, who=who)) for who in range(2, 8)]
    city.clock.now = at("2023-02-01")
    meeting, met, read = threading.Barrier(2), threading.local(), notices.knowledge

    def meet(*arguments: Any) -> Any:
        known = read(*arguments)
        if not hasattr(met, "once"):
            met.once = True
            with suppress(threading.BrokenBarrierError):
                meeting.wait(10)
        return known

    monkeypatch.setattr(notices, "knowledge", meet)
    desks = [city.desk, wiring.desk(city.settings, city.clock)]
    with ThreadPoolExecutor(2) as workers, capture_logs() as said:
        told = [work.result() for work in [workers.submit(notices.tell, desk, city.clock()) for desk in desks]]
    desks[1].engine.dispose()
    monkeypatch.undo()
    tick(city)
    assert set(everybody(city).values()) == {1}
    assert len(everybody(city)) == 7
    assert [bool(each) for each in told].count(True) == 1  # who came second wrote nothing, and stepped aside
    assert [each["log_level"] for each in said if each["event"] == "notices.told_elsewhere"] == ["info"]
    assert [(row["outcome"], row["people"]) for row in city.rows(Round)] == [("sent", len(people))]


def test_after_three_days_down_one_is_told_once_of_where_things_stand(little_city: World) -> None:
    sit(little_city, person(little_city, who=1))
    follow(little_city, person(little_city, who=2))
    tick(little_city, "2023-01-28")
    heard(little_city)
    tick(little_city, "2023-02-02")  # the 30th, the 31st and the 1st went by
    (got,) = heard(little_city)
    assert [line.partition(":")[0] for line in lines(got.text)] == [
        "Diseñar cómo se rendirán cuentas en 2023",
        "La gente ayuda a priorizar los temas",
        "Revisar y escoger los temas",
        "febrero de 2023. Hitos que terminan",
    ]
    assert "2 días de retraso" in got.text
    assert [("due-0" in each) for each in noted(little_city, 1)].count(True) == 1
    assert [len(lines(message.text)) for message in heard(little_city, who=2)] == [1]
    assert not tick(little_city, "2023-02-02", "17:00")


@pytest.mark.parametrize(("day", "told"), [("2023-02-20", True), ("2023-02-21", False)])
def test_what_comes_too_late_for_followers_is_dropped_with_a_record_and_duties_are_not(
    little_city: World, day: str, told: bool
) -> None:
    sit(little_city, person(little_city, who=1))
    little_city.clock.now = at("2023-02-13")
    follow(little_city, person(little_city, who=2))
    number = str(report(little_city))
    tick(little_city, day)
    assert ("report", number, date(2023, 2, 13)) in noted(little_city, 1)
    assert bool(heard(little_city, who=2)) == told
    rounds = {row["kind"]: (row["outcome"], row["people"]) for row in little_city.rows(Round)}
    assert rounds["report"] == (("sent", 1) if told else ("dropped", 0))
    tick(little_city, "2023-02-22")
    assert len([row for row in little_city.rows(Round) if row["kind"] == "report"]) == 1


def test_that_a_milestone_is_overdue_is_told_for_two_weeks_and_then_dropped(little_city: World) -> None:
    follow(little_city, person(little_city))
    tick(little_city, "2023-02-16")
    assert not heard(little_city)
    tick(little_city, "2023-03-15")
    assert len(lines(heard(little_city)[0].text)) == 2
    assert Counter(row["outcome"] for row in little_city.rows(Round)) == {"dropped": 1, "sent": 2}


def test_nothing_goes_out_once_the_plan_is_watched_no_more(little_city: World) -> None:
    sit(little_city, person(little_city))
    assert tick(little_city, "2024-04-30", "17:59")
    report(little_city)
    assert not tick(little_city, "2024-05-02")


def test_nothing_goes_out_on_the_holidays_of_2023() -> None:
    hours = Hours.of({"holidays": "CO", "weekdays": [8, 18], "saturdays": [8, 13]}, "America/Bogota")
    shut = "01-01 01-09 03-20 04-06 04-07 05-01 05-22 06-12 06-19 07-03 07-20 08-07 08-21 10-16 11-06 11-13 12-08 12-25"
    days = [date(2023, 1, 1) + timedelta(days=n) for n in range(365)]
    closed = [day for day in days if not hours.allow(at(day.isoformat(), "10:00"))]
    assert closed == [day for day in days if day.strftime("%m-%d") in shut or day.weekday() == 6]
    edges = {"07:59": False, "08:00": True, "12:59": True, "13:00": False}
    assert {hour: hours.allow(at("2023-04-08", hour)) for hour in edges} == edges
    assert [hours.allow(at("2023-04-10", hour)) for hour in ("07:59", "17:59", "18:00")] == [False, True, False]
    assert hours.next(at("2023-04-05", "18:00")) == at("2023-04-08", "08:00")


# One message, one thing


def test_a_seat_that_also_follows_is_told_once_of_a_thing_in_one_message(little_city: World) -> None:
    who = follow(little_city, sit(little_city, person(little_city)))
    tick(little_city, "2023-03-31")
    heard(little_city)
    tick(little_city, "2023-04-01")  # the digest of the seat, and what the follower hears
    (got,) = heard(little_city)
    assert len(lines(got.text)) == 3
    little_city.clock.now = at("2023-04-03")
    number = report(little_city)
    tick(little_city)
    (got,) = heard(little_city)
    assert len(lines(got.text)) == 1
    assert "silla del comité" in got.text
    assert [each[0] for each in noted(little_city, who) if each[1] == str(number)] == ["report"]
    assert not tick(little_city)


def test_why_one_gets_it_is_said_of_what_one_gets(little_city: World) -> None:
    """A seat that hears only what it follows is told as a follower, and such news is sent at most once."""
    follow(little_city, sit(little_city, person(little_city)))
    little_city.clock.now = at("2023-02-13")
    number = report(little_city)
    judge(little_city, number, "validated", QUORUM)
    tick(little_city)
    heard(little_city)
    with transaction(little_city.desk.engine) as connection:
        voices.grade(connection, PLAN, COMMITMENT, "limited", "-", little_city.clock())
    tick(little_city)
    (got,) = heard(little_city)
    assert got.text.endswith("porque usted lo sigue. Para cambiarlo: AVISOS. Para no recibir más: BAJA.")
    assert [row["kind"] for row in little_city.rows(Outgoing)] == ["duty", "announcement"]


def test_news_of_two_plans_is_one_message(sqlite_url: str, tmp_path: Path) -> None:
    made = folder(tmp_path)
    shutil.copytree(made / "plans" / PLAN, made / "plans" / "other")
    rewrite(made / "plans" / "other" / "commitments.csv", 1, id="otra")
    for number in range(1, 8):
        rewrite(made / "plans" / "other" / "milestones.csv", number, commitment="otra")
    words = (made / "plans" / "other" / "plan.toml").read_text(encoding="utf-8")
    words = words.replace("Plan de Gobierno Abierto de Cartagena, 2023", "Otro plan")
    (made / "plans" / "other" / "plan.toml").write_text(words, encoding="utf-8")
    world = town(sqlite_url, tmp_path, city=made)
    follow(world, person(world), "all")
    tick(world, "2023-02-01")
    (got,) = heard(world)
    headings = {line for line in got.text.splitlines() if ":" not in line}
    assert headings == {"Plan de Gobierno Abierto de Cartagena, 2023", "Otro plan"}
    assert len(got.text.splitlines()) == 5
    assert Counter(row["plan"] for row in world.rows(Round)) == {PLAN: 1, "other": 1}


@pytest.mark.parametrize("channel", ["telegram", "sms"])
def test_fifty_milestones_that_become_overdue_are_one_message(sqlite_url: str, tmp_path: Path, channel: str) -> None:
    world = town(sqlite_url, tmp_path, city=many_milestones(tmp_path, 50, "2023-02-28"))
    follow(world, person(world, channel), "all")
    tick(world, "2023-03-01")
    (got,) = heard(world, channel)
    shown = 3 if channel == "sms" else 6
    assert len([line for line in lines(got.text) if line.startswith("Hito ")]) == shown
    assert f"Y {50 - shown} más: https://cuenta.example.test/plan" in got.text.replace("mas:", "más:")
    assert got.segments <= 6
    assert len(noted(world, 1)) == 50
    assert not tick(world)


def test_a_thousand_milestones_cost_no_more_statements(sqlite_url: str, tmp_path: Path) -> None:
    world = town(sqlite_url, tmp_path, city=many_milestones(tmp_path, 1000, "2023-02-28"))
    sit(world, person(world, who=1))
    employ(world, person(world, who=2))
    follow(world, person(world, who=3))
    world.statements.clear()
    assert tick(world, "2023-03-01").people == {"seat": 1, "clerk": 1, "follower": 1}
    assert len(world.statements) < 40
    assert [len(heard(world, who=who)) for who in (1, 2, 3)] == [1, 1, 1]
    world.statements.clear()
    assert not tick(world)
    assert len(world.statements) < 25


# What the plan and its voices bring about


def test_a_withdrawn_commitment_is_told_with_its_reason_and_then_nothing_more(
    little_city: World, tmp_path: Path
) -> None:
    sit(little_city, person(little_city, who=1))
    follow(little_city, person(little_city, who=2))
    tick(little_city, "2023-01-24")
    heard(little_city)
    made = folder(tmp_path)
    words = {"withdrawn_es": "No hubo plata.", "withdrawn_en": "There was no money."}
    rewrite(made / "plans" / PLAN / "commitments.csv", 1, **words)
    reload(little_city, made)
    tick(little_city, "2023-01-25")
    for who in (1, 2):
        (got,) = heard(little_city, who=who)
        assert lines(got.text) == [
            "Rendición de cuentas todo el año: #CartagenaCuenta 2023: la ciudad lo retiró. El motivo: No hubo plata."
        ]
    for day in ("2023-01-31", "2023-02-01", "2023-03-01"):
        tick(little_city, day)
    assert not heard(little_city, who=2)
    (*_february, march) = heard(little_city)
    assert "terminan: 0. Retrasados: 0. Sin informe reciente: 0. Informes por decidir: 0." in march.text
    reload(little_city, CARTAGENA)  # it stands again
    tick(little_city, "2023-03-02")
    assert not [row for row in little_city.rows(Notice) if row["kind"] == "changed" and row["day"] > date(2023, 1, 24)]


def test_of_dates_that_move_twice_only_the_newest_is_told(little_city: World, tmp_path: Path) -> None:
    follow(little_city, person(little_city))
    made = folder(tmp_path)
    little_city.clock.now = at("2023-01-24", "20:00")
    for ends in ("2023-04", "2023-05"):
        rewrite(made / "plans" / PLAN / "milestones.csv", 2, ends=ends)
        reload(little_city, made)
    rewrite(made / "plans" / PLAN / "milestones.csv", 3, starts="2023-01")
    reload(little_city, made)
    tick(little_city, "2023-01-25")
    (got,) = heard(little_city)
    assert lines(got.text) == [
        "La gente ayuda a priorizar los temas: la ciudad cambió su fecha final al 31 de mayo de 2023.",
        "Revisar y escoger los temas: la ciudad cambió su fecha de inicio al 1 de enero de 2023.",
    ]
    tick(little_city, "2023-03-01")
    assert "Revisar y escoger" in heard(little_city)[0].text
    tick(little_city, "2023-06-01")
    assert "La gente ayuda a priorizar los temas: terminaba el 31 de mayo de 2023" in heard(little_city)[0].text


def test_what_is_reported_complete_is_told_no_more_unless_the_committee_objects(little_city: World) -> None:
    employ(little_city, person(little_city, who=1))
    follow(little_city, person(little_city, who=2))
    little_city.clock.now = at("2023-01-20")
    number = report(little_city, 1, "complete")
    tick(little_city)
    assert "la oficina informa: Cumplido" in heard(little_city, who=2)[0].text
    tick(little_city, "2023-01-31")
    tick(little_city, "2023-02-01")
    assert not [each for each in noted(little_city, 1) if each[1] == f"{COMMITMENT}.1"]
    assert not heard(little_city, who=2)
    heard(little_city)
    little_city.clock.now = at("2023-02-15")
    judge(little_city, number, "objected", QUORUM[:6])
    tick(little_city)
    assert not heard(little_city, who=2)  # six of seven are no quorum
    judge(little_city, number, "objected", QUORUM[6:])
    tick(little_city)
    for who, told in ((1, ["late", "objected"]), (2, ["objected", "overdue", "report"])):
        about = [each[0] for each in noted(little_city, who) if each[1] in (str(number), f"{COMMITMENT}.1")]
        assert about == told
    assert "15 días de retraso" in heard(little_city)[0].text


def test_what_the_committee_decided_is_told_once_however_many_seats_still_judge(little_city: World) -> None:
    employ(little_city, person(little_city, who=1))
    follow(little_city, person(little_city, who=2))
    little_city.clock.now = at("2023-02-13")
    number = report(little_city)
    judge(little_city, number, "validated", QUORUM)
    tick(little_city)
    for day, verdict, seat in (
        ("2023-02-14", "validated", "comunales-2-1"),
        ("2023-02-15", "objected", "comunales-2-2"),
        ("2023-02-16", "validated", QUORUM[0]),
    ):
        little_city.clock.now = at(day)
        judge(little_city, number, verdict, [seat])
        tick(little_city)
    for who in (1, 2):
        assert [each[2] for each in noted(little_city, who) if each[0] == "validated"] == [date(2023, 2, 13)]
    little_city.clock.now = at("2023-02-17")
    judge(little_city, number, "objected", QUORUM)
    tick(little_city)
    assert "el comité objetó el informe" in heard(little_city, who=2)[-1].text


def test_who_follows_hears_that_it_is_late_when_the_committee_objects_long_after_its_end(little_city: World) -> None:
    follow(little_city, person(little_city))
    little_city.clock.now = at("2023-01-20")
    number = report(little_city, 1, "complete")
    tick(little_city)
    heard(little_city)
    little_city.clock.now = at("2023-03-24")
    judge(little_city, number, "objected", QUORUM)
    tick(little_city)
    assert "terminaba el 31 de enero de 2023 y está retrasado" in heard(little_city)[0].text
    little_city.clock.now = at("2023-03-25")
    judge(little_city, number, "objected", ["comunales-2-1"])
    assert not tick(little_city)


def test_an_office_out_of_reach_for_months_hears_what_the_committee_and_the_monitor_found(little_city: World) -> None:
    who = employ(little_city, person(little_city))
    little_city.say("baja")
    little_city.clock.now = at("2023-01-20")
    judge(little_city, report(little_city, 1, "complete"), "validated", QUORUM)
    with transaction(little_city.desk.engine) as connection:
        voices.grade(connection, PLAN, f"{COMMITMENT}.1", "limited", "-", little_city.clock())
    tick(little_city)
    little_city.clock.now = at("2023-05-20")
    little_city.say("alta")
    tick(little_city)
    assert {"validated", "grade"} <= {kind for kind, _subject, _day in noted(little_city, who)}


def test_a_new_report_a_verdict_and_a_grade_are_told_to_those_whose_they_are(little_city: World) -> None:
    people = {
        "seat": sit(little_city, person(little_city, who=1)),
        "clerk": employ(little_city, person(little_city, who=2)),
        "follower": follow(little_city, person(little_city, who=3)),
        "other": follow(little_city, person(little_city, who=4), f"office:{PLAN}/planeacion"),
    }
    little_city.clock.now = at("2023-01-05")
    number = report(little_city)
    tick(little_city)
    judge(little_city, number, "validated", QUORUM)
    with transaction(little_city.desk.engine) as connection:
        voices.grade(connection, PLAN, f"{COMMITMENT}.1", "limited", "-", little_city.clock())
    tick(little_city)
    kinds = {role: {each[0] for each in noted(little_city, who)} for role, who in people.items()}
    assert kinds == {
        "seat": {"report", "month", "due-30"},
        "clerk": {"validated", "grade", "due-30"},
        "follower": {"report", "validated", "grade"},
        "other": {"report", "validated", "grade"},
    }
    newer = report(little_city)
    tick(little_city, "2023-01-06")
    assert ("report", str(newer), date(2023, 1, 5)) in noted(little_city, people["seat"])


def test_an_answer_goes_to_who_objected_and_an_objection_to_the_office(little_city: World) -> None:
    employ(little_city, person(little_city, who=1))
    objector = person(little_city, who=2)
    little_city.clock.now = at("2023-01-05")
    raised = objection(little_city, report(little_city), objector)
    tick(little_city)
    assert ("objection", str(raised), date(2023, 1, 5)) in noted(little_city, 1)
    assert "No fue así" not in heard(little_city)[0].text
    answer(little_city, raised)
    tick(little_city)
    (got,) = heard(little_city, who=2)
    assert "Aquí está el acta." in got.text
    assert "porque presentó una controversia" in got.text
    assert not heard(little_city)


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "telegram"])
def test_an_answer_is_told_in_its_own_words_however_long_and_whatever_else_there_is(
    sqlite_url: str, tmp_path: Path, channel: str
) -> None:
    world = town(sqlite_url, tmp_path, city=many_milestones(tmp_path, 50, "2023-02-28"))
    world.clock.now = at("2023-02-27")
    who = follow(world, person(world, channel), "all")
    raised = [objection(world, report(world, number), who) for number in (1, 2)]
    world.clock.now = at("2023-03-01")
    for number in raised:
        answer(world, number, "Iremos el sabado a su barrio. " * 33)
    for number in raised:
        tick(world)
        (got,) = heard(world, channel)
        assert f'Su controversia {number} sobre "Hito {number}" tiene respuesta: "Iremos el sabado' in got.text
        assert got.text.count("Iremos el sabado") >= 20
        assert got.segments <= 6
    assert not tick(world)


def test_duties_are_looked_at_as_long_as_it_is_known_who_was_told() -> None:
    assert RETENTION["what people were told"] > REMEMBERED


# Whom, and where


def test_nobody_is_told_of_what_was_before_they_came(little_city: World) -> None:
    little_city.clock.now = at("2023-02-13")
    report(little_city)
    little_city.clock.now = at("2023-02-15", "20:00")
    sit(little_city, person(little_city, who=1))
    follow(little_city, person(little_city, who=2))
    assert not tick(little_city, "2023-02-16")
    little_city.clock.now = at("2023-02-17")
    report(little_city, 2)
    assert tick(little_city).people == {"seat": 1, "follower": 1}


def test_a_seat_that_is_passed_on_tells_the_new_holder_what_is_new(little_city: World) -> None:
    sit(little_city, person(little_city, who=1))
    little_city.clock.now = at("2023-02-13")
    report(little_city)
    tick(little_city)
    heard(little_city)
    little_city.clock.now = at("2023-02-15")
    sit(little_city, person(little_city, who=2))
    assert not tick(little_city)
    little_city.clock.now = at("2023-02-16")
    newer = report(little_city, 2)
    tick(little_city)
    assert not heard(little_city)
    assert noted(little_city, 2) == [("report", str(newer), date(2023, 2, 16))]


def test_who_stopped_gets_nothing_and_their_duties_when_they_are_back(city: World) -> None:
    sit(city, person(city, who=1))
    follow(city, person(city, who=2))
    for who in (1, 2):
        city.say("baja", who=who)
    city.clock.now = at("2023-02-13")
    number = report(city)
    assert not tick(city)
    assert not tick(city, "2023-02-22")
    for who in (1, 2):
        city.say("alta", who=who)
    tick(city)
    assert not heard(city, who=2)
    (got,) = heard(city)
    assert ("report", str(number), date(2023, 2, 13)) in noted(city, 1)
    assert "22 días de retraso" in got.text


def test_who_is_blocked_gets_nothing_and_their_duties_when_they_are_back(little_city: World) -> None:
    who = sit(little_city, person(little_city))
    with transaction(little_city.desk.engine) as connection:
        contacts.block(connection, 1)
    assert not tick(little_city, "2023-01-24")
    with transaction(little_city.desk.engine) as connection:
        contacts.unblock(connection, 1)
    tick(little_city, "2023-01-25")
    assert f"{COMMITMENT}.1" in {subject for _kind, subject, _day in noted(little_city, who)}


@pytest.mark.parametrize("role", [sit, follow])
def test_who_stops_between_queueing_and_sending_gets_nothing(little_city: World, role: Any) -> None:
    role(little_city, person(little_city))
    little_city.clock.now = at("2023-02-13")
    report(little_city)
    tick(little_city)
    with transaction(little_city.desk.engine) as connection:
        contacts.opt_out(connection, 1)

    async def scene(here: Office) -> None:
        way = Scripted()
        await here.rounds(here.sender(sends=way))
        assert way.texts == []
        assert [(row["state"], row["error"], row["sealed"]) for row in little_city.rows(Outgoing)] == [
            ("failed", "stopped", None)
        ]

    play(little_city, scene)


@pytest.mark.parametrize("error", ["opted_out", "63016", "expired"])
def test_a_duty_that_could_not_be_delivered_is_told_when_its_person_is_back(city: World, error: str) -> None:
    who = sit(city, person(city, "whatsapp"))
    tick(city, "2023-01-24")
    if error == "opted_out":
        with transaction(city.desk.engine) as connection:
            contacts.opt_out(connection, 1)
            outbox.stop(connection, 1, error, city.clock())
    else:
        fail(city, error)
    city.clock.forward(minutes=1)
    assert bool(tick(city)) == (error == "expired")
    if error != "expired":
        city.clock.forward(minutes=20)
        city.say("alta", "whatsapp")
        assert tick(city).people == {"seat": 1}
    (got,) = heard(city, "whatsapp")
    assert "Faltan 7 días" in got.text or "faltan 7 días" in got.text
    assert ("due-7", f"{COMMITMENT}.1", date(2023, 1, 24)) in noted(city, who)
    city.clock.forward(minutes=20)
    assert not tick(city)


def test_a_duty_that_fails_on_one_contact_is_told_on_the_other(little_city: World) -> None:
    who = sit(little_city, person(little_city))
    second_contact(little_city, who, "sms")
    little_city.clock.now = at("2023-01-24")
    last_heard(little_city, {1: 1, 2: 2})
    tick(little_city)
    fail(little_city, "403")
    with transaction(little_city.desk.engine) as connection:
        contacts.block(connection, 1)
    little_city.clock.forward(minutes=1)
    assert tick(little_city).people == {"seat": 1}
    fail(little_city, "30003", "sms")
    little_city.clock.forward(minutes=1)
    assert not tick(little_city)


def fail(world: World, error: str, lane: str = "") -> None:
    """What waits fails for good."""
    done = {"state": "failed", "error": error, "sealed": None, "finished_at": world.clock()}
    waits = columns(Outgoing).state == "queued"
    with transaction(world.desk.engine) as connection:
        connection.execute(update(Outgoing).where(waits, columns(Outgoing).lane.startswith(lane)).values(done))


def second_contact(world: World, who: int, channel: str, language: str = "es") -> int:
    with transaction(world.desk.engine) as connection:
        made = contacts.add(connection, channel, address(channel, 9), None, language, world.clock())
    world.put(Housemate, {"contact_id": made, "person_id": who, "joined_at": world.clock()})
    return made


def last_heard(world: World, hours: Mapping[int, float]) -> None:
    with transaction(world.desk.engine) as connection:
        for contact, ago in hours.items():
            then = world.clock() - timedelta(hours=ago)
            mine = update(Contact).where(columns(Contact).id == contact)
            connection.execute(mine.values(heard_at=then))


@pytest.mark.parametrize(
    ("channels", "hours", "reached"),
    [
        (("whatsapp", "telegram"), (25, 72), "telegram"),
        (("whatsapp", "telegram"), (23, 72), "whatsapp"),
        (("whatsapp", "sms"), (25, 2000), "sms"),
        (("telegram", "sms"), (5, 3), "sms"),
        (("telegram", "web"), (500, 1), "telegram"),
        (("whatsapp", "web"), (25, 300), "web"),
    ],
)
def test_one_is_reached_where_one_can_be_and_wrote_last(
    little_city: World, channels: tuple[str, str], hours: tuple[float, float], reached: str
) -> None:
    who = sit(little_city, person(little_city, channels[0]))
    second_contact(little_city, who, channels[1])
    little_city.clock.now = at("2023-01-24")
    last_heard(little_city, {1: hours[0], 2: hours[1]})
    tick(little_city)
    assert [row["lane"] for row in little_city.rows(Outgoing)] == [reached]


def test_who_stopped_on_one_contact_is_reached_on_the_other(little_city: World) -> None:
    who = sit(little_city, person(little_city, "telegram"))
    second_contact(little_city, who, "sms", "en")
    with transaction(little_city.desk.engine) as connection:
        contacts.opt_out(connection, 1)
    tick(little_city, "2023-01-24")
    (got,) = heard(little_city, "sms", 9)
    assert "days left" in got.text


def test_two_chats_that_turn_out_to_be_one_person_are_not_told_again(city: World) -> None:
    kept, gone = person(city, "telegram", 1), sit(city, person(city, "sms", 2))
    follow(city, kept), follow(city, gone)
    city.clock.now = at("2023-02-13")
    report(city)
    tick(city)
    told = {*noted(city, kept), *noted(city, gone)}
    city.say("privacidad")
    code = re.search(r"escriba (\w+)\. Sirve", city.say("5")[-1].text)
    assert code
    for text in ("privacidad", "6", code[1], "1"):
        city.say(text, "sms", 2)
    assert len({row["person_id"] for row in city.rows(Housemate)}) == 1
    assert not tick(city)
    assert noted(city, kept) == sorted(told)


# Words


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("channel", ["telegram", "whatsapp", "sms"])
def test_each_notice_says_why_one_gets_it_and_how_to_stop_it(little_city: World, language: str, channel: str) -> None:
    sit(little_city, person(little_city, channel, 1, language))
    employ(little_city, person(little_city, channel, 2, language))
    objector = person(little_city, channel, 3, language)
    follow(little_city, person(little_city, channel, 4, language))
    little_city.clock.now = at("2023-01-05")
    answer(little_city, objection(little_city, report(little_city), objector), "Sí.")
    tick(little_city)
    for who, role in enumerate(("seat", "clerk", "person", "follower"), 1):
        (got,) = heard(little_city, channel, who)
        why = press.WHY[role]
        assert isinstance(why, Text)
        shape = little_city.desk.channels[channel]
        assert got.text.splitlines()[-1] == shape.shape(Reply(Speaker(language).say(why)))[0].text
        assert "BAJA" in got.text
        assert got.segments <= 6


def test_the_log_has_nothing_but_counts(little_city: World) -> None:
    sit(little_city, person(little_city, who=1))
    follow(little_city, person(little_city, who=2))
    little_city.clock.now = at("2023-02-01")
    report(little_city)
    with capture_logs() as said:
        for day in ("2023-02-01", "2023-03-24"):
            tick(little_city, day)
            report(little_city)
        tick(little_city, "2023-04-10")
    assert {entry["event"] for entry in said} == {"notices.told", "notices.dropped"}
    for entry in said:
        assert all(isinstance(value, int) for name, value in entry.items() if name not in ("event", "log_level"))
        assert set(entry) <= {"event", "log_level", "seat", "clerk", "person", "follower", "number"}


def test_a_follower_who_stopped_following_hears_no_more(little_city: World) -> None:
    who = follow(little_city, person(little_city))
    little_city.clock.now = at("2023-02-13")
    report(little_city)
    with transaction(little_city.desk.engine) as connection:
        participants.unfollow(connection, who)
    assert not tick(little_city)


# The weekly limit, and the hours of a place


def announced(world: World, number: int, who: int = 1, state: str = "sent") -> None:
    """Somebody was sent so many announcements today."""
    where = address("telegram", who)
    contact = next(row["id"] for row in world.rows(Contact) if row["address"] == where)
    row = {
        "lane": "telegram", "contact_id": contact, "kind": "announcement", "state": state, "due_at": world.clock(),
        "created_at": world.clock(), "finished_at": world.clock(), "epoch": 0, "attempts": 1, "segments": 1,
    }  # fmt: skip
    world.put(Outgoing, *[row for _n in range(number)])


def test_what_the_week_leaves_out_comes_with_the_next_message(city: World) -> None:
    for who in (1, 2):
        follow(city, person(city, who=who))
    tick(city, "2023-03-01")
    heard(city), heard(city, who=2)
    announced(city, city_limit(city))
    city.clock.now = at("2023-03-06")
    report(city, 3)
    tick(city)
    assert not heard(city)
    (told,) = heard(city, who=2)
    assert not tick(city)  # nothing is sent for it alone
    city.clock.now = at("2023-03-10")
    assert not heard(city)
    report(city, 2)
    tick(city)
    (late,) = heard(city)
    (news,) = heard(city, who=2)
    assert set(lines(told.text)) & set(lines(late.text))
    assert not set(lines(told.text)) & set(lines(news.text))
    assert set(lines(news.text)) < set(lines(late.text))


def city_limit(world: World) -> int:
    with reading(world.desk.engine) as connection:
        return world.desk.catalogue(connection, None).delivery.weekly


@pytest.mark.parametrize("state", ["failed", "superseded"])
def test_what_never_arrived_does_not_count(little_city: World, state: str) -> None:
    follow(little_city, person(little_city))
    tick(little_city, "2023-03-01")
    heard(little_city)
    announced(little_city, 3, state=state)
    little_city.clock.now = at("2023-03-06")
    report(little_city, 3)
    tick(little_city)
    assert len(heard(little_city)) == 1


def rule(world: World, **rules: Any) -> None:
    """Change the city's rules of delivery."""
    texts = columns(CityText)
    with transaction(world.desk.engine) as connection:
        stated = json.loads(connection.execute(select(texts.body).where(texts.key == "delivery")).scalar_one())
        new = json.dumps({**stated, **rules})
        connection.execute(update(CityText).where(texts.key == "delivery").values(body=new))
        changed(connection)


def test_who_waits_for_the_hours_of_their_place_is_told_when_they_come(little_city: World) -> None:
    for who, place in ((1, "bocagrande"), (2, "")):
        id = follow(little_city, person(little_city, who=who))
        with transaction(little_city.desk.engine) as connection:
            contacts.lock_person(connection, id, {"place": place})
    tick(little_city, "2023-03-01")
    heard(little_city), heard(little_city, who=2)
    rule(little_city, hours={"bocagrande": {"weekdays": [11, 18]}})
    little_city.clock.now = at("2023-03-06")
    report(little_city, 3)
    tick(little_city)
    assert not heard(little_city)
    assert len(heard(little_city, who=2)) == 1
    tick(little_city, "2023-03-06", "11:00")
    assert len(heard(little_city)) == 1
    assert not heard(little_city, who=2)


def test_a_duty_is_outside_of_the_weekly_limit(city: World) -> None:
    sit(city, person(city))
    city.clock.now = at("2023-03-06")
    announced(city, 5)
    report(city, 3)
    tick(city)
    assert len(heard(city)) == 1


def test_what_is_followed_costs_no_more_than_the_day_allows(city: World) -> None:
    rule(city, daily=19)  # a WhatsApp message costs 20
    follow(city, person(city, "whatsapp", 1))
    follow(city, person(city, "telegram", 2))
    sit(city, person(city, "whatsapp", 3))
    city.clock.now = at("2023-03-06")
    report(city, 3)
    tick(city)
    assert not heard(city, "whatsapp", 1)
    assert len(heard(city, "telegram", 2)) == 1
    assert len(heard(city, "whatsapp", 3)) == 1  # a duty
    rule(city, daily=20)
    city.clock.now = at("2023-03-10")
    report(city, 2)
    tick(city)
    assert len(heard(city, "whatsapp", 1)) == 1
    with reading(city.desk.engine) as connection:
        assert spending.on(connection, date(2023, 3, 10)) == {"announcements": 20}


def test_what_is_followed_goes_to_no_number_of_another_country(little_city: World) -> None:
    rule(little_city, countries=["+51"])
    follow(little_city, person(little_city, "sms", 1))
    sit(little_city, person(little_city, "sms", 2))
    little_city.clock.now = at("2023-03-06")
    report(little_city, 3)
    tick(little_city)
    assert not heard(little_city, "sms", 1)
    assert heard(little_city, "sms", 2)
