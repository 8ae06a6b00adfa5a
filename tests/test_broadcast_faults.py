"""Broadcasts that are killed, doubled, refused and overtaken: nobody is told twice, and nobody is lost."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from bot.announcements import broadcast, feed, progress, selection, settlement
from cli import wiring
from cli.replay import SharedClock, settings_for
from cli.standins import Standins, running_standins
from storage import announcements, contacts
from storage.announcements import AnnouncementRow
from storage.database import reading, transaction
from storage.folder import read_folder
from storage.loading import load
from storage.outbox import Outgoing
from storage.recipients import Recipient
from storage.spending import Spent
from tests.announced import announce, draft, one, outgoing, person, queued, states, tick
from tests.test_broadcast import city
from tests.test_kill import Office, until
from tests.test_notices import Killed, killed
from tests.test_sender import Office as Room
from tests.test_sender import play
from tests.world import CARTAGENA, DURING, World, address


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices and batches of a few people, so that there are many transactions."""
    monkeypatch.setattr(selection, "SLICE", 3)
    monkeypatch.setattr(feed, "BATCH", 2)


def clean(world: World) -> None:
    with transaction(world.desk.engine) as connection:
        for table in (Outgoing, Recipient, AnnouncementRow, Spent):
            connection.execute(delete(table))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("moment", ["begin", "commit"])
def test_killed_at_any_transaction_nothing_is_lost_or_doubled(world: World, moment: str) -> None:
    for who in range(1, 6):
        person(world, "telegram" if who % 2 else "sms", who)
    for number in count(1):
        clean(world)
        id = announce(world)
        with killed(world.desk.engine, moment, number), suppress(Killed):
            tick(world)
            outgoing(world, state="delivered")
            tick(world)
            break  # there was no n-th transaction: each has died once
        tick(world)
        outgoing(world, state="delivered")
        tick(world)
        assert set(queued(world).values()) == {1}
        assert len(queued(world)) == 5
        assert one(world, id).state == "sent"
        assert states(world) == {("settled", ""): 5}
        assert {row["pesos"] for row in world.rows(Spent)} == {2 * 220}
    assert number > 15


@pytest.mark.usefixtures("small")
def test_of_two_workers_at_once_each_person_hears_once(world: World, tmp_path: Path) -> None:
    """Both go on as if they had the clock: what a holder does that was paused and wakes up late."""
    city(world, tmp_path, daily="1000")
    for who in range(1, 10):
        person(world, "sms", who)
    for who in range(10, 31):
        person(world, "telegram", who)
    announce(world)
    desks = [world.desk, wiring.desk(world.settings, world.clock)]
    meeting = threading.Barrier(2)

    def work(desk: Any) -> None:
        for _n in range(12):
            meeting.wait(30)
            with suppress(Exception):  # of two that want the same rows one may have to step back
                selection.select(desk, world.clock())
                broadcast.feed(desk, {"telegram": 2, "sms": 1}, world.clock())

    with ThreadPoolExecutor(2) as workers:
        for done in [workers.submit(work, desk) for desk in desks]:
            done.result(60)
    desks[1].engine.dispose()
    assert set(queued(world).values()) == {1}
    by_lane = Counter(row["lane"] for row in world.rows(Outgoing))
    assert by_lane["sms"] == 4  # the ceiling holds however many feed
    assert sum(row["pesos"] for row in world.rows(Spent)) == 880
    assert states(world)["waiting", ""] == 30 - by_lane.total()


def test_a_holder_that_was_paused_in_the_middle_queues_nothing_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for who in range(1, 9):
        person(world, who=who)
    announce(world)
    rooms = broadcast._rooms
    late: list[int] = []

    def sleepily(*arguments: Any) -> Any:
        monkeypatch.undo()
        late.append(broadcast.feed(world.desk, {"telegram": 1}, world.clock()))  # who took over meanwhile
        return rooms(*arguments)

    selection.select(world.desk, world.clock())
    monkeypatch.setattr(broadcast, "_rooms", sleepily)
    assert broadcast.feed(world.desk, {"telegram": 1}, world.clock()) == 4
    assert late == [4]
    assert set(queued(world).values()) == {1}
    assert len(queued(world)) == 8


def test_who_opts_out_between_queueing_and_sending_gets_nothing(world: World) -> None:
    async def scene(here: Room) -> None:
        who = person(world)
        person(world, who=2)
        announce(world)
        assert tick(world) == 2
        here.forward(1)
        with transaction(world.desk.engine) as connection:
            contacts.opt_out(connection, contacts.contacts_of(connection, who)[0].id)
        await here.rounds(here.sender())
        assert [message.to for message in here.standins.sent] == [address("telegram", 2)]
        assert sorted((row["state"], row["error"] or "") for row in world.rows(Outgoing)) == [
            ("failed", "stopped"), ("sent", ""),
        ]  # fmt: skip
        tick(world)
        assert states(world) == {("settled", ""): 2}

    play(world, scene)


def test_replies_overtake_a_broadcast(world: World) -> None:
    async def scene(here: Room) -> None:
        for who in range(1, 60):
            person(world, who=who)
        resident = here.contact(99)
        announce(world)
        tick(world)
        lane = here.sender(rate=5)
        here.forward(3)
        await here.rounds(lane)
        assert len(here.standins.sent) == 5
        here.queue(resident, "answer")
        here.forward(1.02)
        await here.rounds(lane)
        assert here.texts()[5] == "answer"

    play(world, scene)


def test_what_is_fed_leaves_gaps_for_replies_all_the_time(world: World) -> None:
    for who in range(1, 60):
        person(world, who=who)
    announce(world)
    tick(world, {"telegram": 10})
    world.clock.forward(seconds=2)
    tick(world, {"telegram": 10})
    due = sorted(row["due_at"] for row in world.rows(Outgoing))
    apart = {later - earlier for earlier, later in pairwise(due)}
    assert len(due) == 40
    assert apart == {timedelta(seconds=1 / (10 * broadcast.SHARE))}


def test_killed_between_sending_and_recording_it_is_listed_and_never_repeated(world: World) -> None:
    async def scene(here: Room) -> None:
        for who in range(1, 6):
            person(world, who=who)
        id = announce(world)
        tick(world)
        here.forward(1)
        dead = here.sender(holder="dead")
        assert await dead.cycle()
        for task in list(dead._under_way):
            await task  # they went out; that they did was never recorded
        assert len(here.standins.sent) == 5
        here.forward(31)
        lane = here.sender(holder="alive")
        for _n in range(4):
            await here.rounds(lane)
            assert tick(world) == 0
            here.forward(60)
        assert set(here.states()) == {"uncertain"}
        assert max(Counter(message.to for message in here.standins.sent).values()) == 1
        await here.rounds(dead)  # the paused one wakes up: its epoch is refused
        assert set(here.states()) == {"uncertain"}
        with reading(world.desk.engine) as connection:
            assert progress.progress(connection, one(world, id)).outcomes == {"uncertain": 5}
        assert one(world, id).state == "sent"

    play(world, scene)


def test_blocked_throttled_and_lost_answers(world: World) -> None:
    """Of 120 people 5 % have blocked us, every 40th call is answered 429, and one answer in a hundred is lost."""
    number = 120

    async def scene(here: Room) -> None:
        for who in range(1, number + 1):
            person(world, who=who)
        here.standins.blocked = {address("telegram", who) for who in range(20, number + 1, 20)}
        here.standins.fail(how="accept_then_drop", to=address("telegram", 33))
        here.standins.fail(how="accept_then_drop", to=address("telegram", 66))
        for who in (40, 80, 119):
            here.standins.fail(status=429, retry_after=3, to=address("telegram", who))
        id = announce(world)
        lane = here.sender()
        for _n in range(30):
            tick(world)
            await here.rounds(lane)
            here.forward(4)
        with reading(world.desk.engine) as connection:
            told = progress.progress(connection, one(world, id))
        assert told.outcomes == {"sent": number - 6 - 2, "failed": 6, "uncertain": 2}
        assert told.done == 1.0
        assert one(world, id).state == "sent"
        arrived = Counter(message.to for message in here.standins.sent)
        assert len(arrived) == number - 6
        assert set(arrived.values()) == {1}

    play(world, scene)


# Real processes


@pytest.fixture
def providers() -> Iterator[Standins]:
    with running_standins() as started:
        yield started


def goes_on(clock: SharedClock) -> bool:
    """The clock goes on a little, each time that one looks."""
    clock.set(clock() + timedelta(seconds=0.1))
    return True


def still(world: World) -> int:
    """How many are to be told yet, or are being told."""
    waiting = [row for row in world.rows(Recipient) if row["state"] == "waiting"]
    moving = [row for row in world.rows(Outgoing) if row["state"] in ("queued", "sending")]
    return len(waiting) + len(moving)


def test_a_worker_that_is_killed_again_and_again_tells_everybody_at_most_once(
    database_url: str, tmp_path: Path, providers: Standins
) -> None:
    people, clock = 24, SharedClock(DURING)
    settings = replace(settings_for(database_url, tmp_path / "keys", providers), telegram_per_second=8)
    world = World.on(database_url, tmp_path)
    with transaction(world.desk.engine) as connection:
        load(connection, read_folder(CARTAGENA))
    for who in range(1, people + 1):
        person(world, who=who)
    with transaction(world.desk.engine) as connection:
        id = announcements.make(connection, draft(world), None, DURING, state="approved")
    office = Office(settings, clock, {})
    try:
        office.start("worker")
        for kill in (5, 14):
            until(lambda kill=kill: goes_on(clock) and len(providers.sent) >= kill)
            office.kill("worker")
            clock.set(clock() + timedelta(minutes=3))  # so that the leases of the dead run out
            office.start("worker")
        until(lambda: goes_on(clock) and still(world) == 0)
    finally:
        office.stop()
    settlement.settle(world.desk, clock())
    assert one(world, id).state == "sent"
    arrived = Counter(message.to for message in providers.sent)
    assert set(arrived.values()) == {1}
    with reading(world.desk.engine) as connection:
        told = progress.progress(connection, one(world, id))
    assert told.outcomes["sent"] + told.outcomes.get("uncertain", 0) == people
    assert told.outcomes["sent"] <= len(arrived) <= people
    assert len(arrived) >= people - told.outcomes.get("uncertain", 0)
    world.desk.engine.dispose()
