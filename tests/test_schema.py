"""Migrations: data of every released schema is still there in the newest, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel
from typer.testing import CliRunner

from cli.main import app
from storage import schema
from storage.database import open_database, transaction
from tests.world import World, environment

AT = "'2022-11-16 15:00:00.000000'"
FIRST = (
    f"INSERT INTO person (id, consented_at, notice) VALUES (1, {AT}, '1')",
    "INSERT INTO contact (id, channel, address, person_id, language, state, heard_at)"
    f" VALUES (1, 'telegram', '7', 1, 'es', 'active', {AT})",
    f"INSERT INTO housemate (contact_id, person_id, joined_at) VALUES (1, 1, {AT})",
    "INSERT INTO roll (consultation, person_id, level, origin, cast_at)"
    f" VALUES ('old', 1, 'contact', 'telegram', {AT})",
    "INSERT INTO ballot (consultation, id, mark, choices, origin, locality)"
    " VALUES ('old', 'AAAAA00000', 'm', 'p01 p02', 'telegram', 'l1')",
    f"INSERT INTO tombstone (consultation, mark, left_at) VALUES ('old', 's', {AT})",
    "INSERT INTO countedballot (consultation, receipt, choices, origin, locality)"
    " VALUES ('older', 'BBBBB00000', 'p03', 'sms', 'l1')",
    f"INSERT INTO count (consultation, counted_at, ballots, results) VALUES ('older', {AT}, 1, '{{}}')",
)
"""A little of everything, as the first release kept it."""

THIRD = (
    "INSERT INTO citytext (key, body) VALUES ('help', '{}')",
    "INSERT INTO plan (slug, body, digest) VALUES ('p', '{}', 'd')",
    f"INSERT INTO planchange (plan, subject, what, before, after, at) VALUES ('p', 'c.1', 'span', '1', '2', {AT})",
)
"""What came with the plans, before staff edited them."""


@pytest.fixture
def first(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'first.db'}")
    schema.migrate(engine, "0001")
    with transaction(engine) as connection:
        for statement in FIRST:
            connection.execute(text(statement))
    yield engine
    engine.dispose()


def write(engine: Engine, *statements: str) -> None:
    with transaction(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_what_earlier_releases_kept_is_still_there(empty_url: str) -> None:
    engine = open_database(empty_url)
    schema.migrate(engine, "0001")
    write(engine, *FIRST)
    schema.migrate(engine, "0003")
    write(engine, *THIRD)
    schema.migrate(engine)
    assert schema.is_current(engine)
    with engine.connect() as connection:
        for table in ("person", "contact", "housemate", "roll", "ballot", "count", "citytext", "plan", "planchange"):
            assert connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one() == 1, table
        assert connection.execute(text("SELECT receipt, choices FROM countedballot")).one() == ("BBBBB00000", "p03")
        assert connection.execute(text("SELECT voters FROM tombstone")).scalar_one() == 1
        assert connection.execute(text("SELECT loaded FROM plan")).scalar_one() == "d"
        assert connection.execute(text("SELECT staff_id, reason FROM planchange")).one() == (None, "")
        assert connection.execute(text('SELECT key, body, "by" FROM textversion')).one() == ("help", "{}", None)
        connection.rollback()
    write(engine, f"UPDATE roll SET person_id = {-(2**60)}")  # who votes at a table has a number of 60 bits
    with pytest.raises(DBAPIError, match="only grows"):
        write(
            engine,
            f"INSERT INTO audit (id, at, action, subject, facts, hash) VALUES (1, {AT}, 'a.b', '', '{{}}', 'h')",
            "DELETE FROM audit",
        )
    engine.dispose()


def test_a_database_that_was_migrated_has_the_tables_that_the_code_describes(world: World) -> None:
    """The same on both databases: no difference that a next migration would have to make."""
    from alembic.autogenerate import compare_metadata

    with world.desk.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), SQLModel.metadata)
        connection.rollback()
    assert found == []


def test_rebuilding_a_table_deletes_nothing_that_refers_to_it(first: Engine) -> None:
    """SQLite changes a table by making it anew and dropping the old one; what refers to it must not go with it."""
    with first.connect() as connection, schema._unguarded(connection):
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("contact", recreate="always") as batch:
            batch.alter_column("language", server_default="es")
        connection.commit()
    with first.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM housemate")).scalar_one() == 1
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
        connection.rollback()


def leave_dangling(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest migration also takes away what other rows refer to."""
    real = command.upgrade

    def upgrade(config: Config, to: str) -> None:
        real(config, to)
        config.attributes["connection"].execute(text("DELETE FROM person"))

    monkeypatch.setattr(command, "upgrade", upgrade)


def test_a_migration_that_would_leave_rows_without_what_they_refer_to_changes_nothing(
    first: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_dangling(monkeypatch)
    with pytest.raises(schema.Dangling, match="contact, housemate"):
        schema.migrate(first)
    assert not schema.is_current(first)
    with first.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM person")).scalar_one() == 1
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
        connection.rollback()


def test_an_operator_is_told_that_nothing_was_changed(
    first: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(str(first.url), tmp_path).items():
        monkeypatch.setenv(name, value)
    leave_dangling(monkeypatch)
    answer = CliRunner().invoke(app, ["migrate"])
    assert answer.exit_code == 1
    assert "nothing was changed, because rows in contact, housemate" in answer.output
