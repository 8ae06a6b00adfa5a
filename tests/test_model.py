"""Whatever order things happen and break in, the desk and the sender do what a plain model of them says.

Residents write, press old buttons and change their minds; providers repeat messages, refuse, and lose answers; web and
worker die at any statement, before and after any commit; senders stall and wake after others took over. All of it runs
on a real database under a virtual clock, and `tests.residents` says what must come of it.
"""

import asyncio
import re
import unicodedata
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel

from bot import failures
from bot.channels import telegram, twilio
from bot.desk import Away
from bot.messages import Incoming, Outbound
from bot.pace import Pace
from bot.sender import Lane, Sender
from storage.audit import Audited, AuditHead
from storage.ballots import Ballot, Roll
from storage.catalogue import CityText, PlaceRow, Revision
from storage.consultations import ConsultationRow
from storage.contacts import Contact, Housemate, Person
from storage.database import open_database, transaction
from storage.inbox import Inbox
from storage.outbox import Outgoing
from storage.parked import ParkedError
from tests import residents
from tests.residents import CHOICES, CLOSES, WORDS, Answer, Chat, Shown
from tests.test_sender import Steady
from tests.test_turn import join, write
from tests.world import CHANNELS, DURING, World, address, incoming, telegram_press, twilio_form

SLUG = "cartagena-2022"
MOST_TRIES = 8
"""A message whose fate stays unknown that often is given up."""

SKEW = timedelta(seconds=3)
"""Where a provider can be asked, words that were sent this long before a message was queued count as that message."""

RECEIPT = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{10}\b")
KEPT = {table.__tablename__ for table in (ConsultationRow, Revision, CityText, PlaceRow, Audited, AuditHead)}
"""What no step changes; the record of the staff cannot be emptied."""


class Killed(BaseException):
    """As SIGKILL: the process is asked nothing, and none of its handlers runs."""


def away() -> OperationalError:
    return OperationalError("away", None, Exception("away"))


@dataclass(frozen=True)
class Break:
    """Where the database or the process breaks: at that statement, or else around the next commit."""

    error: Callable[[], BaseException]
    statement: int = 0
    committed: bool = False


BREAKS = st.builds(
    Break,
    st.sampled_from((Killed, away)),
    st.sampled_from((0, 0, 1, 2, 3, 4, 6, 8)),
    st.booleans(),
)


@contextmanager
def breaking(engine: Engine, at: Break | None) -> Iterator[list[bool]]:
    """Break the first transaction that gets there; yields where it is told whether that one was committed."""
    done: list[bool] = []
    seen = 0
    if at is None:
        yield done
        return

    def statement(*_anything: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == at.statement and not done:
            done.append(False)
            raise at.error()

    def commit(connection: Connection) -> None:
        if done:
            return
        done.append(at.committed)
        if at.committed:
            connection.connection.dbapi_connection.execute("COMMIT")  # type: ignore[union-attr]
        raise at.error()

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", commit)
    try:
        yield done
    finally:
        event.remove(engine, "before_cursor_execute", statement)
        event.remove(engine, "commit", commit)


class AtOnce(Executor):
    """Runs everything on the spot, so that the same choices always lead to the same order of events."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*arguments, **named))
        except BaseException as error:
            done.set_exception(error)
        return done


# The providers


@dataclass(frozen=True)
class Delivered:
    """A message that a provider accepted; `late` if others had the lease since the call began."""

    message: int
    where: str
    text: str
    buttons: tuple[tuple[str, str], ...]
    when: datetime
    late: bool


@dataclass(frozen=True)
class Fate:
    """What becomes of the next call: what it is answered, and whether it hangs before or after it is accepted."""

    what: str = "accepted"
    hangs: str = ""


FATES = st.builds(
    Fate,
    st.sampled_from(("accepted", "accepted", "accepted and lost", "error", "too fast", "not now", "blocked")),
    st.sampled_from(("", "", "before", "after")),
)


@dataclass(eq=False)
class Worker:
    """One sender's process: what it sends through, and where its calls hang."""

    provider: "Provider"
    sender: Sender = field(init=False)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    hanging: int = 0

    @property
    def name(self) -> str:
        return self.provider.name

    async def send(self, where: str, message: Outbound, message_id: int) -> str | None:
        return await self.provider.take(self, where, message, message_id)

    async def find(self, where: str, message: Outbound, since: datetime) -> str | None:
        return self.provider.find(where, message.text, since)

    async def hang(self) -> None:
        self.hanging += 1
        await self.gate.wait()
        self.hanging -= 1


@dataclass
class Provider:
    """One provider account: it accepts or refuses, watches over order and doubles, and knows who may call."""

    name: str
    clock: Callable[[], datetime]
    fates: deque[Fate] = field(default_factory=deque)
    accepted: list[Delivered] = field(default_factory=list)
    excused: set[int] = field(default_factory=set)
    unreachable: list[tuple[int, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    holder: Worker | None = None
    tenure: int = 0
    workers: list[Worker] = field(default_factory=list)

    async def take(self, worker: Worker, where: str, message: Outbound, number: int) -> str | None:
        if worker is not self.holder:
            self.wrong.append("a call of a sender that does not hold the lease")
        began = self.tenure
        fate = self.fates.popleft() if self.fates else Fate()
        if fate.hangs == "before":
            await worker.hang()
        if fate.what.startswith("accepted"):
            self._accept(began != self.tenure, where, message, number)
        if fate.hangs == "after":
            await worker.hang()
        self._answer(fate.what, where, number)
        return f"{self.name}-{number}"

    def _accept(self, late: bool, where: str, message: Outbound, number: int) -> None:
        before = [each for each in self.accepted if each.where == where and not each.late]
        if not late:
            if any(each.message == number for each in before) and number not in self.excused:
                self.wrong.append("a message was sent twice for no reason")
            if any(each.message > number for each in before):
                self.wrong.append("an older message was sent after a newer one")
            self.excused.discard(number)
        self.accepted.append(Delivered(number, where, message.text, message.buttons, self.clock(), late))

    def _answer(self, what: str, where: str, number: int) -> None:
        if what == "accepted and lost":
            self.excused.add(number)
            raise failures.Unsure("timeout")
        if what == "error":
            raise failures.Unsure("500")
        if what == "too fast":
            raise failures.Throttled("429", 3)
        if what == "not now":
            raise failures.NotNow("connect")
        if what == "blocked":
            self.unreachable.append((number, where))
            raise failures.Unreachable("403")

    def held_by(self, worker: Worker | None, under_way: set[int]) -> None:
        """The lease changes hands: whoever has it now cannot know what became of the messages under way."""
        self.holder = worker
        self.tenure += 1
        self.excused |= under_way

    def find(self, where: str, text: str, since: datetime) -> str | None:
        found = (each for each in self.accepted if (each.where, each.text) == (where, text) and each.when >= since)
        return next((f"{self.name}-{each.message}" for each in found), None)


# What the machine remembers


@dataclass
class Turn:
    """An accepted message: what the model says of its reply, and the messages in which the desk put it."""

    chat: Chat
    number: int
    when: datetime
    answer: Answer
    texts: dict[int, str]

    @property
    def last(self) -> int:
        return max(self.texts)


@dataclass
class Written:
    """A message on its way to the desk, and what it means to the model."""

    told: Incoming
    chat: Chat
    means: Callable[[datetime], Answer]


@dataclass
class Base:
    """A database with a city in it and two chats that are one person's, to begin from again and again."""

    world: World
    worker_engine: Engine
    rows: list[tuple[type[SQLModel], list[dict[str, Any]]]]

    @classmethod
    def of(cls, world: World) -> "Base":
        for channel in ("telegram", "sms"):
            write(world, "hola", "1", channel=channel)
        join(world)
        tables: tuple[type[SQLModel], ...] = (Person, Contact, Housemate)
        return cls(world, open_database(world.settings.database_url), [(table, world.rows(table)) for table in tables])

    def again(self) -> World:
        """Everything as it was at first."""
        with transaction(self.world.desk.engine) as connection:
            for table in reversed(SQLModel.metadata.sorted_tables):
                if table.name not in KEPT:
                    connection.execute(table.delete())
            for kept, rows in self.rows:
                connection.execute(kept.__table__.insert(), rows)  # type: ignore[attr-defined]
        self.world.clock.now = DURING
        return self.world


def folded(text: str) -> str:
    plain = unicodedata.normalize("NFD", text.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


WHO = st.integers(0, 3)
LANES = st.sampled_from(CHANNELS)
SIDES = st.integers(0, 1)


class City(RuleBasedStateMachine):
    """Four chats of three residents, on three lanes with two senders each."""

    def __init__(self, base: Base):
        super().__init__()
        self.world, self.engine = base.again(), base.worker_engine
        self.loop = asyncio.new_event_loop()
        self.steady = Steady()
        both = residents.Person()
        self.chats = [
            Chat("telegram", 1, [both], both),
            Chat("sms", 1, [both], both),
            Chat("whatsapp", 3),
            Chat("telegram", 4),
        ]
        self.ids = 1000
        self.written: list[Written] = []
        self.unacknowledged: list[Written] = []
        self.taken: set[tuple[str, str]] = set()
        self.turns: list[Turn] = []
        self.of: dict[int, Turn] = {}
        self.silent: dict[Chat, int] = {}
        self.receipts: dict[residents.Person, str] = {}
        self.providers = {name: Provider(name, self.world.clock) for name in CHANNELS}
        self.holders = 0
        for provider in self.providers.values():
            provider.workers = [self._hire(provider), self._hire(provider)]

    # People

    @rule(who=WHO, text=st.sampled_from(WORDS))
    def writes_anything(self, who: int, text: str) -> None:
        self._say(self.chats[who], text)

    @rule(who=WHO, times=st.integers(1, 6))
    def goes_on_with_a_vote(self, who: int, times: int) -> None:
        for _n in range(times):
            self._say(self.chats[who], self.chats[who].sensible())

    @rule(who=WHO, choices=st.sampled_from(sorted(CHOICES)))
    def votes(self, who: int, choices: str) -> None:
        chat = self.chats[who]
        for _n in range(8):
            sensible = chat.sensible()
            turn = self._say(chat, choices if sensible == "1 4 6" else sensible)
            if turn.answer.lasting:
                return

    @rule(who=WHO, text=st.sampled_from((None, None, None, *WORDS)), at=BREAKS)
    def writes_and_the_desk_breaks(self, who: int, text: str | None, at: Break) -> None:
        chat = self.chats[who]
        self._take(self._typed(chat, text or chat.sensible()), at)

    @rule(who=WHO, old=st.integers(0, 5), button=st.integers(0, 12), at=st.none() | BREAKS)
    def presses_a_button(self, who: int, old: int, button: int, at: Break | None) -> None:
        chat = self.chats[who]
        got = [each for each in self._got(chat) if each.buttons][::-1][old : old + 1]
        for each in got:
            shown = self.of[each.message].answer.shown
            assert shown is not None
            few = len(each.buttons) if shown.name.startswith("choices") else 2
            number = button % few
            self._take(self._pressed(chat, shown, number, each.buttons[number][1]), at)

    @precondition(lambda self: self.written)
    @rule(which=st.integers(0, 100), times=st.integers(1, 2))
    def a_provider_repeats_a_message(self, which: int, times: int) -> None:
        for _n in range(times):
            self._deliver(self.written[which % len(self.written)])

    @precondition(lambda self: self.unacknowledged)
    @rule(at=st.none() | BREAKS)
    def a_provider_delivers_again_what_was_not_acknowledged(self, at: Break | None) -> None:
        self._take(self.unacknowledged.pop(0), at)

    # Providers and senders

    @rule(lane=LANES, fates=st.lists(FATES, min_size=1, max_size=3))
    def a_provider_will_answer(self, lane: str, fates: list[Fate]) -> None:
        self.providers[lane].fates.extend(fates)

    @rule(lane=LANES, side=SIDES, cycles=st.integers(1, 4))
    def a_sender_works(self, lane: str, side: int, cycles: int) -> None:
        for _n in range(cycles):
            self._cycle(self.providers[lane], side)

    @rule(lane=LANES, side=SIDES, at=BREAKS)
    def a_sender_works_and_breaks(self, lane: str, side: int, at: Break) -> None:
        self._cycle(self.providers[lane], side, at)

    @rule(lane=LANES, side=SIDES)
    def a_sender_is_killed(self, lane: str, side: int) -> None:
        self._kill(self.providers[lane], side)

    @rule(lane=LANES, side=SIDES, cycles=st.integers(0, 2))
    def calls_stop_hanging(self, lane: str, side: int, cycles: int) -> None:
        self._wake(self.providers[lane].workers[side])
        self.a_sender_works(lane, side, cycles)

    @rule(lane=LANES, side=SIDES, first=FATES, second=FATES, back=st.booleans())
    def a_sender_stalls_and_another_takes_over(
        self, lane: str, side: int, first: Fate, second: Fate, back: bool
    ) -> None:
        """And the first may have the lease again before it knows what became of its call."""
        provider = self.providers[lane]
        provider.fates.clear()
        provider.fates.extend((Fate(first.what, first.hangs or "before"), second))
        self._cycle(provider, side)
        self._forward(31)
        self.a_sender_works(lane, 1 - side, 3)
        if back:
            self._forward(31)
        self._wake(provider.workers[side])
        self.a_sender_works(lane, side, 2)

    @rule(seconds=st.sampled_from((1, 6, 9, 31, 31, 400)))
    def time_passes(self, seconds: int) -> None:
        self._forward(seconds)

    @rule()
    def a_night_passes(self) -> None:
        self._forward(13 * 3600)

    @precondition(lambda self: len(self.turns) > 25 and self.world.clock() < CLOSES)
    @rule(early=st.sampled_from((0, 1, 2)))
    def voting_ends(self, early: int) -> None:
        self._forward((CLOSES - self.world.clock()).total_seconds() - early)

    # What must hold at every moment

    @invariant()
    def every_message_was_taken_in_once(self) -> None:
        inbox = [(row["channel"], row["provider_id"]) for row in self.world.rows(Inbox)]
        assert sorted(inbox) == sorted(self.taken)
        assert self.world.rows(ParkedError) == []

    @invariant()
    def box_and_roll_hold_what_people_confirmed_last(self) -> None:
        ids = self._person_ids()
        voted = {id: person for id, person in ids.items() if person.choices is not None}
        assert self._box() == {id: person.choices for id, person in voted.items()}
        roll = {row["person_id"]: (row["age"], row["sex"]) for row in self.world.rows(Roll)}
        assert roll == {id: (person.age, person.sex) for id, person in voted.items()}

    @invariant()
    def every_reply_is_on_its_way_or_arrived(self) -> None:
        for row in self.world.rows(Outgoing):
            turn, state = self.of[row["id"]], row["state"]
            assert (row["finished_at"] is None) == (row["sealed"] is not None) == (state in PENDING), state
            if state == "sent":
                assert self._arrived(turn, row["id"])
            elif state == "superseded":
                assert not turn.answer.lasting
                assert any(each.chat is turn.chat and each.number > turn.number for each in self.turns)
            elif state == "failed":
                assert turn.number <= self.silent.get(turn.chat, 0) or row["attempts"] >= MOST_TRIES
            else:
                assert state in PENDING

    @invariant()
    def providers_saw_nothing_wrong(self) -> None:
        for provider in self.providers.values():
            assert provider.wrong == []
            for each in provider.accepted:
                turn = self.of[each.message]
                assert each.where == address(turn.chat.channel, turn.chat.number)
                assert each.text == turn.texts[each.message]

    def teardown(self) -> None:
        try:
            self._drain()
            assert {row["state"] for row in self.world.rows(Outgoing)}.isdisjoint(PENDING)
            self._check_all()
        finally:
            for provider in self.providers.values():
                for worker in provider.workers:
                    self._stop(worker)
            self.loop.close()

    def _drain(self) -> None:
        """Nothing breaks any more: what was not acknowledged comes again, and the senders work until all is done."""
        while self.unacknowledged:
            self._take(self.unacknowledged.pop(0))
        for provider in self.providers.values():
            provider.fates.clear()
            for worker in provider.workers:
                self._wake(worker)
        for _n in range(60):
            if all(row["finished_at"] for row in self.world.rows(Outgoing)):
                return
            for name in CHANNELS:
                self.a_sender_works(name, 0, 2)
            self._forward(11)

    def _check_all(self) -> None:
        self.every_message_was_taken_in_once()
        self.box_and_roll_hold_what_people_confirmed_last()
        self.every_reply_is_on_its_way_or_arrived()
        self.providers_saw_nothing_wrong()
        failed = {row["id"] for row in self.world.rows(Outgoing) if row["state"] == "failed"}
        newest = {turn.chat: turn for turn in self.turns}
        for turn in self.turns:
            if (turn.answer.lasting or turn is newest[turn.chat]) and not failed & set(turn.texts):
                assert all(self._arrived(turn, number) for number in turn.texts), "an accepted message got no answer"

    # How it is done

    def _say(self, chat: Chat, text: str) -> Turn:
        self._take(self._typed(chat, text))
        return self.turns[-1]

    def _typed(self, chat: Chat, text: str) -> Written:
        self.ids += 1
        told = incoming(chat.channel, address(chat.channel, chat.number), text, self.ids)
        return Written(told, chat, lambda now: chat.types(text, now))

    def _pressed(self, chat: Chat, shown: Shown, number: int, data: str) -> Written:
        self.ids += 1
        where = address(chat.channel, chat.number)
        if chat.channel == "telegram":
            told = telegram.read(telegram_press(self.ids, where, data))
        else:
            told = twilio.read(twilio_form(f"SM{self.ids:032x}", where, "", ButtonPayload=data))
        assert told is not None
        return Written(told, chat, lambda now: chat.presses(shown, number, now))

    def _take(self, written: Written, at: Break | None = None) -> None:
        """A second passes, and a message reaches the desk; if that breaks, the provider will deliver it again.

        What breaks in a transaction for several messages is tried again for each, and may be answered all the same.
        """
        answered = False
        self._forward(1)
        if at is None:
            self._deliver(written)
            return
        with breaking(self.world.desk.engine, at) as committed:
            try:
                self.world.desk.take(written.told)
                answered = True
            except Killed:
                self.world.restart()
            except Away:
                pass
        assert committed, "no turn goes without a commit"
        if not answered:
            self.unacknowledged.append(written)
        if answered or committed[0]:
            self._taken(written)

    def _deliver(self, written: Written) -> None:
        key = (written.told.channel, written.told.provider_id)
        assert self.world.desk.take(written.told) is (key not in self.taken)
        self._taken(written)

    def _taken(self, written: Written) -> None:
        """The model does what the desk has done, unless it had done so before; the desk's reply is noted."""
        key = (written.told.channel, written.told.provider_id)
        new = [row for row in self.world.rows(Outgoing) if row["id"] not in self.of]
        if key in self.taken:
            assert new == [], "a repeated message was answered again"
            return
        self.taken.add(key)
        self.written.append(written)
        chat, now = written.chat, self.world.clock()
        answer = written.means(now)
        texts = {row["id"]: self._text(row) for row in new}
        assert texts, "a message was accepted without an answer"
        words = folded("\n".join(texts.values()))
        assert all(sign in words for sign in answer.signs), (answer.signs, words)
        assert {row["kind"] for row in new} == {"receipt" if answer.lasting else "reply"}
        turn = Turn(chat, sum(each.chat is chat for each in self.turns) + 1, now, answer, texts)
        self.turns.append(turn)
        self.of |= dict.fromkeys(texts, turn)
        if answer.voter is not None:
            self._note_receipt(answer.voter, "\n".join(texts.values()))

    def _note_receipt(self, voter: residents.Person, text: str) -> None:
        """The receipt that is told names the ballot in the box, and it is a new one."""
        (told,) = RECEIPT.findall(text)
        mine = [id for id, person in self._person_ids().items() if person is voter]
        assert [self._box("id")[id] for id in mine] == [told]
        assert told not in self.receipts.values()
        self.receipts[voter] = told

    def _text(self, row: dict[str, Any]) -> str:
        body = self.world.desk.ink.open(row["sealed"])
        assert body is not None
        return Outbound.unpacked(body).text

    def _person_ids(self) -> dict[int, residents.Person]:
        """The people of the model by their ids: those of a chat are in the order in which they came."""
        contacts = {(row["channel"], row["address"]): row["id"] for row in self.world.rows(Contact)}
        mates = sorted(self.world.rows(Housemate), key=lambda row: (row["joined_at"], row["person_id"]))
        found: dict[int, residents.Person] = {}
        for chat in self.chats:
            contact = contacts.get((chat.channel, address(chat.channel, chat.number)))
            ids = [row["person_id"] for row in mates if row["contact_id"] == contact]
            found |= dict(zip(ids, chat.people, strict=True))
        assert len(self.world.rows(Person)) == len(found) == len(set(found.values()))
        return found

    def _box(self, what: str = "choices") -> dict[int, Any]:
        """What the box holds of each person; a ballot that is nobody's counts for person 0."""
        (listed,) = self.world.rows(ConsultationRow)
        keys = self.world.desk.keys
        marks = {keys.mark(SLUG, listed["key_print"], "person", str(id)): id for id in self._person_ids()}
        ballots = self.world.rows(Ballot)
        found = {marks.get(row["mark"], 0): row[what] for row in ballots}
        assert len(found) == len(ballots)
        return found

    def _got(self, chat: Chat) -> list[Delivered]:
        where = address(chat.channel, chat.number)
        return [each for each in self.providers[chat.channel].accepted if each.where == where]

    def _arrived(self, turn: Turn, number: int) -> bool:
        """Whether the resident got that message, or at Twilio the same words since."""
        got = self._got(turn.chat)
        if any(each.message == number for each in got):
            return True
        same = (each for each in got if each.text == turn.texts[number] and each.when >= turn.when - SKEW)
        return turn.chat.channel != "telegram" and any(same)

    def _forward(self, seconds: float) -> None:
        self.world.clock.forward(seconds=seconds)
        self.steady.now += seconds

    def _hire(self, provider: Provider) -> Worker:
        self.holders += 1
        worker, desk = Worker(provider), self.world.desk
        lane = Lane(worker, Pace(1000), None if provider.name == "telegram" else worker)  # type: ignore[arg-type]
        worker.sender = Sender(
            lane, self.engine, desk.ink, desk.clock, f"h{self.holders}", AtOnce(), self.steady, self.steady.sleep
        )
        return worker

    def _cycle(self, provider: Provider, side: int, at: Break | None = None) -> None:
        """One round of a sender, which may break in it; and then what it began goes as far as it can."""
        worker, takes_over = provider.workers[side], provider.workers[side] is not provider.holder
        under_way = {row["id"] for row in self._rows(provider) if row["state"] == "sending"}
        try:
            with breaking(self.engine, at) as broke:
                self.loop.run_until_complete(self._round(worker, under_way))
        except Killed:
            self._kill(provider, side)
        if takes_over and broke:  # the lease may have been taken all the same
            provider.held_by(None, under_way)
        self._settle(worker)
        self._note_unreachable(provider)

    async def _round(self, worker: Worker, under_way: set[int]) -> None:
        await worker.sender.cycle()
        if worker.sender.held is not None and worker is not worker.provider.holder:
            worker.provider.held_by(worker, under_way)

    def _note_unreachable(self, provider: Provider) -> None:
        """Once it is recorded that somebody cannot be reached, what was for them until then is not sent."""
        states = {row["id"]: row["state"] for row in self._rows(provider)}
        for number, where in provider.unreachable[:]:
            if states[number] == "sending":
                continue
            provider.unreachable.remove((number, where))
            if states[number] == "failed":
                chat = self.of[number].chat
                self.silent[chat] = sum(each.chat is chat for each in self.turns)

    def _rows(self, provider: Provider) -> list[dict[str, Any]]:
        return [row for row in self.world.rows(Outgoing) if row["lane"] == provider.name]

    def _wake(self, worker: Worker) -> None:
        worker.gate.set()
        self._settle(worker)
        worker.gate.clear()

    def _kill(self, provider: Provider, side: int) -> None:
        self._stop(provider.workers[side])
        provider.workers[side] = self._hire(provider)

    def _stop(self, worker: Worker) -> None:
        for task in worker.sender._under_way:
            task.cancel()
        self._settle(worker)

    def _settle(self, worker: Worker) -> None:
        """Let calls go on until they are done or hang."""
        while len(worker.sender._under_way) > worker.hanging:
            self.loop.run_until_complete(asyncio.sleep(0))


PENDING = {"queued", "sending", "uncertain"}


def test_whatever_breaks_counts_equal_the_model(world: World) -> None:
    base = Base.of(world)
    run_state_machine_as_test(
        lambda: City(base),  # type: ignore[arg-type]
        settings=settings(
            derandomize=True,
            database=None,
            report_multiple_bugs=False,
            deadline=None,
            max_examples=20,
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
        ),
    )
    base.worker_engine.dispose()
