"""Obstacles: what keeps an announcement from going out."""

from collections.abc import Mapping
from datetime import datetime

from bot.announcements.templates import DECLARED, Template, Unfit
from bot.announcements.words import outbound
from bot.catalogue import Catalogue
from bot.desk import Desk
from storage import recipients
from storage.announcements import Announcement

WHILE_OPEN = ("opens", "half", "two-days", "three-hours")
"""Reminders that make no sense once their consultation is not open."""


def fault(desk: Desk, city: Catalogue, announcement: Announcement) -> str:
    """Why it cannot go out: a place of its audience is none of the city's any more, or its words take more than one
    message; nothing where it can."""
    if is_astray(city, announcement):
        return "audience"
    words = announcement.draft.words
    shapes = [desk.channels[channel] for channel in recipients.CHANNELS]
    sizes = [len(outbound(s, words, language, brief)) for s in shapes for language in words for brief in (True, False)]
    return "" if max(sizes) == 1 and all(map(_fits_templates, words.values())) else "words"


def _fits_templates(words: Mapping[str, str]) -> bool:
    """Whether a title can stand in every template there is."""
    try:
        return all(Template("", "", wording).outbound(words["title"]) for wording in DECLARED)
    except Unfit:
        return False


def is_astray(city: Catalogue, announcement: Announcement) -> bool:
    return not set(announcement.draft.audience.places) <= set(city.city.territory.places)


def is_closed(city: Catalogue, announcement: Announcement, now: datetime) -> bool:
    if announcement.kind not in WHILE_OPEN:
        return False
    listed = city.consultations.get(announcement.subject)
    return listed is None or listed.phase(now) != "open"
