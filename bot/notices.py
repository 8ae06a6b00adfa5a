"""Notices: the clock's messages to seats, offices and followers. Each person is told each thing once, in one message.

A tick computes what there is to tell (`bot/events.py`), leaves out what each person was told before, and queues the
rest together with the record of it, in slices of people: one short transaction for each, so that residents' turns go
on between them, and a worker that dies has told whole slices and nothing twice.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection, Row

from bot.catalogue import Catalogue, NothingLoaded
from bot.events import SEAT, Chronicle, Event, events
from bot.messages import Reply
from bot.speech import Speaker
from bot.standing import standings
from bot.turn import Desk
from flows.language import Joined, Phrase, _
from flows.plan import Plan
from storage import catalogue as shelf
from storage import notices, outbox, participants, voices
from storage.database import reading, transaction

log = structlog.get_logger()

SLICE = 250
"""People told in one transaction."""

MOST_LINES, MOST_SHORT = 6, 3
"""Things told in one message, and by SMS; more are counted, and stand on the page."""

WINDOW = timedelta(hours=24)
"""After that long of silence WhatsApp takes nothing but templates (channels.md 3.5): other contacts are better."""


class Part(NamedTuple):
    """Why somebody is told: a scope, and since when it is theirs."""

    scope: str
    since: date


Group = Mapping[int, Sequence[Part]]
"""People by id, with all that makes each of them somebody to tell."""


@dataclass
class Press:
    """Words of messages, put and sealed once for all who get the same."""

    desk: Desk
    plan: Plan
    now: datetime
    _made: dict[tuple[Any, ...], tuple[bytes, int]] = field(default_factory=dict)

    def message(self, told: Sequence[Event], role: str, channel: str, language: str) -> tuple[bytes, int]:
        """The sealed message, and its segments."""
        key = (tuple(event.key for event in told), role, channel, language)
        if key not in self._made:
            self._made[key] = self._printed(told, role, channel, language)
        return self._made[key]

    def _printed(self, told: Sequence[Event], role: str, channel: str, language: str) -> tuple[bytes, int]:
        shape, say = self.desk.channels[channel], Speaker(language).say
        page = f"{self.desk.public_url}{'' if language == 'es' else '/' + language}/plan"
        for lines in range(MOST_SHORT if shape.short else MOST_LINES, -1, -1):
            text = say(composed(self.plan, told, role, lines, shape.short, page))
            parts = shape.shape(Reply(text))
            if len(parts) == 1:
                break
        return self.desk.ink.seal(parts[0].packed(), self.now), parts[0].segments


def composed(plan: Plan, told: Sequence[Event], role: str, most: int, short: bool, page: str) -> Phrase:
    """One message: whose plan, what there is, why one gets it and how to stop it."""
    title: Phrase = plan.committee if role == SEAT else plan.title
    lines: list[Phrase] = [Joined([plan.title, _("(made-up example)")], " ") if plan.example else title]
    lines += [event.short if short else event.line for event in told[:most]]
    if len(told) > most:
        lines.append(_("And {n} more: {page}", n=len(told) - most, page=page))
    return Joined([*lines, WHY[role]])


WHY: Mapping[str, Phrase] = {
    SEAT: _("You get this because you hold a seat of the committee. To judge: COMMITTEE. To stop: BAJA."),
    "clerk": _(
        "You get this because you report for your office. To report: PROGRESS. To answer: ANSWER. To stop: BAJA."
    ),
    "person": _("You get this because you objected. To see the report: MILESTONES. To stop: BAJA."),
    "follower": _("You get this because you follow it. To change that: ALERTS. To stop: BAJA."),
}


@dataclass(frozen=True)
class Told:
    """What one round of notices came to: how many people were told, by role."""

    people: Mapping[str, int]

    def __bool__(self) -> bool:
        return any(self.people.values())


def tell(desk: Desk, now: datetime) -> Told:
    """Tell everybody what there is to tell at `now`; nothing outside of the city's hours."""
    try:
        with reading(desk.engine) as connection:
            city = desk.catalogue(connection, shelf.revision(connection))
    except NothingLoaded:
        return Told({})
    numbers: dict[str, int] = defaultdict(int)
    if city.hours.allow(now):
        for plan in city.plans.values():
            for role, told in _tell_of(desk, city, plan, now):
                numbers[role] += told
    if any(numbers.values()):
        log.info("notices.told", **numbers)
    return Told(dict(numbers))


def chronicle(connection: Connection, city: Catalogue, plan: Plan, now: datetime) -> Chronicle:
    """What a plan's events follow from at `now`."""
    today = city.hours.today(now)
    return Chronicle(plan, standings(connection, plan, today, city.hours.zone), today, city.hours.zone)


def _tell_of(desk: Desk, city: Catalogue, plan: Plan, now: datetime) -> Iterator[tuple[str, int]]:
    with reading(desk.engine) as connection:
        found = events(connection, chronicle(connection, city, plan, now))
    today, press = city.hours.today(now), Press(desk, plan, now)
    with transaction(desk.engine) as connection:
        group = duties(connection, city, plan)
        yield "duty", _queue(connection, press, found, group, "duty", now)
    with transaction(desk.engine) as connection:
        news = _current(connection, plan, found, today, now)
    if not news:
        return
    reached, last = 0, 0
    scopes = sorted({scope for event in news for scope in event.scopes if is_followed(scope)})
    while True:
        with transaction(desk.engine) as connection:
            group, last = followers(connection, city, scopes, last)
            told = _queue(connection, press, news, group, "announcement", now)
        reached += told
        yield "follower", told
        if len(group) < SLICE:
            break
    with transaction(desk.engine) as connection:
        notices.close_round(connection, [_round(plan, event, "sent", reached, now) for event in news])


def _current(connection: Connection, plan: Plan, found: Sequence[Event], today: date, now: datetime) -> list[Event]:
    """What followers are to be told now; what came too late for them is recorded as dropped."""
    for_followers = [event for event in found if any(is_followed(scope) for scope in event.scopes)]
    if not for_followers:
        return []
    closed = notices.rounds(connection, plan.slug, min(event.day for event in for_followers))
    fresh = [event for event in for_followers if event.key not in closed]
    late = [event for event in fresh if event.until < today]
    notices.close_round(connection, [_round(plan, event, "dropped", 0, now) for event in late])
    for event in late:
        log.warning("notice.dropped", kind=event.kind)
    return [event for event in fresh if event.until >= today]


def _round(plan: Plan, event: Event, outcome: str, people: int, now: datetime) -> dict[str, Any]:
    named = {"plan": plan.slug, "kind": event.kind, "subject": event.subject, "day": event.day}
    return {**named, "outcome": outcome, "people": people, "at": now}


def is_followed(scope: str) -> bool:
    """Whether a scope is one that people follow, and not a duty."""
    return scope == "all" or scope.startswith(("commitment:", "office:"))


def duties(connection: Connection, city: Catalogue, plan: Plan) -> Group:
    """Who must hear: the seats, the offices' staff, and residents whose objections have answers."""
    found: dict[int, list[Part]] = defaultdict(list)
    for row in participants.seats(connection, plan.slug):
        if row.seat in plan.seats:
            found[row.person_id].append(Part(SEAT, city.hours.today(row.since)))
    for row in participants.clerks(connection, plan.slug):
        found[row.person_id].append(Part(f"clerk:{row.office}", city.hours.today(row.since)))
    for row in voices.objections_in(connection, plan.slug):
        if row.answer is not None and row.person_id is not None:
            found[row.person_id].append(Part(f"person:{row.person_id}", city.hours.today(row.at)))
    return found


def followers(connection: Connection, city: Catalogue, scopes: Sequence[str], after: int) -> tuple[Group, int]:
    """The next slice of those who follow any of these scopes, by id, and the last id of it."""
    found: dict[int, list[Part]] = defaultdict(list)
    for row in participants.followers(connection, scopes, after, SLICE):
        found[row.person_id].append(Part(row.scope, city.hours.today(row.since)))
    return found, max(found, default=after)


def fresh_for(told: Sequence[Event], parts: Sequence[Part], known: set[tuple[str, str, date]]) -> list[Event]:
    """What of these somebody has still to hear: it is theirs, it is not older than their part in it, it is not told."""
    return [
        event
        for event in told
        if event.key not in known and any(part.scope in event.scopes and event.day >= part.since for part in parts)
    ]


def _queue(connection: Connection, press: Press, told: Sequence[Event], group: Group, kind: str, now: datetime) -> int:
    """Queue one message for each person of a group who has something to hear, with the record of it; how many."""
    if not told or not group:
        return 0
    people, since = list(group), min(event.day for event in told)
    known: dict[int, set[tuple[str, str, date]]] = defaultdict(set)
    for person, what, subject, day in notices.known(connection, people, since):
        known[person].add((what, subject, day))
    reach: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in notices.contacts_of(connection, people):
        reach[row.person_id].append(row)
    messages: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = []
    for person, parts in group.items():
        fresh = fresh_for(told, parts, known[person])
        contact = best(reach[person], now) if fresh else None
        if contact is None:
            continue
        sealed, segments = press.message(fresh, role_of(parts), contact.channel, contact.language)
        messages.append(
            {"lane": contact.channel, "contact_id": contact.id, "kind": kind, "sealed": sealed, "segments": segments}
        )
        records += [
            {"person_id": person, "kind": event.kind, "subject": event.subject, "day": event.day, "at": now}
            for event in fresh
        ]
    outbox.queue_many(connection, messages, now)
    notices.note(connection, records)
    return len(messages)


def role_of(parts: Sequence[Part]) -> str:
    """In which of their parts somebody is addressed: the seat before the office, that before the rest."""
    scopes = [part.scope.partition(":")[0] for part in parts]
    return next((role for role in (SEAT, "clerk", "person") if role in scopes), "follower")


def best(contacts: Sequence[Row[Any]], now: datetime) -> Row[Any] | None:
    """The contact to write to: one that wants it, that can be reached now, and that was heard of last."""
    wanted = [row for row in contacts if row.state == "active"]

    def rank(row: Row[Any]) -> tuple[bool, bool, datetime]:
        shut = row.channel == "whatsapp" and now - row.heard_at > WINDOW
        return not shut, row.channel != "web", row.heard_at

    return max(wanted, key=rank, default=None)
