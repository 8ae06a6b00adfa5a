"""The first page of the console: what needs attention today."""

from collections.abc import Sequence

from flask import Blueprint, Response

from bot.attention import attention
from bot.turn import Desk
from storage import catalogue as shelf
from storage.database import reading
from web.console.access import Role, allows, shown, staff
from web.console.approvals import Step, mine

MOST = 8
"""Lines of a list here; the pages behind have all."""


def add(blueprint: Blueprint, desk: Desk, steps: Sequence[Step]) -> None:
    """Add the page; of the steps that need two people it counts those of who looks."""

    @blueprint.get("/")
    @allows(*Role)
    def home() -> Response:
        now, only = desk.clock(), {Role.OFFICE}
        with reading(desk.engine) as connection:
            city = desk.catalogue(connection, shelf.revision(connection))
            own = staff().offices if staff().roles == only else None
            found = attention(connection, city, now, own)
        return shown(
            "console/home.html", found=found, waiting=len(mine(steps, found.waiting)), most=MOST,
            consultations=city.consultations,
        )  # fmt: skip
