"""A vote in one message: what is taken for one, what it casts, and the one message that answers it."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bot import lifecycle
from bot.channels import gsm7
from bot.speech import LANGUAGES, Speaker
from flows import register
from flows.ballot_by_reply import receipt
from flows.consultation import Cast, Consultation, Proposal
from flows.language import Local
from storage.ballots import Ballot, Roll
from storage.talks import Talk
from tests.test_statements import BALLOT, spent
from tests.test_turn import second_consultation
from tests.world import CHANNELS, TALKED, World


@pytest.mark.parametrize(
    "typed",
    [
        "VOTAR 1 4 6", "votar 1,4 y 6", "Vote 1 4 6", "voto 1-4-6", "/vote 1 4 6", "votar: 1, 4, 6.", "Votar1 4 6",
        "VOTAR 1.4.6", "quiero votar 1 4 6", "votar uno cuatro seis", "votar por la 1, la 4 y la 6 por favor",
        "vote for 1, 4 and 6 please", "\u200bvotar\u00a01 4 6", "VÓTAR 6 4 1 1",
        "VOTAR 1\ufe0f\u20e34\ufe0f\u20e36\ufe0f\u20e3", "votar ①④⑥", "VOTAR 1 4 6 🙏", "«votar 1 4 6»",
        "Votar 1 4 6 porfa", "Hola, votar 1 4 6", "Buenas tardes. Quiero votar 1 4 6", "votar 1 4 6 buenas tardes",
        "vote 1 4 6 thank you!", "votar por las propuestas 1, 4 y 6. Muy buenas noches.",
    ],
)  # fmt: skip
def test_what_is_taken_for_a_ballot(little_world: World, typed: str) -> None:
    little_world.vote("2 5")
    got = little_world.say(typed)
    assert len(got) == 1
    assert [row["choices"] for row in little_world.rows(Ballot)] == ["p01 p04 p06"]


@pytest.mark.parametrize(
    "typed",
    [
        "votar", "votaré 1", "votar mañana 1", "voted 1", "vote no", "votar 2 veces me pidieron plata",
        "mi voto 1", "votar por los parques", "1 4 6", "hola 1 4 6", "votar 1 <3", "votar 5%",
        "votar $ 2", "votar 1 si no 4",
    ],
)  # fmt: skip
def test_what_is_not(typed: str) -> None:
    assert register.ballot_in(typed) == ""


def test_what_is_longer_than_any_ballot_is_none() -> None:
    assert register.ballot_in("votar 1" + " ." * 2000 + " x") == ""


def test_two_keycaps_are_two_numbers(little_world: World) -> None:
    little_world.vote("2 5")
    little_world.say("votar 1\ufe0f\u20e32\ufe0f\u20e3")
    assert [row["choices"] for row in little_world.rows(Ballot)] == ["p01 p02"]


@pytest.mark.parametrize(("word", "language"), [("vote", "en"), ("votar", "es")])
def test_who_is_new_is_answered_in_the_language_of_the_word(little_world: World, word: str, language: str) -> None:
    (got,) = little_world.say(f"{word} 1 4 6", "sms")
    assert ("Do you agree?" in got.text) == (language == "en")


@pytest.mark.parametrize("channel", TALKED)
def test_somebody_known_gets_one_message_with_the_numbers_and_the_receipt(world: World, channel: str) -> None:
    world.vote("2 5", channel)
    got = world.say("votar 1 4 6", channel)
    (ballot,) = world.rows(Ballot)
    assert (len(got), ballot["choices"]) == (1, "p01 p04 p06")
    assert ballot["id"] in got[0].text
    assert got[0].segments == 1
    assert world.rows(Talk) == []


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_ballot_by_reply_costs_one_statement_more_than_a_confirmed_one(world: World, channel: str) -> None:
    world.vote("2 5", channel)
    (turn,) = spent(world, "votar 1 4 6", channel=channel)
    assert len(turn) <= BALLOT + 1, turn


def consultation(most: int) -> Consultation:
    """With as many proposals as can be chosen, and an end whose day and month are the longest words."""
    proposals = tuple(Proposal(f"p{n}", n, *[Local({"es": "x"})] * 3) for n in range(1, most + 1))
    end = datetime(2026, 10, 1, tzinfo=ZoneInfo("America/Bogota"))
    return Consultation("x", Local({"es": "x"}), proposals, 1, most, end, end)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", ["counted", "changed"])
def test_the_receipt_is_one_segment_on_the_longest_day(status: str, language: str) -> None:
    seen = consultation(12)
    said = receipt(Cast(status, "0123456789"), seen, [p.id for p in seen.proposals], False, offer=True)
    assert said.short is not None
    text = gsm7.plain(Speaker(language).say(said.short))
    assert gsm7.segments(text) == 1, (len(text), text)
    assert ("1 2 3 4 5 6 7 8 9 10 11 12" in text, "0123456789" in text) == (True, True)


def test_of_several_open_votes_it_is_asked_which(little_world: World) -> None:
    little_world.vote("2 5")
    second_consultation(little_world)
    (asked,) = little_world.say("votar 1 4 6")
    assert "¿En cuál quiere votar?" in asked.text
    (got,) = little_world.press("Segunda consulta")
    assert "Su voto ya está en la urna" in got.text
    cast = {row["consultation"]: row["choices"] for row in little_world.rows(Ballot)}
    assert cast == {"cartagena-2022": "p02 p05", "second": "p01 p04 p06"}


def test_what_was_half_done_elsewhere_is_not_gone_on_with(little_world: World) -> None:
    little_world.vote("2 5")
    for text in ("votar", "7 8", "perfil", "votar 1 4 6"):
        little_world.say(text)
    assert little_world.rows(Talk) == []


def test_a_vote_that_was_never_cast_is_on_no_roll(little_world: World) -> None:
    little_world.say("votar 1 4 6")
    little_world.say("2")
    assert little_world.rows(Roll) == []


def test_numbers_that_waited_for_consent_are_not_for_a_vote_that_opened_since(little_world: World) -> None:
    little_world.say("votar 1 4 6")
    little_world.clock.forward(minutes=5)
    second_consultation(little_world)
    asked = little_world.say("1")[-1].text
    assert "¿En cuál quiere votar?" in asked
    assert "Elija hasta 3" in little_world.press("Segunda consulta")[-1].text
    assert little_world.rows(Ballot) == []


def test_numbers_that_waited_for_consent_go_when_the_vote_closes(little_world: World) -> None:
    little_world.say("votar 1 4 6")
    assert little_world.rows(Talk)[0]["sealed"]
    lifecycle.close(little_world.desk.engine, "cartagena-2022", little_world.clock())
    assert [row["sealed"] for row in little_world.rows(Talk)] in ([], [b""])
    assert "cerró" in little_world.say("1")[-1].text
