"""Settlement: what became of the messages of an announcement; what is tried again, and what is over."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Row

from bot import connectivity
from bot.announcements import progress
from bot.announcements.feed import BATCH, Feed, give_back, other_contacts
from bot.announcements.obstacles import is_closed
from bot.announcements.selection import SLICE
from bot.announcements.templates import Templates
from bot.catalogue import Catalogue
from bot.desk import Desk
from bot.fates import fate
from storage import announcements, reached, recipients
from storage.announcements import Announcement
from storage.database import reading, transaction

log = structlog.get_logger()

FINAL = timedelta(hours=72)
"""So long after its end an announcement's figures are final: until then people answer, and phones come back."""


def settle(desk: Desk, now: datetime) -> None:
    """Look at what became of the messages, and end what is over."""
    city = desk.city()
    if city is None:
        return
    with reading(desk.engine) as connection:
        moving, finished = announcements.moving(connection), announcements.uncounted(connection, now - FINAL)
    for each in moving:
        _settle(desk, city, each, now)
    for each in finished:
        _count(desk, city, each, now)


def _settle(desk: Desk, city: Catalogue, announcement: Announcement, now: datetime) -> None:
    """One announcement that is not finished."""
    draft, why = announcement.draft, ""
    if announcement.state == "cancelled":
        why = "closed" if announcement.hold == "closed" else "cancelled"
    elif is_closed(city, announcement, now):
        why = "closed"
        with transaction(desk.engine) as connection:
            announcements.move(connection, announcement.id, ("sending", "paused"), "cancelled", hold="closed")
    elif now >= draft.until:
        why = "late"
    with transaction(desk.engine) as connection:
        if why:
            give_back(connection, city, recipients.recall(connection, announcement.id, None, now))
        recipients.settle(connection, announcement.id)
    while why and _skip(desk, announcement.id, why):
        pass
    # What is over is not tried again: whatever was sent is all there will be.
    before = now if why else now - city.delivery.sms_after
    lost = Feed(desk, city, Templates({}), announcement, now)
    while _settle_lost(lost, before, over=bool(why)):
        pass
    _finish(desk, announcement.id, why, now)


def _skip(desk: Desk, id: int, why: str) -> int:
    with transaction(desk.engine) as connection:
        return recipients.skip(connection, id, why, SLICE)


def _settle_lost(feed: Feed, before: datetime, over: bool) -> int:
    """Decide of some whose message failed, or did not arrive in time; how many there were."""
    with transaction(feed.desk.engine) as connection:
        rows = recipients.undelivered(connection, feed.announcement.id, before, BATCH)
        moved: list[dict[str, Any]] = []
        later: list[dict[str, Any]] = []
        elsewhere: list[dict[str, Any]] = []
        ways = {row.person_id: ((), None) if over else _way(feed, row) for row in rows}
        for channels in {way[0] for way in ways.values() if way[0]}:
            people = [person for person, way in ways.items() if way[0] == channels]
            found = other_contacts(connection, feed, people, channels)
            elsewhere += [{"announcement": feed.announcement.id, "person": p, **found[p]} for p in found]
        gone = {each["person"] for each in elsewhere}
        for row in (row for row in rows if row.person_id not in gone):
            whose = {"announcement": feed.announcement.id, "person": row.person_id}
            due = ways[row.person_id][1]
            if due is not None:
                later.append({**whose, "why": "", "due": due})
            else:
                moved.append({**whose, "became": "settled", "why": ""})
        unsent = [row.person_id for row in rows if _is_unsent(row)]
        give_back(connection, feed.city, recipients.refund(connection, feed.announcement.id, unsent))
        recipients.readdress(connection, elsewhere)
        recipients.postpone(connection, later)
        recipients.move(connection, moved)
    return len(rows)


def _is_unsent(row: Row[Any]) -> bool:
    """Whether no provider took the message: it was refused at once, or never tried."""
    return row.became == "failed" and row.given is None and row.error != "uncertain"


Way = tuple[Sequence[str], datetime | None]


def _way(feed: Feed, row: Row[Any]) -> Way:
    """How somebody may yet be reached: on which other channels, and when by the same one if there is no other."""
    by_sms = ("sms",) if row.channel == "whatsapp" and row.by_sms else ()
    if row.became == "sent":
        return by_sms, None
    if row.error == "uncertain" or row.reach == "stopped":
        return (), None
    if row.error == "expired":  # nothing was sent at all
        return (), feed.now
    match "elsewhere" if row.reach == "blocked" else fate(row.error, row.tries):
        case "elsewhere":
            return recipients.CHANNELS, None
        case "template":
            return by_sms, feed.now
        case "later":
            until = feed.announcement.draft.until
            return by_sms, connectivity.again_at(feed.city, row.place, row.tries, feed.now, until)
    return (), None


def _finish(desk: Desk, id: int, why: str, now: datetime) -> None:
    """It is over when everybody is selected, nobody waits and nothing is under way."""
    with transaction(desk.engine) as connection:
        held = announcements.hold(connection, id)
        if held is None or (held.selected_at is None and not why) or recipients.is_open(connection, id):
            return
        if held.state == "cancelled":
            announcements.change(connection, id, finished_at=now)
        elif held.state == "sending" or why:
            announcements.move(connection, id, ("sending", "paused"), "sent", finished_at=now)
        else:
            return
    log.info("broadcast.finished", announcement=id)


def _count(desk: Desk, city: Catalogue, announcement: Announcement, now: datetime) -> None:
    """Its figures are final: nothing that happens later, nor to whom it was told, changes them."""
    with transaction(desk.engine) as connection:
        held = announcements.hold(connection, announcement.id)
        if held is None or held.counted_at is not None:
            return
        rows = [
            {"announcement_id": held.id, **line.as_row()} for line in progress.results(connection, city, announcement)
        ]
        reached.keep(connection, rows)
        announcements.change(connection, held.id, counted_at=now)
    log.info("broadcast.counted", announcement=announcement.id)
