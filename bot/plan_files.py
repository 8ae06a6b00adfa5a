"""The plans as public files: every milestone with all that is said of it, and what each column means.

Names of columns are those of the Open Government Partnership where it has one (commitment, milestone, lead institution,
policy area, OGP value, completion); the rest are plain words.
"""

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row

from bot import tables
from bot.standing import standings
from flows.language import Local
from flows.plan import Commitment, Milestone, Plan, Standing
from storage import voices

LANGUAGES = ("es", "en")
WORDS = ("plan_title", "objective", "commitment_title", "commitment_description", "withdrawn", "milestone_title")
"""Columns with words in each language."""

COLUMNS: Mapping[str, tuple[str, str]] = {
    "plan": ("Identificador del plan", "Id of the plan"),
    "plan_title": ("Título del plan", "Title of the plan"),
    "example": ("Si el plan es un ejemplo inventado", "Whether the plan is a made-up example"),
    "objective": ("Objetivo del plan al que sirve", "Objective of the plan that it serves"),
    "commitment": ("Identificador del compromiso", "Id of the commitment"),
    "commitment_number": ("Número del compromiso en el plan", "Number of the commitment in the plan"),
    "commitment_title": ("Título del compromiso", "Title of the commitment"),
    "commitment_description": ("El compromiso en palabras sencillas", "The commitment in plain words"),
    "commitment_text": ("Texto oficial del compromiso", "Official text of the commitment"),
    "lead_institutions": ("Entidades responsables", "Lead institutions"),
    "partner_institutions": ("Entidades y grupos que ayudan", "Partner institutions"),
    "policy_areas": ("Áreas de política", "Policy areas"),
    "ogp_values": ("Valores de gobierno abierto", "OGP values"),
    "sdgs": ("Objetivos de Desarrollo Sostenible, por número", "Sustainable Development Goals, by number"),
    "consultation": ("Consulta de la que salió", "Consultation that it came from"),
    "proposal": ("Propuesta de la que salió", "Proposal that it came from"),
    "commitment_start_date": ("Primer día del compromiso", "First day of the commitment"),
    "commitment_end_date": ("Último día del compromiso", "Last day of the commitment"),
    "withdrawn": ("Por qué se retiró; vacío si sigue", "Why it was withdrawn; empty while it stands"),
    "milestone": ("Identificador del hito", "Id of the milestone"),
    "milestone_number": ("Número del hito en su compromiso", "Number of the milestone in its commitment"),
    "milestone_title": ("Título del hito", "Title of the milestone"),
    "milestone_text": ("Texto oficial del hito", "Official text of the milestone"),
    "responsible_institutions": ("Entidades que responden por el hito", "Institutions that answer for the milestone"),
    "start_date": ("Primer día", "First day"),
    "end_date": ("Último día", "Last day"),
    "by_month": ("Si el plan dice solo meses", "Whether the plan states months only"),
    "phase": (
        "Según el calendario: ahead (no empieza), running (en curso), soon (termina pronto), late (tarde), ended (ya"
        " nadie lo sigue), done (reportado como cumplido), withdrawn (retirado)",
        "By the calendar: ahead, running, soon, late, ended (nobody watches it any more), done (reported complete),"
        " withdrawn",
    ),
    "days": ("Días que faltan, o que lleva tarde", "Days that are left, or that it is late"),
    "silent_days": ("Días sin informe; 0 si no debe ninguno", "Days without a report; 0 while none is owed"),
    "reported": (
        "Lo que dice la entidad: not-started, in-progress, stalled o complete; vacío si no hay dato",
        "What the office says: not-started, in-progress, stalled or complete; empty without data",
    ),
    "reported_on": ("Día de ese informe", "Day of that report"),
    "reported_by": ("Entidad que informó", "Institution that reported"),
    "report_text": ("El informe, en sus palabras", "The report, in its own words"),
    "evidence": ("Archivos de prueba de ese informe", "Files of evidence of that report"),
    "committee": (
        "Lo que dice el comité: pending (sin decidir), validated (validado), objected (objetado); vacío sin informe",
        "What the committee says: pending, validated or objected; empty without a report",
    ),
    "committee_validated": ("Sillas que validaron", "Seats that validated"),
    "committee_objected": ("Sillas que objetaron", "Seats that objected"),
    "objections": ("Objeciones de la gente a ese informe", "Objections of residents to that report"),
    "objections_answered": ("Cuántas tienen respuesta", "How many of them have an answer"),
    "completion": (
        "Lo que dice el monitor: no-evidence, not-started, limited, substantial o complete; vacío si no dice",
        "What the monitor says, in OGP's words: no-evidence, not-started, limited, substantial or complete; or empty",
    ),
    "completion_text": ("Lo que dice el monitor, en sus palabras", "What the monitor says, in its own words"),
    "completion_on": ("Día de esa nota", "Day of that grade"),
}
"""What each field of plan.json means, in Spanish and English. In plan.csv those in WORDS are two columns each."""

SEVERAL = (
    "lead_institutions",
    "partner_institutions",
    "policy_areas",
    "ogp_values",
    "sdgs",
    "responsible_institutions",
)
"""Fields with several values; in plan.csv they stand in one column with | between them, in Spanish."""


def rows(
    connection: Connection, plans: Iterable[Plan], today: date, zone: ZoneInfo, shown: Container[str]
) -> Iterator[dict[str, Any]]:
    """Every milestone of these plans with all that is said of it; `shown` are the consultations that may be named."""
    for plan in plans:
        found = standings(connection, plan, today, zone)
        grades = {row.subject: row for row in voices.grades_of(connection, plan.slug)}
        for commitment in plan.commitments:
            promised = _commitment(plan, commitment, commitment.consultation in shown)
            for milestone in commitment.milestones:
                grade = grades.get(milestone.id)
                yield {
                    **promised,
                    **_milestone(plan, milestone),
                    **_voices(plan, found[milestone.id]),
                    "completion": grade.grade if grade else None,
                    "completion_text": grade.text if grade else None,
                    "completion_on": _day(grade, zone),
                }


def as_json(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """`plan.json`: the milestones, and what each field means."""
    columns = {name: {"es": es, "en": en} for name, (es, en) in COLUMNS.items()}
    return (json.dumps({"milestones": list(rows), "columns": columns}, ensure_ascii=False, indent=1) + "\n").encode()


def as_csv(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """`plan.csv`: a line for each milestone."""
    return tables.as_csv([list(columns()), *(_cells(row) for row in rows)])


def columns_csv() -> bytes:
    """`columnas.csv`: what each column of plan.csv means."""
    told = [["plan.csv", name, es, en] for name, (es, en) in columns().items()]
    return tables.as_csv([["file", "column", "description_es", "description_en"], *told])


def columns() -> Mapping[str, tuple[str, str]]:
    """The columns of plan.csv with what they mean."""
    found: dict[str, tuple[str, str]] = {}
    for name, told in COLUMNS.items():
        if name in WORDS:
            found |= {f"{name}_{language}": told for language in LANGUAGES}
        else:
            found[name] = told
    return found


def _commitment(plan: Plan, commitment: Commitment, whence: bool) -> dict[str, Any]:
    return {
        "plan": plan.slug,
        "plan_title": _words(plan.title),
        "example": plan.example,
        "objective": _words(plan.objectives[commitment.objective]),
        "commitment": commitment.id,
        "commitment_number": commitment.number,
        "commitment_title": _words(commitment.title),
        "commitment_description": _words(commitment.more),
        "commitment_text": commitment.official,
        "lead_institutions": [_words(plan.offices[id].name) for id in commitment.leads],
        "partner_institutions": list(commitment.partners),
        "policy_areas": [_words(plan.areas[id]) for id in commitment.areas],
        "ogp_values": [_words(plan.values[id]) for id in commitment.values],
        "sdgs": list(commitment.sdgs),
        "consultation": commitment.consultation if whence else None,
        "proposal": commitment.proposal if whence and commitment.proposal else None,
        "commitment_start_date": commitment.span.first.isoformat(),
        "commitment_end_date": commitment.span.last.isoformat(),
        "withdrawn": _words(commitment.withdrawn) if commitment.withdrawn else None,
    }


def _milestone(plan: Plan, milestone: Milestone) -> dict[str, Any]:
    return {
        "milestone": milestone.id,
        "milestone_number": milestone.number,
        "milestone_title": _words(milestone.title),
        "milestone_text": milestone.official,
        "responsible_institutions": [_words(plan.offices[id].name) for id in milestone.offices],
        "start_date": milestone.span.first.isoformat(),
        "end_date": milestone.span.last.isoformat(),
        "by_month": milestone.span.by_month,
    }


def _voices(plan: Plan, standing: Standing) -> dict[str, Any]:
    office = plan.offices.get(standing.office)
    return {
        "phase": standing.phase,
        "days": standing.days,
        "silent_days": standing.silent,
        "reported": standing.reported,
        "reported_on": standing.on.isoformat() if standing.on else None,
        "reported_by": _words(office.name) if office else None,
        "report_text": standing.said or None,
        "evidence": standing.evidence,
        "committee": standing.verdict.outcome if standing.report is not None else None,
        "committee_validated": standing.verdict.validated,
        "committee_objected": standing.verdict.objected,
        "objections": standing.objections,
        "objections_answered": standing.answered,
    }


def _words(local: Local) -> dict[str, str]:
    return dict(local.by_language)


def _day(row: Row[Any] | None, zone: ZoneInfo) -> str | None:
    return row.at.astimezone(zone).date().isoformat() if row else None


def _cells(row: Mapping[str, Any]) -> Iterator[Any]:
    for name, value in row.items():
        if name in WORDS:
            yield from ((value or {}).get(language, "") for language in LANGUAGES)
        elif name in SEVERAL:
            yield "|".join(map(_cell, value))
        else:
            yield _cell(value)


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return str(value["es"])
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
