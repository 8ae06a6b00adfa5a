"""Conversations about a plan that take a turn: long lists, what comes in between, answers that are easily misread."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.lists import MOST_SCREENS
from flows.milestones import MOST_SCREENS as MOST_MILESTONES
from storage.voices import Judgement, Objection, Report
from tests.audience import employ, objection, person, report, sit, town
from tests.test_notices import many_milestones
from tests.world import World


@pytest.fixture
def city(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    """The plan of 2023, in February."""
    made = town(sqlite_url, tmp_path, "2023-02-10")
    yield made
    made.desk.engine.dispose()


@pytest.fixture
def long_city(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    """The same with 150 milestones in its commitment."""
    made = town(sqlite_url, tmp_path, "2023-02-10", many_milestones(tmp_path, 150, "2023-02-28"))
    yield made
    made.desk.engine.dispose()


# Lists of more than one screen


def test_a_report_that_moves_its_milestone_to_another_page_can_still_have_files(long_city: World) -> None:
    employ(long_city, person(long_city))
    for text in ("avance", "1", "4", "Se hizo todo."):
        got = long_city.say(text)
    assert "Su informe quedó guardado" in got[-1].text
    assert "Gracias" in long_city.say("listo")[-1].text
    assert len(long_city.rows(Report)) == 1


def test_however_often_somebody_wants_to_see_more_they_can_choose_in_the_end(long_city: World) -> None:
    long_city.say("hitos")
    for _screen in range(MOST_SCREENS - 1):
        got = long_city.say("ver más")
    assert "Ver más" not in got[-1].text
    assert "Hito 127" in long_city.say("1")[-1].text


@pytest.mark.parametrize(("typed", "found"), [("local", False), ("title", False), ("evalúe", True), ("evaluate", True)])
def test_a_search_looks_in_what_people_can_read(city: World, typed: str, found: bool) -> None:
    city.say("hitos")
    got = city.say(typed)[-1].text
    assert ("Hito 6." in got, "un número del 1 al 8" in got) == (found, not found)


def test_who_has_seen_many_milestones_is_told_how_to_see_more(city: World) -> None:
    city.say("hitos")
    for _screen in range(MOST_MILESTONES - 1):
        city.say("1")
        got = city.say("1")
    assert got[-1].text == "Para ver más de lo prometido escriba HITOS."


# What comes in between


def test_a_report_that_comes_while_somebody_objects_is_not_what_they_object_to(city: World) -> None:
    person(city)
    report(city)
    for text in ("hitos", "1", "3", "No hubo reunión."):
        city.say(text)
    report(city, state="complete")
    assert "La oficina informó otra vez" in city.say("1")[-1].text
    assert city.rows(Objection) == []


# Answers that are easily misread


@pytest.mark.parametrize("typed", ["No vino nadie", "no sé", "no, ahora no puedo", "2 2", "2 no", "2"])
def test_an_objection_is_kept_only_with_the_reason_as_it_was_written(city: World, typed: str) -> None:
    sit(city, person(city))
    report(city)
    city.say("comité")
    city.say(typed)
    assert city.rows(Judgement) == []


@pytest.mark.parametrize("typed", ["2 no vino nadie", "2. No vino nadie", "objetar: no vino nadie"])
def test_a_reason_may_come_at_once(city: World, typed: str) -> None:
    sit(city, person(city))
    report(city)
    city.say("comité")
    city.say(typed)
    assert [row["reason"].lower() for row in city.rows(Judgement)] == ["no vino nadie"]


def test_a_number_is_no_answer_of_an_office_and_no_report(city: World) -> None:
    employ(city, person(city, who=1))
    for text in ("avance", "1", "4", "4"):
        got = city.say(text)
    assert "con palabras" in got[-1].text
    objection(city, report(city), person(city, who=2))
    city.say("responder")
    city.say("1")
    assert [row["answer"] for row in city.rows(Objection)] == [None]
    assert len(city.rows(Report)) == 1
