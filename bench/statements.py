"""Statements and time of a turn with a thousand residents and with a million: it must cost the same."""

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import event, text

from bench.postgres import postgres
from bench.world import SLUG, prepare, settings_for
from bot.desk import Desk
from bot.messages import Incoming
from cli import talk, wiring
from storage.database import transaction

SIZES = (1_000, 1_000_000)
REPEATS, TURNS = 5, 200

AT = "'2022-11-15 05:00:00.000000'"
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :size)"
FILLS = (
    f"INSERT INTO person (id, consented_at, notice) {NUMBERS} SELECT i, {AT}, '1' FROM n",
    f"INSERT INTO contact (id, channel, address, person_id, language, state, heard_at) {NUMBERS}"
    f" SELECT i, 'telegram', 'crowd-' || i, i, 'es', 'active', {AT} FROM n",
    f"INSERT INTO housemate (contact_id, person_id, joined_at) {NUMBERS} SELECT i, i, {AT} FROM n",
    "INSERT INTO outgoing (lane, contact_id, kind, state, epoch, attempts, due_at, created_at, finished_at,"
    f" segments) {NUMBERS} SELECT 'telegram', i, 'reply', 'sent', 1, 1, {AT}, {AT}, {AT}, 1 FROM n",
    f"INSERT INTO inbox (channel, provider_id, received_at) {NUMBERS} SELECT 'telegram', 'old-' || i, {AT} FROM n",
    f"INSERT INTO roll (consultation, person_id, level, origin, cast_at) {NUMBERS}"
    f" SELECT '{SLUG}', i, 'contact', 'telegram', {AT} FROM n",
    f"INSERT INTO ballot (consultation, id, mark, choices, origin, locality) {NUMBERS}"
    f" SELECT '{SLUG}', 'b' || i, 'm' || i, 'p01', 'telegram', '' FROM n",
)
"""A resident with a message sent, an id of a message taken in, and a ballot, for each number up to `size`."""


@dataclass
class Taken:
    """Milliseconds of each turn of a kind: by the wall clock, and of this process alone."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as name, ExitStack() as stack:
        scratch = Path(name)
        compare("SQLite", {size: crowded(f"sqlite:///{scratch}/{size}.db", scratch, size) for size in SIZES})
        server = stack.enter_context(postgres(scratch))
        urls = {size: stack.enter_context(server.database(str(size))) for size in SIZES}
        compare("PostgreSQL", {size: crowded(url, scratch, size) for size, url in urls.items()})


def compare(name: str, desks: dict[int, Desk]) -> None:
    """Print statements and times of both sizes, and their ratios; repeats are interleaved."""
    for size, desk in desks.items():
        plain, casting = counted(desk, "1 4 6"), counted(desk, "1")
        print(f"{name}, {size:>9,} residents: plain answer {plain} statements, casting {casting}", flush=True)
    repeats: dict[tuple[str, int], Taken] = {}
    for _n in range(REPEATS):
        for size, desk in desks.items():
            for kind, taken in (("plain answer", answering(desk)), ("casting", casting_again(desk))):
                kept = repeats.setdefault((kind, size), Taken())
                kept.wall.append(median(taken.wall))
                kept.cpu.append(sum(taken.cpu) / len(taken.cpu))
    for kind in ("plain answer", "casting"):
        small, large = (repeats[kind, size] for size in SIZES)
        print(f"{name}, {kind}: wall {ratio(small.wall, large.wall)}; CPU {ratio(small.cpu, large.cpu)}")
    for desk in desks.values():
        desk.engine.dispose()


def ratio(small: list[float], large: list[float]) -> str:
    """Medians in milliseconds, and the median of the ratios of each repeat."""
    by_repeat = median(more / less for less, more in zip(small, large, strict=True))
    return f"{median(small):.2f} and {median(large):.2f} ms, ratio {by_repeat:.2f}"


_IDS = count(1)


def say(desk: Desk, line: str, taken: Taken | None = None) -> None:
    """One turn of the voter; the reply then counts as sent, as the worker would have it."""
    told = Incoming("telegram", "voter", f"bench-{next(_IDS)}", text=line)
    wall, cpu = time.perf_counter(), time.process_time()
    desk.take(told)
    if taken is not None:
        taken.wall.append((time.perf_counter() - wall) * 1000)
        taken.cpu.append((time.process_time() - cpu) * 1000)
    talk.waiting(desk, "telegram", "voter")


def crowded(database_url: str, scratch: Path, size: int) -> Desk:
    """A desk with so many residents, and one more who has voted."""
    settings = settings_for(database_url, scratch / f"keys-{database_url.split(':')[0]}-{size}", 1)
    clock = prepare(settings)
    desk = wiring.desk(settings, clock)
    with transaction(desk.engine) as connection:
        for fill in FILLS:
            connection.execute(text(fill), {"size": size})
        if connection.dialect.name == "postgresql":
            for table in ("person", "contact"):
                connection.execute(
                    text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), :size)"), {"size": size}
                )
        connection.execute(text("ANALYZE"))
    for line in ("votar", "1", "2", "1", "1 4 6", "1"):
        say(desk, line)
    return desk


def counted(desk: Desk, line: str) -> int:
    """Statements of a turn: of choosing (`1 4 6`) or of confirming (`1`), which casts."""
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    say(desk, "votar")
    if line == "1":
        say(desk, "1 4 6")
    event.listen(desk.engine, "before_cursor_execute", note)
    desk.take(Incoming("telegram", "voter", f"bench-{next(_IDS)}", text=line))
    event.remove(desk.engine, "before_cursor_execute", note)
    talk.waiting(desk, "telegram", "voter")
    return len(seen)


def answering(desk: Desk) -> Taken:
    """Plain answers; one that is not understood can be repeated."""
    taken = Taken()
    say(desk, "votar")
    for _n in range(TURNS):
        say(desk, "146", taken)
    return taken


def casting_again(desk: Desk) -> Taken:
    """Ballots in place of earlier ones."""
    taken = Taken()
    for _n in range(TURNS // 4):
        say(desk, "votar")
        say(desk, "1 4 6")
        say(desk, "1", taken)
    return taken
