"""Answers to ideas, told to those who sent them: each once, all of one person in one message, in the city's hours.

Who opted out is not told, and can see the answer when they ask. What was told is recorded in the transaction that
queues the message, so that of two ticks at once one tells.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import structlog
from sqlalchemy import Row

from bot.catalogue import Catalogue
from bot.desk import Desk
from bot.idea_commands import answer_of
from bot.messages import Outbound, Reply
from bot.notices import best, contacts_of, is_open
from bot.speech import Speaker
from flows.ideas import came_of, reason
from flows.language import Joined, Phrase, _
from storage import ideas, outbox
from storage.database import reading, transaction

log = structlog.get_logger()

SLICE = 250
"""People told in one transaction."""

REMEMBERED = timedelta(days=30)
"""For so long an answer that could not be delivered is tried again when its person comes back."""

WHY = _("You get this because you sent an idea. To read it all: PROPOSE. To stop: BAJA.")

Owed = Mapping[int, Sequence[Row[Any]]]
"""What each person is to be told: a row of `storage.ideas.untold` for each of their ideas."""


def tell(desk: Desk, now: datetime) -> int:
    """Tell everybody what came of their ideas; nothing outside of the city's hours. How many people were told."""
    city = desk.city()
    if city is None:
        return 0
    if city.hours.allow(now):
        _take_back(desk, now)
    number, last = 0, 0
    while city.hours.allow(now):
        with reading(desk.engine) as connection:
            rows = ideas.untold(connection, last, SLICE)
            owed = {person: list(mine) for person, mine in groupby(rows, key=lambda row: row.person_id)}
            reach = contacts_of(connection, list(owed))
        if not owed:
            break
        number += _queue(desk, city, owed, reach, now)
        last = max(owed)
    if number:
        log.info("ideas.told", people=number)
    return number


def _take_back(desk: Desk, now: datetime) -> None:
    """What could not be delivered is owed still, as soon as there is a way to reach whoever proposed it."""
    with reading(desk.engine) as connection:
        failed = ideas.undelivered(connection, now - REMEMBERED)
        reach = contacts_of(connection, [row.person_id for row in failed])
    again = [row for row in failed if is_open(best(reach[row.person_id], now), row)]
    if again:
        with transaction(desk.engine) as connection:
            for row in again:
                ideas.take_back(connection, row.person_id, row.at)


def _queue(desk: Desk, city: Catalogue, owed: Owed, reach: Owed, now: datetime) -> int:
    """Queue one message for each of these people who can be reached, with the record of it; how many."""
    made: list[tuple[int, Sequence[Row[Any]], dict[str, Any]]] = []
    for person, rows in owed.items():
        mine = [row for row in rows if row.collection in city.collections]
        contact = best(reach.get(person, ()), now)
        if contact is None or not mine:
            continue
        part = printed(desk, city, mine, contact.channel, contact.language)
        message = {"lane": contact.channel, "contact_id": contact.id, "kind": "duty", "segments": part.segments}
        made.append((person, mine, {**message, "sealed": desk.ink.seal(part.packed(), now)}))
    if not made:
        return 0
    with transaction(desk.engine) as connection:
        fresh = [
            message for person, mine, message in made if ideas.tell(connection, person, [r.idea_id for r in mine], now)
        ]
        outbox.queue_many(connection, fresh, now)
    return len(fresh)


def printed(desk: Desk, city: Catalogue, rows: Sequence[Row[Any]], channel: str, language: str) -> Outbound:
    """One message: as much of it as fits, with reasons, then without, then of fewer ideas."""
    shape, say = desk.channels[channel], Speaker(language).say
    plans = [(len(rows), True), *((lines, False) for lines in range(len(rows), -1, -1))]
    for lines, whole in plans[1:] if shape.short else plans:
        parts = shape.shape(Reply(say(composed(city, rows, lines, whole))))
        if len(parts) == 1:
            break
    return parts[0]


def composed(city: Catalogue, rows: Sequence[Row[Any]], lines: int, whole: bool) -> Phrase:
    """What came of the first ideas; more are counted."""
    said: list[Phrase] = [_("The city has answered.")] if whole else []
    for row in rows[:lines]:
        answer = answer_of(city, row)
        told = _("Your idea {code}: {answer}", code=row.code, answer=came_of(answer))
        said.append(Joined([told, *(reason(answer) if whole else [])]))
    if len(rows) > lines:
        said.append(_("And {n} more: PROPOSE", n=len(rows) - lines))
    return Joined([*said, WHY])
