"""CPU time per delivered turn, and turns per second, beside a bare bot; SQLite and PostgreSQL."""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median

import psutil
import requests

from bench.load import Residents
from bench.postgres import postgres
from bot import lifecycle
from cli.replay import ROOT, SharedClock, free_port, running
from cli.settings import Settings, read_settings
from cli.standins import ACCOUNT_SID, AUTH_TOKEN, TOKEN
from storage.ballot_keys import BallotKeys
from storage.database import open_database, transaction
from storage.folder import read_folder
from storage.loading import load
from storage.schema import migrate

RESIDENTS, CONVERSATIONS, REPEATS = 20, 20, 5
SLUG = "cartagena-2022"


def run() -> None:
    """Print the table: medians of interleaved repeats, and the ratios to the bare bot of the same repeat."""
    with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as scratch, postgres(Path(scratch)) as url:
        figures: dict[str, list[tuple[float, float]]] = {"bare": [], "sqlite": [], "postgresql": []}
        with (
            sink() as port,
            bare(port) as bare_bot,
            desk(f"sqlite:///{scratch}/bench.db", Path(scratch) / "a", port) as sqlite,
            desk(url, Path(scratch) / "b", port) as postgresql,
        ):
            bots = {"bare": bare_bot, "sqlite": sqlite, "postgresql": postgresql}
            for _n in range(REPEATS):
                for name, (address, secret, processes) in bots.items():
                    figures[name].append(asyncio.run(measure(address, secret, port, processes)))
        report(figures)


def report(figures: dict[str, list[tuple[float, float]]]) -> None:
    print(f"{RESIDENTS} residents at once, {RESIDENTS * CONVERSATIONS * 4} turns a repeat, {REPEATS} repeats")
    print(f"{'':12}{'CPU ms/turn (min, median)':>28}{'turns/s (median)':>20}{'CPU ratio':>12}{'rate ratio':>12}")
    for name, found in figures.items():
        cpu, rate = [c for c, _r in found], [r for _c, r in found]
        pairs = list(zip(figures["bare"], found, strict=True))
        by_cpu = median(base[0] / ours[0] for base, ours in pairs)
        by_rate = median(ours[1] / base[1] for base, ours in pairs)
        print(f"{name:12}{min(cpu):>16.3f}{median(cpu):>12.3f}{median(rate):>20.0f}{by_cpu:>12.2f}{by_rate:>12.2f}")


async def measure(address: str, secret: str, port: int, processes: list[int]) -> tuple[float, float]:
    """Milliseconds of processor time for each delivered turn, and turns per second."""
    residents = Residents(address, secret, port + 1, RESIDENTS)
    before = spent(processes)
    took = await residents.run(CONVERSATIONS)
    turns = RESIDENTS * CONVERSATIONS * 4
    return (spent(processes) - before) / turns * 1000, turns / took


def spent(processes: list[int]) -> float:
    """Processor seconds, user and system, of processes and all their children so far."""
    total = 0.0
    for number in processes:
        process = psutil.Process(number)
        for each in (process, *process.children(recursive=True)):
            times = each.cpu_times()
            total += times.user + times.system
    return total


Bot = tuple[str, str, list[int]]


@contextmanager
def sink() -> Iterator[int]:
    port = free_port()
    with child("bench.sink", str(port)):
        yield port


@contextmanager
def bare(port: int) -> Iterator[Bot]:
    own, secret = free_port(), "bare-bot-of-the-benchmark"
    with child("bench.bare", str(own), f"http://127.0.0.1:{port}/bot{TOKEN}/sendMessage", secret) as process:
        wait_for(f"http://127.0.0.1:{own}/readyz")
        yield f"http://127.0.0.1:{own}", secret, [process.pid]


@contextmanager
def child(module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", module, *arguments])
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def wait_for(address: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            requests.get(address, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(address)


@contextmanager
def desk(database_url: str, keys: Path, port: int) -> Iterator[Bot]:
    """A web and a worker process with residents who have voted before."""
    settings = settings_for(database_url, keys, port)
    clock = prepare(settings)
    before = {process.pid for process in psutil.Process().children()}
    with running(settings, clock):
        ours = [p.pid for p in psutil.Process().children() if p.pid not in before]
        residents = Residents(settings.public_url, settings.telegram_webhook_secret, port + 1, RESIDENTS)
        asyncio.run(residents.run(1, ("votar", "1", "2", "1", "1 4 6", "1")))
        yield settings.public_url, settings.telegram_webhook_secret, ours


def prepare(settings: Settings) -> SharedClock:
    engine = open_database(settings.database_url)
    migrate(engine)
    folder = read_folder(ROOT / "cartagena")
    opens = next(c for c in folder.consultations if c.slug == SLUG).opens_at
    with transaction(engine) as connection:
        load(connection, folder)
    lifecycle.open_(engine, BallotKeys(settings.ballot_keys_dir), SLUG, opens - timedelta(hours=1))
    engine.dispose()
    return SharedClock(opens + timedelta(hours=10))


def settings_for(database_url: str, keys: Path, port: int) -> Settings:
    return read_settings(
        {
            "SECRET_KEY": "only-for-the-benchmark-" * 3,
            "DATABASE_URL": database_url,
            "BALLOT_KEYS_DIR": str(keys),
            "PUBLIC_URL": f"http://127.0.0.1:{free_port()}",
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_WEBHOOK_SECRET": "webhook-secret-of-the-benchmark",
            "TELEGRAM_API_URL": f"http://127.0.0.1:{port}",
            "TELEGRAM_PER_SECOND": "100000",
            "TELEGRAM_PER_CHAT": "100000",
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        }
    )
