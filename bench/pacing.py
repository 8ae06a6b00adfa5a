"""Pacing: how much of the allowed is used, and whether any second holds more; by a virtual clock, and live."""

import asyncio
import sys
import tempfile
from pathlib import Path

from sqlalchemy import insert

from bench.world import settings_for
from bot.messages import Outbound
from bot.pace import Pace
from cli import wiring
from cli.standins import Standins
from cli.traffic import Limit
from storage import outbox
from storage.contacts import Contact
from storage.database import open_database, transaction
from storage.ink import Ink
from storage.schema import migrate

RATES = (30, 80)
SECONDS = 60
STEP = 0.001


def run() -> None:
    for rate in RATES:
        report(f"virtual clock, {rate}/s", rate, flood(rate))
    if "--live" in sys.argv or "pacing" not in sys.argv:
        asyncio.run(live())


def report(name: str, rate: int, sent: list[float]) -> None:
    used = len(sent) / (rate * SECONDS)
    print(f"{name}: {len(sent)} in {SECONDS} s, {used:.1%} of the allowed; most in a second: {fullest(sent)}")


def flood(rate: int) -> list[float]:
    """When messages go if there are always more of them, each to another chat."""
    pace, sent = Pace(rate), []
    for tick in range(int(SECONDS / STEP)):
        now = tick * STEP
        for chat in range(pace.room(now)):
            sent.append(pace.spend(chat, now))
    return sent


def fullest(sent: list[float]) -> int:
    """The most messages in any window of one second."""
    most = first = 0
    for last, at in enumerate(sent):
        while sent[first] <= at - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


async def live() -> None:
    """A minute at half the rates, both side by side, against providers that refuse what comes too fast."""
    with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as scratch:
        await asyncio.gather(*[minute(rate // 2, Path(scratch)) for rate in RATES])


async def minute(rate: int, scratch: Path) -> None:
    """A real worker on SQLite with more waiting than may go; arrivals are timed where they arrive."""
    async with Standins(limits={"telegram": Limit(rate, rate)}) as provider:
        settings = settings_for(f"sqlite:///{scratch}/{rate}.db", scratch / f"keys-{rate}", provider.port, rate)
        fill(settings.database_url, Ink(settings.ballot_keys_dir), rate * (SECONDS + 5))
        worker = wiring.worker(settings)
        working = asyncio.create_task(worker.run())
        await asyncio.sleep(SECONDS + 2)
        worker.stopping.set()
        await working
        arrived = [message.at for message in provider.sent]
        report(f"live, {rate}/s", rate, [at for at in arrived if at < arrived[0] + SECONDS])
        print(f"live, {rate}/s: {provider.refused} refused with 429 by the provider", flush=True)


def fill(database_url: str, ink: Ink, number: int) -> None:
    """So many messages in the outbox, each to another chat."""
    engine, now = open_database(database_url), wiring.now()
    migrate(engine)
    person = {"channel": "telegram", "language": "es", "state": "active", "heard_at": now}
    with transaction(engine) as connection:
        connection.execute(insert(Contact), [{"id": n, "address": str(n), **person} for n in range(1, number + 1)])
        for n in range(1, number + 1):
            outbox.queue(connection, "telegram", n, "reply", ink.seal(Outbound("Hola").packed(), now), now)
    engine.dispose()
