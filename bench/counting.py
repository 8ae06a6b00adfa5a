"""Count and publication of a million ballots: time and peak memory, in a process of its own."""

import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from bench.postgres import postgres
from bench.world import SLUG, prepare, settings_for
from bot import lifecycle, upkeep
from storage import consultations
from storage.ballot_keys import BallotKeys
from storage.ballots import CODE_LENGTH, CODE_LETTERS, Ballot, Roll
from storage.database import open_database, reading, transaction

BALLOTS = 1_000_000
SLICE = 20_000
AGES, SEXES = ("14-17", "18-28", "29-40", "41-59", "60+"), ("f", "m", "x")


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as name:
        scratch = Path(name)
        measure("SQLite", f"sqlite:///{scratch}/count.db", scratch / "a")
        with postgres(scratch) as server, server.database("count") as url:
            measure("PostgreSQL", url, scratch / "b")


def measure(name: str, url: str, folder: Path) -> None:
    for work in (fill, count):
        alone(work, name, url, folder)


def alone(work: Callable[..., None], *arguments: Any) -> None:
    """Run in a fresh process: the peak memory is then of this work only."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0, "the work failed; its error is above"


def fill(_name: str, url: str, folder: Path) -> None:
    """A consultation with a million ballots in its box and as many people on its roll."""
    settings = settings_for(url, folder / "keys", 1)
    now = prepare(settings)()
    engine = open_database(url)
    chance = random.Random(7)
    for start in range(0, BALLOTS, SLICE):
        numbers = range(start, start + SLICE)
        with transaction(engine) as connection:
            connection.execute(insert(Ballot), [ballot(chance, n) for n in numbers])
            connection.execute(insert(Roll), [{**voter(chance, n), "cast_at": now} for n in numbers])
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))


def ballot(chance: random.Random, number: int) -> dict[str, str]:
    chosen = sorted(chance.sample(range(1, 13), chance.randint(1, 3)))
    return {
        "consultation": SLUG,
        "id": "".join(chance.choices(CODE_LETTERS, k=CODE_LENGTH)),
        "mark": f"{chance.getrandbits(256):064x}",
        "choices": " ".join(f"p{n:02}" for n in chosen),
        "origin": "telegram",
        "locality": "",
    }


def voter(chance: random.Random, number: int) -> dict[str, Any]:
    return {
        "consultation": SLUG,
        "person_id": number + 1,
        "level": "contact",
        "origin": "telegram",
        "age": chance.choice(AGES),
        "sex": chance.choice(SEXES),
        "locality": f"l{number % 20}",
    }


def count(name: str, url: str, folder: Path) -> None:
    """Count and publish; print what it took."""
    engine = open_database(url)
    with reading(engine) as connection:
        row = consultations.one(connection, SLUG)
    assert row is not None
    if engine.dialect.name == "postgresql":
        with timed(f"{name}: the open box put back in order (every ten minutes of an open vote)"):
            upkeep.mix_ballots(engine, row.opens_at + timedelta(hours=11))
    now = row.paper_until + timedelta(hours=1)
    before = peak()
    with timed(f"{name}: {BALLOTS:,} ballots counted and published"):
        with timed(f"{name}: of that the count"):
            lifecycle.count(engine, BallotKeys(folder / "keys"), SLUG, now)
        with timed(f"{name}: of that the files"):
            lifecycle.publish(engine, SLUG, now, folder / "public")
    print(f"{name}: peak memory {peak():.0f} MB ({before:.0f} MB before)", flush=True)


@contextmanager
def timed(what: str) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    took, used = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{what}: {took:.1f} s ({used:.1f} s of this process's processor time)", flush=True)


def peak() -> float:
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
