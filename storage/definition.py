"""A consultation's definition, and the one set of checks that it passes wherever it comes from.

A city's folder, the console's form and a spreadsheet ask the same questions of what they hold (`Answers`, `Rows`); each
names what is wrong in its own way: by file and line, beside the field, in the cell.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from storage.faults import Fault, _
from storage.pages import LANGUAGES, Words, fault, slug_fault, sms_fault

QUESTIONS = ("age", "sex", "group")
ASKS = (*QUESTIONS, "place")
DIMENSIONS = (*QUESTIONS, "locality", "unit", "origin", "level")
CELLS = ("shown", "hidden")
"""What becomes of a number of people so small that it can point to a person."""

IDENTITY = ("contact", "phone", "document")

DESK = ("document", "slips")
"""How those are told apart who vote with an officer's help or on paper."""

TIMES = ("opens", "closes", "paper_until")
IDEAS = "ideas_until"
"""Until when residents can send ideas for a draft, where they can."""

RULES = ("least", "most", "identity", "asks", "people_per_contact", "small_cells", "who", "tie")

PROPOSAL_COLUMNS = ("id", "number", "title_es", "title_en", "short_es", "short_en", "more_es", "more_en", "official")
MOST_PROPOSALS = 200
MOST_TITLE, MOST_RULE, MOST_PEOPLE = 80, 300, 50
LENGTHS = {"title": 60, "short": 28, "more": 500, "official": 3000}


@dataclass(frozen=True)
class ReadProposal:
    """A proposal in plain words, with its `official` text verbatim."""

    id: str
    number: int
    title: Words
    short: Words
    more: Words
    official: str

    def as_json(self) -> dict[str, Any]:
        words = {"title": dict(self.title), "short": dict(self.short), "more": dict(self.more)}
        return {"id": self.id, "number": self.number, **words, "official": self.official}


@dataclass(frozen=True)
class ReadConsultation:
    """A consultation's definition. Times are aware UTC; `rules` and `proposals` are what is frozen when it opens."""

    slug: str
    title: Words
    opens_at: datetime
    closes_at: datetime
    paper_until: datetime
    zone: str
    rules: Mapping[str, Any]
    proposals: tuple[ReadProposal, ...]

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of all of it as canonical JSON: the same content has the same digest everywhere."""
        times = {name: getattr(self, name).isoformat() for name in ("opens_at", "closes_at", "paper_until")}
        proposals = [p.as_json() for p in self.proposals]
        whole = {"slug": self.slug, "title": self.title, "zone": self.zone, "rules": self.rules, "proposals": proposals}
        canonical = json.dumps({**whole, **times}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


class Answers(Protocol):
    """What holds a consultation's title, times and rules. What is missing or wrong is noted, and something empty stands
    in for it."""

    def words(self, key: str, most: int) -> Words:
        """A text of at most so many characters, in every language."""
        ...

    def number(self, key: str, least: int, most: int) -> int | None: ...

    def one_of(self, key: str, known: Sequence[str]) -> str: ...

    def some_of(self, key: str, known: Sequence[str]) -> tuple[str, ...]: ...

    def has(self, key: str) -> bool:
        """Whether there is an answer to a key that may be left out."""
        ...

    def kinds(self, key: str, known: Sequence[str], allowed: Sequence[str]) -> dict[str, str]:
        """One of the allowed words for some of the known keys."""
        ...

    def moment(self, key: str, zone: ZoneInfo) -> datetime | None:
        """A date and hour on the clock of `zone`, as UTC."""
        ...

    def amiss(self, key: str, reason: Fault) -> None:
        """Note what is wrong with the answer to a key."""
        ...


class Rows(Protocol):
    """What holds proposals: a row for each, by the names of `PROPOSAL_COLUMNS`, with the line it stands on."""

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]: ...

    def amiss(self, line: int, column: str, reason: Fault) -> None:
        """Note what is wrong with a cell, or with a whole line where `column` is empty."""
        ...


def consultation(
    slug: str, answers: Answers, proposals: tuple[ReadProposal, ...], zone: ZoneInfo
) -> ReadConsultation | None:
    """The consultation with these proposals; None if it has no dates. What is wrong with it is noted in `answers`."""
    title = answers.words("title", MOST_TITLE)
    times = {key: answers.moment(key, zone) for key in TIMES}
    _check_order(answers, times)
    rules = {**_rules(answers, len(proposals)), **_ideas(answers, times["opens"], zone)}
    opens, closes, paper = times.values()
    if opens is None or closes is None or paper is None:
        return None
    return ReadConsultation(slug, title, opens, closes, paper, zone.key, rules, proposals)


def _check_order(answers: Answers, times: Mapping[str, datetime | None]) -> None:
    opens, closes, paper = times.values()
    if opens and closes and opens >= closes:
        answers.amiss("closes", _("must be later than opens"))
    if closes and paper and paper < closes:
        answers.amiss("paper_until", _("cannot be earlier than closes; without paper it is the same"))


def _rules(answers: Answers, proposals: int) -> dict[str, Any]:
    least = answers.number("least", 1, MOST_PROPOSALS)
    most = answers.number("most", 1, MOST_PROPOSALS)
    if least and most and least > most:
        answers.amiss("most", _("is {most}, less than least, which is {least}", most=most, least=least))
    if most and proposals and most > proposals:
        answers.amiss("most", _("is {most}, but there are only {n} proposals", most=most, n=proposals))
    identity = answers.one_of("identity", IDENTITY)
    return {
        "least": least,
        "most": most,
        "identity": identity,
        "asks": answers.some_of("asks", ASKS),
        "people_per_contact": answers.number("people_per_contact", 1, MOST_PEOPLE),
        "small_cells": answers.kinds("small_cells", DIMENSIONS, CELLS),
        "who": answers.words("who", MOST_RULE),
        "tie": answers.words("tie", MOST_RULE),
        **_desk(answers, identity),
    }


def _desk(answers: Answers, identity: str) -> dict[str, Any]:
    """How the desk tells its voters apart, where the rules say so: what they do not state is not in their digest."""
    if not answers.has("desk"):
        return {}
    ways = answers.some_of("desk", DESK)
    if "slips" in ways and identity in ("phone", "document"):
        answers.amiss("desk", _("has slips, which show less than people have to show: leave them out"))
    return {"desk": ways}


def _ideas(answers: Answers, opens: datetime | None, zone: ZoneInfo) -> dict[str, str]:
    """Until when it collects ideas; nothing where it does not, so that its digest is what it always was."""
    until = answers.moment(IDEAS, zone) if answers.has(IDEAS) else None
    if until and opens and until > opens:
        answers.amiss(IDEAS, _("cannot be later than opens"))
    return {IDEAS: until.isoformat()} if until else {}


def proposals(rows: Rows) -> tuple[ReadProposal, ...]:
    """The proposals in these rows; what is wrong with them is noted there."""
    read = [(line, row, _proposal(rows, line, row)) for line, row in rows.rows()]
    _check_ids(rows, read)
    if len(read) > MOST_PROPOSALS:
        rows.amiss(read[MOST_PROPOSALS][0], "", _("more than {most} proposals", most=MOST_PROPOSALS))
    return tuple(proposal for _line, _row, proposal in read)


def _proposal(rows: Rows, line: int, row: Mapping[str, str]) -> ReadProposal:
    faults: list[tuple[str, Fault | None]] = [("id", slug_fault(row["id"]))]
    faults += [(name, fault(row[name], LENGTHS[name.split("_")[0]])) for name in PROPOSAL_COLUMNS[2:]]
    faults += [(name, sms_fault(row[name])) for name in (f"short_{language}" for language in LANGUAGES)]
    for column, reason in faults:
        if reason:
            rows.amiss(line, column, reason)
    words = {name: {each: row[f"{name}_{each}"] for each in LANGUAGES} for name in ("title", "short", "more")}
    number = int(row["number"]) if re.fullmatch(r"[0-9]{1,3}", row["number"]) else 0
    return ReadProposal(row["id"], number, **words, official=row["official"])


def _check_ids(rows: Rows, read: Collection[tuple[int, Mapping[str, str], ReadProposal]]) -> None:
    first: dict[tuple[str, str], int] = {}
    for place, (line, row, proposal) in enumerate(read, start=1):
        for column in ("id", "title_es", "title_en"):
            same = first.setdefault((column, row[column].casefold()), line)
            if same != line and row[column]:
                rows.amiss(line, column, _('"{value}" was given on line {line}', value=row[column], line=same))
        if proposal.number != place:
            # Residents answer with these numbers, and an answer is read as a position in the list.
            reason = _(
                'is "{number}" where {place} is next: they run 1, 2, 3, without gaps',
                number=row["number"],
                place=place,
            )
            rows.amiss(line, "number", reason)
