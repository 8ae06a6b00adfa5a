"""The committee's seats and the offices' people in the chat: who has a code, who holds what since when, never who."""

from collections import Counter
from collections.abc import Callable, Container, Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, request
from sqlalchemy import Connection

from bot import plan_commands
from bot.desk import Desk
from flows.language import Phrase, _
from flows.plan import Plan
from storage import audit, participants
from storage.database import reading, transaction
from web.console.access import Role, allows, shown, staff
from web.console.answers import see
from web.console.plans import known_plan, read
from web.invitation import Public

KEEPERS = (Role.ADMINISTRATOR, Role.PARTICIPATION)
ENDS: Mapping[str, Callable[[Connection, str, str], Any]] = {
    "seat": participants.vacate,
    "office": participants.dismiss,
}


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages."""

    @blueprint.get("/planes/<plan>/sillas")
    @allows(*KEEPERS)
    def seats(plan: str) -> Response:
        now = desk.clock()
        with reading(desk.engine) as connection:
            found = known_plan(read(connection, desk), plan)
            held: dict[str, datetime] = {row.seat: row.since for row in participants.seats(connection, found.slug)}
            codes = participants.invited(connection, found.slug, "seat", now)
        return shown("console/seats.html", plan=found, held=held, codes=codes)

    @blueprint.get("/planes/<plan>/oficinas")
    @allows(*KEEPERS)
    def offices(plan: str) -> Response:
        now = desk.clock()
        with reading(desk.engine) as connection:
            found = known_plan(read(connection, desk), plan)
            people = Counter(row.office for row in participants.clerks(connection, found.slug))
            codes = participants.invited(connection, found.slug, "office", now)
        return shown("console/offices.html", plan=found, people=people, codes=codes)

    def code(found: Plan, kind: str, which: str, taken: bool) -> Response:
        """The page that asks before a code is made, and the one that shows it."""
        page: dict[str, Any] = {"plan": found, "kind": kind, "name": _named(found, kind, which)}
        if request.method == "GET":
            return shown("console/code.html", taken=taken, **page)
        now = desk.clock()
        with transaction(desk.engine) as connection:
            made = plan_commands.invite(connection, desk.secret, kind, found.slug, which, now)
            audit.note(connection, now, staff().id, f"{kind}.invited", f"{found.slug}/{which}")
        return shown("console/code.html", made=made, days=plan_commands.INVITED_FOR.days, **page)

    def end(found: Plan, kind: str, which: str) -> Response:
        """The page that asks before somebody's part ends, and the way back to the list."""
        if request.method == "GET":
            return shown("console/seat_end.html", plan=found, kind=kind, name=_named(found, kind, which))
        with transaction(desk.engine) as connection:
            ENDS[kind](connection, found.slug, which)
            audit.note(connection, desk.clock(), staff().id, f"{kind}.ended", f"{found.slug}/{which}")
        return see(f".{kind}s", plan=found.slug)

    @blueprint.route("/planes/<plan>/sillas/<seat>/codigo", methods=["GET", "POST"])
    @allows(*KEEPERS, fresh=True)
    def seat_code(plan: str, seat: str) -> Response:
        with reading(desk.engine) as connection:
            found = known_plan(read(connection, desk), plan)
            taken = any(row.seat == seat for row in participants.seats(connection, found.slug))
        return code(found, "seat", _among(found.seats, seat), taken)

    @blueprint.route("/planes/<plan>/sillas/<seat>/terminar", methods=["GET", "POST"])
    @allows(*KEEPERS, fresh=True)
    def seat_end(plan: str, seat: str) -> Response:
        with reading(desk.engine) as connection:
            found = known_plan(read(connection, desk), plan)
        return end(found, "seat", _among(found.seats, seat))

    @blueprint.route("/planes/<plan>/oficinas/<office>/codigo", methods=["GET", "POST"])
    @allows(*KEEPERS, fresh=True)
    def office_code(plan: str, office: str) -> Response:
        with reading(desk.engine) as connection:
            found = known_plan(read(connection, desk), plan)
        return code(found, "office", _among(found.offices, office), taken=False)

    @blueprint.route("/planes/<plan>/oficinas/<office>/terminar", methods=["GET", "POST"])
    @allows(*KEEPERS, fresh=True)
    def office_end(plan: str, office: str) -> Response:
        with reading(desk.engine) as connection:
            found = known_plan(read(connection, desk), plan)
        return end(found, "office", _among(found.offices, office))


def _among(known: Container[str], id: str) -> str:
    """The id, where the plan has it; 404 otherwise."""
    return id if id in known else abort(404)


def _named(plan: Plan, kind: str, which: str) -> Phrase:
    if kind == "office":
        return plan.offices[which].name
    return _("{sector}, seat {number}", sector=plan.seats[which].name, number=which.rpartition("-")[2])
