"""Complaints in whatever order things happen: a model says where each chat is, and what must never be kept.

Chats tell, skip, go back, leave and come back with their key; messages come twice, processes restart, time passes and
memory is lost. After each step no word that somebody told is in the files of the database, no row that could belong to
a person has changed, and as many cases are there as were sent.
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import inspect, text

from bot.channels import telegram
from bot.complaints import commands as complaint_commands
from bot.messages import Outbound
from storage import vault, volatile
from storage.database import reading
from tests import vaults
from tests.complaint_pages import SEALED
from tests.vaults import in_memory
from tests.world import World, address, telegram_text

CHATS = st.sampled_from((1, 2, 3))
NTH = st.integers(0, 5)
QUESTIONS = range(2, 9)
"""The seven that are answered in words; before them are the office and the name."""

FILES, SURE, TYPING = 9, 10, 11
SKIPPED = st.lists(st.booleans(), min_size=2, max_size=SURE + 3)
"""Answers that follow each other: whether each is left out."""

MARK = "zq7canario"

ASKED = (
    "Estas oficinas", "No tiene que decir", "¿Qué pasó?", "¿Dónde fue?", "¿Cuándo fue?", "¿Quién lo hizo?",
    "¿Cómo lo sabe?", "¿Lo denunció también", "¿Alguien corre peligro", "¿Tiene fotos", "", "las últimas cuatro",
)  # fmt: skip
"""How what is asked at each place begins, or what is in it."""


@dataclass
class Story:
    """Where a chat is: at which question, or nowhere; which questions it answered; whether it looks after a case."""

    at: int | None = None
    answered: set[int] = field(default_factory=set)
    following: bool = False
    late: bool = False
    key: str = ""
    last: dict[str, Any] | None = None


class Complaints(RuleBasedStateMachine):
    template: Path
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.stack = in_memory()
        memory = self.stack.__enter__()
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copy(self.template, self.folder / "cuenta.db")
        where = str(memory / "volatile.db")
        self.world = World.on(f"sqlite:///{self.folder / 'cuenta.db'}", self.folder, VOLATILE_PATH=where).load().open()
        vaults.give_keys(self.world)
        self.stories = {who: Story() for who in (1, 2, 3)}
        self.cases: list[tuple[str, str]] = []
        self.parts = 0
        self.number = 0
        self.kept = self.ordinary()

    def teardown(self) -> None:
        assert self.world.desk.volatile is not None
        self.world.desk.engine.dispose()
        self.world.desk.volatile.dispose()
        self.stack.__exit__(None, None, None)

    def ordinary(self) -> dict[str, list[str]]:
        """Every row of every table but those of cases."""
        with reading(self.world.desk.engine) as connection:
            names = set(inspect(connection).get_table_names()) - SEALED
            return {name: sorted(map(repr, connection.execute(text(f'SELECT * FROM "{name}"')))) for name in names}

    def say(self, who: int, words: str) -> list[Outbound]:
        self.number += 1
        self.stories[who].last = telegram_text(self.number, address("telegram", who), words)
        return self.deliver(who)

    def deliver(self, who: int) -> list[Outbound]:
        told = telegram.read(self.stories[who].last)
        assert told is not None
        return self.world.take(told)

    def goes(self, who: int, words: str, to: int) -> list[Outbound]:
        """Say something that leads to a question."""
        got = self.say(who, words)
        self.stories[who].at = to
        asked = ASKED[to] if to != SURE else ("¿La enviamos?" if self.stories[who].answered else "no nos ha contado")
        assert asked in got[-1].text, (words, to, got[-1].text)
        return got

    def where(self, *places: int | None) -> list[int]:
        """The chats that are at one of these questions."""
        return [who for who, story in self.stories.items() if story.at in places]

    @rule(who=CHATS, skipped=SKIPPED)
    def begins(self, who: int, skipped: list[bool]) -> None:
        self.stories[who] = Story(late=True)
        self.goes(who, "denunciar", 0)
        self.answers(who, skipped)

    @precondition(lambda self: self.where(*range(SURE)))
    @rule(skipped=SKIPPED, nth=NTH)
    def goes_on(self, skipped: list[bool], nth: int) -> None:
        told = self.where(*range(SURE))
        self.answers(told[nth % len(told)], skipped)

    def answers(self, who: int, skipped: list[bool]) -> None:
        """Answer what is asked, as far as the last look."""
        story = self.stories[who]
        for skips in skipped:
            if story.at is None or story.at >= SURE:
                return
            if story.at in QUESTIONS and not skips:
                story.answered.add(story.at)
            words = {0: "3", 1: "1", FILES: "1"}.get(story.at, "-" if skips else f"{MARK} {self.number}")
            self.goes(who, words, story.at + 1)

    @precondition(lambda self: self.where(*range(TYPING)))
    @rule(nth=NTH)
    def goes_back(self, nth: int) -> None:
        told = self.where(*range(TYPING))
        who = told[nth % len(told)]
        at = self.stories[who].at
        assert at is not None
        to = at if at < 2 else at - 1
        self.stories[who].answered.discard(to)
        assert ("no puede volver" in self.goes(who, "atrás", to)[-1].text) == (to == at)

    @precondition(lambda self: self.where(SURE))
    @rule(nth=NTH, twice=st.booleans())
    def sends(self, nth: int, twice: bool) -> None:
        told = self.where(SURE)
        who = told[nth % len(told)]
        story = self.stories[who]
        if not story.answered:
            return
        (shown,) = [message.text for message in self.goes(who, "1", TYPING) if message.secret]
        number, story.key = (line.split(": ")[1] for line in shown.split("\n"))
        self.cases.append((number, story.key))
        self.parts += len(story.answered)
        if twice:
            assert self.deliver(who) == []

    @precondition(lambda self: self.where(TYPING))
    @rule(nth=NTH, twice=st.booleans())
    def types_the_key_back(self, nth: int, twice: bool) -> None:
        told = self.where(TYPING)
        who = told[nth % len(told)]
        assert "Listo." in self.say(who, self.stories[who].key[-4:])[-1].text
        self.stories[who].at = None
        if twice:
            assert self.deliver(who) == []

    @rule(who=CHATS)
    def leaves(self, who: int) -> None:
        story = self.stories[who]
        if story.at is not None or story.following:
            assert self.say(who, "salir")
            story.at, story.following, story.late = None, False, False

    @precondition(lambda self: self.cases)
    @rule(who=CHATS, nth=NTH, adds=st.booleans())
    def consults(self, who: int, nth: int, adds: bool) -> None:
        """From any chat, with the codes: what was under way there ends."""
        number, key = self.cases[nth % len(self.cases)]
        self.stories[who] = Story(following=True, late=True)
        self.say(who, "consultar")
        assert "Cómo va" in self.say(who, f"{number} {key}")[-1].text
        if adds:
            self.say(who, "1")
            assert "La oficina ya lo tiene" in self.say(who, f"{MARK} más")[-1].text
            self.parts += 1

    @rule(who=CHATS)
    def comes_twice(self, who: int) -> None:
        if self.stories[who].last is not None:
            assert self.deliver(who) == []

    @rule(what=st.sampled_from(("restart", "restart", "a minute", "half an hour", "memory is lost")))
    def happens(self, what: str) -> None:
        assert self.world.desk.volatile is not None
        if what == "memory is lost":
            self.world.desk.volatile.dispose()
            for path in list(self.world.settings.volatile_path.parent.iterdir()):
                path.unlink()
        if what in ("restart", "memory is lost"):
            self.world.restart()
        else:
            self.world.clock.forward(minutes=1 if what == "a minute" else 31)
            volatile.wipe(self.world.desk.volatile, self.world.clock())
        if what == "half an hour":
            self.silent()
        if what == "memory is lost":
            self.silent()
            for story in self.stories.values():
                story.late, story.last = False, None  # nobody knows any more that it was taken in

    def silent(self) -> None:
        """Every conversation is over."""
        for story in self.stories.values():
            story.at, story.following = None, False

    @rule(who=CHATS)
    def writes_ordinary_words(self, who: int) -> None:
        """Where no complaint is under way: that alone may leave something of a person."""
        story = self.stories[who]
        if story.at is None and not story.following:
            late, story.late = story.late, False
            assert ("ya pasó" in self.say(who, "y otra cosa")[-1].text) == late
            if not late:
                self.kept, story.last = self.ordinary(), None

    @invariant()
    def nothing_of_a_person_changed(self) -> None:
        assert self.ordinary() == self.kept

    @invariant()
    def no_word_is_in_a_file(self) -> None:
        for path in (path for path in self.folder.rglob("*") if path.is_file()):
            assert MARK.encode() not in path.read_bytes(), path.name

    @invariant()
    def what_was_sent_is_there(self) -> None:
        with reading(self.world.desk.engine) as connection:
            locators = set(connection.execute(text("SELECT locator FROM sealedcase")).scalars())
            parts = connection.execute(text("SELECT count(*) FROM sealedpart")).scalar_one()
        assert locators == {number for number, _key in self.cases}
        assert parts == self.parts


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that cost nothing, and no limit to how many may be made."""
    monkeypatch.setattr(vault, "OPS", 1)
    monkeypatch.setattr(vault, "MEMORY", 8192)
    monkeypatch.setattr(complaint_commands, "MOST_BEGUN", 10_000)
    monkeypatch.setattr(complaint_commands, "A_CROWD", 10_000)


@pytest.mark.usefixtures("quick")
def test_the_desk_does_what_the_model_says_and_keeps_nobody(sqlite_template: Path, tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    machine = type("Told", (Complaints,), {"template": sqlite_template, "folder": folder})
    few = settings(
        max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    run_state_machine_as_test(machine, settings=few)
