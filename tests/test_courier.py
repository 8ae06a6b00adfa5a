"""The courier: replies leave memory once, and what a provider was given is deleted there."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from bot import failures
from bot.channels import telegram
from bot.channels.telegram import TelegramSender, call
from bot.complaints.courier import KEY_STAYS, Courier
from bot.messages import Incoming, Outbound
from bot.pace import Pace
from bot.sender import MOST_TRIES, Lane
from bot.worker import attend
from cli import wiring
from cli.standins import Standins
from storage import volatile, volatile_outbox, volatile_tallies
from storage.database import reading, transaction
from tests import vaults
from tests.test_confidential import STORY
from tests.world import World, address, telegram_text

CHAT = address("telegram", 1)


@dataclass
class Provider:
    """Takes messages and deletes them, or fails as it is told to."""

    name: str = "telegram"
    sent: list[tuple[str, Outbound, int]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    fails: list[failures.NotDelivered] = field(default_factory=list)

    async def send(self, address: str, message: Outbound, message_id: int) -> str | None:
        if self.fails:
            raise self.fails.pop()
        self.sent.append((address, message, message_id))
        return str(1000 + len(self.sent))

    async def forget(self, _address: str, messages: Sequence[str]) -> None:
        if self.fails:
            raise self.fails.pop()
        self.deleted += messages


@pytest.fixture
def world(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    with vaults.taking_complaints(sqlite_url, tmp_path) as made:
        made.attend()
        yield made


def courier_of(world: World, provider: Any) -> Courier:
    """A courier whose own clock does not move; it looks at once at what is to be deleted."""
    assert world.desk.volatile is not None
    lane = Lane(provider, Pace(1000, (1000, 5.0)))
    return Courier(lane, world.desk.volatile, world.clock, lambda: True, steady=lambda: 0.0)


def cycles(courier: Courier, number: int = 6) -> None:
    async def run() -> None:
        for _n in range(number):
            courier._look_at = 0.0
            await courier.cycle()

    asyncio.run(run())


def write(world: World, *texts: str) -> None:
    """Somebody types, and nobody fetches the replies."""
    for each in texts:
        number = next(world._ids)
        told = telegram.read(telegram_text(number, CHAT, each))
        assert told is not None
        world.desk.take(told)


def rows(world: World, table: str) -> list[Any]:
    assert world.desk.volatile is not None
    with reading(world.desk.volatile) as connection:
        return list(connection.execute(text(f"SELECT * FROM {table} ORDER BY id")))


def test_replies_go_in_order_and_leave_memory(world: World) -> None:
    provider = Provider()
    write(world, *STORY, "1")
    cycles(courier_of(world, provider), 20)
    secret = [n for n, (_where, message, _id) in enumerate(provider.sent) if message.secret]
    assert len(provider.sent) == len(STORY) + 3
    assert secret == [len(STORY) + 1]
    assert {id for _where, _message, id in provider.sent} == {0}, "nothing is to be told of its delivery"
    assert rows(world, "outgoing") == []


def test_a_message_with_a_key_makes_no_sound_and_stays_a_quarter_of_an_hour(world: World) -> None:
    _method, given = call(CHAT, Outbound("x", secret=True))
    assert (given["protect_content"], given["disable_notification"]) == ("true", "true")
    provider = Provider()
    courier = courier_of(world, provider)
    write(world, *STORY, "1")
    cycles(courier, 20)
    assert provider.deleted == []
    world.clock.forward(seconds=KEY_STAYS.total_seconds() + 1)
    cycles(courier, 1)
    assert provider.deleted == [str(1000 + len(STORY) + 2)]


def test_who_has_the_key_sees_the_conversation_deleted(world: World) -> None:
    provider = Provider()
    courier = courier_of(world, provider)
    write(world, *STORY, "1")
    cycles(courier, 20)
    key = next(message.text for _where, message, _id in provider.sent if message.secret).split(": ")[-1]
    write(world, key[-4:])
    cycles(courier, 2)
    theirs = {str(n) for n in range(1, len(STORY) + 3)}
    assert theirs | {str(1000 + n) for n in range(1, len(STORY) + 4)} <= set(provider.deleted)
    assert len(rows(world, "trace")) == 1, "the last words may be read for two hours"
    world.clock.forward(hours=2, seconds=1)
    cycles(courier, 1)
    assert rows(world, "trace") == []


@pytest.mark.parametrize(
    ("failure", "stays"),
    [
        (failures.NotNow("connect"), True),
        (failures.Throttled("429", 3.0), True),
        (failures.Unsure("timeout"), True),
        (failures.Misconfigured("token"), True),
        (failures.Unreachable("403"), False),
        (failures.Refused("400"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_could_not_be_sent_is_sent_later_or_wiped(failure: Any, stays: bool, world: World) -> None:
    provider = Provider(fails=[failure])
    write(world, "denunciar")
    cycles(courier_of(world, provider), 1)
    assert bool(rows(world, "outgoing")) is stays
    world.clock.forward(minutes=2)
    cycles(courier_of(world, provider), 1)
    assert len(provider.sent) == stays
    assert rows(world, "outgoing") == []


def test_an_uncertain_message_is_not_sent_for_ever(world: World) -> None:
    provider = Provider(fails=[failures.Unsure("timeout")] * 20)
    write(world, "denunciar")
    for _n in range(MOST_TRIES + 1):
        cycles(courier_of(world, provider), 1)
        world.clock.forward(seconds=10)
    assert rows(world, "outgoing") == []


def test_a_deletion_that_fails_is_tried_until_it_is_too_late_and_then_counted(world: World) -> None:
    provider = Provider()
    courier = courier_of(world, provider)
    write(world, "denunciar", "salir")
    cycles(courier, 3)
    world.clock.forward(hours=3)
    left = len(rows(world, "trace"))
    assert left == 2, "what went out after the end stays for two hours"
    assert world.desk.volatile is not None
    for _n in range(3):
        provider.fails = [failures.NotNow("network")]
        cycles(courier, 1)
        assert len(rows(world, "trace")) == left
        world.clock.forward(minutes=3)
    world.clock.forward(hours=47)
    attend(world.desk.volatile, world.clock())
    with reading(world.desk.volatile) as connection:
        assert volatile_tallies.tried(connection, volatile.NOT_FORGOTTEN, world.clock()) == left
        assert volatile.is_attended(connection, world.clock())
    assert rows(world, "trace") == []


def test_a_courier_without_its_lane_carries_nothing(world: World) -> None:
    provider, stopping = Provider(), asyncio.Event()
    write(world, "denunciar")
    courier = courier_of(world, provider)
    looks = []

    def holds() -> bool:
        looks.append(1)
        stopping.set()
        return False

    courier.holds = holds
    asyncio.run(courier.run(stopping))
    assert (looks, provider.sent) == ([1], [])


def test_a_provider_keeps_no_message_of_a_complaint(world: World) -> None:
    """The stand-in's whole history, as a thief of the bot's token would walk it."""

    async def run() -> set[str]:
        async with Standins() as providers:
            sender = TelegramSender(providers.token, providers.telegram_url)
            courier = courier_of(world, sender)
            for _n in range(20):
                await courier.cycle()
            assert world.desk.volatile is not None
            world.clock.forward(hours=2, seconds=1)
            courier._look_at = 0.0
            await courier.cycle()
            await sender.close()
            assert providers.count(CHAT) > len(STORY)
            return providers.telegram.held(CHAT, [str(n) for n in range(1, len(STORY) + 3)])

    write(world, *STORY, "1", "salir")
    assert asyncio.run(run()) == set()


def test_an_ordinary_chat_is_not_deleted(world: World) -> None:
    provider = Provider()
    write(world, "hola")
    world.desk.take(Incoming("telegram", CHAT, "x", "blocked"))
    world.clock.forward(days=3)
    cycles(courier_of(world, provider), 1)
    assert provider.deleted == []


def test_wiping_leaves_what_still_has_time(world: World) -> None:
    assert world.desk.volatile is not None
    with transaction(world.desk.volatile) as connection:
        for n, length in enumerate((timedelta(hours=1), timedelta(hours=3))):
            now = world.clock() - volatile_outbox.KNOWN_FOR + length
            volatile_outbox.trace(connection, "telegram", CHAT, str(n), world.clock(), now, False)
    world.clock.forward(hours=2)
    volatile.wipe(world.desk.volatile, world.clock())
    assert [row.message for row in rows(world, "trace")] == ["1"]


def test_a_worker_carries_and_wipes_what_is_confidential(world: World) -> None:
    """The whole worker against the stand-in: the reply arrives, and the web processes see that somebody carries."""

    async def run() -> list[str]:
        async with Standins() as providers:
            settings = replace(
                world.settings, telegram_bot_token=providers.token, telegram_api_url=providers.telegram_url,
                twilio_account_sid="",
            )  # fmt: skip
            worker = wiring.worker(settings, world.clock)
            work = asyncio.create_task(worker.run())
            await asyncio.wait_for(providers.arrived(CHAT), 30)
            worker.stopping.set()
            await work
            assert worker.desk.volatile is not None
            worker.desk.volatile.dispose()
            worker.desk.engine.dispose()
            return [message.text for message in providers.to(CHAT)]

    write(world, "denunciar")
    probes = len(rows_of_probes(world))
    (text,) = asyncio.run(run())
    assert "Estas oficinas leen las denuncias" in text
    assert len(rows_of_probes(world)) == probes + 1
    assert rows(world, "outgoing") == []


def rows_of_probes(world: World) -> list[Any]:
    assert world.desk.volatile is not None
    with reading(world.desk.volatile) as connection:
        return list(connection.execute(text("SELECT token FROM probe")))


def test_files_are_fetched_from_telegram_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    async def fetch(_sender: TelegramSender, source: str, most: int) -> bytes:
        return f"{source} {most}".encode()

    async def close(_sender: TelegramSender) -> None:
        closed.append(1)

    monkeypatch.setattr(TelegramSender, "fetch", fetch)
    monkeypatch.setattr(TelegramSender, "close", close)
    assert wiring.fetched(world.settings, "telegram", "a", 9) == b"a 9"
    assert closed == [1]
    with pytest.raises(failures.Refused):
        wiring.fetched(world.settings, "web", "a", 9)


def test_the_form_is_on_the_host_for_complaints_where_there_is_one(world: World) -> None:
    assert wiring.ways(world.settings).link == "https://cuenta.example.test/denuncia"
    apart = replace(world.settings, complaints_host="denuncias.example.test")
    assert wiring.ways(apart).link == "https://denuncias.example.test/denuncia"


def test_a_courier_without_work_only_glances(world: World) -> None:
    assert world.desk.volatile is not None
    asked: list[str] = []
    event.listen(world.desk.volatile, "before_cursor_execute", lambda _c, _cursor, sql, *_more: asked.append(sql))
    courier = courier_of(world, Provider())
    cycles(courier)
    assert asked == []
    write(world, "denunciar")
    asked.clear()
    cycles(courier, 1)
    assert asked, "what comes then is carried"


def test_where_a_glance_sees_nothing_for_certain_the_courier_looks(world: World) -> None:
    """Whoever is writing just then does not hold a reply back."""
    provider = Provider()
    courier = courier_of(world, provider)
    write(world, "denunciar")
    courier._glance._path = str(world.folder / "no such folder" / "store.db")
    cycles(courier)
    assert len(provider.sent) == 1
