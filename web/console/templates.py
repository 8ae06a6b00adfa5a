"""The WhatsApp templates: what they say, and whether Meta lets us use them. They are made on the command line."""

from collections.abc import Mapping

from flask import Blueprint, Response

from bot.announcements.template_status import known
from bot.desk import Desk
from flows.language import Text, _
from storage import templates
from storage.database import reading
from web.console.access import Role, allows, shown
from web.invitation import Public

STATUSES: Mapping[str, Text] = {
    "missing": _("Not sent to Meta yet. Whoever runs the desk does that."),
    "changed": _("Its words were changed. Whoever runs the desk sends them to Meta."),
    "unsubmitted": _("Not sent to Meta yet. Whoever runs the desk does that."),
    "pending": _("Meta is looking at it. That takes some minutes, at most two days."),
    "approved": _("Can be used"),
    "rejected": _("Meta said no. It needs other words."),
    "paused": _("Meta lets it rest for some hours: too many people did not want it."),
    "disabled": _("Meta has switched it off. It needs other words."),
}
CATEGORIES: Mapping[str, Text] = {
    "utility": _("What people asked for"),
    "marketing": _("Other news, which costs more"),
}
TOPICS: Mapping[str, Text] = {"votes": _("Votes"), "news": _("News of the city")}
TONGUES: Mapping[str, Text] = {"es": _("Spanish"), "en": _("English")}


def add(blueprint: Blueprint, desk: Desk, _public: Public) -> None:
    """Add the page."""

    @blueprint.get("/plantillas")
    @allows(Role.ADMINISTRATOR, Role.COMMUNICATIONS, Role.PARTICIPATION, Role.AUDITOR)
    def templates_() -> Response:
        with reading(desk.engine) as connection:
            found = known(templates.every(connection))
        return shown(
            "console/templates.html", found=found, statuses=STATUSES, categories=CATEGORIES, topics=TOPICS,
            tongues=TONGUES,
        )  # fmt: skip
