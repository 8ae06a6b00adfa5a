"""What a desk costs that nobody writes to: processor time of its processes, with all three channels and complaints."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.postgres import postgres
from bench.turns import spent
from bench.world import prepare
from cli.replay import running, settings_for
from cli.standins import Standins, running_standins

SECONDS, REPEATS = 5, 5


def run() -> None:
    """Print milliseconds of processor time a second: of the web process, the worker and the database's server."""
    print(f"milliseconds of processor time a second, {REPEATS} times {SECONDS} s: web, worker, database server")
    with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as scratch, running_standins() as providers:
        with at_rest(f"sqlite:///{scratch}/idle.db", Path(scratch) / "a", providers) as processes:
            report("SQLite", processes)
        with (
            postgres(Path(scratch)) as server,
            server.database("idle") as url,
            at_rest(url, Path(scratch) / "b", providers) as processes,
        ):
            report("PostgreSQL", [*processes, *([server.process] if server.process else [])])


@contextmanager
def at_rest(database_url: str, keys: Path, providers: Standins) -> Iterator[list[int]]:
    """The processes of a desk, some seconds after it began."""
    settings = settings_for(database_url, keys, providers)
    clock = prepare(settings)
    before = {process.pid for process in psutil.Process().children()}
    with running(settings, clock):
        time.sleep(SECONDS)
        yield sorted(process.pid for process in psutil.Process().children() if process.pid not in before)


def report(name: str, processes: list[int]) -> None:
    for _n in range(REPEATS):
        before = [spent(process) for process in processes]
        time.sleep(SECONDS)
        used = [(spent(process) - start) / SECONDS * 1000 for process, start in zip(processes, before, strict=True)]
        print(f"{name:11}", *(f"{each:8.1f}" for each in used))
