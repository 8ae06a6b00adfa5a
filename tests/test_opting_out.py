"""Whoever opts out gets nothing unasked from the next message on, by whichever way they did and whoever queues it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot import failures, fates, idea_notices
from bot.channels import twilio
from bot.messages import Incoming, Outbound
from storage import consultations, outbox
from storage.contacts import Contact
from storage.database import transaction
from storage.outbox import UNASKED, Outgoing
from tests.audience import follow, person, report, sit, tick, town
from tests.test_ideas import UNTIL, answer, propose
from tests.test_sender import Office, play
from tests.transcripts import collecting
from tests.world import World, address, incoming, twilio_form

Act = Callable[[World, str], None]

# Who queues something unasked: what has to be before, and what the worker does then.


def seated(world: World, channel: str) -> None:
    sit(world, person(world, channel))
    report(world)


def following(world: World, channel: str) -> None:
    follow(world, person(world, channel))
    report(world)


def proposed(world: World, channel: str) -> None:
    with transaction(world.desk.engine) as connection:
        consultations.load(connection, collecting(UNTIL.replace(year=2023)))
    propose(world, channel=channel)
    with transaction(world.desk.engine) as connection:  # what answered the proposal is over
        connection.exec_driver_sql("DELETE FROM outgoing")
    answer(world)


def known(world: World, channel: str) -> None:
    person(world, channel)


def notices(world: World, _channel: str) -> None:
    tick(world)


def ideas_told(world: World, _channel: str) -> None:
    idea_notices.tell(world.desk, world.clock())


def announced(world: World, channel: str) -> None:
    """What a broadcast queues for whom it selected a moment ago."""
    desk, now = world.desk, world.clock()
    sealed = desk.ink.seal(Outbound("Aviso").packed(), now)
    with transaction(desk.engine) as connection:
        row = {"lane": channel, "contact_id": contact(world), "kind": "announcement", "sealed": sealed, "segments": 1}
        outbox.queue_many(connection, [row], now)


PATHS: dict[str, tuple[Act, Act]] = {
    "a seat's duty": (seated, notices),
    "a follower's alert": (following, notices),
    "what came of an idea": (proposed, ideas_told),
    "an announcement": (known, announced),
}

# How somebody opts out.


def contact(world: World) -> int:
    (row,) = world.rows(Contact)
    return int(row["id"])


def by_word(word: str) -> Act:
    return lambda world, channel: take(world, incoming(channel, address(channel, 1), word, 900))


def take(world: World, told: Incoming | None) -> None:
    assert told is not None
    assert world.desk.take(told)


def at_twilio(world: World, channel: str) -> None:
    take(world, twilio.read(twilio_form("SM" + "9" * 32, address(channel, 1), "STOP", OptOutType="STOP")))


def by_blocking(world: World, channel: str) -> None:
    take(world, Incoming(channel, address(channel, 1), "900", "blocked"))


def by_code(failure: type[failures.NotDelivered]) -> Act:
    def told(world: World, _channel: str) -> None:
        with transaction(world.desk.engine) as connection:
            fates.follow(connection, failure, contact(world), "", "21610", world.clock())

    return told


WAYS: dict[str, tuple[str, Act]] = {
    "BAJA by SMS": ("sms", by_word("BAJA")),
    "STOP on WhatsApp": ("whatsapp", by_word("stop")),
    "no más on Telegram": ("telegram", by_word("no más")),
    "STOP at Twilio, by SMS": ("sms", at_twilio),
    "STOP at Twilio, on WhatsApp": ("whatsapp", at_twilio),
    "blocking the bot": ("telegram", by_blocking),
    "a code that says so": ("sms", by_code(failures.OptedOut)),
    "a code that says they are gone": ("whatsapp", by_code(failures.Unreachable)),
}


def unasked(world: World) -> list[str]:
    """How the messages stand that nobody asked for."""
    return [row["state"] for row in world.rows(Outgoing) if row["kind"] in UNASKED]


@pytest.mark.parametrize("path", PATHS)
def test_without_opting_out_each_path_sends(sqlite_url: str, tmp_path: Path, path: str) -> None:
    world, (prepare, queue) = town(sqlite_url, tmp_path), PATHS[path]

    async def scene(here: Office) -> None:
        prepare(world, "sms")
        queue(world, "sms")
        await here.rounds(here.sender("sms"))
        assert unasked(world) == ["sent"]

    play(world, scene)
    world.desk.engine.dispose()


@pytest.mark.parametrize("queued_first", [True, False], ids=["queued before", "queued after"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", PATHS)
def test_whoever_opts_out_gets_nothing_unasked(
    sqlite_url: str, tmp_path: Path, path: str, way: str, queued_first: bool
) -> None:
    world, (prepare, queue), (channel, opt_out) = town(sqlite_url, tmp_path), PATHS[path], WAYS[way]

    async def scene(here: Office) -> None:
        prepare(world, channel)
        for act in (queue, opt_out) if queued_first else (opt_out, queue):
            act(world, channel)
        await here.rounds(here.sender(channel))
        assert set(unasked(world)) <= {"failed"}
        assert len(unasked(world)) == queued_first or path == "an announcement"
        texts = [message.text for message in here.standins.to(address(channel, 1))]
        assert len(texts) == ("BAJA" in way or "STOP on" in way or "no más" in way), "what answers them"

    play(world, scene)
    world.desk.engine.dispose()
