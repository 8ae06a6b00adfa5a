"""The broadcast: the outbox is topped up with little more than each lane sends until the next tick.

So pausing, cancelling, opting out and the ceiling act from the next message on, and replies never wait behind a crowd.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from bot.announcements.feed import PURPOSE, Ceiling, Feed, Slots, give_back
from bot.announcements.obstacles import is_astray, is_closed
from bot.announcements.templates import Templates
from bot.announcements.words import outbound
from bot.catalogue import Catalogue
from bot.desk import Desk
from bot.hours import Hours
from storage import announcements, audiences, outbox, recipients, spending
from storage.announcements import Announcement
from storage.audiences import UNREAD
from storage.database import reading, transaction

log = structlog.get_logger()

EVERY = 2.0

AHEAD = 4.0
"""Seconds between two ticks of feeding, and for how long what waits in the outbox lasts a lane."""

SHARE = 0.985
"""Of a lane's pace, for announcements: a little less than it takes (`Pace.MARGIN`). They are due one after another, so
that a reply finds a gap at any moment."""

FETCHED = 200
"""Messages a tick for the channels that people fetch from: nobody knows when they come."""


def feed(desk: Desk, rates: Mapping[str, float], now: datetime, fetched: Sequence[str] = UNREAD) -> int:
    """Top up the outbox for lanes that send `rates` messages a second, and for channels that people fetch from; how
    many messages were queued."""
    city = desk.city()
    if city is None:
        return 0
    with reading(desk.engine) as connection:
        moving, waiting = announcements.moving(connection), outbox.announced(connection)
        templates = Templates.read(connection) if moving else Templates({})
    for each in moving:
        if waiting:
            _recall(desk, city, each, now)
        if each.is_short:
            _resume(desk, city, templates, each, now)
    sending = [each for each in moving if each.is_sent and _may_go(desk, city, each, now)]
    feeds = [Feed(desk, city, templates, each, now) for each in sorted(sending, key=_order)]
    numbers: Counter[str] = Counter()
    for slots in _rooms(rates, fetched, waiting, now):
        for one in feeds:
            numbers[slots.lane] += _fed(one, slots)
    if numbers.total():
        log.info("broadcast.fed", **{lane: number for lane, number in numbers.items() if number})
    return numbers.total()


def _order(announcement: Announcement) -> tuple[bool, int]:
    """What is urgent goes first, then what was made first."""
    return not announcement.draft.urgent, announcement.id


def _rooms(
    rates: Mapping[str, float], fetched: Sequence[str], waiting: Mapping[str, tuple[int, datetime]], now: datetime
) -> Iterator[Slots]:
    """How many messages each lane takes now."""
    for lane, rate in rates.items():
        number, last = waiting.get(lane, (0, now))
        step = timedelta(seconds=1 / (rate * SHARE))
        yield Slots(lane, int(max(rate * AHEAD, 1)) - number, max(now, last + step if number else now), step)
    for lane in fetched:
        yield Slots(lane, FETCHED, now, timedelta())


def _fed(feed: Feed, slots: Slots) -> int:
    """How many messages of an announcement were queued in a lane. Where the day's money is spent it is held: it goes
    on only where that costs nothing."""
    before = slots.left
    try:
        feed.run(slots)
    except Ceiling:
        with transaction(feed.desk.engine) as connection:
            announcements.move(connection, feed.announcement.id, ("sending",), "paused", hold="ceiling")
        log.warning("broadcast.ceiling", announcement=feed.announcement.id)
    return before - slots.left


def _resume(desk: Desk, city: Catalogue, templates: Templates, announcement: Announcement, now: datetime) -> None:
    """What the ceiling held goes on as soon as there is room for one more message of any kind: on the next day, or
    when the staff raise it."""
    with transaction(desk.engine) as connection:
        held = announcements.hold(connection, announcement.id)
        left = city.delivery.daily - spending.on(connection, city.hours.today(now)).get(PURPOSE, 0)
        if held is not None and held.is_short and dearest(desk, city, templates, held) <= left:
            announcements.move(connection, held.id, ("paused",), "sending", hold="")


def dearest(desk: Desk, city: Catalogue, templates: Templates, announcement: Announcement) -> int:
    """What one message of it costs at most, in pesos."""
    words, price = announcement.draft.words, city.delivery.price
    segments = max(
        part.segments for language in words for part in outbound(desk.channels["sms"], words, language, True)
    )
    approved = (templates.for_(announcement.draft.topic, language) for language in words)
    charged = {"message", *(template.category for template in approved if template is not None)}
    return max(price("sms", "segment", segments), *(price("whatsapp", what) for what in charged))


def _may_go(desk: Desk, city: Catalogue, announcement: Announcement, now: datetime) -> bool:
    """Whether it may go on: it is not over, nor of a consultation that is, and somewhere it is an hour to write at."""
    if now >= announcement.draft.until or is_closed(city, announcement, now):
        return False
    if is_astray(city, announcement):
        with transaction(desk.engine) as connection:
            announcements.move(connection, announcement.id, ("sending",), "paused", hold="audience")
        return False
    hours: list[Hours] = [city.hours, *city.delivery.hours.values()]
    return bool(announcement.draft.urgent) or any(each.allow(now) for each in hours)


def _recall(desk: Desk, city: Catalogue, announcement: Announcement, now: datetime) -> None:
    """Take back from the outbox what is not to go any more: all of it, or what is for those who left the audience."""
    draft = announcement.draft
    goes = announcement.is_sent and now < draft.until  # what was queued before the ceiling is paid for
    unless = audiences.condition(draft.audience, draft.topic) if goes else None
    with transaction(desk.engine) as connection:
        charges = recipients.recall(connection, announcement.id, unless, now)
        give_back(connection, city, charges)
    if charges:
        log.info("broadcast.recalled", announcement=announcement.id, number=len(charges))
