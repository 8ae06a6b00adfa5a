"""Vote a past consultation again: made-up residents, signed HTTP calls, real web and worker processes, real files."""

import json
import multiprocessing
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.context import SpawnProcess
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.progress import Progress
from twilio.request_validator import RequestValidator

from bot import lifecycle
from cli import processes, residents
from cli.residents import Resident
from cli.settings import Settings, read_settings
from cli.standins import Standins, running_standins
from storage import consultations, contacts, counts
from storage.ballot_keys import BallotKeys
from storage.database import open_database, reading, transaction
from storage.delivery_folder import RULES
from storage.folder import Folder, read_folder
from storage.loading import load
from storage.schema import migrate

ROOT = Path(__file__).parent.parent / "territories"
PATIENCE = 60.0
"""Seconds to wait for a process to answer, or for one reply."""

AT_ONCE = 8


@dataclass(frozen=True)
class Replayed:
    ballots: int
    votes: int
    digest: str


class Timepiece:
    """The real time, as a clock that can be handed to a process."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


class SharedClock(Timepiece):
    """A clock that the web and worker processes share with the replay; seconds since 1970."""

    def __init__(self, at: datetime):
        self._at: Synchronized[float] = multiprocessing.get_context("spawn").Value("d", at.timestamp())

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self._at.value, UTC)

    def set(self, at: datetime) -> None:
        self._at.value = at.timestamp()


def replay(slug: str, to: Path, database_url: str, err: Console, seed: int = 2022) -> Replayed:
    """Vote, count and publish. Raises lifecycle.NotPossible when the city's folder has no official totals for it."""
    city = next((f for f in sorted(ROOT.iterdir()) if (f / "consultations" / slug / "official.toml").exists()), None)
    if city is None:
        raise lifecycle.NotPossible(f"No territory has consultations/{slug}/official.toml, from which one replays.")
    with tempfile.TemporaryDirectory(prefix="cuenta-") as scratch:
        url = database_url or f"sqlite:///{scratch}/replay.db"
        with running_standins() as providers:
            settings = settings_for(url, Path(scratch) / "keys", providers)
            again = Replay(settings, providers, city, slug, err, seed)
            if not again.empty():
                raise lifecycle.NotPossible(
                    "That database is not empty. A replay writes invented residents: give it a database of its own."
                )
            return again.run(to)


def settings_for(
    database_url: str, keys: Path, providers: Standins, port: int = 0, secret: str = "", **more: str
) -> Settings:
    """Settings for a desk on this machine alone, with the stand-ins as its providers; 0 is any free port."""
    port = port or free_port()
    return read_settings(
        {
            "SECRET_KEY": secret or secrets.token_urlsafe(48),
            "DATABASE_URL": database_url,
            "BALLOT_KEYS_DIR": str(keys),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "TELEGRAM_BOT_TOKEN": providers.token,
            "TELEGRAM_WEBHOOK_SECRET": secrets.token_urlsafe(32),
            "TELEGRAM_API_URL": providers.telegram_url,
            "TELEGRAM_PER_SECOND": "5000",
            "TELEGRAM_PER_CHAT": "5000",
            "TWILIO_ACCOUNT_SID": providers.account_sid,
            "TWILIO_AUTH_TOKEN": providers.auth_token,
            "TWILIO_API_URL": providers.twilio_url,
            "TWILIO_WHATSAPP_FROM": "whatsapp:+15550100001",
            "TWILIO_SMS_FROM": "+15550100002",
            "WHATSAPP_PER_SECOND": "5000",
            "SMS_PER_SECOND": "5000",
            **more,
        }
    )


def unlimited(folder: Folder) -> Folder:
    """The city, where made-up numbers (+1 555) are answered however often they write: stand-ins charge nothing."""
    free = {"countries": ["+1", *folder.delivery.get("countries", ())], "replies": RULES["replies"][2]}
    return replace(folder, delivery={**folder.delivery, **free})


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def running(settings: Settings, clock: Timepiece, demo: bool = False) -> Iterator[None]:
    """A web and a worker process of their own; both end with this block."""
    spawn = multiprocessing.get_context("spawn")
    port = int(settings.public_url.rpartition(":")[2])
    # Not daemons: the web process has children of its own.
    started = [
        spawn.Process(
            target=processes.run_web, args=(settings, "127.0.0.1", port), kwargs={"clock": clock, "demo": demo}
        ),
        spawn.Process(target=processes.run_worker, args=(settings, clock, demo)),
    ]
    for process in started:
        process.start()
    try:
        wait_until_ready(settings, started)
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.join(30)


def wait_until_ready(settings: Settings, started: list[SpawnProcess]) -> None:
    """Until the desk says that database, migrations and worker are there."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and all(process.is_alive() for process in started):
        try:
            if requests.get(f"{settings.public_url}/readyz", timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.05)
    raise lifecycle.NotPossible("The desk did not start. Its errors are above.")


class Phone:
    """One resident's phone: sends signed calls as a provider would, and waits for what comes back."""

    def __init__(self, settings: Settings, providers: Standins, resident: Resident):
        self._settings, self._providers, self._channel = settings, providers, resident.channel
        self._session = requests.Session()
        self._sent = self._got = 0
        self._number = resident.number
        self._address = {
            "telegram": str(700_000 + resident.number),
            "whatsapp": f"whatsapp:+1555020{resident.number:04}",
            "sms": f"+1555030{resident.number:04}",
        }[resident.channel]

    def say(self, text: str, again: bool = False) -> None:
        """Send a text (twice, if `again`) and wait for its one reply."""
        self._sent += 1
        for _n in range(2 if again else 1):
            self._post(text)
        self._got += 1
        self._providers.wait_for(self._address, self._got, PATIENCE)

    def _post(self, text: str) -> None:
        if self._channel == "telegram":
            answer = self._session.post(
                f"{self._settings.public_url}/webhooks/telegram",
                data=json.dumps(self._update(text)),
                headers={"X-Telegram-Bot-Api-Secret-Token": self._settings.telegram_webhook_secret},
                timeout=PATIENCE,
            )
        else:
            url, form = f"{self._settings.public_url}/webhooks/twilio", self._form(text)
            signature = RequestValidator(self._settings.twilio_auth_token).compute_signature(url, form)
            answer = self._session.post(url, data=form, headers={"X-Twilio-Signature": signature}, timeout=PATIENCE)
        answer.raise_for_status()

    def _update(self, text: str) -> dict[str, Any]:
        chat = int(self._address)
        return {
            "update_id": self._number * 1000 + self._sent,
            "message": {
                "message_id": self._sent,
                "date": 1_668_500_000,
                "chat": {"id": chat, "type": "private"},
                "from": {"id": chat, "is_bot": False, "first_name": "-", "language_code": "es"},
                "text": text,
            },
        }

    def _form(self, text: str) -> Mapping[str, str]:
        sender = self._settings.twilio_whatsapp_from if self._channel == "whatsapp" else self._settings.twilio_sms_from
        return {
            "MessageSid": f"SM{self._number:016x}{self._sent:016x}",
            "AccountSid": self._settings.twilio_account_sid,
            "From": self._address,
            "To": sender,
            "Body": text,
            "NumMedia": "0",
        }


class Replay:
    """One consultation, voted again from its opening to its publication."""

    def __init__(self, settings: Settings, providers: Standins, city: Path, slug: str, err: Console, seed: int):
        self._settings, self._providers, self._city = settings, providers, city
        self._slug, self._err, self._seed = slug, err, seed
        self._engine = open_database(settings.database_url)
        self._keys = BallotKeys(settings.ballot_keys_dir)

    def empty(self) -> bool:
        """Whether nothing was ever kept in this database."""
        migrate(self._engine)
        with reading(self._engine) as connection:
            return not consultations.every(connection) and not contacts.anybody(connection)

    def done(self) -> bool:
        """Whether this database has published it before."""
        migrate(self._engine)
        with reading(self._engine) as connection:
            row = consultations.one(connection, self._slug)
        return row is not None and row.state == "published"

    def run(self, to: Path) -> Replayed:
        migrate(self._engine)
        folder = read_folder(self._city)
        definition = next(c for c in folder.consultations if c.slug == self._slug)
        before = definition.opens_at - timedelta(hours=1)
        with transaction(self._engine) as connection:
            load(connection, unlimited(folder))
        lifecycle.open_(self._engine, self._keys, self._slug, before)
        days = (definition.closes_at - definition.opens_at).days
        people = residents.residents(
            residents.official(self._city, self._slug),
            definition.rules["least"],
            definition.rules["most"],
            days,
            self._seed,
        )
        positions = {name: [option.id for option in folder.questions[name]] for name in ("age", "sex")}
        positions["choices"] = [proposal.id for proposal in definition.proposals]
        clock = SharedClock(definition.opens_at)
        with running(self._settings, clock):
            self._vote(people, clock, definition.opens_at, days, positions)
        return self._publish(to, definition.paper_until)

    def _vote(
        self,
        people: list[Resident],
        clock: SharedClock,
        opens: datetime,
        days: int,
        positions: Mapping[str, list[str]],
    ) -> None:
        """Day after day; within a day, several at once."""
        phones = {resident.number: Phone(self._settings, self._providers, resident) for resident in people}
        with Progress(console=self._err, transient=True) as progress, ThreadPoolExecutor(AT_ONCE) as pool:
            task = progress.add_task("Voting", total=len(people))
            for day in range(days):
                clock.set(opens + timedelta(days=day, hours=10))
                jobs = [pool.submit(vote, phones[r.number], r, positions, day) for r in people if takes_part(r, day)]
                for job in jobs:
                    job.result()
                progress.advance(task, sum(r.day == day for r in people))

    def _publish(self, to: Path, paper_until: datetime) -> Replayed:
        lifecycle.count(self._engine, self._keys, self._slug, paper_until, "cuenta replay")
        digest = lifecycle.publish(self._engine, self._slug, paper_until, to / self._slug)
        with reading(self._engine) as connection:
            found = counts.results_of(connection, self._slug)
        assert found is not None
        return Replayed(found["ballots"], found["votes"], digest)


def takes_part(resident: Resident, day: int) -> bool:
    return day == resident.day or (resident.manner == "pauses" and day == resident.day + 1)


def vote(phone: Phone, resident: Resident, positions: Mapping[str, list[str]], day: int) -> None:
    """What a resident writes on a day, by their manner: the numbers of the options they see."""

    def listed(choices: tuple[str, ...]) -> str:
        return " ".join(str(positions["choices"].index(choice) + 1) for choice in choices)

    opening = ["votar", "1"]
    about_me = [str(positions["age"].index(resident.age) + 1), str(positions["sex"].index(resident.sex) + 1)]
    choosing, at_first = [listed(resident.choices), "1"], listed(resident.at_first)
    if resident.manner == "changes":
        lines = [*opening, *about_me, at_first, "2", at_first, "1", "votar", *choosing]
    elif resident.manner == "pauses":
        lines = [*opening, about_me[0]] if day == resident.day else ["votar", about_me[1], *choosing]
    else:
        lines = [*opening, *about_me, *choosing]
    for line in lines:
        phone.say(line, again=resident.manner == "repeats")
