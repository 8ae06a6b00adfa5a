"""A plan: what the city promised, who answers for it, until when, and what each voice says of it.

Three voices are kept apart: what the office reported, what the committee said of that report, what the monitor graded.
Residents object. Whether something is due soon, late or silent is computed from these and the day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import ClassVar

from flows.language import Attachment, Command, Local, Option, Phrase, Query, _, many

SOON = 30
"""Days before its last day from which a milestone is due soon."""

STATES: Mapping[str, Phrase] = {
    "not-started": _("Not started"),
    "in-progress": _("In progress"),
    "stalled": _("Stalled"),
    "complete": _("Complete"),
}
"""What an office can report."""

GRADES: Mapping[str, Phrase] = {
    "no-evidence": _("No evidence"),
    "not-started": _("Not started"),
    "limited": _("Limited progress"),
    "substantial": _("Substantial progress"),
    "complete": _("Complete"),
}
"""What a monitor can find (OGP, Independent Reporting Mechanism: completion)."""


@dataclass(frozen=True)
class Span:
    """From the first to the last day; `by_month` where the plan names months only."""

    first: date
    last: date
    by_month: bool


@dataclass(frozen=True)
class Office:
    id: str
    name: Local
    short: Local


@dataclass(frozen=True)
class Sector:
    """A part of society with its number of seats in the committee."""

    id: str
    name: Local
    seats: int


@dataclass(frozen=True)
class Event:
    """An accountability event or period that residents may rate from `opens` to `closes`, both included."""

    id: str
    title: Local
    opens: date
    closes: date


@dataclass(frozen=True)
class Rules:
    """`quorum` seats must have judged a report; `tie` is what equal numbers mean: pending, objected or validated.

    An office is silent `silent_after` days after it should have said something. No notice goes out after
    `watched_until`. `assumed` names the rules that the plan itself does not state.
    """

    quorum: int
    tie: str
    silent_after: int
    watched_until: date
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Milestone:
    """`id` is `<commitment>.<number>`; `offices` are the ids of those who answer for it."""

    id: str
    commitment: str
    number: int
    title: Local
    short: Local
    official: str
    offices: tuple[str, ...]
    span: Span


@dataclass(frozen=True)
class Commitment:
    """`objective`, `areas` and `values` are ids in the plan; `proposal` of `consultation` is where it came from."""

    id: str
    number: int
    plan: str
    objective: str
    title: Local
    short: Local
    more: Local
    official: str
    leads: tuple[str, ...]
    partners: tuple[str, ...]
    areas: tuple[str, ...]
    values: tuple[str, ...]
    sdgs: tuple[int, ...]
    consultation: str
    proposal: str
    span: Span
    withdrawn: Local | None
    milestones: tuple[Milestone, ...]

    @property
    def option(self) -> Option:
        return Option(self.id, self.title, self.short)


@dataclass(frozen=True)
class Plan:
    """A whole plan. One that is marked as an example is made up. `ideas_until` is the last day for ideas, if any."""

    slug: str
    title: Local
    source: Local
    example: bool
    span: Span
    rules: Rules
    committee: Local
    monitor: Local
    objectives: Mapping[str, Local]
    areas: Mapping[str, Local]
    values: Mapping[str, Local]
    sectors: tuple[Sector, ...]
    events: tuple[Event, ...]
    offices: Mapping[str, Office]
    commitments: tuple[Commitment, ...]
    ideas_until: date | None = None

    @cached_property
    def milestones(self) -> Mapping[str, Milestone]:
        return {m.id: m for c in self.commitments for m in c.milestones}

    @cached_property
    def seats(self) -> Mapping[str, Sector]:
        """Every seat of the committee, by its id `<sector>-<number>`."""
        return {f"{sector.id}-{n}": sector for sector in self.sectors for n in range(1, sector.seats + 1)}

    def commitment(self, id: str) -> Commitment | None:
        return next((c for c in self.commitments if c.id == id), None)


@dataclass(frozen=True)
class Verdict:
    """What the committee has said of a report: how many seats validated and objected, and by sector (id, 1, 2)."""

    outcome: str = "pending"
    validated: int = 0
    objected: int = 0
    sectors: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True)
class Standing:
    """Where a milestone stands today.

    `reported` is the state of the newest report (None where there is none), `said` its text, `on` its day. `phase` is
    ahead, running, soon, late, ended, done or withdrawn; `days` how many are left, or how many it is late. `silent` is
    for how many days the office has said nothing, 0 while it owes no report. `decided` is the day on which the verdict
    became what it is (None while it is pending), `changed` that of the last report or judgement.
    """

    milestone: str
    phase: str
    days: int = 0
    silent: int = 0
    report: int | None = None
    reported: str | None = None
    said: str = ""
    office: str = ""
    on: date | None = None
    verdict: Verdict = field(default_factory=Verdict)
    evidence: int = 0
    objections: int = 0
    answered: int = 0
    decided: date | None = None
    changed: date | None = None


def phase(span: Span, today: date, done: bool, withdrawn: bool, watched_until: date) -> tuple[str, int]:
    """Where a milestone is by the calendar, and the days that are left or that it is late.

    Once nobody watches the plan any more, what was not reported complete has ended: nobody knows whether it is late.
    """
    if withdrawn:
        return "withdrawn", 0
    if done:
        return "done", 0
    left = (span.last - today).days
    if left < 0:
        return ("late", -left) if today <= watched_until else ("ended", 0)
    if today < span.first:
        return "ahead", (span.first - today).days
    return ("soon" if left <= SOON else "running"), left


def outcome(validated: int, objected: int, rules: Rules) -> str:
    """What a committee has decided: pending, validated or objected."""
    if validated + objected < rules.quorum:
        return "pending"
    if validated == objected:
        return rules.tie
    return "validated" if validated > objected else "objected"


def silence(span: Span, today: date, reported: date | None, rules: Rules, done: bool) -> int:
    """For how many days an office has said nothing, once these are more than `silent_after`; 0 before that."""
    if done or not span.first <= today <= rules.watched_until:
        return 0
    days = (today - (max(reported, span.first) if reported else span.first)).days
    return days if days > rules.silent_after else 0


def until(standing: Standing) -> Phrase:
    """When a milestone ends, as people say it."""
    match standing.phase:
        case "withdrawn":
            return _("Withdrawn")
        case "done":
            return _("Reported complete")
        case "ended":
            return _("Its time is over")
        case "late":
            return many("{n} day late", "{n} days late", standing.days)
        case "ahead":
            return many("Begins in {n} day", "Begins in {n} days", standing.days)
        case _other:
            if standing.days == 0:
                return _("Ends today")
            return many("{n} day left", "{n} days left", standing.days)


def said_by_office(standing: Standing) -> Phrase:
    """The office's voice in a few words."""
    return STATES[standing.reported] if standing.reported else _("No data")


def said_by_committee(standing: Standing) -> Phrase:
    """The committee's voice in a few words."""
    if standing.report is None:
        return _("Nothing to judge yet")
    verdict = standing.verdict
    votes = {"yes": verdict.validated, "no": verdict.objected}
    if verdict.outcome == "validated":
        return _("Validated ({yes} for, {no} against)", **votes)
    if verdict.outcome == "objected":
        return _("Objected ({yes} for, {no} against)", **votes)
    return _("Not decided ({yes} for, {no} against)", **votes)


@dataclass(frozen=True)
class Plans(Query[Sequence[Plan]]):
    """The plans that are loaded, the newest first."""


@dataclass(frozen=True)
class Standings(Query[Mapping[str, Standing]]):
    """Where the milestones of a plan stand today, by id; of one commitment only where `commitment` is given."""

    plan: str
    commitment: str = ""


@dataclass(frozen=True)
class ReportOf(Query[int | None]):
    """The newest report of a milestone."""

    milestone: str


@dataclass(frozen=True)
class Following(Query[list[str]]):
    """What this person follows: `all`, `commitment:<id>`, `office:<plan>/<id>`, and the topics they agreed to."""


@dataclass(frozen=True)
class Follow(Command[bool]):
    """Follow a scope from now on; false where it was followed already."""

    scope: str


@dataclass(frozen=True)
class Unfollow(Command[int]):
    """Follow a scope no more; all of them where it is empty. How many were followed."""

    scope: str = ""


@dataclass(frozen=True)
class Filed:
    """What became of something that was filed.

    `status`: kept, newer (there is a newer report now), no-seat, no-office, again (it was there already), many (too
    many wait) or closed. `number` is its number, where it has one.
    """

    status: str
    number: int = 0


@dataclass(frozen=True)
class ObjectTo(Command[Filed]):
    """A resident objects to a report, with a reason."""

    outcome: ClassVar[type | None] = Filed
    report: int
    reason: str


@dataclass(frozen=True)
class ReportMilestone(Command[Filed]):
    """An office says where a milestone stands; `attachment` is its evidence, with the chat's provider still."""

    outcome: ClassVar[type | None] = Filed
    milestone: str
    office: str
    state: str
    text: str
    attachment: Attachment | None = None


@dataclass(frozen=True)
class AddEvidence(Command[None]):
    """One more file for a report."""

    report: int
    attachment: Attachment


@dataclass(frozen=True)
class Judge(Command[Filed]):
    """A seat validates a report or objects to it."""

    outcome: ClassVar[type | None] = Filed
    report: int
    seat: str
    verdict: str
    reason: str = ""


@dataclass(frozen=True)
class Roles(Query[list[list[str]]]):
    """The seats that this person holds and the offices they report for: (seat or office, plan, its id) each."""


@dataclass(frozen=True)
class Claim:
    """What became of a code: `status` is claimed, used, expired or unknown, with what it was for."""

    status: str
    kind: str = ""
    plan: str = ""
    subject: str = ""


@dataclass(frozen=True)
class ClaimRole(Command[Claim]):
    """Use up an invitation."""

    outcome: ClassVar[type | None] = Claim
    code: str


@dataclass(frozen=True)
class PassOn(Command[str]):
    """A new code for a seat that this person holds; empty where they do not hold it any more."""

    plan: str
    seat: str


@dataclass(frozen=True)
class Awaiting(Query[list[tuple[str, str, int, str]]]):
    """What awaits this person's judgement, the oldest report first: plan, seat, report, milestone.

    With `judged` the newest reports that their seats have judged already.
    """

    judged: bool = False


@dataclass(frozen=True)
class PageOf(Query[str]):
    """The address of a commitment's public page."""

    commitment: str


@dataclass(frozen=True)
class OwedAnswers(Query[list[tuple[int, str, str]]]):
    """The objections that wait for an answer of this person's offices, the oldest first: number, milestone, words."""


@dataclass(frozen=True)
class AnswerObjection(Command[Filed]):
    """The office's public answer to an objection."""

    outcome: ClassVar[type | None] = Filed
    number: int
    text: str


@dataclass(frozen=True)
class ToRate(Query[list[list[str]]]):
    """What can be rated today: (plan, event) each."""


@dataclass(frozen=True)
class RateEvent(Command[Filed]):
    """Two answers from 1 to 5: was it clear, did they listen."""

    outcome: ClassVar[type | None] = Filed
    plan: str
    event: str
    clear: int
    heard: int
