"""Tables (a "mesa"): where officers take ballots from people without a phone, one by one or as signed paper.

One person, one ballot: a table tells its voters apart as the rules state, by an identity document or by numbered slips.
Neither is kept. A ballot hangs on HMAC(ballot key, document or slip), and the roll has another number made with
the same key; once the key is destroyed at the count, nobody can make either again or tell which belong together.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from bot.catalogue import Listed
from bot.commands import LEVELS
from bot.desk import Desk
from flows.city import City
from flows.language import Joined, Phrase, _
from storage import batches, consultations
from storage import catalogue as shelf
from storage.ballot_keys import BallotBoxLocked, BallotKeys
from storage.ballots import Voter
from storage.batches import Batch
from storage.ink import Ink

log = structlog.get_logger()

SHOWN = {"document": "document", "slips": "slip"}
"""What the roll says that a voter had shown, by how the table tells its voters apart."""

MOST_SLIPS = 5_000
LAST_SLIP = 9_999_999
MOST_NAME = 60

NATIONAL = ("CC", "TI", "RC")
"""One number for life, whichever of these cards shows it: identity card of an adult, of a minor, of a child."""

FOREIGN = ("CE", "PPT", "PA")
"""A foreigner's card, a permit for temporary protection, a passport: each has numbers of its own."""

_DOCUMENT = re.compile(rf"({'|'.join((*NATIONAL, *FOREIGN))})?[\s:#]*(?:NO\.?)?[\s:#]*([0-9A-Z][0-9A-Z .,\-]*)")


class NotTaken(Exception):
    """What an officer asked for is refused; `why` says it in words that can be shown."""

    def __init__(self, why: Phrase):
        super().__init__("not taken")
        self.why = why


@dataclass(frozen=True)
class Booth:
    """One officer at work in a consultation, and what they may use, in one transaction. `by` is their id."""

    connection: Connection
    city: City
    listed: Listed
    keys: BallotKeys
    ink: Ink
    now: datetime
    by: int

    @classmethod
    def at(cls, desk: Desk, connection: Connection, slug: str, by: int) -> "Booth | None":
        """Work in that consultation; None if there is none of that name."""
        catalogue = desk.catalogue(connection, shelf.revision(connection))
        listed = catalogue.consultations.get(slug)
        if listed is None:
            return None
        return cls(connection, catalogue.city, listed, desk.keys, desk.ink, desk.clock(), by)

    @property
    def slug(self) -> str:
        return self.listed.row.slug

    @property
    def paper_until(self) -> datetime:
        """Until when signed paper is entered, in the consultation's zone."""
        row = self.listed.row
        return max(row.closes_at, row.paper_until).astimezone(ZoneInfo(row.zone))


def ways(listed: Listed) -> tuple[str, ...]:
    """How tables may tell their voters apart. Where the rules say nothing of it, by document: it shows the most."""
    stated = tuple(listed.rules.get("desk", ("document",)))
    return tuple(way for way in stated if way != "slips" or listed.rules["identity"] == LEVELS[0])


def refusal(booth: Booth, origin: str) -> Phrase | None:
    """Why ballots of that origin are not taken now; None when they are."""
    phase, seen = booth.listed.phase(booth.now), booth.listed.seen
    if not ways(booth.listed):
        return _("The rules of this vote name no table: nobody votes with help or on paper.")
    if phase in ("draft", "scheduled"):
        return _("On {day} this vote opens. Before that no ballot is taken.", day=seen.first_minute)
    if phase == "annulled":
        return _("This vote was annulled. No ballot is taken.")
    if phase in ("counted", "published"):
        return _("This vote is counted. No ballot is taken any more.")
    if origin == "assisted" and phase != "open":
        return _("On {day} this vote closed. Only signed paper is still taken.", day=seen.closes)
    if booth.now >= booth.paper_until:
        return _("Until {day} signed paper was taken. No ballot is taken any more.", day=booth.paper_until)
    return None


def hold(booth: Booth, origin: str) -> None:
    """See that ballots of that origin are taken now, and that nobody counts or annuls meanwhile. Raises NotTaken."""
    why = refusal(booth, origin)
    held = consultations.hold_open if origin == "assisted" else consultations.hold_paper
    if why is None and not held(booth.connection, booth.slug, booth.now):
        why = _("This vote was closed, counted or annulled just now.")
    if why is not None:
        raise NotTaken(why)


def open_(booth: Booth, origin: str, name: str, way: str, slips: tuple[int, int] | None = None) -> int:
    """Open a table's batch; its id. Raises NotTaken. `slips` is the first and last number that the table has."""
    consultations.hold_alone(booth.connection, booth.slug)  # of two with the same slips the second is refused
    hold(booth, origin)
    if way not in ways(booth.listed):
        raise NotTaken(_("The rules of this vote do not tell voters apart in that way."))
    if (way == "slips") != (slips is not None):
        raise NotTaken(_("Write the first and the last number of the table's slips."))
    if slips is not None:
        _check_range(booth, *slips)
    first, last = slips or (None, None)
    return batches.add(
        booth.connection, consultation=booth.slug, name=name, origin=origin, way=way, first_slip=first, last_slip=last,
        state="open", valid=0, blank=0, void=0, opened_by=booth.by, opened_at=booth.now,
    )  # fmt: skip


def _check_range(booth: Booth, first: int, last: int) -> None:
    if not 1 <= first <= last <= LAST_SLIP:
        raise NotTaken(_("The last number must be the first one or a later one, from 1 to {n}.", n=LAST_SLIP))
    if last - first >= MOST_SLIPS:
        raise NotTaken(_("One table can have at most {n} slips.", n=MOST_SLIPS))
    other = batches.overlapping(booth.connection, booth.slug, first, last)
    if other is not None:
        raise NotTaken(
            _(
                "The table {name} has the slips {first} to {last}. Each slip belongs to one table.",
                name=other.name, first=other.first_slip, last=other.last_slip,
            )
        )  # fmt: skip


def end(booth: Booth, batch_id: int) -> Batch:
    """An assisted table takes no more ballots. Raises NotTaken."""
    batch = held_batch(booth, batch_id, "assisted", "open")
    batches.change(booth.connection, batch_id, state="ended", ended_by=booth.by, ended_at=booth.now)
    return batch


def held_batch(booth: Booth, batch_id: int, origin: str, state: str) -> Batch:
    """A batch of this consultation, held until the transaction ends. Raises NotTaken if it is not in that state."""
    batch = batches.hold(booth.connection, batch_id)
    if batch is None or batch.consultation != booth.slug or batch.origin != origin or batch.state != state:
        raise NotTaken(_("Somebody changed this table in the meantime. Look at it again."))
    return batch


@dataclass(frozen=True)
class Token:
    """What a voter is told apart by: the mark of their ballot, and their id on the roll."""

    mark: str
    person_id: int


def token(booth: Booth, way: str, value: str) -> Token:
    """The token of a document or slip as `read_document` and `read_slip` give it. Raises NotTaken."""
    row = booth.listed.row
    try:
        mark = booth.keys.mark(row.slug, row.key_print or "", way, value)
        # Below the ids of people, which are positive; 60 bits, so that a million of them do not meet.
        on_roll = -1 - int(booth.keys.mark(row.slug, row.key_print or "", f"roll-{way}", value)[:15], 16)
    except BallotBoxLocked:
        log.error("ballots.key_missing", consultation=row.slug)
        raise NotTaken(
            _("The ballot box cannot be opened. Nothing was recorded. Tell whoever runs this desk.")
        ) from None
    return Token(mark, on_roll)


def read(batch: Batch, typed: str) -> str:
    """What tells a voter of this table apart, as an officer typed it. Raises NotTaken."""
    return read_slip(batch, typed) if batch.way == "slips" else read_document(typed)


def read_document(typed: str) -> str:
    """A document however it is written ("CC 1.047.382.119", "1047382119"), always the same. Raises NotTaken."""
    found = _DOCUMENT.fullmatch(" ".join(typed.upper().split()))
    number = re.sub(r"[ .,\-]", "", found[2]) if found else ""
    kind = (found[1] if found else None) or NATIONAL[0]
    if kind in NATIONAL:
        number = number.lstrip("0")
        if not (number.isdecimal() and number.isascii() and 4 <= len(number) <= 10):
            raise NotTaken(
                _(
                    "Write the number of the document, 4 to 10 digits. Of a foreign one its letters too, like this:"
                    " {example}",
                    example="CE 412345",
                )
            )
        return f"{NATIONAL[0]} {number}"
    if not 4 <= len(number) <= 15:
        raise NotTaken(_("Write the number of the document, 4 to 15 letters and digits."))
    return f"{kind} {number}"


def read_slip(batch: Batch, typed: str) -> str:
    """The number of a slip of this table. Raises NotTaken."""
    number = typed.strip().lstrip("#").strip()
    if not (number.isascii() and number.isdecimal() and len(number) <= 7):
        raise NotTaken(_("Write the number printed on the slip."))
    first, last = batch.first_slip or 1, batch.last_slip or LAST_SLIP
    if not first <= int(number) <= last:
        raise NotTaken(_("This table has the slips {first} to {last}.", first=first, last=last))
    return str(int(number))


def read_place(city: City, typed: str) -> str:
    """The code of the barrio that somebody named, or of which they wrote `#code`. Raises NotTaken.

    Nobody is there to be asked back: what is not a whole name of one barrio alone is refused. A code has its mark
    because it can be the name of another barrio.
    """
    territory = city.territory
    mark, _mark, code = typed.strip().partition("#")
    known = territory.places.get(code) if not mark else None
    if known is not None and known.kind == "barrio":
        return known.code
    found = territory.find(typed)
    if len(found) == 1 and territory.is_called(found[0], typed):
        return found[0].code
    if found:
        likely = Joined([f"{territory.described(p)}: #{p.code}" for p in found], " / ")
        raise NotTaken(_("Which barrio is it? Write its code: {places}", places=likely))
    raise NotTaken(_("We do not know that barrio. Correct it, or leave it empty."))


def voter(booth: Booth, batch: Batch, person_id: int, profile: dict[str, str | None]) -> Voter:
    """Who votes at a table, as the roll will have it; `profile` has age, sex, group and place where they told them."""
    territory, place = booth.city.territory, profile.get("place")
    locality, unit = territory.containing(place, "locality"), territory.containing(place, "unit")
    return Voter(
        person_id, SHOWN[batch.way], batch.origin, profile.get("age"), profile.get("sex"), profile.get("group"),
        locality.code if locality else None, unit.code if unit else None, batch.id,
    )  # fmt: skip


def hour(now: datetime) -> datetime:
    """When somebody voted at a table, as the roll has it: a shorter time would tell who stood there."""
    return now.replace(minute=0, second=0, microsecond=0)
