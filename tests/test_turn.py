"""Turns: each message once, each effect once, whoever writes at the same moment and whatever breaks."""

import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel

from bot import turn
from bot.channels import telegram, twilio
from bot.desk import Away
from bot.messages import Incoming, Outbound
from bot.speech import Speaker
from cli import wiring
from flows import register, replay
from flows.answers import FreeText
from flows.language import Ask, Say, Talk
from storage import ballots, consultations, contacts, database, parked, talks
from storage.ballots import CODE_LETTERS, Ballot, Roll
from storage.consultations import ConsultationRow
from storage.contacts import Contact, Person
from storage.inbox import Inbox
from storage.outbox import Outgoing
from storage.parked import ParkedError
from storage.talks import Talk as TalkRow
from tests.world import CHANNELS, World, address, incoming, telegram_press, twilio_form

ME = address("telegram", 1)
FIRST = ("votar", "1", "3", "2", "1 4 6")
"""A first vote up to the last question."""

CODE = re.compile(rf"\b[{CODE_LETTERS}]{{10}}\b")
PASSED, RESUMED, CHANGED = map(Speaker("es").say, (turn.PASSED, turn.RESUMED, turn.CHANGED_WHILE_AWAY))
CHANGED_ANSWER = Speaker("es").say(replay.CHANGED)


def said(messages: Sequence[Outbound]) -> str:
    return "\n".join(message.text for message in messages)


def write(world: World, *texts: str, channel: str = "telegram", who: int = 1) -> str:
    """Somebody writes these messages; what the last one got."""
    return said([world.say(text, channel, who) for text in texts][-1])


def message(world: World, words: str, channel: str = "telegram", who: int = 1) -> Incoming:
    return incoming(channel, address(channel, who), words, next(world._ids))


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run these at the same moment, each in its own thread; their results in order."""
    start = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        start.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result() for future in [pool.submit(run, act) for act in acts]]


# Once


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_message_that_comes_again_changes_nothing_and_gets_no_reply(world: World, channel: str) -> None:
    write(world, *FIRST, channel=channel)
    yes = message(world, "1", channel)
    assert "ecibo" in said(world.take(yes))
    box, inbox = world.rows(Ballot), len(world.rows(Inbox))
    for _n in range(3):
        assert world.desk.take(yes) is False
        assert world.delivered(channel, address(channel, 1)) == []
    assert world.rows(Ballot) == box
    assert len(world.rows(Inbox)) == inbox


def test_the_same_message_in_eight_threads_has_one_effect(world: World) -> None:
    write(world, *FIRST)
    yes = message(world, "1")
    assert sorted(at_once(*[lambda: world.desk.take(yes)] * 8)) == [False] * 7 + [True]
    assert len(world.rows(Ballot)) == 1
    assert len(world.delivered("telegram", ME)) == 1


def test_the_first_message_of_somebody_in_eight_threads_makes_one_contact(world: World) -> None:
    hello = message(world, "hola")
    assert sorted(at_once(*[lambda: world.desk.take(hello)] * 8)) == [False] * 7 + [True]
    assert len(world.rows(Contact)) == 1


def test_two_first_messages_at_once_make_one_contact(world: World) -> None:
    both = [message(world, "hola"), message(world, "votar")]
    assert at_once(*[lambda told=told: world.desk.take(told) for told in both]) == [True, True]
    assert len(world.rows(Contact)) == 1
    assert len([row for row in world.rows(TalkRow) if row["active"]]) == 1


def test_the_same_id_on_another_channel_is_another_message(world: World) -> None:
    told = message(world, "hola", "sms")
    assert world.desk.take(told)
    assert world.desk.take(replace(told, channel="whatsapp", address=address("whatsapp", 1)))


def test_a_press_and_a_text_at_once_cast_one_ballot(world: World) -> None:
    write(world, *FIRST)
    data = next(data for label, data in world.last["telegram", ME].buttons if label.startswith("Sí"))
    press = telegram.read(telegram_press(next(world._ids), ME, data))
    typed = message(world, "1")
    assert press is not None
    assert at_once(lambda: world.desk.take(press), lambda: world.desk.take(typed)) == [True, True]
    assert len(world.rows(Ballot)) == 1
    assert world.rows(ParkedError) == []


def test_a_press_to_change_and_a_text_to_confirm_at_once_leave_one_of_the_two(world: World) -> None:
    write(world, *FIRST)
    data = next(data for label, data in world.last["telegram", ME].buttons if label == "Cambiar")
    press = telegram.read(telegram_press(next(world._ids), ME, data))
    typed = message(world, "sí")
    assert press is not None
    at_once(lambda: world.desk.take(press), lambda: world.desk.take(typed))
    assert len(world.rows(Ballot)) in (0, 1)
    assert world.rows(ParkedError) == []
    write(world, "votar", "2", "1")
    assert len(world.rows(Ballot)) == 1


# Buttons


def buttons(world: World, channel: str = "telegram") -> dict[str, str]:
    return dict(world.last[channel, address(channel, 1)].buttons)


@pytest.mark.parametrize("channel", ["telegram", "whatsapp"])
def test_a_button_of_an_earlier_question_says_that_it_has_passed(world: World, channel: str) -> None:
    write(world, "votar", "1", channel=channel)
    age = buttons(world, channel)
    write(world, "3", channel=channel)
    got = said(world.press_data(age["70 años o más"], channel))
    assert got.startswith(PASSED)
    assert "¿Cuál es su sexo?" in got
    write(world, "2", "6", "1", channel=channel)
    assert world.rows(Person)[0]["age"] == "35-44"


def test_a_button_of_an_earlier_talk_says_that_it_has_passed(world: World) -> None:
    write(world, *FIRST)
    sure = buttons(world)
    write(world, "1", "votar", "2")
    got = said(world.press_data(sure["Sí, votar"]))
    assert got.startswith(PASSED)
    assert world.rows(Ballot)[0]["choices"] == "p01 p04 p06"


def test_a_button_pressed_after_the_talk_is_over_opens_the_menu(world: World) -> None:
    write(world, *FIRST)
    sure = buttons(world)
    write(world, "1", "no")  # the vote, and no reminders
    assert "¿Qué quiere hacer?" in said(world.press_data(sure["Sí, votar"]))
    assert len(world.rows(Ballot)) == 1


@pytest.mark.parametrize(
    "data", ["", ".", "..", "1.sure-1.yes", "999999.menu.vote", "x" * 64, "\x00", "1.menu", "é.é.é"]
)
def test_a_made_up_button_does_no_harm(little_world: World, data: str) -> None:
    write(little_world, "hola", "1")
    assert little_world.press_data(data)
    assert little_world.rows(ParkedError) == []


def test_a_button_of_somebody_else_does_nothing(world: World) -> None:
    write(world, *FIRST)
    write(world, *FIRST, who=2)
    stolen = buttons(world)["Sí, votar"]
    assert PASSED in said(world.press_data(stolen, who=2))
    assert world.rows(Ballot) == []


# News of a contact


def news(world: World, kind: str) -> Incoming:
    return Incoming("telegram", ME, f"n{next(world._ids)}", kind)  # type: ignore[arg-type]


def state(world: World) -> str:
    return str(world.rows(Contact)[0]["state"])


def test_a_blocked_contact_gets_nothing_more_until_it_writes(world: World) -> None:
    write(world, "hola")
    world.desk.take(message(world, "1"))
    assert world.take(news(world, "blocked")) == []
    assert state(world) == "blocked"
    assert {row["state"] for row in world.rows(Outgoing)} == {"sent", "failed"}
    assert world.take(news(world, "unblocked")) == []
    assert state(world) == "active"
    world.take(news(world, "blocked"))
    assert "¿Qué quiere hacer?" in write(world, "hola")
    assert state(world) == "active"


def test_who_opts_out_at_the_provider_gets_no_reply_and_is_still_answered(world: World) -> None:
    stop = twilio.read(twilio_form("SM" + "9" * 32, address("sms", 1), "STOP", OptOutType="STOP"))
    assert stop is not None
    write(world, "hola", channel="sms")
    assert world.take(stop) == []
    assert state(world) == "stopped"
    assert write(world, "1", channel="sms")
    assert state(world) == "stopped"
    start = twilio.read(twilio_form("SM" + "8" * 32, address("sms", 1), "START", OptOutType="START"))
    assert start is not None
    assert world.take(start) == []
    assert state(world) == "active"


def test_news_of_somebody_unknown_makes_a_contact_that_is_not_written_to(world: World) -> None:
    assert world.take(news(world, "blocked")) == []
    assert state(world) == "blocked"


def test_a_reply_that_still_waits_is_withdrawn_when_the_person_moves_on_but_a_receipt_is_not(world: World) -> None:
    write(world, *FIRST)
    for words in ("1", "menú", "resultados"):
        world.desk.take(message(world, words))
    waiting = [(row["kind"], row["state"]) for row in world.rows(Outgoing) if row["state"] != "sent"]
    assert waiting == [("receipt", "queued"), ("reply", "superseded"), ("reply", "queued")]
    assert all(row["sealed"] is None for row in world.rows(Outgoing) if row["state"] == "superseded")


# Bugs

SECRET = "mi cédula es 73.111.222"


def poison() -> Talk:
    typed = yield from Ask("say", "Say something", FreeText())
    yield Say("never told")
    raise RuntimeError(f"could not read {typed!r}")


@pytest.fixture
def poisoned(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setitem(register.FLOWS, "profile", poison)
    return world


def test_a_bug_rolls_back_apologises_and_parks_a_code_without_the_text(
    poisoned: World, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    write(poisoned, "hola", "1", "perfil")
    before = [(row["flow"], poisoned.desk.ink.open(row["sealed"])) for row in poisoned.rows(TalkRow)]
    got = write(poisoned, SECRET)
    (row,) = poisoned.rows(ParkedError)
    assert row["code"] in got
    assert "never told" not in got
    assert "RuntimeError" in row["place"]
    assert "73.111" not in json.dumps(row, default=str)
    assert [(talk["flow"], poisoned.desk.ink.open(talk["sealed"])) for talk in poisoned.rows(TalkRow)] == before
    captured = capfd.readouterr()
    logs = captured.out + captured.err + caplog.text
    assert row["code"] in logs
    assert "73.111" not in logs
    assert ME not in logs


def test_after_a_bug_the_next_message_works(poisoned: World) -> None:
    write(poisoned, "hola", "1", "perfil", SECRET)
    assert "¿Cuántos años tiene?" in write(poisoned, "votar")
    assert len(poisoned.rows(ParkedError)) == 1


def test_a_message_that_met_a_bug_is_taken_in_and_not_tried_again(poisoned: World) -> None:
    write(poisoned, "hola", "1", "perfil")
    told = message(poisoned, SECRET)
    assert poisoned.desk.take(told) is True
    assert poisoned.desk.take(told) is False
    assert len(poisoned.rows(ParkedError)) == 1


def test_a_command_before_a_bug_is_undone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    write(world, *FIRST)

    def broken(*_anything: Any) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(talks, "finish", broken)
    assert "Código" in write(world, "1")
    assert world.rows(Ballot) == []
    assert world.rows(Roll) == []
    monkeypatch.undo()
    assert "ecibo" in write(world, "1")


def test_a_bug_in_the_apology_itself_gives_the_message_back_to_the_provider(
    poisoned: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(poisoned, "hola", "1", "perfil")
    inbox = len(poisoned.rows(Inbox))

    def broken(*_anything: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(parked, "park", broken)
    with pytest.raises(Away):
        poisoned.desk.take(message(poisoned, SECRET))
    assert len(poisoned.rows(Inbox)) == inbox


def test_a_conversation_that_a_deploy_took_away_is_told_and_the_menu_follows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(world, "hola", "1", "idioma")
    monkeypatch.delitem(register.FLOWS, "language")
    got = write(world, "2")
    assert got.startswith(CHANGED)
    assert "¿Qué quiere hacer?" in got
    assert world.rows(Contact)[0]["language"] == "es"


def test_a_talk_whose_key_is_lost_is_told_and_the_menu_follows(world: World) -> None:
    write(world, *FIRST)
    for path in world.settings.ballot_keys_dir.glob("ink-*.key"):
        path.unlink()
    world.restart()
    got = write(world, "1")
    assert got.startswith(CHANGED)
    assert "¿Qué quiere hacer?" in got
    assert world.rows(Ballot) == []
    assert "ecibo" in write(world, "votar", "1", "1", "1 4 6", "1")


def test_a_lost_ballot_key_is_told_and_nothing_is_recorded(world: World) -> None:
    write(world, *FIRST)
    world.desk.keys.destroy("cartagena-2022")
    got = write(world, "1")
    assert "urna" in got
    assert "ecibo" not in got
    assert world.rows(Ballot) == []
    assert world.rows(Roll) == []


# A database that is away


@contextmanager
def locked(world: World) -> Iterator[None]:
    """Somebody else holds what a turn needs."""
    url = make_url(world.settings.database_url)
    if url.get_backend_name() == "sqlite":
        other = create_engine(url)
        with other.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield
            connection.rollback()
    else:
        other = create_engine(url.set(drivername="postgresql+psycopg"))
        with other.begin() as connection:
            connection.execute(text("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE"))
            yield
    other.dispose()


def test_a_locked_database_gives_the_message_back_and_keeps_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SQLITE_WAIT_MS", 20)
    world.restart()
    if world.desk.engine.dialect.name == "postgresql":
        event.listen(world.desk.engine, "connect", impatient)
    write(world, *FIRST)
    yes = message(world, "1")
    before = (len(world.rows(Inbox)), len(world.rows(Outgoing)))
    with locked(world), pytest.raises(Away):
        world.desk.take(yes)
    assert (len(world.rows(Inbox)), len(world.rows(Outgoing))) == before
    assert world.rows(ParkedError) == []
    assert "ecibo" in said(world.take(yes))


def impatient(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    connection.commit()


def test_a_database_that_cannot_be_reached_gives_the_message_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_anything: Any) -> None:
        raise OperationalError("SELECT", {}, Exception("server closed the connection"))

    monkeypatch.setattr(world.desk.engine.pool, "connect", gone)
    with pytest.raises(Away):
        world.desk.take(message(world, "hola"))
    monkeypatch.undo()
    assert write(world, "hola")


def test_connections_that_the_server_dropped_cost_no_message(postgres_url: str, tmp_path: Path) -> None:
    world = World.on(postgres_url, tmp_path).load().open()
    write(world, *FIRST)
    yes = message(world, "1")
    server = create_engine(make_url(postgres_url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"))  # fmt: skip # noqa: E501
    server.dispose()
    # The shared transaction meets the dead connections; tried by itself, the message finds a new one.
    assert "ecibo" in said(world.take(yes))
    world.desk.engine.dispose()


class Deadlock(Exception):
    sqlstate = "40P01"


def test_a_deadlock_is_tried_again_without_a_word(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    write(world, *FIRST)
    cast, tries = ballots.cast, []

    def unlucky(*arguments: Any) -> Any:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("UPDATE", {}, Deadlock())
        return cast(*arguments)

    monkeypatch.setattr(ballots, "cast", unlucky)
    assert "ecibo" in write(world, "1")
    assert len(tries) == 3
    assert len(world.rows(Ballot)) == 1


def test_a_deadlock_that_never_ends_gives_the_message_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    write(world, *FIRST)

    def unlucky(*_arguments: Any) -> Any:
        raise OperationalError("UPDATE", {}, Deadlock())

    monkeypatch.setattr(ballots, "cast", unlucky)
    with pytest.raises(Away):
        world.desk.take(message(world, "1"))
    assert world.rows(ParkedError) == []


# Time


def test_after_half_a_year_of_silence_nothing_is_inherited(world: World) -> None:
    write(world, *FIRST, "1")
    world.clock.forward(days=181)
    assert "¿Acepta?" in write(world, "hola")
    write(world, "1")
    assert len(world.rows(Person)) == 2
    new = world.rows(Contact)[0]["person_id"]
    assert "35 a 44" not in write(world, "privacidad", "1")
    assert [row["age"] for row in world.rows(Person) if row["id"] == new] == [None]


def test_before_half_a_year_of_silence_the_person_is_still_known(world: World) -> None:
    write(world, *FIRST, "1")
    world.clock.forward(days=179)
    assert "¿Acepta?" not in write(world, "hola")
    assert len(world.rows(Person)) == 1


def test_an_answer_within_half_a_day_counts_and_a_later_one_is_asked_again(world: World) -> None:
    write(world, *FIRST)
    world.clock.forward(hours=11)
    assert "ecibo" in write(world, "1")
    write(world, "votar", "2")
    world.clock.forward(hours=13)
    assert write(world, "1").startswith(RESUMED)
    assert world.rows(Ballot)[0]["choices"] == "p01 p04 p06"


# People who write at the same moment


def join(world: World, first: str = "telegram", second: str = "sms") -> str:
    """Join the chats of one person by code; what the second chat is told."""
    got = write(world, "privacidad", "5", channel=first)
    code = CODE.search(got)
    assert code
    return write(world, "privacidad", "6", code[0], "1", channel=second)


def test_two_contacts_of_one_person_who_vote_at_once_have_one_ballot(world: World) -> None:
    write(world, "hola", "1")
    write(world, "hola", "1", channel="sms")
    assert "Unimos sus chats" in join(world)
    write(world, "votar", "3", "2", "1 4 6")
    write(world, "votar", "3", "2", "7", channel="sms")
    both = [message(world, "1"), message(world, "1", "sms")]
    assert at_once(*[lambda told=told: world.desk.take(told) for told in both]) == [True, True]
    assert len(world.rows(Ballot)) == 1
    assert len(world.rows(Roll)) == 1
    assert world.rows(ParkedError) == []
    told = said([*world.delivered("telegram", ME), *world.delivered("sms", address("sms", 1))])
    assert world.rows(Ballot)[0]["id"] in told


def test_two_chats_that_join_each_other_at_once_end_as_one_person_with_one_ballot(world: World) -> None:
    write(world, *FIRST, "1")
    world.clock.forward(minutes=1)
    write(world, *FIRST[:-1], "7", "1", channel="sms")
    codes = {}
    for channel in ("telegram", "sms"):
        found = CODE.search(write(world, "privacidad", "5", channel=channel))
        assert found
        codes[channel] = found[0]
    write(world, "privacidad", "6", codes["sms"])
    write(world, "privacidad", "6", codes["telegram"], channel="sms")
    both = [message(world, "1"), message(world, "1", "sms")]
    assert at_once(*[lambda told=told: world.desk.take(told) for told in both]) == [True, True]
    assert len(world.rows(Person)) == 1
    assert len({row["person_id"] for row in world.rows(Contact)}) == 1
    assert [row["choices"] for row in world.rows(Ballot)] == ["p07"]
    assert len(world.rows(Roll)) == 1
    assert world.rows(ParkedError) == []


def test_twenty_people_at_once_have_twenty_ballots(world: World) -> None:
    def whole(who: int) -> None:
        for words in (*FIRST, "1"):
            assert world.desk.take(incoming(CHANNELS[who % 3], address(CHANNELS[who % 3], who), words, ids[who].pop()))

    ids = {who: list(range(who * 100, who * 100 + 10)) for who in range(1, 21)}
    at_once(*[lambda who=who: whole(who) for who in ids])
    assert len(world.rows(Ballot)) == 20
    assert len(world.rows(Roll)) == 20
    assert len(world.rows(Person)) == 20
    assert world.rows(ParkedError) == []


def test_a_vote_while_the_other_chat_joins_is_cast_for_the_joined_person(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World.on(postgres_url, tmp_path).load().open()
    write(world, "hola", "1")
    write(world, *FIRST, channel="sms")
    code = CODE.search(write(world, "privacidad", "5", channel="sms"))
    assert code
    write(world, "votar", channel="sms")
    write(world, "privacidad", "6", code[0])
    lock, waiting = contacts.lock_person, [message(world, "1")]
    elsewhere = wiring.desk(world.settings, world.clock)  # of another process: in one, messages share commits

    def late(*arguments: Any) -> Any:
        while waiting:
            with ThreadPoolExecutor(1) as other:
                assert other.submit(elsewhere.take, waiting.pop()).result()
        return lock(*arguments)

    monkeypatch.setattr(contacts, "lock_person", late)
    world.desk.take(message(world, "1", "sms"))
    assert len(world.rows(Person)) == 1
    assert world.rows(ParkedError) == []
    elsewhere.engine.dispose()
    world.desk.engine.dispose()


def second_consultation(world: World, **changed: object) -> None:
    row = world.rows(ConsultationRow)[0]
    title = json.dumps({"es": "Segunda consulta", "en": "Second consultation"})
    world.put(
        ConsultationRow, {**row, "slug": "second", "title": title, "state": "draft", "key_print": None, **changed}
    )
    world.open("second")


def test_with_two_votes_open_the_one_that_was_picked_is_voted_in(world: World) -> None:
    second_consultation(world)
    assert "2. Segunda consulta" in write(world, "votar", "1")
    got = [write(world, words) for words in ("2", "3", "2", "1 4", "1")]
    assert not [text for text in got if CHANGED_ANSWER in text]
    assert [row["consultation"] for row in world.rows(Ballot)] == ["second"]


def test_a_link_to_another_vote_does_not_resume_the_draft_of_this_one(world: World) -> None:
    second_consultation(world)
    write(world, "/start v-cartagena-2022", "1", "3", "2", "1 4", "menú")
    assert write(world, "/start v-second", "3", "2").startswith("Segunda consulta")


def test_a_button_is_certain_even_after_a_day(world: World) -> None:
    write(world, *FIRST)
    world.clock.forward(hours=13)
    assert "ecibo" in said(world.press("Sí, votar"))


# Rules of voting


def test_a_ballot_moves_neither_before_opening_nor_after_the_last_second(world: World) -> None:
    closes = world.rows(ConsultationRow)[0]["closes_at"]
    world.clock.now = closes - timedelta(seconds=1)
    write(world, *FIRST)
    write(world, *FIRST, who=2)
    assert "ecibo" in write(world, "1")
    world.clock.now = closes
    assert "cerró" in write(world, "1", who=2)
    assert len(world.rows(Ballot)) == 1


def test_a_ballot_is_refused_when_voting_closes_within_the_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    write(world, *FIRST)
    monkeypatch.setattr(consultations, "hold_open", lambda *_anything: False)
    assert "cerró" in write(world, "1")
    assert world.rows(Ballot) == []


def test_a_crowded_phone_takes_no_more_than_the_rules_allow(world: World) -> None:
    write(world, *FIRST, "1")
    for number in range(2, 7):
        write(world, "otra persona", str(number))
        got = write(world, "1", "votar", "3", "2", "7", "1")
        assert ("ecibo" in got) == (number <= 5), number
    assert len(world.rows(Ballot)) == 5


# Secrecy


@pytest.fixture
def voted(world: World) -> tuple[World, list[str]]:
    """Six people have voted, one of them twice, and one is about to; and all receipts that were given out."""
    receipts = []
    for who in range(1, 7):
        channel = CHANNELS[who % 3]
        write(world, *FIRST[:-1], f"{who} {who + 3}", channel=channel, who=who)
        world.desk.take(message(world, "1", channel, who))  # the receipt still waits in the outbox
        receipts += [row["id"] for row in world.rows(Ballot) if row["id"] not in receipts]
    write(world, *FIRST, "1", who=9)
    receipts += [row["id"] for row in world.rows(Ballot) if row["id"] not in receipts]
    write(world, "votar", "11 12", "1", who=9)
    receipts += [row["id"] for row in world.rows(Ballot) if row["id"] not in receipts]
    write(world, *FIRST[:-1], "10", who=8)
    return world, receipts


def everything(world: World) -> dict[str, list[str]]:
    """Every row of every table, as text; bytes as the letters they might hide."""
    found: dict[str, list[str]] = {}
    with world.desk.engine.connect() as connection:
        for table in SQLModel.metadata.sorted_tables:
            rows = connection.execute(text(f'SELECT * FROM "{table.name}"')).all()
            found[table.name] = [" ".join(_letters(value) for value in row) for row in rows]
        connection.rollback()
    return found


def _letters(value: Any) -> str:
    return bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)


def test_receipts_and_choices_stand_in_the_box_and_nowhere_else(voted: tuple[World, list[str]]) -> None:
    world, receipts = voted
    tables = everything(world)
    assert {name for name, rows in tables.items() for row in rows if any(code in row for code in receipts)} == {
        "ballot"
    }
    chosen = re.compile(r"\bp(0\d|1[012])\b")
    named = {"ballot", "consultation", "plan"}  # a plan names the proposal that it came from
    assert {name for name, rows in tables.items() for row in rows if chosen.search(row)} == named


def test_a_ballot_holds_nobody(voted: tuple[World, list[str]]) -> None:
    world, _receipts = voted
    rows = world.rows(Ballot)
    assert {*rows[0]} == {"consultation", "id", "mark", "choices", "origin", "locality"}
    addresses = [row["address"] for row in world.rows(Contact)]
    assert len(addresses) == 8
    for row in rows:
        assert not [where for where in addresses if where in json.dumps(row)]
        assert re.fullmatch("[0-9a-f]{64}", row["mark"])


def test_a_mark_cannot_be_made_without_the_key_outside_the_database(voted: tuple[World, list[str]]) -> None:
    world, _receipts = voted
    marks = {row["mark"] for row in world.rows(Ballot)}
    listed = world.rows(ConsultationRow)[0]
    with_key = {world.desk.keys.mark(listed["slug"], listed["key_print"], "person", str(n)) for n in range(1, 20)}
    assert marks <= with_key
    assert not marks & {word for rows in everything(world).values() for row in rows for word in row.split()} - marks
    key = (world.settings.ballot_keys_dir / "ballots-cartagena-2022.key").read_bytes()
    assert not [
        row for rows in everything(world).values() for row in rows if key.hex() in row or key.decode("latin-1") in row
    ]


def test_what_waits_to_be_told_and_what_was_answered_lie_sealed(voted: tuple[World, list[str]]) -> None:
    world, receipts = voted
    sealed = [row["sealed"] for row in [*world.rows(Outgoing), *world.rows(TalkRow)] if row["sealed"]]
    opened = [(world.desk.ink.open(data) or b"").decode() for data in sealed]
    assert [plain for plain in opened if any(code in plain for code in receipts)], "the test must see a receipt"
    assert [plain for plain in opened if '"p10"' in plain], "the test must see a choice"
    for data in sealed:
        letters = data.decode("latin-1")
        assert not [code for code in receipts if code in letters]
        assert not [word for word in ("ecibo", "choices", "p10", "Propuesta") if word in letters]


def test_the_files_of_sqlite_hold_no_receipt_beside_a_contact(sqlite_url: str, tmp_path: Path) -> None:
    world = World.on(sqlite_url, tmp_path).load().open()
    for who in range(1, 7):
        write(world, *FIRST, "1", channel=CHANNELS[who % 3], who=who)
    write(world, "votar", "2", "1", who=3)
    receipts = [row["id"].encode() for row in world.rows(Ballot)]
    addresses = [row["address"].encode() for row in world.rows(Contact)]
    path = Path(str(make_url(sqlite_url).database))
    pages = [*_pages(path.read_bytes(), 0, 0), *_pages(path.with_name(path.name + "-wal").read_bytes(), 32, 24)]
    assert [page for page in pages if any(where in page for where in addresses)], "the test must see a contact"
    boxes = [page for page in pages if any(code in page for code in receipts)]
    assert boxes, "the test must see a ballot"
    for page in boxes:
        assert not [where for where in addresses if where in page]
    for page in pages:
        assert b"choices-1" not in page
        assert b"recibo es" not in page
    world.desk.engine.dispose()


def _pages(data: bytes, header: int, frame: int) -> list[bytes]:
    return [data[at + frame : at + frame + 4096] for at in range(header, len(data), 4096 + frame)]


def test_no_log_holds_what_was_said_or_who_said_it(
    world: World, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)
    try:
        write(world, *FIRST, "1", channel="sms", who=7)
    finally:
        logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)
    receipt = world.rows(Ballot)[0]["id"]
    captured = capfd.readouterr()
    logs = captured.out + captured.err + caplog.text
    assert "INSERT INTO person" in logs, "the test must see the statements"
    for secret in (receipt, address("sms", 7), "p01 p04", "1 4 6", "35-44", "SM000"):
        assert secret not in logs


def test_a_message_shows_nothing_personal_when_it_is_printed() -> None:
    told = incoming("sms", address("sms", 7), "mi secreto", 1)
    assert "secreto" not in repr(told)
    assert "5731000" not in repr(told)
    assert "SM0" not in repr(told)


# What a machine could cost


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_a_machine_that_answers_every_message_is_told_once_and_then_left_alone(
    little_world: World, channel: str
) -> None:
    answers = [little_world.say("ayuda", channel) for _n in range(60)]
    assert [len(got) for got in answers] == [1] * 41 + [0] * 19
    assert "en esta hora" in answers[40][-1].text
    little_world.clock.forward(hours=1, seconds=1)
    assert "en esta hora" not in little_world.say("ayuda", channel)[-1].text


def test_a_receipt_arrives_even_then(little_world: World) -> None:
    write(little_world, *FIRST, channel="sms")
    for _n in range(45):
        little_world.say("1 99", "sms")
    assert "ecibo" in said(little_world.say("1", "sms"))


def test_codes_without_end_have_an_end_too(little_world: World) -> None:
    write(little_world, "votar", "1", channel="sms")
    given = [got for _n in range(90) for text in ("privacidad", "5") for got in little_world.say(text, "sms")]
    assert len(given) <= 81


@pytest.mark.parametrize("sender", ["MOVISTAR", "85432", "+15550000002"])
def test_a_sender_that_takes_no_answer_gets_none(sender: str) -> None:
    assert twilio.read(twilio_form("SM" + "0" * 32, sender, "hola")) is None
