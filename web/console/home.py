"""The first page of the console: what needs attention today."""

from flask import Blueprint, Response

from bot.turn import Desk
from web.console.access import Role, allows, shown
from web.invitation import Public


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the page."""

    @blueprint.get("/")
    @allows(*Role)
    def home() -> Response:
        return shown("console/home.html")
