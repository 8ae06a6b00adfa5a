"""A consultation as a conversation sees it, and what can be asked of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from textwrap import shorten
from typing import Any, ClassVar

from flows.answers import pick_one
from flows.language import Ask, Command, Flow, Local, Look, Option, Phrase, Query, Say, _

MOST_OF_NOTICE = 300
"""Characters of a notice that the chat tells."""


@dataclass(frozen=True)
class Proposal:
    """One proposal: a title of at most 60 characters, a form of at most 28 for SMS, and a longer explanation."""

    id: str
    number: int
    title: Local
    short: Local
    more: Local

    @cached_property
    def option(self) -> Option:
        return Option(self.id, self.title, self.short, more=self.more)


@dataclass(frozen=True)
class Notice:
    """A public notice, given on a `day` in the city's zone; `kind` is erratum, closed (early) or annulled."""

    kind: str
    day: date
    words: Local


@dataclass(frozen=True)
class Consultation:
    """A consultation with its published rules. `opens` and `closes` are in the city's own zone.

    `identity` is the least that a voter must show: contact, phone or document. `asks` are the profile fields that the
    rules require, `who` says who may vote and `tie` what happens in a tie. `notices` are what the city said in public
    since it was opened, the oldest first. `desk` is how those are told apart who vote at a table, as far as the rules
    state it: by document, by slips. Until `ideas_until`, while it is a draft, residents can send ideas for it.
    """

    slug: str
    title: Local
    proposals: tuple[Proposal, ...]
    least: int
    most: int
    opens: datetime
    closes: datetime
    identity: str = "contact"
    asks: tuple[str, ...] = ()
    who: Local = field(default_factory=lambda: Local({}))
    tie: Local = field(default_factory=lambda: Local({}))
    notices: tuple[Notice, ...] = ()
    desk: tuple[str, ...] = ()
    ideas_until: datetime | None = None

    @property
    def first_minute(self) -> datetime:
        """When one can vote, as people are told: midnight itself would be told as the end of the day before."""
        return self.opens + timedelta(minutes=1) if self.opens.hour == self.opens.minute == 0 else self.opens

    def told(self, kind: str) -> list[Notice]:
        """The notices of one kind."""
        return [notice for notice in self.notices if notice.kind == kind]

    def proposal(self, id: str) -> Proposal:
        return next(p for p in self.proposals if p.id == id)


@dataclass(frozen=True)
class Open(Query[list[str]]):
    """The slugs of the consultations in which one can vote now; the one that closes first comes first."""


@dataclass(frozen=True)
class OpenThen(Query[list[str]]):
    """The same for when this message was written, which may be long before it came."""


@dataclass(frozen=True)
class TheConsultation(Query[Consultation | None]):
    slug: str


@dataclass(frozen=True)
class Phase(Query[str]):
    """Where a consultation is: draft (or unknown), scheduled, open, closed, counted, published or annulled."""

    slug: str


@dataclass(frozen=True)
class Annulled(Query[list[str]]):
    """The slugs of the annulled consultations that no published one has followed, the newest first."""


@dataclass(frozen=True)
class Next(Query[Consultation | None]):
    """The next consultation that will open, if one is announced."""


@dataclass(frozen=True)
class Published(Query[list[str]]):
    """The slugs of the consultations with published results, the newest first."""


@dataclass(frozen=True)
class Overtaken(Query[bool]):
    """Whether this message came late, and something was answered since it was written."""


@dataclass(frozen=True)
class HasVoted(Query[bool]):
    """Whether this person is on the roll of a consultation; never what they chose."""

    slug: str


@dataclass(frozen=True)
class Cast:
    """What became of a ballot.

    `status`: counted, changed (it replaces an earlier one), closed, left (this contact voted and then deleted its
    data), identity (the rules ask for more), crowded (too many people on this phone) or away (the ballot box cannot be
    reached; nothing was recorded).
    """

    status: str
    receipt: str | None = None


@dataclass(frozen=True)
class CastBallot(Command[Cast]):
    """Put a ballot in the box; `age` and `sex` and the others are kept with the person as the rules ask."""

    outcome: ClassVar[type | None] = Cast
    slug: str
    choices: tuple[str, ...]
    profile: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Receipt:
    """What a receipt stands for: `status` is box (a valid ballot, not yet counted), public (with the titles it chose)
    or unknown."""

    status: str
    slug: str | None = None
    choices: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FindReceipt(Query[Receipt]):
    outcome: ClassVar[type | None] = Receipt
    code: str


@dataclass(frozen=True)
class Results(Query[dict[str, Any]]):
    """The published results: `ballots`, and `votes` ([proposal id, votes], most voted first)."""

    slug: str


def annulled(consultation: Consultation) -> Say:
    """That it was, and why: the beginning of the public notice, which is the city's own text."""
    text = _(
        "The vote {title} was annulled. No ballot counts. The reason: {why}",
        title=consultation.title,
        why=reason(consultation, "annulled"),
    )
    return Say(text, lasting=True)


def reason(consultation: Consultation, kind: str) -> Phrase:
    """The beginning of the last notice of a kind; empty without one."""
    words = next((notice.words for notice in reversed(consultation.notices) if notice.kind == kind), Local({}))
    cut = {
        language: shorten(text, MOST_OF_NOTICE, placeholder=" (...)") for language, text in words.by_language.items()
    }
    return Local(cut)


def corrections(consultation: Consultation) -> list[Phrase]:
    """The errata, a line for each."""
    return [
        _("Correction of {date}: {text}", date=notice.day, text=notice.words) for notice in consultation.told("erratum")
    ]


def tell_annulled(slug: str = "") -> Flow[bool]:
    """Tell what was annulled since the last results, and that the vote asked for was; whether there was any."""
    slugs = yield from Look(Annulled())
    if slug and slug not in slugs and (yield from Look(Phase(slug))) == "annulled":
        slugs = [slug, *slugs]
    for each in slugs:
        consultation = yield from Look(TheConsultation(each))
        if consultation is not None:
            yield annulled(consultation)
    return bool(slugs)


def one_of(slugs: Sequence[str], question: Phrase) -> Flow[Consultation | None]:
    """The only one of these consultations, or the one that the person picks; None when there is none."""
    found: list[Consultation] = []
    for slug in slugs:
        consultation = yield from Look(TheConsultation(slug))
        if consultation is not None:
            found.append(consultation)
    if len(found) <= 1:
        return found[0] if found else None
    picked = yield from Ask("consultation", question, pick_one([Option(c.slug, c.title) for c in found]))
    return next(c for c in found if c.slug == picked)
