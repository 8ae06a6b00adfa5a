"""What each command and query of a conversation about a complaint does, on the volatile store and its safe.

Only two of them write into the ordinary database, and they name nobody: a complaint is filed whole, and sealed parts
are added to one.
"""

import json
import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from bot.catalogue import Catalogue
from bot.complaints import cases, redaction
from bot.complaints import links as complaint_links
from bot.complaints.safe import Safe
from bot.complaints.ways import ERASES, KNOWS, subject_of
from bot.speech import Speaker
from flows import complaint
from flows.city import City, TheCity
from flows.language import Command, Phrase
from storage import catalogue as city_shelf
from storage import volatile_outbox, volatile_tallies
from storage.database import reading

MOST_BEGUN = 5
"""Complaints that one chat may begin in an hour."""

A_CROWD = 60
"""Complaints begun in an hour on all chats, after which a word has to be typed first: each costs a key derivation."""

PASSWORDS = ("mango", "coral", "playa", "mural", "bolso", "barco")
"""What is to be typed then: the same word in both languages would be understood anywhere."""


def act(safe: Safe, command: Command[Any]) -> Any:
    """Carry out a command or query; its outcome is JSON or a dataclass of JSON. Raises Errand."""
    return HANDLERS[type(command)](safe, command)


def _city(safe: Safe) -> Catalogue:
    with reading(safe.desk.engine) as connection:
        return safe.desk.catalogue(connection, city_shelf.revision(connection))


def the_city(safe: Safe, _query: TheCity) -> City:
    return _city(safe).city


def offer(safe: Safe, query: complaint.TheOffer) -> complaint.Offer:
    ways, channel = safe.ways, safe.incoming.channel
    if query.filing and _shut(safe):
        return complaint.Offer("shut")
    knows = Speaker(safe.language).say(KNOWS.get(channel, ""))
    in_chat = is_taken(safe) if query.filing else channel in ways.chats
    apart = channel in ways.checked
    return complaint.Offer("chat" if in_chat else "link", ways.link, knows, channel in ERASES, apart)


def is_taken(safe: Safe) -> bool:
    """Whether complaints may be told in this chat just now."""
    channel = safe.incoming.channel
    if channel not in safe.ways.checked:
        return channel in safe.ways.chats
    with reading(safe.desk.engine) as connection:
        return redaction.takes(connection, safe.ways, channel, safe.now)


def _shut(safe: Safe) -> tuple[str, ...]:
    city = _city(safe)
    with reading(safe.desk.engine) as connection:
        return cases.shut(connection, safe.desk.volatile, city)


def the_subject(safe: Safe, query: complaint.TheSubject) -> Phrase | None:
    return subject_of(_city(safe).plans, query.wanted)


def crowd(safe: Safe, _query: complaint.Crowd) -> str:
    crowded = volatile_tallies.tried(safe.connection, "begun", safe.now) >= A_CROWD
    return secrets.choice(PASSWORDS) if crowded else ""


def begin(safe: Safe, command: complaint.Begin) -> complaint.Begun:
    mine = f"begun:{sha256(safe.chat.encode()).hexdigest()}"
    if volatile_tallies.count(safe.connection, mine, safe.now) > MOST_BEGUN:
        return complaint.Begun("often")
    volatile_tallies.count(safe.connection, "begun", safe.now)
    if _shut(safe):
        return complaint.Begun("shut")
    begun: cases.Begun = safe.errand("begin", lambda: _new(safe, command.excluded))
    safe.kept = begun.packed()
    about = subject_of(_city(safe).plans, command.subject)
    if about is None:
        return complaint.Begun("begun")
    return complaint.Begun("begun", safe.words("subject", Speaker("es").say(about)))


def _new(safe: Safe, excluded: str) -> cases.Begun:
    with reading(safe.desk.engine) as connection:
        return cases.begin(connection, excluded)


def send(safe: Safe, command: complaint.SendIt) -> None:
    engine, city, begun, parts, now = safe.desk.engine, _city(safe), safe.begun(), safe.parts(command.parts), safe.now
    safe.writing("send", lambda: cases.file(engine, city, begun, parts, now))
    safe.drop(command.parts)


def codes_of(safe: Safe, _query: complaint.Codes) -> list[str]:
    begun = safe.begun()
    return [begun.new.locator, begun.access_key]


def make_link(safe: Safe, _command: complaint.MakeLink) -> None:
    token = complaint_links.make(safe.connection, safe.begun(), safe.now)
    safe.link = f"{safe.ways.page(safe.language)}/clave/{token}"


def the_link(safe: Safe, _query: complaint.TheLink) -> str:
    return safe.link


def key_is_kept(safe: Safe, _command: complaint.KeyIsKept) -> None:
    volatile_outbox.hasten(safe.connection, safe.incoming.channel, safe.incoming.address, safe.now, secret=True)


def open_case(safe: Safe, _command: complaint.OpenCase) -> complaint.Found:
    locator, key = safe.typed
    engine, chat = safe.desk.engine, safe.chat
    opened: cases.Opened | None = safe.errand(
        "open", lambda: cases.open_case(engine, safe.store, locator, key, chat, safe.now)
    )
    if opened is None:
        return complaint.Found()
    safe.opened = opened
    with reading(engine) as connection:
        parts = cases.own_parts(connection, opened)
    case = opened.case
    safe.kept = json.dumps([case.id, bytes(case.public).hex(), parts]).encode()
    readable = opened.private is not None
    return complaint.Found(case.state, case.changed_on.isoformat(), case.due_on.isoformat(), parts, readable)


def replies(safe: Safe, _query: complaint.Replies) -> list[list[str]] | None:
    if safe.opened is None:
        return None
    zone = _city(safe).hours.zone
    with reading(safe.desk.engine) as connection:
        found = cases.replies(connection, safe.opened)
    return [[told.at.astimezone(zone).date().isoformat(), told.text] for told in found]


def add(safe: Safe, command: complaint.AddParts) -> None:
    case, public, parts = json.loads(safe.kept)
    given = safe.parts(command.parts)
    engine = safe.desk.engine
    safe.writing("add", lambda: cases.add(engine, case, given))
    safe.drop(command.parts)
    safe.kept = json.dumps([case, public, parts + len(given)]).encode()


HANDLERS: dict[type[Command[Any]], Callable[[Safe, Any], Any]] = {
    TheCity: the_city,
    complaint.TheOffer: offer,
    complaint.TheSubject: the_subject,
    complaint.Crowd: crowd,
    complaint.Begin: begin,
    complaint.SendIt: send,
    complaint.Codes: codes_of,
    complaint.MakeLink: make_link,
    complaint.TheLink: the_link,
    complaint.KeyIsKept: key_is_kept,
    complaint.OpenCase: open_case,
    complaint.Replies: replies,
    complaint.AddParts: add,
}
