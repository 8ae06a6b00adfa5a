"""Redaction: WhatsApp takes complaints while Twilio is seen to keep no text, and not a message longer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bot import failures
from bot.channels import twilio as channel
from bot.channels.twilio import TwilioLine, TwilioSender
from bot.complaints import cases, redaction
from bot.complaints.confidential import Confidential, waiting
from bot.complaints.redaction import Check
from bot.complaints.ways import Ways
from bot.messages import Outbound
from bot.worker import Worker
from cli import wiring
from cli.standins import Standins
from storage import ticks, volatile
from storage.database import reading, transaction
from tests import vaults
from tests.test_confidential import STORY, changed, dump, tell, volatile_rows
from tests.test_reconciler import NUMBERS, twilio
from tests.world import World, address, twilio_form

PHONE = "whatsapp:+573009999999"
TOLD = STORY[:4]
Scene = Callable[["Account"], Awaitable[None]]


class Account:
    """The stand-in's account, with the check that looks at it, and people who write."""

    def __init__(self, world: World, standins: Standins, line: TwilioLine):
        self.world, self.standins, self.twilio, self.line = world, standins, standins.twilio, line
        self._ids = count(7001)
        self.restart()

    def restart(self) -> None:
        """The worker is started anew."""
        self.check = Check(self.line, self.world.desk, ways(self.world), PHONE)

    def writes(self, text: str = "hola", **more: str) -> str:
        """Somebody writes by WhatsApp: Twilio lists it, and calls us."""
        self.world.clock.forward(minutes=1)
        sid, who = f"SM{next(self._ids):032x}", address("whatsapp", 5)
        told = channel.read(twilio_form(sid, who, text, **more))
        assert told is not None
        self.twilio.receive(who, NUMBERS["whatsapp"], text, self.world.clock(), sid)
        self.world.take(told)
        return sid

    async def looks(self, times: int = 1) -> str:
        """The minutes pass; why WhatsApp takes no complaints then."""
        for _n in range(times):
            self.world.clock.forward(minutes=1)
            await self.check.look()
        return self.why

    async def passes(self) -> None:
        """It passes as it does on a good day."""
        self.twilio.redacts = True
        self.writes()
        assert await self.looks(2) == ""

    @property
    def why(self) -> str:
        with reading(self.world.desk.engine) as connection:
            return redaction.standing(connection, self.world.clock()).why

    def tests(self) -> list[dict[str, str]]:
        """The messages that the check sent."""
        return [given for _at, name, given in self.standins.calls if name == "CreateMessage" and given["To"] == PHONE]


def ways(world: World) -> Ways:
    assert isinstance(world.desk.confidential, Confidential)
    return world.desk.confidential.ways


@pytest.fixture
def world(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    with vaults.taking_complaints(sqlite_url, tmp_path, WHATSAPP_COMPLAINTS=PHONE) as made:
        yield made


def play(world: World, scene: Scene) -> None:
    """A scene with an account of Twilio's."""

    async def played() -> None:
        async with twilio() as (standins, line):
            await scene(Account(world, standins, line))

    asyncio.run(played())


def test_it_passes_when_a_text_that_came_and_one_that_went_are_seen_to_be_gone(world: World) -> None:
    async def scene(account: Account) -> None:
        assert account.why == "never"
        assert "/denuncia" in tell(world, "denunciar", channel="whatsapp")
        await account.passes()
        (sent,) = account.tests()
        assert (sent["ContentRetention"], sent["AddressRetention"]) == ("discard", "obfuscate")
        assert account.twilio.outbound == {}, "the test is deleted"
        assert "Dos empresas" in tell(world, "denunciar", channel="whatsapp")

    play(world, scene)


def test_nothing_is_assumed(world: World) -> None:
    """No pass without a message that is known to have come with words, be the list as empty as it may."""

    async def scene(account: Account) -> None:
        account.twilio.redacts = True
        account.writes("", NumMedia="1")
        account.writes("", Latitude="10.4", Longitude="-75.5")
        assert await account.looks(5) == "never"
        assert account.tests() == []
        account.writes("una palabra")
        assert await account.looks(2) == ""

    play(world, scene)


def test_an_account_without_redaction_does_not_pass(world: World) -> None:
    async def scene(account: Account) -> None:
        account.writes()
        assert await account.looks(2) == "received"
        assert account.tests() == []
        account.writes()
        account.twilio.inbound[0]["body"] = ""  # as if what comes in were kept without its text, and only that
        assert await account.looks() == "off"
        assert len(account.tests()) == 1
        assert await account.looks(5) == "off"
        assert len(account.tests()) == 1, "whoever has the phone is not written to each minute"

    play(world, scene)


def test_a_message_of_ours_that_keeps_its_text_does_not_pass(world: World) -> None:
    async def scene(account: Account) -> None:
        account.twilio.redacts = True
        account.writes()
        await account.looks()
        (kept,) = account.twilio.outbound.values()
        kept["body"] = "still there"
        assert await account.looks() == "sent"

    play(world, scene)


def test_a_text_in_the_list_ends_a_pass_at_once(world: World) -> None:
    async def scene(account: Account) -> None:
        await account.passes()
        account.writes("hola otra vez")
        assert await account.looks() == ""
        account.twilio.redacts = False
        account.writes("esto queda")
        assert await account.looks() == "received"
        account.twilio.redacts = True
        world.clock.forward(minutes=2)
        account.writes("ya no queda")
        assert await account.looks(2) == "received", "the next test is an hour after the last"
        world.clock.forward(hours=1)
        account.writes("ya no queda")
        assert await account.looks(2) == ""

    play(world, scene)


def test_a_pass_is_renewed_and_runs_out(world: World) -> None:
    async def scene(account: Account) -> None:
        await account.passes()
        for _hour in range(30):
            world.clock.forward(minutes=59)
            account.writes()
            assert await account.looks() == ""
        assert len(account.tests()) == 3, "one in twelve hours"
        world.clock.forward(hours=24)
        assert await account.looks() == "old", "nobody wrote, and nothing was seen"

    play(world, scene)


def test_while_nobody_looks_there_is_no_pass(world: World) -> None:
    async def scene(account: Account) -> None:
        await account.passes()
        account.standins.fail(method="ListMessage", status=500, code=20500, times=100)
        for _minute in range(10):
            world.clock.forward(minutes=1)
            with pytest.raises(Exception):  # noqa: B017  whatever Twilio's client raises
                await account.check.look()
        assert account.why == "unwatched"
        assert "Para denunciar corrupción use esta página" in tell(world, "denunciar", channel="whatsapp")

    play(world, scene)


def test_a_clock_that_is_set_back_ends_a_pass(world: World) -> None:
    async def scene(account: Account) -> None:
        await account.passes()
        world.clock.forward(days=-3)
        assert account.why == "never"
        await account.looks()
        assert account.why == "never", "a look does not make an old pass good again"
        account.twilio.redacts = False
        account.writes()
        assert await account.looks() == "received"

    play(world, scene)


def test_a_look_of_a_clock_that_was_ahead_is_none(world: World) -> None:
    async def scene(account: Account) -> None:
        await account.passes()
        world.clock.forward(hours=2)
        with transaction(world.desk.engine) as connection:
            ticks.mark(connection, redaction.LOOKED, world.clock())
        world.clock.forward(hours=-1)
        assert account.why == "unwatched"

    play(world, scene)


def test_a_test_under_way_is_not_believed_after_a_restart(world: World) -> None:
    async def scene(account: Account) -> None:
        account.twilio.redacts = True
        account.writes()
        await account.looks()
        account.restart()
        assert await account.looks() == "never"
        assert await account.looks() == ""
        assert len(account.tests()) == 2

    play(world, scene)


def test_what_was_being_told_is_wiped_before_more_of_it_is_written(world: World) -> None:
    before = dump(world)

    async def scene(account: Account) -> None:
        await account.passes()
        tell(world, *TOLD, channel="whatsapp")
        tell(world, *TOLD, who=2)
        assert len(volatile_rows(world, "part")) == 2
        account.twilio.redacts = False
        account.writes("esto queda")
        await account.looks()
        assert world.desk.volatile is not None
        (told,) = waiting(world.desk.volatile, "whatsapp", address("whatsapp", 1))
        assert "Borramos lo que nos contó" in told.text
        assert "https://cuenta.example.test/denuncia" in told.text
        assert [row.chat.partition("|")[0] for row in volatile_rows(world, "draft")] == ["telegram"]
        assert len(volatile_rows(world, "part")) == 1
        assert "ya pasó" in tell(world, "en la plaza", channel="whatsapp"), "no ordinary turn takes what comes late"

    play(world, scene)
    assert changed(before, dump(world)) <= {"tick", "contact", "person", "inbox", "outgoing", "talk"}
    assert "sealedcase" not in changed(before, dump(world))


def test_the_next_message_of_a_chat_finds_it_shut_too(world: World) -> None:
    vaults.redacts(world)
    tell(world, *TOLD, channel="whatsapp")
    world.clock.forward(minutes=11)  # no worker looks any more
    assert "Borramos lo que nos contó" in tell(world, "en la plaza", channel="whatsapp")
    assert volatile_rows(world, "part") == volatile_rows(world, "draft") == []


def test_whoever_has_sent_it_still_gets_the_key(world: World) -> None:
    vaults.redacts(world)
    tell(world, *STORY[:-1], channel="whatsapp")
    assert "/clave/" in tell(world, "1", channel="whatsapp")
    vaults.redacts(world, passes=False)
    redaction.end_drafts(world.desk, ways(world))
    assert "/clave/" in tell(world, "2", channel="whatsapp")


def test_what_is_just_being_sent_is_not_said_to_be_erased(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    vaults.redacts(world)
    tell(world, *STORY[:-1], channel="whatsapp")
    write = cases.file

    def meanwhile(*given: Any) -> bool:
        vaults.redacts(world, passes=False)
        redaction.end_drafts(world.desk, ways(world))
        return write(*given)

    monkeypatch.setattr(cases, "file", meanwhile)
    sent = tell(world, "1", channel="whatsapp")
    assert "No se envió nada" not in sent
    assert "/clave/" in sent


def test_what_was_sent_by_a_worker_that_died_is_not_said_to_be_erased(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        pass

    def dies(*given: Any) -> bool:
        filed(*given)
        raise Died

    filed = cases.file
    vaults.redacts(world)
    tell(world, *STORY[:-1], channel="whatsapp")
    with monkeypatch.context() as patch:
        patch.setattr(cases, "file", dies)
        with pytest.raises(Died):
            tell(world, "1", channel="whatsapp")
    world.clock.forward(minutes=2)
    vaults.redacts(world, passes=False)
    redaction.end_drafts(world.desk, ways(world))
    got = tell(world, "salir", channel="whatsapp")
    assert ("Su denuncia se envió" in got, "/clave/" in got) == (True, True)


def test_where_the_city_does_not_want_it_nothing_opens_it(sqlite_url: str, tmp_path: Path) -> None:
    with vaults.taking_complaints(sqlite_url, tmp_path) as world:
        vaults.redacts(world)
        assert "Dos empresas" in tell(world, "denunciar", channel="whatsapp")
        world.settings = replace(world.settings, whatsapp_complaints="")
        world.restart()
        assert "ya no podemos" in tell(world, "3", channel="whatsapp").lower(), "also what was under way ends"
        assert "use esta página" in tell(world, "denunciar", channel="whatsapp")


def test_confidential_messages_are_kept_nowhere_and_a_number_never_goes_without_that(world: World) -> None:
    async def scene(account: Account) -> None:
        sender, chat = TwilioSender("whatsapp", account.line), address("whatsapp", 1)
        account.twilio.redacts = True
        await sender.send(chat, Outbound("¿Qué pasó?", (("Saltar", "d1.what.-"),), bare="¿Qué pasó?"), 0)
        await sender.send(chat, Outbound("hola"), 7)
        asked, ordinary = [given for _api, name, given in account.standins.calls if name == "CreateMessage"]
        assert (asked["ContentRetention"], asked["AddressRetention"]) == ("discard", "obfuscate")
        assert "ContentSid" not in asked
        assert "ContentRetention" not in ordinary
        listed = {message["body"]: message["to"] for message in account.twilio.outbound.values()}
        assert listed == {"": f"{chat[:-4]}XXXX", "hola": chat}
        account.twilio.redacts = False
        await sender.send(chat, Outbound("Use esta página"), 0)
        assert account.standins.to(chat)[-1].text == "Use esta página"
        number = account.standins.count(chat)
        with pytest.raises(failures.Refused):
            await sender.send(chat, Outbound("Número: 44CE6EVG", secret=True), 0)
        assert account.standins.count(chat) == number
        assert account.why == "never"
        account.check.end_if_refused()
        assert account.why == "off", "what the sender was told ends the pass"
        world.clock.forward(minutes=1)
        vaults.redacts(world)
        account.check.end_if_refused()
        assert account.why == "", "it is told once"

    play(world, scene)


def test_what_was_heard_is_an_id_in_memory_at_most_once_a_minute(world: World) -> None:
    def heard() -> int:
        return sum(row.name.startswith("words:") for row in volatile_rows(world, "tally"))

    for _n in range(3):
        tell(world, "hola", channel="whatsapp")
        tell(world, "hola")
    assert heard() == 1
    world.clock.forward(minutes=1)
    tell(world, "hola", channel="whatsapp")
    assert heard() == 2
    world.clock.forward(hours=2)
    assert world.desk.volatile is not None
    volatile.wipe(world.desk.volatile, world.clock())
    assert heard() == 0


def test_the_worker_of_a_city_that_wants_it_looks(world: World) -> None:
    async def made(**settings: str) -> Worker:
        worker = wiring.worker(replace(world.settings, **settings), world.clock)  # type: ignore[arg-type]
        for client in (worker.telegram, worker.twilio):
            assert client is not None
            await client.close()
        worker.desk.engine.dispose()
        if worker.desk.volatile is not None:
            worker.desk.volatile.dispose()
        return worker

    async def scene() -> None:
        worker = await made()
        assert worker.check is not None
        assert {"redaction", "refused_redaction"} <= {job.id for job in worker._scheduler().get_jobs()}
        assert (await made(whatsapp_complaints="")).check is None

    asyncio.run(scene())
