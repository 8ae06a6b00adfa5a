"""Broadcasts: how an approved announcement becomes messages: selecting, feeding and settling, each a tick of the clock.

Selecting makes a row of each person of the audience, a slice of people in one statement. Feeding tops the outbox up
with little more than each lane sends until the next tick, and looks at everything again that may have changed since:
so pausing, cancelling, opting out and the ceiling act from the next message on, and replies never wait behind a crowd.
Settling looks at what became of the messages: it tries again, takes another contact, and ends what is over.

Each batch is one short transaction in the announcement's lock. So whatever is killed leaves whole batches, and of two
that feed at once the second finds what the first left over.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from bot import connectivity, progress
from bot.announcement_words import outbound
from bot.catalogue import Catalogue, NothingLoaded
from bot.hours import Hours
from bot.templates import DECLARED, Template, Templates, Unfit
from bot.turn import Desk
from storage import announcements, audiences, outbox, recipients, spending
from storage import catalogue as shelf
from storage.announcements import Announcement
from storage.audiences import UNREAD
from storage.database import reading, transaction

log = structlog.get_logger()

SLICE = 1_000
"""People that are looked at in one transaction of selecting."""

BATCH = 250
"""Messages that are queued in one transaction, and recipients that are settled in one."""

MOST_BATCHES = 20
"""Batches of one lane in a tick, where many recipients turn out to have to wait."""

EVERY = 2.0
AHEAD = 4.0
"""Seconds between two ticks of feeding, and for how long what waits in the outbox lasts a lane."""

FETCHED = 200
"""Messages a tick for the channels that people fetch from: nobody knows when they come."""

WINDOW = timedelta(hours=24)
"""For that long after somebody wrote WhatsApp takes any words (channels.md 3.5)."""

A_WEEK = timedelta(days=7)
WAIT = timedelta(hours=1)
"""Until who needs a template that is not approved is looked at again."""

FINAL = timedelta(hours=72)
"""So long after its end an announcement's figures are final: until then people answer, and phones come back."""

WHILE_OPEN = ("opens", "half", "two-days", "three-hours")
"""Reminders that make no sense once their consultation is not open."""

AGAIN = ("30003", "30008", "63012", "expired")
"""Why messages fail that may pass another time: the phone was off, the channel had a fault, nothing could be sent."""

BY_SMS = ("63003", "63015", "63016", "63024", "63032", "63040", "63041", "63042", "63049")
"""Why WhatsApp does not take a message that may go by SMS: no such user, no template, Meta declined it."""

PURPOSE = "announcements"


class Ceiling(Exception):
    """The day's money does not last for the next message."""


# Selecting


def select(desk: Desk, now: datetime) -> int:
    """Begin what is due, and select its recipients; how many slices of people were looked at."""
    city = _city(desk)
    if city is None:
        return 0
    with reading(desk.engine) as connection:
        found = announcements.in_state(connection, "approved", "sending")
    slices = 0
    for each in found:
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


def fault(desk: Desk, city: Catalogue, announcement: Announcement) -> str:
    """Why it cannot go out: a place of its audience is none of the city's any more, or its words take more than one
    message; nothing where it can."""
    if _astray(city, announcement):
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


def _astray(city: Catalogue, announcement: Announcement) -> bool:
    return not set(announcement.draft.audience.places) <= set(city.city.territory.places)


def _slice(desk: Desk, city: Catalogue, announcement: Announcement, now: datetime) -> bool:
    """Select from the next slice of people; False where that was the last, or it is not sent any more."""
    draft = announcement.draft
    with transaction(desk.engine) as connection:
        held = announcements.hold(connection, announcement.id)
        if held is None or held.state != "sending" or held.selected_at is not None:
            return False
        last = recipients.select_slice(
            connection, held.id, draft.audience, draft.topic, city.delivery.countries, held.selected_to, SLICE, now
        )
        values = {"selected_at": now} if last is None else {"selected_to": last}
        announcements.change(connection, held.id, **values)
    return last is not None


# Feeding


@dataclass(frozen=True)
class Printed:
    """A message as the outbox takes it, and what it costs in pesos."""

    sealed: bytes
    segments: int
    pesos: int


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

    def run(self, lane: str, room: int) -> int:
        """Queue up to `room` messages of a lane; how many. Raises Ceiling."""
        queued = 0
        for _n in range(MOST_BATCHES):
            if queued >= room:
                break
            looked, number = self._batch(lane, room - queued)
            queued += number
            if not looked:
                break
        return queued

    def _batch(self, lane: str, room: int) -> tuple[int, int]:
        """One transaction: how many recipients were looked at, and how many messages were queued."""
        draft, countries = self.announcement.draft, self.city.delivery.countries
        with transaction(self.desk.engine) as connection:
            held = announcements.hold(connection, self.announcement.id)
            if held is None or held.state != "sending":
                return 0, 0
            rows = recipients.due(
                connection, held.id, draft.audience, draft.topic, countries, lane, self.now, self.now - A_WEEK, BATCH
            )
            batch = Batch(self, lane)
            for row in rows:
                if len(batch.queued) == room:
                    break
                batch.decide(row)
            short = batch.write(connection)
        if short:
            raise Ceiling
        return len(rows), len(batch.queued)

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

    def write(self, connection: Connection) -> bool:
        """Carry out what was decided, as far as the day's money lasts; whether it was too little."""
        short = self._afford(connection)
        now, lane = self.feed.now, {"lane": self.lane, "kind": "announcement"}
        rows = [
            {**lane, "contact_id": row.contact_id, "sealed": printed.sealed, "segments": printed.segments}
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
        for why, channels in (("blocked", recipients.CHANNELS), ("template", ("sms",))):
            people = [person for person, reason in self.elsewhere.items() if reason == why]
            found = other_contacts(connection, self.feed, people, channels)
            recipients.readdress(connection, [{**self._whose(p), **found[p]} for p in people if p in found])
            for person in (p for p in people if p not in found):
                if why == "template":
                    self._wait(person, self.feed.now + WAIT, why)
                else:
                    self._move(person, "skipped", why)


def other_contacts(
    connection: Connection, feed: Feed, people: Sequence[int], channels: Sequence[str]
) -> Mapping[int, dict[str, Any]]:
    """Where else these people may be written to now, as `storage.recipients.readdress` takes it."""
    if not people:
        return {}
    wanted = feed.announcement.draft.audience.channels
    allowed = [channel for channel in channels if not wanted or channel in wanted or channel == "sms"]
    found = recipients.others(connection, feed.announcement.id, people, feed.city.delivery.countries, allowed)
    return {person: {"contact": id, "by": by, "due": feed.now} for person, (id, by) in found.items()}


def feed(desk: Desk, rates: Mapping[str, float], now: datetime) -> int:
    """Top up the outbox for lanes that send `rates` messages a second; how many messages were queued."""
    city = _city(desk)
    if city is None:
        return 0
    with reading(desk.engine) as connection:
        moving, waiting = announcements.moving(connection), outbox.announced(connection)
        templates = Templates.read(connection) if moving else Templates({})
    for each in moving:
        if waiting:
            _recall(desk, each, now)
        if each.state == "paused" and each.hold == "ceiling":
            _resume(desk, city, each, now)
    sending = [each for each in moving if each.state == "sending" and _may_go(desk, city, each, now)]
    feeds = [Feed(desk, city, templates, each, now) for each in sorted(sending, key=_order)]
    numbers: Counter[str] = Counter()
    for lane, room in _rooms(rates, waiting):
        for one in feeds:
            numbers[lane] += _fed(one, lane, room - numbers[lane])
    if numbers.total():
        log.info("broadcast.fed", **{lane: number for lane, number in numbers.items() if number})
    return numbers.total()


def _order(announcement: Announcement) -> tuple[bool, int]:
    """What is urgent goes first, then what was made first."""
    return not announcement.draft.urgent, announcement.id


def _rooms(rates: Mapping[str, float], waiting: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """How many messages each lane takes now."""
    for lane, rate in rates.items():
        yield lane, int(max(rate * AHEAD, 1)) - waiting.get(lane, 0)
    for lane in UNREAD:
        yield lane, FETCHED


def _fed(feed: Feed, lane: str, room: int) -> int:
    """How many messages of an announcement were queued in a lane; it is held where the day's money is spent."""
    try:
        return feed.run(lane, room)
    except Ceiling:
        with transaction(feed.desk.engine) as connection:
            announcements.move(connection, feed.announcement.id, ("sending",), "paused", hold="ceiling")
        log.warning("broadcast.ceiling", announcement=feed.announcement.id)
        return 0


def _resume(desk: Desk, city: Catalogue, announcement: Announcement, now: datetime) -> None:
    """What the ceiling held goes on as soon as there is room for one more message of any kind: on the next day, or
    when the staff raise it."""
    with transaction(desk.engine) as connection:
        spent = spending.on(connection, city.hours.today(now)).get(PURPOSE, 0)
        if dearest(desk, city, announcement) <= city.delivery.daily - spent:
            announcements.move(connection, announcement.id, ("paused",), "sending", hold="")


def dearest(desk: Desk, city: Catalogue, announcement: Announcement) -> int:
    """What one message of it costs at most, in pesos."""
    words, price = announcement.draft.words, city.delivery.price
    segments = max(
        part.segments for language in words for part in outbound(desk.channels["sms"], words, language, True)
    )
    charged = ("message", announcement.draft.category)
    return max(price("sms", "segment", segments), *(price("whatsapp", what) for what in charged))


def _may_go(desk: Desk, city: Catalogue, announcement: Announcement, now: datetime) -> bool:
    """Whether it may go on: it is not over, nor of a consultation that is, and somewhere it is an hour to write at."""
    if now >= announcement.draft.until or _closed(city, announcement, now):
        return False
    if _astray(city, announcement):
        with transaction(desk.engine) as connection:
            announcements.move(connection, announcement.id, ("sending",), "paused", hold="audience")
        return False
    hours: list[Hours] = [city.hours, *city.delivery.hours.values()]
    return bool(announcement.draft.urgent) or any(each.allow(now) for each in hours)


def _closed(city: Catalogue, announcement: Announcement, now: datetime) -> bool:
    if announcement.kind not in WHILE_OPEN:
        return False
    listed = city.consultations.get(announcement.subject)
    return listed is None or listed.phase(now) != "open"


def _recall(desk: Desk, announcement: Announcement, now: datetime) -> None:
    """Take back from the outbox what is not to go any more: all of it, or what is for those who left the audience."""
    draft = announcement.draft
    short = announcement.state == "paused" and announcement.hold == "ceiling"  # what was queued is paid for
    goes = (announcement.state == "sending" or short) and now < draft.until
    unless = audiences.condition(draft.audience, draft.topic) if goes else None
    with transaction(desk.engine) as connection:
        number = recipients.recall(connection, announcement.id, unless, now)
    if number:
        log.info("broadcast.recalled", announcement=announcement.id, number=number)


# Settling


def settle(desk: Desk, now: datetime) -> None:
    """Look at what became of the messages, and end what is over."""
    city = _city(desk)
    if city is None:
        return
    with reading(desk.engine) as connection:
        moving, finished = announcements.moving(connection), announcements.uncounted(connection, now - FINAL)
    for each in moving:
        _settle(desk, city, each, now)
    for each in finished:
        _count(desk, city, each, now)


def _settle(desk: Desk, city: Catalogue, announcement: Announcement, now: datetime) -> None:
    """One announcement that is not finished."""
    draft, why = announcement.draft, ""
    if announcement.state == "cancelled":
        why = "closed" if announcement.hold == "closed" else "cancelled"
    elif _closed(city, announcement, now):
        why = "closed"
        with transaction(desk.engine) as connection:
            announcements.move(connection, announcement.id, ("sending", "paused"), "cancelled", hold="closed")
    elif now >= draft.until:
        why = "late"
    with transaction(desk.engine) as connection:
        if why:
            recipients.recall(connection, announcement.id, None, now)
        recipients.settle(connection, announcement.id)
    while why and _skip(desk, announcement.id, why):
        pass
    # What is over is not tried again: whatever was sent is all there will be.
    before = now if why else now - city.delivery.sms_after
    lost = Feed(desk, city, Templates({}), announcement, now)
    while _settle_lost(lost, before, over=bool(why)):
        pass
    _finish(desk, announcement.id, why, now)


def _skip(desk: Desk, id: int, why: str) -> int:
    with transaction(desk.engine) as connection:
        return recipients.skip(connection, id, why, SLICE)


def _settle_lost(feed: Feed, before: datetime, over: bool) -> int:
    """Decide of some whose message failed, or did not arrive in time; how many there were."""
    with transaction(feed.desk.engine) as connection:
        rows = recipients.undelivered(connection, feed.announcement.id, before, BATCH)
        moved: list[dict[str, Any]] = []
        later: list[dict[str, Any]] = []
        elsewhere: list[dict[str, Any]] = []
        ways = {row.person_id: ((), None) if over else _way(feed, row) for row in rows}
        for channels in {way[0] for way in ways.values() if way[0]}:
            people = [person for person, way in ways.items() if way[0] == channels]
            found = other_contacts(connection, feed, people, channels)
            elsewhere += [{"announcement": feed.announcement.id, "person": p, **found[p]} for p in found]
        gone = {each["person"] for each in elsewhere}
        for row in (row for row in rows if row.person_id not in gone):
            whose = {"announcement": feed.announcement.id, "person": row.person_id}
            due = ways[row.person_id][1]
            if due is not None:
                later.append({**whose, "why": "", "due": due})
            else:
                moved.append({**whose, "became": "settled", "why": ""})
        recipients.readdress(connection, elsewhere)
        recipients.postpone(connection, later)
        recipients.move(connection, moved)
    return len(rows)


Way = tuple[Sequence[str], datetime | None]


def _way(feed: Feed, row: Row[Any]) -> Way:
    """How somebody may yet be reached: on which other channels, or when by the same one."""
    by_sms = ("sms",) if row.channel == "whatsapp" and row.by_sms else ()
    if row.became == "sent":
        return by_sms, None
    if row.error == "uncertain" or row.reach == "stopped":
        return (), None
    if row.reach == "blocked":
        return recipients.CHANNELS, None
    if row.error in BY_SMS:
        return by_sms, None
    return (), _again_at(feed, row) if row.error in AGAIN else None


def _again_at(feed: Feed, row: Row[Any]) -> datetime | None:
    """When a message that failed is tried again; at once if nothing was sent at all."""
    if row.error == "expired":
        return feed.now
    return connectivity.again_at(feed.city, row.place, row.tries, feed.now, feed.announcement.draft.until)


def _finish(desk: Desk, id: int, why: str, now: datetime) -> None:
    """It is over when everybody is selected, nobody waits and nothing is under way."""
    with transaction(desk.engine) as connection:
        held = announcements.hold(connection, id)
        if held is None or (held.selected_at is None and not why) or recipients.is_open(connection, id):
            return
        if held.state == "cancelled":
            announcements.change(connection, id, finished_at=now)
        elif held.state == "sending" or why:
            announcements.move(connection, id, ("sending", "paused"), "sent", finished_at=now)
        else:
            return
    log.info("broadcast.finished", announcement=id)


def _count(desk: Desk, city: Catalogue, announcement: Announcement, now: datetime) -> None:
    """Its figures are final: nothing that happens later, nor to whom it was told, changes them."""
    with transaction(desk.engine) as connection:
        held = announcements.hold(connection, announcement.id)
        if held is None or held.counted_at is not None:
            return
        rows = [
            {"announcement_id": held.id, **line.as_row()} for line in progress.results(connection, city, announcement)
        ]
        recipients.keep(connection, rows)
        announcements.change(connection, held.id, counted_at=now)
    log.info("broadcast.counted", announcement=announcement.id)


def _city(desk: Desk) -> Catalogue | None:
    try:
        with reading(desk.engine) as connection:
            return desk.catalogue(connection, shelf.revision(connection))
    except NothingLoaded:
        return None
