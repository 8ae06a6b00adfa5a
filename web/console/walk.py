"""The walk from what people proposed to what was done: proposal, result, commitment, milestones."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, abort
from sqlalchemy import Connection

from bot.catalogue import Catalogue
from bot.desk import Desk
from flows.plan import Commitment, Plan, Standing
from storage import counts
from storage.database import reading
from web import paging
from web.console.access import Role, allows, shown
from web.console.plans import read, reader_of
from web.dossier import came_of, phases
from web.invitation import Public
from web.record import Line, record


@dataclass(frozen=True)
class Walked:
    """A proposal with its result, and every commitment that came of it."""

    line: Line
    commitments: Sequence[tuple[Plan, Commitment]]


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages."""

    @blueprint.get("/camino")
    @allows(Role.PARTICIPATION, Role.MONITOR)
    def walks() -> Response:
        with reading(desk.engine) as connection:
            city = read(connection, desk)
        listed = [city.consultations[slug].seen for slug in city.published()]
        number = Counter(c.consultation for plan in city.plans.values() for c in plan.commitments)
        return shown("console/walks.html", listed=listed, number=number)

    @blueprint.get("/camino/<slug>")
    @allows(Role.PARTICIPATION, Role.MONITOR)
    def walk(slug: str) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection, desk)
            listed = city.consultations.get(slug)
            count = counts.of(connection, slug) if listed and listed.row.state == "published" else None
            if listed is None or count is None:
                abort(404)
            promised = came_of(city, slug)
            lines = record(count, city.city, listed).lines
            part = paging.part(_walked(lines, promised), paging.asked())
            shown_here = [pair for each in part.items for pair in each.commitments]
            whole = [(plan, c) for plan, c in promised if not c.proposal] if part.number == 1 else []
            standing = _standings(connection, desk, city, [*shown_here, *whole])
        told = {c.id: phases(c, standing) for _plan, c in [*shown_here, *whole]}
        return shown(
            "console/walk.html",
            seen=listed.seen,
            ballots=count.ballots,
            part=part,
            whole=whole,
            told=told,
            plans=city.plans,
        )


def _walked(lines: Sequence[Line], promised: Sequence[tuple[Plan, Commitment]]) -> list[Walked]:
    """Every proposal in the order of the result."""
    return [Walked(line, [(p, c) for p, c in promised if c.proposal == line.proposal.id]) for line in lines]


def _standings(
    connection: Connection, desk: Desk, city: Catalogue, promised: Sequence[tuple[Plan, Commitment]]
) -> Mapping[str, Standing]:
    """Where their milestones stand; what is read does not grow with the commitments, only with the plans."""
    found: dict[str, Standing] = {}
    for slug in {plan.slug for plan, _commitment in promised}:
        mine = [m for plan, c in promised if plan.slug == slug for m in c.milestones]
        found |= reader_of(connection, desk, city, city.plans[slug]).standings(mine)
    return found
