"""The calendar of a consultation: which reminders go out when, to how many people, at what cost; and what was done."""

from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from flask import Blueprint, Response, abort, request
from sqlalchemy import Connection

from bot.announcements import reminders
from bot.announcements.announcing import Estimate, estimate
from bot.catalogue import Catalogue, Listed
from bot.desk import Desk
from flows.language import Text, _
from storage import catalogue as shelf
from storage.announcements import Announcement
from storage.database import reading, transaction
from web.console.access import Role, allows, shown, staff
from web.console.answers import see
from web.console.forms import plain

READERS = (Role.PARTICIPATION, Role.COMMUNICATIONS, Role.APPROVER, Role.AUDITOR)

KINDS: dict[str, Text] = {
    "opens": _("It opens"),
    "half": _("Half of the time is over"),
    "two-days": _("Two days are left"),
    "three-hours": _("The last hours"),
    "result": _("The result is published"),
}
WHOM: dict[str, Text] = {
    "opens": _("Who agreed to it"),
    "half": _("Who agreed to it and has not voted, where few have voted"),
    "two-days": _("Who agreed to it and has not voted"),
    "three-hours": _("Who agreed to it and has not voted"),
    "result": _("Who agreed to it and took part"),
}
STATES: dict[str, Text] = {
    "planned": _("It will go out"),
    "off": _("Switched off"),
    "approved": _("It goes out now"),
    "sending": _("It goes out now"),
    "paused": _("Paused"),
    "sent": _("It went out"),
    "cancelled": _("Cancelled"),
    "dropped": _("It came too late, so nobody got it"),
}


@dataclass(frozen=True)
class Line:
    """A reminder in the calendar. `at` is None where its day is not known yet; `estimate` is of what is to come."""

    kind: str
    at: datetime | None
    until: datetime | None
    state: str
    coming: bool
    estimate: Estimate | None

    @property
    def day(self) -> date | None:
        return self.at.date() if self.at else None


def add(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""

    def known(connection: Connection, slug: str) -> tuple[Catalogue, Listed]:
        """A consultation; 404 without."""
        city = desk.catalogue(connection, shelf.revision(connection))
        return city, city.consultations.get(slug) or abort(404)

    @blueprint.get("/consultas/<slug>/recordatorios")
    @allows(*READERS)
    def reminders_(slug: str) -> Response:
        with reading(desk.engine) as connection:
            city, listed = known(connection, slug)
            lines = _lines(connection, city, listed, desk)
        days = [(day, list(mine)) for day, mine in groupby(lines, key=lambda line: line.day)]
        return shown(
            "console/reminders.html", seen=listed.seen, days=days, kinds=KINDS, whom=WHOM, states=STATES,
            assumed=city.delivery.assumed,
        )  # fmt: skip

    @blueprint.post("/consultas/<slug>/recordatorios/cambiar")
    @allows(Role.PARTICIPATION)
    def switch_reminder(slug: str) -> Response:
        kind, on = plain(request.form.get("kind")), plain(request.form.get("on")) == "1"
        with transaction(desk.engine) as connection:
            city, _listed = known(connection, slug)
            now, by = desk.clock(), staff().id
            if not reminders.switch(connection, city, slug, kind, on, desk.public_url, by, now):
                abort(409)
        return see(".reminders_", slug=slug)


def _lines(connection: Connection, city: Catalogue, listed: Listed, desk: Desk) -> list[Line]:
    """What went out and what will, day by day, on the clock of the vote; what has no day yet comes last."""
    now, zone = desk.clock(), listed.seen.closes.tzinfo
    planned, made = reminders.plan(connection, city, listed, now)
    found: list[Line] = []
    for each, coming in planned:
        done = made.get(each.kind)
        state = _state(done)
        if done is None and not coming:  # it was closed early, or an earlier release did not remind
            continue
        unknown = each.kind == "result" and coming
        draft = reminders.draft(connection, city, listed, each, desk.public_url) if coming and done is None else None
        found.append(
            Line(
                each.kind,
                None if unknown else each.at.astimezone(zone),
                None if unknown else each.until.astimezone(zone),
                state,
                coming and state in ("planned", "off"),
                estimate(connection, city, draft, now) if draft else None,
            )
        )
    return found


def _state(made: Announcement | None) -> str:
    if made is None:
        return "planned"
    return "off" if made.state == "cancelled" and made.made_by is not None else made.state
