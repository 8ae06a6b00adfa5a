"""A plan's folder (`plans/<slug>/`), read and checked as a whole. `docs/data-formats.md` describes it."""

import calendar
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from storage.pages import LANGUAGES, SLUG, Form, Page, Problem, Table, Words

TIES = ("pending", "objected", "validated")
"""What a committee has said when as many seats validated as objected."""

ASSUMABLE = ("quorum", "tie", "watched_until", "silent_after")
"""Rules that a city may have had to assume, because its plan does not state them; pages mark them so."""

OFFICE_COLUMNS = ("id", "name_es", "name_en", "short_es", "short_en")
COMMITMENT_COLUMNS = (
    "id", "number", "objective", "title_es", "title_en", "short_es", "short_en", "more_es", "more_en", "official",
    "leads", "partners", "areas", "values", "sdgs", "consultation", "proposal", "starts", "ends",
    "withdrawn_es", "withdrawn_en",
)  # fmt: skip
MILESTONE_COLUMNS = (
    "commitment", "number", "title_es", "title_en", "short_es", "short_en", "official", "offices", "starts", "ends",
)  # fmt: skip
LENGTHS = {"title": 90, "name": 90, "short": 28, "more": 600, "official": 3000, "withdrawn": 300, "partners": 90}
MOST_MILESTONES = 20_000
LAST_SDG = 17

MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


@dataclass(frozen=True)
class Span:
    """From the first to the last day, as the file states it: months (`2023-02`) or days (`2023-02-15`)."""

    starts: str
    ends: str

    @property
    def first(self) -> date:
        return _day(self.starts, last=False)

    @property
    def last(self) -> date:
        return _day(self.ends, last=True)


@dataclass(frozen=True)
class Named:
    """Something with an id and words: an objective, a policy area, a value, an office."""

    id: str
    words: Words
    short: Words | None = None


@dataclass(frozen=True)
class Sector:
    """A part of society with its number of seats in the committee."""

    id: str
    words: Words
    seats: int


@dataclass(frozen=True)
class Event:
    """An accountability event or a period that residents may rate, and the days on which they may."""

    id: str
    words: Words
    opens: str
    closes: str


@dataclass(frozen=True)
class ReadMilestone:
    """`offices` are the ids of those who answer for it: those of its row, or the leads of its commitment."""

    number: int
    title: Words
    short: Words
    official: str
    offices: tuple[str, ...]
    span: Span


@dataclass(frozen=True)
class ReadCommitment:
    """`leads` are ids of offices, `partners` names; `withdrawn` is why it was withdrawn, empty while it stands."""

    id: str
    number: int
    objective: str
    title: Words
    short: Words
    more: Words
    official: str
    leads: tuple[str, ...]
    partners: tuple[str, ...]
    areas: tuple[str, ...]
    values: tuple[str, ...]
    sdgs: tuple[int, ...]
    consultation: str
    proposal: str
    span: Span
    withdrawn: Words
    milestones: tuple[ReadMilestone, ...]


@dataclass(frozen=True)
class ReadPlan:
    """A whole plan. `rules` are quorum, tie, watched_until, silent_after, and `assumed` (which of them were).

    Where it collects ideas they have `ideas_until`, the last day (or month) for them.
    """

    slug: str
    title: Words
    source: Words
    example: bool
    span: Span
    rules: Mapping[str, Any]
    committee: Words
    monitor: Words
    objectives: tuple[Named, ...]
    areas: tuple[Named, ...]
    values: tuple[Named, ...]
    sectors: tuple[Sector, ...]
    events: tuple[Event, ...]
    offices: tuple[Named, ...]
    commitments: tuple[ReadCommitment, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of all of it as canonical JSON."""
        return digest_of(self.as_json())


def digest_of(body: Mapping[str, Any]) -> str:
    """SHA-256 (hexadecimal) of a plan, or of a part of one, as canonical JSON: a list and a tuple are the same."""
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


Proposals = Mapping[str, Collection[str] | None]
"""The ids of the proposals of each consultation; None where these could not be read."""


def _day(stated: str, last: bool) -> date:
    if found := DAY.fullmatch(stated):
        return date(*map(int, found.groups()))
    year, month = map(int, stated.split("-"))
    return date(year, month, calendar.monthrange(year, month)[1] if last else 1)


def day_fault(stated: str) -> str | None:
    """What is wrong with a month or day as a file states it, or None."""
    if not (MONTH.fullmatch(stated) or DAY.fullmatch(stated)):
        return f'"{stated}" must be a month like 2023-02 or a day like 2023-02-15'
    try:
        found = _day(stated, last=True)
    except (ValueError, calendar.IllegalMonthError):
        return f'"{stated}" is not in the calendar'
    return None if 1900 < found.year < 3000 else f'"{stated}" is not a date of our times'


def read_plans(path: Path, proposals: Proposals, problems: list[Problem]) -> tuple[ReadPlan, ...]:
    """Every plan in `path/plans`; adds what is wrong to `problems`. `proposals` are those of each consultation."""
    directory = path / "plans"
    found: list[ReadPlan] = []
    taken: dict[str, str] = {}
    for entry in sorted(directory.iterdir()) if directory.is_dir() else ():
        if not entry.is_dir() or entry.name.startswith("."):
            continue
        if not SLUG.fullmatch(entry.name):
            reason = "the folder's name must be 1 to 40 of a-z, 0-9 and -, and begin with a letter or digit"
            problems.append(Problem(f"plans/{entry.name}", 1, reason))
            continue
        plan = read_plan(path, entry.name, proposals, problems)
        for commitment in plan.commitments if plan else ():
            other = taken.setdefault(commitment.id, entry.name)
            if other != entry.name:
                where = f"plans/{entry.name}/commitments.csv"
                problems.append(Problem(where, 1, f'the id "{commitment.id}" is also in the plan {other}'))
        if plan is not None:
            found.append(plan)
    return tuple(found)


def read_plan(path: Path, slug: str, proposals: Proposals, problems: list[Problem]) -> ReadPlan | None:
    """The plan in `path/plans/<slug>`, or None when its plan.toml cannot be read."""
    folder = f"plans/{slug}"
    form = Form(path, f"{folder}/plan.toml", problems)
    offices = _offices(Table(path, f"{folder}/offices.csv", OFFICE_COLUMNS, problems))
    head = _head(form)
    ids = {name: {each.id for each in head[name]} for name in ("objectives", "areas", "values")}
    ids["leads"] = {office.id for office in offices}
    milestones = Table(path, f"{folder}/milestones.csv", MILESTONE_COLUMNS, problems)
    commitments = Table(path, f"{folder}/commitments.csv", COMMITMENT_COLUMNS, problems)
    rows = [(line, row, _span(commitments, line, row)) for line, row in commitments.rows()]
    steps = _milestones(milestones, {row["id"]: _split(row["leads"]) for _line, row, _span in rows}, ids["leads"])
    read = tuple(_commitment(commitments, line, row, span, ids, proposals, steps) for line, row, span in rows)
    _unique(commitments, [(line, row, ("id", "number")) for line, row, _span in rows])
    if commitments.text is not None and commitments.header and not read:
        commitments.wrong(1, "there is no commitment")
    if form.text is None:
        return None
    return ReadPlan(slug=slug, offices=offices, commitments=read, **head)


def _head(form: Form) -> dict[str, Any]:
    form.only(
        "title", "source", "example", "starts", "ends", "watched_until", "silent_after", "quorum", "tie", "assumed",
        "committee", "monitor", "objectives", "areas", "values", "sectors", "events", "ideas_until",
    )  # fmt: skip
    if form.text is None:
        return dict.fromkeys(("objectives", "areas", "values"), ())
    sectors = tuple(_sectors(form))
    seats = sum(sector.seats for sector in sectors)
    example = form.flag("example")
    span = Span(form.stated("starts", day_fault), form.stated("ends", day_fault))
    if span.starts and span.ends and span.last < span.first:
        form.wrong(form.line("ends"), "ends is before starts")
    rules = {
        "quorum": form.number("quorum", 1, max(seats, 1)),
        "tie": form.one_of("tie", TIES),
        "silent_after": form.number("silent_after", 1, 400),
        "watched_until": form.stated("watched_until", day_fault),
        "assumed": form.some_of("assumed", ASSUMABLE) if "assumed" in form.data else (),
    }
    if "ideas_until" in form.data:
        rules["ideas_until"] = form.stated("ideas_until", day_fault)
    return {
        "title": form.words("title", LENGTHS["title"]),
        "source": form.words("source", 300),
        "example": example,
        "span": span,
        "rules": rules,
        "committee": form.words("committee", 90),
        "monitor": form.words("monitor", 90),
        "objectives": tuple(_named(form, "objectives")),
        "areas": tuple(_named(form, "areas")),
        "values": tuple(_named(form, "values")),
        "sectors": sectors,
        "events": tuple(_events(form)),
    }


def _listed(form: Form, key: str, beside: Collection[str] = ()) -> Iterable[tuple[str, Words, Mapping[str, Any]]]:
    """The tables of a list, each with id and words."""
    seen: set[str] = set()
    for n, table in enumerate(form.tables(key)):
        id = str(table.get("id", ""))
        line = form.line(key, n, "id")
        form.slug(line, "id", id)
        if id in seen:
            form.wrong(line, f'the id "{id}" is given twice in {key}')
        seen.add(id)
        yield id, form.in_languages(table, LENGTHS["title"], key, n, beside=("id", *beside)), table


def _named(form: Form, key: str) -> Iterable[Named]:
    return (Named(id, words) for id, words, _table in _listed(form, key))


def _sectors(form: Form) -> Iterable[Sector]:
    for n, (id, words, table) in enumerate(_listed(form, "sectors", ("seats",))):
        seats = table.get("seats")
        if not isinstance(seats, int) or isinstance(seats, bool) or not 1 <= seats <= 50:
            form.wrong(form.line("sectors", n, "seats"), "seats must be a whole number from 1 to 50")
            seats = 1
        yield Sector(id, words, seats)


def _events(form: Form) -> Iterable[Event]:
    for n, (id, words, table) in enumerate(_listed(form, "events", ("opens", "closes"))):
        opens, closes = str(table.get("opens", "")), str(table.get("closes", ""))
        faults = [(name, fault) for name, day in (("opens", opens), ("closes", closes)) if (fault := day_fault(day))]
        for name, fault in faults:
            form.wrong(form.line("events", n, name), f"{name} {fault}")
        if not faults and Span(opens, closes).last < Span(opens, closes).first:
            form.wrong(form.line("events", n, "closes"), "closes is before opens")
        yield Event(id, words, opens, closes)


def _offices(table: Table) -> tuple[Named, ...]:
    rows = list(table.rows())
    _unique(table, [(line, row, ("id",)) for line, row in rows])
    found = tuple(
        Named(_id(table, line, row["id"]), _words(table, line, row, "name"), _brief(table, line, row))
        for line, row in rows
    )
    if table.text is not None and table.header and not found:
        table.wrong(1, "there is no office")
    return found


def _commitment(
    table: Table,
    line: int,
    row: Mapping[str, str],
    span: Span,
    ids: Mapping[str, Collection[str]],
    proposals: Proposals,
    steps: Mapping[str, Sequence[ReadMilestone]],
) -> ReadCommitment:
    listed = {name: _split(row[name]) for name in ("leads", "partners", "areas", "values", "sdgs")}
    for name in ("leads", "areas", "values"):
        for each in listed[name]:
            if each not in ids[name]:
                table.wrong(line, f'{name} has "{each}", which is not among the {name} of this plan')
    if not listed["leads"]:
        table.wrong(line, "leads is empty: somebody must answer for it")
    if row["objective"] not in ids["objectives"]:
        table.wrong(line, f'the objective "{row["objective"]}" is not in plan.toml')
    for partner in listed["partners"]:
        table.good(line, "partners", partner, LENGTHS["partners"])
    sdgs = tuple(int(each) for each in listed["sdgs"] if re.fullmatch(r"[0-9]{1,2}", each))
    if len(sdgs) < len(listed["sdgs"]) or not all(1 <= each <= LAST_SDG for each in sdgs):
        table.wrong(line, f"sdgs must be numbers from 1 to {LAST_SDG}, with | between them")
    if row["consultation"] and row["consultation"] not in proposals:
        table.wrong(line, f'there is no consultation "{row["consultation"]}" in this folder')
    elif row["proposal"]:
        known = proposals.get(row["consultation"], ())
        if known is not None and row["proposal"] not in known:
            table.wrong(line, f'"{row["proposal"]}" is no proposal of the consultation "{row["consultation"]}"')
    if row["id"] not in steps:
        table.wrong(line, f'the commitment "{row["id"]}" has no milestone')
    return ReadCommitment(
        id=_id(table, line, row["id"]),
        number=_number(table, line, row),
        objective=row["objective"],
        title=_words(table, line, row, "title"),
        short=_brief(table, line, row),
        more=_words(table, line, row, "more"),
        official=table.good(line, "official", row["official"], LENGTHS["official"]),
        leads=listed["leads"],
        partners=listed["partners"],
        areas=listed["areas"],
        values=listed["values"],
        sdgs=sdgs,
        consultation=row["consultation"],
        proposal=row["proposal"],
        span=span,
        withdrawn=_withdrawn(table, line, row),
        milestones=tuple(steps.get(row["id"], ())),
    )


def _withdrawn(table: Table, line: int, row: Mapping[str, str]) -> Words:
    if not row["withdrawn_es"] and not row["withdrawn_en"]:
        return {}
    return _words(table, line, row, "withdrawn")


def _milestones(
    table: Table, leads: Mapping[str, tuple[str, ...]], offices: Collection[str]
) -> Mapping[str, Sequence[ReadMilestone]]:
    found: dict[str, list[ReadMilestone]] = {}
    rows = list(table.rows())
    _unique(table, [(line, row, ("commitment", "number")) for line, row in rows], together=True)
    if len(rows) > MOST_MILESTONES:
        table.wrong(rows[MOST_MILESTONES][0], f"more than {MOST_MILESTONES} milestones")
    for line, row in rows:
        if row["commitment"] not in leads:
            table.wrong(line, f'the commitment "{row["commitment"]}" is not in commitments.csv')
        for office in _split(row["offices"]):
            if office not in offices:
                table.wrong(line, f'the office "{office}" is not in offices.csv')
        found.setdefault(row["commitment"], []).append(
            ReadMilestone(
                _number(table, line, row),
                _words(table, line, row, "title"),
                _brief(table, line, row),
                table.good(line, "official", row["official"], LENGTHS["official"]),
                _split(row["offices"]) or leads.get(row["commitment"], ()),
                _span(table, line, row),
            )
        )
    return {id: sorted(steps, key=lambda step: step.number) for id, steps in found.items()}


def _span(table: Table, line: int, row: Mapping[str, str]) -> Span:
    faults = [f"{key} {fault}" for key in ("starts", "ends") if (fault := day_fault(row[key]))]
    for fault in faults:
        table.wrong(line, fault)
    if faults:
        return Span("2000-01", "2000-01")
    span = Span(row["starts"], row["ends"])
    if span.last < span.first:
        table.wrong(line, f"it ends ({row['ends']}) before it starts ({row['starts']})")
    return span


def _split(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split("|") if part.strip())


def _words(table: Table, line: int, row: Mapping[str, str], name: str) -> Words:
    return {each: table.good(line, f"{name}_{each}", row[f"{name}_{each}"], LENGTHS[name]) for each in LANGUAGES}


def _brief(table: Table, line: int, row: Mapping[str, str]) -> Words:
    words = _words(table, line, row, "short")
    for language, text in words.items():
        table.brief(line, f"short_{language}", text)
    return words


def _id(page: Page, line: int, value: str) -> str:
    page.slug(line, "id", value)
    return value


def _number(table: Table, line: int, row: Mapping[str, str]) -> int:
    if re.fullmatch(r"[1-9][0-9]{0,3}", row["number"]):
        return int(row["number"])
    table.wrong(line, f'number "{row["number"]}" must be a whole number from 1 to 9999')
    return 0


def _unique(
    table: Table, rows: Sequence[tuple[int, Mapping[str, str], tuple[str, ...]]], together: bool = False
) -> None:
    """Name what is given twice: each of the columns, or all of them `together`."""
    first: dict[tuple[str, ...], int] = {}
    for line, row, columns in rows:
        for key in [columns] if together else [(column,) for column in columns]:
            value = tuple(row[column].casefold() for column in key)
            same = first.setdefault((*key, *value), line)
            if same != line and all(value):
                table.wrong(line, f"the {' and '.join(key)} {', '.join(value)} was given on line {same}")
