"""What the clock does about cases: numbers, what is told at fixed moments, and the end of what is kept long enough."""

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from bot.complaints import case_sheets, case_upkeep
from bot.complaints.case_sheets import Digest
from bot.results import SMALLEST
from cli import wiring
from storage import case_keeping
from storage.case_sheets import CaseSheet
from storage.cases import Case, CaseEvent, Part, Wrap
from storage.database import checkpoint, reading, transaction
from tests.docket import case_of, city_of, go, write_down
from tests.test_small_cells import learnt
from tests.vaults import OFFICES, taking_complaints
from tests.world import World

MONDAY = datetime(2026, 7, 6, 12, 0, tzinfo=UTC)
"""A Monday, at seven in the morning in Cartagena."""


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[World]:
    with taking_complaints(database_url, tmp_path) as world:
        world.clock.now = MONDAY
        yield world


@pytest.fixture
def small(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    with taking_complaints(sqlite_url, tmp_path) as world:
        world.clock.now = MONDAY
        yield world


def look_after(world: World) -> None:
    """Twice: what is done is not done again."""
    case_upkeep.look_after(world.desk)
    before = world.rows(CaseSheet), world.rows(Case), world.rows(CaseEvent)
    case_upkeep.look_after(world.desk)
    assert (world.rows(CaseSheet), world.rows(Case), world.rows(CaseEvent)) == before


def numbers(world: World) -> dict[str, str]:
    return {row["id"]: row["number"] for row in world.rows(Case)}


def test_the_office_numbers_a_day_when_it_is_over(desk: World) -> None:
    today = write_down(desk, date(2026, 7, 6))
    first = [write_down(desk, date(2026, 7, 3)) for _n in range(3)]
    second = write_down(desk, date(2026, 7, 4))
    look_after(desk)
    given = numbers(desk)
    assert {given[id] for id in first} == {"2026-0001", "2026-0002", "2026-0003"}
    assert (given[second], given[today]) == ("2026-0004", "")
    desk.clock.forward(days=1)
    look_after(desk)
    assert numbers(desk)[today] == "2026-0005"


def test_the_numbers_of_a_day_are_in_no_order(small: World) -> None:
    came = [write_down(small, date(2026, 7, 3)) for _n in range(20)]
    look_after(small)
    given = numbers(small)
    assert [given[id] for id in came] != sorted(given.values())
    assert [given[id] for id in sorted(came)] != sorted(given.values())


def test_a_new_year_begins_anew_and_a_destroyed_case_keeps_its_number(small: World) -> None:
    write_down(small, date(2026, 12, 30))
    write_down(small, date(2027, 1, 2))
    small.clock.now = datetime(2027, 1, 4, 15, tzinfo=UTC)
    look_after(small)
    assert sorted(numbers(small).values()) == ["2026-0001", "2027-0001"]
    with transaction(small.desk.engine) as connection:
        connection.execute(text("DELETE FROM sealedcase"))
    write_down(small, date(2027, 1, 3))
    look_after(small)
    assert list(numbers(small).values()) == ["2027-0002"]


def listed(world: World) -> dict[str, tuple[str, date]]:
    with reading(world.desk.engine) as connection:
        found = case_sheets.listed(connection)
    assert found is not None
    assert [each.locator for each in found[1]] == sorted(each.locator for each in found[1])
    return {each.locator: (each.state, each.week) for each in found[1]}


def test_the_public_list_stands_still_for_a_week(desk: World) -> None:
    old = write_down(desk, date(2026, 7, 1))
    write_down(desk, date(2026, 7, 6))
    locator = case_of(desk, old).locator
    look_after(desk)
    assert listed(desk) == {locator: ("received", date(2026, 6, 29))}, "what came today is not on it"
    go(desk, old, date(2026, 7, 7), "reviewing")
    desk.clock.now = datetime(2026, 7, 13, 4, 59, tzinfo=UTC)  # Sunday, a minute before midnight
    look_after(desk)
    assert listed(desk) == {locator: ("received", date(2026, 6, 29))}
    desk.clock.forward(minutes=1)
    look_after(desk)
    assert len(listed(desk)) == 2
    assert listed(desk)[locator] == ("reviewing", date(2026, 6, 29))


def test_after_a_pause_there_is_one_list_as_of_the_last_monday(small: World) -> None:
    look_after(small)
    write_down(small, date(2026, 7, 21))
    small.clock.now = datetime(2026, 7, 23, 15, tzinfo=UTC)
    look_after(small)
    assert listed(small) == {}, "it came after that Monday"
    with reading(small.desk.engine) as connection:
        found = case_sheets.listed(connection)
    assert found is not None
    assert found[0] == datetime(2026, 7, 20, 5, tzinfo=UTC)


def digest(world: World, office: str = "") -> tuple[datetime, Digest]:
    with reading(world.desk.engine) as connection:
        found = case_sheets.digest(connection, office)
    assert found is not None
    return found


def test_receivers_are_told_at_two_fixed_hours_also_of_nothing(desk: World) -> None:
    look_after(desk)
    friday = datetime(2026, 7, 3, 20, tzinfo=UTC)
    assert digest(desk) == (friday, Digest(0, 0, 0, 0)), "before eight it is that of the last working day"
    for received in (date(2026, 6, 30), date(2026, 6, 16), date(2026, 6, 11), date(2026, 6, 5)):
        write_down(desk, received)
    write_down(desk, date(2026, 6, 1), state="answered")
    look_after(desk)
    assert digest(desk)[1].waiting == 0, "nobody sees a case come"
    desk.clock.forward(hours=1)
    look_after(desk)
    assert digest(desk) == (MONDAY + timedelta(hours=1), Digest(4, 2, 1, 1))
    desk.clock.now = datetime(2026, 7, 12, 20, tzinfo=UTC)  # Sunday; Monday 13 is the holiday of Ley 2578 de 2026
    look_after(desk)
    assert digest(desk)[0] == datetime(2026, 7, 10, 20, tzinfo=UTC)
    desk.clock.now = datetime(2026, 7, 13, 20, tzinfo=UTC)
    look_after(desk)
    assert digest(desk)[0] == datetime(2026, 7, 10, 20, tzinfo=UTC)
    desk.clock.now = datetime(2026, 7, 14, 13, tzinfo=UTC)
    look_after(desk)
    assert digest(desk)[0] == datetime(2026, 7, 14, 13, tzinfo=UTC)


def test_an_office_is_not_told_of_what_concerns_it(small: World) -> None:
    write_down(small, date(2026, 7, 1), excluded=OFFICES[0])
    small.clock.forward(hours=2)
    look_after(small)
    waiting = {office: digest(small, office)[1].waiting for office in ("", *OFFICES)}
    assert waiting == {"": 1, OFFICES[0]: 0, OFFICES[1]: 1}
    with reading(small.desk.engine) as connection:
        assert case_sheets.digest(connection, "unknown") is None


def test_nothing_that_is_told_at_fixed_moments_has_more_than_counts(small: World) -> None:
    id = write_down(small, date(2026, 7, 1), state="answered")
    small.clock.forward(hours=2)
    look_after(small)
    case = case_of(small, id)
    sheets = {row["name"]: row["body"] for row in small.rows(CaseSheet)}
    for name, body in sheets.items():
        assert (case.locator in body) == (name == "list")
        assert case.id not in body
    assert [len(row) for row in json.loads(sheets["list"])] == [3]


def figures(world: World) -> Any:
    with reading(world.desk.engine) as connection:
        return case_sheets.figures(connection)


def test_a_quarter_is_published_once_after_it_ended(desk: World) -> None:
    ids = [write_down(desk, date(2026, 4, 13)) for _n in range(12)]
    for id in ids[:6]:
        go(desk, id, date(2026, 4, 22), "reviewing", "not-admitted")
    desk.clock.now = datetime(2026, 7, 1, 4, 59, tzinfo=UTC)  # the last minute of June in the city
    look_after(desk)
    assert figures(desk) == {}
    desk.clock.forward(minutes=1)
    look_after(desk)
    assert figures(desk) == {
        "2026-Q2": {
            "received": {"all": 10, "by": {"not-admitted": 5, "received": 5}},
            "answered": {"all": 5, "by": {"10": 5}},
        }
    }
    before = figures(desk)
    go(desk, ids[-1], date(2026, 7, 2), "reviewing", "referred")
    write_down(desk, date(2026, 6, 30))
    look_after(desk)
    assert figures(desk) == before, "what is published does not change"
    desk.clock.now = datetime(2027, 2, 1, 15, tzinfo=UTC)
    look_after(desk)
    assert list(figures(desk)) == ["2026-Q2", "2026-Q3", "2026-Q4"], "what was missed is made up for"
    assert figures(desk)["2026-Q3"]["answered"] == {"all": None, "by": {}}, "one alone is not told"


def table(found: dict[str, int]) -> Any:
    return case_sheets._table(Counter(found).elements())


def test_a_small_number_is_hidden_and_another_with_it() -> None:
    found = table({"received": 4, "handling": 9, "closed": 20, "answered": 31})
    assert found == {"all": 60, "by": {"received": None, "handling": None, "closed": 20, "answered": 30}}
    assert table({"received": 4}) == {"all": None, "by": {}}


def test_one_more_in_another_quarter_cannot_be_told() -> None:
    before, after = table({"closed": 20, "answered": 31}), table({"closed": 21, "answered": 31})
    assert before["by"] == after["by"] == {"closed": 20, "answered": 30}
    assert after["all"] - before["all"] in (0, SMALLEST)


@pytest.mark.parametrize(("states", "most"), [(2, 30), (3, 24), (4, 18)])
def test_no_figures_give_a_small_number_away(states: int, most: int) -> None:
    keys = ["received", "handling", "closed", "answered"][:states]
    assert learnt(keys, most, table, [(n,) for n in range(states)]) == []


def shown_time(world: World) -> Any:
    look_after(world)
    return figures(world)["2026-Q2"]["answered"]["by"]


def test_the_time_to_answer_is_that_of_the_first_answer(small: World) -> None:
    for n, day in ((11, date(2026, 4, 8)), (15, date(2026, 4, 30))):
        for _each in range(n):
            id = write_down(small, date(2026, 4, 6))
            go(small, id, day, "reviewing", "admitted", "handling", "answered")
            go(small, id, date(2026, 6, 29), "closed", "reopened", "handling", "answered")
    assert shown_time(small) == {"5": 10, "30": 15}


def found_in(world: World, *marks: bytes) -> list[bytes]:
    """Which of these bytes are in any file of the database."""
    database = Path(make_url(world.settings.database_url).database or "")
    bodies = [each.read_bytes() for each in database.parent.glob(f"{database.name}*")]
    return [mark for mark in marks if any(mark in body for body in bodies)]


def marks_of(world: World, id: str) -> tuple[bytes, list[bytes]]:
    """The complainant's own key, and pieces of what only receivers open."""
    case = case_of(world, id)
    wraps = [bytes(row["body"]) for row in world.rows(Wrap) if row["case_id"] == id]
    parts = [bytes(row["body"]) for row in world.rows(Part) if row["case_id"] == id]
    return bytes(case.own_wrap), [*wraps, *(part[n : n + 24] for part in parts for n in range(0, 4800, 600))]


def test_what_was_kept_long_enough_is_in_no_file_any_more(small: World) -> None:
    closed = date(2026, 7, 6)
    gone = write_down(small, date(2026, 6, 1))
    held = write_down(small, date(2026, 6, 1), held=True)
    running = write_down(small, date(2026, 6, 1))
    for id in (gone, held):
        go(small, id, closed, "reviewing", "not-admitted")
    own, sealed = marks_of(small, gone)
    kept = [mark for id in (held, running) for mark in (marks_of(small, id)[0], *marks_of(small, id)[1])]
    everything = [own, *sealed, *kept]
    small.clock.forward(days=case_upkeep.OWN_KEPT.days)
    look_after(small)
    assert found_in(small, *everything) == everything, "kept on its ninetieth day"
    small.clock.forward(days=1)
    look_after(small)
    assert found_in(small, *everything) == [*sealed, *kept], "the complainant's way in is gone, the office's is not"
    assert case_of(small, gone).own_wrap is None
    intake = city_of(small).city.intake
    assert intake is not None
    small.clock.forward(days=intake.kept - case_upkeep.OWN_KEPT.days - 1)
    look_after(small)
    assert found_in(small, *sealed) == sealed, "kept on its last day"
    locator, salt = case_of(small, gone).locator.encode(), bytes(case_of(small, gone).salt)
    small.clock.forward(days=1)
    look_after(small)
    assert found_in(small, *everything) == kept
    assert {row["id"] for row in small.rows(Case)} == {held, running}
    assert {row["case_id"] for row in small.rows(CaseEvent)} == {held}
    assert found_in(small, salt) == []
    small.clock.forward(days=7)  # the list of the week it went in still has its locator
    look_after(small)
    checkpoint(small.desk.engine)  # as the worker does every minute
    assert found_in(small, locator, gone.encode()) == []


def test_both_databases_destroy_the_same(desk: World) -> None:
    id, other = write_down(desk, date(2026, 6, 1)), write_down(desk, date(2026, 6, 1))
    go(desk, id, date(2026, 7, 6), "reviewing", "referred")
    desk.clock.forward(days=91)
    look_after(desk)
    assert case_of(desk, id).own_wrap is None
    assert case_of(desk, other).own_wrap is not None
    desk.clock.forward(days=366)
    look_after(desk)
    assert {row["case_id"] for row in (*desk.rows(Wrap), *desk.rows(Part))} == {other}
    assert [row["id"] for row in desk.rows(Case)] == [other]


def test_a_case_that_was_opened_again_is_kept(small: World) -> None:
    id = write_down(small, date(2026, 6, 1))
    go(small, id, date(2026, 7, 6), "reviewing", "admitted", "handling", "answered", "closed", "reopened")
    assert case_of(small, id).closed_on is None
    small.clock.forward(days=2000)
    look_after(small)
    assert case_of(small, id).own_wrap is not None


def test_what_is_destroyed_before_its_quarter_is_published_still_counts(small: World) -> None:
    """Days and states stay until then; they open nothing."""
    ids = [write_down(small, date(2026, 7, 1)) for _n in range(10)]
    for id in ids:
        go(small, id, date(2026, 7, 6), "reviewing", "not-admitted")
    with transaction(small.desk.engine) as connection:
        assert case_keeping.destroy(connection, date(2026, 7, 6))
        assert not case_keeping.forget(connection, date(2026, 7, 6), date(2026, 7, 1))
    assert (small.rows(Part), small.rows(Wrap), len(small.rows(Case))) == ([], [], 10)
    small.clock.now = datetime(2026, 10, 1, 15, tzinfo=UTC)
    look_after(small)
    assert figures(small)["2026-Q3"]["received"] == {"all": 10, "by": {"not-admitted": 10}}


def test_what_belongs_to_no_case_is_found(small: World) -> None:
    id, lost = write_down(small, date(2026, 7, 1)), write_down(small, date(2026, 7, 1))
    with closing(sqlite3.connect(make_url(small.settings.database_url).database or "")) as unguarded:
        unguarded.execute("DELETE FROM sealedcase WHERE id = ?", (id,))
        unguarded.execute("DELETE FROM sealedwrap WHERE case_id = ?", (lost,))
        unguarded.commit()
    with reading(small.desk.engine) as connection:
        assert case_keeping.strays(connection) == (6, 1), "a part and five wraps; a case that nobody can open"


def test_on_postgresql_no_place_tells_what_was_written_when(postgres_url: str, tmp_path: Path) -> None:
    with taking_complaints(postgres_url, tmp_path) as world:
        world.clock.now = MONDAY
        came = [write_down(world, date(2026, 7, 1)) for _n in range(12)]
        go(world, came[3], date(2026, 7, 2), "reviewing")
        before = [world.rows(table) for table in (Wrap, Part, CaseEvent)]
        look_after(world)
        assert [sorted(world.rows(t), key=str) for t in (Wrap, Part, CaseEvent)] == [
            sorted(rows, key=str) for rows in before
        ]
        with reading(world.desk.engine) as connection:
            for table, key in (("sealedcase", "id"), ("sealedpart", "id"), ("sealedwrap", "case_id")):
                rows = connection.execute(text(f"SELECT {key}, xmin::text FROM {table} ORDER BY ctid")).all()
                assert [row[0] for row in rows] == sorted(row[0] for row in rows)
                assert len({row[1] for row in rows}) == 1, "one transaction for all"
            toast = connection.execute(
                text("SELECT reltoastrelid::regclass::text FROM pg_class WHERE relname = 'sealedpart'")
            ).scalar_one()
            chunks = connection.execute(text(f"SELECT chunk_id, chunk_data FROM {toast} WHERE chunk_seq = 0")).all()
        first = {bytes(chunk.chunk_data): chunk.chunk_id for chunk in chunks}
        parts = {row["case_id"]: bytes(row["body"]) for row in world.rows(Part)}
        order = [first[next(head for head in first if parts[id].startswith(head))] for id in came]
        assert order != sorted(order), "what is long has a number that grows"


def test_the_worker_looks_after_cases(small: World) -> None:
    write_down(small, date(2026, 7, 3))

    async def ticked() -> None:
        worker = wiring.worker(small.settings, small.clock)
        job = worker._scheduler().get_job("cases")
        await job.func(*job.args)

    asyncio.run(ticked())
    assert list(numbers(small).values()) == ["2026-0001"]
