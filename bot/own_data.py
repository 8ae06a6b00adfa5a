"""What is kept about a person, for the person: to take along, to correct, to delete (Ley 1581 de 2012, art. 8).

The chat's `privacidad` and the register of data requests give and delete the same.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from bot import idea_commands
from bot.catalogue import Catalogue, Listed
from bot.channels import browser
from storage import ballots, contacts, ideas, participants, recipients, voices
from storage.ballot_keys import BallotBoxLocked, BallotKeys

log = structlog.get_logger()

EVER, MOST_SENT = datetime(2000, 1, 1, tzinfo=UTC), 500
"""Of the announcements that somebody was sent all are told; so many nobody is sent before they are forgotten."""

NOTHING: Mapping[str, Any] = {
    "consented_on": None, "contacts": [], "took_part": [], "topics": [], "sent": [], "follows": [], "roles": [],
    "objected": [], "rated": [], "ideas": [],
}  # fmt: skip
"""What is kept about somebody who never agreed to anything."""


def export(connection: Connection, city: Catalogue, person_id: int) -> dict[str, Any]:
    """What is kept about a person, as `flows.people.MyData` describes it. Raises Moved."""
    person = contacts.lock_person(connection, person_id, {})
    known = contacts.contacts_of(connection, person_id)
    followed = participants.followed(connection, person_id)
    return {
        "age": person.age,
        "sex": person.sex,
        "group": person.group,
        "place": person.place,
        "consented_on": person.consented_at.astimezone(ZoneInfo(city.city.zone)).date().isoformat(),
        "contacts": [
            {
                "channel": c.channel,
                "ending": c.address[-4:] if c.channel != browser.NAME else None,
                "phone": c.phone and c.phone[-4:],
                "language": c.language,
                "notices": c.state != "stopped",
            }
            for c in known
        ],
        "took_part": ballots.took_part(connection, person_id),
        "topics": [scope.removeprefix("topic:") for scope in followed if scope.startswith("topic:")],
        "sent": [
            {"on": city.hours.today(at).isoformat(), "title": words.get("es", {}).get("title", "")}
            for at, words in recipients.told(connection, person_id, None, EVER, MOST_SENT)
        ],
        "follows": [scope for scope in followed if not scope.startswith("topic:")],
        "roles": roles(connection, city, person_id),
        "objected": [
            {"milestone": row.milestone, "on": city.hours.today(row.at).isoformat(), "text": row.text}
            for row in voices.objections_by(connection, person_id)
        ],
        "rated": [row._asdict() for row in voices.ratings_by(connection, person_id)],
        "ideas": idea_commands.sent_by(connection, city, person_id),
    }


def roles(connection: Connection, city: Catalogue, person_id: int) -> list[list[str]]:
    """The seats and offices of somebody that the plans still have: kind, plan, id."""
    seats = participants.seats_of(connection, person_id)
    works = participants.clerk_of(connection, person_id)
    held = [["seat", row.plan, row.seat] for row in seats if is_in(city, "seat", row.plan, row.seat)]
    return held + [["office", row.plan, row.office] for row in works if is_in(city, "office", row.plan, row.office)]


def is_in(city: Catalogue, kind: str, slug: str, subject: str) -> bool:
    """Whether a plan still has a seat or an office."""
    plan = city.plans.get(slug)
    return plan is not None and subject in (plan.seats if kind == "seat" else plan.offices)


def erase(connection: Connection, city: Catalogue, keys: BallotKeys, person_id: int, now: datetime) -> bool:
    """Forget a person; their ballots stay, and tombstones keep their contacts from voting a second time.

    False when the ballot key that a tombstone needs cannot be read: then nothing is deleted yet. Raises Moved.
    """
    contacts.lock_person(connection, person_id, {})  # a ballot that is being cast elsewhere comes first
    known = contacts.contacts_of(connection, person_id)
    voted = [city.consultations.get(slug) for slug in ballots.took_part(connection, person_id)]
    undecided = [listed for listed in voted if listed is not None and listed.row.state == "opened"]
    try:
        left = {
            (listed.row.slug, stone)
            for listed in undecided
            for c in known
            for stone in stones(keys, listed, c.channel, c.address, c.phone)
        }
    except BallotBoxLocked:
        log.error("ballots.key_missing", consultation=",".join(listed.row.slug for listed in undecided))
        return False
    for slug, stone in sorted(left):
        ballots.bury(connection, slug, stone, now)
    ideas.forget(connection, person_id, now)
    recipients.withdraw(connection, person_id, now)
    contacts.forget(connection, person_id)
    return True


def stones(keys: BallotKeys, listed: Listed, channel: str, address: str, phone: str | None) -> list[str]:
    """What a voter who leaves is remembered by: the contact, and its number where the rules count by number."""

    def mark(kind: str, who: str) -> str:
        return keys.mark(listed.row.slug, listed.row.key_print or "", kind, who)

    found = [mark("contact", f"{channel}|{address}")]
    if phone is not None and listed.rules["identity"] == "phone":
        found.append(mark("phone", phone))
    return found
