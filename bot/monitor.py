"""The monitor's evidence: all that is public of a plan in one ZIP, with a manifest of hashes."""

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from bot import plan_files
from bot.catalogue import Catalogue
from bot.tables import as_csv
from flows.plan import Plan
from storage import participants, plans, voices
from storage.plans import PlanChange

STAMP = (1980, 1, 1, 0, 0, 0)
"""The date of every file in the ZIP: the same content makes the same bytes."""

LONGEST_GRADE = 3000
"""Letters of what a monitor finds: more than a chat has room for, and its page is still light."""

SMALLEST = 5
"""People below which a number could point to somebody."""

ENDINGS = {"image/jpeg": ".jpg", "image/png": ".png", "application/pdf": ".pdf"}
MANIFEST = ("file", "bytes", "sha256")
REPORT = ("report", "milestone", "office", "state", "text", "via", "day")
JUDGEMENT = ("report", "seat", "verdict", "reason", "day")
GRADE = ("grade", "subject", "completion", "explanation", "day")
OBJECTION = ("objection", "report", "day", "text", "answer", "office", "answered")
RATING = ("event", "people", "clear", "heard")
CHANGE = ("subject", "what", "before", "after", "day", "by", "reason")
PARTICIPATION = ("by", "group", "people")
FILE = ("file", "report", "grade", "state", "kind", "bytes", "sha256")

Rows = list[Sequence[Any]]


def export(connection: Connection, city: Catalogue, plan: Plan, to: Path, now: datetime) -> int:
    """Write the ZIP whole or not at all; how many files it has, without the manifest. Raises OSError."""
    part = to.with_name(f"{to.name}.part")
    try:
        number = _write(connection, city, plan, part, now)
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
    return number


def _write(connection: Connection, city: Catalogue, plan: Plan, to: Path, now: datetime) -> int:
    digests: Rows = []
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, body in contents(connection, city, plan, now):
            packed.writestr(zipfile.ZipInfo(name, STAMP), body, zipfile.ZIP_DEFLATED)
            digests.append((name, len(body), hashlib.sha256(body).hexdigest()))
        packed.writestr(zipfile.ZipInfo("manifest.csv", STAMP), as_csv([MANIFEST, *digests]), zipfile.ZIP_DEFLATED)
    return len(digests)


def contents(connection: Connection, city: Catalogue, plan: Plan, now: datetime) -> Iterator[tuple[str, bytes]]:
    """Each file of the ZIP, by name: the plan as it stands, what each voice said, and the files of evidence."""
    zone, today = city.hours.zone, city.hours.today(now)
    standing = list(plan_files.rows(connection, [plan], today, zone, city.published()))
    yield "plan.json", plan_files.as_json(standing)
    yield "plan.csv", plan_files.as_csv(standing)
    yield "columns.csv", plan_files.columns_csv()

    def day(moment: datetime | None) -> str:
        return moment.astimezone(zone).date().isoformat() if moment else ""

    reports = voices.reports_of(connection, list(plan.milestones))
    ids = [row.id for row in reports]
    judged, objected = voices.judgements_of(connection, ids), voices.objections_of(connection, ids)
    graded, changed = voices.grades_of(connection, plan.slug), plans.changes(connection, plan.slug)
    files = voices.evidence_of(connection, ids, [row.id for row in graded])
    tables: dict[str, Rows] = {
        "reports": [REPORT, *((r.id, r.milestone, r.office, r.state, r.text, r.via, day(r.at)) for r in reports)],
        "judgements": [JUDGEMENT, *((j.report_id, j.seat, j.verdict, j.reason, day(j.at)) for j in judged)],
        "grades": [GRADE, *((g.id, g.subject, g.grade, g.text, day(g.at)) for g in graded)],
        "objections": [OBJECTION, *(_objection(o, day(o.at), day(o.answered_at)) for o in objected)],
        "ratings": [RATING, *_ratings(connection, plan)],
        "changes": [CHANGE, *(_change(c, day(c.at)) for c in changed)],
        "participation": [PARTICIPATION, *_participation(connection, city, plan, judged)],
        "evidence": [FILE, *((f.id, f.report_id, f.grade_id, f.state, f.kind, f.size, f.sha256) for f in files)],
    }
    yield from ((f"{name}.csv", as_csv(rows)) for name, rows in tables.items())
    for each in files:
        kept = voices.file(connection, each.id)
        if kept is not None:
            yield f"evidence/{kept.id}{ENDINGS.get(kept.kind, '')}", kept.body


def _change(row: PlanChange, on: str) -> Sequence[Any]:
    """`by` is the file or the staff, without their names. A consultation that is not public yet is not named."""
    texts = ("", "") if row.what in ("consultation", "proposal") else (row.before, row.after)
    return row.subject, row.what, *texts, on, "file" if row.staff_id is None else "staff", row.reason


def _objection(row: Any, on: str, answered: str) -> Sequence[Any]:
    """Its words are public once they have an answer, as on the page."""
    text = row.text if row.answer is not None else ""
    return row.id, row.report_id, on, text, row.answer or "", row.office or "", answered


def _ratings(connection: Connection, plan: Plan) -> Rows:
    """The mean answers to each event, from five people on."""
    rows: Rows = []
    for event, answers in sorted(voices.ratings(connection, plan.slug).items()):
        if len(answers) >= SMALLEST:
            clear, heard = (round(sum(pair[n] for pair in answers) / len(answers), 2) for n in (0, 1))
            rows.append((event, len(answers), clear, heard))
    return rows


def _participation(connection: Connection, city: Catalogue, plan: Plan, judged: Sequence[Any]) -> Rows:
    """Who takes part: seats that judged by sector; who follows this plan by locality, where they are five or more."""
    seats = {each.seat for each in judged if each.seat in plan.seats}
    numbers: dict[str, int] = {}
    scopes = [
        "all",
        *(f"commitment:{c.id}" for c in plan.commitments),
        *(f"office:{plan.slug}/{o}" for o in plan.offices),
    ]
    for place, people in participants.followers_by_place(connection, scopes).items():
        locality = city.city.territory.containing(place, "locality")
        code = locality.code if locality else ""
        numbers[code] = numbers.get(code, 0) + people
    sectors = [("sector", s.id, sum(plan.seats[seat].id == s.id for seat in seats)) for s in plan.sectors]
    return [*sectors, *(("locality", code, n) for code, n in sorted(numbers.items()) if n >= SMALLEST)]
