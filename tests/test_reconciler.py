"""The reconciler against a stand-in of Twilio: messages whose webhook never came are taken in, once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from bot import lifecycle, reconciler
from bot.channels.twilio import Account, TwilioLine
from bot.desk import Away, Desk
from bot.messages import Incoming
from cli.standins import Standins
from storage import ticks
from storage.ballots import Ballot
from storage.contacts import Contact, Person
from storage.database import transaction
from storage.inbox import Inbox
from storage.outbox import Outgoing
from tests.test_turn import second_consultation, write
from tests.world import DURING, World, address, incoming

NUMBERS = {"whatsapp": "whatsapp:+15550000001", "sms": "+15550000002"}
LONG_AGO = timedelta(minutes=10)


@asynccontextmanager
async def twilio(service: str = "") -> AsyncIterator[tuple[Standins, TwilioLine]]:
    async with Standins() as standins:
        sms = "" if service else NUMBERS["sms"]
        line = TwilioLine(
            Account(
                standins.account_sid, standins.auth_token, standins.twilio_url, "", NUMBERS["whatsapp"], sms, service
            )
        )
        try:
            yield standins, line
        finally:
            await line.close()


def wrote(
    standins: Standins, number: int, text: str, channel: str = "sms", ago: timedelta = LONG_AGO, **more: Any
) -> str:
    """Somebody wrote that, so long ago; the message's sid."""
    told = standins.twilio.receive(address(channel, number), NUMBERS[channel], text, DURING - ago)
    told.update(more)
    return str(told["sid"])


def test_missed_messages_are_taken_in_once_on_both_channels(world: World) -> None:
    async def scene() -> None:
        async with twilio() as (standins, line):
            sids = {wrote(standins, 1, "hola"), wrote(standins, 2, "hola", "whatsapp")}
            assert await reconciler.reconcile(line, world.desk) == 2
            assert {row["provider_id"] for row in world.rows(Inbox)} == sids
            assert {(row["channel"], row["address"]) for row in world.rows(Contact)} == {
                ("sms", address("sms", 1)),
                ("whatsapp", address("whatsapp", 2)),
            }
            assert len(world.rows(Outgoing)) == 2
            assert await reconciler.reconcile(line, world.desk) == 0
            assert len(world.rows(Outgoing)) == 2

    asyncio.run(scene())


def test_the_order_of_writing_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def take(_desk: Desk, told: Incoming) -> bool:
        said.append(told.text)
        return True

    monkeypatch.setattr(Desk, "take", take)

    async def scene() -> None:
        async with twilio() as (standins, line):
            for n in range(1200):  # three pages of the list
                wrote(standins, 1, str(n), ago=timedelta(seconds=3600 - n))
            assert await reconciler.reconcile(line, world.desk) == 1200
            assert said == [str(n) for n in range(1200)]

    asyncio.run(scene())


def test_a_whole_vote_that_was_missed_is_counted(world: World) -> None:
    async def scene() -> None:
        async with twilio() as (standins, line):
            for n, text in enumerate(("votar", "1", "1", "1", "1 4 6", "1")):
                wrote(standins, 1, text, ago=timedelta(minutes=20 - n))
            await reconciler.reconcile(line, world.desk)

    asyncio.run(scene())
    receipts = [row for row in world.rows(Outgoing) if row["kind"] == "receipt"]
    assert len(receipts) == 1


def test_what_came_over_the_webhook_is_left_alone(world: World) -> None:
    async def scene() -> None:
        async with twilio() as (standins, line):
            told = incoming("sms", address("sms", 1), "hola", 7)
            world.take(told)
            standins.twilio.receive(told.address, NUMBERS["sms"], "hola", DURING - LONG_AGO, told.provider_id)
            assert await reconciler.reconcile(line, world.desk) == 0
            assert len(world.rows(Inbox)) == 1

    asyncio.run(scene())


def test_a_young_message_is_left_to_its_webhook_and_taken_in_later(little_world: World) -> None:
    async def scene() -> None:
        async with twilio() as (standins, line):
            wrote(standins, 1, "hola", ago=timedelta(seconds=5))
            assert await reconciler.reconcile(line, little_world.desk) == 0
            little_world.clock.forward(minutes=5)
            assert await reconciler.reconcile(line, little_world.desk) == 1

    asyncio.run(scene())


def test_our_own_messages_and_pictures(little_world: World) -> None:
    async def scene() -> None:
        async with twilio() as (standins, line):
            wrote(standins, 1, "ours", direction="outbound-api")
            wrote(standins, 2, "", num_media="1")
            wrote(standins, 3, "", "whatsapp", body=None)
            assert await reconciler.reconcile(line, little_world.desk) == 2
            assert {row["address"] for row in little_world.rows(Contact)} == {
                address("sms", 2),
                address("whatsapp", 3),
            }

    asyncio.run(scene())


def test_with_a_messaging_service_every_number_is_looked_at(little_world: World) -> None:
    async def scene() -> None:
        async with twilio("MG" + "0" * 32) as (standins, line):
            wrote(standins, 1, "hola")
            wrote(standins, 2, "hola", "whatsapp")
            assert await reconciler.reconcile(line, little_world.desk) == 2

    asyncio.run(scene())


def test_the_list_is_asked_for_what_is_new_with_an_overlap(little_world: World) -> None:
    async def scene() -> None:
        async with twilio() as (standins, line):
            assert reconciler.since(little_world.desk.engine, DURING) == DURING - reconciler.FIRST_LOOK
            await reconciler.reconcile(line, little_world.desk)
            later = DURING + timedelta(minutes=5)
            assert reconciler.since(little_world.desk.engine, later) == DURING - reconciler.OVERLAP
            weeks = DURING + timedelta(days=20)
            assert reconciler.since(little_world.desk.engine, weeks) == weeks - reconciler.FIRST_LOOK
            asked = [given for _api, method, given in standins.calls if method == "ListMessage"]
            assert {given["To"] for given in asked} == set(NUMBERS.values())
            assert all("DateSent>" in given for given in asked)

    asyncio.run(scene())


def test_a_database_that_goes_away_in_the_middle_leaves_the_rest_for_the_next_look(
    little_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = Desk.take
    calls: list[str] = []

    def breaks(desk: Desk, told: Any) -> bool:
        calls.append(told.text)
        if len(calls) == 2:
            raise Away
        return takes(desk, told)

    async def scene() -> None:
        async with twilio() as (standins, line):
            for n in range(3):
                wrote(standins, n + 1, "hola", ago=timedelta(minutes=9 - n))
            monkeypatch.setattr(Desk, "take", breaks)
            with pytest.raises(Away):
                await reconciler.reconcile(line, little_world.desk)
            monkeypatch.setattr(Desk, "take", takes)
            with transaction(little_world.desk.engine) as connection:
                assert ticks.last(connection, reconciler.TICK) is None
            assert await reconciler.reconcile(line, little_world.desk) == 2

    asyncio.run(scene())


def test_a_contact_that_opted_out_is_not_brought_back(little_world: World) -> None:
    async def scene() -> None:
        async with twilio() as (standins, line):
            little_world.say("hola", "sms")
            with transaction(little_world.desk.engine) as connection:
                connection.execute(update(Contact).values(state="stopped"))
            wrote(standins, 1, "ayuda")
            await reconciler.reconcile(line, little_world.desk)
            assert [row["state"] for row in little_world.rows(Contact)] == ["stopped"]

    asyncio.run(scene())


def test_a_message_that_comes_late_answers_no_question_asked_since(world: World) -> None:
    """They wrote 2, which was lost; then wrote again, and were asked something else."""

    async def scene() -> None:
        async with twilio() as (standins, line):
            wrote(standins, 1, "2", ago=timedelta(minutes=2))
            assert "Acepta" in write(world, "votar", channel="sms")
            await reconciler.reconcile(line, world.desk)

    asyncio.run(scene())
    (late,) = world.delivered("sms", address("sms", 1))
    assert "llego tarde" in late.text
    assert "Acepta" in late.text
    assert "tarde" not in write(world, "1", channel="sms")


def test_an_opt_out_that_comes_late_is_obeyed(world: World) -> None:
    async def scene() -> None:
        async with twilio() as (standins, line):
            wrote(standins, 1, "baja", ago=timedelta(minutes=2))
            write(world, "votar", channel="sms")
            await reconciler.reconcile(line, world.desk)

    asyncio.run(scene())
    assert [row["state"] for row in world.rows(Contact)] == ["stopped"]


def test_several_late_messages_answer_nothing_either(world: World) -> None:
    async def scene() -> None:
        async with twilio() as (standins, line):
            for n, text in enumerate(("2", "ayuda", "1", "1")):
                wrote(standins, 1, text, ago=timedelta(minutes=9 - n))
            write(world, "votar", channel="sms")
            await reconciler.reconcile(line, world.desk)

    asyncio.run(scene())
    assert "Acepta" in world.delivered("sms", address("sms", 1))[-1].text
    assert world.rows(Person) == []


BEGUN = ("votar", "1", "1", "1")
"""A first vote up to the question for the proposals."""


def reconciled(world: World, *late: tuple[str, timedelta]) -> list[str]:
    """SMS of the first person that were lost, each with how long ago it was written; what they get in the end."""

    async def scene() -> None:
        async with twilio() as (standins, line):
            for text, ago in late:
                standins.twilio.receive(address("sms", 1), NUMBERS["sms"], text, world.clock() - ago)
            await reconciler.reconcile(line, world.desk)

    asyncio.run(scene())
    return [message.text for message in world.delivered("sms", address("sms", 1))]


def test_a_message_from_before_the_question_of_a_draft_does_not_answer_it_once_it_is_resumed(world: World) -> None:
    write(world, *BEGUN, channel="sms")
    world.clock.forward(minutes=10)
    write(world, "perfil", channel="sms")
    world.clock.forward(minutes=10)
    assert "Elija" in write(world, "votar", channel="sms")
    for ago in (25, 15, 5):  # before the vote, during it, and while the profile was asked
        (got,) = reconciled(world, ("2", timedelta(minutes=ago)))
        assert "llego tarde" in got
        assert "Elija" in got


def test_a_draft_resumed_by_a_late_message_is_not_answered_by_another(world: World) -> None:
    """They wrote VOTAR, which was lost; began a vote, turned to their profile, wrote 2 there, which was lost, and left.

    Both messages come when no question is open: the first resumes the vote, and the 2 was never for that.
    """
    world.clock.forward(minutes=10)
    write(world, *BEGUN, channel="sms")
    world.clock.forward(minutes=10)
    write(world, "perfil", channel="sms")
    world.clock.forward(minutes=10)
    write(world, "salir", channel="sms")
    got = reconciled(world, ("votar", timedelta(minutes=25)), ("2", timedelta(minutes=5)))
    assert "llego tarde" in got[-1]
    assert "Elija" in got[-1]
    assert "Eligio" in write(world, "2", channel="sms")


def test_a_draft_that_was_resumed_and_answered_in_lost_messages_goes_on(world: World) -> None:
    write(world, *BEGUN, channel="sms")
    write(world, "perfil", channel="sms")
    write(world, "salir", channel="sms")
    world.clock.forward(minutes=10)
    got = reconciled(world, ("votar", timedelta(minutes=5)), ("2", timedelta(minutes=4)))
    assert "Eligio" in got[-1]


@pytest.mark.parametrize(
    ("channel", "sender"),
    [
        ("sms", "+57310*****01"), ("whatsapp", "whatsapp:+57300*****01"), ("whatsapp", "whatsapp:REDACTED"),
        ("whatsapp", "whatsapp:"), ("whatsapp", "whatsapp:+57XXXXXXXX01"), ("whatsapp", "whatsapp:CO.****"),
    ],
)  # fmt: skip
def test_whoever_is_hidden_in_the_list_is_not_taken_for_a_person(
    little_world: World, channel: str, sender: str
) -> None:
    async def scene() -> None:
        async with twilio() as (standins, line):
            standins.twilio.receive(sender, NUMBERS[channel], "hola", DURING - LONG_AGO)
            assert await reconciler.reconcile(line, little_world.desk) == 0

    asyncio.run(scene())
    assert little_world.rows(Contact) == little_world.rows(Inbox) == []


def test_whoever_hides_their_number_from_us_is_taken_in(little_world: World) -> None:
    async def scene() -> None:
        async with twilio() as (standins, line):
            hidden = "whatsapp:CO.13491208655302741918"
            standins.twilio.receive(hidden, NUMBERS["whatsapp"], "hola", DURING - LONG_AGO)
            assert await reconciler.reconcile(line, little_world.desk) == 1

    asyncio.run(scene())


def test_a_ballot_that_comes_late_changes_no_newer_one_unasked(world: World) -> None:
    """They sent their vote, got no answer, and sent another; then the first one comes."""
    world.vote("2 5", "sms")
    world.clock.forward(minutes=10)
    assert "1 4 6" in write(world, "votar 1 4 6", channel="sms")
    (asked,) = reconciled(world, ("votar 1 4", timedelta(minutes=5)))
    assert "llego tarde: 1 4." in asked
    assert [row["choices"] for row in world.rows(Ballot)] == ["p01 p04 p06"]
    assert "no quedo" in write(world, "2", channel="sms")
    assert [row["choices"] for row in world.rows(Ballot)] == ["p01 p04 p06"]


def test_a_ballot_that_comes_late_and_was_the_last_word_counts(world: World) -> None:
    world.vote("2 5", "sms")
    world.clock.forward(minutes=10)
    (got,) = reconciled(world, ("votar 1 4", timedelta(minutes=5)))
    assert "1 4" in got
    assert [row["choices"] for row in world.rows(Ballot)] == ["p01 p04"]


def test_a_ballot_that_comes_late_is_not_for_a_vote_that_opened_since(little_world: World) -> None:
    little_world.vote("2 5", "sms")
    little_world.clock.forward(minutes=10)
    second_consultation(little_world, opens_at=little_world.clock() - timedelta(minutes=3))
    lifecycle.close(little_world.desk.engine, "cartagena-2022", little_world.clock())
    (asked,) = reconciled(little_world, ("votar 1 4", timedelta(minutes=5)))
    assert "Elija hasta 3" in asked
    assert "Usted escribio" not in asked
    assert [row["consultation"] for row in little_world.rows(Ballot)] == ["cartagena-2022"]


def test_the_hours_in_which_whatsapp_takes_any_words_count_from_when_they_wrote(little_world: World) -> None:
    write(little_world, "votar", channel="whatsapp")
    little_world.clock.forward(days=3)

    async def scene() -> None:
        async with twilio() as (standins, line):
            at = little_world.clock() - timedelta(hours=20)
            standins.twilio.receive(address("whatsapp", 1), NUMBERS["whatsapp"], "hola", at)
            await reconciler.reconcile(line, little_world.desk)

    asyncio.run(scene())
    (row,) = little_world.rows(Contact)
    assert little_world.clock() - row["heard_at"] == timedelta(hours=20)
