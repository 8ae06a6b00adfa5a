"""The spool: answers of unknown length, in files without a name, which the server reads as fast as they are taken.

What it is given in pieces it holds in memory until the slowest reader has it, and what breaks off it ends as if it were
whole: a file of known length does neither.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from tempfile import TemporaryFile
from threading import Lock
from time import monotonic
from typing import IO

KEPT = 600.0
"""Seconds that a file stays after it was last asked for. Who reads it by then goes on: the server opened it."""


@dataclass
class Spooled:
    """A file without a name, of that many bytes. It is gone from the disk when nobody has it open, however we end."""

    file: IO[bytes]
    size: int
    asked_at: float

    @property
    def path(self) -> str:
        """Where this process can open it once more."""
        return f"/proc/self/fd/{self.file.fileno()}"


class Spool:
    """Files of answers. One with an entity tag is made once for all who ask: the tag says that they get the same."""

    def __init__(self, steady: Callable[[], float] = monotonic):
        self._steady = steady
        self._lock = Lock()
        self._files: list[tuple[str, Spooled]] = []

    def hold(self, tag: str, pieces: Iterable[bytes]) -> Spooled:
        """The file of an answer with that tag, or with none. Raises what making the pieces raises, and OSError."""
        alone = None if tag else self._written(pieces)
        with self._lock:
            since = self._steady() - KEPT
            self._files = [(known, held) for known, held in self._files if held.asked_at > since]
            found = next((held for known, held in self._files if tag and known == tag), None)
            if found is None:
                found = alone or self._written(pieces)
                self._files.append((tag, found))
            found.asked_at = self._steady()
            return found

    def _written(self, pieces: Iterable[bytes]) -> Spooled:
        file = TemporaryFile()  # noqa: SIM115  it stays open until nobody asks for it any more
        file.writelines(pieces)
        file.flush()
        return Spooled(file, file.tell(), self._steady())
