"""Casework: what receivers do with complaints. Read with an unlocked key, move, answer, put off, refer, hand on.

Each act is one transaction, and conditional on what the form was made from: who comes second is told so and has
changed nothing. What is said is sealed; beside it stands a step with its day, a code and who took it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row

from bot.catalogue import Catalogue
from bot.complaints import case_days, cases, exports
from bot.complaints.cases import File, Told
from flows.case import EXTENDED, MOVES, REASONS, STATES, STOPPED
from storage import audit, receivers, vault
from storage import cases as shelf
from storage.cases import SealedPart
from storage.vault import Unopened

OPEN = tuple(state for state in STATES if state not in STOPPED)
OVER = tuple(state for state in STATES if state in STOPPED)

DRILLED = 92
"""Days after which the paper key has to be tried again."""

PREFIX = 8
"""Letters of a case's random id that the record has."""


NOTED = frozenset(
    {"answered", "asked", "damaged", "exported", "extended", "held", "moved", "noted", "opened", "released"}
)
"""What is put into the record of a case."""


class Changed(Exception):
    """The case is not any more what the form was made from, or the form was sent before."""


@dataclass(frozen=True)
class Key:
    """A receiver's key, unlocked."""

    id: int
    office: str
    private: bytes = field(repr=False)


@dataclass(frozen=True)
class Entry:
    """A part of a case as a receiver reads it; `told` and `file` are None where it does not open. No file's body."""

    id: str
    kind: str
    told: Told | None = field(repr=False)
    file: File | None = field(repr=False)

    @property
    def inside(self) -> Told | File | None:
        return self.told or self.file

    @property
    def name(self) -> str:
        """What a file is called."""
        return "" if self.file is None else exports.name("file", self.file.place, self.file)


def as_seen(row: Row[Any], steps: int) -> str:
    """What a form about a case was made from."""
    return f"{row.state}.{steps}.{row.due_on}.{int(row.held)}"


def hold(connection: Connection, case: str, seen: str) -> Row[Any]:
    """The case, locked, if it still is what the form was made from. Raises Changed."""
    row = shelf.hold(connection, case)
    if row is None or as_seen(row, len(shelf.steps(connection, case))) != seen:
        raise Changed
    return row


def private_of(connection: Connection, case: str, key: Key) -> bytes | None:
    """A case's private key, by a receiver's; None for whom it was never wrapped. Raises Unopened."""
    wrapped = shelf.wrap_for(connection, case, key.id)
    return None if wrapped is None else vault.unwrap(wrapped, key.private)


def entries(connection: Connection, case: str, private: bytes) -> list[Entry]:
    """The parts of a case in their order; those that do not open come last. Files are opened one at a time."""
    found = [_entry(connection, case, id, private) for id in shelf.part_ids(connection, case)]
    whole = [entry for entry in found if entry.inside is not None]
    whole.sort(key=lambda entry: (entry.inside.at, entry.inside.place) if entry.inside else ())
    return [*whole, *(entry for entry in found if entry.inside is None)]


def _entry(connection: Connection, case: str, id: str, private: bytes) -> Entry:
    row = shelf.part(connection, case, id)
    assert row is not None
    try:
        inside = opened(private, case, row)
    except Unopened:
        return Entry(id, row.kind, None, None)
    if isinstance(inside, File):
        return Entry(id, row.kind, None, File(inside.at, inside.place, inside.facts, b""))
    return Entry(id, row.kind, inside, None)


def opened(private: bytes, case: str, row: Row[Any]) -> Told | File:
    """What is in a part. Raises Unopened."""
    return exports.part_of(row.kind, exports.opened_part(private, case, row.id, row.kind, bytes(row.body)))


def note(connection: Connection, city: Catalogue, row: Row[Any], action: str, by: int | None, now: datetime) -> None:
    """Put into the record what was done with a case.

    The record has hours and a case has days. On the day on which a case came its row names no case: it would tell a
    last possible hour of filing. Later it has the beginning of the case's random id, never the locator.
    """
    subject = row.id[:PREFIX] if row.received_on < city.hours.today(now) else ""
    assert action in NOTED
    audit.note(connection, now, by, f"case.{action}", subject)


def say(connection: Connection, row: Row[Any], part: str, kind: str, text: str, now: datetime) -> None:
    """Seal words to a case: a `reply` to its complainant, or a `note` among receivers. Raises Changed if it is old."""
    if shelf.part(connection, row.id, part) is not None:
        raise Changed
    shelf.add(connection, row.id, sealed(connection, row, part, kind, text, now))


def sealed(connection: Connection, row: Row[Any], part: str, kind: str, text: str, now: datetime) -> SealedPart:
    """Words that are, or are to be, the last of a case."""
    told = Told(now, len(shelf.part_ids(connection, row.id)), "", text)
    return cases.seal_told(bytes(row.public), row.id, kind, told, part)


def move(
    connection: Connection, city: Catalogue, row: Row[Any], after: str, reason: str, by: int | None, now: datetime
) -> None:
    """Take a case a step on. Raises Changed where that step is none from where it is."""
    if after not in MOVES[row.state] or reason not in REASONS[after]:
        raise Changed
    today = city.hours.today(now)
    more = case_days.anew(city, today) if after == "reopened" else {}
    if not shelf.move(connection, row.id, row.state, after, today, reason, by, **more):
        raise Changed


def may_extend(city: Catalogue, row: Row[Any], now: datetime) -> bool:
    """Whether the answer can be put off: once, and while its last day is not over."""
    return not row.extended and row.state not in STOPPED and city.hours.today(now) <= row.due_on


def extend(connection: Connection, city: Catalogue, row: Row[Any], days: int, by: int, now: datetime) -> None:
    """Give so many working days more, at most as many as there were (Ley 1755 de 2015, article 14). Raises Changed."""
    try:
        case_days.extend(connection, city, row.id, days, EXTENDED, by, city.hours.today(now))
    except case_days.Refused:
        raise Changed from None


def drill_overdue(key: Row[Any], today: date) -> bool:
    """Whether a paper key was not tried for a quarter of a year."""
    last: date = key.drilled_on or key.made_on
    return (today - last).days > DRILLED


def export_for(
    connection: Connection, row: Row[Any], private: bytes, public: bytes, left_out: Collection[str]
) -> bytes:
    """A case sealed for another key, without parts of these kinds. Raises Unopened where a part does not open."""

    def plain() -> Iterator[tuple[str, bytes]]:
        for entry in entries(connection, row.id, private):
            if entry.kind not in left_out:
                part = shelf.part(connection, row.id, entry.id)
                assert part is not None
                yield entry.kind, opened(private, row.id, part).packed()

    return exports.sealed_anew(public, plain(), facts_of(row))


def export_for_paper(connection: Connection, row: Row[Any]) -> list[bytes]:
    """A case as it is kept, for each paper key that it is wrapped for; nobody's key has to be unlocked."""
    found = []
    for key in receivers.active(connection):
        wrapped = shelf.wrap_for(connection, row.id, key.id) if key.staff_id is None else None
        if wrapped is not None:
            parts = shelf.parts(connection, row.id, sorted(vault.KINDS))
            sealed = [SealedPart(part.id, part.kind, bytes(part.body)) for part in parts]
            found.append(exports.as_kept(row.id, bytes(row.public), wrapped, sealed, facts_of(row)))
    return found


def facts_of(row: Row[Any]) -> dict[str, str]:
    """What an export says of its case."""
    return {"case": row.locator, "received": row.received_on.isoformat(), "state": row.state}


def drill(public: bytes, now: datetime) -> tuple[bytes, str]:
    """An export that tells a word to who has the paper key, and that word."""
    word = vault.new_access_key()
    told = Told(now, 0, "", word)
    return exports.sealed_anew(public, [("told", told.packed())], {"case": "-", "drill": "yes"}), word


def hand_on(connection: Connection, key: Key, taker: Row[Any]) -> int:
    """Wrap the open cases for a newcomer's key, by one's own: all but those that concern the newcomer's office.

    How many. Raises Unopened.
    """
    found: Sequence[Row[Any]] = shelf.to_give(connection, key.id, taker.id, taker.office)
    for row in found:
        shelf.give(connection, row.id, taker.id, vault.wrap(vault.unwrap(bytes(row.body), key.private), taker.public))
    return len(found)
