"""The life of a consultation: each step once, in its order, and what may not be done says why."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from bot import lifecycle, results, upkeep
from bot.lifecycle import NotPossible
from storage import ballots, consultations, counts
from storage.audit import Audited
from storage.consultations import ConsultationRow
from storage.database import open_database, reading, transaction
from storage.public_notices import PublicNotice
from storage.schema import migrate
from tests.world import World

SLUG = "cartagena-2022"


def close_and_wait(world: World) -> None:
    world.clock.forward(days=30)


def count(world: World) -> int:
    return lifecycle.count(world.desk.engine, world.desk.keys, SLUG, world.clock())


def state(world: World) -> str:
    with reading(world.desk.engine) as connection:
        row = consultations.one(connection, SLUG)
    assert row is not None
    return row.state


def test_opened_once_closed_counted_once_and_its_key_destroyed(world: World) -> None:
    world.vote("1 4 6")
    with pytest.raises(NotPossible, match="only a draft"):
        lifecycle.open_(world.desk.engine, world.desk.keys, SLUG, world.clock())
    with pytest.raises(NotPossible, match="it can be counted once, after it has closed"):
        count(world)
    lifecycle.close(world.desk.engine, SLUG, world.clock())
    assert "abiert" in world.say("votar")[-1].text
    close_and_wait(world)
    assert count(world) == 1
    assert not world.desk.keys.exists(SLUG)
    with pytest.raises(NotPossible, match="counted"):
        count(world)


def test_paper_is_waited_for(little_world: World) -> None:
    with transaction(little_world.desk.engine) as connection:
        later = little_world.clock() + timedelta(days=40)
        consultations.move(connection, SLUG, "opened", paper_until=later)
    close_and_wait(little_world)
    with pytest.raises(NotPossible, match="Signed paper"):
        count(little_world)


def test_a_crash_between_count_and_key_is_mended_by_the_worker(
    little_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    little_world.vote("2")
    close_and_wait(little_world)
    monkeypatch.setattr("storage.ballot_keys.BallotKeys.destroy", _crash)
    with pytest.raises(KeyboardInterrupt):
        count(little_world)
    monkeypatch.undo()
    assert state(little_world) == "counted"
    assert little_world.desk.keys.exists(SLUG)
    upkeep.close_ended(little_world.desk.engine, little_world.desk.keys, little_world.clock())
    assert not little_world.desk.keys.exists(SLUG)


def _crash(*_arguments: object) -> None:
    raise KeyboardInterrupt


def test_annulled_ballots_can_never_be_counted(world: World) -> None:
    world.vote("3")
    lifecycle.annul(world.desk.engine, world.desk.keys, SLUG, "Hubo un error en la lista.", world.clock())
    close_and_wait(world)
    with pytest.raises(NotPossible, match="annulled"):
        count(world)
    assert world.rows(ballots.Ballot) == []
    assert not world.desk.keys.exists(SLUG)


def test_a_lost_key_records_nothing_and_is_never_made_anew(world: World) -> None:
    for text in ("votar", "1", "1", "1", "1 4 6"):
        world.say(text)
    world.desk.keys.destroy(SLUG)
    assert "urna" in world.say("1")[-1].text
    assert world.rows(ballots.Ballot) == world.rows(ballots.Roll) == []
    assert not world.desk.keys.exists(SLUG)


def test_publication_needs_a_count_and_happens_once(world: World, tmp_path: Path) -> None:
    world.vote("1 2")
    with pytest.raises(NotPossible, match="counted before it is published"):
        lifecycle.publish(world.desk.engine, SLUG, world.clock())
    close_and_wait(world)
    count(world)
    digest = lifecycle.publish(world.desk.engine, SLUG, world.clock(), tmp_path / "public")
    assert lifecycle.publish(world.desk.engine, SLUG, world.clock()) == digest, "with or without files"
    assert state(world) == "published"
    described = (tmp_path / "public" / "columnas.csv").read_text()
    for name in ("papeletas.csv", "resultados.csv"):
        header = (tmp_path / "public" / name).read_text().splitlines()[0]
        assert all(f"{name},{column}," in described for column in header.split(","))


WORDS = {"es": "Son veinte bancas.", "en": "They are twenty benches."}


def test_a_correction_is_public_while_a_vote_is_under_way_and_changes_nothing_of_it(world: World) -> None:
    before = world.rows(ConsultationRow)
    lifecycle.correct(world.desk.engine, SLUG, WORDS, world.clock())
    assert world.rows(ConsultationRow) == before
    world.vote("1")
    assert WORDS["es"] in world.say("reglas")[-1].text
    close_and_wait(world)
    count(world)
    with pytest.raises(NotPossible, match="nothing to correct"):
        lifecycle.correct(world.desk.engine, SLUG, WORDS, world.clock())
    with reading(world.desk.engine) as connection:
        found = counts.results_of(connection, SLUG)
    assert found is not None
    assert [notice["text"] for notice in found["notices"]] == [WORDS]


def test_why_a_vote_was_closed_early_is_told_to_who_comes_late(little_world: World) -> None:
    for text in ("votar", "1", "1", "1"):
        little_world.say(text)
    lifecycle.close(little_world.desk.engine, SLUG, little_world.clock(), WORDS)
    assert WORDS["es"] in little_world.say("1 4")[0].text


def test_the_operators_steps_stand_in_the_audit_log_without_an_account(little_world: World) -> None:
    close_and_wait(little_world)
    count(little_world)
    lifecycle.publish(little_world.desk.engine, SLUG, little_world.clock())
    noted = [(row["action"], row["by"]) for row in little_world.rows(Audited)]
    assert noted == [(f"consultation.{step}", None) for step in ("opened", "counted", "published")]


def test_no_consultation_of_that_name(little_world: World) -> None:
    with pytest.raises(NotPossible, match="Load its folder first"):
        lifecycle.close(little_world.desk.engine, "nothing", little_world.clock())


@pytest.mark.parametrize(
    ("found", "shown", "expected"),
    [
        ({"a": 9, "b": 12}, False, {"a": 9, "b": 12}),
        ({"a": 3, "b": 12, "c": 7}, False, {"a": None, "b": 12, "c": None}),
        ({"a": 3, "b": 4, "c": 7}, False, {"a": None, "b": None, "c": 7}),
        ({"a": 1, "b": 3}, True, {"a": 1, "b": 3}),
        ({None: 2, "b": 30, "c": 6}, False, {"": None, "b": 30, "c": None}),
        ({"a": 2}, False, {}),
        ({}, False, {}),
    ],
)
def test_smallcells_are_hidden_and_cannot_be_subtracted(
    found: dict[str | None, int], shown: bool, expected: dict[str, int | None]
) -> None:
    assert results.cells(found, shown) == expected


def test_after_the_count_no_file_of_the_database_ties_a_receipt_to_a_chat(sqlite_url: str, tmp_path: Path) -> None:
    """Not even SQLite's log, in which whole transactions stand."""
    world = World.on(sqlite_url, tmp_path).load().open()
    receipts = []
    for who in range(1, 6):
        world.vote("1 4 6", who=who)
        receipts += [row["id"] for row in world.rows(ballots.Ballot) if row["id"] not in receipts]
    log = tmp_path / "cuenta.db-wal"
    assert any(code.encode() in log.read_bytes() for code in receipts)
    world.clock.forward(days=8)
    lifecycle.count(world.desk.engine, world.desk.keys, SLUG, world.clock())
    kept = log.read_bytes() if log.exists() else b""
    assert not [code for code in receipts if code.encode() in kept]
    world.desk.engine.dispose()


def test_the_files_of_a_new_database_are_the_desks_own(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'new' / 'cuenta.db'}")
    migrate(engine)
    modes = {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "new").iterdir()}
    assert set(modes.values()) == {0}, modes
    engine.dispose()


def waits(engine: Engine) -> None:
    """Return when some transaction waits for another."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with reading(engine) as connection:
            if connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar_one():
                return
    raise AssertionError("nobody waits")


@pytest.mark.parametrize("step", ["open", "close", "count", "annul"])
def test_of_two_who_take_one_step_at_once_the_second_is_told(postgres_url: str, tmp_path: Path, step: str) -> None:
    world = World.on(postgres_url, tmp_path).load()
    engine, keys = world.desk.engine, world.desk.keys
    if step != "open":
        world.open()
    if step == "count":
        close_and_wait(world)
    steps: dict[str, Callable[[], object]] = {
        "open": lambda: lifecycle.open_(engine, keys, SLUG, world.clock()),
        "close": lambda: lifecycle.close(engine, SLUG, world.clock(), WORDS),
        "count": lambda: lifecycle.count(engine, keys, SLUG, world.clock()),
        "annul": lambda: lifecycle.annul(engine, keys, SLUG, "Hubo un error.", world.clock()),
    }
    with ThreadPoolExecutor(2) as pool:
        with transaction(engine) as connection:  # somebody keeps both at the door
            consultations.hold_alone(connection, SLUG)
            both = [pool.submit(steps[step]) for _n in range(2)]
            waits(engine)
        refused = [each.exception() for each in both]
    assert [type(each) for each in refused if each is not None] == [NotPossible]
    done = {"open": "opened", "close": "closed", "count": "counted", "annul": "annulled"}[step]
    assert [row["action"] for row in world.rows(Audited)].count(f"consultation.{done}") == 1
    assert len(world.rows(PublicNotice)) == (step in ("close", "annul"))
    engine.dispose()


@pytest.mark.parametrize("step", ["close", "count", "publish", "annul"])
def test_when_the_process_dies_before_a_step_is_kept_nothing_of_it_happened(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    engine, keys = world.desk.engine, world.desk.keys
    world.vote("1 4")
    if step in ("count", "publish"):
        close_and_wait(world)
    if step == "publish":
        count(world)
    steps: dict[str, Callable[[], object]] = {
        "close": lambda: lifecycle.close(engine, SLUG, world.clock(), WORDS),
        "count": lambda: count(world),
        "publish": lambda: lifecycle.publish(engine, SLUG, world.clock()),
        "annul": lambda: lifecycle.annul(engine, keys, SLUG, "Hubo un error.", world.clock()),
    }
    tables = (ConsultationRow, PublicNotice, ballots.Ballot, counts.Count, counts.CountedBallot, Audited)
    before = [world.rows(table) for table in tables]
    with monkeypatch.context() as patched:
        patched.setattr("storage.audit.note", _crash)  # the last thing that each of them writes
        with pytest.raises(KeyboardInterrupt):
            steps[step]()
    world.restart()
    assert [world.rows(table) for table in tables] == before
    assert keys.exists(SLUG) == (step != "publish")
    engine = world.desk.engine
    steps[step]()
    assert state(world) != before[0][0]["state"] or step == "close"
