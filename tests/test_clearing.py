"""Clearing: Twilio keeps nothing that was taken in, and everything that was not."""

import asyncio
from datetime import timedelta

import pytest

from bot import clearing, failures
from bot.channels.twilio import TwilioSender
from bot.desk import Away, Desk
from bot.messages import Outbound
from storage.inbox import Inbox
from tests.test_reconciler import twilio, wrote
from tests.world import World, address


def test_what_everybody_wrote_is_deleted_once_it_was_taken_in(little_world: World) -> None:
    async def scene() -> None:
        async with twilio() as (standins, line):
            sids = {wrote(standins, 1, "hola", ago=timedelta(minutes=11)), wrote(standins, 2, "votar", "whatsapp")}
            young = wrote(standins, 3, "hola", ago=timedelta(minutes=9))
            assert await clearing.clear(line, little_world.desk) == 2
            assert [each["sid"] for each in standins.twilio.inbound] == [young]
            assert {row["provider_id"] for row in little_world.rows(Inbox)} == {*sids, young}
            little_world.clock.forward(minutes=2)
            assert await clearing.clear(line, little_world.desk) == 1
            assert len(little_world.rows(Inbox)) == 3, "nothing is taken in twice"

    asyncio.run(scene())


def test_nothing_is_deleted_while_it_cannot_be_taken_in(little_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_desk: Desk, _told: object) -> bool:
        raise Away

    monkeypatch.setattr(Desk, "take", refuse)

    async def scene() -> None:
        async with twilio() as (standins, line):
            wrote(standins, 1, "hola", ago=timedelta(minutes=11))
            with pytest.raises(Away):
                await clearing.clear(line, little_world.desk)
            assert len(standins.twilio.inbound) == 1

    asyncio.run(scene())


def test_a_file_stays_until_it_can_have_been_fetched(little_world: World) -> None:
    async def scene() -> None:
        async with twilio() as (standins, line):
            wrote(standins, 1, "", "whatsapp", timedelta(hours=23), num_media="1")
            wrote(standins, 2, "", "whatsapp", timedelta(hours=25), num_media="1")
            assert await clearing.clear(line, little_world.desk) == 1
            assert [each["from"] for each in standins.twilio.inbound] == [address("whatsapp", 1)]

    asyncio.run(scene())


def test_what_could_not_be_deleted_is_deleted_by_the_next_run(little_world: World) -> None:
    async def scene() -> None:
        async with twilio() as (standins, line):
            for n in range(3):
                wrote(standins, n, "hola", ago=timedelta(minutes=11 + n))
            standins.fail(method="DeleteMessage", status=500, code=20500)
            assert await clearing.clear(line, little_world.desk) == 2
            assert len(standins.twilio.inbound) == 1
            assert await clearing.clear(line, little_world.desk) == 1
            assert standins.twilio.inbound == []

    asyncio.run(scene())


def test_the_answer_to_who_asked_for_the_form_is_deleted_too(little_world: World) -> None:
    async def scene() -> None:
        async with twilio() as (standins, line):
            sender = TwilioSender("sms", line)
            sid = await sender.send(address("sms", 1), Outbound("x"), 0)
            assert sid is not None
            assert set(standins.twilio.outbound) == {sid}
            await sender.forget(address("sms", 1), [sid])
            assert standins.twilio.outbound == {}
            await sender.forget(address("sms", 1), [sid])
            standins.fail(method="DeleteMessage", status=500, code=20500)
            with pytest.raises(failures.NotNow):
                await sender.forget(address("sms", 1), [sid])

    asyncio.run(scene())
