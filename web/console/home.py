"""The first page of the console: what needs attention today."""

from collections.abc import Sequence
from datetime import datetime

from flask import Blueprint, Response
from sqlalchemy import Connection

from bot import case_sheets
from bot.attention import attention
from bot.case_sheets import Digest
from bot.turn import Desk
from storage import catalogue as shelf
from storage import receivers
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
            told = _told(connection)
        return shown(
            "console/home.html", found=found, waiting=len(mine(steps, found.waiting)), most=MOST,
            consultations=city.consultations, told=told,
        )  # fmt: skip


def _told(connection: Connection) -> tuple[datetime, Digest] | None:
    """How many complaints wait, as of the last of the fixed hours, for those whose work they are.

    Who receives complaints is told nothing of those that concern their own office, and without a key nothing at all.
    """
    mine = staff()
    if Role.RECEIVER in mine.roles:
        key = receivers.of(connection, mine.id)
        return case_sheets.digest(connection, key.office) if key is not None else None
    return case_sheets.digest(connection, "") if Role.CASE_OFFICER in mine.roles else None
