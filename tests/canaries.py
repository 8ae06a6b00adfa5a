"""Canaries: made-up words that must not be found, and the search for them in whatever is kept."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, inspect, text

from storage.database import reading
from storage.ink import Ink


@dataclass
class Canaries:
    """What one run gives away on purpose. All that somebody writes begins with `mark`."""

    mark: str = field(default_factory=lambda: f"zq{secrets.token_hex(6)}")
    chat: int = field(default_factory=lambda: 10**15 + secrets.randbelow(10**15))
    neighbour: int = field(default_factory=lambda: 10**15 + secrets.randbelow(10**15))
    phone: str = field(default_factory=lambda: f"57300{10**6 + secrets.randbelow(9 * 10**6)}")
    visitor: IPv6Address = field(default_factory=lambda: IPv6Address(0x20010DB8 << 96 | secrets.randbits(96)))
    keys: list[str] = field(default_factory=list)
    """Access keys, once they are known."""

    def forms(self) -> Mapping[str, set[bytes]]:
        """By what they are: how each might be written down."""
        network = IPv6Network((self.visitor, 64), strict=False)
        return {
            "words": spelt(self.mark),
            "chat": number(self.chat),
            "neighbour": number(self.neighbour),
            "phone": spelt(self.phone),
            "visitor": {*spelt(str(self.visitor)), *spelt(self.visitor.exploded), *spelt(str(network))}
            | {self.visitor.packed, network.network_address.packed[:8]},
            "key": {form for key in self.keys for each in (key, key.replace("-", "")) for form in spelt(each)},
        }


def spelt(word: str) -> set[bytes]:
    """A word in the ways in which programs write words."""
    plain = {word.encode(), word.lower().encode(), word.upper().encode()}
    wide = {word.encode("utf-16-le"), word.encode("utf-16-be")}
    return plain | wide | {body.hex().encode() for body in plain} | set(coded(word.encode()))


def coded(body: bytes) -> Iterator[bytes]:
    """What all Base64 of something with this inside has in common, wherever it begins."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + body)
        inside = whole[(before * 8 + 5) // 6 : (before + len(body)) * 8 // 6]
        yield inside
        yield inside.replace(b"+", b"-").replace(b"/", b"_")


def number(value: int) -> set[bytes]:
    """A number as text, and as the databases keep numbers."""
    return {*spelt(str(value)), value.to_bytes(7, "big"), value.to_bytes(7, "little")}


Hit = tuple[str, str]
"""Where something was found, and what."""


@dataclass
class Search:
    """Looks through every file of these folders, every row, and what the desk's own keys open in one.

    A file that did not change since the last look is passed over, but for a `thorough` one. That one also has
    PostgreSQL write down what lies in its memory; before, it is in its log alone.
    """

    canaries: Canaries
    folders: list[Path]
    engine: Engine
    ink: Ink
    _looked_at: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def hits(self, thorough: bool = False) -> set[Hit]:
        forms = self.canaries.forms()
        places = [*self._rows(), *self._files(thorough)]
        return {
            (place, what)
            for place, body in places
            for what, spellings in forms.items()
            if any(form in body for form in spellings)
        }

    def _rows(self) -> Iterator[tuple[str, bytes]]:
        with reading(self.engine) as connection:
            for name in inspect(connection).get_table_names():
                values = [value for row in connection.execute(text(f'SELECT * FROM "{name}"')) for value in row]
                yield f"table {name}", b"\n".join(self._opened(value) for value in values)

    def _opened(self, value: Any) -> bytes:
        if not isinstance(value, bytes | memoryview):
            return str(value).encode()
        return bytes(value) + b"\n" + (self.ink.open(bytes(value)) or b"")

    def _files(self, thorough: bool) -> Iterator[tuple[str, bytes]]:
        if thorough and self.engine.dialect.name == "postgresql":
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("CHECKPOINT")
        for path in (path for folder in self.folders for path in folder.rglob("*")):
            try:
                now = path.stat()
                state = (now.st_size, now.st_mtime_ns)
                if path.is_file() and (thorough or self._looked_at.get(path) != state):
                    yield path.name, path.name.encode() + path.read_bytes()
                    self._looked_at[path] = state
            except FileNotFoundError:  # PostgreSQL took it away meanwhile
                continue


def folders_of(engine: Engine, folder: Path) -> list[Path]:
    """Where a run keeps its files: its own folder, and that of the database's server if it is on this machine."""
    if engine.dialect.name == "sqlite":
        return [folder]
    with reading(engine) as connection:
        data = Path(connection.exec_driver_sql("SHOW data_directory").scalar_one())
    return [folder, data] if data.is_dir() else [folder]
