"""Messages that come at the same time share a commit and nothing else: no failure and no effect."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Connection, event

from bot.batches import Batches
from bot.complaints.confidential import Confidential
from bot.desk import Apart, Away, Desk
from bot.intake import Intake
from bot.messages import Incoming
from flows import register
from flows.answers import FreeText
from flows.language import Ask, Talk
from storage import consultations
from storage.ballots import Ballot
from storage.database import transaction
from storage.inbox import Inbox
from storage.outbox import Outgoing
from storage.parked import ParkedError
from tests.vaults import redacts, taking_complaints
from tests.world import World, address, away, incoming

FIRST = ("votar", "1", "3", "2", "1 4 6")


async def held(fail: Callable[[Sequence[int]], None] = lambda _tasks: None) -> list[Any]:
    """One call begins alone; three come while it is at work. The batches there were, and what each call got."""
    begun, go, seen = Event(), Event(), []

    def work(tasks: Sequence[int]) -> list[int | BaseException]:
        seen.append(list(tasks))
        begun.set()
        go.wait(10)
        fail(tasks)
        return [ValueError("odd") if task == 3 else task * 10 for task in tasks]

    batches: Batches[int, int] = Batches(work)
    calls = [asyncio.ensure_future(batches.run(1))]
    assert await asyncio.to_thread(begun.wait, 10)
    calls += [asyncio.ensure_future(batches.run(number)) for number in (2, 3, 4)]
    await asyncio.sleep(0)
    go.set()
    return [seen, *await asyncio.gather(*calls, return_exceptions=True)]


def test_who_comes_alone_is_served_alone_and_who_came_meanwhile_together() -> None:
    seen, *became = asyncio.run(held())
    assert seen == [[1], [2, 3, 4]]
    assert [str(each) for each in became] == ["10", "20", "odd", "40"]


def test_when_a_batch_breaks_each_of_its_callers_is_told_and_the_next_is_served() -> None:
    def broken(tasks: Sequence[int]) -> None:
        if 1 in tasks:
            raise KeyError("all of it")

    _seen, *became = asyncio.run(held(broken))
    assert [str(each) for each in became] == ["'all of it'", "20", "odd", "40"]


def test_many_calls_get_each_their_own() -> None:
    async def call() -> list[int]:
        batches: Batches[int, int] = Batches(lambda tasks: [task * 10 for task in tasks])
        return await asyncio.gather(*(batches.run(n) for n in range(2_000)))

    assert asyncio.run(call()) == [n * 10 for n in range(2_000)]


def test_who_goes_away_keeps_nobody_from_an_answer() -> None:
    async def call() -> list[Any]:
        go = Event()
        batches: Batches[int, int] = Batches(lambda tasks: [go.wait(10) and task * 10 for task in tasks])
        calls = [asyncio.ensure_future(batches.run(n)) for n in range(3)]
        await asyncio.sleep(0)
        calls[1].cancel()
        go.set()
        return await asyncio.gather(*calls, batches.run(3), return_exceptions=True)

    first, gone, *others = asyncio.run(call())
    assert isinstance(gone, asyncio.CancelledError)
    assert (first, *others) == (0, 20, 30)


# Turns


async def taken(intake: Intake, batch: Sequence[Incoming]) -> list[Any]:
    """What became of messages that come at the same time."""
    return await asyncio.gather(*(intake.take(each) for each in batch), return_exceptions=True)


def messages(world: World, words: str, people: Sequence[int]) -> list[Incoming]:
    return [incoming("telegram", address("telegram", who), words, next(world._ids)) for who in people]


@pytest.fixture
def committed(world: World) -> list[str]:
    """Grows with every commit and rollback."""
    seen: list[str] = []
    event.listen(world.desk.engine, "commit", lambda _c: seen.append("commit"))
    event.listen(world.desk.engine, "rollback", lambda _c: seen.append("rollback"))
    return seen


def test_three_people_who_vote_at_once_share_one_commit(world: World, committed: list[str]) -> None:
    for who, text in itertools.product((1, 2, 3), FIRST):
        world.say(text, who=who)
    committed.clear()
    assert world.desk.take_all(messages(world, "1", (1, 2, 3))) == [True, True, True]
    assert committed == ["commit"]
    assert len(world.rows(Ballot)) == 3
    waiting = [row["contact_id"] for row in world.rows(Outgoing) if row["state"] == "queued"]
    assert len(waiting) == len(set(waiting)) == 3


def test_two_messages_of_one_person_and_a_second_copy_are_taken_in_order(world: World) -> None:
    first, second = messages(world, "votar", (1, 1))
    assert world.desk.take_all([first, second, first]) == [True, True, False]
    assert len(world.rows(Inbox)) == 2
    assert [row["state"] for row in world.rows(Outgoing)] == ["superseded", "queued"]


def poison() -> Talk:
    typed = yield from Ask("say", "Say something", FreeText())
    raise RuntimeError(f"could not read {typed!r}")


def test_a_bug_in_one_turn_undoes_that_turn_alone(
    world: World, committed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(register.FLOWS, "profile", poison)
    for who, text in itertools.product((1, 3), FIRST):
        world.say(text, who=who)
    for text in ("hola", "1", "perfil"):
        world.say(text, who=2)
    committed.clear()
    assert asyncio.run(taken(Intake(world.desk), messages(world, "1", (1, 2, 3)))) == [True, True, True]
    assert committed[0] == "rollback", "of what came together nothing was taken in"
    assert sorted(committed[1:]) == ["commit", "commit", "commit", "rollback"]
    assert len(world.rows(ParkedError)) == 1
    assert len(world.rows(Ballot)) == 2
    assert len([row for row in world.rows(Outgoing) if row["state"] == "queued"]) == 3


def test_while_the_database_is_away_all_of_a_batch_are_given_back(world: World) -> None:
    batch = messages(world, "hola", (1, 2, 3))
    with away():
        became = world.desk.take_all(batch)
    assert [type(each) for each in became] == [Away, Away, Away]
    assert world.rows(Inbox) == []
    assert world.desk.take_all(batch) == [True, True, True]


def test_turns_that_come_while_one_is_at_work_share_a_commit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    begun, go = Event(), Event()  # the first is held up: all others arrive meanwhile
    real = type(world.desk).take_all

    def noted(self: Any, tasks: Sequence[Incoming]) -> Any:
        sizes.append(len(tasks))
        begun.set()
        go.wait(30)
        return real(self, tasks)

    async def write() -> list[bool]:
        first, *others = messages(world, "hola", range(1, 41))
        intake = Intake(world.desk)
        calls = [asyncio.ensure_future(intake.take(first))]
        assert await asyncio.to_thread(begun.wait, 10)
        calls += [asyncio.ensure_future(intake.take(each)) for each in others]
        await asyncio.sleep(0)
        go.set()
        return await asyncio.gather(*calls)

    monkeypatch.setattr(type(world.desk), "take_all", noted)
    assert asyncio.run(write()) == [True] * 40
    assert sizes == [1, 39]
    assert len(world.rows(Inbox)) == 40


def test_who_has_to_wait_for_a_lock_keeps_nobody_of_the_batch(postgres_url: str, tmp_path: Path) -> None:
    """While a vote is counted (or its box mixed) ballots wait, and whoever asks for anything else is answered."""
    world = World.on(postgres_url, tmp_path).load().open()  # SQLite has one lock, and who writes has it
    for who, text in itertools.product((1, 2), FIRST):
        world.say(text, who=who)
    before = len(world.rows(Inbox))
    votes, (other,) = messages(world, "1", (1, 2)), messages(world, "hola", (3,))

    async def write(connection: Connection) -> list[bool]:
        intake = Intake(world.desk)
        waiting = [asyncio.ensure_future(intake.take(each)) for each in votes]
        assert await intake.take(other)
        assert len(world.rows(Inbox)) == before + 1
        connection.rollback()
        return await asyncio.gather(*waiting)

    with world.desk.engine.connect() as connection:
        consultations.hold_alone(connection, "cartagena-2022")
        assert [type(each) for each in world.desk.take_all([*votes, other])] == [Apart] * 3
        assert asyncio.run(write(connection)) == [True, True]
    assert len(world.rows(Ballot)) == 2
    world.desk.engine.dispose()


def test_a_bug_beside_who_has_to_wait_for_a_lock_keeps_nobody(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is undone for a bug is taken in again, and the ballot among it waits for a count: in a thread of its own."""
    world = World.on(postgres_url, tmp_path).load().open()
    monkeypatch.setitem(register.FLOWS, "profile", poison)
    for text in FIRST:
        world.say(text, who=1)
    for text in ("hola", "1", "perfil"):
        world.say(text, who=2)
    (ballot,), (odd,), (other,) = (messages(world, text, (who,)) for text, who in (("1", 1), ("x", 2), ("hola", 3)))

    async def write(connection: Connection) -> list[bool]:
        intake = Intake(world.desk)
        waiting = asyncio.ensure_future(intake.take(ballot))
        assert await taken(intake, [odd, other]) == [True, True]
        connection.rollback()
        return [await waiting]

    with world.desk.engine.connect() as connection:
        consultations.hold_alone(connection, "cartagena-2022")
        assert [type(each) for each in world.desk.take_all([odd, ballot])] == [Apart] * 2
        assert asyncio.run(write(connection)) == [True]
    assert len(world.rows(ParkedError)) == len(world.rows(Ballot)) == 1
    world.desk.engine.dispose()


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The texts of all that ordinary turns see, batch by batch."""
    seen: list[list[str]] = []
    take_all = Desk.take_all

    def noted(self: Desk, batch: Sequence[Incoming]) -> Any:
        seen.append([each.text for each in batch])
        return take_all(self, batch)

    monkeypatch.setattr(Desk, "take_all", noted)
    return seen


def test_who_tells_a_complaint_while_others_wait_for_the_database_tells_no_ordinary_turn(
    little: World, together: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they tell comes before the batch that is under way has ended, and before they saw the first answer."""
    words, told = ("denunciar", "Me pidieron plata", "En la plaza"), []
    take = Confidential.take

    def noted(self: Confidential, incoming: Incoming) -> bool:
        told.append(incoming.text)
        return take(self, incoming)

    async def write() -> list[Any]:
        intake, (other,) = Intake(little.desk), messages(little, "hola", (1,))
        with transaction(little.desk.engine):
            waiting = asyncio.ensure_future(intake.take(other))
            told = await taken(intake, [messages(little, each, (2,))[0] for each in words])
        return [await waiting, *told]

    monkeypatch.setattr(Confidential, "take", noted)
    little.attend()
    assert asyncio.run(write()) == [True] * 4
    assert together == [["hola"]]
    assert told == list(words), "in the order in which they came"


def test_messages_of_a_channel_that_is_checked_share_a_commit_too(
    sqlite_url: str, tmp_path: Path, together: list[list[str]]
) -> None:
    """One a minute is noted for the check, in a thread of its own; it is no reason to take all others in alone."""
    with taking_complaints(sqlite_url, tmp_path) as world:
        redacts(world)
        batch = [incoming("whatsapp", address("whatsapp", n), "hola", next(world._ids)) for n in range(1, 9)]
        assert asyncio.run(taken(Intake(world.desk), batch[:1])) == [True]
        assert together == []
        assert asyncio.run(taken(Intake(world.desk), batch[1:])) == [True] * 7
        assert together == [["hola"] * 7]


def test_what_may_be_confidential_is_taken_apart_from_the_batch_it_came_in(
    little: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, alone = [], []
    take, take_all = type(little.desk).take, type(little.desk).take_all

    def noted(self: Any, incoming: Incoming) -> bool:
        alone.append(incoming.text)
        return take(self, incoming)

    def noted_all(self: Any, tasks: Sequence[Incoming]) -> Any:
        together.append([each.text for each in tasks])
        return take_all(self, tasks)

    def looked_at(self: Any, incoming: Incoming) -> bool:
        if incoming.text == "odd":
            raise ValueError("odd")
        return real(self, incoming)

    assert isinstance(little.desk.confidential, Confidential)
    real = Confidential.suspects
    monkeypatch.setattr(type(little.desk), "take", noted)
    monkeypatch.setattr(type(little.desk), "take_all", noted_all)
    monkeypatch.setattr(Confidential, "suspects", looked_at)

    async def write(*texts: str) -> list[bool]:
        intake = Intake(little.desk)
        told = [each for who, text in enumerate(texts, 1) for each in messages(little, text, (who,))]
        return await asyncio.gather(*(intake.take(each) for each in told))

    assert asyncio.run(write("hola", "denunciar", "votar", "odd")) == [True] * 4
    assert together == [["hola", "votar"]]
    assert sorted(alone) == ["denunciar", "odd"]
    assert asyncio.run(write("consultar")) == [True]
    assert len(together) == 1, "nothing plain, and no transaction for nothing"


def test_a_database_that_answers_nothing_is_away(little_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is kept until their provider loses patience; what is taken in later all the same is known when it comes
    again."""
    go = Event()
    take_all = type(little_world.desk).take_all

    def stands_still(self: Any, tasks: Sequence[Incoming]) -> Any:
        go.wait(10)
        return take_all(self, tasks)

    monkeypatch.setattr(type(little_world.desk), "take_all", stands_still)
    monkeypatch.setattr("bot.intake.PATIENCE", 0.05)
    (told,) = messages(little_world, "hola", (1,))

    async def write() -> list[Any]:
        intake = Intake(little_world.desk)
        first = await asyncio.gather(intake.take(told), return_exceptions=True)
        go.set()
        monkeypatch.undo()
        return [*first, await intake.take(told)]

    away, again = asyncio.run(write())
    assert isinstance(away, Away)
    assert again is False
    assert len(little_world.rows(Inbox)) == 1
