"""The record of the staff: it only grows, and whoever changes it all the same is found out at that row."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from bot import upkeep
from cli import wiring
from cli.main import app as commands
from storage import audit
from storage.audit import Broken
from storage.database import reading, transaction
from tests.console import signed_in
from tests.world import World, environment
from web.console.access import Role


def noted(world: World, number: int = 4) -> int:
    """Some rows more; the id of the first of them."""
    with transaction(world.desk.engine) as connection:
        ids = [audit.note(connection, world.clock(), None, "session.begun", str(n), n=n) for n in range(number)]
    return ids[0]


def whole(world: World) -> Broken | None:
    with reading(world.desk.engine) as connection:
        return audit.verify(connection)


def tamper(world: World, statement: str) -> None:
    """Do as somebody who administers the database could: take the guard away first."""
    with transaction(world.desk.engine) as connection:
        for table in ("audit", "audithead"):
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"DROP TRIGGER {table}_only_grows ON {table}")
                continue
            for done in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER {table}_no_{done}")
        connection.exec_driver_sql(statement)


def test_an_untouched_record_is_whole(world: World) -> None:
    assert whole(world) is None
    noted(world)
    assert whole(world) is None


@pytest.mark.parametrize("statement", ["UPDATE audit SET action = 'x.y'", "DELETE FROM audit", "DELETE FROM audithead"])
def test_the_database_refuses_to_change_the_record(world: World, statement: str) -> None:
    noted(world)
    world.clock.forward(days=1)
    upkeep.close_audit_day(world.desk.engine, world.clock())
    with pytest.raises(DBAPIError, match="only grows"), transaction(world.desk.engine) as connection:
        connection.exec_driver_sql(statement)
    assert whole(world) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE audit SET action = 'session.ended' WHERE id = {id}", "changed"),
        ("UPDATE audit SET subject = 'x' WHERE id = {id}", "changed"),
        ("UPDATE audit SET facts = '{{}}' WHERE id = {id}", "changed"),
        ("UPDATE audit SET by = 7 WHERE id = {id}", "changed"),
        ("UPDATE audit SET at = '2020-01-01 00:00:00' WHERE id = {id}", "changed"),
        ("UPDATE audit SET hash = '{zeros}' WHERE id = {id}", "changed"),
        ("DELETE FROM audit WHERE id = {id}", "gone"),
    ],
)
def test_a_row_that_was_changed_or_removed_is_named(world: World, change: str, why: str) -> None:
    id = noted(world) + 1
    tamper(world, change.replace(" by =", ' "by" =').format(id=id, zeros="0" * 64))
    assert whole(world) == Broken(id, why)


def test_a_record_that_was_cut_off_or_written_anew_does_not_fit_the_published_mark(world: World) -> None:
    first = noted(world)
    world.clock.forward(days=1)
    upkeep.close_audit_day(world.desk.engine, world.clock())
    tamper(world, f"DELETE FROM audit WHERE id > {first}")
    assert whole(world) == Broken(first + 3, "gone")
    noted(world, 3)  # the same number of rows again, with a chain of their own
    assert whole(world) == Broken(first + 3, "head")


def test_the_mark_of_a_day_is_published_once_and_is_that_of_its_last_row(world: World) -> None:
    noted(world)
    with reading(world.desk.engine) as connection:
        last = audit.rows(connection, most=1)[0]
    for _n in range(2):
        world.clock.forward(days=1)
        upkeep.close_audit_day(world.desk.engine, world.clock())
        upkeep.close_audit_day(world.desk.engine, world.clock())
    client: FlaskClient = wiring.app(world.settings, world.clock).test_client()
    heads = client.get("/registro.json").get_json()["heads"]
    assert [(head["rows"], head["sha256"]) for head in heads] == [(last.id, last.hash)] * 2
    assert date.fromisoformat(heads[0]["day"]) - date.fromisoformat(heads[1]["day"]) == timedelta(days=1)
    assert last.hash in client.get("/registro").text
    assert last.hash in client.get("/en/registro").text


@pytest.mark.parametrize("action", ["", "Session.begun", "session", "session.begun\r\nfake row", "a.b; c"])
def test_no_row_can_look_like_two_or_like_another(little_world: World, action: str) -> None:
    with pytest.raises(AssertionError), transaction(little_world.desk.engine) as connection:
        audit.note(connection, little_world.clock(), None, action)


@pytest.mark.parametrize("subject", ["x\r\ny", "name of somebody", "+573001234567", "á", "x" * 101])
def test_a_subject_is_an_id_and_no_words(little_world: World, subject: str) -> None:
    with pytest.raises(AssertionError), transaction(little_world.desk.engine) as connection:
        audit.note(connection, little_world.clock(), None, "session.begun", subject)


FILTERS: list[tuple[str, Callable[[str], bool]]] = [
    ("accion=session.begun", lambda row: "Entró" in row),
    ("accion=session", lambda row: "cuenta" not in row),
    ("quien=7", lambda row: "(7)" in row),
    ("desde=2022-11-17", lambda row: False),
    ("hasta=2022-11-15", lambda row: False),
    ("quien=x&desde=yesterday&antes=-1", lambda row: True),
]


@pytest.mark.parametrize(("query", "fits"), FILTERS)
def test_the_auditor_filters_the_record(world: World, query: str, fits: Callable[[str], bool]) -> None:
    noted(world)
    with transaction(world.desk.engine) as connection:
        audit.note(connection, world.clock(), 7, "account.closed", "3")
    shown = signed_in(wiring.app(world.settings, world.clock), world, Role.AUDITOR).get(f"/consola/registro?{query}")
    rows = re.findall(r"<tr><td data-label.*?</tr>", shown.text, re.DOTALL)
    assert shown.status_code == 200
    assert all(fits(row) for row in rows)
    assert bool(rows) == (query.split("=")[0] not in ("desde", "hasta"))


def test_the_auditor_takes_the_whole_record_along_and_sees_whether_it_is_whole(world: World) -> None:
    id = noted(world)
    auditor = signed_in(wiring.app(world.settings, world.clock), world, Role.AUDITOR)
    lines = auditor.get("/consola/registro.csv").text.splitlines()
    assert lines[0] == "id,at,by,action,subject,facts,hash"
    assert len(lines) == id + 4
    assert "El registro está completo" in auditor.get("/consola/registro/verificar").text
    tamper(world, f"DELETE FROM audit WHERE id = {id}")
    assert f"Falta la fila {id}" in auditor.get("/consola/registro/verificar").text


def test_the_operator_verifies_it_on_the_command_line(little_world: World) -> None:
    id = noted(little_world)
    given = environment(little_world.settings.database_url, little_world.folder)
    done = CliRunner().invoke(commands, ["audit", "verify"], env=given)
    assert (done.exit_code, "whole" in done.output) == (0, True)
    tamper(little_world, f"UPDATE audit SET facts = '[]' WHERE id = {id}")
    done = CliRunner().invoke(commands, ["audit", "verify"], env=given)
    assert done.exit_code == 1


def test_those_that_note_at_once_all_stand_in_the_chain(world: World) -> None:
    with ThreadPoolExecutor(6) as pool:
        firsts = list(pool.map(lambda _n: noted(world, 1), range(12)))
    assert len(set(firsts)) == 12
    assert whole(world) is None
