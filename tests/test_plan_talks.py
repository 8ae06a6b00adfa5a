"""Conversations about a plan that take a turn: long lists, what comes in between, answers that are easily misread."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.lists import MOST_SCREENS
from flows.milestones import MOST_SCREENS as MOST_MILESTONES
from storage import participants
from storage.database import transaction
from storage.participants import Follow, Invitation
from storage.voices import Judgement, Objection, Report
from tests.audience import PLAN, employ, follow, objection, person, report, sit, town
from tests.test_notices import folder, many_milestones
from tests.world import World, address


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


def test_a_committee_is_told_what_still_awaits_it(long_city: World) -> None:
    sit(long_city, person(long_city))
    for number in range(1, 11):
        report(long_city, number)
    long_city.say("comité")
    for said in ("3", *"1111111"):
        got = long_city.say(said)
    assert got[-1].text.endswith("Todavía esperan su opinión 3 informes. Para seguir escriba COMITÉ.")
    for said in ("comité", "1", "1", "3"):
        got = long_city.say(said)
    assert got[-1].text == "Todavía espera su opinión 1 informe. Para seguir escriba COMITÉ."
    assert len(long_city.rows(Judgement)) == 9


def test_an_office_is_told_what_still_waits_for_its_answer(city: World) -> None:
    employ(city, employ(city, person(city, who=1)), "planeacion")
    number = report(city)
    for who in range(2, 12):
        objection(city, number, person(city, who=who))
    city.say("responder")
    for _number in range(8):
        got = city.say("Iremos el sábado.")
    assert got[-1].text.endswith("Todavía esperan respuesta 2 controversias. Para seguir escriba RESPONDER.")
    city.say("responder")
    with transaction(city.desk.engine) as connection:
        participants.dismiss(connection, PLAN, "comunicaciones")
    assert "Usted ya no informa por esa oficina" in city.say("Iremos el domingo.")[-1].text


def test_a_seat_changes_what_it_said(city: World) -> None:
    sit(city, person(city))
    report(city)
    for said in ("comité", "1"):
        city.say(said)
    assert "Diseñar cómo" in city.say("comité")[-1].text
    assert "Nada cambió" in city.say("2")[-1].text
    for said in ("comité", "1", "2 no vino nadie"):
        got = city.say(said)
    assert "su silla objeta" in got[-1].text
    assert [row["verdict"] for row in city.rows(Judgement)] == ["validated", "objected"]


def test_a_button_pressed_twice_speaks_for_one_seat(city: World) -> None:
    who = sit(city, person(city))
    sit(city, who, "academia-2")
    report(city)
    city.say("comité")
    (data,) = [data for words, data in city.last["telegram", address("telegram", 1)].buttons if "Validar" in words]
    for _press in (1, 2):
        city.press_data(data)
    assert len(city.rows(Judgement)) == 1


def test_all_that_somebody_follows_can_be_stopped_one_by_one(city: World) -> None:
    who = person(city)
    for number in range(9):
        follow(city, who, f"office:{PLAN}/o{number}")
    city.say("avisos")
    assert "4. Dejar: o8" in city.press("Ver más")[-1].text
    city.say("4")
    assert {row["scope"][-2:] for row in city.rows(Follow)} == {f"o{n}" for n in range(8)}


def test_of_two_seats_either_can_be_passed_on(city: World) -> None:
    who = sit(city, person(city))
    sit(city, who, "grupos-1")
    city.say("silla")
    assert "la silla Grupos poblacionales 1" in city.say("2")[-1].text
    city.say("2")
    assert [row["subject"] for row in city.rows(Invitation)] == ["grupos-1"]


def test_an_office_that_answers_for_nothing_is_told_so(sqlite_url: str, tmp_path: Path) -> None:
    made = folder(tmp_path)
    with (made / "plans" / PLAN / "offices.csv").open("a", encoding="utf-8") as file:
        file.write("nueva,Oficina Nueva,New Office,Nueva,New\n")
    world = town(sqlite_url, tmp_path, city=made)
    employ(world, person(world), "nueva")
    assert world.say("avance")[-1].text == "Su oficina no responde ahora por ningún hito."


# What comes in between


def test_a_report_that_comes_while_somebody_objects_is_not_what_they_object_to(city: World) -> None:
    person(city)
    report(city)
    for text in ("hitos", "1", "3", "No hubo reunión."):
        city.say(text)
    report(city, state="complete")
    assert "La oficina informó otra vez" in city.say("1")[-1].text
    assert city.rows(Objection) == []


def test_a_report_that_is_kept_is_not_gone_on_with(city: World) -> None:
    employ(city, person(city))
    for text in ("avance", "1", "2", "Se hizo la reunión.", "hitos"):
        city.say(text)
    assert "¿De qué hito va a informar?" in city.say("avance")[-1].text
    assert len(city.rows(Report)) == 1


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
