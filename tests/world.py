"""A small world for tests: a desk on a real database, a clock that stands still, people who write on each channel."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, event, insert, select, update
from sqlalchemy.exc import OperationalError

from bot import lifecycle
from bot.channels import telegram, twilio
from bot.complaints import confidential
from bot.desk import Desk
from bot.messages import Incoming, Outbound
from cli import wiring
from cli.settings import Settings, read_settings
from storage import volatile
from storage.ballot_keys import BallotKeys
from storage.contacts import Contact
from storage.database import columns, open_database, reading, transaction
from storage.folder import read_folder
from storage.loading import load
from storage.outbox import Outgoing

ROOT = Path(__file__).parent.parent
CARTAGENA = ROOT / "territories" / "cartagena"
EXAMPLE = ROOT / "territories" / "ejemplo"
DURING = datetime(2022, 11, 16, 15, 0, tzinfo=UTC)
"""A moment at which the consultation of 2022 is open."""

CHANNELS = ("telegram", "whatsapp", "sms")
"""The channels with a provider."""

TALKED = (*CHANNELS, "web")
"""The channels on which people talk."""

ADDRESSES = {
    "telegram": "700900400{}",
    "whatsapp": "whatsapp:+5730000{:05}",
    "sms": "+5731000{:05}",
    "terminal": "t{}",
    "web": "w{:05}",
}


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self, now: datetime = DURING):
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **length: float) -> None:
        self.now += timedelta(**length)


def address(channel: str, number: int) -> str:
    """The address of the n-th person on a channel."""
    return ADDRESSES[channel].format(number)


def environment(database_url: str, folder: Path, **more: str) -> dict[str, str]:
    """Settings with all three channels on; every secret is made up."""
    return {
        "SECRET_KEY": "only-for-tests-" * 4,
        "DATABASE_URL": database_url,
        "BALLOT_KEYS_DIR": str(folder / "keys"),
        "VOLATILE_PATH": str(folder / "volatile.db"),  # on a disk: no complaints, but where a test asks for them
        "PUBLIC_URL": "https://cuenta.example.test",
        "TELEGRAM_BOT_TOKEN": "123456:test-token-test-token-test",
        "TELEGRAM_WEBHOOK_SECRET": "webhook-secret-for-tests",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "auth-token-for-tests",
        "TWILIO_WHATSAPP_FROM": "whatsapp:+15550000001",
        "TWILIO_SMS_FROM": "+15550000002",
        **more,
    }


def telegram_text(update_id: int, chat: str, text: str, language: str = "es") -> dict[str, Any]:
    """An update with a text, as Telegram sends it."""
    person = {"id": int(chat), "is_bot": False, "first_name": "X", "language_code": language}
    where = {"id": int(chat), "type": "private"}
    message = {"message_id": update_id, "date": 1668610800, "chat": where, "from": person, "text": text}
    return {"update_id": update_id, "message": message}


def telegram_press(update_id: int, chat: str, data: str, on: int = 1) -> dict[str, Any]:
    """An update with a pressed button."""
    person = {"id": int(chat), "is_bot": False, "first_name": "X"}
    message = {"message_id": on, "date": 1668610800, "chat": {"id": int(chat), "type": "private"}, "text": "…"}
    return {
        "update_id": update_id,
        "callback_query": {
            "id": str(update_id),
            "from": person,
            "message": message,
            "chat_instance": "1",
            "data": data,
        },
    }


def twilio_form(sid: str, sender: str, text: str, **more: str) -> dict[str, str]:
    """The form of an inbound message, as Twilio posts it."""
    to = "whatsapp:+15550000001" if sender.startswith("whatsapp:") else "+15550000002"
    return {
        "MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "AccountSid": "AC" + "0" * 32, "From": sender, "To": to,
        "Body": text, "NumMedia": "0", "NumSegments": "1", "ApiVersion": "2010-04-01", **more,
    }  # fmt: skip


def incoming(channel: str, who: str, text: str, number: int) -> Incoming:
    """A text through the channel's own reader."""
    if channel == "telegram":
        told = telegram.read(telegram_text(number, who, text))
    elif channel in ("terminal", "web"):
        told = Incoming(channel, who, str(number), text=text)
    else:
        told = twilio.read(twilio_form(f"SM{number:032x}", who, text))
    assert told is not None
    return told


@contextmanager
def away() -> Iterator[None]:
    """No transaction can begin, on any engine."""

    def refuse(_connection: Any) -> None:
        raise OperationalError("away", None, Exception("away"))

    event.listen(Engine, "begin", refuse)
    try:
        yield
    finally:
        event.remove(Engine, "begin", refuse)


STATEMENTS: dict[URL, list[str]] = {}
"""What every engine of a world's database executes: the desk's own, and those of its pages."""


@event.listens_for(Engine, "before_cursor_execute")
def _count(connection: Connection, _cursor: Any, statement: str, *_more: Any) -> None:
    told = STATEMENTS.get(connection.engine.url)
    if told is not None and not statement.startswith(("BEGIN", "PRAGMA")):
        told.append(statement)


def open_vote(settings: Settings) -> None:
    """Have the consultation of 2022 open in an empty database on which processes are to start."""
    engine = open_database(settings.database_url)
    with transaction(engine) as connection:
        load(connection, read_folder(CARTAGENA))
    lifecycle.open_(engine, BallotKeys(settings.ballot_keys_dir), "cartagena-2022", DURING - timedelta(days=9))
    engine.dispose()


@dataclass
class World:
    """One desk and everybody who writes to it."""

    desk: Desk
    settings: Settings
    clock: Clock
    folder: Path
    statements: list[str] = field(default_factory=list)
    last: dict[tuple[str, str], Outbound] = field(default_factory=dict)
    _ids: Any = field(default_factory=lambda: count(1))

    @classmethod
    def on(cls, database_url: str, folder: Path, clock: Clock | None = None, **more: str) -> "World":
        settings = read_settings(environment(database_url, folder, **more))
        clock = clock or Clock()
        world = cls(wiring.desk(settings, clock), settings, clock, folder)
        STATEMENTS[world.desk.engine.url] = world.statements
        return world

    def load(self, city: Path = CARTAGENA) -> "World":
        with transaction(self.desk.engine) as connection:
            load(connection, read_folder(city))
        return self

    def open(self, slug: str = "cartagena-2022") -> "World":
        lifecycle.open_(self.desk.engine, self.desk.keys, slug, self.clock())
        return self

    def restart(self) -> None:
        """As a deploy or a crash does: nothing stays in the memory of a process."""
        self.desk.engine.dispose()
        if self.desk.volatile is not None:
            self.desk.volatile.dispose()
        self.desk = wiring.desk(self.settings, self.clock)

    def take(self, told: Incoming) -> list[Outbound]:
        """Take a message in; what is then waiting for that contact, which counts as sent."""
        self.attend()
        self.statements.clear()
        self.desk.take(told)
        self.took = len(self.statements)
        return self.delivered(told.channel, told.address)

    def attend(self) -> None:
        """As the worker does each minute: it shows that it sees the store of confidential conversations."""
        if self.desk.volatile is not None:
            volatile.write_probe(self.desk.volatile, self.clock())

    def say(self, text: str, channel: str = "telegram", who: str | int = 1) -> list[Outbound]:
        """Somebody types; what they get."""
        where = address(channel, who) if isinstance(who, int) else who
        return self.take(incoming(channel, where, text, next(self._ids)))

    def press(self, label: str, channel: str = "telegram", who: int = 1) -> list[Outbound]:
        """Somebody presses a button of the last message they got; the label's beginning is enough."""
        where = address(channel, who)
        data = next(data for words, data in self.last[channel, where].buttons if words.startswith(label))
        return self.press_data(data, channel, who)

    def press_data(self, data: str, channel: str = "telegram", who: int = 1) -> list[Outbound]:
        where, number = address(channel, who), next(self._ids)
        if channel == "web":
            told: Incoming | None = Incoming("web", where, str(number), "press", pressed=data)
        elif channel == "telegram":
            told = telegram.read(telegram_press(number, where, data))
        else:
            told = twilio.read(twilio_form(f"SM{number:032x}", where, "", ButtonPayload=data))
        assert told is not None
        return self.take(told)

    def delivered(self, channel: str, where: str) -> list[Outbound]:
        """What waits for a contact, in order; it is then recorded as sent and erased, as the sender does."""
        with transaction(self.desk.engine) as connection:
            who, what = columns(Contact), columns(Outgoing)
            contact = select(who.id).where(who.channel == channel, who.address == where).scalar_subquery()
            mine = (what.contact_id == contact) & (what.state == "queued")
            rows = connection.execute(select(what.sealed).where(mine).order_by(what.id)).all()
            gone = {"state": "sent", "sealed": None, "finished_at": self.clock()}
            connection.execute(update(Outgoing).where(mine).values(gone))
        messages = []
        for row in rows:
            opened = self.desk.ink.open(row.sealed)
            assert opened is not None
            messages.append(Outbound.unpacked(opened))
        if self.desk.volatile is not None:
            messages += confidential.waiting(self.desk.volatile, channel, where)
        if messages:
            self.last[channel, where] = messages[-1]
        return messages

    def vote(self, choices: str, channel: str = "telegram", who: int = 1, age: str = "1", sex: str = "1") -> str:
        """A whole first vote; the last message's text."""
        for text in ("votar", "1", age, sex, choices, "1"):
            got = self.say(text, channel, who)
        return got[-1].text

    def rows(self, table: Any) -> list[dict[str, Any]]:
        """All rows of a table."""
        with reading(self.desk.engine) as connection:
            return [dict(row._mapping) for row in connection.execute(select(*table.__table__.c))]

    def put(self, table: Any, *rows: dict[str, Any]) -> None:
        with transaction(self.desk.engine) as connection:
            connection.execute(insert(table), list(rows))
