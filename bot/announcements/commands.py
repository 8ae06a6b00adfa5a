"""What the queries about announcements do."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.catalogue import local
from bot.visit import Visit
from flows import announcements
from flows.language import Command
from storage import recipients
from storage.announcements import Words

MOST, SINCE = 3, timedelta(days=14)
FORMS = ("title", "text", "short")


def received(visit: Visit, _query: announcements.Received) -> Sequence[announcements.Told]:
    rows = recipients.told(visit.connection, visit.person_id, visit.contact_id, visit.now - SINCE, MOST)
    return [_told(visit, at, words) for at, words in rows]


def _told(visit: Visit, at: datetime, words: Words) -> announcements.Told:
    forms = {form: local({language: mine.get(form) for language, mine in words.items()}) for form in FORMS}
    return announcements.Told(visit.catalogue.hours.today(at), **forms)


HANDLERS: dict[type[Command[Any]], Callable[[Visit, Any], Any]] = {announcements.Received: received}
