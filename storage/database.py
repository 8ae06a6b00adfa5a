"""The database: one engine, and transactions that mean the same on SQLite and PostgreSQL."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import SQLModel

SQLITE_WAIT_MS = 5_000
"""How long a SQLite writer waits for another before the turn is refused with 503."""

ROOM = 65_536
"""Bytes that a transaction may need on the disk: a turn writes a few pages of 4 kB."""

LOOK_AGAIN = 0.001
"""Seconds between looks at a lock that another process has: a turn takes about as long."""

AWAY = (OperationalError, InterfaceError, PoolTimeout)
"""What a database that cannot be reached, is locked or is shutting down raises."""

BRIEFLY = "50ms"
"""PostgreSQL: how long several turns in one transaction wait for a lock. It looks for deadlocks only after a second."""

NOT_AVAILABLE = "55P03"
"""PostgreSQL: a lock was not to be had in time."""

TRY_AGAIN = frozenset({"40001", "40P01"})
"""PostgreSQL: serialization failure and deadlock; the same transaction may succeed when it is run again."""


def open_database(url: str, pool_size: int = 10) -> Engine:
    """An engine for `sqlite:///file.db` or `postgresql://…`. It connects when it is first used."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, pool_size=pool_size, max_overflow=10, hide_parameters=True)
        event.listen(engine, "do_connect", lambda *_connecting: _make_private(parsed.database))
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begins)
        lock = f"{parsed.database}.lock" if parsed.database and parsed.database != ":memory:" else os.devnull
        _TURNSTILES[engine] = Turnstile(lock)
        return engine
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=10,
        pool_timeout=5,
        pool_pre_ping=False,
        hide_parameters=True,  # an exception must never carry what somebody wrote
        connect_args={
            "connect_timeout": 5,
            "options": "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
        },
    )


def _make_private(path: str | None) -> None:
    """Make the file, if it is new, for this user alone; SQLite gives its log the same rights.

    One that is there is never opened: to close it would let go of all locks that SQLite has on it in this process
    (POSIX locks belong to the process), and the next process to leave would delete the log that we write to.
    """
    if path and path != ":memory:":
        with suppress(OSError):  # it is there, or connecting will tell what is wrong
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


class Turnstile:
    """SQLite's writers, one after another, across the threads and processes of a host.

    SQLite's own busy handler sleeps and looks again, so that under load everybody waits tens of milliseconds; the
    lock of a process wakes its next thread at once. A process that dies lets go of the file's lock. Who waits longer
    than SQLite itself would is told that the database is away.
    """

    def __init__(self, path: str, limit: float = SQLITE_WAIT_MS / 1000):
        self._path = path
        self._limit = limit
        self._threads = threading.Lock()
        self._file: int | None = None

    def __enter__(self) -> None:
        deadline = time.monotonic() + self._limit
        if not self._threads.acquire(timeout=self._limit):
            raise PoolTimeout("other threads kept the database")
        try:
            self._lock_file(deadline)
        except OSError:
            self._threads.release()
            raise PoolTimeout("the lock beside the database cannot be taken") from None
        except BaseException:
            self._threads.release()
            raise

    def _lock_file(self, deadline: float) -> None:
        """Take the file's lock from other processes; the kernel has no limit of its own for that."""
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while True:
            try:
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(LOOK_AGAIN)

    def __exit__(self, *_error: object) -> None:
        assert self._file is not None
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()


_TURNSTILES: WeakKeyDictionary[Engine, Turnstile] = WeakKeyDictionary()
"""By engine, and gone with it: an id is used again, and its next engine may be another database's."""


def _sqlite_connected(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # a commit that was acknowledged survives a power cut
        f"busy_timeout={SQLITE_WAIT_MS}",
        "foreign_keys=ON",
        "secure_delete=ON",
        "trusted_schema=OFF",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begins(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Read and write; commits at the end, rolls back on any exception. SQLite takes its write lock at once."""
    with _TURNSTILES.get(engine, nullcontext()), engine.begin() as connection:
        yield connection


@contextmanager
def hurried(engine: Engine) -> Iterator[Connection]:
    """A transaction for several pieces of work, which must not make each other wait: it fails rather than wait long."""
    if one_writer(engine):
        with transaction(engine) as connection:
            yield connection
        return
    # The driver would begin by itself, and the limit would be one more message to the server.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection, connection.begin():
        connection.exec_driver_sql(f"BEGIN; SET LOCAL lock_timeout = '{BRIEFLY}'")
        yield connection


def one_writer(engine: Engine) -> bool:
    """Whether writers take turns, so that who writes waits for no other lock any more."""
    return engine.dialect.name == "sqlite"


@contextmanager
def undone(engine: Engine) -> Iterator[Connection]:
    """A transaction that may write, and is rolled back in the end."""
    with _TURNSTILES.get(engine, nullcontext()), engine.connect() as connection:
        try:
            yield connection
        finally:
            connection.rollback()


def try_room(engine: Engine) -> None:
    """SQLite: write a little beside the database, where its log grows; nothing stays. Raises OSError: the disk is full.

    What is rolled back never comes to the disk. A server looks after its own.
    """
    if engine.dialect.name == "sqlite":
        with TemporaryFile(dir=Path(engine.url.database or "").resolve().parent) as file:
            file.write(bytes(ROOM))
            file.flush()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view for reading; never blocks a writer."""
    with engine.connect().execution_options(reading=True) as connection:
        try:
            yield connection
        finally:
            connection.rollback()


def time_of(connection: Connection) -> datetime:
    """What the database's clock says: workers on several machines agree on it. SQLite's is this machine's."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    return connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()  # type: ignore[no-any-return]


def columns(table: type[SQLModel]) -> Any:
    """The columns of a table, for statements that select columns and not entities: a hot path is faster by far."""
    return table.__table__.c  # type: ignore[attr-defined]


def waited_in_vain(error: Exception) -> bool:
    """Whether a lock that others hold was not to be had in time."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == NOT_AVAILABLE


def is_away(error: Exception) -> bool:
    """Whether the database could not serve at all, so that the provider should try again later."""
    broken = type(error) is DatabaseError  # SQLite: the file is damaged, or is no database
    return broken or isinstance(error, AWAY) or (isinstance(error, DBAPIError) and error.connection_invalidated)


class Moved(Exception):
    """Who speaks became one with another person in the meantime: the same turn, run again, finds that one."""


def may_succeed_again(error: Exception) -> bool:
    """Whether running the same transaction again may succeed: a deadlock was broken in favour of another, or the
    server had dropped this connection."""
    return isinstance(error, Moved) or (
        isinstance(error, DBAPIError)
        and (error.connection_invalidated or getattr(error.orig, "sqlstate", None) in TRY_AGAIN)
    )


def checkpoint(engine: Engine) -> bool:
    """SQLite: fold the write-ahead log into the database and empty it, so that nothing erased lingers there.

    The log has whole transactions: what a turn wrote of a contact stands there beside the ballot it cast. False when
    a reader kept it from being emptied.
    """
    if engine.dialect.name != "sqlite":
        return True
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT", reading=True) as connection:
        busy, _frames, _folded = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    return not busy
