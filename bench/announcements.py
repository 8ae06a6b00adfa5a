"""Announcements: a million recipients, a resident's reply beside a broadcast, and (with --live) five minutes of one."""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
from sqlalchemy import Engine, event, text

from bench.counting import alone, peak, timed
from bench.pacing import fullest
from bench.postgres import postgres
from bench.statements import AT, FILLS, NUMBERS
from bench.turns import sink
from bench.world import prepare, settings_for
from bot.announcements import broadcast, feed, progress, selection, settlement
from cli import replay, wiring
from cli.replay import Timepiece, running
from cli.settings import Settings
from cli.standins import Standins
from cli.traffic import Limit
from storage import announcements
from storage.announcements import Draft
from storage.audiences import Audience
from storage.database import open_database, reading, transaction

PEOPLE, FED = 1_000_000, 20_000
ROUNDS, TURNS = 5, 60
RATES = {"telegram": 15, "whatsapp": 40}
MINUTES = 5

WORDS = {
    "es": {
        "title": "Votación",
        "text": "La votación de su barrio abrió hoy. Para votar escriba VOTAR.",
        "short": "Vote hoy: VOTAR",
    },
    "en": {
        "title": "Vote",
        "text": "The vote of your barrio opened today. To vote write VOTE.",
        "short": "Vote today: VOTE",
    },
}
FOLLOWS = f"INSERT INTO follow (person_id, scope, since) {NUMBERS} SELECT i, 'topic:votes', {AT} FROM n"


@dataclass(frozen=True)
class Shifted(Timepiece):
    """The real time, so much earlier."""

    shift: timedelta

    def __call__(self) -> datetime:
        return super().__call__() - self.shift


def run() -> None:
    if "--live" in sys.argv:
        with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as name:
            asyncio.run(live(Path(name)))
        return
    with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as name:
        scratch = Path(name)
        with postgres(scratch) as server, server.database("million") as url:
            alone(fill, url, scratch / "a", PEOPLE)
            alone(select, "PostgreSQL", url, scratch / "a")
        beside("SQLite", f"sqlite:///{scratch}/beside.db", scratch / "b")
        with postgres(scratch) as server, server.database("beside") as url:
            beside("PostgreSQL", url, scratch / "c")


def fill(url: str, folder: Path, size: int) -> None:
    """So many people with a contact each and a message sent, who agreed to hear of votes."""
    prepare(settings_for(url, folder / "keys", 1))
    crowd(url, size)


def crowd(url: str, size: int) -> None:
    engine = open_database(url)
    with transaction(engine) as connection:
        for each in (*FILLS[:4], FOLLOWS):
            connection.execute(text(each), {"size": size})
        if connection.dialect.name == "postgresql":
            for table in ("person", "contact", "outgoing"):
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {size})"))
        connection.execute(text("ANALYZE"))
    engine.dispose()


def announce(engine: Engine, now: datetime) -> int:
    draft = Draft("votes", "utility", WORDS, Audience(), now, now + timedelta(days=3))
    with transaction(engine) as connection:
        return announcements.make(connection, draft, None, now, state="approved")


def select(name: str, url: str, folder: Path) -> None:
    """Select a million recipients, and feed some; print what it took."""
    now = datetime.fromisoformat("2022-11-16T10:00:00-05:00")
    desk = wiring.desk(settings_for(url, folder / "keys", 1), lambda: now)
    id = announce(desk.engine, now)
    ends: list[float] = []
    event.listen(desk.engine, "commit", lambda _connection: ends.append(time.perf_counter()))
    before = peak()
    with timed(f"{name}: {PEOPLE:,} recipients selected"):
        selection.select(desk, now)
    took = [(end - start) * 1000 for start, end in pairwise(ends)][1:-1]
    tenth = len(took) // 10
    first, last = median(took[:tenth]), median(took[-tenth:])
    print(f"{name}: a slice of {selection.SLICE}: median {first:.0f} ms in the first tenth, {last:.0f} ms in the last")
    print(f"{name}: peak memory {peak():.0f} MB ({before:.0f} MB before)", flush=True)
    with timed(f"{name}: {FED:,} messages fed at once"):
        fed = 0
        while fed < FED:
            fed += broadcast.feed(desk, {"telegram": (fed + feed.BATCH * 10) / broadcast.AHEAD}, now)
    with timed(f"{name}: a tick of settling"):
        settlement.settle(desk, now)
    with timed(f"{name}: its progress"), reading(desk.engine) as connection:
        made = announcements.one(connection, id)
        assert made is not None
        assert progress.progress(connection, made).people == PEOPLE
    desk.engine.dispose()


def beside(name: str, url: str, folder: Path) -> None:
    """A resident's turns, from posting the message to the arrival of its reply, with and without a broadcast beside
    them: rounds of both are interleaved."""
    with sink() as port:
        settings = settings_for(url, folder / "keys", port, 30)
        clock = Shifted(wiring.now() - prepare(settings)())
        crowd(url, FED)
        engine = open_database(url)
        id = announce(engine, clock())
        with running(settings, clock):
            alone_took, beside_took = asyncio.run(rounds(settings, port, engine, id))
        engine.dispose()
    both = [median(b) / median(a) for a, b in zip(alone_took, beside_took, strict=True)]
    for when, took in (("alone", alone_took), ("beside a broadcast at 30/s", beside_took)):
        every = sorted(t for each in took for t in each)
        print(f"{name}: a reply {when}: median {median(every):.0f} ms, 95 % in {every[int(len(every) * 0.95)]:.0f} ms")
    print(
        f"{name}: ratio of the medians of a round: {min(both):.2f} / {median(both):.2f} / {max(both):.2f}", flush=True
    )


async def rounds(settings: Settings, port: int, engine: Engine, id: int) -> tuple[list[list[float]], list[list[float]]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port + 1, limit=1 << 20)
    found: tuple[list[list[float]], list[list[float]]] = ([], [])
    numbers = iter(range(1, 1_000_000))
    async with aiohttp.ClientSession() as session:
        for _n in range(ROUNDS):
            for which, (before, after) in enumerate((("sending", "paused"), ("paused", "sending"))):
                with transaction(engine) as connection:
                    announcements.move(connection, id, (before, "approved"), after)
                await asyncio.sleep(2.5 * broadcast.EVERY)
                found[which].append([await turn(session, settings, reader, next(numbers)) for _n in range(TURNS)])
    writer.close()
    return found


async def turn(session: aiohttp.ClientSession, settings: Settings, reader: asyncio.StreamReader, number: int) -> float:
    """Milliseconds from posting a message to the arrival of its reply."""
    person = {"id": 700_000, "is_bot": False, "first_name": "-", "language_code": "es"}
    where = {"id": 700_000, "type": "private"}
    message = {"message_id": number, "date": 1_668_600_000, "chat": where, "from": person, "text": "menu"}
    headers = {"X-Telegram-Bot-Api-Secret-Token": settings.telegram_webhook_secret, "Content-Type": "application/json"}
    start = time.perf_counter()
    data = json.dumps({"update_id": number, "message": message})
    async with session.post(f"{settings.public_url}/webhooks/telegram", data=data, headers=headers) as answer:
        answer.raise_for_status()
    while json.loads(await reader.readline())["chat_id"] != "700000":
        pass
    return (time.perf_counter() - start) * 1000


# Live


@contextmanager
def stopping(worker: Any, work: "asyncio.Task[None]") -> Iterator[None]:
    try:
        yield
    finally:
        worker.stopping.set()
        assert not work.done()


async def live(scratch: Path) -> None:
    """A broadcast at half the rates on both channels, against providers that refuse what comes too fast."""
    limits = {channel: Limit(rate, rate) for channel, rate in RATES.items()}
    async with Standins(limits=limits) as provider:
        url = f"sqlite:///{scratch}/live.db"
        settings = replace(
            replay.settings_for(url, scratch / "keys", provider),
            telegram_per_second=RATES["telegram"], whatsapp_per_second=RATES["whatsapp"],
        )  # fmt: skip
        clock = Shifted(wiring.now() - prepare(settings)())
        people(url, clock())
        engine = open_database(url)
        announce(engine, clock())
        worker = wiring.worker(settings, clock)
        work = asyncio.create_task(worker.run())
        with stopping(worker, work):
            await asyncio.sleep(MINUTES * 60 + 5)
        await work
        for channel, rate in RATES.items():
            at = [message.at for message in provider.sent if message.channel == channel]
            counted = [each for each in at if each < at[0] + MINUTES * 60]
            used = len(counted) / (rate * MINUTES * 60)
            print(f"live, {channel}, {rate}/s: {used:.1%} of the allowed; most in a second: {fullest(counted)}")
        print(f"live: {provider.refused} refused with 429", flush=True)


def people(url: str, now: datetime) -> None:
    """As many on each channel as can be written to in that time, and some more."""
    engine, last = open_database(url), 0
    with transaction(engine) as connection:
        for channel, rate in RATES.items():
            first, last = last + 1, last + rate * (MINUTES * 60 + 30)
            start = "" if channel == "telegram" else "whatsapp:+57300"
            span = f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
            for each in (
                f"INSERT INTO person (id, consented_at, notice) {span} SELECT i, {AT}, '1' FROM n",
                "INSERT INTO contact (id, channel, address, person_id, language, state, heard_at)"
                f" {span} SELECT i, '{channel}', '{start}' || (1000000 + i), i, 'es', 'active', '{now:%F %T}.000000'"
                " FROM n",
                f"INSERT INTO housemate (contact_id, person_id, joined_at) {span} SELECT i, i, {AT} FROM n",
                f"INSERT INTO follow (person_id, scope, since) {span} SELECT i, 'topic:votes', {AT} FROM n",
            ):
                connection.execute(text(each))
    engine.dispose()
