"""Count and publication of a million ballots: time and peak memory, in a process of its own."""

import multiprocessing
import random
import resource
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, insert

from bench.turns import SLUG, prepare, settings_for
from bot import lifecycle, results
from storage import consultations, counts
from storage.ballot_keys import BallotKeys
from storage.ballots import CODE_LENGTH, CODE_LETTERS, Ballot
from storage.database import open_database, reading, transaction

BALLOTS = 1_000_000
SLICE = 20_000


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as scratch:
        process = multiprocessing.get_context("spawn").Process(target=fill, args=(scratch,))
        process.start()
        process.join()
        process = multiprocessing.get_context("spawn").Process(target=count, args=(scratch,))
        process.start()
        process.join()


def fill(scratch: str) -> None:
    """A closed consultation with a million ballots in its box."""
    settings = settings_for(f"sqlite:///{scratch}/count.db", Path(scratch) / "keys", 1)
    prepare(settings)
    engine = open_database(settings.database_url)
    chance = random.Random(7)
    for start in range(0, BALLOTS, SLICE):
        with transaction(engine) as connection:
            connection.execute(insert(Ballot), [ballot(chance, start + n) for n in range(SLICE)])


def ballot(chance: random.Random, number: int) -> dict[str, str]:
    chosen = sorted(chance.sample(range(1, 13), chance.randint(1, 3)))
    return {
        "consultation": SLUG,
        "id": "".join(chance.choices(CODE_LETTERS, k=CODE_LENGTH)),
        "mark": f"{number:064x}",
        "choices": " ".join(f"p{n:02}" for n in chosen),
        "origin": "telegram",
        "locality": "",
    }


def count(scratch: str) -> None:
    """Count and publish; print what it took."""
    engine = open_database(f"sqlite:///{scratch}/count.db")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    number = _count(engine, Path(scratch))
    took = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"SQLite: {number} ballots counted and published in {took:.1f} s")
    print(f"peak memory {peak / 1024:.0f} MB ({before / 1024:.0f} MB before)")


def _count(engine: Engine, scratch: Path) -> int:
    with reading(engine) as connection:
        row = consultations.one(connection, SLUG)
    assert row is not None
    now = row.paper_until + timedelta(hours=1)
    number = lifecycle.count(engine, BallotKeys(scratch / "keys"), SLUG, now)
    with reading(engine) as connection:
        found = counts.results_of(connection, SLUG)
        assert found is not None
        digest = results.write(connection, SLUG, found, scratch / "public")
    lifecycle.publish(engine, SLUG, digest, now)
    return number
