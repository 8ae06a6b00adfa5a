"""A simulated neighbourhood with a weak network: whom an announcement reaches by the plain policy and by ours.

The numbers, written down before the policy's results were:

- 500 people: 60 % are reached by WhatsApp, the others by SMS; half of the first agreed to an SMS instead.
- Each phone is on for 4 hours a day between 6:00 and 22:00. Everybody has four hours of habit, drawn for each seed; on
  a given day each of them is kept with a chance of 3 in 4, else it is another hour. Habits are either `mixed` (any hour
  as likely) or `shared` (three hours of the neighbourhood, drawn too, are five times as likely as another).
- Of the messages that come to a phone that is on, 20 % are lost, and the provider says so at once.
- A phone that is off: either the network `keeps` the message (WhatsApp until the phone is on, SMS for 4 hours) or it
  `drops` it after 10 minutes and the provider says so.
- Prices are those of Cartagena's delivery.toml: a WhatsApp template of the category utility, one segment of SMS.
- Announcements go out at 9:00 on a Tuesday and are of use for five days; the city allows 8:00 to 18:00 on weekdays.
- Plain: sent at once, and after a failure again in 5, 15 and 45 minutes.
- Ours: `bot.connectivity` with what `bot.measurement` learns from eight earlier announcements, which went out plainly
  on other days at 9:00 and 15:00; the staff said `low`. An SMS follows after 12 hours where it was agreed to.
- Equal spending: what the cheaper of the two spends unhindered is the ceiling of both.
"""

import heapq
import random
import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

from bench.world import prepare, settings_for
from bot import catalogue, connectivity
from bot.catalogue import Catalogue
from bot.measurement import Tally, hours_ahead
from storage.database import open_database, reading

SEEDS, PEOPLE, HABITS = range(1, 6), 500, 4
BY_WHATSAPP, AGREED, KEPT_HABIT, LOST = 0.6, 0.5, 0.75, 0.2
AWAKE, FAVOURITES, FAVOURED = range(6, 22), 3, 5
KEEPS = {"whatsapp": timedelta(days=30), "sms": timedelta(hours=4)}
DROPS = dict.fromkeys(KEEPS, timedelta(minutes=10))
PLAIN = [timedelta(minutes=minutes) for minutes in (5, 15, 45)]
UNIT, BARRIO, ZONE = "ucg-6", "el-pozon", ZoneInfo("America/Bogota")
STARTS = datetime(2022, 11, 15, 9, tzinfo=ZONE)
UNTIL = STARTS + timedelta(days=5)
EARLIER = [STARTS - timedelta(days=day) + timedelta(hours=6 * (day % 2)) for day in (4, 5, 6, 11, 12, 13, 18, 19)]
DAY, AN_HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass
class Town:
    """The people of one seed: what they have agreed to, and when their phones are on."""

    chance: random.Random
    shared: bool
    waits: dict[str, timedelta]
    people: list[tuple[str, bool, frozenset[int]]] = field(default_factory=list)
    _days: dict[tuple[int, int], frozenset[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        favourites = self.chance.sample(AWAKE, FAVOURITES)
        weights = [FAVOURED if self.shared and hour in favourites else 1 for hour in AWAKE]
        for _n in range(PEOPLE):
            channel = "whatsapp" if self.chance.random() < BY_WHATSAPP else "sms"
            habits: set[int] = set()
            while len(habits) < HABITS:
                habits.update(self.chance.choices(AWAKE, weights))
            self.people.append((channel, channel == "whatsapp" and self.chance.random() < AGREED, frozenset(habits)))

    def on(self, person: int, at: datetime) -> bool:
        """Whether a phone is on then."""
        key = person, at.date().toordinal()
        if key not in self._days:
            kept = {h for h in sorted(self.people[person][2]) if self.chance.random() < KEPT_HABIT}
            others = [hour for hour in AWAKE if hour not in kept]
            self._days[key] = frozenset(kept | set(self.chance.sample(others, HABITS - len(kept))))
        return at.hour in self._days[key]

    def carry(self, person: int, channel: str, at: datetime) -> tuple[bool, datetime]:
        """Whether a message arrives, and when that is known."""
        moment, ends = at, at + self.waits[channel]
        while not self.on(person, moment):
            moment = moment.replace(minute=0) + AN_HOUR
            if moment >= ends:
                return False, ends
        return self.chance.random() >= LOST, moment


Next = Callable[[int, datetime], datetime | None]
"""From how many messages failed and when the last one did, when the next one goes; None for no more."""


@dataclass(frozen=True)
class Policy:
    """When the first message goes and the next ones; `falls_back` says that an SMS may follow after that long."""

    first: datetime
    again: Next
    falls_back: timedelta | None = None


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as scratch:
        settings = settings_for(f"sqlite:///{scratch}/city.db", Path(scratch) / "keys", 1)
        prepare(settings)
        with reading(open_database(settings.database_url)) as connection:
            city = catalogue.read(connection)
    print(f"{'habits':8}{'network':9}{'policy':8}{'24 h':>8}{'72 h':>8}{'pesos a person':>16}   (median of 5 seeds)")
    for habits in ("shared", "mixed"):
        for network, waits in (("keeps", KEEPS), ("drops", DROPS)):
            found = [compared(city, habits == "shared", waits, seed) for seed in SEEDS]
            for name in ("plain", "ours"):
                day, three, pesos = (statistics.median(each[name][n] for each in found) for n in range(3))
                print(f"{habits:8}{network:9}{name:8}{day:>8.1%}{three:>8.1%}{pesos:>16.0f}")


def compared(city: Catalogue, shared: bool, waits: dict[str, timedelta], seed: int) -> dict[str, tuple[float, ...]]:
    """Both policies in the same town: the share delivered in a day and in three, and pesos for each person."""

    def town() -> Town:
        return Town(random.Random(seed), shared, waits)

    learnt = learn(city, town())
    policies = {
        "plain": Policy(STARTS, plain),
        "ours": Policy(
            connectivity.best_at(learnt, BARRIO, STARTS, UNTIL),
            lambda tries, at: connectivity.again_at(learnt, BARRIO, tries, at, UNTIL),
            city.delivery.sms_after,
        ),
    }
    ceiling = min(announce(city, town(), policy, None)[2] for policy in policies.values())
    return {name: announce(city, town(), policy, ceiling * PEOPLE) for name, policy in policies.items()}


def plain(tries: int, at: datetime) -> datetime | None:
    return at + PLAIN[tries - 1] if tries <= len(PLAIN) else None


def learn(city: Catalogue, town: Town) -> Catalogue:
    """The city with what earlier deliveries show of the neighbourhood."""
    tally = Tally()
    for sent in EARLIER:
        for person, (channel, _agreed, _habits) in enumerate(town.people):
            arrived, known = town.carry(person, channel, sent)
            if arrived and known - sent < DAY:
                minutes = int((known - sent) / timedelta(minutes=1))
                tally.add(utc(sent), utc(known), minutes if minutes < 60 else minutes // 60 * 60, 1)
            else:
                tally.add(utc(sent), None, None, 1)
    found = tally.signal(hours_ahead(ZONE, STARTS))
    assert found is not None
    return replace(city, signals={UNIT: replace(found, stated="low")})


def utc(at: datetime) -> int:
    return (at.hour - hours_ahead(ZONE, at)) % 24


def announce(city: Catalogue, town: Town, policy: Policy, ceiling: float | None) -> tuple[float, ...]:
    """Announce to everybody: the share that had it within a day and within three, and pesos for each person."""
    prices = {"whatsapp": city.delivery.price("whatsapp", "utility"), "sms": city.delivery.price("sms", "segment")}
    arrived: dict[int, datetime] = {}
    spent, order = 0, count()
    due = [(policy.first, next(order), person, channel, 0) for person, (channel, *_more) in enumerate(town.people)]
    heapq.heapify(due)
    for at, person, channel, tries in _taken(due):
        if arrived.get(person, UNTIL) <= at or at >= UNTIL:
            continue
        if ceiling is not None and spent + prices[channel] > ceiling:
            continue
        spent += prices[channel]
        came, known = town.carry(person, channel, at)
        if came:
            arrived[person] = min(known, arrived.get(person, known))
        if policy.falls_back and channel == "whatsapp" and tries == 0 and town.people[person][1]:
            heapq.heappush(due, (at + policy.falls_back, next(order), person, "sms", 0))
        again = None if came else policy.again(tries + 1, known)
        if again is not None:
            heapq.heappush(due, (again, next(order), person, channel, tries + 1))
    shares = [sum(at < STARTS + days * DAY for at in arrived.values()) / PEOPLE for days in (1, 3)]
    return (*shares, spent / PEOPLE)


def _taken(due: list[tuple[datetime, int, int, str, int]]) -> Iterator[tuple[datetime, int, str, int]]:
    while due:
        at, _order, person, channel, tries = heapq.heappop(due)
        yield at, person, channel, tries
