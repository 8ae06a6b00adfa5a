"""Notices: the clock's messages to seats, offices and followers. Each person is told each thing once, in one message.

A tick computes what there is to tell (`bot/events.py`), leaves out what each person was told before, and queues the
rest together with the record of it, in slices of people: one short transaction for each, which does nothing but write,
so that residents' turns go on between them, and a worker that dies has told whole slices and nothing twice. Where two
tick at once the unique record of what was told makes one of them step aside; its next tick finds what is left.

Who follows something gets no more messages in seven days than the city allows a person unasked, announcements and
reminders included, and none outside of the hours of their place. What the week leaves out is not lost: it stands on the
page, and comes with their next message as long as it is news. Nothing is sent for it alone, so that a busy week does
not become a busy month. Who waits for the hours of their place is told when these come. Duties of the committee and
the offices, and answers to who objected, are outside of that limit. So it is with the day's ceiling of spending; and
no number of a country that is not the city's gets anything of what it follows.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from bot.catalogue import Catalogue
from bot.desk import Desk
from bot.events import Chronicle, Event, Key, clerk, events
from bot.press import Press
from bot.standing import standings
from flows.plan import Plan
from storage import notices, outbox, participants, spending, voices
from storage.database import reading, transaction

log = structlog.get_logger()

SLICE = 250
"""People told in one transaction."""

WINDOW = timedelta(hours=24)
"""After that long of silence WhatsApp takes nothing but templates (channels.md 3.5): other contacts are better."""


A_WEEK = timedelta(days=7)

BACK = ("opted_out", "stopped", "blocked", "expired")
"""Why messages fail that can go out as soon as their contact is active: it was not, or nothing could be sent."""


class Part(NamedTuple):
    """Why somebody is told: a scope, and since when it is theirs."""

    scope: str
    since: date


Group = Mapping[int, Sequence[Part]]
"""People by id, with all that makes each of them somebody to tell."""


@dataclass(frozen=True)
class News:
    """What there is to tell at one moment, in the plans' order, by the scopes it is for."""

    by_scope: Mapping[str, Sequence[tuple[int, Event]]]
    _found: dict[tuple[Part, ...], list[Event]] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Sequence[Event], live: Collection[Key]) -> "News":
        """What was found; to those who follow only what is `live`."""
        by_scope: dict[str, list[tuple[int, Event]]] = defaultdict(list)
        for place, event in enumerate(found):
            for scope in event.scopes:
                if event.key in live or not is_followed(scope):
                    by_scope[scope].append((place, event))
        return cls(by_scope)

    def for_(self, parts: Sequence[Part]) -> list[Event]:
        """What is somebody's to hear, and not older than their part in it, answers to what they objected first.

        One list for all with the same parts.
        """
        key = tuple(parts)
        if key not in self._found:
            mine = {
                place: event
                for part in parts
                for place, event in self.by_scope.get(part.scope, ())
                if event.day >= part.since
            }
            self._found[key] = [mine[place] for place in sorted(mine, key=lambda n: (not mine[n].is_answer, n))]
        return self._found[key]


@dataclass(frozen=True)
class Told:
    """What one round of notices came to: how many people were told, by role."""

    people: Mapping[str, int]

    def __bool__(self) -> bool:
        return any(self.people.values())


def tell(desk: Desk, now: datetime) -> Told:
    """Tell everybody what there is to tell at `now`; nothing outside of the city's hours."""
    city = desk.city()
    if city is None or not city.hours.allow(now):
        return Told({})
    numbers: Counter[str] = Counter()
    try:
        for told in _tell(desk, city, now):
            numbers.update(told)
    except IntegrityError:
        log.info("notices.told_elsewhere")
    if numbers:
        log.info("notices.told", **numbers)
    return Told(dict(numbers))


def chronicle(connection: Connection, city: Catalogue, plan: Plan, now: datetime) -> Chronicle:
    """What a plan's events follow from at `now`."""
    today = city.hours.today(now)
    return Chronicle(plan, standings(connection, plan, today, city.hours.zone), today, city.hours.zone)


def _tell(desk: Desk, city: Catalogue, now: datetime) -> Iterator[Counter[str]]:
    """Tell slice after slice; the number of people by role of each."""
    today, press = city.hours.today(now), Press(desk, city.plans, now)
    with reading(desk.engine) as connection:
        found: list[Event] = []
        group: dict[int, list[Part]] = {}
        for plan in city.plans.values():
            found += events(connection, chronicle(connection, city, plan, now))
            merge(group, duties(connection, city, plan))
        unheard = open_for_followers(connection, city, found)
    live = [event for event in unheard if event.until >= today]
    _drop(desk, [event for event in unheard if event.until < today], now)
    fresh = {event.key for event in live}
    news = News.of(found, {event.key for event in found if event.until >= today})
    for people in _slices(sorted(group)):
        mine = {person: group[person] for person in people}
        _take_back(desk, people, now)
        if live:
            with reading(desk.engine) as connection:
                merge(mine, following(connection, city, people))
        yield _queue(desk, city, press, news, fresh, mine, now).told
    if live:
        yield from _tell_followers(desk, city, press, news, live, now)


def _take_back(desk: Desk, people: Sequence[int], now: datetime) -> None:
    """What could not be delivered to them is theirs to hear still, as soon as there is a way to reach them."""
    with reading(desk.engine) as connection:
        failed = notices.undelivered(connection, people)
        reach = contacts_of(connection, [row.person_id for row in failed])
    again = [row for row in failed if is_open(best(reach[row.person_id], now), row)]
    if again:
        with transaction(desk.engine) as connection:
            for row in again:
                notices.take_back(connection, row.person_id, row.at)


def is_open(contact: Row[Any] | None, failed: Row[Any]) -> bool:
    """Whether a contact may take what could not be delivered: another one than then, or one that is back since then."""
    if contact is None:
        return False
    other = contact.id != failed.contact_id
    return other or failed.error in BACK or contact.heard_at > failed.finished_at


def contacts_of(connection: Connection, people: Sequence[int]) -> defaultdict[int, list[Row[Any]]]:
    """The contacts of these people, by person."""
    found = defaultdict[int, list[Row[Any]]](list)
    for row in notices.contacts_of(connection, people):
        found[row.person_id].append(row)
    return found


def _tell_followers(
    desk: Desk, city: Catalogue, press: Press, news: News, live: Sequence[Event], now: datetime
) -> Iterator[Counter[str]]:
    """Tell those who follow what is live; it is over when nobody waits for the hours of their place any more."""
    fresh, heard, last = {event.key for event in live}, Counter[Key](), 0
    waiting: set[Key] = set()
    scopes = sorted({scope for event in live for scope in event.scopes if is_followed(scope)})
    while True:
        with reading(desk.engine) as connection:
            group, last = followers(connection, city, scopes, last)
        done = _queue(desk, city, press, news, fresh, group, now)
        heard += done.heard
        waiting |= done.waiting
        yield done.told
        if len(group) < SLICE:
            break
    with transaction(desk.engine) as connection:
        over = [event for event in live if event.key not in waiting]
        notices.close_round(connection, [_round(event, "sent", heard[event.key], now) for event in over])


def open_for_followers(connection: Connection, city: Catalogue, found: Sequence[Event]) -> list[Event]:
    """What followers were not told, and of which it is not recorded that it came too late for them."""
    followed = [event for event in found if any(is_followed(scope) for scope in event.scopes)]
    first = min((event.day for event in followed), default=date.max)
    closed = {key for plan in city.plans for key in notices.rounds(connection, plan, first)}
    return [event for event in followed if event.key not in closed]


def _drop(desk: Desk, late: Sequence[Event], now: datetime) -> None:
    """Record what came too late for those who follow it."""
    if late:
        with transaction(desk.engine) as connection:
            notices.close_round(connection, [_round(event, "dropped", 0, now) for event in late])
        log.warning("notices.dropped", number=len(late))


def _round(event: Event, outcome: str, people: int, now: datetime) -> dict[str, Any]:
    named = {"plan": event.plan, "kind": event.kind, "subject": event.subject, "day": event.day}
    return {**named, "outcome": outcome, "people": people, "at": now}


def is_followed(scope: str) -> bool:
    """Whether a scope is one that people follow, and not a duty."""
    return scope == "all" or scope.startswith(("commitment:", "office:"))


def duties(connection: Connection, city: Catalogue, plan: Plan) -> Group:
    """Who must hear: the seats, the offices' staff, and residents whose objections have answers."""
    found: dict[int, list[Part]] = defaultdict(list)
    for row in participants.seats(connection, plan.slug):
        if row.seat in plan.seats:
            found[row.person_id].append(Part(f"seat:{plan.slug}", city.hours.today(row.since)))
    for row in participants.clerks(connection, plan.slug):
        found[row.person_id].append(Part(clerk(plan.slug, row.office), city.hours.today(row.since)))
    for row in voices.objections_in(connection, plan.slug):
        if row.answer is not None and row.person_id is not None:
            found[row.person_id].append(Part(f"person:{row.person_id}", city.hours.today(row.at)))
    return found


def following(connection: Connection, city: Catalogue, people: Sequence[int]) -> Group:
    """What these people follow."""
    found: dict[int, list[Part]] = defaultdict(list)
    for row in participants.follows_of(connection, people):
        found[row.person_id].append(Part(row.scope, city.hours.today(row.since)))
    return found


def merge(group: dict[int, list[Part]], more: Group) -> None:
    for person, parts in more.items():
        group.setdefault(person, []).extend(parts)


def followers(connection: Connection, city: Catalogue, scopes: Sequence[str], after: int) -> tuple[Group, int]:
    """The next slice of those who follow any of these scopes, by id, and the last id of it."""
    found: dict[int, list[Part]] = defaultdict(list)
    for row in participants.followers(connection, scopes, after, SLICE):
        found[row.person_id].append(Part(row.scope, city.hours.today(row.since)))
    return found, max(found, default=after)


def _slices(people: Sequence[int]) -> Iterator[Sequence[int]]:
    return (people[start : start + SLICE] for start in range(0, len(people), SLICE))


class Letter(NamedTuple):
    """One message to one person: in which of their parts, of what, and how it goes out."""

    person: int
    role: str
    told: Sequence[Event]
    lane: str
    contact: int
    sealed: bytes
    segments: int

    def as_row(self) -> dict[str, Any]:
        """As the outbox takes it."""
        kind = "announcement" if self.role == "follower" else "duty"
        row = {"lane": self.lane, "contact_id": self.contact, "kind": kind}
        return {**row, "sealed": self.sealed, "segments": self.segments}

    def records(self, now: datetime) -> list[dict[str, Any]]:
        """What their person is told, as `storage.notices.note` takes it."""
        of = {"person_id": self.person, "at": now}
        return [{**of, "kind": event.kind, "subject": event.subject, "day": event.day} for event in self.told]


class Done(NamedTuple):
    """How many people were told, by role; how many have heard of each thing by now; what somebody waits to hear."""

    told: Counter[str]
    heard: Counter[Key]
    waiting: set[Key]


def _queue(desk: Desk, city: Catalogue, press: Press, news: News, live: Set[Key], group: Group, now: datetime) -> Done:
    """Queue one message for each person of a group who has something to hear, with the record of it.

    Followers are written to only of what is `live`; what they have missed lately comes with it.
    """
    told, heard, waiting = Counter[str](), Counter[Key](), set[Key]()
    owed = {person: mine for person, parts in group.items() if (mine := news.for_(parts))}
    if not owed:
        return Done(told, heard, waiting)
    with reading(desk.engine) as connection:
        known = knowledge(connection, owed)
        unheard = {
            person: one_answer(fresh)
            for person, mine in owed.items()
            if (fresh := [e for e in mine if e.key not in known[person]])
        }
        reach = contacts_of(connection, list(unheard))
        limits = {row.person_id: row for row in notices.limits(connection, list(unheard), now - A_WEEK)}
    for person, mine in owed.items():
        heard.update(event.key for event in mine if event.key in known[person])
    letters: list[Letter] = []
    for person, fresh in unheard.items():
        role = role_of(group[person], fresh)
        contact = best(_allowed(city, reach[person], role), now)
        if contact is None or (role == "follower" and not any(event.key in live for event in fresh)):
            continue
        if role == "follower" and not city.delivery.hours_at(city.city.territory, limits[person].place).allow(now):
            waiting.update(event.key for event in fresh)
        elif role != "follower" or limits[person].number < city.delivery.weekly:
            sealed, segments = press.message(fresh, role, contact.channel, contact.language)
            letters.append(Letter(person, role, fresh, contact.channel, contact.id, sealed, segments))
    for letter in _send(desk, city, letters, now):
        told[letter.role] += 1
        heard.update(event.key for event in letter.told)
    return Done(told, heard, waiting)


def _allowed(city: Catalogue, contacts: Sequence[Row[Any]], role: str) -> Sequence[Row[Any]]:
    """The contacts that may be written to: for duties all, for others those in the city's countries."""
    return [row for row in contacts if role != "follower" or city.delivery.allows(row.channel, row.address)]


def _send(desk: Desk, city: Catalogue, letters: Sequence[Letter], now: datetime) -> Sequence[Letter]:
    """Queue these with the record of what they tell; which of them went. Those who follow something, where it costs,
    wait for their next message when the day's money is spent."""
    if not letters:
        return ()
    today, rules = city.hours.today(now), city.delivery
    costs = {each.person: rules.cost(each.lane, each.segments) for each in letters if each.role == "follower"}
    with transaction(desk.engine) as connection:
        pesos = sum(costs.values())
        if pesos and not spending.spend(connection, today, spending.ANNOUNCEMENTS, pesos, rules.daily):
            letters = [each for each in letters if not costs.get(each.person)]
        outbox.queue_many(connection, [each.as_row() for each in letters], now)
        notices.note(connection, [row for each in letters for row in each.records(now)])
    return letters


def one_answer(fresh: Sequence[Event]) -> list[Event]:
    """An answer is told in its own words, for which two may be too long: another waits for the next message."""
    later = [event.key for event in fresh if event.is_answer][1:]
    return [event for event in fresh if event.key not in later]


def knowledge(connection: Connection, owed: Mapping[int, Sequence[Event]]) -> Mapping[int, Set[Key]]:
    """What these people were told before, as far as it is of these kinds of things and not older than they are."""
    first: dict[str, date] = {}
    for event in {event.key: event for mine in owed.values() for event in mine}.values():
        first[event.kind] = min(event.day, first.get(event.kind, event.day))
    known: dict[int, set[Key]] = defaultdict(set)
    for row in notices.known(connection, list(owed), first):
        known[row.person_id].add((row.kind, row.subject, row.day))
    return known


def role_of(parts: Sequence[Part], told: Sequence[Event]) -> str:
    """In which of their parts somebody is told of this: as a seat before the office, that before the rest."""
    scopes = {scope.partition(":")[0] for event in told for scope in event.scopes.intersection(p.scope for p in parts)}
    return next((role for role in ("seat", "clerk", "person") if role in scopes), "follower")


def best(contacts: Sequence[Row[Any]], now: datetime) -> Row[Any] | None:
    """The contact to write to: one that wants it, that can be reached now, and that was heard of last."""
    wanted = [row for row in contacts if row.state == "active"]

    def rank(row: Row[Any]) -> tuple[bool, bool, datetime]:
        shut = row.channel == "whatsapp" and now - row.heard_at > WINDOW
        return not shut, row.channel != "web", row.heard_at

    return max(wanted, key=rank, default=None)
