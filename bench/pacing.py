"""Pacing: how much of the allowed is used, and whether any second holds more; by a virtual clock, and live."""

import asyncio
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from sqlalchemy import insert

from bench.world import settings_for
from bot.announcements.broadcast import EVERY, _rooms
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
        report(f"virtual clock, a broadcast at {rate}/s", rate, fed(rate, lambda _now: 0.0))
        report(f"virtual clock, a broadcast at {rate}/s, held up", rate, fed(rate, held_up))
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


def held_up(now: float) -> float:
    """How long it takes until a message that leaves arrives: 10 ms; in each third second it waits for the end of a
    quarter of a second in which nothing moves."""
    return 0.01 + max(0.25 - now % 3, 0.0)


def fed(rate: int, takes: Callable[[float], float]) -> list[float]:
    """When messages of a broadcast arrive if its ticks come up to a second late, and each `takes` so long."""
    pace, start, random = Pace(rate), datetime(2026, 1, 1, tzinfo=UTC), Random(rate)
    waiting: deque[datetime] = deque()
    under_way: deque[tuple[float, float]] = deque()
    sent: list[float] = []
    tick_at = 0.0
    for step in range(int(SECONDS / STEP)):
        now = step * STEP
        while under_way and under_way[0][1] <= now:
            at, arrived = under_way.popleft()
            pace.landed(at, arrived)
        moment = start + timedelta(seconds=now)
        if now >= tick_at:
            known = {"lane": (len(waiting), waiting[-1])} if waiting else {}
            slots = next(_rooms({"lane": rate}, (), known, moment))
            waiting.extend(slots.take() for _n in range(slots.left))
            tick_at = now + EVERY + random.random()
        while waiting and waiting[0] <= moment and pace.room(now):
            waiting.popleft()
            at = pace.spend(len(sent), now)
            sent.append(at + takes(at))
            under_way.append((at, sent[-1]))
    return [at for at in sent if at < SECONDS]


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
