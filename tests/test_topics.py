"""Topics: how somebody agrees to hear of votes, and that the question never costs them their receipt."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot import notices
from bot.channels import gsm7
from bot.speech import Speaker
from flows import topics
from flows.consultation import Cast, Consultation
from flows.language import Local
from flows.vote import tell
from storage import audiences
from storage.ballots import Ballot
from storage.contacts import Contact, Housemate
from storage.database import reading
from storage.outbox import Outgoing
from storage.participants import Follow
from storage.talks import Talk
from tests.world import World, address, incoming

ZONE = ZoneInfo("America/Bogota")
VOTE = ("votar", "1", "1", "1", "1 4 6")


def scopes(world: World) -> list[str]:
    return [row["scope"] for row in world.rows(Follow)]


def test_the_topics_are_those_that_audiences_are_made_by() -> None:
    assert set(topics.TOPICS) == {*map(audiences.scope, audiences.TOPICS), audiences.BY_SMS}
    assert set(topics.SHORT) == set(topics.TOPICS)


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_receipt_with_the_word_for_reminders_is_one_sms_on_every_day(language: str) -> None:
    say = Speaker(language).say
    for n in range(366):
        closes = datetime.combine(date(2024, 1, 1) + timedelta(days=n), datetime.min.time(), ZONE)
        consultation = Consultation("x", Local({}), (), 1, 1, closes, closes.replace(hour=23, minute=59))
        told = tell(Cast("counted", "K7M2QP9XAB"), consultation, offer=True)
        assert told.short is not None
        text = gsm7.plain(say(told.short))
        assert "ALTA" in text
        assert gsm7.segments(text) == 1, text


@pytest.mark.parametrize("channel", ["telegram", "web"])
def test_a_first_vote_asks_once_where_messages_are_free(channel: str, little_world: World) -> None:
    for text in VOTE:
        little_world.say(text, channel)
    (got,) = little_world.say("1", channel)
    assert "Su recibo es" in got.text
    assert "¿Le avisamos de las votaciones" in got.text
    little_world.say("sí", channel)
    assert scopes(little_world) == [topics.VOTES]


def test_what_was_declined_is_not_asked_when_the_vote_is_changed(little_world: World) -> None:
    little_world.vote("1 4 6")
    little_world.say("no")
    for text in ("votar", "2 5"):
        little_world.say(text)
    (got,) = little_world.say("1")
    assert "Le avisamos" not in got.text
    assert scopes(little_world) == []


@pytest.mark.parametrize("channel", ["whatsapp", "sms"])
def test_where_a_message_costs_the_receipt_names_the_word_and_nothing_waits(channel: str, little_world: World) -> None:
    assert "ALTA" in little_world.vote("1 4 6", channel)
    little_world.say("alta", channel)
    assert scopes(little_world) == [topics.VOTES]


@pytest.mark.parametrize("before", ["alta", "baja"])
def test_who_gets_reminders_or_wants_no_notices_is_not_asked(before: str, little_world: World) -> None:
    little_world.say("votar")
    little_world.say("1")
    little_world.say(before)
    for text in VOTE[2:]:
        little_world.say(text)
    (got,) = little_world.say("1")
    assert "recibo" in got.text
    assert "Le avisamos" not in got.text


def test_the_receipt_arrives_though_the_person_moves_on(little_world: World) -> None:
    for text in VOTE:
        little_world.say(text)
    for text in ("1", "resultados"):
        little_world.desk.take(incoming("telegram", address("telegram", 1), text, next(little_world._ids)))
    waiting = little_world.delivered("telegram", address("telegram", 1))
    assert "Su recibo es" in waiting[0].text
    assert len(little_world.rows(Ballot)) == 1


def test_the_question_keeps_nothing_of_what_was_chosen(little_world: World) -> None:
    receipt = little_world.vote("1 4 6")
    (talk,) = little_world.rows(Talk)
    opened = little_world.desk.ink.open(talk["sealed"])
    assert opened is not None
    assert talk["flow"] == "remind"
    assert talk["subject"] == ""
    assert b"p01" not in opened
    code = receipt.split("Su recibo es ")[1][:10]
    assert code.encode() not in opened


def test_baja_stops_all_of_a_contact_and_alta_brings_back_what_was_agreed_to(little_world: World) -> None:
    little_world.vote("1 4 6")
    little_world.say("sí")
    little_world.say("baja")
    assert [row["state"] for row in little_world.rows(Contact)] == ["stopped"]
    assert scopes(little_world) == [topics.VOTES]
    little_world.say("alta")
    assert [row["state"] for row in little_world.rows(Contact)] == ["active"]


def test_alta_of_somebody_unknown_keeps_nothing_of_them(little_world: World) -> None:
    (got,) = little_world.say("alta")
    assert "RECORDAR" in got.text
    assert scopes(little_world) == []


def test_the_copy_of_ones_data_names_the_topics(little_world: World) -> None:
    little_world.vote("1 4 6")
    little_world.say("alta")
    little_world.say("privacidad")
    assert '"topics": [\n  "votes"\n ]' in little_world.say("2")[-1].text


def test_a_topic_is_no_thing_of_the_plan(little_world: World) -> None:
    """A notice about the plan goes to who follows it, not to who agreed to hear of votes."""
    little_world.vote("1 4 6")
    little_world.say("alta")
    little_world.clock.now = datetime(2023, 2, 13, 15, 0, tzinfo=UTC)
    assert not notices.tell(little_world.desk, little_world.clock())
    assert {row["kind"] for row in little_world.rows(Outgoing)} == {"reply", "receipt"}


def agree_to_sms(world: World) -> None:
    world.say("alta", "whatsapp")
    world.say("avisos", "whatsapp")
    world.press("Recibir: un SMS", "whatsapp")


def test_who_agrees_to_sms_can_be_reached_at_their_number_and_first_where_they_wrote(world: World) -> None:
    world.vote("1 4 6", "whatsapp")
    agree_to_sms(world)
    found = {row["channel"]: row for row in world.rows(Contact)}
    assert found["sms"]["address"] == found["whatsapp"]["address"].removeprefix("whatsapp:")
    assert found["sms"]["person_id"] == found["whatsapp"]["person_id"]
    with reading(world.desk.engine) as connection:
        (row,) = connection.execute(audiences.reachable(audiences.Audience(), "votes", ("+57",))).all()
    assert row.channel == "whatsapp"


def test_an_sms_contact_that_somebody_else_uses_stays_theirs(little_world: World) -> None:
    number = address("whatsapp", 1).removeprefix("whatsapp:")
    for text in ("votar", "1"):
        little_world.say(text, "sms", number)
    little_world.vote("1 4 6", "whatsapp")
    before = len(little_world.rows(Housemate))
    agree_to_sms(little_world)
    assert len(little_world.rows(Housemate)) == before
