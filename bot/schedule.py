"""The schedule: what would go out at a moment, and to how many of whom. It reads, and changes nothing."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from bot.catalogue import Catalogue
from bot.events import Event, Key, events
from bot.notices import News, chronicle, duties, is_followed, knowledge, open_for_followers, role_of
from flows.plan import Plan
from storage import participants


@dataclass(frozen=True)
class Entry:
    """One thing that would be told: `role` is seat, clerk, person or follower, `people` how many of them."""

    plan: str
    event: Event
    role: str
    people: int


def schedule(connection: Connection, city: Catalogue, now: datetime) -> list[Entry]:
    """What a tick at `now` would tell, hours of the city aside: those say only when it may go out."""
    return [entry for plan in city.plans.values() for entry in _of_plan(connection, city, plan, now)]


def _of_plan(connection: Connection, city: Catalogue, plan: Plan, now: datetime) -> Iterator[Entry]:
    found = events(connection, chronicle(connection, city, plan, now))
    group, news = duties(connection, city, plan), News.of(found, ())
    owed = {person: mine for person, parts in group.items() if (mine := news.for_(parts))}
    known = knowledge(connection, owed)
    numbers: Counter[tuple[str, Key]] = Counter()
    for person, mine in owed.items():
        for event in mine:
            if event.key not in known[person]:
                numbers[role_of(group[person], [event]), event.key] += 1
    unheard = {event.key for event in open_for_followers(connection, city, found)}
    for event in found:
        for role in ("seat", "clerk", "person"):
            if numbers[role, event.key]:
                yield Entry(plan.slug, event, role, numbers[role, event.key])
        if event.key in unheard and event.until >= city.hours.today(now):
            scopes = sorted(scope for scope in event.scopes if is_followed(scope))
            people = participants.number_following(connection, scopes)
            if people:
                yield Entry(plan.slug, event, "follower", people)
