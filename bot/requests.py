"""Data requests at an office: somebody asks there to see, correct or delete their data (Ley 1581 de 2012, art. 8).

An officer types the contact that the person gives. Whether we know it is not said: a code goes to that chat, and only
who reads it to the officer has shown that the chat is theirs. Where the phone is lost, paper and a second member of the
staff stand for the code. Nothing of the person is seen before, and no more than the request needs afterwards.
"""

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from bot import own_data
from bot.catalogue import Catalogue
from bot.channels import twilio
from bot.desk import Desk
from bot.hours import Hours
from bot.messages import Reply
from bot.speech import Speaker
from bot.visit import hashed
from flows.language import _
from storage import catalogue as shelf
from storage import contacts, outbox, requests

CODE_LASTS = timedelta(minutes=15)
PROOF_LASTS = timedelta(days=1)
"""A code shows who stands at the desk today; who comes back another day shows it again."""

MOST_TRIES, MOST_CODES = 5, 3
"""Tries for each code, and codes for each request and for each contact in a day: fifteen guesses at a million."""

MOST_HOURLY = 10
"""Requests that one member of the staff may enter in an hour."""

CHANNELS = ("whatsapp", "sms", "telegram")
REASONS = ("lost-phone", "new-number", "no-phone")
"""Why no code can be read: the phone is lost, its number is somebody else's now, or it was never theirs."""

_DIGITS = re.compile(r"[1-9]\d{3,17}", re.ASCII)

CODE = _(
    "Somebody asked an office of {city} for the data of this chat. If it was you, read this code to them: {code}. It"
    " is good for 15 minutes. If it was not you, do nothing: they will see nothing."
)


@dataclass(frozen=True)
class Term:
    """Working days for an answer, and those by which it can be put off once, with its reasons told."""

    days: int
    more: int


TERMS: Mapping[str, Term] = {"export": Term(10, 5), "correct": Term(15, 8), "delete": Term(15, 8)}
"""Ley 1581 de 2012, art. 14 (to see one's data) and art. 15 (to have them corrected or deleted)."""


class Refused(Exception):
    """A request that cannot go on like this; `why` is often, contact, future, over, late, twice, proof or person."""

    def __init__(self, why: str):
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Asked:
    """What a person asks for, on which channel they write to us, and the number or id that they give."""

    kind: str
    channel: str
    given: str = field(repr=False)
    received_on: date


def contact_given(channel: str, typed: str) -> tuple[str, str] | None:
    """Address and number as they are kept, one of them empty; None where this cannot be one: whole numbers only."""
    bare = re.sub(r"[\s().-]", "", typed)
    if twilio.E164.fullmatch(bare):
        return {"whatsapp": (f"whatsapp:{bare}", ""), "sms": (bare, ""), "telegram": ("", bare)}.get(channel)
    return (bare, "") if channel == "telegram" and _DIGITS.fullmatch(bare) else None


def due(hours: Hours, kind: str, received_on: date) -> date:
    """The last day for an answer, counted in working days from the day after it was asked."""
    return hours.working_day(received_on, TERMS[kind].days)


def receive(desk: Desk, connection: Connection, asked: Asked, by: int) -> tuple[int, bool]:
    """Enter a request in the register and send a code to the contact, if we know it; the request's id, and if we do.

    The same is done where we do not, and whether we do is for the record: who asks must not see it.
    Raises Refused: often, contact, future.
    """
    now, city = desk.clock(), _city(desk, connection)
    if contact_given(asked.channel, asked.given) is None:
        raise Refused("contact")
    if asked.received_on > city.hours.today(now):
        raise Refused("future")
    if requests.number_by(connection, by, now - timedelta(hours=1)) >= MOST_HOURLY:
        raise Refused("often")
    last = due(city.hours, asked.kind, asked.received_on)
    request_id = requests.add(connection, asked.kind, asked.received_on, last, by, now)
    return request_id, send_code(desk, connection, request_id, asked.channel, asked.given)


def send_code(desk: Desk, connection: Connection, request_id: int, channel: str, given: str) -> bool:
    """Send a new code to a contact, if we know it and it was not given too many today; earlier ones are void.

    Returns whether the contact is known: for the record, never for who asked. Raises Refused: contact, over, often.
    """
    found = contact_given(channel, given)
    if found is None:
        raise Refused("contact")
    row, now, city = requests.lock(connection, request_id), desk.clock(), _city(desk, connection).city
    if row is None or row.closed_on is not None or is_proven(row, now):
        raise Refused("over")
    sent = row.sent if row.proof is None else 0  # what was shown on another day is shown again
    if sent >= MOST_CODES:
        raise Refused("often")
    contact = contacts.find(connection, channel, *found)
    contact_id = contact.id if contact is not None else None
    had = requests.codes_to(connection, contact_id or 0, now - timedelta(days=1))
    goes = contact is not None and had < MOST_CODES
    # What nobody was sent is nothing that one could guess: with many requests for one contact, an officer would.
    code = f"{secrets.randbelow(10**6):06}" if goes else secrets.token_urlsafe()
    requests.change(
        connection, request_id, contact_id=contact_id, person_id=None, code=_hashed(desk, request_id, code), tries=0,
        code_until=now + CODE_LASTS, sent=sent + 1, sent_at=now, proof=None, proven_at=None,
    )  # fmt: skip
    if contact is not None and goes:
        words = Speaker(contact.language).say(_(CODE.msgid, city=city.name, code=code))
        for part in desk.channels[channel].shape(Reply(words, lasting=True)):
            sealed = desk.ink.seal(part.packed(), now)
            outbox.queue(connection, channel, contact.id, "receipt", sealed, now, segments=part.segments)
    return contact is not None


def prove(desk: Desk, connection: Connection, request_id: int, typed: str) -> str:
    """Try the code that a person reads: proven, wrong, or over (too old, tried too often, never sent).

    A wrong try is counted, so the transaction has to be committed whatever comes of it.
    """
    row = requests.lock(connection, request_id)
    if row is None or row.closed_on is not None or row.proof is not None or row.code is None:
        return "over"
    if row.code_until <= desk.clock() or row.tries >= MOST_TRIES:
        return "over"
    if not hmac.compare_digest(row.code, _hashed(desk, request_id, re.sub(r"\D", "", typed))):
        requests.change(connection, request_id, tries=row.tries + 1)
        return "wrong"
    requests.change(connection, request_id, proof="code", proven_at=desk.clock(), code=None, code_until=None)
    return "proven"


def is_of(connection: Connection, row: Row[Any], channel: str, given: str) -> bool:
    """Whether a number leads to the contact of a request, or to none where the request has none.

    It is for who agrees to a paper, never for who asks: that one could try which numbers we know. Raises Refused:
    contact.
    """
    found = contact_given(channel, given)
    if found is None:
        raise Refused("contact")
    contact = contacts.find(connection, channel, *found)
    return bool(row.contact_id == (contact.id if contact is not None else None))


def accept_paper(connection: Connection, request_id: int, reason: str, number: str, now: datetime) -> bool:
    """A second member of the staff saw the paper: it stands for the code. False if the request does not wait for it."""
    row = requests.lock(connection, request_id)
    if row is None or row.closed_on is not None or is_proven(row, now):
        return False
    requests.change(
        connection, request_id, proof="paper", proven_at=now, reason=reason, number=number, code=None, code_until=None
    )
    return True


def is_proven(row: Row[Any], now: datetime) -> bool:
    """Whether the person has shown whose data it is, and not too long ago."""
    if row.closed_on is not None or row.proof is None:
        return False
    return bool(row.proof == "paper" or row.proven_at > now - PROOF_LASTS)


def people_there(connection: Connection, row: Row[Any]) -> int:
    """How many people use the contact of a proven request: they are numbered as in the chat (OTRA PERSONA)."""
    return len(contacts.people(connection, row.contact_id)) if row.contact_id is not None else 0


def choose(desk: Desk, connection: Connection, request_id: int, number: int) -> None:
    """Whose data it is about, where several use the contact. Raises Refused: proof, person."""
    row = _proven(desk, connection, request_id)
    ids = contacts.people(connection, row.contact_id) if row.contact_id is not None else []
    if not 0 < number <= len(ids):
        raise Refused("person")
    requests.change(connection, request_id, person_id=ids[number - 1])


def whose(connection: Connection, row: Row[Any]) -> int | None:
    """The person of a proven request; None where nobody is kept or several are and none was chosen."""
    if row.person_id is not None or row.contact_id is None:
        return row.person_id  # type: ignore[no-any-return]
    ids = contacts.people(connection, row.contact_id)
    return ids[0] if len(ids) == 1 else None


def data(desk: Desk, connection: Connection, request_id: int) -> dict[str, Any]:
    """What `privacidad` gives in the chat. Raises Refused: proof, person; and Moved."""
    row = _proven(desk, connection, request_id, "export")
    person_id = _person(connection, row)
    if person_id is None:
        return dict(own_data.NOTHING)
    return own_data.export(connection, _city(desk, connection), person_id)


def correct(
    desk: Desk, connection: Connection, request_id: int, profile: Mapping[str, str | None], language: str | None
) -> None:
    """Write what is right and end the request. None leaves a field as it is, an empty text forgets it.

    Raises Refused: proof, person; and Moved.
    """
    row = _proven(desk, connection, request_id, "correct")
    person_id = _person(connection, row)
    if person_id is None:
        raise Refused("person")
    contacts.lock_person(connection, person_id, dict(profile))
    if language is not None:
        contacts.change(connection, row.contact_id, language=language)
    _end(desk, connection, request_id, "done")


def erase(desk: Desk, connection: Connection, request_id: int) -> bool:
    """Delete the person's data as the chat does, and end the request. False: not possible now, nothing was changed.

    Raises Refused: proof, person; and Moved.
    """
    row = _proven(desk, connection, request_id, "delete")
    person_id = _person(connection, row)
    city = _city(desk, connection)
    if person_id is not None and not own_data.erase(connection, city, desk.keys, person_id, desk.clock()):
        return False
    _end(desk, connection, request_id, "done" if person_id is not None else "nothing")
    return True


def close(desk: Desk, connection: Connection, request_id: int, outcome: str) -> None:
    """End a request as `storage.requests.OUTCOMES` says. Raises Refused: over, proof."""
    row = requests.lock(connection, request_id)
    if row is None or row.closed_on is not None or outcome not in requests.OUTCOMES:
        raise Refused("over")
    seen = is_proven(row, desk.clock())
    if outcome == "done" and not (seen and row.kind == "export"):
        raise Refused("proof")  # what is corrected or deleted ends by being so
    if outcome == "nothing" and (not seen or people_there(connection, row)):
        raise Refused("proof")
    _end(desk, connection, request_id, outcome)


def extend(desk: Desk, connection: Connection, request_id: int) -> date:
    """Put an answer off, once and before it is late; its new last day. Raises Refused: over, late, twice."""
    row, hours = requests.lock(connection, request_id), _city(desk, connection).hours
    if row is None or row.closed_on is not None:
        raise Refused("over")
    if row.extended_on is not None:
        raise Refused("twice")
    today = hours.today(desk.clock())
    if today > row.due_on:
        raise Refused("late")
    last = hours.working_day(row.due_on, TERMS[row.kind].more)
    requests.change(connection, request_id, due_on=last, extended_on=today)
    return last


def _proven(desk: Desk, connection: Connection, request_id: int, kind: str | None = None) -> Row[Any]:
    row = requests.lock(connection, request_id)
    if row is None or not is_proven(row, desk.clock()) or kind not in (None, row.kind):
        raise Refused("proof")
    return row


def _person(connection: Connection, row: Row[Any]) -> int | None:
    """Whose data it is. Raises Refused where several use the contact and none was chosen."""
    person_id = whose(connection, row)
    if person_id is None and people_there(connection, row):
        raise Refused("person")
    return person_id


def _end(desk: Desk, connection: Connection, request_id: int, outcome: str) -> None:
    requests.close(connection, request_id, outcome, _city(desk, connection).hours.today(desk.clock()))


def _city(desk: Desk, connection: Connection) -> Catalogue:
    return desk.catalogue(connection, shelf.revision(connection))


def _hashed(desk: Desk, request_id: int, code: str) -> str:
    return hashed(desk.secret, f"data-request|{request_id}|{code}")
