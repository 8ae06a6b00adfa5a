"""A feed: the recipients of one announcement who are due become messages in the outbox.

Each batch is one short transaction in the announcement's lock, and looks at everything again that may have changed: of
two that feed at once the second finds what the first left over.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from bot import connectivity
from bot.announcements.templates import Template, Templates
from bot.announcements.words import outbound
from bot.catalogue import Catalogue
from bot.desk import Desk
from storage import announcements, outbox, recipients, spending
from storage.announcements import Announcement
from storage.database import reading, transaction

BATCH = 250
"""Messages that are queued in one transaction, and recipients that are settled in one."""

MOST_BATCHES = 20
"""Batches of one lane in a tick, where many recipients turn out to have to wait."""

WINDOW = timedelta(hours=24)
"""For that long after somebody wrote WhatsApp takes any words (channels.md 3.5)."""

A_WEEK = timedelta(days=7)

WAIT = timedelta(hours=1)
"""Until who needs a template that is not approved is looked at again."""

PURPOSE = "announcements"


class Ceiling(Exception):
    """The day's money does not last for the next message."""


@dataclass
class Slots:
    """How many messages a lane takes now, and when each is due: the `next` one, and the others `step` apart."""

    lane: str
    left: int
    next: datetime
    step: timedelta

    def take(self) -> datetime:
        self.left, due = self.left - 1, self.next
        self.next += self.step
        return due


@dataclass(frozen=True)
class Printed:
    """A message as the outbox takes it, and what it costs in pesos."""

    sealed: bytes
    segments: int
    pesos: int

    def as_row(self) -> dict[str, Any]:
        return {"sealed": self.sealed, "segments": self.segments}


@dataclass
class Feed:
    """One announcement as it is fed into the lanes at one moment. What is the same for many is made once."""

    desk: Desk
    city: Catalogue
    templates: Templates
    announcement: Announcement
    now: datetime
    _printed: dict[tuple[str, str, bool, str], Printed] = field(default_factory=dict)
    _opens: dict[str, datetime] = field(default_factory=dict)
    _profiles: dict[str, str] = field(default_factory=dict)

    def run(self, slots: Slots) -> None:
        """Queue messages of a lane as long as there is room. Raises Ceiling."""
        with reading(self.desk.engine) as connection:
            if not recipients.is_anybody_due(connection, self.announcement.id, slots.lane, self.now):
                return
        for _n in range(MOST_BATCHES):
            if slots.left <= 0 or not self._may_use(self.announcement, slots.lane) or not self._batch(slots):
                break

    def _may_use(self, announcement: Announcement, lane: str) -> bool:
        """Whether it goes on a lane now: where the day's money is spent, only if that costs nothing."""
        return announcement.state == "sending" or (announcement.is_short and self.city.delivery.is_free(lane))

    def _batch(self, slots: Slots) -> int:
        """One transaction: how many recipients were looked at."""
        draft, countries = self.announcement.draft, self.city.delivery.countries
        with transaction(self.desk.engine) as connection:
            held = announcements.hold(connection, self.announcement.id)
            if held is None or not self._may_use(held, slots.lane):
                return 0
            week = self.now - A_WEEK
            rows = recipients.due(
                connection, held.id, draft.audience, draft.topic, countries, slots.lane, self.now, week, BATCH
            )
            batch = Batch(self, slots.lane)
            for row in rows:
                if len(batch.queued) == slots.left:
                    break
                batch.decide(row)
            short = batch.write(connection, slots)
        if short:
            raise Ceiling
        return len(rows)

    def opens(self, place: str) -> datetime:
        """From when on a place should be written to."""
        if self.announcement.draft.urgent:
            return self.now
        if place not in self._opens:
            self._opens[place] = connectivity.best_at(self.city, place, self.now, self.announcement.draft.until)
        return self._opens[place]

    def is_brief(self, place: str, channel: str) -> bool:
        if place not in self._profiles:
            self._profiles[place] = connectivity.profile(self.city, place)
        return connectivity.is_brief(self._profiles[place], channel)

    def printed(self, channel: str, language: str, brief: bool, template: Template | None) -> Printed:
        """The message for all who get the same."""
        key = (channel, language, brief, template.sid if template else "")
        if key not in self._printed:
            shape, words = self.desk.channels[channel], self.announcement.draft.words
            part = outbound(shape, words, language, brief, template)[0]
            price = self.city.delivery.price
            if channel == "sms":
                pesos = price(channel, "segment", part.segments)
            else:
                pesos = price(channel, template.category if template else "message")
            self._printed[key] = Printed(self.desk.ink.seal(part.packed(), self.now), part.segments, pesos)
        return self._printed[key]


@dataclass
class Batch:
    """What is decided of some recipients on one lane."""

    feed: Feed
    lane: str
    queued: list[tuple[Row[Any], Printed]] = field(default_factory=list)
    moved: list[dict[str, Any]] = field(default_factory=list)
    later: list[dict[str, Any]] = field(default_factory=list)
    elsewhere: dict[int, str] = field(default_factory=dict)

    def decide(self, row: Row[Any]) -> None:
        """Look at a recipient again: whatever may have changed since they were selected."""
        reason = self._unwanted(row)
        if row.before in outbox.ARRIVED:
            self._move(row.person_id, "settled", "")
        elif reason:
            self._move(row.person_id, "skipped", reason)
        elif row.reach == "blocked":
            self.elsewhere[row.person_id] = "blocked"
        elif (opens := self.feed.opens(row.place)) > self.feed.now:
            self._wait(row.person_id, opens, "")
        elif self._capped(row):
            self._wait(row.person_id, row.oldest + A_WEEK, "cap")
        else:
            self._queue(row)

    def _unwanted(self, row: Row[Any]) -> str:
        """Why somebody is not to hear of it any more."""
        if not row.agreed:
            return "withdrawn"
        if not row.still:
            return "voted" if self.feed.announcement.draft.audience.voted_in else "changed"
        if row.reach == "stopped":
            return "stopped"
        return "abroad" if row.abroad else ""

    def _capped(self, row: Row[Any]) -> bool:
        """Whether this person was written to often enough this week; duties and what is urgent do not count."""
        draft = self.feed.announcement.draft
        exempt = bool(draft.urgent or draft.audience.roles or row.tries)
        return not exempt and row.number >= self.feed.city.delivery.weekly

    def _queue(self, row: Row[Any]) -> None:
        feed, template = self.feed, None
        if self.lane == "whatsapp" and feed.now - row.heard_at >= WINDOW:
            template = feed.templates.for_(feed.announcement.draft.topic, row.language)
            if template is None:
                self._lack(row)
                return
            if template.category == "marketing" and row.declined_at is not None:
                self.elsewhere[row.person_id] = "declined"
                return
        brief = feed.is_brief(row.place, self.lane)
        self.queued.append((row, feed.printed(self.lane, row.language, brief, template)))

    def _lack(self, row: Row[Any]) -> None:
        """There is no template for somebody whom WhatsApp takes nothing else for."""
        if row.by_sms:
            self.elsewhere[row.person_id] = "template"
        else:
            self._wait(row.person_id, self.feed.now + WAIT, "template")

    def _wait(self, person: int, due: datetime, why: str) -> None:
        if due >= self.feed.announcement.draft.until:
            self._move(person, "skipped", why or "late")
        else:
            self.later.append({**self._whose(person), "why": why, "due": due})

    def _move(self, person: int, became: str, why: str) -> None:
        self.moved.append({**self._whose(person), "became": became, "why": why})

    def _whose(self, person_id: int) -> dict[str, Any]:
        return {"announcement": self.feed.announcement.id, "person": person_id}

    def write(self, connection: Connection, slots: Slots) -> bool:
        """Carry out what was decided, as far as the day's money lasts; whether it was too little."""
        short = self._afford(connection)
        now, lane = self.feed.now, {"lane": self.lane, "kind": "announcement"}
        rows = [
            {**lane, "contact_id": row.contact_id, **printed.as_row(), "due_at": slots.take()}
            for row, printed in self.queued
        ]
        ids = outbox.queue_many(connection, rows, now)
        marks = [
            {**self._whose(row.person_id), "message": id, "at": now, "pesos": printed.pesos}
            for (row, printed), id in zip(self.queued, ids, strict=True)
        ]
        recipients.mark(connection, marks)
        self._readdress(connection)
        recipients.move(connection, self.moved)
        recipients.postpone(connection, self.later)
        return short

    def _afford(self, connection: Connection) -> bool:
        """Count the cost against the day's ceiling; what it does not last for is left waiting."""
        day, ceiling = self.feed.city.hours.today(self.feed.now), self.feed.city.delivery.daily
        pesos = sum(printed.pesos for _row, printed in self.queued)
        if not pesos or spending.spend(connection, day, PURPOSE, pesos, ceiling):
            return False
        left, affordable = ceiling - spending.on(connection, day).get(PURPOSE, 0), []
        for row, printed in self.queued:
            left -= printed.pesos
            if left < 0:
                break
            affordable.append((row, printed))
        pesos = sum(printed.pesos for _row, printed in affordable)
        # Others may have spent in the meantime: then nothing is queued this time.
        self.queued = affordable if spending.spend(connection, day, PURPOSE, pesos, ceiling) else []
        return True

    def _readdress(self, connection: Connection) -> None:
        """Who cannot be reached there is written to by another contact, if there is one."""
        for why in dict.fromkeys(self.elsewhere.values()):
            people = [person for person, reason in self.elsewhere.items() if reason == why]
            channels = ("sms",) if why == "template" else recipients.CHANNELS
            found = other_contacts(connection, self.feed, people, channels, marketing=why == "declined")
            recipients.readdress(connection, [{**self._whose(p), **found[p]} for p in people if p in found])
            for person in (p for p in people if p not in found):
                if why == "template":
                    self._wait(person, self.feed.now + WAIT, why)
                else:
                    self._move(person, "skipped", why)


def give_back(connection: Connection, city: Catalogue, charges: Iterable[recipients.Charge]) -> None:
    """What was never sent costs nothing: its day has that money again."""
    days: Counter[date] = Counter()
    for queued_at, pesos in charges:
        days[city.hours.today(queued_at)] += pesos
    for day in sorted(days):  # in order: of two that give back at once neither waits for the other
        spending.give_back(connection, day, PURPOSE, days[day])


def other_contacts(
    connection: Connection, feed: Feed, people: Sequence[int], channels: Sequence[str], marketing: bool = False
) -> Mapping[int, dict[str, Any]]:
    """Where else these people may be written to now, as `storage.recipients.readdress` takes it."""
    if not people:
        return {}
    wanted = feed.announcement.draft.audience.channels
    allowed = [channel for channel in channels if not wanted or channel in wanted or channel == "sms"]
    countries = feed.city.delivery.countries
    found = recipients.others(connection, feed.announcement.id, people, countries, allowed, marketing)
    return {person: {"contact": id, "by": by, "due": feed.now} for person, (id, by) in found.items()}
