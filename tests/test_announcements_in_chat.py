"""Announcements in the chat: reading the last ones again, and the trial of one that is not sent yet."""

from datetime import timedelta
from typing import Any

import pytest

from bot.announcements import trial as announcement_trial
from storage import announcements
from storage.announcements import AnnouncementRow
from storage.ballots import CODE_LETTERS
from storage.database import transaction
from storage.outbox import Outgoing
from tests.announced import WORDS, announce, draft, got, move, one, person, tick
from tests.world import World


def test_the_last_three_that_were_sent_are_read_again_newest_first(world: World) -> None:
    person(world)
    for n in range(4):
        world.clock.forward(days=2, hours=1)
        words = {key: {**each, "title": f"Aviso {n}"} for key, each in WORDS.items()}
        announce(world, words=words, urgent="Por una emergencia en la ciudad")
        tick(world)
        assert got(world)
    (told,) = world.say("leer")
    assert [line for line in told.text.split("\n") if line.startswith("Aviso ") and "del" not in line] == [
        "Aviso 3", "Aviso 2", "Aviso 1",
    ]  # fmt: skip
    assert WORDS["es"]["text"] in told.text


def test_by_sms_the_short_form_is_read_again(little_world: World) -> None:
    person(little_world, "sms")
    announce(little_world)
    tick(little_world)
    got(little_world, "sms")
    (told,) = little_world.say("read", "sms")
    assert "Sabado 9: parque" in told.text
    assert WORDS["es"]["title"] not in told.text


def test_what_was_cancelled_or_is_older_than_two_weeks_is_not_told(little_world: World) -> None:
    person(little_world)
    old = announce(little_world)
    tick(little_world)
    move(little_world, old, one(little_world, old).state, "cancelled")
    assert "no le mandamos avisos" in little_world.say("leer")[-1].text
    announce(little_world)
    tick(little_world)
    little_world.clock.forward(days=15)
    assert "AVISOS" in little_world.say("leer")[-1].text


def test_what_somebody_else_was_sent_is_not_told(little_world: World) -> None:
    person(little_world)
    person(little_world, who=2, topics=())
    announce(little_world)
    tick(little_world)
    assert WORDS["es"]["text"] not in little_world.say("leer", who=2)[-1].text


def drafted(world: World, state: str = "draft", **more: Any) -> int:
    with transaction(world.desk.engine) as connection:
        return announcements.make(connection, draft(world, **more), None, world.clock(), state=state)


def code(world: World, id: int) -> str:
    return announcement_trial.code(world.desk.secret, one(world, id))


@pytest.mark.parametrize(("channel", "words"), [("telegram", WORDS["es"]["text"]), ("sms", "Sabado 9: parque")])
def test_a_trial_shows_the_announcement_as_the_channel_sends_it(channel: str, words: str, little_world: World) -> None:
    given = code(little_world, drafted(little_world))
    assert len(given) == announcement_trial.LENGTH
    assert set(given) <= set(CODE_LETTERS)
    (got,) = little_world.say(f"prueba {given[:4]} {given[4:].lower()}", channel)
    assert words in got.text
    assert "BAJA" in got.text
    assert {row["kind"] for row in little_world.rows(Outgoing)} == {"reply"}


def test_a_trial_leaves_an_open_conversation_where_it_is(little_world: World) -> None:
    given = code(little_world, drafted(little_world))
    for text in ("votar", "1", "1"):
        little_world.say(text)
    little_world.say(f"TEST {given}")
    assert "Consulta de Gobierno Abierto 2022" in little_world.say("1")[-1].text


def test_a_code_is_good_for_one_revision_until_it_goes_out(little_world: World) -> None:
    id = drafted(little_world)
    given, told = code(little_world, id), WORDS["es"]["text"]
    with transaction(little_world.desk.engine) as connection:
        row = AnnouncementRow.__table__  # type: ignore[attr-defined]
        connection.execute(row.update().values(revision=2))
    assert told not in little_world.say(f"prueba {given}")[-1].text
    again = code(little_world, id)
    assert again != given
    move(little_world, id, "draft", "approved")
    assert told in little_world.say(f"prueba {again}")[-1].text
    move(little_world, id, "approved", "sending")
    assert told not in little_world.say(f"prueba {again}")[-1].text


@pytest.mark.parametrize("typed", ["prueba", "prueba de votar", "test 00000000", "prueba AAAA", "/test"])
def test_what_is_no_code_is_answered_like_anything_unknown(typed: str, little_world: World) -> None:
    drafted(little_world)
    assert [m.text for m in little_world.say(typed)] == [m.text for m in little_world.say("qwerty", who=2)]


def test_words_that_are_not_finished_are_not_shown(little_world: World) -> None:
    id = drafted(little_world, words={"es": {"title": "Reunión", "text": "", "short": ""}})
    assert "Reunión" not in little_world.say(f"prueba {code(little_world, id)}")[-1].text


def test_the_secret_makes_the_code(little_world: World) -> None:
    found = one(little_world, drafted(little_world))
    assert announcement_trial.code(b"another", found) != announcement_trial.code(little_world.desk.secret, found)
    assert found.draft.until > little_world.clock() + timedelta(days=1)
