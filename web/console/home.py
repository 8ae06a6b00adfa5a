"""The first page of the console: what needs attention today."""

from flask import Blueprint, Response

from bot.attention import attention
from bot.turn import Desk
from storage import catalogue as shelf
from storage.database import reading
from web.console.access import Role, allows, shown, staff
from web.invitation import Public

MOST = 8
"""Lines of a list here; the pages behind have all."""


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the page."""

    @blueprint.get("/")
    @allows(*Role)
    def home() -> Response:
        now, only = desk.clock(), {Role.OFFICE}
        with reading(desk.engine) as connection:
            city = desk.catalogue(connection, shelf.revision(connection))
            own = staff().offices if staff().roles == only else None
            found = attention(connection, city, now, own)
        return shown("console/home.html", found=found, consultations=city.consultations, most=MOST)
