"""The first page of the console: what needs attention today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response
from sqlalchemy import Connection

from bot.announcements import announcing
from bot.announcements.templates import DECLARED, Templates
from bot.attention import attention
from bot.catalogue import Catalogue
from bot.complaints import case_sheets, cases, casework
from bot.complaints.case_sheets import Digest
from bot.desk import Desk
from flows.language import Phrase, _
from storage import announcements, receivers, spending
from storage import catalogue as shelf
from storage.announcements import Announcement
from storage.database import reading
from web.console.access import Role, allows, has, shown, staff
from web.console.announcements import HOLDS, title
from web.console.approvals import Step, mine
from web.console.keys import why
from web.invitation import Public

MOST = 8
"""Lines of a list here; the pages behind have all."""


FOLLOWERS = (Role.PARTICIPATION, Role.COMMUNICATIONS, Role.APPROVER, Role.ADMINISTRATOR)
"""Who is told what is spent and sent."""

KEEPERS = (Role.ADMINISTRATOR, Role.RECEIVER)
"""Who is told what keeps complaints from being taken."""


def add(blueprint: Blueprint, desk: Desk, public: Public, steps: Sequence[Step]) -> None:
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
            broadcasts = _broadcasts(connection, city, now, public) if has(*FOLLOWERS) else None
            lacking, late = _keys(desk, connection, city, now) if has(*KEEPERS) else ([], False)
        return shown(
            "console/home.html", found=found, waiting=len(mine(steps, found.waiting)), most=MOST,
            consultations=city.consultations, told=told, lacking=lacking, drill_late=late,
            broadcasts=broadcasts, asked=sum(each.kind == announcing.KIND for each in found.waiting),
            holds=HOLDS, title=title,
        )  # fmt: skip


@dataclass(frozen=True)
class Broadcasts:
    """What is announced today: pesos spent by purpose beside each ceiling, what is being sent or is paused, how many
    final figures are not published, and how many WhatsApp templates are not approved."""

    spent: Sequence[tuple[Phrase, int, int]]
    sending: Sequence[Announcement]
    paused: Sequence[Announcement]
    unpublished: int
    templates: int


def _broadcasts(connection: Connection, city: Catalogue, now: datetime, public: Public) -> Broadcasts:
    spent, delivery = spending.on(connection, city.hours.today(now)), city.delivery
    under_way = announcements.in_state(connection, "sending", "paused")
    approved = Templates.read(connection).approved
    return Broadcasts(
        spent=[
            (_("Announcements and reminders"), spent.get("announcements", 0), delivery.daily),
            (_("Answers to those who write"), spent.get("replies", 0), delivery.replies),
        ],
        sending=[each for each in under_way if each.state == "sending"],
        paused=[each for each in under_way if each.state == "paused"],
        unpublished=announcements.unpublished(connection),
        templates=len(DECLARED) - len(approved) if public.whatsapp else 0,
    )


def _told(connection: Connection) -> tuple[datetime, Digest] | None:
    """How many complaints wait, as of the last of the fixed hours, for those whose work they are.

    Who receives complaints is told nothing of those that concern their own office, and without a key nothing at all.
    """
    mine = staff()
    if Role.RECEIVER in mine.roles:
        key = receivers.of(connection, mine.id)
        return case_sheets.digest(connection, key.office) if key is not None else None
    return case_sheets.digest(connection, "") if Role.CASE_OFFICER in mine.roles else None


def _keys(desk: Desk, connection: Connection, city: Catalogue, now: datetime) -> tuple[list[Phrase], bool]:
    """Why complaints are not taken, and whether a paper key has to be tried; nothing where the city takes none."""
    if city.city.intake is None:
        return [], False
    shut, today = cases.shut(connection, desk.volatile, city), city.hours.today(now)
    paper = [key for key in receivers.active(connection) if key.staff_id is None]
    return [why(city, code) for code in shut], any(casework.drill_overdue(key, today) for key in paper)
