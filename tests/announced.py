"""Announcements, for tests: what the city tells, and those who agreed to hear it."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, update

from bot.announcements import broadcast, selection, settlement
from storage import announcements, contacts, participants
from storage.announcements import Announcement, Draft
from storage.audiences import Audience, scope
from storage.database import columns, reading, transaction
from storage.outbox import Outgoing
from storage.recipients import Recipient
from tests.world import World, address

WORDS = {
    "es": {
        "title": "Reunión en el parque",
        "text": "El sábado a las 9 hablamos del parque.",
        "short": "Sábado 9: parque",
    },
    "en": {
        "title": "Meeting in the park",
        "text": "On Saturday at 9 we talk about the park.",
        "short": "Saturday 9: park",
    },
}
RATES: Mapping[str, float] = {"telegram": 30, "whatsapp": 80, "sms": 10}


def person(
    world: World, channel: str = "telegram", who: int = 1, topics: tuple[str, ...] = ("votes",), place: str = ""
) -> int:
    """Somebody who agreed to hear of these topics; their id."""
    with transaction(world.desk.engine) as connection:
        now = world.clock()
        contact = contacts.add(connection, channel, address(channel, who), None, "es", now)
        id = contacts.consent(connection, contact, "2026-11", now)
        contacts.lock_person(connection, id, {"place": place} if place else {})
        for topic in topics:
            participants.follow(connection, id, scope(topic), now)
    return id


def another(world: World, id: int, channel: str, who: int) -> int:
    """Another contact of somebody, heard of just now; the contact's id."""
    with transaction(world.desk.engine) as connection:
        contact = contacts.add(connection, channel, address(channel, who), None, "es", world.clock())
        use(connection, contact, id, world.clock())
    return contact


def use(connection: Any, contact: int, id: int, now: datetime) -> None:
    values = {"contact_id": contact, "person_id": id, "joined_at": now}
    connection.execute(insert(contacts.Housemate), values)


def draft(world: World, audience: Audience | None = None, **more: Any) -> Draft:
    now = world.clock()
    values = {"topic": "votes", "category": "utility", "words": WORDS, "send_at": now, "until": now + timedelta(days=7)}
    return Draft(**{**values, "audience": audience or Audience(), **more})


def announce(world: World, audience: Audience | None = None, kind: str = "announcement", **more: Any) -> int:
    """An announcement that was approved; its id."""
    subject = more.pop("subject", "")
    made = draft(world, audience, **more)
    with transaction(world.desk.engine) as connection:
        return announcements.make(connection, made, None, world.clock(), kind, subject, "approved")


def one(world: World, id: int) -> Announcement:
    with reading(world.desk.engine) as connection:
        found = announcements.one(connection, id)
    assert found is not None
    return found


def move(world: World, id: int, before: str, after: str, **values: Any) -> None:
    with transaction(world.desk.engine) as connection:
        assert announcements.move(connection, id, (before,), after, **values)


def tick(world: World, rates: Mapping[str, float] = RATES) -> int:
    """The clock ticks once; how many messages were queued."""
    now = world.clock()
    selection.select(world.desk, now)
    number = broadcast.feed(world.desk, rates, now)
    settlement.settle(world.desk, now)
    return number


def states(world: World) -> Counter[tuple[str, str]]:
    """How many recipients there are in each state, with the reason."""
    return Counter((row["state"], row["reason"]) for row in world.rows(Recipient))


def got(world: World, channel: str = "telegram", who: int = 1) -> list[str]:
    """What somebody got since one last looked."""
    return [message.text for message in world.delivered(channel, address(channel, who))]


def queued(world: World) -> Counter[int]:
    """How many announcements were ever queued for each contact and not taken back."""
    rows = [row for row in world.rows(Outgoing) if row["kind"] == "announcement" and row["state"] != "superseded"]
    return Counter(row["contact_id"] for row in rows)


def outgoing(world: World, **values: Any) -> None:
    """All announcements in the outbox become like that."""
    with transaction(world.desk.engine) as connection:
        mine = columns(Outgoing).kind == "announcement"
        connection.execute(update(Outgoing).where(mine).values(**values))
