"""Where milestones stand: what each voice has said, and what follows from it today."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row

from flows.plan import Milestone, Plan, Standing, Verdict, outcome, phase, silence
from storage import voices


def standings(
    connection: Connection, plan: Plan, today: date, zone: ZoneInfo, milestones: Sequence[Milestone] | None = None
) -> dict[str, Standing]:
    """The standing of every milestone of a plan, or of these, by id."""
    wanted = list(plan.milestones.values()) if milestones is None else list(milestones)
    reports = voices.latest_reports(connection, [m.id for m in wanted])
    ids = [report.id for report in reports.values()]
    verdicts = _verdicts(voices.judgements_of(connection, ids), plan)
    files = Counter(each.report_id for each in voices.evidence_of(connection, ids) if each.state == "kept")
    objections = defaultdict(list)
    for each in voices.objections_of(connection, ids):
        objections[each.report_id].append(each)
    withdrawn = {m.id for c in plan.commitments if c.withdrawn for m in c.milestones}
    return {
        m.id: _standing(m, reports.get(m.id), verdicts, files, objections, plan, today, zone, m.id in withdrawn)
        for m in wanted
    }


def _standing(
    milestone: Milestone,
    report: Row[Any] | None,
    verdicts: Mapping[int, tuple[Verdict, datetime, datetime]],
    files: Mapping[int, int],
    objections: Mapping[int, list[Row[Any]]],
    plan: Plan,
    today: date,
    zone: ZoneInfo,
    withdrawn: bool,
) -> Standing:
    if report is None:
        where, days = phase(milestone.span, today, False, withdrawn, plan.rules.watched_until)
        owed = silence(milestone.span, today, None, plan.rules, withdrawn)
        return Standing(milestone.id, where, days, owed)
    on = report.at.astimezone(zone).date()
    verdict, decided, judged = verdicts.get(report.id, (Verdict(), report.at, report.at))
    done = report.state == "complete" and verdict.outcome != "objected"
    where, days = phase(milestone.span, today, done, withdrawn, plan.rules.watched_until)
    raised = objections.get(report.id, [])
    return Standing(
        milestone=milestone.id,
        phase=where,
        days=days,
        silent=silence(milestone.span, today, on, plan.rules, done or withdrawn),
        report=report.id,
        reported=report.state,
        said=report.text,
        office=report.office,
        on=on,
        verdict=verdict,
        evidence=files.get(report.id, 0),
        objections=len(raised),
        answered=sum(each.answer is not None for each in raised),
        decided=decided.astimezone(zone).date() if verdict.outcome != "pending" else None,
        changed=judged.astimezone(zone).date(),
    )


def _verdicts(judgements: Iterable[Row[Any]], plan: Plan) -> dict[int, tuple[Verdict, datetime, datetime]]:
    """By report: the verdict, since when it is what it is, and when the last judgement came."""
    by_report: dict[int, list[Row[Any]]] = defaultdict(list)
    for judgement in judgements:
        by_report[judgement.report_id].append(judgement)
    return {id: (verdict(rows, plan), _decided(rows, plan), rows[-1].at) for id, rows in by_report.items()}


def _decided(judgements: Sequence[Row[Any]], plan: Plan) -> datetime:
    """When the judgements of one report (oldest first) came to what they come to now."""
    said: dict[str, str] = {}
    before = "pending"
    since: datetime = judgements[0].at
    for each in judgements:
        if each.seat in plan.seats:
            said[each.seat] = each.verdict
        tally = Counter(said.values())
        now = outcome(tally["validated"], tally["objected"], plan.rules)
        if now != before:
            before, since = now, each.at
    return since


def verdict(judgements: Sequence[Row[Any]], plan: Plan) -> Verdict:
    """What follows from the judgements of one report (oldest first): the latest of each seat counts."""
    latest = {each.seat: each.verdict for each in judgements if each.seat in plan.seats}
    sectors = {sector.id: [0, 0] for sector in plan.sectors}
    for seat, said in latest.items():
        sectors[plan.seats[seat].id][said == "objected"] += 1
    validated, objected = (sum(pair[n] for pair in sectors.values()) for n in (0, 1))
    decided = outcome(validated, objected, plan.rules)
    return Verdict(decided, validated, objected, tuple((id, yes, no) for id, (yes, no) in sectors.items()))
