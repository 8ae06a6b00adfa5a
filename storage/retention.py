"""How long each kind of data is kept: as we ship it, and the least and most that a city may choose."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True)
class Period:
    """A length with its limits; people read and write it in `unit`s."""

    length: timedelta
    least: timedelta
    most: timedelta
    unit: timedelta = DAY

    def number(self, length: timedelta) -> int:
        """A length in this period's unit."""
        return length // self.unit

    def allows(self, number: object) -> bool:
        """Whether a city may choose so many units."""
        whole = isinstance(number, int) and not isinstance(number, bool)
        return whole and self.number(self.least) <= number <= self.number(self.most)  # type: ignore[operator]


def _days(length: int, least: int, most: int) -> Period:
    return Period(length * DAY, least * DAY, most * DAY)


PERIODS: Mapping[str, Period] = {
    "ids of messages": _days(4, 4, 30),
    "drafts and open talks": _days(28, 7, 28),
    "messages not delivered": Period(24 * HOUR, 6 * HOUR, 72 * HOUR, HOUR),
    "records of messages sent": _days(90, 30, 365),
    "parked errors": _days(90, 7, 365),
    "contacts without consent": _days(2, 1, 30),
    "people who fell silent": _days(730, 180, 730),
    "what people were told": _days(730, 701, 1095),
    "whom announcements reached": _days(30, 21, 90),
    "announcements": _days(1825, 365, 3650),
    "sessions and invitations of the staff": _days(7, 1, 90),
    "data requests": _days(1825, 365, 3650),
    "words of ideas": _days(730, 180, 1095),
}
"""Each with its reason for the limits in docs/deploy.md (Ley 1581 de 2012, art. 11)."""

RETENTION: Mapping[str, timedelta] = {kind: period.length for kind, period in PERIODS.items()}
"""What holds where a city has chosen nothing."""

PROMISED = "people who fell silent"
"""The consent notice names this one, so a city may only shorten it: nobody is kept longer than they were told."""


def lengths(chosen: Mapping[str, object]) -> Mapping[str, timedelta]:
    """What holds for a city that has chosen these numbers of units; what is not allowed counts as not chosen."""
    return {
        kind: period.unit * number if period.allows(number := chosen.get(kind)) else period.length  # type: ignore[operator]
        for kind, period in PERIODS.items()
    }
