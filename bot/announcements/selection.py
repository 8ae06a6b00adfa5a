"""Selection: each person of the audience becomes a recipient, a slice of people in one statement.

A slice is one short transaction in the announcement's lock: whatever is killed leaves whole slices.
"""

from datetime import datetime
from typing import Any

import structlog

from bot.announcements.obstacles import fault
from bot.catalogue import Catalogue
from bot.desk import Desk
from storage import announcements, recipients
from storage.announcements import Announcement
from storage.database import reading, transaction

log = structlog.get_logger()

SLICE = 1_000
"""People that are looked at in one transaction of selecting."""


def select(desk: Desk, now: datetime) -> int:
    """Begin what is due, and select its recipients; how many slices of people were looked at."""
    city = desk.city()
    if city is None:
        return 0
    with reading(desk.engine) as connection:
        found = announcements.in_state(connection, "approved", "sending", "paused")
    slices = 0
    for each in (each for each in found if each.state == "approved" or each.is_sent):
        if each.state == "approved" and each.draft.send_at <= now:
            _begin(desk, city, each, now)
        if each.selected_at is None and each.draft.send_at <= now:
            while _slice(desk, city, each, now):
                slices += 1
    if slices:
        log.info("broadcast.selected", slices=slices)
    return slices


def _begin(desk: Desk, city: Catalogue, announcement: Announcement, now: datetime) -> None:
    """Its hour has come: it is sent from now on, held, or dropped where it comes too late."""
    hold = fault(desk, city, announcement)
    if now >= announcement.draft.until:
        after: dict[str, Any] = {"after": "dropped", "finished_at": now}
    else:
        after = {"after": "paused", "hold": hold} if hold else {"after": "sending"}
    with transaction(desk.engine) as connection:
        announcements.move(connection, announcement.id, ("approved",), **after)
    log.info("broadcast.begun", announcement=announcement.id, state=after["after"])


def _slice(desk: Desk, city: Catalogue, announcement: Announcement, now: datetime) -> bool:
    """Select from the next slice of people; False where that was the last, or it is not sent any more."""
    draft = announcement.draft
    with transaction(desk.engine) as connection:
        held = announcements.hold(connection, announcement.id)
        if held is None or not held.is_sent or held.selected_at is not None:
            return False
        last = recipients.select_slice(
            connection, held.id, draft.audience, draft.topic, city.delivery.countries, held.selected_to, SLICE, now
        )
        values = {"selected_at": now} if last is None else {"selected_to": last}
        announcements.change(connection, held.id, **values)
    return last is not None
