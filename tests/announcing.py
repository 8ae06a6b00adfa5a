"""Announcements for tests: a draft that lacks nothing, and people who agreed to hear."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from storage.announcements import Draft
from storage.audiences import Audience, scope
from storage.participants import Follow
from tests.test_headcount import settle
from tests.world import World

WORDS = {
    "es": {
        "title": "Se cierra la Avenida Pedro de Heredia",
        "text": "El lunes se cierra la avenida por obras.\nUse la Avenida El Bosque.",
        "short": "El lunes se cierra la Avenida Pedro de Heredia. Use El Bosque.",
    },
    "en": {
        "title": "Pedro de Heredia Avenue closes",
        "text": "The avenue closes on Monday for works.\nUse El Bosque Avenue.",
        "short": "Pedro de Heredia Avenue closes on Monday. Use El Bosque.",
    },
}


def draft(now: datetime, **change: Any) -> Draft:
    """An announcement that goes out in an hour and is of use for two days."""
    whole = Draft(
        topic="news", category="utility", words=WORDS, audience=Audience(), send_at=now + timedelta(hours=1),
        until=now + timedelta(days=2),
    )  # fmt: skip
    return replace(whole, **change)


def worded(language: str, **change: str) -> dict[str, dict[str, str]]:
    """The words with other ones in a language."""
    return {**WORDS, language: {**WORDS[language], **change}}


def agree(world: World, first: int, people: int, topic: str = "news", **more: Any) -> None:
    """So many people who write by SMS and agreed to hear of a topic."""
    settle(world, first, people, **more)
    ids = range(first, first + people)
    world.put(Follow, *[{"person_id": n, "scope": scope(topic), "since": world.clock()} for n in ids])
