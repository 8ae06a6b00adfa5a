"""Measurement: how well messages reach each unit, from what became of those of the last four weeks."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.catalogue import NothingLoaded
from bot.connectivity import SAMPLE
from bot.desk import Desk
from storage import catalogue as shelf
from storage import connectivity, ticks
from storage.connectivity import Signal
from storage.database import reading, transaction

TICK = "connectivity"
EVERY, LOOKS_BACK = timedelta(days=1), timedelta(days=28)

BEST = 4
"""Hours of the day that are called the best ones, at most."""

ENOUGH = 10
"""Messages that must have waited in an hour of the day before anything is said of it."""

A_DAY = 24


@dataclass
class Tally:
    """The messages of one unit: how many arrived after how many minutes and how many too late; by hour of the day how
    many were on their way then, and how many of these arrived in it."""

    late: int = 0
    minutes: Counter[int] = field(default_factory=Counter)
    waited: Counter[int] = field(default_factory=Counter)
    arrived: Counter[int] = field(default_factory=Counter)

    def add(self, out: int, to: int | None, minutes: int | None, messages: int) -> None:
        """Count messages that went out in one hour and came in another; in none, where they took more than a day.

        That is the chance of an hour whatever the hour of sending: else the hours would win in which we send most.
        """
        if to is None or minutes is None:
            self.late += messages
            hours = list(range(A_DAY))
        else:
            self.minutes[minutes] += messages
            self.arrived[to] += messages
            # A day less a minute after 10:59 is 10:58: it was on its way for the whole day, not for no hour.
            hours = [(out + n) % A_DAY for n in range(A_DAY if to == out and minutes >= 60 else (to - out) % A_DAY + 1)]
        for hour in hours:
            self.waited[hour] += messages

    def signal(self, ahead: int) -> Signal | None:
        """What it comes to, on a clock `ahead` hours of UTC; None where there are too few to say anything."""
        sample = self.late + self.minutes.total()
        if sample < SAMPLE:
            return None
        chances = {hour: self.arrived[hour] / waited for hour, waited in self.waited.items() if waited >= ENOUGH}
        best = sorted((hour for hour in chances if chances[hour]), key=lambda hour: (-chances[hour], hour))[:BEST]
        return Signal(
            sample=sample,
            late=round(1000 * self.late / sample),
            seconds=self._median(),
            hours=tuple(sorted((hour + ahead) % A_DAY for hour in best)),
        )

    def _median(self) -> int:
        """The seconds in which half of those that arrived had done so; none arrived: 0."""
        left = math.ceil(self.minutes.total() / 2)
        for minutes, messages in sorted(self.minutes.items()):
            left -= messages
            if left <= 0:
                return (minutes + (1 if minutes < 60 else 60)) * 60
        return 0


def take(desk: Desk) -> bool:
    """Measure each unit anew, unless that was done within a day; whether it was done now."""
    now = desk.clock()
    with reading(desk.engine) as connection:
        last = ticks.last(connection, TICK)
        if last is not None and now - last < EVERY:
            return False
        try:
            city = desk.catalogue(connection, shelf.revision(connection))
        except NothingLoaded:
            return False
        tallies: defaultdict[str, Tally] = defaultdict(Tally)
        for rows in connectivity.deliveries(connection, now - LOOKS_BACK, now):
            for row in rows:
                unit = city.city.territory.containing(row.place, "unit")
                if unit is not None:
                    tallies[unit.code].add(row.out, row.to, row.minutes, row.messages)
    ahead = hours_ahead(city.hours.zone, now)
    found = {unit: signal for unit, tally in tallies.items() if (signal := tally.signal(ahead)) is not None}
    with transaction(desk.engine) as connection:
        shelf.changed(connection)
        connectivity.measure(connection, found, now)
        ticks.mark(connection, TICK, now)
    return True


def hours_ahead(zone: ZoneInfo, now: datetime) -> int:
    """Whole hours by which a zone's clocks are ahead of UTC today; a change of them in the last weeks is let go."""
    offset = now.astimezone(zone).utcoffset()
    return round(offset / timedelta(hours=1)) if offset is not None else 0
