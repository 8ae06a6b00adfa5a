"""Networks: how well each place is connected, by the word of the staff, by what deliveries show, and what holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, Response, abort, request
from sqlalchemy import Connection

from bot.catalogue import Catalogue
from bot.connectivity import NOTHING, PROFILES, Standing, standing
from bot.desk import Desk
from flows.language import Phrase, Text, _, many
from flows.territory import Place
from storage import audit, connectivity
from storage import catalogue as shelf
from storage import staff as accounts
from storage.connectivity import Signal
from storage.database import reading, transaction
from web.console.access import Role, allows, has, shown, staff
from web.console.answers import see
from web.invitation import Public

LABELS: Mapping[str, Text] = {
    "good": _("Good: data nearly all day"),
    "low": _("Weak: signal some hours a day"),
    "sms": _("Text messages (SMS) only"),
}
WORDS: Mapping[str, Text] = {
    "staff": _("The staff said so here."),
    "above": _("The staff said so of a larger place."),
    "file": _("The city's folder says so."),
}
WORSE = _("Messages arrive much worse than that, so one step more care is taken.")
LOOKS = (Role.ADMINISTRATOR, Role.PARTICIPATION, Role.COMMUNICATIONS)
SETS = (Role.ADMINISTRATOR, Role.PARTICIPATION)


@dataclass(frozen=True)
class Line:
    """A place with what is known of it: `profile` is what holds in words, `why` the reasons, `found` what was measured
    in it; only units are measured."""

    place: Place
    profile: Text
    why: list[Phrase]
    found: list[Phrase]
    stated: str


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages."""

    def city(connection: Connection) -> Catalogue:
        return desk.catalogue(connection, shelf.revision(connection))

    @blueprint.get("/conexion", endpoint="networks")
    @allows(*LOOKS)
    def index() -> Response:
        with reading(desk.engine) as connection:
            here = city(connection)
        places = here.city.territory.places.values()
        return shown("console/networks.html", lines=[line(here, each) for each in places if each.kind != "barrio"])

    @blueprint.route("/conexion/<place>", methods=["GET", "POST"])
    @allows(*LOOKS)
    def network(place: str) -> Response:
        with reading(desk.engine) as connection:
            here = city(connection)
            there = here.city.territory.places.get(place) or abort(404)
            known = here.signals.get(place, NOTHING)
            who = accounts.logins(connection, {known.stated_by}) if known.stated_by else {}
        chosen = request.form.get("profile")
        if request.method == "POST" and not has(*SETS):
            abort(404)
        if request.method == "POST" and chosen in ("", *PROFILES):
            with transaction(desk.engine) as connection:
                shelf.changed(connection)
                connectivity.state(connection, place, chosen, staff().id, desk.clock())
                audit.note(connection, desk.clock(), staff().id, "place.network", place, profile=chosen or "none")
            return see(".networks", _anchor=place)
        inside = [line(here, each) for each in here.city.territory.places.values() if each.parent == place]
        return shown(
            "console/network.html", 422 if request.method == "POST" else 200, line=line(here, there), inside=inside,
            labels=LABELS, known=known, who=who, sets=has(*SETS), above=list(here.city.territory.above(place))[1:],
            wrong=request.method == "POST",
        )  # fmt: skip


def line(city: Catalogue, place: Place) -> Line:
    """What is known of a place, in words."""
    found = city.signals.get(place.code, NOTHING)
    holds = standing(city, place.code)
    return Line(place, LABELS[holds.profile], _why(holds), measured(found), found.stated)


def _why(holds: Standing) -> list[Phrase]:
    return [WORDS[holds.word], *([WORSE] if holds.worse else [])]


def measured(found: Signal) -> list[Phrase]:
    """What deliveries showed; nothing where there were too few of them."""
    if not found.sample:
        return []
    told: list[Phrase] = [
        _(
            "Of {sent} messages, {late} in 100 took longer than a day.",
            sent=found.sample,
            late=round(found.late / 10),
        )
    ]
    if found.seconds:
        told.append(_("Half of the others took at most {took}.", took=_length(timedelta(seconds=found.seconds))))
    if found.hours:
        hours = ", ".join(f"{hour}:00" for hour in found.hours)
        told.append(_("Most arrives in the hours that begin at {hours}.", hours=hours))
    return told


def _length(took: timedelta) -> Phrase:
    minutes = round(took / timedelta(minutes=1))
    return many("{n} minute", "{n} minutes", minutes) if minutes < 120 else many("{n} hour", "{n} hours", minutes // 60)
