"""A city's folder, read and checked as a whole, without a database. `docs/data-formats.md` describes it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from holidays import list_supported_countries

from storage import definition
from storage.definition import LENGTHS, PROPOSAL_COLUMNS, QUESTIONS, ReadConsultation, ReadProposal
from storage.delivery_folder import read_delivery
from storage.hours import DAYS, is_span
from storage.intake_folder import read_intake
from storage.pages import SLUG, Form, Invalid, Problem, Table, Words
from storage.plan_folder import ReadPlan, read_plans
from storage.retention import PERIODS

__all__ = ["Choice", "Folder", "Invalid", "Problem", "ReadConsultation", "ReadPlace", "ReadProposal", "read_folder"]

TEXTS = {"name": 40, "help": 500, "emergency": 160, "privacy": 300}
"""The city's texts and how many characters each may have: they share a message with others."""

KINDS = ("municipality", "locality", "unit", "barrio")
PROFILES = ("good", "low", "sms")
PLACE_COLUMNS = ("code", "kind", "name", "parent", "names", "profile")


@dataclass(frozen=True)
class Choice:
    """One option of a profile question."""

    id: str
    words: Words
    short: Words | None = None

    def as_json(self) -> dict[str, Any]:
        short = {} if self.short is None else {"short": dict(self.short)}
        return {"id": self.id, **self.words, **short}


@dataclass(frozen=True)
class ReadPlace:
    """A row of the territory. `parent` is None for the municipality; `names` are other names people use."""

    code: str
    kind: str
    name: str
    parent: str | None
    names: tuple[str, ...]
    profile: str


@dataclass(frozen=True)
class Folder:
    """A whole city: `texts` are help, emergency and privacy; `questions` are age, sex and group."""

    name: Words
    zone: str
    texts: Mapping[str, Words]
    questions: Mapping[str, tuple[Choice, ...]]
    places: tuple[ReadPlace, ...]
    consultations: tuple[ReadConsultation, ...]
    plans: tuple[ReadPlan, ...] = ()
    hours: Mapping[str, Any] = field(default_factory=dict)
    retention: Mapping[str, int] = field(default_factory=dict)
    intake: Mapping[str, Any] | None = None
    delivery: Mapping[str, Any] = field(default_factory=dict)


def read_folder(path: Path) -> Folder:
    """The city in `path`. Raises Invalid with every mistake found in any of its files."""
    problems: list[Problem] = []
    if not path.is_dir():
        raise Invalid([Problem(path.name, 1, "this is not a folder")])
    form = Form(path, "city.toml", problems)
    words, zone, questions = _city(form) if form.text is not None else ({}, "", {})
    hours, retention = _hours(form), _retention(form)
    places = _places(Table(path, "territory.csv", PLACE_COLUMNS, problems))
    # A wrong zone is named once, not again for every date.
    clock = ZoneInfo(zone or "UTC")
    found = {slug: _consultation(path, slug, clock, problems) for slug in _slugs(path, problems)}
    consultations = tuple(c for c in found.values() if c is not None)
    proposals = {slug: {p.id for p in c.proposals} if c else None for slug, c in found.items()}
    plans = read_plans(path, proposals, problems)
    intake, delivery = read_intake(path, problems), read_delivery(path, problems)
    problems += [
        Problem("delivery.toml", 1, f'hours are given for "{code}", and no place has that code')
        for code in set(delivery.get("hours", {})) - {place.code for place in places}
    ]
    problems += [
        Problem(
            f"plans/{plan.slug}/plan.toml", 1, f'"{plan.slug}" is a consultation too, and only one can collect ideas'
        )
        for plan in plans
        if plan.slug in found and "ideas_until" in plan.rules
    ]
    if problems:
        raise Invalid(problems)
    name = words.pop("name")
    return Folder(name, zone, words, questions, places, consultations, plans, hours, retention, intake, delivery)


def _city(form: Form) -> tuple[dict[str, Words], str, dict[str, tuple[Choice, ...]]]:
    form.only("zone", "questions", "hours", "retention", *TEXTS)
    words = {key: form.words(key, most, breaks=key == "help") for key, most in TEXTS.items()}
    zone = form.value("zone", str, "a text in quotes") or ""
    if zone and zone not in available_timezones():
        form.wrong(form.line("zone"), f'"{zone}" is not a time zone of the IANA list, such as America/Bogota')
        zone = ""
    questions = form.value("questions", dict, "a table with age, sex and group")
    if questions is None:
        return words, zone, {}
    form.members(questions, QUESTIONS, "questions")
    return words, zone, {name: _question(form, questions, name) for name in QUESTIONS}


def _retention(form: Form) -> Mapping[str, int]:
    """How long each kind of data is kept, where the city has chosen: in days, undelivered messages in hours."""
    chosen = form.data.get("retention", {})
    if not isinstance(chosen, dict):
        form.wrong(form.line("retention"), "retention must be a table, headed [retention]")
        return {}
    form.members(chosen, PERIODS, "retention")
    for kind, number in chosen.items():
        period = PERIODS.get(kind)
        if period is not None and not period.allows(number):
            least, most = period.number(period.least), period.number(period.most)
            form.wrong(form.line("retention", kind), f'"{kind}" must be a whole number from {least} to {most}')
    return chosen


def _hours(form: Form) -> Mapping[str, Any]:
    """When notices may go out: `holidays` (a country of the holidays package, or empty) and hours by kind of day."""
    hours = form.data.get("hours", {})
    if not isinstance(hours, dict):
        form.wrong(form.line("hours"), "hours must be a table, headed [hours]")
        return {}
    form.members(hours, ("holidays", *DAYS), "hours")
    country = hours.get("holidays", "")
    if country and country not in list_supported_countries():
        form.wrong(form.line("hours", "holidays"), f'holidays "{country}" must be the code of a country, such as "CO"')
    for kind in DAYS:
        span = hours.get(kind, [])
        if not is_span(span):
            form.wrong(form.line("hours", kind), f"{kind} must be two hours like [8, 18], or [] for not at all")
    return hours


def _question(form: Form, questions: Mapping[str, Any], name: str) -> tuple[Choice, ...]:
    options = questions.get(name)
    if options is None:
        form.wrong(form.line("questions"), f'missing key "questions.{name}"')
        return ()
    if not isinstance(options, list) or len(options) < 2:
        form.wrong(form.line("questions", name), f"questions.{name} must be a list of two options or more")
        return ()
    found = [_choice(form, option, "questions", name, n) for n, option in enumerate(options)]
    seen: dict[str, int] = {}
    for n, choice in enumerate(found):
        first = seen.setdefault(choice.id, n)
        if first != n and choice.id:
            form.wrong(form.line("questions", name, n), f'the id "{choice.id}" is given twice in questions.{name}')
    return tuple(found)


def _choice(form: Form, option: Any, *path: str | int) -> Choice:
    line = form.line(*path)
    if not isinstance(option, dict):
        form.wrong(line, f"an option of {path[1]} must be a table with id, es and en")
        return Choice("", {})
    id = option.get("id", "")
    form.slug(line, "id", id if isinstance(id, str) else "")
    words = form.in_languages(option, 60, *path, beside=("id", "short"))
    short = option.get("short")
    if short is None:
        return Choice(str(id), words)
    if not isinstance(short, dict):
        form.wrong(line, "short must be a table with es and en")
        return Choice(str(id), words)
    brief = form.in_languages(short, LENGTHS["short"], *path, "short")
    for language, text in brief.items():
        form.brief(line, f"short.{language}", text)
    return Choice(str(id), words, brief)


def _places(table: Table) -> tuple[ReadPlace, ...]:
    read = [(line, _place(table, line, row)) for line, row in table.rows()]
    found: dict[str, tuple[int, ReadPlace]] = {}
    for line, place in read:
        first, _same = found.setdefault(place.code, (line, place))
        if first != line and place.code:
            table.wrong(line, f'the code "{place.code}" was given on line {first}')
    for line, place in read:
        _check_parent(table, line, place, found)
    _check_names(table, read)
    if read:
        _check_kinds(table, read)
    return tuple(place for _line, place in read)


def _place(table: Table, line: int, row: Mapping[str, str]) -> ReadPlace:
    table.slug(line, "code", row["code"])
    for column, known in (("kind", KINDS), ("profile", ("", *PROFILES))):
        if row[column] not in known:
            table.wrong(line, f'{column} "{row[column]}" must be one of: {", ".join(filter(None, known))}')
    names = [name.strip() for name in row["names"].split("|") if name.strip()]
    for name in names:
        table.good(line, "names", name, LENGTHS["title"])
    name = table.good(line, "name", row["name"], LENGTHS["title"])
    return ReadPlace(row["code"], row["kind"], name, row["parent"] or None, tuple(names), row["profile"] or "good")


def _check_parent(table: Table, line: int, place: ReadPlace, found: Mapping[str, tuple[int, ReadPlace]]) -> None:
    if place.kind == KINDS[0]:
        if place.parent is not None:
            table.wrong(line, "the municipality lies in nothing: leave its parent empty")
        return
    if place.parent is None:
        return table.wrong(line, f'"{place.code}" has no parent')
    if place.parent not in found:
        return table.wrong(line, f'the parent "{place.parent}" is not in the file')
    if _goes_round(place, found):
        return table.wrong(line, f'"{place.code}" lies in itself, by way of its parents')
    above = found[place.parent][1].kind
    if place.kind in KINDS and above in KINDS and KINDS.index(above) >= KINDS.index(place.kind):
        table.wrong(line, f"a {place.kind} cannot lie in a {above}")


def _goes_round(place: ReadPlace, found: Mapping[str, tuple[int, ReadPlace]]) -> bool:
    seen: set[str] = set()
    above = place.parent
    while above is not None and above in found and above not in seen:
        if above == place.code:
            return True
        seen.add(above)
        above = found[above][1].parent
    return False


def _check_names(table: Table, read: Collection[tuple[int, ReadPlace]]) -> None:
    first: dict[tuple[str | None, str], int] = {}
    for line, place in read:
        same = first.setdefault((place.parent, place.name.casefold()), line)
        if same != line and place.name:
            table.wrong(line, f'"{place.name}" was given on line {same} in the same {place.parent}')


def _check_kinds(table: Table, read: Collection[tuple[int, ReadPlace]]) -> None:
    whole = [line for line, place in read if place.kind == KINDS[0]]
    if not whole:
        table.wrong(1, "there is no row of the kind municipality")
    for line in whole[1:]:
        table.wrong(line, f"a second municipality; the first is on line {whole[0]}")
    if not any(place.kind == KINDS[-1] for _line, place in read):
        table.wrong(1, "there is no row of the kind barrio: nobody could say where they live")


def _slugs(path: Path, problems: list[Problem]) -> Iterator[str]:
    directory = path / "consultations"
    if directory.is_dir():
        for entry in sorted(directory.iterdir()):
            if entry.is_dir() and not entry.name.startswith("."):
                if not SLUG.fullmatch(entry.name):
                    reason = "the folder's name must be 1 to 40 of a-z, 0-9 and -, and begin with a letter or digit"
                    problems.append(Problem(f"consultations/{entry.name}", 1, reason))
                yield entry.name


def _consultation(path: Path, slug: str, zone: ZoneInfo, problems: list[Problem]) -> ReadConsultation | None:
    form = Form(path, f"consultations/{slug}/consultation.toml", problems)
    table = Table(path, f"consultations/{slug}/proposals.csv", PROPOSAL_COLUMNS, problems)
    proposals = definition.proposals(table)
    if table.text is not None and not proposals and table.header and definition.IDEAS not in form.data:
        table.wrong(1, "there is no proposal")
    if form.text is None:
        return None
    form.only("title", *definition.TIMES, *definition.RULES, "desk", definition.IDEAS)
    return definition.consultation(slug, form, proposals, zone)
