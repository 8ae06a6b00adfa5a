"""The schedule: what would go out at a moment, and to how many of whom. It reads, and changes nothing."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from bot.catalogue import Catalogue
from bot.events import Event, events
from bot.notices import chronicle, duties, fresh_for, is_followed, role_of
from flows.plan import Plan
from storage import notices, participants


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
    if not found:
        return
    first = min(event.day for event in found)
    group = duties(connection, city, plan)
    known = notices.known(connection, list(group), first)
    numbers: Counter[tuple[str, object]] = Counter()
    for person, parts in group.items():
        told = {(kind, subject, day) for who, kind, subject, day in known if who == person}
        numbers.update((role_of(parts), event.key) for event in fresh_for(found, parts, told))
    closed = notices.rounds(connection, plan.slug, first)
    for event in found:
        for role in ("seat", "clerk", "person"):
            if numbers[role, event.key]:
                yield Entry(plan.slug, event, role, numbers[role, event.key])
        scopes = sorted(scope for scope in event.scopes if is_followed(scope))
        if scopes and event.key not in closed and event.until >= city.hours.today(now):
            people = participants.number_following(connection, scopes)
            if people:
                yield Entry(plan.slug, event, "follower", people)
