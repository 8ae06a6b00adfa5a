"""Connectivity: in which form, at which hours and how often a place is written to unasked.

Each place has a profile. `good` needs nothing; in `low` phones have a signal some hours a day; `sms` has no data to
speak of. The profile decides only what is sent first. Whoever writes to us has a signal: they are answered at once and
in full, but for pictures.

Which profile holds: the word of the staff, of the place or the nearest one above it; where they said nothing, the
city's file. Deliveries correct it one step for the worse, never for the better: what is measured of those who get our
messages says little of those who do not. A profile is clearly worse than its word where at least 30 messages of its
unit were measured and

    good   300 of 1000 did not arrive within a day, or half of the others took 6 hours or more
    low    600 of 1000 did not arrive within a day

`good` is written to at once and, where a message failed, once more an hour later. `low` and `sms` are written to at the
hours at which delivery worked best, if one of them comes within a day, else at once; where a message failed, up to
three times more, each on a later day. All this within the hours the city allows, and nothing after `until`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from bot.catalogue import Catalogue
from storage.connectivity import Signal

PROFILES = ("good", "low", "sms")
"""From the best network to the worst."""

SAMPLE = 30
"""Messages of a unit without which nothing is measured, nor shown: fewer could point at somebody."""

LATE: Mapping[str, int] = {"good": 300, "low": 600}
"""In a thousand: as many late ones contradict the profile."""

SLOW = timedelta(hours=6)
"""A median that contradicts `good`."""

AN_HOUR, LONGEST_WAIT = timedelta(hours=1), timedelta(days=1)
"""Until a message to a good place is tried again; and how long a good hour is waited for."""

TRIES: Mapping[str, int] = {"good": 2, "low": 4, "sms": 4}
"""Messages that one recipient may cost at most."""


NOTHING = Signal()
"""Of a place of which nothing is known."""


@dataclass(frozen=True)
class Standing:
    """The profile that holds at a place, and why: `word` is whose it was (staff, above, file), `worse` that deliveries
    corrected it. `said` is the word before that."""

    profile: str
    said: str
    word: str
    worse: bool


def standing(city: Catalogue, place: str | None) -> Standing:
    """Which profile holds at a place."""
    said, word = _word(city, place)
    worse = contradicts(measured(city, place), said)
    return Standing(PROFILES[PROFILES.index(said) + worse], said, word, worse)


def _word(city: Catalogue, place: str | None) -> tuple[str, str]:
    """The nearest word on a place, going up from it, and whose it is. The file says `good` where it says nothing."""
    for each in city.city.territory.above(place or ""):
        stated = city.signals.get(each.code, NOTHING).stated
        if stated:
            return stated, "staff" if each.code == place else "above"
        if each.profile != "good":
            return each.profile, "file"
    return "good", "file"


def contradicts(found: Signal, said: str) -> bool:
    """Whether deliveries were clearly worse than a profile says."""
    if found.sample < SAMPLE or said not in LATE:
        return False
    slow = said == "good" and timedelta(seconds=found.seconds) >= SLOW
    return found.late >= LATE[said] or slow


def profile(city: Catalogue, place: str | None) -> str:
    """The profile that holds at a place; `good` where none is known."""
    return standing(city, place).profile


def measured(city: Catalogue, place: str | None) -> Signal:
    """What was measured in the unit of a place; nothing where there were too few messages."""
    unit = city.city.territory.containing(place, "unit")
    return city.signals.get(unit.code, NOTHING) if unit is not None else NOTHING


def is_brief(profile: str, channel: str) -> bool:
    """Whether the short form without pictures is sent."""
    return channel == "sms" or profile != "good"


def best_at(city: Catalogue, place: str | None, now: datetime, until: datetime) -> datetime:
    """When a message that may go from `now` on should go. It may come after `until`, where no hour is allowed before.

    A good place, or one whose best hours do not come before `until`, is written to as soon as it is allowed.
    """
    hours = city.delivery.hours_at(city.city.territory, place or "")
    if profile(city, place) != "good":
        best, moment = measured(city, place).hours, now
        while moment < min(until, now + LONGEST_WAIT):
            local = moment.astimezone(hours.zone)
            if local.hour in best and hours.allow(moment):
                return moment
            moment = (local.replace(minute=0, second=0, microsecond=0) + AN_HOUR).astimezone(now.tzinfo)
    return hours.next(now)


def again_at(city: Catalogue, place: str | None, tries: int, now: datetime, until: datetime) -> datetime | None:
    """When a message that failed for the `tries`-th time should go again; None where it should not."""
    known = profile(city, place)
    if tries >= TRIES[known]:
        return None
    hours = city.delivery.hours_at(city.city.territory, place or "")
    if known == "good":
        again = hours.next(now + AN_HOUR)
    else:
        tomorrow = datetime.combine(hours.today(now) + timedelta(days=1), time(), hours.zone)
        again = best_at(city, place, tomorrow.astimezone(now.tzinfo), until)
    return again if again < until else None
