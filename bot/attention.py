"""What needs somebody's attention today: dates of consultations, where few take part, the plan, deliveries, the desk.

Only read and computed; it costs the same few statements however many people or messages there are.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bot.announcements.template_status import WITHHELD, Known, known
from bot.catalogue import Catalogue
from bot.reconciler import MISSED
from bot.standing import standings
from bot.upkeep import HEARTBEAT, WEBHOOK_FAILED
from flows.language import Phrase
from flows.plan import Milestone, Plan, Standing
from flows.territory import Place
from storage import approvals, ideas, outbox, parked, requests, spending, templates, ticks, turnouts, voices
from storage.approvals import Approval

SOON = timedelta(days=7)
"""How long before it opens or closes a consultation is named."""

QUIET = 0.5
"""A unit with less than this share of an average unit's turnout is one that is hardly heard."""

FILTERED, MANY_FILTERED = "30007", 0.02
"""What a phone company says of an SMS that it takes for spam, and the share of a day's SMS above which that is many:
the words have to change, or the company has to be told who is writing."""

DAY = timedelta(days=1)
LATE_BEAT = timedelta(minutes=2)


@dataclass(frozen=True)
class Dated:
    """A consultation at which something happens: `what` is opens, closes, count or publish; `at` is when."""

    slug: str
    title: Phrase
    what: str
    at: datetime


@dataclass(frozen=True)
class Unheard:
    """Where few take part in an open consultation: a unit and how many (None: fewer than five), the average of all."""

    slug: str
    place: Place
    people: int | None
    average: float


@dataclass(frozen=True)
class Owed:
    """A milestone that is due soon, late, or of which nobody has reported for long; or whose report waits."""

    plan: Plan
    milestone: Milestone
    standing: Standing


@dataclass(frozen=True)
class Attention:
    """Everything of a day.

    `ideas` wait for an answer. Of the data `requests`, `requests_soon` are due within a week or late. `waiting` waits
    for a second person. `failed`: by channel, how many messages of the last day failed, and of how many; `filtered`:
    how many SMS the phone companies took for spam, where those are many. `unanswered`: by reason, how many messages
    of today got no answer for its price. `withheld` are WhatsApp templates that may not be used.
    """

    dated: list[Dated]
    unheard: list[Unheard]
    soon: list[Owed]
    late: list[Owed]
    silent: list[Owed]
    judging: list[Owed]
    objections: int
    ideas: int
    requests: int
    requests_soon: int
    waiting: list[Approval]
    failed: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    filtered: int = 0
    unanswered: Mapping[str, int] = field(default_factory=dict)
    withheld: Sequence[Known] = ()
    parked: int = 0
    beat: datetime | None = None
    resting: bool = False
    missed: datetime | None = None
    webhook_failed: datetime | None = None


def attention(
    connection: Connection, city: Catalogue, now: datetime, offices: Container[str] | None = None
) -> Attention:
    """What needs attention at `now`. With `offices` (`<plan>/<office>`), of the plan only what these answer for."""
    owed = _owed(connection, city, now, offices)
    objections = [row for row in voices.unanswered(connection) if _answers(city, row.milestone, offices)]
    requests_open, requests_soon = requests.waiting(connection, city.hours.today(now) + SOON)
    beat, failed = ticks.last(connection, HEARTBEAT), _failed(connection, now - DAY)
    return Attention(
        dated=_dated(city, now),
        unheard=_unheard(connection, city, now),
        soon=[each for each in owed if each.standing.phase == "soon"],
        late=[each for each in owed if each.standing.phase == "late"],
        silent=[each for each in owed if each.standing.silent],
        judging=[each for each in owed if each.standing.report and each.standing.verdict.outcome == "pending"],
        objections=len(objections),
        ideas=sum(n["new"] + n["drafted"] for n in ideas.numbers(connection).values()),
        requests=requests_open,
        requests_soon=requests_soon,
        waiting=approvals.waiting(connection),
        failed=failed,
        filtered=_filtered(connection, now - DAY, failed),
        unanswered=spending.unanswered(connection, city.hours.today(now)),
        withheld=[each for each in known(templates.every(connection)) if each.status in WITHHELD],
        parked=parked.count_since(connection, now - DAY),
        beat=beat,
        resting=beat is None or now - beat > LATE_BEAT,
        missed=_within(ticks.last(connection, MISSED), now),
        webhook_failed=_within(ticks.last(connection, WEBHOOK_FAILED), now),
    )


def _dated(city: Catalogue, now: datetime) -> list[Dated]:
    """The consultations with a date near by, or with a step that somebody has to take; the earliest first."""
    found = []
    for slug, listed in city.consultations.items():
        row, title, phase = listed.row, listed.seen.title, listed.phase(now)
        if phase == "scheduled" and row.opens_at - now <= SOON:
            found.append(Dated(slug, title, "opens", row.opens_at))
        elif phase == "open" and row.closes_at - now <= SOON:
            found.append(Dated(slug, title, "closes", row.closes_at))
        elif phase == "closed":
            found.append(Dated(slug, title, "count", row.paper_until))
        elif phase == "counted":
            found.append(Dated(slug, title, "publish", row.paper_until))
    return sorted(found, key=lambda each: each.at)


def _unheard(connection: Connection, city: Catalogue, now: datetime) -> list[Unheard]:
    """The units below half of the average of all, by what was noted at the last full hour."""
    found = []
    units = [place for place in city.city.territory.places.values() if place.kind == "unit"]
    for slug, listed in city.consultations.items():
        noted = turnouts.latest(connection, slug) if listed.phase(now) == "open" and units else None
        people = noted[1]["people"] if noted else None
        if noted is None or people is None:  # too few for a word about where
            continue
        cells, average = noted[1]["unit"], people / len(units)
        quiet = [unit for unit in units if (cells.get(unit.code) or 0) < average * QUIET]
        found += [Unheard(slug, unit, cells.get(unit.code), average) for unit in quiet]
    return found


def _owed(connection: Connection, city: Catalogue, now: datetime, offices: Container[str] | None) -> list[Owed]:
    found = []
    for plan in city.plans.values():
        mine = [each for each in plan.milestones.values() if _is_of(plan.slug, each, offices)]
        stand = standings(connection, plan, city.hours.today(now), city.hours.zone, mine) if mine else {}
        found += [Owed(plan, each, stand[each.id]) for each in mine]
    return sorted(found, key=lambda each: each.milestone.span.last)


def _answers(city: Catalogue, milestone: str, offices: Container[str] | None) -> bool:
    return any(
        milestone in plan.milestones and _is_of(plan.slug, plan.milestones[milestone], offices)
        for plan in city.plans.values()
    )


def _is_of(plan: str, milestone: Milestone, offices: Container[str] | None) -> bool:
    return offices is None or any(f"{plan}/{office}" in offices for office in milestone.offices)


def _failed(connection: Connection, since: datetime) -> dict[str, tuple[int, int]]:
    """By channel: how many messages failed, of how many."""
    found: dict[str, tuple[int, int]] = {}
    for lane, state, number in outbox.counts_since(connection, since):
        failed, of = found.get(lane, (0, 0))
        found[lane] = failed + (number if state == "failed" else 0), of + number
    return {lane: numbers for lane, numbers in sorted(found.items()) if numbers[0]}


def _filtered(connection: Connection, since: datetime, failed: Mapping[str, tuple[int, int]]) -> int:
    """How many SMS were taken for spam, where that is more than a few."""
    of = failed.get("sms", (0, 0))[1]
    number = outbox.failed_since(connection, since, FILTERED) if of else 0
    return number if number > of * MANY_FILTERED else 0


def _within(at: datetime | None, now: datetime) -> datetime | None:
    """A moment of the last day; None for what is over."""
    return at if at is not None and now - at < DAY else None
