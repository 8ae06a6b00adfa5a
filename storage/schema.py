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
    ballots,
    catalogue,
    consultations,
    contacts,
    counts,
    inbox,
    leases,
    notices,
    outbox,
    parked,
    participants,
    plans,
    talks,
    ticks,
    turnouts,
    voices,
)

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(engine: Engine, to: str = "head") -> None:
    """Bring the database to the newest schema, or to a revision; harmless when it is there. Raises Dangling."""
    with engine.connect() as connection, _unguarded(connection):
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        connection.commit()


class Dangling(Exception):
    """A migration left rows that refer to rows that are gone; the tables are named. Restore from the backup."""


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
        lost = sorted({row[0] for row in driver.execute("PRAGMA foreign_key_check")})
        if lost:
            raise Dangling(", ".join(lost))
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


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
