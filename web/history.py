"""What has happened to the commitments of a plan: each report, judgement, grade, objection, answer and change."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row

from bot.catalogue import local, span
from flows.language import Joined, Local, Phrase, _
from flows.milestones import when
from flows.plan import GRADES, STATES, Commitment, Milestone, Plan
from storage import plans, voices
from storage.plans import PlanChange

VERDICTS: Mapping[str, Phrase] = {"validated": _("Validates the report"), "objected": _("Objects to the report")}


WORDS: Mapping[str, Phrase] = {
    "title": _("New title"),
    "short": _("New short title for text messages (SMS)"),
    "more": _("New description"),
    "official": _("New official text"),
    "number": _("New number"),
    "objective": _("Serves another objective"),
    "partners": _("Others take part"),
    "areas": _("Other policy areas"),
    "values": _("Other values of open government"),
    "sdgs": _("Other Sustainable Development Goals"),
    "consultation": _("Another consultation that it came from"),
    "proposal": _("Another proposal that it came from"),
}
"""What changed, by the field of the plan; dates, offices and a withdrawal are told in their own way."""


@dataclass(frozen=True)
class File:
    """A file of evidence: its media type, and its size in bytes. The name that its sender gave it is not shown."""

    id: int
    kind: str
    size: int

    @property
    def picture(self) -> bool:
        return self.kind.startswith("image/")


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `id` stays the same for ever, `subject` is the commitment or milestone it is about.

    `what` tells it, `who` says it; `text` is in their own words. Nobody is named: a seat is told by its sector.
    """

    id: str
    at: datetime
    subject: str
    about: Phrase
    who: Phrase
    what: Phrase
    text: Phrase = ""
    files: Sequence[File] = ()

    @property
    def commitment(self) -> str:
        return self.subject.partition(".")[0]


@dataclass(frozen=True)
class History:
    """Reads what happened in a plan, or to one of its commitments."""

    connection: Connection
    plan: Plan
    zone: ZoneInfo
    commitment: Commitment | None = None

    def entries(self) -> list[Entry]:
        """Everything, oldest first."""
        reports = voices.reports_of(self.connection, [m.id for m in self._milestones()])
        grades = [row for row in voices.grades_of(self.connection, self.plan.slug) if self._has(row)]
        files = files_of(self.connection, [row.id for row in reports], [row.id for row in grades])
        found = [self._report(row, files["report", row.id]) for row in reports]
        found += [self._grade(row, files["grade", row.id]) for row in grades]
        found += self._of_reports({row.id: row for row in reports})
        found += [self._change(row) for row in plans.changes(self.connection, self.plan.slug) if self._has(row)]
        return sorted(found, key=lambda entry: entry.at)

    def _milestones(self) -> Iterable[Milestone]:
        return self.commitment.milestones if self.commitment else self.plan.milestones.values()

    def _has(self, row: Row[Any] | PlanChange) -> bool:
        return self.commitment is None or row.subject.partition(".")[0] == self.commitment.id

    def _of_reports(self, reports: Mapping[int, Row[Any]]) -> Iterable[Entry]:
        for row in voices.judgements_of(self.connection, list(reports)):
            if row.seat in self.plan.seats:
                yield self._judgement(row, reports[row.report_id].milestone)
        for row in voices.objections_of(self.connection, list(reports)):
            yield from self._objection(row, reports[row.report_id].milestone)

    def _report(self, row: Row[Any], files: Sequence[File]) -> Entry:
        who, what = self._office(row.office), STATES[row.state]
        return self._entry(f"informe-{row.id}", row.at, row.milestone, who, what, row.text, files)

    def _judgement(self, row: Row[Any], milestone: str) -> Entry:
        who = Joined([self.plan.committee, self.plan.seats[row.seat].name], ": ")
        return self._entry(f"juicio-{row.id}", row.at, milestone, who, VERDICTS[row.verdict], row.reason)

    def _grade(self, row: Row[Any], files: Sequence[File]) -> Entry:
        who, what = self.plan.monitor, GRADES[row.grade]
        return self._entry(f"nota-{row.id}", row.at, row.subject, who, what, row.text, files)

    def _objection(self, row: Row[Any], milestone: str) -> Iterable[Entry]:
        """The words of an objection are told once it is answered."""
        what = _("Objection number {number}", number=row.id)
        text = "" if row.answer is None else row.text
        yield self._entry(f"objecion-{row.id}", row.at, milestone, _("Somebody of the city"), what, text)
        if row.answer is not None:
            who, what = self._office(row.office), _("Answer to objection number {number}", number=row.id)
            yield self._entry(f"respuesta-{row.id}", row.answered_at, milestone, who, what, row.answer)

    def _change(self, row: PlanChange) -> Entry:
        before, after = json.loads(row.before), json.loads(row.after)
        what, text = _told(row.what, before, after, self.plan)
        if row.staff_id is None:
            return self._entry(f"cambio-{row.id}", row.at, row.subject, _("The plan's file"), what, text)
        if row.reason:
            text = Joined([*([text] if text else []), _("Why: {reason}", reason=row.reason)])
        return self._entry(f"cambio-{row.id}", row.at, row.subject, _("The city"), what, text)

    def _entry(
        self, id: str, at: datetime, subject: str, who: Phrase, what: Phrase, text: Phrase, files: Sequence[File] = ()
    ) -> Entry:
        return Entry(id, at.astimezone(self.zone), subject, self._about(subject), who, what, text, files)

    def _about(self, subject: str) -> Phrase:
        """What an entry is about; of what is not in the plan any more, its number."""
        milestone = self.plan.milestones.get(subject)
        if milestone is not None:
            return numbered(milestone)
        commitment = self.plan.commitment(subject)
        return commitment.title if commitment else _("Milestone {number}", number=subject.partition(".")[2] or subject)

    def _office(self, id: str | None) -> Phrase:
        return office_name(self.plan, id)


def files_of(
    connection: Connection, reports: Sequence[int], grades: Sequence[int]
) -> Mapping[tuple[str, int], Sequence[File]]:
    """The files that are kept, by what they show: (report, its id) or (grade, its id)."""
    found: dict[tuple[str, int], list[File]] = defaultdict(list)
    for row in voices.evidence_of(connection, reports, grades):
        if row.state == "kept":
            shown = ("report", row.report_id) if row.report_id is not None else ("grade", row.grade_id)
            found[shown].append(File(row.id, row.kind, row.size))
    return found


def numbered(milestone: Milestone) -> Phrase:
    return _("Milestone {number}. {title}", number=milestone.number, title=milestone.title)


def office_name(plan: Plan, id: str | None) -> Phrase:
    """The name of an office; its id where the plan does not have it any more."""
    office = plan.offices.get(id or "")
    return office.name if office else id or ""


def _told(what: str, before: Any, after: Any, plan: Plan) -> tuple[Phrase, Phrase]:
    """A change of the plan: what changed, and from what to what."""
    match what:
        case "added":
            return _("Added to the plan"), local(before)
        case "removed":
            return _("Taken out of the plan"), local(before)
        case "title" | "short" | "more":
            return WORDS[what], _from_to(local(before), local(after))
        case "objective" | "areas" | "values":
            return WORDS[what], _from_to(_named(plan, what, before), _named(plan, what, after))
        case "consultation" | "proposal":  # which one is told on the commitment's page, once the public can see it
            return WORDS[what], ""
        case "official" | "number" | "partners" | "sdgs":
            return WORDS[what], _from_to(_plainly(before), _plainly(after))
        case "span":
            return _("New dates"), _from_to(when(span(before)), when(span(after)))
        case "withdrawn":
            return (_("Withdrawn"), local(after)) if after else (_("It stands again"), "")
        case _offices:
            return _("Others answer for it"), _from_to(_offices_of(plan, before), _offices_of(plan, after))


def _named(plan: Plan, what: str, ids: str | Sequence[str]) -> Phrase:
    """Objectives, areas and values by their names; by their id where the plan does not have them any more."""
    known = {"objective": plan.objectives, "areas": plan.areas, "values": plan.values}[what]
    names: list[Phrase] = [known.get(id, id) for id in ([ids] if isinstance(ids, str) else ids)]
    return Joined(names, "; ") if names else _("nothing")


def _plainly(value: Any) -> Phrase:
    text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text or _("nothing")


def _from_to(before: Phrase, after: Phrase) -> Phrase:
    return _("Before: {before}. Now: {after}.", before=before, after=after)


def _offices_of(plan: Plan, ids: Sequence[str]) -> Phrase:
    names: list[Phrase | Local] = [office_name(plan, id) for id in ids]
    return Joined(names, "; ")
