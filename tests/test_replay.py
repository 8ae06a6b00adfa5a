"""Replay: what makes a talk survive restarts, changes of mind and deploys. The journal is JSON between all turns."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from bot import catalogue, commands
from bot.messages import Outbound
from bot.visit import Visit
from flows import register
from flows.answers import FreeText, pick_one, pick_some, yes_or_no
from flows.language import About, Ask, Command, Do, Look, Option, Query, Said, Say, Talk
from flows.people import Facts
from flows.replay import CHANGED, MOST_ENTRIES, MOST_STEPS, Advance, Journal, Runaway, Stranded, advance
from storage.catalogue import changed
from storage.consultations import ConsultationRow
from storage.database import columns, transaction
from tests.world import World

JOURNALS = sorted((Path(__file__).parent / "journals").glob("*.json"))
FRUIT = (Option("apple", "Apple"), Option("pear", "Pear"), Option("plum", "Plum"))


@dataclass(frozen=True)
class Weather(Query[str]):
    """What is read outside of the talk."""


@dataclass(frozen=True)
class Bought:
    what: str
    price: int


@dataclass(frozen=True)
class Buy(Command[Bought]):
    outcome: ClassVar[type | None] = Bought
    what: str


@dataclass
class Shop:
    """A talk kept as JSON between its turns, and the world that its commands change."""

    talk: Callable[[], Talk]
    kept: str = "[[], null]"
    weather: str = "sun"
    acts: list[tuple[str, Command[Any]]] = field(default_factory=list)

    @property
    def journal(self) -> Journal:
        entries, asked = json.loads(self.kept)
        return Journal([(kind, key, value) for kind, key, value in entries], asked)

    def keep(self, journal: Journal) -> None:
        self.kept = json.dumps([journal.entries, journal.asked])

    def turn(self, said: Said | None) -> Advance:
        journal = self.journal
        outcome = advance(self.talk(), journal, said, self.act)
        self.keep(journal)
        return outcome

    def say(self, text: str) -> Advance:
        return self.turn(Said(text))

    def back(self) -> bool:
        journal = self.journal
        went = journal.back()
        self.keep(journal)
        return went

    def act(self, key: str, command: Command[Any]) -> Any:
        self.acts.append((key, command))
        return Bought(command.what, 3) if isinstance(command, Buy) else self.weather


def shopping() -> Talk:
    yield Say("Welcome")
    yield About("market")
    fruit = yield from Ask("fruit", "Which fruit?", pick_one(FRUIT))
    yield Say(f"You want {fruit}")
    sure = yield from Ask("sure", "Sure?", yes_or_no())
    if not sure:
        return "menu"
    bought = yield from Do("buy", Buy(fruit))
    yield Say(f"{bought.what} costs {bought.price}")
    thanks = yield from Ask("thanks", "Anything to say?", FreeText())
    yield Say(f"You said {thanks}")
    return None


def key(outcome: Advance) -> str | None:
    return outcome.question.key if outcome.question else None


def words(outcome: Advance) -> list[Any]:
    return [said.text for said in outcome.said]


def test_a_talk_goes_from_question_to_question() -> None:
    shop = Shop(shopping)
    first = shop.turn(None)
    assert (key(first), words(first), first.subject) == ("fruit", ["Welcome"], "market")
    second = shop.say("2")
    assert (key(second), words(second)) == ("sure", ["You want pear"])
    third = shop.say("yes")
    assert (key(third), words(third)) == ("thanks", ["pear costs 3"])
    last = shop.say("bye")
    assert last.over
    assert words(last) == ["You said bye"]


def test_a_talk_may_name_the_one_that_follows() -> None:
    shop = Shop(shopping)
    for text in ("", "1"):
        shop.say(text)
    last = shop.say("no")
    assert last.over
    assert last.follow == "menu"


def test_a_command_is_carried_out_once_however_often_it_is_replayed() -> None:
    shop = Shop(shopping)
    for text in ("", "1", "yes"):
        shop.say(text)
    for _n in range(5):
        assert key(shop.turn(None)) == "thanks"
    assert shop.acts == [("buy", Buy("apple"))]


def test_the_outcome_of_a_command_is_the_same_dataclass_after_a_restart() -> None:
    def talk() -> Talk:
        bought = yield from Do("buy", Buy("plum"))
        yield from Ask("more", "More?", FreeText())
        assert isinstance(bought, Bought)
        yield Say(f"{bought.what} {bought.price}")
        return None

    shop = Shop(talk)
    shop.turn(None)
    assert words(shop.say("x")) == ["plum 3"]


def test_a_recorded_look_stays_and_another_is_read_anew() -> None:
    def talk() -> Talk:
        then = yield from Look(Weather(), "then")
        now = yield from Look(Weather())
        yield from Ask("go", f"Then {then}, now {now}. Go?", yes_or_no())
        return None

    shop = Shop(talk)
    shop.turn(None)
    shop.weather = "rain"
    question = shop.turn(None).question
    assert question is not None
    assert question.text == "Then sun, now rain. Go?"


def test_what_is_not_understood_changes_nothing_and_gets_a_hint() -> None:
    shop = Shop(shopping)
    shop.turn(None)
    before = shop.kept
    outcome = shop.say("a melon")
    assert shop.kept == before
    assert key(outcome) == "fruit"
    assert outcome.hint is not None
    assert outcome.said == ()


def test_a_half_made_choice_is_not_recorded() -> None:
    def talk() -> Talk:
        yield from Ask("some", "Which?", pick_some(FRUIT, 1, 2))
        return None

    shop = Shop(talk)
    shop.turn(None)
    before = shop.kept
    assert shop.turn(Said(pressed="pear")).selected == ("pear",)
    assert shop.kept == before


def test_a_text_never_answers_a_question_that_was_not_seen() -> None:
    shop = Shop(shopping)
    first = shop.say("1")
    assert key(first) == "fruit"
    assert shop.journal.entries == []


def test_one_text_answers_one_question() -> None:
    shop = Shop(shopping)
    shop.turn(None)
    assert key(shop.say("1")) == "sure"
    assert [entry[1] for entry in shop.journal.entries] == ["fruit"]


def test_a_text_does_not_answer_the_question_that_took_the_place_of_the_one_on_screen() -> None:
    shop = Shop(shopping)
    shop.turn(None)
    shop.talk = renamed
    assert key(shop.say("1")) == "which-fruit"
    assert shop.journal.entries == []


def renamed() -> Talk:
    yield from Ask("which-fruit", "Which one?", pick_one(FRUIT))
    return None


def test_back_drops_the_last_answer() -> None:
    shop = Shop(shopping)
    for text in ("", "1"):
        shop.say(text)
    assert shop.back()
    assert key(shop.turn(None)) == "fruit"
    assert shop.journal.entries == []


def test_back_drops_what_was_read_since_the_last_answer() -> None:
    def talk() -> Talk:
        yield from Ask("fruit", "Which?", pick_one(FRUIT))
        yield from Look(Weather(), "weather")
        yield from Ask("sure", "Sure?", yes_or_no())
        return None

    shop = Shop(talk)
    for text in ("", "1"):
        shop.say(text)
    assert shop.back()
    assert key(shop.turn(None)) == "fruit"


def test_back_never_crosses_a_command() -> None:
    shop = Shop(shopping)
    for text in ("", "1", "yes"):
        shop.say(text)
    before = shop.kept
    assert not shop.back()
    assert shop.kept == before


def test_back_at_the_beginning_goes_nowhere() -> None:
    shop = Shop(shopping)
    shop.turn(None)
    assert not shop.back()


def test_an_answer_that_todays_question_refuses_is_asked_again_with_a_word_why() -> None:
    options = list(FRUIT)

    def talk() -> Talk:
        chosen = yield from Ask("some", "Which?", pick_some(options, 1, 2))
        yield from Ask("sure", f"{len(chosen)}?", yes_or_no())
        return None

    shop = Shop(talk)
    for text in ("", "1 2"):
        shop.say(text)
    options.remove(FRUIT[2])
    assert key(shop.turn(None)) == "sure"
    options.remove(FRUIT[1])
    outcome = shop.say("yes")
    assert key(outcome) == "some"
    assert words(outcome) == [CHANGED]
    assert shop.journal.entries == []


@pytest.mark.parametrize(
    "recorded", [["ask", "old-name", "apple"], ["look", "fruit", "apple"], ["ask", "fruit", "kiwi"]]
)
def test_a_journal_that_no_longer_fits_is_cut_where_it_stops_fitting(recorded: list[str]) -> None:
    shop = Shop(shopping, json.dumps([[recorded, ["ask", "sure", True]], "thanks"]))
    outcome = shop.say("x")
    assert key(outcome) == "fruit"
    assert words(outcome)[-1] == CHANGED
    assert shop.journal.entries == []


def test_a_talk_is_stranded_when_a_command_stands_after_what_no_longer_fits() -> None:
    shop = Shop(shopping)
    for text in ("", "1", "yes"):
        shop.say(text)
    shop.talk = renamed
    with pytest.raises(Stranded):
        shop.turn(None)


def test_a_flow_that_loops_without_asking_is_stopped() -> None:
    def chatter() -> Talk:
        while True:
            yield Say("again")

    def watcher() -> Talk:
        while True:
            yield from Look(Weather())

    for talk in (chatter, watcher):
        shop = Shop(talk)
        with pytest.raises(Runaway):
            shop.turn(None)
        assert len(shop.acts) <= MOST_STEPS


def test_a_talk_that_records_too_much_is_stopped() -> None:
    def nagging() -> Talk:
        for n in range(10_000):
            yield from Ask(f"item-{n}", "Another?", FreeText())
        return None

    shop = Shop(nagging)
    shop.turn(None)
    for _n in range(MOST_ENTRIES - 1):
        shop.say("x")
    with pytest.raises(Runaway):
        shop.say("x")
    assert len(shop.journal.entries) < MOST_ENTRIES


def test_an_error_of_a_command_leaves_the_kept_journal_as_it_was() -> None:
    shop = Shop(shopping)
    for text in ("", "1"):
        shop.say(text)
    before = shop.kept
    shop.act = failing  # type: ignore[method-assign,assignment]
    with pytest.raises(LookupError):
        shop.say("yes")
    assert shop.kept == before


def failing(_key: str, _command: Command[Any]) -> Any:
    raise LookupError


@given(st.lists(st.sampled_from(["1", "2", "yes", "no", "melon", "<back>", "<again>"]), max_size=25))
def test_whatever_is_said_the_journal_replays_to_the_same_question(texts: list[str]) -> None:
    shop = Shop(shopping)
    outcome = shop.turn(None)
    for text in texts:
        if outcome.over:
            break
        if text == "<back>":
            shop.back()
        outcome = shop.turn(None if text.startswith("<") else Said(text))
        if not outcome.over:
            assert key(shop.turn(None)) == key(outcome)
            assert shop.journal.asked == key(outcome)
    assert len([command for _key, command in shop.acts if isinstance(command, Buy)]) <= 1


def test_a_released_journal_is_kept_of_every_conversation_that_can_be_resumed() -> None:
    assert {json.loads(path.read_text())["flow"] for path in JOURNALS} >= {"vote", "profile", "privacy", "receipt"}


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)
def test_a_released_journal_still_reaches_its_question(path: Path, little_world: World) -> None:
    kept = json.loads(path.read_text(encoding="utf-8"))
    entries = [(kind, key, value) for kind, key, value in kept["entries"]]
    journal = Journal(list(entries), kept["asked"])
    flow = register.FLOWS[kept["flow"]]
    with transaction(little_world.desk.engine) as connection:
        visit = Visit(
            connection, catalogue.read(connection), little_world.desk.keys, little_world.desk.ink, b"", "",
            little_world.clock(), "telegram", "7001", 0, "es", "active", None, None, Facts(),
        )  # fmt: skip
        talk = flow(kept["subject"]) if kept["flow"] in register.WITH_SUBJECT else flow()
        outcome = advance(talk, journal, None, partial(commands.act, visit))
    assert key(outcome) == kept["asked"]
    assert journal.entries == entries, "an answer that was given is asked again"
    assert CHANGED not in words(outcome)


def without(world: World, *ids: str) -> None:
    """A deploy takes proposals off the ballot."""
    row = world.rows(ConsultationRow)[0]
    left = [p for p in json.loads(row["proposals"]) if p["id"] not in ids]
    with transaction(world.desk.engine) as connection:
        connection.execute(update(columns(ConsultationRow).slug.table).values(proposals=json.dumps(left)))
        changed(connection)


def said(messages: list[Outbound]) -> str:
    return "\n".join(message.text for message in messages)


def test_a_proposal_taken_off_in_the_middle_is_told_and_asked_again(little_world: World) -> None:
    for text in ("votar", "1", "1", "1", "1 4 6"):
        little_world.say(text)
    without(little_world, "p04")
    got = said(little_world.say("1"))
    assert "Algo cambió" in got
    assert "12. Laboratorios" not in got
    assert "Plataforma digital" not in got
    assert "recibo es" in said([*little_world.say("1 3"), *little_world.say("1")])


def test_a_proposal_that_was_not_chosen_may_go_without_a_word(little_world: World) -> None:
    for text in ("votar", "1", "1", "1", "1 4 6"):
        little_world.say(text)
    without(little_world, "p12")
    assert "recibo es" in said(little_world.say("1"))
