"""Statements and time of a turn with a thousand residents and with a million: it must cost the same."""

import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import event, text

from bench.turns import prepare, settings_for
from bot.messages import Incoming
from bot.turn import Desk
from cli import wiring
from cli.replay import SharedClock
from storage.database import transaction

SIZES = (1_000, 1_000_000)
REPEATS, TURNS = 5, 200


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as scratch:
        desks = {size: crowded(Path(scratch) / str(size), size) for size in SIZES}
        for size, desk in desks.items():
            print(f"{size:>9} residents: plain answer {counted(desk, 1)} statements, casting {counted(desk, 2)}")
        times: dict[int, list[float]] = {size: [] for size in SIZES}
        for _n in range(REPEATS):
            for size, desk in desks.items():
                times[size].append(timed(desk))
        small, large = (median(times[size]) for size in SIZES)
        print(f"milliseconds a plain turn: {small:.3f} and {large:.3f}; ratio {large / small:.2f}")


_IDS = count(1)


def say(desk: Desk, address: str, line: str) -> None:
    desk.take(Incoming("telegram", address, f"bench-{next(_IDS)}", text=line))


def crowded(folder: Path, size: int) -> Desk:
    """A desk with so many residents, each with a message they were sent."""
    folder.mkdir()
    settings = settings_for(f"sqlite:///{folder}/crowd.db", folder / "keys", 1)
    clock: SharedClock = prepare(settings)
    desk = wiring.desk(settings, clock)
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :size)"
    at = "'2022-11-15 05:00:00.000000'"
    fills = (
        f"INSERT INTO person (id, consented_at, notice) {rows} SELECT i, {at}, '1' FROM n",
        f"INSERT INTO contact (id, channel, address, person_id, language, state, heard_at) {rows}"
        f" SELECT i, 'telegram', 'crowd-' || i, i, 'es', 'active', {at} FROM n",
        f"INSERT INTO housemate (contact_id, person_id, joined_at) {rows} SELECT i, i, {at} FROM n",
        "INSERT INTO outgoing (lane, contact_id, kind, state, epoch, attempts, due_at, created_at, finished_at,"
        f" segments) {rows} SELECT 'telegram', i, 'reply', 'sent', 1, 1, {at}, {at}, {at}, 1 FROM n",
        f"INSERT INTO inbox (channel, provider_id, received_at) {rows} SELECT 'telegram', 'old-' || i, {at} FROM n",
    )
    with transaction(desk.engine) as connection:
        for fill in fills:
            connection.execute(text(fill), {"size": size})
        connection.execute(text("ANALYZE"))
    for line in ("votar", "1", "2", "1", "1 4 6", "1", "votar"):
        say(desk, "voter", line)
    return desk


def counted(desk: Desk, which: int) -> int:
    """Statements of a plain answer (1) or of casting (2); the voter stands before the ballot."""
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    say(desk, "voter", "votar")
    if which == 2:
        say(desk, "voter", "1 4 6")
    event.listen(desk.engine, "before_cursor_execute", note)
    say(desk, "voter", "1 4 6" if which == 1 else "1")
    event.remove(desk.engine, "before_cursor_execute", note)
    return len(seen)


def timed(desk: Desk, clock: Callable[[], float] = time.process_time) -> float:
    """Milliseconds of processor time for a plain answer, one that is not understood, so that it can be repeated."""
    say(desk, "voter", "votar")
    start = clock()
    for _n in range(TURNS):
        say(desk, "voter", "146")
    return (clock() - start) / TURNS * 1000
