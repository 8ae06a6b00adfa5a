"""The files of a city's folder, read so that each mistake is named with its file, its line and its reason."""

import csv
import io
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from storage.faults import Fault, _
from storage.gsm7 import BASIC

LARGEST = 5_000_000
"""Bytes; a city's largest file has some twenty thousand. What is larger is not a file of this format."""

LANGUAGES = ("es", "en")

HIDDEN = ("Cc", "Cf", "Zl", "Zp")
"""Unicode's control, format (zero-width, direction) and line characters: nobody can see them in a list of names."""

SMS = BASIC - frozenset("\r\n")
"""What one line of a city's text may have: the letters that take one place in an SMS."""

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")

Words = Mapping[str, str]
"""The same words by language."""


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a folder; `line` counts from 1 and is 1 where a whole file is meant."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class Invalid(Exception):
    """The folder has mistakes; `problems` are all of them, in the order of files and lines."""

    def __init__(self, problems: Sequence[Problem]):
        self.problems = sorted(set(problems))
        super().__init__("\n".join(map(str, self.problems)))


class Page:
    """One file, and what is found wrong in it. `text` is None if it could not be read at all."""

    def __init__(self, folder: Path, name: str, problems: list[Problem]):
        self.name = name
        self._problems = problems
        self.text = self._read(folder / name)

    def wrong(self, line: int, reason: str) -> None:
        self._problems.append(Problem(self.name, line, reason))

    def slug(self, line: int, label: str, value: str) -> bool:
        """Whether a value can be an id; if not, that is named."""
        reason = slug_fault(value)
        if reason:
            self.wrong(line, f"{label} {reason}")
        return reason is None

    def brief(self, line: int, label: str, value: str) -> None:
        """Name what a cheap SMS could not carry in a value."""
        reason = sms_fault(value)
        if reason:
            self.wrong(line, f"{label} {reason}")

    def _read(self, path: Path) -> str | None:
        try:
            if path.stat().st_size > LARGEST:
                self.wrong(1, f"the file is larger than {LARGEST // 1_000_000} MB")
                return None
            content = path.read_bytes()
        except FileNotFoundError:
            self.wrong(1, "the file is missing")
            return None
        except OSError as error:
            self.wrong(1, f"the file cannot be read ({error.strerror})")
            return None
        try:
            # Spreadsheets put a byte order mark in front; it means nothing here.
            return unicodedata.normalize("NFC", content.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            self.wrong(line, "the file is not UTF-8: save it again with that encoding")
            return None


class Table(Page):
    """A CSV file with these columns and no others, in any order."""

    def __init__(self, folder: Path, name: str, columns: Sequence[str], problems: list[Problem]):
        super().__init__(folder, name, problems)
        self._columns = columns
        self.header: list[str] = []

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Each row with the line it begins on; values without blanks around them. Stops at what is not CSV."""
        records = self._records()
        first = next(records, None)
        if first is None:
            if self.text is not None and not self.text.strip():
                self.wrong(1, "the file is empty")
            return
        line, cells = first[0], [cell.strip() for cell in first[1]]
        if not self._known(line, cells):
            return
        self.header = cells
        for line, cells in records:
            if len(cells) == len(self.header):
                yield line, dict(zip(self.header, (cell.strip() for cell in cells), strict=True))
            else:
                self.wrong(line, f"{len(cells)} cells where the header has {len(self.header)}")

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(io.StringIO(self.text or "", newline=""), strict=True)
        line = 1
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield line, cells
                line = reader.line_num + 1
        except csv.Error as error:
            self.wrong(line, f"not CSV from here on: {error}")

    def _known(self, line: int, header: Sequence[str]) -> bool:
        if len(header) == 1 and ";" in header[0]:
            self.wrong(line, "the columns are separated by semicolons: save the file again with commas")
            return False
        unknown = [name for name in header if name not in self._columns]
        missing = [name for name in self._columns if name not in header]
        twice = [name for name, times in Counter(header).items() if times > 1]
        for names, reason in ((unknown, "unknown column"), (missing, "missing column"), (twice, "column given twice")):
            for name in names:
                self.wrong(line, f'{reason} "{name}"')
        return not (unknown or missing or twice)

    def amiss(self, line: int, column: str, reason: Fault) -> None:
        """Name what is wrong with a cell, or with a whole line where `column` is empty."""
        self.wrong(line, f"{column} {reason}".lstrip())

    def good(self, line: int, label: str, value: str, most: int) -> str:
        """The value, after naming what is wrong with it as one line of text."""
        reason = fault(value, most)
        if reason:
            self.wrong(line, f"{label} {reason}")
        return value


class Form(Page):
    """A TOML file, asked key by key; what is missing or of the wrong type is named and stands in as something empty."""

    def __init__(self, folder: Path, name: str, problems: list[Problem]):
        super().__init__(folder, name, problems)
        self.data = self._parsed()
        self._lines = _lines(self.text or "")

    def _parsed(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.text or "")
        except RecursionError:
            self.wrong(1, "not TOML: lists or tables are nested too deeply")
        except ValueError as error:  # with a line if it is tomllib's own, without if it is a number of too many digits
            found = re.search(r"\(at line (\d+), column \d+\)", str(error))
            last = (self.text or "").count("\n") + 1
            self.wrong(int(found[1]) if found else last, f"not TOML: {str(error).split(' (at')[0]}")
        self.text = None
        return {}

    def line(self, *path: str | int) -> int:
        """The line of a key, or of the nearest one above it that has a line."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def only(self, *known: str) -> None:
        """Name every key that does not belong here: a misspelt one must not be overlooked."""
        self.members(self.data, known)

    def members(self, table: Mapping[str, Any], known: Collection[str], *path: str | int) -> None:
        for key in table:
            if key not in known:
                self.wrong(self.line(*path, key), f'unknown key "{".".join(map(str, (*path, key)))}"')

    def amiss(self, key: str, reason: Fault) -> None:
        """Name what is wrong with the value of a key at the top."""
        self.wrong(self.line(key), f"{key} {reason}")

    def value(self, key: str, kind: type, described: str) -> Any:
        """The value of a key at the top; None if it is missing or something else than described."""
        if key not in self.data:
            self.wrong(1, f'missing key "{key}"')
            return None
        # In Python true is a number as well; in a file it is a mistake.
        if not isinstance(self.data[key], kind) or isinstance(self.data[key], bool):
            self.wrong(self.line(key), f"{key} must be {described}")
            return None
        return self.data[key]

    def words(self, key: str, most: int, breaks: bool = False) -> Words:
        """A text in every language."""
        table = self.value(key, dict, "a table with es and en")
        return {} if table is None else self.in_languages(table, most, key, breaks=breaks)

    def in_languages(
        self, table: Mapping[str, Any], most: int, *path: str | int, beside: Collection[str] = (), breaks: bool = False
    ) -> Words:
        """The texts of a table by language; `beside` are its other keys."""
        self.members(table, (*LANGUAGES, *beside), *path)
        found: dict[str, str] = {}
        for language in LANGUAGES:
            where = (*path, language)
            label = ".".join(map(str, where))
            if language not in table:
                self.wrong(self.line(*path), f'missing key "{label}"')
            elif not isinstance(table[language], str):
                self.wrong(self.line(*where), f"{label} must be a text in quotes")
            else:
                found[language] = table[language].strip()
                reason = fault(found[language], most, breaks)
                if reason:
                    self.wrong(self.line(*where), f"{label} {reason}")
        return found

    def number(self, key: str, least: int, most: int) -> int | None:
        found: int | None = self.value(key, int, "a whole number")
        if found is not None and not least <= found <= most:
            self.amiss(key, number_fault(least, most))
            return None
        return found

    def flag(self, key: str) -> bool:
        """True or false; false if it is missing."""
        found = self.data.get(key, False)
        if not isinstance(found, bool):
            self.wrong(self.line(key), f"{key} must be true or false, without quotes")
        return found is True

    def stated(self, key: str, fault: Callable[[str], str | None]) -> str:
        """A day or month as it is written, as a date of TOML or as a text; empty if it is wrong."""
        if key not in self.data:
            self.wrong(1, f'missing key "{key}"')
            return ""
        found = self.data[key]
        written = found.isoformat() if type(found) is date else found if isinstance(found, str) else ""
        reason = fault(written)
        if reason:
            self.wrong(self.line(key), f"{key} {reason}")
        return "" if reason else written

    def tables(self, key: str) -> list[Mapping[str, Any]]:
        """The tables of a list (`[[key]]`); none if it is missing."""
        found = self.data.get(key, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            self.wrong(self.line(key), f"{key} must be a list of tables, each headed [[{key}]]")
            return []
        return found

    def one_of(self, key: str, known: Sequence[str]) -> str:
        found = self.value(key, str, "a text in quotes")
        if found is not None and found not in known:
            self.amiss(key, choice_fault(known))
        return found or ""

    def has(self, key: str) -> bool:
        return key in self.data

    def some_of(self, key: str, known: Sequence[str]) -> tuple[str, ...]:
        found = self.value(key, list, "a list") or []
        for each in found:
            if each not in known:
                self.wrong(self.line(key), f'{key} has "{each}"; it may have: {", ".join(known)}')
        if len({str(each) for each in found}) < len(found):
            self.wrong(self.line(key), f"{key} names something twice")
        return tuple(map(str, found))

    def kinds(self, key: str, known: Sequence[str], allowed: Sequence[str]) -> dict[str, str]:
        """A table that gives one of the allowed words to some of the known keys."""
        found = self.value(key, dict, "a table") or {}
        self.members(found, known, key)
        for name, word in found.items():
            if word not in allowed:
                self.wrong(self.line(key, name), f"{key}.{name} must be one of: {', '.join(allowed)}")
        return {name: str(word) for name, word in found.items()}

    def moment(self, key: str, zone: ZoneInfo) -> datetime | None:
        """A date and time on the city's own clock, as UTC."""
        found: datetime | None = self.value(key, datetime, "a date with its time, like 2022-11-15T08:00:00")
        if found is None:
            return None
        reason = hour_fault(found, zone)
        if reason:
            self.amiss(key, reason)
            return None
        return found.replace(tzinfo=zone).astimezone(UTC)


def slug_fault(value: str) -> Fault | None:
    """Why a value cannot be an id, or None."""
    if SLUG.fullmatch(value):
        return None
    return _('"{value}" must be 1 to 40 of a-z, 0-9 and -, and begin with a letter or digit', value=value)


def number_fault(least: int, most: int) -> Fault:
    return _("must be from {least} to {most}", least=least, most=most)


def choice_fault(known: Sequence[str]) -> Fault:
    return _("must be one of: {known}", known=", ".join(known))


def hour_fault(found: datetime, zone: ZoneInfo) -> Fault | None:
    """What is wrong with a local date and time in this zone, or None."""
    if found.tzinfo is not None:
        return _("must be local time, without Z or an offset")
    if not 1900 < found.year < 3000:
        return _("is not a date of our times")
    local = found.replace(tzinfo=zone)
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        return _("falls where the clocks change in {zone}: choose another hour", zone=zone.key)
    return None


def fault(value: str, most: int, breaks: bool = False) -> Fault | None:
    """What is wrong with a text that people will read, or None. `breaks` allows several lines."""
    if not value:
        return _("is empty")
    if len(value) > most:
        return _("has {n} characters; at most {most} fit", n=len(value), most=most)
    hidden = next((c for c in value if unicodedata.category(c) in HIDDEN and not (breaks and c == "\n")), None)
    return None if hidden is None else _("has the invisible character {code}", code=f"U+{ord(hidden):04X}")


def sms_fault(value: str) -> Fault | None:
    """What a cheap SMS could not carry in this text, or None."""
    foreign = next((c for c in value if c not in SMS), None)
    return None if foreign is None else _('has "{letter}", which an SMS cannot carry: write it without', letter=foreign)


_NAME = r"""(?:"[^"]*"|'[^']*'|[\w-]+)"""
_PATH = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_PATH})\s*\]")
_KEY = re.compile(rf"\s*({_PATH})\s*=\s*(.*)")


def _lines(text: str) -> dict[tuple[str | int, ...], int]:
    """The line of each key of a TOML file, and of each item of a list that has one item a line.

    The parser keeps no lines. This finds them for files written as people write them; for others a line above is named.
    """
    found: dict[tuple[str | int, ...], int] = {}
    table: tuple[str | int, ...] = ()
    items: Counter[tuple[str | int, ...]] = Counter()
    listing: tuple[str | int, ...] | None = None
    closing: str | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        bare = line.strip()
        if closing is not None:
            closing = None if closing in line else closing
            continue
        closing = next((mark for mark in ('"""', "'''") if line.count(mark) == 1), None)
        if listing is not None:
            if bare.startswith("{"):
                found[(*listing, items[listing])] = number
                items[listing] += 1
            listing = None if bare.endswith("]") else listing
        elif header := _HEADER.match(line):
            table = _path(header[2])
            if header[1] == "[[":
                items[table] += 1
                table = (*table, items[table] - 1)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            path = (*table, *_path(key[1]))
            found.setdefault(path, number)
            listing = path if key[2].startswith("[") and not bare.endswith("]") else None
    return found


def _path(written: str) -> tuple[str | int, ...]:
    return tuple(name.strip("\"'") for name in re.findall(_NAME, written))
