"""The plan in the console: its milestones, and each commitment and milestone with its voices and its whole history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Blueprint, Response, abort, request, send_file
from sqlalchemy import Connection

from bot.catalogue import Catalogue
from bot.desk import Desk
from bot.monitor import export
from flows.answers import fold
from flows.language import Phrase, _
from flows.lists import MOST_LETTERS
from flows.milestones import when
from flows.plan import Commitment, Milestone, Plan, Standing
from storage import catalogue as shelf
from storage import plans as promises
from storage import staff as accounts
from storage.database import reading
from web import paging
from web.console.access import Role, allows, has, shown, staff
from web.dossier import Reader, Stated, Step
from web.history import Entry, History
from web.invitation import Public
from web.paging import Part

READERS = (Role.PARTICIPATION, Role.OFFICE, Role.MONITOR)
"""Who reads a plan here; an office only what it answers for."""

Pair = tuple[Commitment, Milestone]

WANTED: Mapping[str, Phrase] = {
    "": _("All milestones"),
    "late": _("Late"),
    "soon": _("Ends soon"),
    "silent": _("Nobody reports"),
    "pending": _("The committee has not decided"),
    "unanswered": _("With an objection that has no answer"),
}
"""What a list of milestones can be narrowed to."""


@dataclass(frozen=True)
class Listed(Stated):
    """A milestone in a list."""

    commitment: Commitment


@dataclass(frozen=True)
class Sight:
    """What who is signed in sees of a plan: all of it, or what their offices answer for."""

    plan: Plan
    offices: frozenset[str]
    whole: bool

    @classmethod
    def of(cls, plan: Plan) -> "Sight":
        mine = frozenset(own.partition("/")[2] for own in staff().offices if own.partition("/")[0] == plan.slug)
        return cls(plan, mine if has(Role.OFFICE) else frozenset(), has(Role.PARTICIPATION, Role.MONITOR))

    def sees(self, milestone: Milestone) -> bool:
        return self.whole or not self.offices.isdisjoint(milestone.offices)

    def reports(self, milestone: Milestone) -> list[str]:
        """The offices for which who is signed in can report on it."""
        return [id for id in milestone.offices if id in self.offices]


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages."""

    @blueprint.get("/planes")
    @allows(*READERS, Role.ADMINISTRATOR)
    def plans() -> Response:
        with reading(desk.engine) as connection:
            city = read(connection, desk)
        found = [plan for plan in city.plans.values() if _is_open(plan)]
        return shown("console/plans.html", plans=found, loaded=bool(city.plans))

    @blueprint.get("/planes/<plan>")
    @allows(*READERS)
    def plan(plan: str) -> Response:
        asked = {name: request.args.get(name, "").strip()[:MOST_LETTERS] for name in ("buscar", "oficina", "estado")}
        with reading(desk.engine) as connection:
            city = read(connection, desk)
            sight = Sight.of(known_plan(city, plan))
            reader = reader_of(connection, desk, city, sight.plan)
            found = _narrowed(_milestones(sight, asked), reader, asked["estado"])
            part = _listed(paging.part(found, paging.asked()), reader)
        return shown(
            "console/plan.html",
            plan=sight.plan,
            sight=sight,
            part=part,
            number=len(found),
            asked={name: text for name, text in asked.items() if text},
            wanted=WANTED,
            offices=[o for o in sight.plan.offices.values() if sight.whole or o.id in sight.offices],
        )

    @blueprint.get("/compromisos/<commitment>")
    @allows(*READERS)
    def commitment(commitment: str) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection, desk)
            sight, promised = known_commitment(city, commitment)
            reader = reader_of(connection, desk, city, sight.plan)
            mine = [(promised, m) for m in promised.milestones if sight.sees(m)]
            part = _listed(paging.part(mine, paging.asked()), reader)
            grade = reader.grade(promised.id)
            entries = _entries(connection, city, sight.plan, replace(promised, milestones=()), promised.id)
            who = _editors(connection, sight.plan.slug, entries)
        return shown(
            "console/commitment.html",
            plan=sight.plan,
            commitment=promised,
            when=when(promised.span),
            part=part,
            grade=grade,
            entries=entries,
            who=who,
        )

    @blueprint.get("/hitos/<milestone>")
    @allows(*READERS)
    def milestone(milestone: str) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection, desk)
            sight, promised, step = known_milestone(city, milestone)
            alone = replace(promised, milestones=(step,))
            whole: Step = reader_of(connection, desk, city, sight.plan).whole(alone).steps[0]
            entries = _entries(connection, city, sight.plan, alone, step.id)
            who = _editors(connection, sight.plan.slug, entries)
        return shown(
            "console/milestone.html",
            plan=sight.plan,
            commitment=promised,
            step=whole,
            entries=entries,
            who=who,
            reports=sight.reports(step),
        )

    @blueprint.get("/planes/<plan>/monitor.zip")
    @allows(Role.PARTICIPATION, Role.MONITOR)
    def evidence_file(plan: str) -> Response:
        # Linux keeps an open file after its folder is gone: nothing stays on the disk when it was sent.
        with TemporaryDirectory() as folder, reading(desk.engine) as connection:
            city = read(connection, desk)
            found = known_plan(city, plan)
            export(connection, city, found, Path(folder) / "monitor.zip", desk.clock())
            packed = (Path(folder) / "monitor.zip").open("rb")
        return send_file(packed, "application/zip", as_attachment=True, download_name=f"monitor-{found.slug}.zip")


def read(connection: Connection, desk: Desk) -> Catalogue:
    return desk.catalogue(connection, shelf.revision(connection))


def today(desk: Desk, city: Catalogue) -> date:
    return desk.clock().astimezone(city.hours.zone).date()


def reader_of(connection: Connection, desk: Desk, city: Catalogue, plan: Plan) -> Reader:
    return Reader(connection, plan, today(desk, city), city.hours.zone)


def known_plan(city: Catalogue, slug: str) -> Plan:
    """The plan of that slug; 404 without, and for an office that has no part in it."""
    found = city.plans.get(slug)
    if found is None or not _is_open(found):
        abort(404)
    return found


def _is_open(plan: Plan) -> bool:
    """Whether who is signed in has to do with a plan."""
    return has(Role.PARTICIPATION, Role.MONITOR, Role.ADMINISTRATOR) or bool(Sight.of(plan).offices)


def known_commitment(city: Catalogue, id: str) -> tuple[Sight, Commitment]:
    """A commitment; 404 without, and for an office that answers for nothing in it."""
    plan = city.plan_of(id)
    found = plan.commitment(id) if plan else None
    if plan is None or found is None or not any(map(Sight.of(plan).sees, found.milestones)):
        abort(404)
    return Sight.of(plan), found


def known_milestone(city: Catalogue, id: str) -> tuple[Sight, Commitment, Milestone]:
    """A milestone; 404 without, and for an office that does not answer for it."""
    plan = city.plan_of(id)
    found = plan.milestones.get(id) if plan else None
    commitment = plan.commitment(found.commitment) if plan and found else None
    if plan is None or found is None or commitment is None or not Sight.of(plan).sees(found):
        abort(404)
    return Sight.of(plan), commitment, found


def _milestones(sight: Sight, asked: Mapping[str, str]) -> list[Pair]:
    """The milestones of a plan in which these words stand, of this office; what ends first comes first."""
    words = fold(asked["buscar"])
    found = [
        (commitment, milestone)
        for commitment in sight.plan.commitments
        for milestone in commitment.milestones
        if sight.sees(milestone)
        and (not asked["oficina"] or asked["oficina"] in milestone.offices)
        and (not words or words in _searched(commitment, milestone))
    ]
    return sorted(found, key=lambda pair: (pair[1].span.last, pair[0].number, pair[1].number))


def _searched(commitment: Commitment, milestone: Milestone) -> str:
    titles = [*commitment.title.by_language.values(), *milestone.title.by_language.values()]
    return fold(" ".join([milestone.id, *titles]))


def _narrowed(found: Sequence[Pair], reader: Reader, wanted: str) -> Sequence[Pair]:
    """Those that are in this state; of all of them only then the standings are read."""
    if wanted not in WANTED or not wanted:
        return found
    known = reader.standings([milestone for _commitment, milestone in found])
    return [pair for pair in found if _is(known[pair[1].id], wanted)]


def _listed(part: Part[Pair], reader: Reader) -> Part[Listed]:
    """One part of a list with where its milestones stand."""
    known = reader.standings([milestone for _commitment, milestone in part.items])
    return Part([Listed(m, known[m.id], c) for c, m in part.items], part.number, part.of)


def _is(standing: Standing, wanted: str) -> bool:
    match wanted:
        case "silent":
            return standing.silent > 0
        case "pending":
            return standing.report is not None and standing.verdict.outcome == "pending"
        case "unanswered":
            return standing.objections > standing.answered
        case phase:
            return standing.phase == phase


def _entries(connection: Connection, city: Catalogue, plan: Plan, of: Commitment, subject: str) -> list[Entry]:
    """What happened to one commitment as a whole, or to one milestone; the newest first."""
    found = History(connection, plan, city.hours.zone, of).entries()
    return [entry for entry in found if entry.subject == subject][::-1]


def _editors(connection: Connection, slug: str, entries: Sequence[Entry]) -> Mapping[str, str]:
    """The login of whoever made each change of these, by its entry."""
    by = {f"cambio-{each.id}": each.staff_id for each in promises.changes(connection, slug)}
    wanted = {entry.id: by[entry.id] for entry in entries if entry.id in by}
    logins = accounts.logins(connection, wanted.values())
    return {id: logins[staff_id] for id, staff_id in wanted.items() if staff_id in logins}
