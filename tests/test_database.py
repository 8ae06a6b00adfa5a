"""The database's own guards: a lock that somebody keeps does not keep everybody waiting for ever."""

import fcntl
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from storage.database import Turnstile, is_away, open_database, reading, transaction


def test_a_lock_that_another_process_keeps_is_told_as_a_database_that_is_away(tmp_path: Path) -> None:
    other = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(other, fcntl.LOCK_EX)
    turnstile = Turnstile(str(tmp_path / "lock"), limit=0.02)
    with pytest.raises(Exception, match="lock beside the database") as refused, turnstile:
        pass
    assert is_away(refused.value)
    os.close(other)
    with turnstile:  # nothing of the refusal is left behind
        pass


def test_a_lock_that_another_thread_keeps_likewise(tmp_path: Path) -> None:
    turnstile = Turnstile(str(tmp_path / "lock"), limit=0.02)
    with turnstile, pytest.raises(Exception, match="other threads") as refused, turnstile:
        pass
    assert is_away(refused.value)


def test_a_lock_that_cannot_be_made_likewise(tmp_path: Path) -> None:
    turnstile = Turnstile(str(tmp_path / "no such folder" / "lock"), limit=0.02)
    with pytest.raises(Exception, match="lock beside the database") as refused, turnstile:
        pass
    assert is_away(refused.value)


OTHER = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1])
print(other.execute("SELECT count(*) FROM inbox").fetchone()[0])
other.close()
"""


def counted_elsewhere(path: Path) -> int:
    """What another process finds in the inbox, which then leaves the database: a command, or the copy of every hour."""
    done = subprocess.run([sys.executable, "-c", OTHER, str(path)], check=True, capture_output=True, text=True)
    return int(done.stdout)


def test_what_is_written_stays_when_another_process_leaves_the_database(sqlite_url: str) -> None:
    """Whoever leaves last deletes SQLite's log, and it must not take itself for the last while we are there."""
    engine, path = open_database(sqlite_url), Path(sqlite_url.removeprefix("sqlite:///"))
    told = text("INSERT INTO inbox (channel, provider_id, received_at) VALUES ('web', :id, '2030-01-01 00:00:00')")
    with reading(engine), reading(engine):  # several connections, as in any ordinary hour
        pass
    for number in range(3):
        with transaction(engine) as connection:
            connection.execute(told, {"id": str(number)})
        assert counted_elsewhere(path) == number + 1
        with reading(engine), reading(engine), reading(engine):
            pass
        assert path.with_name(f"{path.name}-wal").exists()
    engine.dispose()
    with sqlite3.connect(path) as left:
        assert left.execute("SELECT count(*) FROM inbox").fetchone() == (3,)
    left.close()
