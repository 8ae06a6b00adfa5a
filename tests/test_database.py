"""The database's own guards: a lock that somebody keeps does not keep everybody waiting for ever."""

import fcntl
import os
from pathlib import Path

import pytest

from storage.database import Turnstile, is_away


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
