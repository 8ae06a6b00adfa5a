"""Notices to 100,000 followers with a resident who goes on talking, and the clock's ticks over 10,000 milestones."""

import csv
import multiprocessing
import shutil
import tempfile
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import event, insert, text

from bench.counting import alone, peak, timed
from bench.postgres import postgres
from bench.statements import AT, NUMBERS, Taken, say
from bench.world import prepare, settings_for
from bot import notices
from bot.desk import Desk
from cli import wiring
from cli.replay import ROOT
from storage import contacts, participants
from storage.database import open_database, transaction
from storage.folder import read_folder
from storage.loading import load
from storage.voices import STATES, Report

FOLLOWERS, TURNS = 100_000, 500
COMMITMENTS, STEPS, FOLLOWING_ALL = 400, 25, 1_000
PLAN = "plan-2023"
OFFICES = ("comunicaciones", "participacion", "planeacion", "escuela")
BOGOTA = ZoneInfo("America/Bogota")
OVERDUE = datetime(2023, 2, 1, 9, tzinfo=BOGOTA)
"""The morning on which the first milestone of Cartagena's plan is overdue."""

FILLS = (
    f"INSERT INTO person (id, consented_at, notice) {NUMBERS} SELECT i, {AT}, '1' FROM n",
    f"INSERT INTO contact (id, channel, address, person_id, language, state, heard_at) {NUMBERS}"
    f" SELECT i, 'telegram', 'crowd-' || i, i, 'es', 'active', {AT} FROM n",
    f"INSERT INTO housemate (contact_id, person_id, joined_at) {NUMBERS} SELECT i, i, {AT} FROM n",
    f"INSERT INTO follow (person_id, scope, since) {NUMBERS} SELECT i, :scope, {AT} FROM n",
)


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as name:
        scratch = Path(name)
        crowd("SQLite", f"sqlite:///{scratch}/crowd.db", scratch / "a")
        with postgres(scratch) as server, server.database("crowd") as url:
            crowd("PostgreSQL", url, scratch / "b")
        alone(ticks, "SQLite", f"sqlite:///{scratch}/ticks.db", scratch / "c")


def crowd(name: str, url: str, folder: Path) -> None:
    """One process tells everybody while another takes a resident's turns, as worker and web do."""
    alone(fill, url, folder)
    spawn = multiprocessing.get_context("spawn")
    ready, begun, over = (spawn.Event() for _n in range(3))
    resident = spawn.Process(target=talk, args=(name, url, folder, ready, begun, over))
    resident.start()
    while not ready.wait(1):
        assert resident.exitcode is None, "the resident failed; the error is above"
    try:
        alone(tell, name, url, folder, begun, over)
    finally:
        begun.set()
        over.set()
        resident.join()


def fill(url: str, folder: Path) -> None:
    prepare(settings_for(url, folder / "keys", 1))
    followers(url, FOLLOWERS, "commitment:cartagena-cuenta")


def followers(url: str, size: int, scope: str) -> None:
    """So many people, each with one contact, who follow."""
    engine = open_database(url)
    with transaction(engine) as connection:
        for each in FILLS:
            connection.execute(text(each), {"size": size, **({"scope": scope} if ":scope" in each else {})})
        if connection.dialect.name == "postgresql":
            for table in ("person", "contact"):
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {size})"))
        connection.execute(text("ANALYZE"))
    engine.dispose()


def talk(name: str, url: str, folder: Path, ready: Any, begun: Any, over: Any) -> None:
    """A resident's turns: some before and after, and as many as there is time for while others are told."""
    settings = settings_for(url, folder / "keys", 1)
    desk = wiring.desk(settings, lambda: datetime(2022, 11, 16, 10, tzinfo=BOGOTA))
    for line in ("votar", "1", "2", "1", "1 4 6", "1", "votar"):
        say(desk, line)
    idle, busy = Taken(), Taken()
    for _n in range(TURNS):
        say(desk, "146", idle)
    ready.set()
    begun.wait()
    while not over.is_set():
        say(desk, "146", busy)
    for _n in range(TURNS):
        say(desk, "146", idle)
    for when, taken in (("while nothing else goes on", idle), ("meanwhile", busy)):
        wall = taken.wall
        print(f"{name}: a turn {when}: median {median(wall):.1f} ms, worst {max(wall):.0f} ms ({len(wall)} turns)")


def tell(name: str, url: str, folder: Path, begun: Any, over: Any) -> None:
    """Queue what everybody is to hear; print what it took."""
    desk = wiring.desk(settings_for(url, folder / "keys", 1), lambda: OVERDUE)
    statements = counted(desk)
    before = peak()
    begun.set()
    with timed(f"{name}: {FOLLOWERS:,} followers told"):
        assert notices.tell(desk, OVERDUE).people == {"follower": FOLLOWERS}
    over.set()
    print(f"{name}: {len(statements):,} statements; peak memory {peak():.0f} MB ({before:.0f} MB before)", flush=True)
    tick(name, desk, OVERDUE + timedelta(minutes=1))


def counted(desk: Desk) -> list[str]:
    """The statements of a desk from here on; a batch of rows is one."""
    seen: list[str] = []
    event.listen(
        desk.engine, "before_cursor_execute", lambda _c, _cursor, statement, *_rest: seen.append(statement[:9])
    )
    return seen


def tick(name: str, desk: Desk, now: datetime) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    told = notices.tell(desk, now).people
    took, used = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name}: a tick: {took:.2f} s ({used:.2f} s of processor time), told {dict(told)}", flush=True)


def ticks(name: str, url: str, folder: Path) -> None:
    """A day of a plan with 10,000 milestones, half of them reported: its first tick, and those with nothing new."""
    settings = settings_for(url, folder / "keys", 1)
    prepare(settings)
    engine = open_database(url)
    with transaction(engine) as connection:
        load(connection, read_folder(large_city(folder)), datetime(2022, 11, 16, tzinfo=BOGOTA))
    followers(url, FOLLOWING_ALL, "all")
    now = datetime(2023, 7, 4, 9, tzinfo=BOGOTA)
    with transaction(engine) as connection:
        people_of_plan(connection)
        rows = [
            {
                "milestone": f"c{n // STEPS}.{n % STEPS + 1}", "office": OFFICES[n % 4], "state": STATES[n % 4],
                "text": "-", "via": "cli", "at": now - timedelta(days=n % 180),
            }
            for n in range(0, COMMITMENTS * STEPS, 2)
        ]  # fmt: skip
        connection.execute(insert(Report), rows)
    engine.dispose()
    desk = wiring.desk(settings, lambda: now)
    for minutes in range(3):
        tick(name, desk, now + timedelta(minutes=minutes))
    for days in (1, 2):
        tick(name, desk, now + timedelta(days=days))
    before = counted(desk)
    tick(name, desk, now + timedelta(days=2, minutes=1))
    print(f"{name}: {COMMITMENTS * STEPS:,} milestones: {len(before)} statements a tick; peak memory {peak():.0f} MB")


def people_of_plan(connection: Any) -> None:
    """Twelve seats, and ten people in each office."""
    since = datetime(2022, 12, 1, tzinfo=BOGOTA)
    sectors = ("sociedad-civil", "academia", "grupos", "comunales-1", "comunales-2", "comunales-3")
    roles = [("seat", f"{sector}-{n}") for sector in sectors for n in (1, 2)]
    for number, (role, subject) in enumerate(roles + [("clerk", office) for office in OFFICES for _n in range(10)]):
        contact = contacts.add(connection, "telegram", f"role-{number}", None, "es", since)
        person = contacts.consent(connection, contact, "1", since)
        take = participants.take_seat if role == "seat" else participants.employ
        take(connection, person, PLAN, subject, since)


def large_city(folder: Path) -> Path:
    """Cartagena's folder with a plan of 400 commitments of 25 milestones, which end on all days of two years."""
    made = Path(shutil.copytree(ROOT / "cartagena", folder / "city"))
    plan = made / "plans" / PLAN
    commitments, milestones = (rows_of(plan / f"{name}.csv") for name in ("commitments", "milestones"))
    widened = [{**commitments[0], "id": f"c{n}", "number": str(n + 1)} for n in range(COMMITMENTS)]
    steps = []
    for n in range(COMMITMENTS * STEPS):
        ends = date(2023, 1, 31) + timedelta(days=n % 700)
        span = {"starts": (ends - timedelta(days=90)).isoformat(), "ends": ends.isoformat()}
        place = {"commitment": f"c{n // STEPS}", "number": str(n % STEPS + 1), "offices": OFFICES[n % 4]}
        steps.append({**milestones[0], **place, **span})
    for name, rows in (("commitments", widened), ("milestones", steps)):
        with (plan / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
    return made


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
