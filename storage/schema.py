"""The schema: Alembic migrations, forward only; a restore is from a backup."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from storage import (  # noqa: F401  every table must be known to the metadata
    announcements,
    approvals,
    attempts,
    audit,
    ballots,
    batches,
    case_sheets,
    cases,
    catalogue,
    connectivity,
    consultations,
    contacts,
    counts,
    drafts,
    headcounts,
    ideas,
    inbox,
    leases,
    notices,
    outbox,
    parked,
    participants,
    plans,
    public_notices,
    reached,
    receivers,
    recipients,
    requests,
    sessions,
    spending,
    staff,
    talks,
    templates,
    texts,
    ticks,
    turnouts,
    voices,
)

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(engine: Engine, to: str = "head") -> None:
    """Bring the database to the newest schema, or to a revision; harmless when it is there.

    Raises Dangling, and has then changed nothing.
    """
    # Alembic commits each migration by itself on SQLite, unless a transaction was begun before.
    with engine.connect() as connection, _unguarded(connection), connection.begin():
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        _check(connection)


class Dangling(Exception):
    """A migration would leave rows that refer to rows that are gone; their tables are named. Nothing was changed."""


@contextmanager
def _unguarded(connection: Connection) -> Iterator[None]:
    """SQLite rebuilds a table to change it; with foreign keys on, the rebuilding would delete what refers to it."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        yield
        return
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _check(connection: Connection) -> None:
    """See to what SQLite's foreign keys would have guarded. Raises Dangling."""
    if connection.dialect.name == "sqlite":
        lost = sorted({row[0] for row in connection.exec_driver_sql("PRAGMA foreign_key_check")})
        if lost:
            raise Dangling(", ".join(lost))


def is_current(engine: Engine) -> bool:
    """Whether the database has the newest schema."""
    with engine.connect().execution_options(reading=True) as connection:
        return MigrationContext.configure(connection).get_current_revision() == head()


def head() -> str | None:
    """The newest revision there is."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
