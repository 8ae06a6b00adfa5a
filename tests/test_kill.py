"""Killed at any moment: real web and worker processes die by SIGKILL in the middle of 200 conversations.

The provider delivers again what was not acknowledged, as Telegram does. In the end every message that was accepted has
been answered, every vote counts once, and nothing was doubled.
"""

import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from sqlalchemy import func, select

from cli import processes
from cli.replay import SharedClock, settings_for
from cli.settings import Settings
from cli.standins import Standins, running_standins
from storage.ballots import Ballot, Roll
from storage.database import columns, open_database, reading
from storage.outbox import Outgoing
from tests.world import DURING, open_vote

PEOPLE = 100
KILLS = 6
PATIENCE = 90.0
LINES = ("votar", "1", "2", "1", "1 4 6", "1")


@dataclass
class Office:
    """A desk whose processes can be killed and started again."""

    settings: Settings
    clock: SharedClock
    running: dict[str, Any]

    def start(self, name: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        port = int(self.settings.public_url.rpartition(":")[2])
        if name == "web":
            target, given = processes.run_web, (self.settings, "127.0.0.1", port, 1, False, self.clock)
        else:
            target, given = processes.run_worker, (self.settings, self.clock)  # type: ignore[assignment]
        self.running[name] = spawn.Process(target=target, args=given)
        self.running[name].start()

    def kill(self, name: str) -> None:
        """SIGKILL to the process and to the children it started; nobody is asked."""
        process = self.running.pop(name)
        family = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
        for number in family:
            os.kill(number, signal.SIGKILL)
        process.join(20)
        psutil.wait_procs([psutil.Process(n) for n in family if psutil.pid_exists(n)], timeout=20)

    def stop(self) -> None:
        for name in list(self.running):
            self.kill(name)


@pytest.fixture
def providers() -> Iterator[Standins]:
    with running_standins() as started:
        yield started


@pytest.fixture
def office(database_url: str, tmp_path: Path, providers: Standins) -> Iterator[Office]:
    settings = settings_for(database_url, tmp_path / "keys", providers)
    open_vote(settings)
    made = Office(settings, SharedClock(DURING), {})
    for name in ("web", "worker"):
        made.start(name)
    try:
        yield made
    finally:
        made.stop()


def deliver(settings: Settings, update: dict[str, Any]) -> None:
    """As Telegram does: until it is answered 200, and not a moment longer."""
    deadline = time.monotonic() + PATIENCE
    headers = {"X-Telegram-Bot-Api-Secret-Token": settings.telegram_webhook_secret}
    pause = 0.02
    while time.monotonic() < deadline:
        try:
            answer = requests.post(
                f"{settings.public_url}/webhooks/telegram", data=json.dumps(update), headers=headers, timeout=10
            )
        except requests.RequestException:
            answer = None
        if answer is not None and answer.status_code == 200:
            return
        time.sleep(pause)  # Telegram's own pause between deliveries, not a wait for anything here
        pause = min(pause * 2, 0.5)
    raise TimeoutError("the update was never acknowledged")


def converse(settings: Settings, number: int, chance: random.Random) -> None:
    """One resident votes; every now and then the provider delivers a message twice although it was acknowledged."""
    chat = 700_000 + number
    for place, line in enumerate(LINES):
        message = {
            "message_id": place + 1, "date": 1_668_600_000, "chat": {"id": chat, "type": "private"},
            "from": {"id": chat, "is_bot": False, "first_name": "-", "language_code": "es"}, "text": line,
        }  # fmt: skip
        update = {"update_id": number * 100 + place, "message": message}
        deliver(settings, update)
        if chance.random() < 0.2:
            deliver(settings, update)


def test_nothing_is_lost_or_doubled_when_everything_is_killed(office: Office, providers: Standins) -> None:
    chance = random.Random(11)
    with ThreadPoolExecutor(8) as pool:
        people = [pool.submit(converse, office.settings, n, random.Random(n)) for n in range(PEOPLE)]
        for kill in range(KILLS):
            done = (kill + 1) * PEOPLE // (KILLS + 2)
            until(lambda done=done: sum(p.done() for p in people) >= done)
            name = chance.choice(("web", "worker"))
            office.kill(name)
            office.start(name)
        for person in people:
            person.result(PATIENCE)
    until(lambda: waiting(office) == 0)
    receipts = {chat: received(providers, chat) for chat in range(700_000, 700_000 + PEOPLE)}
    assert all(receipts.values()), "a vote was accepted and its receipt never came"
    with reading(open_database(office.settings.database_url)) as connection:
        rows = connection.execute(select(columns(Ballot).id, columns(Ballot).choices)).all()
        roll = connection.execute(select(func.count()).select_from(Roll)).scalar_one()
    assert len(rows) == roll == PEOPLE
    assert {row.choices for row in rows} == {"p01 p04 p06"}
    # A reply may come twice, but it always names the one ballot that is in the box.
    assert {row.id for row in rows} == {code for codes in receipts.values() for code in codes}


def waiting(office: Office) -> int:
    """Messages that are neither delivered nor given up."""
    engine = open_database(office.settings.database_url)
    with reading(engine) as connection:
        pending = columns(Outgoing).finished_at.is_(None)
        number = connection.execute(select(func.count()).select_from(Outgoing).where(pending)).scalar_one()
        office.clock.set(office.clock() + timedelta(seconds=2))  # so that leases of the dead run out
    engine.dispose()
    return int(number)


def received(providers: Standins, chat: int) -> set[str]:
    """The receipts that were sent to a chat."""
    texts = [message.text for message in providers.to(str(chat))]
    return {text.split("recibo es ")[1][:10] for text in texts if "recibo es " in text}


def until(holds: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)
