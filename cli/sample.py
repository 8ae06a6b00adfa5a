"""The demo's plan: the made-up one of the example city, moved to these months, with a made-up report and judgements.

Nothing is invented about the plan of a real city: this one says in its title, and wherever it is shown, that it is an
example.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from storage import plans, receivers, staff, vault, voices
from storage.plan_folder import DAY, Event, ReadCommitment, ReadPlan, Span
from storage.vault import Locked

PLAN = "plan-ejemplo"
DONE, NEXT = "arboles-plaza.1", "agua-diaria.1"


def add(connection: Connection, definition: ReadPlan, now: datetime) -> None:
    """Load the plan and play what has been said of it; nothing where it was loaded before."""
    moved = moved_to(definition, now.date())
    if any(row.slug == moved.slug for row in plans.every(connection)):
        return
    plans.load(connection, moved.slug, moved.as_json(), moved.digest, now)
    _play(connection, now)


def receive(connection: Connection, offices: Sequence[str], now: datetime) -> None:
    """Keys for made-up receivers, so that complaints can be tried; nothing where there are keys already.

    Nobody has the private halves: what is told in a demo stays unread.
    """
    if receivers.active(connection):
        return
    for n, office in enumerate((*offices, *offices), start=1):
        values = {
            "login": f"ejemplo-{n}", "name": f"Ejemplo {n}", "roles": "receiver", "password": "x", "totp": b"",
            "offices": "", "made_at": now, "active": False,
        }  # fmt: skip
        locked = Locked(vault.key_pair().public, b"", b"", b"")
        receivers.add(connection, staff.make(connection, values), office, locked, now.date())
    receivers.add_paper(connection, receivers.ELSEWHERE, vault.key_pair().public, now.date())


def moved_to(plan: ReadPlan, today: date) -> ReadPlan:
    """The same plan, with its first milestone ending this month."""
    first = plan.commitments[0].milestones[0].span.last
    months = (today.year - first.year) * 12 + today.month - first.month
    title = {
        "es": "Ejemplo para probar: plan de un pueblo inventado",
        "en": "An example to try: plan of a made-up town",
    }
    return replace(
        plan,
        title=title,
        span=_later(plan.span, months),
        rules={**plan.rules, "watched_until": _shifted(plan.rules["watched_until"], months)},
        events=tuple(_open_now(event, today) for event in plan.events),
        commitments=tuple(_commitment(each, months) for each in plan.commitments),
    )


def _open_now(event: Event, today: date) -> Event:
    closes = today + timedelta(days=30)
    return replace(event, opens=today.isoformat(), closes=closes.isoformat())


def _commitment(each: ReadCommitment, months: int) -> ReadCommitment:
    steps = tuple(replace(step, span=_later(step.span, months)) for step in each.milestones)
    return replace(each, consultation="", proposal="", span=_later(each.span, months), milestones=steps)


def _later(span: Span, months: int) -> Span:
    return Span(_shifted(span.starts, months), _shifted(span.ends, months))


def _shifted(stated: str, months: int) -> str:
    """A month or day so many months later; a day that the month does not have is left out."""
    year, month = map(int, stated.split("-")[:2])
    year, month = divmod(year * 12 + month - 1 + months, 12)
    return (
        f"{year}-{month + 1:02}-{stated[8:]}"
        if DAY.fullmatch(stated) and stated[8:] < "29"
        else f"{year}-{month + 1:02}"
    )


def _play(connection: Connection, now: datetime) -> None:
    def ago(days: int) -> datetime:
        return now - timedelta(days=days)

    voices.report(
        connection, DONE, "obras", "in-progress", "Hicimos la primera jornada con 18 vecinos.", "cli", ago(20)
    )
    report = voices.report(
        connection,
        DONE,
        "obras",
        "complete",
        "Hicimos la segunda jornada. La gente escogió tres especies.",
        "cli",
        ago(4),
    )
    voices.judge(connection, report, "campo-1", "validated", "", ago(3))
    voices.judge(connection, report, "pueblo-1", "objected", "A la segunda jornada no invitaron al pueblo.", ago(2))
    number = voices.object_to(connection, report, None, "En mi vereda nadie supo de la jornada.", ago(3))
    voices.answer(connection, number, "obras", "Tiene razón. El sábado la repetimos en las veredas.", ago(1))
    voices.report(connection, NEXT, "obras", "stalled", "El repuesto de la bomba no ha llegado.", "cli", ago(9))
    voices.grade(connection, PLAN, "arboles-plaza", "limited", "Se escogieron las especies. Falta sembrar.", ago(1))
