"""Hours: when a city may write to people first. Answers go out at any hour."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays

DEFAULT: Mapping[str, Any] = {"weekdays": [8, 19], "saturdays": [8, 13], "sundays": []}
"""Where a city states none: nobody is written to at night, on a Sunday or on a Saturday afternoon."""

FURTHEST = 30
"""Days that are looked ahead for an hour; no run of holidays is as long."""


@dataclass(frozen=True)
class Hours:
    """The hours (first, last) of each kind of day, empty for none, in a zone; `country` is whose holidays count."""

    zone: ZoneInfo
    country: str = ""
    spans: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, stated: Mapping[str, Any], zone: str) -> "Hours":
        spans = {kind: tuple(stated.get(kind, DEFAULT[kind])) for kind in DEFAULT}
        return cls(ZoneInfo(zone), stated.get("holidays", ""), spans)

    def today(self, now: datetime) -> date:
        """The day on the city's own calendar."""
        return now.astimezone(self.zone).date()

    def allow(self, now: datetime) -> bool:
        """Whether notices may go out at `now`."""
        local = now.astimezone(self.zone)
        span = self._span(local.date())
        return bool(span) and span[0] <= local.hour < span[1]

    def next(self, now: datetime) -> datetime:
        """The next moment at which notices may go out: `now` itself if they may."""
        if self.allow(now):
            return now
        local = now.astimezone(self.zone)
        for ahead in range(FURTHEST):
            day = local.date() + timedelta(days=ahead)
            span = self._span(day)
            opens = datetime.combine(day, time(span[0]), self.zone) if span else None
            if opens is not None and opens > local:
                return opens.astimezone(now.tzinfo)
        return now + timedelta(days=FURTHEST)

    def working_day(self, after: date, number: int, closures: Collection[date] = ()) -> date:
        """The `number`-th working day after a day: weekends, the country's holidays and closures do not count."""
        day = after
        while number:
            day += timedelta(days=1)
            number -= self._works(day, closures)
        return day

    def working_days(self, after: date, until: date, closures: Collection[date] = ()) -> int:
        """How many working days come after a day, up to and with another; none where that one is not later."""
        return sum(self._works(after + timedelta(days=n), closures) for n in range(1, (until - after).days + 1))

    def _works(self, day: date, closures: Collection[date]) -> bool:
        return day.weekday() < 5 and not self._is_holiday(day) and day not in closures

    def _is_holiday(self, day: date) -> bool:
        return bool(self.country) and day in _holidays(self.country, day.year)

    def _span(self, day: date) -> tuple[int, ...]:
        kind = {5: "saturdays", 6: "sundays"}.get(day.weekday(), "weekdays")
        return self.spans["sundays"] if self._is_holiday(day) else self.spans[kind]


@cache
def _holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=year))
