"""A draft of a consultation as somebody typed it: kept whole, checked whole, each fault beside its field or cell."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from storage import definition
from storage.consultations import ConsultationRow
from storage.definition import PROPOSAL_COLUMNS, ReadConsultation
from storage.faults import Fault, _
from storage.pages import LANGUAGES, Words, choice_fault, fault, hour_fault, number_fault, slug_fault

TEXTS = ("title", "who", "tie")
FIELDS = (
    "slug",
    *(f"{name}_{language}" for name in TEXTS for language in LANGUAGES),
    *(f"{time}_{part}" for time in (*definition.TIMES, definition.IDEAS) for part in ("day", "hour")),
    "least", "most", "identity", "people_per_contact",
)  # fmt: skip
"""The fields of one line; `asks`, `desk` and `shown` are lists."""

LISTS = ("asks", "desk", "shown")
CELLS = tuple(column for column in PROPOSAL_COLUMNS if column != "number")
"""What is typed of a proposal; its number is its place in the list."""

MOST_LETTERS = 10_000
"""Of one field or cell: what is longer is no text for people, and is cut."""

DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})|(\d{1,2})/(\d{1,2})/(\d{4})")
HOUR = re.compile(r"(\d{1,2})[:.](\d{2})")

Where = tuple[str, ...]
"""A field (`closes`), or a cell of the proposal with that place in the list, counted from 0 (`0`, `title_es`)."""


@dataclass(frozen=True)
class Checked:
    """What a draft comes to: the consultation if nothing is wrong with it, and otherwise each fault by where it is."""

    consultation: ReadConsultation | None
    faults: Mapping[Where, Sequence[Fault]]

    def of(self, *where: str) -> Sequence[Fault]:
        return self.faults.get(where, ())

    def of_proposal(self, place: int) -> dict[str, Sequence[Fault]]:
        """The faults of the proposal at this place, by column; those of the whole row under an empty one."""
        return {where[1]: faults for where, faults in self.faults.items() if len(where) == 2 and where[0] == str(place)}

    @property
    def frame_amiss(self) -> bool:
        """Whether something is wrong with the title, the dates or the rules."""
        return any(len(where) == 1 and where != ("proposals",) for where in self.faults)

    @property
    def proposals_amiss(self) -> list[int]:
        """The places of proposals that have a fault."""
        return sorted({int(where[0]) for where in self.faults if len(where) == 2})


def check(
    typed: Mapping[str, Any], zone: ZoneInfo, taken: frozenset[str] = frozenset(), to_collect: bool = False
) -> Checked:
    """Check a draft with its `proposals`; `taken` are the addresses (slugs) of other consultations.

    `to_collect` ideas it needs no proposal yet, but the moment until which they are taken.
    """
    form = _Form(typed)
    rows = Cells(typed.get("proposals", ()))
    proposals = definition.proposals(rows)
    if not proposals and not to_collect:
        form.amiss("proposals", _("there is no proposal yet"))
    if to_collect and not form.has(definition.IDEAS):
        form.amiss(definition.IDEAS, _("is empty"))
    slug = form.text("slug")
    reason = slug_fault(slug) if slug else _("is empty")
    if reason is None and slug in taken:
        reason = _("is the address of another consultation")
    if reason:
        form.amiss("slug", reason)
    found = definition.consultation(slug, form, proposals, zone)
    faults: dict[Where, Sequence[Fault]] = {**form.faults, **rows.faults}
    return Checked(None if faults else found, faults)


def check_proposals(typed: Sequence[Mapping[str, str]]) -> Checked:
    """Check proposals alone, as the preview of a spreadsheet shows them."""
    rows = Cells(typed)
    definition.proposals(rows)
    return Checked(None, dict(rows.faults))


def tidy(value: Any) -> str:
    """A text on one line, without blanks around it: pasted text brings line breaks and other blanks along."""
    return " ".join(str(value).split())


def cut(value: Any) -> str:
    """What is kept of one field: as it was typed, without what no database can hold."""
    return str(value).encode("utf-8", "ignore").decode().replace("\0", "")[:MOST_LETTERS]


@dataclass
class Cells:
    """The rows of a draft; a fault is noted by place and column, once each."""

    typed: Sequence[Mapping[str, str]]
    faults: dict[Where, list[Fault]] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        for place, row in enumerate(self.typed):
            number = tidy(row.get("number", "")) or str(place + 1)
            yield place + 1, {**{column: tidy(row.get(column, "")) for column in CELLS}, "number": number}

    def amiss(self, line: int, column: str, reason: Fault) -> None:
        self.faults.setdefault((str(line - 1), column), []).append(reason)


@dataclass
class _Form:
    """The fields of a draft, asked as a file is."""

    typed: Mapping[str, Any]
    faults: dict[Where, list[Fault]] = field(default_factory=dict)

    def text(self, key: str) -> str:
        return tidy(self.typed.get(key, ""))

    def words(self, key: str, most: int) -> Words:
        found = {language: self.text(f"{key}_{language}") for language in LANGUAGES}
        for language, text in found.items():
            reason = fault(text, most)
            if reason:
                self.amiss(f"{key}_{language}", reason)
        return found

    def number(self, key: str, least: int, most: int) -> int | None:
        typed = self.text(key)
        found = int(typed) if re.fullmatch(r"[0-9]{1,4}", typed) else None
        if found is None or not least <= found <= most:
            self.amiss(key, number_fault(least, most) if typed else _("is empty"))
            return None
        return found

    def one_of(self, key: str, known: Sequence[str]) -> str:
        found = self.text(key)
        if found not in known:
            self.amiss(key, choice_fault(known) if found else _("is empty"))
        return found

    def has(self, key: str) -> bool:
        return any(self.typed.get(name) for name in (key, f"{key}_day", f"{key}_hour"))

    def some_of(self, key: str, known: Sequence[str]) -> tuple[str, ...]:
        return tuple(each for each in known if each in self.typed.get(key, ()))

    def kinds(self, key: str, known: Sequence[str], allowed: Sequence[str]) -> dict[str, str]:
        """The groups whose small numbers are ticked as shown; the others stay hidden without being named."""
        return {each: allowed[0] for each in known if each in self.typed.get("shown", ())}

    def moment(self, key: str, zone: ZoneInfo) -> datetime | None:
        day, hour = self.text(f"{key}_day"), self.text(f"{key}_hour")
        if key == "paper_until" and not day and not hour:
            return self._silent("closes", zone)  # without paper nothing has to be typed
        read = moment(day, hour, zone)
        if isinstance(read, datetime):
            return read
        self.amiss(key, read)
        return None

    def _silent(self, key: str, zone: ZoneInfo) -> datetime | None:
        """The same moment, whose faults are named where it was typed."""
        return _Form(self.typed).moment(key, zone)

    def amiss(self, key: str, reason: Fault) -> None:
        self.faults.setdefault((key,), []).append(reason)


def moment(day: str, hour: str, zone: ZoneInfo) -> datetime | Fault:
    """A day (2026-11-30 or 30/11/2026) and an hour of 24 (18:00) of a zone, in UTC; or what is wrong with them."""
    if not day and not hour:
        return _("is empty")
    written, clock = DAY.fullmatch(day), HOUR.fullmatch(hour)
    if written is None:
        return _("needs a day, such as 30/11/2026")
    if clock is None or int(clock[1]) > 23 or int(clock[2]) > 59:
        return _("needs an hour from 00:00 to 23:59, such as 18:00")
    year, month, of_month = written.group(1, 2, 3) if written[1] else written.group(6, 5, 4)
    try:
        read = datetime(int(year), int(month), int(of_month), int(clock[1]), int(clock[2]))  # noqa: DTZ001  local time
    except ValueError:
        return _("is no day of the calendar")
    return hour_fault(read, zone) or read.replace(tzinfo=zone).astimezone(UTC)


def typed_of(row: ConsultationRow) -> dict[str, Any]:
    """A consultation of the database as somebody would have typed it."""
    zone, rules = ZoneInfo(row.zone), json.loads(row.rules)
    moments = {"opens": row.opens_at, "closes": row.closes_at, "paper_until": row.paper_until}
    if definition.IDEAS in rules:
        moments[definition.IDEAS] = datetime.fromisoformat(rules[definition.IDEAS])
    local = {key: moment.astimezone(zone) for key, moment in moments.items()}
    if row.paper_until == row.closes_at:
        del local["paper_until"]
    texts = {"title": json.loads(row.title), "who": rules["who"], "tie": rules["tie"]}
    return {
        "slug": row.slug,
        **{f"{name}_{language}": text for name, words in texts.items() for language, text in words.items()},
        **{f"{key}_day": moment.date().isoformat() for key, moment in local.items()},
        **{f"{key}_hour": f"{moment:%H:%M}" for key, moment in local.items()},
        **{key: str(rules[key]) for key in ("least", "most", "identity", "people_per_contact")},
        "asks": list(rules["asks"]),
        "desk": list(rules.get("desk", ())),
        "shown": [name for name, word in rules["small_cells"].items() if word == definition.CELLS[0]],
        "proposals": [_typed_proposal(each) for each in json.loads(row.proposals)],
    }


def _typed_proposal(each: Mapping[str, Any]) -> dict[str, str]:
    words = {f"{name}_{language}": text for name in ("title", "short", "more") for language, text in each[name].items()}
    return {"id": each["id"], **words, "official": each["official"]}
