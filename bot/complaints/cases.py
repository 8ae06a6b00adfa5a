"""Cases: how a complaint is begun, filed, found again by its access key, and added to.

Chat, web form and console all go through here. Nothing in this module learns who somebody is, and nothing is logged.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from hashlib import sha256
from importlib.metadata import version
from typing import Any

from sqlalchemy import Connection, Engine, Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.catalogue import Catalogue
from flows.case import Intake
from storage import cases, receivers, vault, volatile_tallies
from storage.cases import SealedPart
from storage.database import reading, transaction
from storage.vault import NewCase, Unopened

TRIES = 5
"""How many wrong access keys a chat or a browser is allowed in an hour."""

OPENINGS = 60
"""How many keys a chat or a browser's address may try in that time, right ones too: each costs a key derivation."""


@dataclass(frozen=True)
class Begun:
    """A complaint that was begun and not yet filed. The access key is here, and in the complainant's hands, alone."""

    new: NewCase
    access_key: str = field(repr=False)
    excluded: str

    def packed(self) -> bytes:
        """As the volatile store keeps it."""
        new = {name: value.hex() if isinstance(value, bytes) else value for name, value in vars(self.new).items()}
        wraps = {str(id): body.hex() for id, body in self.new.wraps.items()}
        return json.dumps([{**new, "wraps": wraps}, self.access_key, self.excluded]).encode()

    @classmethod
    def unpacked(cls, packed: bytes) -> "Begun":
        new, access_key, excluded = json.loads(packed)
        wraps = {int(id): bytes.fromhex(body) for id, body in new.pop("wraps").items()}
        raw: dict[str, Any] = {
            name: bytes.fromhex(new.pop(name)) for name in ("salt", "verifier", "public", "own_wrap")
        }
        return cls(NewCase(**new, **raw, wraps=wraps), access_key, excluded)


@dataclass(frozen=True)
class Opened:
    """A case that its complainant opened. `private` is None once they can no longer read in it."""

    case: Row[Any] = field(repr=False)
    private: bytes | None = field(repr=False)


@dataclass(frozen=True)
class Told:
    """What is inside a part: when it came, its place in the case, the question it answers (if any), and its words."""

    at: datetime
    place: int
    question: str
    text: str

    def packed(self) -> bytes:
        return json.dumps([self.at.isoformat(), self.place, self.question, self.text], ensure_ascii=False).encode()

    @classmethod
    def unpacked(cls, plain: bytes) -> "Told":
        at, place, question, text = json.loads(plain)
        return cls(datetime.fromisoformat(at), place, question, text)


@dataclass(frozen=True)
class File:
    """What is inside a part that is a file: `facts` has its kind, ending, digests and what was taken out of it."""

    at: datetime
    place: int
    facts: Mapping[str, Any]
    body: bytes = field(repr=False)

    def packed(self) -> bytes:
        return json.dumps([self.at.isoformat(), self.place, dict(self.facts)]).encode() + b"\n" + self.body

    @classmethod
    def unpacked(cls, plain: bytes) -> "File":
        head, _break, body = plain.partition(b"\n")
        at, place, facts = json.loads(head)
        return cls(datetime.fromisoformat(at), place, facts, body)


def shut(connection: Connection, store: Engine | None, city: Catalogue) -> tuple[str, ...]:
    """Why complaints cannot be taken, as codes; nothing where they can."""
    intake = city.city.intake
    if intake is None:
        return ("no-intake",)
    keys, offices = receivers.active(connection), [office.id for office in intake.offices]
    reasons = [f"keys:{office}" for office in receivers.lacking(keys, offices)]
    reasons += [f"stranger:{office}" for office in receivers.strangers(keys, offices)]
    if store is None:
        reasons.append("no-memory")
    return tuple(reasons)


def begin(connection: Connection, excluded: str) -> Begun:
    """Begin a complaint that all receivers but those of the excluded office will open (0.25 s of processor time)."""
    access_key = vault.new_access_key()
    publics = receivers.publics(receivers.active(connection), excluded)
    return Begun(vault.new_case(access_key, publics), access_key, excluded)


def seal_told(public: bytes, case: str, kind: str, told: Told, id: str = "") -> SealedPart:
    """Words of a case, sealed. Who may send them twice gives the same id again: they are kept once."""
    id = id or vault.new_id()
    return SealedPart(id, kind, vault.seal(public, case, id, kind, told.packed()))


def seal_file(public: bytes, case: str, file: File, id: str = "") -> SealedPart:
    """A file of a case, sealed; its id as with words."""
    id = id or vault.new_id()
    return SealedPart(id, "file", vault.seal_file(public, case, id, file.packed()))


def is_there(connection: Connection, begun: Begun) -> bool:
    """Whether a complaint that was begun has been filed, whatever its conversation knows of that."""
    return cases.case(connection, begun.new.id) is not None


def file(engine: Engine, city: Catalogue, begun: Begun, parts: Collection[SealedPart], now: datetime) -> bool:
    """File a complaint; False if it was filed before, also by somebody who did so at the same time.

    A key that was taken away since it was begun does not open it.
    """
    intake = city.city.intake
    assert intake is not None
    today = city.hours.today(now)
    due = due_on(city, intake, today, intake.days)
    try:
        with transaction(engine) as connection:
            active = {key.id for key in receivers.active(connection)}
            new = replace(begun.new, wraps={id: body for id, body in begun.new.wraps.items() if id in active})
            return cases.file(connection, new, parts, begun.excluded, today, due, intake.days, calendar(city))
    except IntegrityError:
        with reading(engine) as connection:
            if cases.case(connection, begun.new.id) is None:
                raise
        return False


def add(engine: Engine, case: str, parts: Collection[SealedPart]) -> None:
    """Add parts to a case. What is sent twice, also at the same time, is there once."""
    try:
        with transaction(engine) as connection:
            for part in sorted(parts, key=lambda part: part.id):
                cases.add(connection, case, part)
    except IntegrityError:
        with reading(engine) as connection:
            if any(cases.part(connection, case, part.id) is None for part in parts):
                raise


def due_on(city: Catalogue, intake: Intake, received: date, days: int) -> date:
    """The last day to answer what came on a day: so many working days after it, closures of the city left out."""
    return city.hours.working_day(received, days, intake.closures)


def calendar(city: Catalogue) -> str:
    """Which working days a date was computed with: the country, the release of its holidays, the city's closures."""
    closures: Collection[date] = city.city.intake.closures if city.city.intake is not None else ()
    mark = sha256(",".join(sorted(day.isoformat() for day in closures)).encode()).hexdigest()[:8]
    return f"{city.hours.country}/{version('holidays')}/{mark}"


def open_case(engine: Engine, store: Engine, locator: str, access_key: str, who: str, now: datetime) -> Opened | None:
    """A case, by its locator and access key as they were typed; None if they do not belong together.

    An unknown locator takes the work of a known one. A letter typed wrong is found before any work. `who` (a chat, a
    browser's address) has `TRIES` in an hour; then also the right key is refused, in the same words. A case is never
    locked: its public name is in a list, and anybody could keep its complainant out.
    """
    found, key = vault.read_locator(locator), vault.read_access_key(access_key)
    if found is None or key is None:
        return None
    with transaction(store) as connection:
        tried = volatile_tallies.count(connection, _tally(who), now)
        if tried > TRIES or volatile_tallies.count(connection, f"all-{_tally(who)}", now) > OPENINGS:
            return None
    with reading(engine) as connection:
        case = cases.by_locator(connection, found)
    try:
        derived = vault.derive(key, vault.NO_SALT if case is None else bytes(case.salt))
    except PoolTimeout:  # it was not tried
        with transaction(store) as connection:
            volatile_tallies.forgive(connection, _tally(who))
        raise
    good = vault.same(derived.verifier, vault.NOBODY if case is None else bytes(case.verifier))
    if case is None or not good:
        return None
    with transaction(store) as connection:
        volatile_tallies.forgive(connection, _tally(who))
    own = None if case.own_wrap is None else vault.unwrap_own(bytes(case.own_wrap), derived.kek, case.id)
    return Opened(case, own)


def is_spent(connection: Connection, who: str, now: datetime) -> bool:
    """Whether a chat or a browser's address has had its wrong keys for now; `connection` is to the volatile store."""
    return volatile_tallies.tried(connection, _tally(who), now) >= TRIES


def _tally(who: str) -> str:
    return f"key:{sha256(who.encode()).hexdigest()}"


def replies(connection: Connection, opened: Opened) -> list[Told]:
    """What the office told or asked the complainant, in order. A part that does not open is left out."""
    found = [_told(opened, row) for row in cases.parts(connection, opened.case.id, ("reply",))]
    return sorted((told for told in found if told is not None), key=lambda told: (told.at, told.place))


def _told(opened: Opened, row: Row[Any]) -> Told | None:
    if opened.private is None:
        return None
    try:
        return Told.unpacked(vault.unseal(opened.private, opened.case.id, row.id, row.kind, bytes(row.body)))
    except Unopened:
        return None


def own_parts(connection: Connection, opened: Opened) -> int:
    """How many texts and files the complainant gave. Not which: who finds the key must not read the story."""
    return cases.number_of_parts(connection, opened.case.id, ("told", "file"))
