"""The monitor's evidence: all that is public of a plan in one ZIP, with a manifest of hashes."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from bot.catalogue import Catalogue
from bot.standing import standings
from flows.language import Local
from flows.plan import Commitment, Plan
from storage import participants, plans, voices

STAMP = (1980, 1, 1, 0, 0, 0)
"""The date of every file in the ZIP: the same content makes the same bytes."""

SMALLEST = 5
"""People below which a number could point to somebody."""


def export(connection: Connection, city: Catalogue, plan: Plan, to: Path, now: datetime) -> int:
    """Write the ZIP; how many files it has, without the manifest. Raises OSError."""
    digests: list[tuple[str, int, str]] = []
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, body in contents(connection, city, plan, now):
            packed.writestr(zipfile.ZipInfo(name, STAMP), body, zipfile.ZIP_DEFLATED)
            digests.append((name, len(body), hashlib.sha256(body).hexdigest()))
        manifest = table(("file", "bytes", "sha256"), digests)
        packed.writestr(zipfile.ZipInfo("manifest.csv", STAMP), manifest, zipfile.ZIP_DEFLATED)
    return len(digests)


def contents(connection: Connection, city: Catalogue, plan: Plan, now: datetime) -> Iterable[tuple[str, bytes]]:
    """Each file of the ZIP, by name."""
    zone, today = city.hours.zone, city.hours.today(now)
    reports = voices.reports_of(connection, list(plan.milestones))
    ids = [row.id for row in reports]
    grades = voices.grades_of(connection, plan.slug)
    judgements = voices.judgements_of(connection, ids)
    objections = voices.objections_of(connection, ids)
    standing = standings(connection, plan, today, zone)

    def day(moment: datetime | None) -> str:
        return moment.astimezone(zone).date().isoformat() if moment else ""

    yield "plan.json", as_json(plan)
    yield "commitments.csv", table(COMMITMENT, [_commitment(plan, each) for each in plan.commitments])
    yield "milestones.csv", table(
        MILESTONE,
        [
            (
                m.id, m.commitment, m.number, es(m.title), en(m.title), m.official, "|".join(m.offices), m.span.first,
                m.span.last, s.phase, s.days, s.silent, s.reported or "", day_of(s.on),
                s.verdict.outcome if s.report else "",
                s.verdict.validated, s.verdict.objected, s.evidence, s.objections, s.answered,
            )
            for m in plan.milestones.values()
            for s in [standing[m.id]]
        ],
    )  # fmt: skip
    yield (
        "reports.csv",
        table(
            ("report", "milestone", "office", "state", "text", "via", "day"),
            [(r.id, r.milestone, r.office, r.state, r.text, r.via, day(r.at)) for r in reports],
        ),
    )
    yield (
        "judgements.csv",
        table(
            ("report", "seat", "verdict", "reason", "day"),
            [(j.report_id, j.seat, j.verdict, j.reason, day(j.at)) for j in judgements],
        ),
    )
    yield (
        "grades.csv",
        table(
            ("grade", "subject", "level_of_progress", "explanation", "day"),
            [(g.id, g.subject, g.grade, g.text, day(g.at)) for g in grades],
        ),
    )
    yield "objections.csv", table(
        ("objection", "report", "text", "day", "answer", "office", "answered"),
        [(o.id, o.report_id, o.text if o.answer else "", day(o.at), o.answer or "", o.office or "", day(o.answered_at))
         for o in objections],
    )  # fmt: skip
    yield "ratings.csv", table(("event", "people", "clear", "heard"), _ratings(connection, plan))
    yield (
        "changes.csv",
        table(
            ("subject", "what", "before", "after", "day"),
            [(c.subject, c.what, c.before, c.after, day(c.at)) for c in plans.changes(connection, plan.slug)],
        ),
    )
    yield "participation.csv", table(("by", "group", "people"), _participation(connection, city, plan, judgements))
    for file in voices.evidence_of(connection, ids, [g.id for g in grades]):
        kept = voices.file(connection, file.id)
        if kept is not None:
            yield f"evidence/{kept.id}{ENDINGS.get(kept.kind, '')}", kept.body


ENDINGS = {"image/jpeg": ".jpg", "image/png": ".png", "application/pdf": ".pdf"}
COMMITMENT = (
    "id", "commitment_title_es", "commitment_title_en", "commitment_start_date", "commitment_end_date",
    "lead_implementing_agencies", "partners", "objective", "primary_policy_area", "ogp_values", "sdgs", "consultation",
    "proposal", "withdrawn",
)  # fmt: skip
"""The field names are those of the OGP commitment form, as far as the plan's own form shows them."""

MILESTONE = (
    "milestone", "commitment", "number", "title_es", "title_en", "official", "offices", "start_date", "end_date",
    "phase", "days", "silent_days", "reported", "reported_on", "committee", "validated", "objected", "evidence",
    "objections", "answered",
)  # fmt: skip


def _commitment(plan: Plan, each: Commitment) -> Sequence[Any]:
    return (
        each.id, es(each.title), en(each.title), each.span.first, each.span.last,
        "|".join(es(plan.offices[id].name) for id in each.leads), "|".join(each.partners),
        es(plan.objectives[each.objective]), "|".join(es(plan.areas[id]) for id in each.areas),
        "|".join(es(plan.values[id]) for id in each.values), "|".join(map(str, each.sdgs)), each.consultation,
        each.proposal, es(each.withdrawn) if each.withdrawn else "",
    )  # fmt: skip


def _ratings(connection: Connection, plan: Plan) -> list[Sequence[Any]]:
    """The mean answers to each event, from five people on."""
    rows: list[Sequence[Any]] = []
    for event, answers in sorted(voices.ratings(connection, plan.slug).items()):
        if len(answers) >= SMALLEST:
            means = (round(sum(pair[n] for pair in answers) / len(answers), 2) for n in (0, 1))
            rows.append((event, len(answers), *means))
    return rows


def _participation(
    connection: Connection, city: Catalogue, plan: Plan, judgements: Sequence[Any]
) -> list[Sequence[Any]]:
    """Who takes part: seats that judged by sector, and followers by territory where they are five or more."""
    judged = {each.seat for each in judgements if each.seat in plan.seats}
    rows: list[Sequence[Any]] = [
        ("sector", sector.id, sum(plan.seats[seat].id == sector.id for seat in judged)) for sector in plan.sectors
    ]
    numbers: dict[str, int] = {}
    for place, people in participants.followers_by_place(connection).items():
        unit = city.city.territory.containing(place, "locality")
        code = unit.code if unit else ""
        numbers[code] = numbers.get(code, 0) + people
    return rows + [("locality", code, number) for code, number in sorted(numbers.items()) if number >= SMALLEST]


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """CSV with a header. A cell that a spreadsheet would take for a formula is given as text."""
    made = io.StringIO(newline="")
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[_harmless(cell) for cell in row] for row in rows])
    return made.getvalue().encode()


def _harmless(cell: Any) -> str:
    text = str(cell)
    return f"'{text}" if isinstance(cell, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def as_json(plan: Plan) -> bytes:
    """The plan as it is loaded."""
    return (json.dumps(_plain(plan), ensure_ascii=False, indent=1) + "\n").encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Local):
        return dict(value.by_language)
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def es(words: Local) -> str:
    return words.by_language.get("es", "")


def en(words: Local) -> str:
    return words.by_language.get("en", "")


def day_of(value: date | None) -> str:
    return value.isoformat() if value else ""
