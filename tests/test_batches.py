"""Messages that come at the same time share a commit and nothing else: no failure, no effect, no wait for company."""

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import event

from bot.batches import Batches
from bot.desk import Apart, Away
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
from tests.world import World, address, away, incoming

FIRST = ("votar", "1", "3", "2", "1 4 6")


def held(fail: Callable[[Sequence[int]], None] = lambda _tasks: None) -> list[Any]:
    """One call begins alone; three come while it is at work. The batches there were, and what each call got."""
    begun, go, seen = Event(), Event(), []

    def work(tasks: Sequence[int]) -> list[int | BaseException]:
        seen.append(list(tasks))
        begun.set()
        go.wait(10)
        fail(tasks)
        return [ValueError("odd") if task == 3 else task * 10 for task in tasks]

    batches: Batches[int, int] = Batches(work)
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(batches.run, 1)]
        assert begun.wait(10)
        for number in (2, 3, 4):
            calls.append(pool.submit(batches.run, number))
            while len(batches._waiting) < number - 1:
                pass
        go.set()
        return [seen, *(call.exception(10) or call.result() for call in calls)]


def test_who_comes_alone_is_served_at_once_and_who_came_meanwhile_together() -> None:
    seen, *became = held()
    assert seen == [[1], [2, 3, 4]]
    assert [str(each) for each in became] == ["10", "20", "odd", "40"]


def test_when_a_batch_breaks_each_of_its_callers_is_told_and_the_next_is_served() -> None:
    def broken(tasks: Sequence[int]) -> None:
        if 1 in tasks:
            raise KeyError("all of it")

    _seen, *became = held(broken)
    assert [str(each) for each in became] == ["'all of it'", "20", "odd", "40"]


def test_many_threads_get_each_their_own() -> None:
    batches: Batches[int, int] = Batches(lambda tasks: [task * 10 for task in tasks])
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(batches.run, range(2_000))) == [n * 10 for n in range(2_000)]


# Turns


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
    assert world.desk.take_all(messages(world, "1", (1, 2, 3))) == [True, True, True]
    assert committed == ["rollback", "commit", "rollback", "commit", "commit"]
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


def test_turns_of_many_threads_share_commits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    go = Event()  # the first is held up: all forty arrive meanwhile
    batch = messages(world, "hola", range(1, 41))
    desk, real = world.desk, type(world.desk).take_all

    def noted(self: Any, tasks: Sequence[Incoming]) -> Any:
        sizes.append(len(tasks))
        go.wait(30)
        return real(self, tasks)

    monkeypatch.setattr(type(desk), "take_all", noted)
    with ThreadPoolExecutor(40) as pool:
        calls = [pool.submit(desk.take, each) for each in batch]
        while len(desk._batches._waiting) < 39:
            pass
        go.set()
        assert all(call.result(30) for call in calls)
    assert sizes == [1, 39]
    assert len(world.rows(Inbox)) == 40


def test_who_has_to_wait_for_a_lock_keeps_nobody_of_the_batch(postgres_url: str, tmp_path: Path) -> None:
    """While a vote is counted (or its box mixed) ballots wait, and whoever asks for anything else is answered."""
    world = World.on(postgres_url, tmp_path).load().open()  # SQLite has one lock, and who writes has it
    for who, text in itertools.product((1, 2), FIRST):
        world.say(text, who=who)
    before = len(world.rows(Inbox))
    votes, (other,) = messages(world, "1", (1, 2)), messages(world, "hola", (3,))
    with ThreadPoolExecutor(2) as pool:
        with transaction(world.desk.engine) as connection:
            consultations.hold_alone(connection, "cartagena-2022")
            assert [type(each) for each in world.desk.take_all([*votes, other])] == [Apart] * 3
            calls = [pool.submit(world.desk.take, each) for each in votes]
            assert world.desk.take(other)
            assert len(world.rows(Inbox)) == before + 1
        assert [call.result(30) for call in calls] == [True, True]
    assert len(world.rows(Ballot)) == 2
    world.desk.engine.dispose()
