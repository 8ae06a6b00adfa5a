"""Ink: what people answer in a talk, and what we are about to tell them, is written sealed.

The keys are files outside the database and its backups, a new one each week. Dead rows, write-ahead logs, replicas and
stolen backups therefore hold nothing readable, whatever the database engine keeps lying about; and once a key is
destroyed nobody can read them any more.
"""

import os
import re
import threading
from datetime import datetime, timedelta
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

WEEK = timedelta(days=7)
KEPT = 6
"""Weeks after which a key is destroyed; no draft and no message waits that long."""

_NAME = re.compile(r"ink-(\d+)\.key")


class Damaged(Exception):
    """A key's file is there, and no key is in it; `path` names it."""

    def __init__(self, path: Path):
        super().__init__(path.name)
        self.path = path


class Ink:
    """Seals and opens with the keys in `folder`; every process of the desk shares that folder."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._boxes: dict[int, SecretBox] = {}
        self._lock = threading.Lock()

    def seal(self, plain: bytes, now: datetime) -> bytes:
        """The sealed form: four bytes that name the key, then nonce, tag and ciphertext. Raises Damaged."""
        week = _week(now)
        box = self._boxes.get(week) or self._make(week)
        return week.to_bytes(4, "big") + bytes(box.encrypt(plain))

    def check(self) -> None:
        """Raises Damaged for a key that cannot be used."""
        for path in sorted(self._folder.glob("ink-*.key")):
            if read_key(path) is None:
                raise Damaged(path)

    def open(self, sealed: bytes) -> bytes | None:
        """The plain form, or None when its key is gone or the bytes were changed."""
        week = int.from_bytes(sealed[:4], "big")
        box = self._boxes.get(week) or self._read(week)
        try:
            return box.decrypt(sealed[4:]) if box else None
        except CryptoError:
            return None

    def destroy_old(self, now: datetime) -> int:
        """Destroy the keys that nothing needs any more; how many were."""
        destroyed = 0
        for path in self._folder.glob("ink-*.key"):
            named = _NAME.fullmatch(path.name)
            if named and int(named[1]) < _week(now) - KEPT:
                self._boxes.pop(int(named[1]), None)
                destroy(path)
                destroyed += 1
        return destroyed

    def _make(self, week: int) -> SecretBox:
        with self._lock:
            self._boxes[week] = SecretBox(make_key(self._folder / f"ink-{week}.key"))
        return self._boxes[week]

    def _read(self, week: int) -> SecretBox | None:
        key = read_key(self._folder / f"ink-{week}.key")
        if key is None:
            return None
        self._boxes[week] = SecretBox(key)
        return self._boxes[week]


def _week(now: datetime) -> int:
    return int(now.timestamp() // WEEK.total_seconds())


def make_key(path: Path) -> bytes:
    """Write a new 32-byte key that only this user can read, unless the file is there already; the key in it.

    The key appears under its name only when it is whole: two processes that start at once agree on one. Raises
    Damaged.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _write_key(path)
    key = read_key(path)
    if key is None:
        raise Damaged(path)
    return key


def _write_key(path: Path) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(os.urandom(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def read_key(path: Path) -> bytes | None:
    """The key in a file, or None if there is none that can be read."""
    try:
        key = path.read_bytes()
    except OSError:
        return None
    return key if len(key) == 32 else None


def destroy(path: Path) -> None:
    """Overwrite a key and remove it."""
    try:
        with path.open("r+b") as file:
            file.write(os.urandom(32))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        pass
