"""The sender against stand-ins of the providers: what it sends, in which order, and what it does when things break."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, select, update
from sqlalchemy.exc import OperationalError

from bot import failures, sender
from bot.channels import telegram, twilio
from bot.channels.telegram import TelegramSender
from bot.channels.twilio import Account, TwilioLine, TwilioSender
from bot.messages import Outbound
from bot.pace import Pace
from bot.sender import Lane, Sender, run_lanes
from cli.provider_rules import telegram_error, twilio_error
from cli.standins import Standins
from storage import contacts, outbox
from storage.contacts import Contact
from storage.database import columns, time_of, transaction
from storage.leases import Lease
from storage.outbox import FINAL, Outgoing
from tests.specs import check_call
from tests.world import World, address


@dataclass
class Steady:
    """A steady clock that moves when somebody sleeps, or when it is told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class Scripted:
    """A way out without a network: does what the next word of the script says; `gate` holds every call back."""

    name: str = "telegram"
    script: list[Exception | str | None] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def send(self, _address: str, message: Outbound, message_id: int) -> str | None:
        self.texts.append(message.text)
        self.called.set()
        await self.gate.wait()
        does = self.script.pop(0) if self.script else None
        if isinstance(does, Exception):
            raise does
        return does or f"p{message_id}"


@dataclass
class Office:
    """A world's outbox with senders that stand-ins answer."""

    world: World
    standins: Standins
    executor: ThreadPoolExecutor
    steady: Steady = field(default_factory=Steady)
    clients: list[Any] = field(default_factory=list)

    def sender(self, channel: str = "telegram", holder: str = "one", sends: Any = None, rate: int = 1000) -> Sender:
        sends = sends or (self._telegram() if channel == "telegram" else self._twilio(channel))
        finds = sends if isinstance(sends, TwilioSender) else None
        desk = self.world.desk
        return Sender(
            Lane(sends, Pace(rate), finds), desk.engine, desk.ink, desk.clock, holder, self.executor, self.steady,
            self.steady.sleep,
        )  # fmt: skip

    def _telegram(self) -> TelegramSender:
        self.clients.append(TelegramSender(self.standins.token, self.standins.telegram_url))
        return self.clients[-1]  # type: ignore[no-any-return]

    def _twilio(self, channel: str) -> TwilioSender:
        line = TwilioLine(
            Account(
                self.standins.account_sid, self.standins.auth_token, self.standins.twilio_url,
                "https://cuenta.example.test/webhooks/twilio/status", "whatsapp:+15550000001", "+15550000002",
            )
        )  # fmt: skip
        self.clients.append(line)
        return TwilioSender(channel, line)

    def contact(self, number: int = 1, channel: str = "telegram", state: str = "active") -> int:
        with transaction(self.world.desk.engine) as connection:
            where = address(channel, number)
            made = contacts.add(connection, channel, where, None, "es", self.world.clock())
            contacts.change(connection, made, state=state)
        return made

    def queue(
        self, contact: int, text: str, kind: str = "reply", after: int | None = None, channel: str = "telegram"
    ) -> int:
        desk, now = self.world.desk, self.world.clock()
        with transaction(desk.engine) as connection:
            sealed = desk.ink.seal(Outbound(text).packed(), now)
            return outbox.queue(connection, channel, contact, kind, sealed, now, after)

    def chain(self, contact: int, *texts: str) -> list[int]:
        """Parts of one message, each waiting for the one before."""
        ids: list[int] = []
        for text in texts:
            ids.append(self.queue(contact, text, after=ids[-1] if ids else None))
        return ids

    def texts(self) -> list[str]:
        return [message.text for message in self.standins.sent]

    def row(self, message: int) -> dict[str, Any]:
        return next(row for row in self.world.rows(Outgoing) if row["id"] == message)

    def states(self) -> list[str]:
        return [row["state"] for row in sorted(self.world.rows(Outgoing), key=lambda row: row["id"])]

    def forward(self, seconds: float) -> None:
        self.world.clock.forward(seconds=seconds)
        self.steady.now += seconds

    async def rounds(self, *senders: Sender, most: int = 60) -> None:
        """Let senders work until nothing more can be done now; the clocks stand still."""
        for _n in range(most):
            busy = [await each.cycle() for each in senders]
            under_way = [task for each in senders for task in each._under_way]
            if under_way:
                await asyncio.wait(under_way)
            elif not any(busy) and not any(each._outcomes for each in senders):
                return
        raise AssertionError("the sender never came to rest")


@asynccontextmanager
async def office(world: World) -> AsyncIterator[Office]:
    with ThreadPoolExecutor(1) as executor:
        async with Standins(check=check_call) as standins:
            made = Office(world, standins, executor)
            try:
                yield made
            finally:
                for client in made.clients:
                    await client.close()
            assert standins.wrong == []


def erased(world: World) -> bool:
    """Whether no message that is done with still has its body."""
    return all(row["sealed"] is None for row in world.rows(Outgoing) if row["state"] in FINAL)


@contextmanager
def away(engine: Engine, moment: str = "begin", committed: bool = False) -> Iterator[None]:
    """A database that breaks: at each transaction's begin, or at its commit (which may have been carried out)."""

    def refuse(connection: Connection) -> None:
        if committed:
            connection.connection.dbapi_connection.execute("COMMIT")  # type: ignore[union-attr]
        raise OperationalError("away", None, Exception("away"))

    event.listen(engine, moment, refuse)
    try:
        yield
    finally:
        event.remove(engine, moment, refuse)


def play(world: World, scene: Callable[[Office], Awaitable[None]]) -> None:
    async def run() -> None:
        async with office(world) as made:
            await scene(made)

    asyncio.run(run())


# Order


def test_a_chat_gets_its_messages_in_order_and_their_bodies_are_erased(world: World) -> None:
    async def scene(here: Office) -> None:
        people = [here.contact(n) for n in range(1, 4)]
        for n in range(5):
            for person in people:
                here.queue(person, f"{n}", kind="receipt")
        await here.rounds(here.sender())
        for n in range(1, 4):
            assert [m.text for m in here.standins.to(address("telegram", n))] == ["0", "1", "2", "3", "4"]
        assert set(here.states()) == {"sent"}
        assert erased(world)
        assert all(row["provider_id"] for row in world.rows(Outgoing))

    play(world, scene)


def test_replies_go_before_announcements(world: World) -> None:
    async def scene(here: Office) -> None:
        for n in range(1, 5):
            here.queue(here.contact(n), "announcement", kind="announcement")
        for n in range(5, 8):
            here.queue(here.contact(n), "reply")
        slow = here.sender(rate=2)
        for _second in range(4):
            await here.rounds(slow)
            here.forward(1.1)
        assert here.texts() == ["reply"] * 3 + ["announcement"] * 4

    play(world, scene)


def test_the_second_part_waits_for_the_first(little_world: World) -> None:
    async def scene(here: Office) -> None:
        here.chain(here.contact(), "one", "two", "three")
        here.standins.fail(status=429, body=telegram_error(429, "Too Many Requests: retry after 3", 3))
        lane = here.sender()
        await here.rounds(lane)
        assert here.texts() == []
        here.forward(3.1)
        await here.rounds(lane)
        assert here.texts() == ["one", "two", "three"]

    play(little_world, scene)


def test_the_part_after_one_that_failed_is_not_sent(little_world: World) -> None:
    async def scene(here: Office) -> None:
        here.chain(here.contact(), "one", "two")
        here.queue(here.contact(2), "other")
        here.standins.fail(status=400, body=telegram_error(400, "Bad Request: something"), to=address("telegram", 1))
        await here.rounds(here.sender())
        assert here.texts() == ["other"]
        assert here.states() == ["failed", "failed", "sent"]
        assert erased(little_world)

    play(little_world, scene)


def test_no_part_after_one_that_failed_is_sent(little_world: World) -> None:
    async def scene(here: Office) -> None:
        here.chain(here.contact(), "one", "two", "three", "four")
        here.standins.fail(status=400, body=telegram_error(400, "Bad Request: something"))
        await here.rounds(here.sender())
        assert here.states() == ["failed"] * 4

    play(little_world, scene)


def test_replies_that_are_no_longer_current_are_not_sent_but_receipts_are(world: World) -> None:
    async def scene(here: Office) -> None:
        person = here.contact()
        here.queue(person, "old reply")
        here.queue(person, "receipt", kind="receipt")
        with transaction(world.desk.engine) as connection:
            outbox.supersede(connection, person, world.clock())
        here.queue(person, "new reply")
        await here.rounds(here.sender())
        assert here.texts() == ["receipt", "new reply"]
        assert here.states() == ["superseded", "sent", "sent"]
        assert erased(world)

    play(world, scene)


# What providers answer


def test_a_pause_that_the_provider_asks_for_is_kept_by_the_whole_lane(little_world: World) -> None:
    async def scene(here: Office) -> None:
        first, second = here.contact(1), here.contact(2)
        here.queue(first, "first")
        here.standins.fail(status=429, body=telegram_error(429, "Too Many Requests: retry after 7", 7))
        lane = here.sender()
        await here.rounds(lane)
        here.queue(second, "second")
        here.forward(6.9)
        await here.rounds(lane)
        assert here.texts() == []
        here.forward(0.2)
        await here.rounds(lane)
        assert sorted(here.texts()) == ["first", "second"]

    play(little_world, scene)


def test_a_message_that_waits_for_its_chat_keeps_the_pause_too(little_world: World) -> None:
    async def scene(here: Office) -> None:
        person = here.contact()
        for n in range(3):
            here.queue(person, str(n), kind="receipt")
        lane = here.sender()
        lane.lane.pace = Pace(1000, (2, 5.0))
        asked = lane.sleep

        async def sleep(seconds: float) -> None:
            lane.lane.pace.rest(here.steady() + 60)  # somebody else's message met a 429 meanwhile
            await asked(seconds)

        lane.sleep = sleep
        await here.rounds(lane)
        assert here.texts() == ["0", "1"]
        lane.sleep = asked
        here.forward(61)
        await here.rounds(lane)
        assert here.texts() == ["0", "1", "2"]

    play(little_world, scene)


def test_a_server_error_is_tried_again_for_a_reply(little_world: World) -> None:
    async def scene(here: Office) -> None:
        here.queue(here.contact(), "hello")
        here.standins.fail(status=500, body=telegram_error(500, "Internal Server Error"))
        lane = here.sender()
        await here.rounds(lane)
        assert here.states() == ["uncertain"]
        here.forward(6)
        await here.rounds(lane)
        assert here.texts() == ["hello"]
        assert here.states() == ["sent"]

    play(little_world, scene)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "Forbidden: bot was blocked by the user"),
        (403, "Forbidden: user is deactivated"),
        (400, "Bad Request: chat not found"),
    ],
)
def test_whoever_cannot_be_reached_is_blocked_and_gets_nothing_more(
    little_world: World, status: int, words: str
) -> None:
    async def scene(here: Office) -> None:
        person = here.contact()
        for n in range(3):
            here.queue(person, str(n))
        here.standins.fail(status=status, body=telegram_error(status, words))
        lane = here.sender()
        await here.rounds(lane)
        here.queue(person, "later")
        await here.rounds(lane)
        assert here.texts() == []
        assert here.states() == ["failed"] * 4
        assert [row["state"] for row in little_world.rows(Contact)] == ["blocked"]
        assert erased(little_world)

    play(little_world, scene)


def test_whoever_opted_out_at_the_provider_is_stopped(little_world: World) -> None:
    async def scene(here: Office) -> None:
        person = here.contact(channel="sms")
        here.queue(person, "one", channel="sms")
        here.queue(person, "two", channel="sms")
        here.standins.fail(status=400, body=twilio_error(21610))
        await here.rounds(here.sender("sms"))
        assert here.states() == ["failed", "failed"]
        assert [row["state"] for row in little_world.rows(Contact)] == ["stopped"]

    play(little_world, scene)


def test_whoever_opted_out_gets_replies_but_no_announcements(little_world: World) -> None:
    async def scene(here: Office) -> None:
        person = here.contact(state="stopped")
        here.queue(person, "news", kind="announcement")
        here.queue(person, "answer")
        await here.rounds(here.sender())
        assert here.texts() == ["answer"]
        assert here.states() == ["failed", "sent"]
        assert erased(little_world)

    play(little_world, scene)


def test_our_own_mistake_makes_messages_wait_for_an_operator(little_world: World) -> None:
    async def scene(here: Office) -> None:
        here.queue(here.contact(), "hello")
        here.standins.fail(status=401, body=telegram_error(401, "Unauthorized"))
        lane = here.sender()
        await here.rounds(lane)
        assert here.states() == ["queued"]
        here.forward(61)
        await here.rounds(lane)
        assert here.texts() == ["hello"]

    play(little_world, scene)


def test_a_provider_that_cannot_be_reached_is_tried_again_even_for_announcements(little_world: World) -> None:
    async def scene(here: Office) -> None:
        here.queue(here.contact(), "news", kind="announcement")
        gone = TelegramSender(here.standins.token, "http://127.0.0.1:1")
        here.clients.append(gone)
        lane = here.sender(sends=gone)
        await here.rounds(lane)
        assert here.states() == ["queued"]
        assert here.row(1)["error"] == "connect"
        lane.lane.sends = here._telegram()
        here.forward(3)
        await here.rounds(lane)
        assert here.texts() == ["news"]

    play(little_world, scene)


def test_a_body_that_cannot_be_read_any_more_fails(little_world: World) -> None:
    async def scene(here: Office) -> None:
        here.queue(here.contact(), "hello")
        with transaction(little_world.desk.engine) as connection:
            connection.execute(update(Outgoing).values(sealed=b"\0\0\0\1 its key is gone"))
        await here.rounds(here.sender())
        assert (here.states(), here.row(1)["error"]) == (["failed"], "unreadable")
        assert erased(little_world)

    play(little_world, scene)


def test_a_bug_in_a_channel_does_not_stop_the_lane(little_world: World) -> None:
    async def scene(here: Office) -> None:
        here.queue(here.contact(1), "one")
        here.queue(here.contact(2), "two")
        way = Scripted(script=[ValueError("with what somebody wrote")])
        await here.rounds(here.sender(sends=way))
        assert sorted(here.states()) == ["sent", "uncertain"]
        assert {row["error"] for row in little_world.rows(Outgoing)} == {"bug", None}

    play(little_world, scene)


# Answers that were lost


@pytest.mark.parametrize("how", ["accept_then_drop", "accept_then_hang"])
def test_a_reply_whose_answer_was_lost_is_sent_again(
    little_world: World, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram, "SECONDS", 0.3)

    async def scene(here: Office) -> None:
        here.queue(here.contact(), "hello")
        here.standins.fail(how=how)
        lane = here.sender()
        await here.rounds(lane)
        assert here.states() == ["uncertain"]
        await here.rounds(lane)
        assert here.texts() == ["hello"], "not before it has rested"
        here.forward(6)
        await here.rounds(lane)
        assert here.texts() == ["hello", "hello"]
        assert here.states() == ["sent"]
        assert erased(little_world)

    play(little_world, scene)


@pytest.mark.parametrize("how", ["accept_then_drop", "accept_then_hang"])
@pytest.mark.parametrize("channel", ["whatsapp", "sms"])
def test_at_twilio_it_is_looked_up_and_not_sent_twice(
    little_world: World, channel: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twilio, "SECONDS", 0.3)

    async def scene(here: Office) -> None:
        here.queue(here.contact(channel=channel), "hello\nthere ", channel=channel)
        here.standins.fail(how=how)
        lane = here.sender(channel)
        await here.rounds(lane)
        assert here.states() == ["uncertain"]
        monkeypatch.setattr(twilio, "SECONDS", 10.0)
        here.forward(6)
        await here.rounds(lane)
        assert len(here.standins.sent) == 1
        assert here.states() == ["sent"]
        assert here.row(1)["provider_id"] in here.standins.twilio.outbound
        assert erased(little_world)

    play(little_world, scene)


def test_at_twilio_one_that_was_never_accepted_is_sent_again(little_world: World) -> None:
    async def scene(here: Office) -> None:
        person = here.contact(channel="sms")
        here.queue(person, "menu", channel="sms")
        lane = here.sender("sms")
        await here.rounds(lane)
        for message in here.standins.twilio.outbound.values():  # the same words, sent an hour before
            message["date_sent"] = "Wed, 16 Nov 2022 14:00:00 +0000"
        here.queue(person, "menu", channel="sms")
        here.standins.fail(how="drop")
        await here.rounds(lane)
        assert here.states() == ["sent", "uncertain"]
        here.forward(6)
        await here.rounds(lane)
        assert here.texts() == ["menu", "menu"]
        assert here.states() == ["sent", "sent"]

    play(little_world, scene)


def test_nothing_is_decided_while_the_provider_cannot_be_asked(little_world: World) -> None:
    async def scene(here: Office) -> None:
        here.queue(here.contact(channel="sms"), "hello", channel="sms")
        here.standins.fail(how="accept_then_drop")
        lane = here.sender("sms")
        await here.rounds(lane)
        here.standins.twilio.auth_token = "another"
        here.forward(6)
        await here.rounds(lane)
        assert here.states() == ["uncertain"]
        here.standins.twilio.auth_token = "stand-in-for-an-auth-token"
        here.forward(6)
        await here.rounds(lane)
        assert here.states() == ["sent"]
        assert len(here.standins.sent) == 1

    play(little_world, scene)


def test_an_announcement_whose_answer_was_lost_stays_uncertain_and_holds_up_nothing(little_world: World) -> None:
    async def scene(here: Office) -> None:
        person = here.contact()
        here.queue(person, "news", kind="announcement")
        here.standins.fail(how="accept_then_drop")
        lane = here.sender()
        await here.rounds(lane)
        here.forward(600)
        here.queue(person, "answer")
        await here.rounds(lane)
        assert here.texts() == ["news", "answer"]
        assert here.states() == ["uncertain", "sent"]

    play(little_world, scene)


def test_a_reply_is_not_sent_again_for_ever(little_world: World) -> None:
    async def scene(here: Office) -> None:
        here.queue(here.contact(), "hello")
        here.standins.fail(how="drop", times=100)
        lane = here.sender()
        for _n in range(20):
            await here.rounds(lane)
            here.forward(6)
        assert here.states() == ["failed"]
        assert here.row(1)["attempts"] == sender.MOST_TRIES
        assert erased(little_world)

    play(little_world, scene)


# Leases


def test_only_the_holder_of_the_lease_sends(world: World) -> None:
    async def scene(here: Office) -> None:
        first, second = Scripted(), Scripted()
        one, two = here.sender(holder="one", sends=first), here.sender(holder="two", sends=second)
        for n in range(1, 6):
            here.queue(here.contact(n), str(n))
        await here.rounds(one, two)
        assert (len(first.texts), len(second.texts)) == (5, 0)

    play(world, scene)


def test_leases_go_by_the_clock_of_the_database_and_not_by_those_of_the_workers(little_world: World) -> None:
    """One worker's clock is a minute ahead, the other's a minute behind: longer than a lease."""
    shared, minute = little_world.clock, timedelta(minutes=1)

    async def scene(here: Office) -> None:
        first, second = Scripted(), Scripted()
        ahead, behind = here.sender(holder="ahead", sends=first), here.sender(holder="behind", sends=second)
        ahead.clock, behind.clock = (lambda: shared() + minute), (lambda: shared() - minute)
        ahead.time = behind.time = lambda _connection: shared()
        here.queue(here.contact(1), "one")
        here.forward(120)
        await here.rounds(ahead, behind)
        assert (first.texts, second.texts) == (["one"], [])
        assert [row["until"] for row in little_world.rows(Lease)] == [shared() + sender.LEASE]
        here.queue(here.contact(2), "two")
        here.forward(120)
        await here.rounds(behind, ahead)
        assert (first.texts, second.texts) == (["one"], ["two"])

    play(little_world, scene)


def test_the_clock_of_the_database_is_its_server_s_and_goes_on_within_a_transaction(world: World) -> None:
    with transaction(world.desk.engine) as connection:
        world.statements.clear()
        first, second = time_of(connection), time_of(connection)
        asked = len(world.statements)
        if connection.dialect.name == "postgresql":
            assert connection.exec_driver_sql("SELECT now()").scalar_one() < second
    assert first <= second
    assert first.tzinfo is not None
    assert asked == (2 if world.desk.engine.dialect.name == "postgresql" else 0)


def test_whoever_does_not_have_the_lease_asks_for_it_only_now_and_then(little_world: World) -> None:
    asked: list[str] = []

    async def scene(here: Office) -> None:
        one, two = here.sender(holder="one", sends=Scripted()), here.sender(holder="two", sends=Scripted())

        def time(_connection: Connection) -> datetime:
            asked.append("two")
            return little_world.clock()

        two.time = time
        await here.rounds(one)
        for _n in range(5):
            await two.cycle()
        assert len(asked) == 1
        here.forward(sender.ASK_EVERY)
        for _n in range(5):
            await two.cycle()
        assert len(asked) == 2

    play(little_world, scene)


def test_when_a_holder_is_gone_another_takes_over_and_what_was_under_way_is_uncertain(world: World) -> None:
    async def scene(here: Office) -> None:
        hung, second = Scripted(), Scripted()
        hung.gate.clear()
        one, two = here.sender(holder="one", sends=hung), here.sender(holder="two", sends=second)
        here.queue(here.contact(1), "under way")
        here.queue(here.contact(2), "news", kind="announcement")
        await one.cycle()
        await asyncio.sleep(0)
        assert here.states() == ["sending", "sending"]
        here.queue(here.contact(3), "waiting")
        here.forward(sender.LEASE.total_seconds() + 1)
        two._settle_at = float("inf")
        await here.rounds(two)
        assert here.states() == ["uncertain", "uncertain", "sent"]
        two._settle_at = 0
        await here.rounds(two)
        assert second.texts == ["waiting", "under way"], "the announcement is not sent again"

        hung.gate.set()
        await asyncio.wait(one._under_way)
        await here.rounds(one)
        assert here.states() == ["sent", "uncertain", "sent"], "what the late sleeper knows is refused"
        assert hung.texts == ["under way", "news"]

    play(world, scene)


def test_a_sleeper_who_has_the_lease_again_does_not_record_what_it_did_before(little_world: World) -> None:
    """Message 1 is sent by a first holder, taken over, then claimed anew by the first: its old failure is no news."""

    async def scene(here: Office) -> None:
        hung = Scripted(script=[failures.Refused("old")])
        hung.gate.clear()
        one, two = here.sender(holder="one", sends=hung), here.sender(holder="two", sends=Scripted())
        message = here.queue(here.contact(1), "hello")
        await one.cycle()
        old = set(one._under_way)
        here.forward(31)
        two._settle_at = float("inf")
        await here.rounds(two)
        here.forward(31)
        hung.gate = asyncio.Event()  # the old call hangs on; the new one has its own gate
        await one._hold_lease()
        await one._settle()
        await one.cycle()
        assert (here.row(message)["state"], here.row(message)["epoch"]) == ("sending", 3)
        for task in old:
            task.cancel()
        one._outcomes.append(
            (1, {"message": message, "became": "failed", "given": None, "why": "old", "due": little_world.clock()})
        )
        await one.cycle()
        assert here.row(message)["state"] == "sending"
        hung.script.clear()
        hung.gate.set()
        await here.rounds(one)
        assert here.row(message)["state"] == "sent"

    play(little_world, scene)


@pytest.mark.parametrize("late", [False, True])
def test_what_a_sleeper_knew_of_a_contact_is_refused_too(little_world: World, late: bool) -> None:
    """Somebody had blocked us, and came back while another held the lease: they are not blocked anew.

    `late` is when the provider's old answer comes only after the sleeper has the lease again.
    """

    async def scene(here: Office) -> None:
        hung = Scripted(script=[failures.Unreachable("403")])
        hung.gate.clear()
        one, two = here.sender(holder="one", sends=hung), here.sender(holder="two", sends=Scripted())
        person = here.contact()
        here.queue(person, "hello")
        await one.cycle()
        here.forward(sender.LEASE.total_seconds() + 1)
        await here.rounds(two)
        here.forward(sender.LEASE.total_seconds() + 1)
        here.queue(person, "welcome back")
        one.lane.pace.rest(here.steady() + 9)  # so that it claims nothing yet
        if late:
            await one.cycle()
        hung.gate.set()
        await asyncio.wait(one._under_way)
        await here.rounds(one)
        here.forward(10)
        await here.rounds(one)
        assert here.states() == ["sent", "sent"]
        assert [row["state"] for row in little_world.rows(Contact)] == ["active"]

    play(little_world, scene)


def test_stop_lets_what_is_under_way_end_and_gives_the_lease_back(world: World) -> None:
    async def scene(here: Office) -> None:
        way = Scripted()
        way.gate.clear()
        one, stopping = here.sender(sends=way), asyncio.Event()
        here.queue(here.contact(), "hello")
        running = asyncio.create_task(run_lanes([one], stopping))
        await way.called.wait()
        stopping.set()
        way.gate.set()
        await running
        assert here.states() == ["sent"]
        assert erased(world)
        assert [row["until"] <= world.clock() for row in world.rows(Lease)] == [True]
        two = here.sender(holder="two", sends=Scripted())
        here.queue(here.contact(2), "next")
        await here.rounds(two)
        assert here.states() == ["sent", "sent"]

    play(world, scene)


def test_a_sender_that_never_had_the_lease_stops_without_a_word(little_world: World) -> None:
    async def scene(here: Office) -> None:
        await here.rounds(here.sender(holder="one", sends=Scripted()))
        two, stopping = here.sender(holder="two", sends=Scripted()), asyncio.Event()
        stopping.set()
        await two.run(stopping)
        assert [row["holder"] for row in little_world.rows(Lease)] == ["one"]

    play(little_world, scene)


# The database


def test_while_the_database_is_away_nothing_is_lost_and_nothing_is_sent_twice(world: World) -> None:
    async def scene(here: Office) -> None:
        way = Scripted()
        way.gate.clear()
        lane = here.sender(sends=way)
        for n in range(1, 4):
            here.queue(here.contact(n), str(n))
        await lane.cycle()
        with away(world.desk.engine):
            way.gate.set()
            await asyncio.wait(lane._under_way)
            for _n in range(20):
                here.forward(5)
                await lane.cycle()
        here.queue(here.contact(4), "4")
        await here.rounds(lane)
        assert way.texts == ["1", "2", "3", "4"]
        assert here.states() == ["sent"] * 4

    play(world, scene)


@pytest.mark.parametrize("committed", [False, True])
def test_when_a_commit_is_lost_what_it_claimed_is_sent_all_the_same(little_world: World, committed: bool) -> None:
    async def scene(here: Office) -> None:
        way = Scripted()
        lane = here.sender(sends=way)
        await here.rounds(lane)
        here.queue(here.contact(), "hello")
        with away(little_world.desk.engine, "commit", committed):
            await lane.cycle()
        assert here.states() == ["sending" if committed else "queued"]
        for _n in range(3):
            await here.rounds(lane)
            here.forward(6)
        assert (way.texts, here.states()) == (["hello"], ["sent"])

    play(little_world, scene)


@pytest.mark.parametrize("committed", [False, True])
def test_when_the_commit_of_an_outcome_is_lost_it_is_recorded_later(little_world: World, committed: bool) -> None:
    async def scene(here: Office) -> None:
        way = Scripted()
        lane = here.sender(sends=way)
        here.queue(here.contact(), "hello")
        await lane.cycle()
        await asyncio.wait(lane._under_way)
        with away(little_world.desk.engine, "commit", committed):
            await lane.cycle()
        for _n in range(3):
            await here.rounds(lane)
            here.forward(6)
        assert (way.texts, here.states()) == (["hello"], ["sent"])

    play(little_world, scene)


def test_a_lane_that_breaks_is_started_again(little_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_seconds: float) -> None:
        return None

    async def scene(here: Office) -> None:
        lane, stopping = here.sender(sends=Scripted()), asyncio.Event()
        here.queue(here.contact(), "hello")
        broken = [RuntimeError("a bug")]
        cycle = lane.cycle

        async def breaks_once() -> bool:
            if broken:
                raise broken.pop()
            if here.states() == ["sent"]:
                stopping.set()
            return await cycle()

        lane.cycle = breaks_once  # type: ignore[method-assign]
        lane.sleep = at_once
        await run_lanes([lane], stopping)
        assert here.states() == ["sent"]

    play(little_world, scene)


def test_a_status_that_comes_before_the_send_is_recorded_wins(little_world: World) -> None:
    async def scene(here: Office) -> None:
        way = Scripted()
        way.gate.clear()
        lane = here.sender(sends=way)
        message = here.queue(here.contact(), "hello")
        await lane.cycle()
        with transaction(little_world.desk.engine) as connection:
            outbox.report(connection, message, "SM1", "delivered", None, little_world.clock())
        way.gate.set()
        await here.rounds(lane)
        row = here.row(message)
        assert (row["state"], row["provider_id"], row["sealed"]) == ("delivered", "SM1", None)

    play(little_world, scene)


def test_what_waits_in_the_outbox_is_sealed(little_world: World) -> None:

    async def scene(here: Office) -> None:
        here.queue(here.contact(), "very private words")
        with transaction(little_world.desk.engine) as connection:
            sealed = connection.execute(select(columns(Outgoing).sealed)).scalar_one()
        assert b"private" not in (sealed or b"")

    play(little_world, scene)


def test_what_was_held_up_on_its_way_counts_from_its_arrival(little_world: World) -> None:
    async def scene(here: Office) -> None:
        class Slow(Scripted):
            async def send(self, address: str, message: Outbound, message_id: int) -> str | None:
                here.steady.now += 0.5
                return await super().send(address, message, message_id)

        here.queue(here.contact(), "one")
        lane = here.sender(sends=Slow(), rate=1)
        await here.rounds(lane)
        assert lane.lane.pace.full(here.steady.now) == pytest.approx(Pace.MARGIN)

    play(little_world, scene)


def test_a_lane_without_work_asks_once_and_takes_no_lock(world: World) -> None:
    """It asks several times a second, day and night, on a city's smallest machine."""

    async def scene(here: Office) -> None:
        lane = here.sender(sends=Scripted())
        here.queue(here.contact(), "hello")
        await here.rounds(lane)
        world.statements.clear()
        for _n in range(3):
            assert not await lane.cycle()
        assert [each.split()[0] for each in world.statements] == ["SELECT"] * 3
        here.queue(here.contact(2), "one more")
        assert await lane.cycle(), "what comes then goes at once"

    play(world, scene)
