"""What residents are told where it is easily forgotten: rules, annulments, closings, what is kept of them."""

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import update

from bot import lifecycle, upkeep
from storage import catalogue
from storage.ballots import Ballot
from storage.catalogue import CityText
from storage.consultations import ConsultationRow
from storage.contacts import Contact
from storage.database import columns, transaction
from storage.parked import ParkedError
from storage.talks import Talk
from tests.test_one_vote import SLUG, rules, share_phone
from tests.test_turn import RESUMED, second_consultation, write
from tests.world import World, address

CHOOSING = ("votar", "1", "3", "2")
WHY = "Faltó una propuesta en la lista."
CLOSED = "cerró el"


def annul(world: World, slug: str = SLUG, why: str = WHY) -> None:
    lifecycle.annul(world.desk.engine, world.desk.keys, slug, why, world.clock())


def close(world: World) -> None:
    lifecycle.close(world.desk.engine, SLUG, world.clock())


def change(world: World, slug: str, **values: object) -> None:
    """Set columns of a consultation, as if it had been so from the start."""
    slugs = columns(ConsultationRow).slug
    with transaction(world.desk.engine) as connection:
        connection.execute(update(ConsultationRow).where(slugs == slug).values(values))
        catalogue.changed(connection)


# The rules


def test_the_rules_told_in_a_vote_are_those_of_that_vote(little_world: World) -> None:
    second_consultation(little_world)
    both = write(little_world, "reglas")
    assert ("Consulta de Gobierno Abierto 2022" in both, "Segunda consulta" in both) == (True, True)
    write(little_world, "votar", "1", "2", "3", "2")
    one = write(little_world, "reglas")
    assert one.startswith("Segunda consulta\nPuede votar toda persona de 18 años")
    assert "Consulta de Gobierno Abierto 2022" not in one


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"most": 1}, "Puede elegir una."),
        ({"least": 3}, "Debe elegir 3."),
        ({"least": 2}, "Puede elegir de 2 a 3."),
        ({"identity": "phone"}, "debemos saber que este teléfono es suyo"),
        ({"identity": "document"}, "debe mostrar su documento de identidad"),
    ],
)
def test_the_rules_say_how_many_and_what_to_show(little_world: World, changed: dict[str, object], told: str) -> None:
    rules(little_world, **changed)
    assert told in write(little_world, "reglas")


def test_without_any_vote_there_are_no_rules_to_tell(little_world: World) -> None:
    little_world.clock.forward(days=10)
    assert write(little_world, "reglas") == write(little_world, "votar", "1")


def test_who_must_show_a_document_is_told_the_office_its_place_and_hours(little_world: World) -> None:
    rules(little_world, identity="document")
    desk = json.dumps({"es": "Oficina de Participación, en la plaza. Abre de lunes a viernes, de 8 a 12.", "en": "x"})
    with transaction(little_world.desk.engine) as connection:
        connection.execute(update(CityText).where(columns(CityText).key == "help").values(body=desk))
        catalogue.changed(connection)
    got = write(little_world, "votar", "1")
    assert "Oficina de Participación, en la plaza. Abre de lunes a viernes, de 8 a 12." in got
    assert "AYUDA" not in got


# Annulled


def test_a_long_notice_is_told_in_short(little_world: World) -> None:
    annul(little_world, why="Porque " + "sí " * 300)
    got = write(little_world, "resultados")
    assert got.endswith("(...)")
    assert len(got) < 400


def test_an_annulment_is_told_until_later_results_are_published(little_world: World) -> None:
    second_consultation(little_world)
    annul(little_world)
    assert WHY in write(little_world, "resultados")
    little_world.clock.forward(days=30)
    lifecycle.count(little_world.desk.engine, little_world.desk.keys, "second", little_world.clock())
    lifecycle.publish(little_world.desk.engine, "second", little_world.clock())
    assert WHY in write(little_world, "resultados")
    change(little_world, SLUG, opens_at=little_world.clock() - timedelta(days=400))
    assert WHY not in write(little_world, "resultados")
    assert WHY in write(little_world, "/start r-cartagena-2022")


def test_a_vote_that_is_open_is_not_held_up_by_one_that_was_annulled(little_world: World) -> None:
    second_consultation(little_world)
    annul(little_world)
    assert "¿Cuántos años tiene?" in write(little_world, "votar", "1")
    assert WHY in write(little_world, "/start v-cartagena-2022")


# Closed


def test_who_was_choosing_is_told_once_that_voting_closed_and_the_choice_is_gone(world: World) -> None:
    write(world, *CHOOSING, "1 4 6")
    close(world)
    (row,) = world.rows(Talk)
    assert (row["subject"], row["sealed"]) == (SLUG, b"")
    got = write(world, "1")
    assert CLOSED in got
    assert "No quedó guardado ningún voto suyo." in got
    assert "¿Qué quiere hacer?" in got
    assert CLOSED not in write(world, "menú")
    assert world.rows(Ballot) == []


@pytest.mark.parametrize("word", ["ayuda", "menú", "salir", "atrás", "votar", "otra persona", "xyz"])
def test_whatever_they_write_next_they_learn_that_it_closed(little_world: World, word: str) -> None:
    write(little_world, *CHOOSING)
    close(little_world)
    assert write(little_world, word).count(CLOSED) == 1
    assert little_world.rows(ParkedError) == []


def test_a_button_of_a_closed_vote_tells_that_it_closed(little_world: World) -> None:
    write(little_world, *CHOOSING, "1 4 6")
    close(little_world)
    assert CLOSED in little_world.press("Sí, votar")[-1].text
    assert little_world.rows(Ballot) == []


def test_an_opt_out_is_obeyed_even_then(little_world: World) -> None:
    write(little_world, *CHOOSING)
    close(little_world)
    got = write(little_world, "baja")
    assert (CLOSED in got, "Ya no le escribiremos" in got) == (True, True)
    assert little_world.rows(Contact)[0]["state"] == "stopped"


def test_who_had_voted_before_is_told_that_this_vote_counts(little_world: World) -> None:
    write(little_world, *CHOOSING, "1 4 6", "1", "votar", "2")
    close(little_world)
    got = write(little_world, "1")
    assert (CLOSED in got, "El voto que usted dio antes sí cuenta." in got) == (True, True)


def test_a_link_to_a_closed_vote_does_not_lead_to_another(little_world: World) -> None:
    second_consultation(little_world)
    close(little_world)
    assert CLOSED in write(little_world, "/start v-cartagena-2022", "1")


def test_after_the_clock_has_closed_it_they_are_told_too(little_world: World) -> None:
    write(little_world, *CHOOSING, "1 4 6")
    little_world.clock.now = little_world.rows(ConsultationRow)[0]["closes_at"]
    upkeep.close_ended(little_world.desk.engine, little_world.desk.keys, little_world.clock())
    assert CLOSED in write(little_world, "1")


@pytest.mark.parametrize("words", [("menú",), ("votar",), ("resultados",)])
def test_nobody_is_asked_to_go_on_with_what_they_left(little_world: World, words: Sequence[str]) -> None:
    write(little_world, *CHOOSING, "menú")
    little_world.clock.forward(days=10)
    assert RESUMED not in write(little_world, *words)


# First words


def first_language(world: World, text: str, who: int) -> str:
    write(world, text, channel="sms", who=who)
    where = address("sms", who)
    return next(str(row["language"]) for row in world.rows(Contact) if row["address"] == where)


def test_the_first_word_chooses_english(little_world: World) -> None:
    english = ["vote", "VOTE!", "hello", "results", "help", "english"]
    spanish = ["votar", "hola", "menu", "resultados", "stop", "start", "cualquier cosa", "quiero vote"]
    got = [first_language(little_world, text, who) for who, text in enumerate([*english, *spanish], 1)]
    assert got == ["en"] * len(english) + ["es"] * len(spanish)


def test_a_later_word_of_english_changes_no_language(little_world: World) -> None:
    write(little_world, "hola", "1")
    assert "¿Cuántos años tiene?" in write(little_world, "vote")


def test_with_two_votes_open_a_greeting_leads_to_the_menu(little_world: World) -> None:
    second_consultation(little_world)
    assert "¿Qué quiere hacer?" in write(little_world, "hola", "1")


# What is kept


def shown(world: World, choice: str) -> str:
    return write(world, "privacidad", choice)


def test_my_data_tells_phone_language_notices_and_the_day_of_consent(little_world: World) -> None:
    little_world.clock.now = little_world.clock.now.replace(hour=3)  # in Cartagena it is still the day before
    write(little_world, "hola", "1")
    share_phone(little_world, "+573001112233")
    write(little_world, "baja")
    got = shown(little_world, "1")
    assert "termina en 4001. Idioma: Español." in got
    assert "Teléfono: termina en 2233" in got
    assert "Usted nos pidió no escribirle por ahí." in got
    assert "Usted aceptó el 15 de noviembre de 2022." in got
    exported = json.loads(shown(little_world, "2"))
    assert exported["consented_on"] == "2022-11-15"
    assert exported["contacts"] == [
        {"channel": "telegram", "ending": "4001", "phone": "2233", "language": "es", "notices": False}
    ]


def test_my_data_tells_of_a_browser_s_chat_no_address(little_world: World) -> None:
    write(little_world, "hola", "1", channel="web")
    got = write(little_world, "privacidad", "1", channel="web")
    assert "Chat: en el navegador. Idioma: Español." in got
    assert "termina en" not in got
    (chat,) = json.loads(write(little_world, "privacidad", "2", channel="web"))["contacts"]
    assert (chat["channel"], chat["ending"]) == ("web", None)


def test_who_has_not_voted_is_not_told_of_nought_votes(little_world: World) -> None:
    write(little_world, "hola", "1")
    got = shown(little_world, "1")
    assert "Usted todavía no ha votado." in got
    assert "0 votaciones" not in got
    assert "urna" not in got


# A barrio


def test_a_barrio_nearly_right_is_kept_only_when_they_say_yes(little_world: World) -> None:
    rules(little_world, asks=["place"])
    assert "¿Es Bocagrande (Unidad Comunera 1)?" in write(little_world, "votar", "1", "bocagrnde")
    assert write(little_world, "2").startswith("Escriba otra vez el nombre de su barrio")
    assert "¿Es Nelson Mandela" in write(little_world, "nelson mandella")
    assert "Elija hasta 3" in write(little_world, "1")


def test_the_short_form_of_an_answer_goes_by_sms(little_world: World) -> None:
    with transaction(little_world.desk.engine) as connection:
        texts = columns(CityText)
        questions = json.loads(next(row["body"] for row in little_world.rows(CityText) if row["key"] == "questions"))
        questions["age"][0]["short"] = {"es": "Hasta 24", "en": "To 24"}
        connection.execute(update(CityText).where(texts.key == "questions").values(body=json.dumps(questions)))
        catalogue.changed(connection)
    assert "1. Hasta 24\n" in write(little_world, "votar", "1", channel="sms")
    assert "1. 18 a 24 años\n" in write(little_world, "votar", "1")


def test_a_list_of_two_is_answered_with_one_or_two(little_world: World) -> None:
    row = little_world.rows(ConsultationRow)[0]
    change(little_world, SLUG, proposals=json.dumps(json.loads(row["proposals"])[:2]))
    rules(little_world, most=2)
    got = write(little_world, *CHOOSING)
    assert "así: 1 2" in got
    assert "así: 1 2" in write(little_world, "las dos de la plaza")
    assert "Responda 1 o 2." in write(little_world, "1", "quizás")
