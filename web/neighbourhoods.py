"""Neighbourhoods: a vote on one sheet of paper, for the community board (JAC) of a place to hang up and to read out."""

from flask import Blueprint, Response, abort, redirect, request, url_for
from flask_limiter import Limiter
from sqlalchemy import Connection

from bot.catalogue import Catalogue, Listed
from bot.connectivity import profile
from bot.desk import Desk
from flows.consultation import Consultation
from flows.territory import Place, Territory
from storage import catalogue as shelf
from storage.database import reading
from web import invitation, poster
from web.invitation import OPENS, Public, Way
from web.rendering import kept, language, page

PHASES = ("scheduled", "open")
"""When there is something to hang up."""

MANY = 14
"""Proposals that fit one page in large letters, one in a line; more are set smaller, in two columns."""

CHOICES = (1, 4, 6)
"""The numbers of the example, as far as the ballot has so many and takes so many."""


def add(blueprint: Blueprint, desk: Desk, public: Public, limiter: Limiter) -> None:
    """Add the pages."""

    def found(connection: Connection, slug: str) -> tuple[Catalogue, Listed]:
        city = desk.catalogue(connection, shelf.revision(connection))
        listed = city.consultations.get(slug)
        if listed is None or listed.phase(desk.clock()) not in PHASES:
            abort(404)
        return city, listed

    @blueprint.get("/consultas/<slug>/barrios")
    def neighbourhoods(slug: str) -> Response:
        with reading(desk.engine) as connection:
            city, listed = found(connection, slug)
        chosen = request.args.get("lugar", "")
        if chosen in city.city.territory.places:
            return redirect(url_for(".neighbourhood", slug=slug, place=chosen), 303)  # type: ignore[return-value]
        return kept(page("neighbourhoods.html", city=city.city, seen=listed.seen, parts=parts(city.city.territory)))

    @blueprint.get("/consultas/<slug>/barrios/<place>")
    def neighbourhood(slug: str, place: str) -> Response:
        with reading(desk.engine) as connection:
            city, listed = found(connection, slug)
        there, seen = city.city.territory.places.get(place) or abort(404), listed.seen
        ways = [way for way in invitation.ways(public, language(), slug) if way.shown]
        return kept(
            page(
                "neighbourhood.html", city=city.city, seen=seen, place=there, phase=listed.phase(desk.clock()),
                described=city.city.territory.described(there), ways=sms_first(ways, profile(city, place)),
                word=OPENS[language()].upper(), example=example(seen), large=len(seen.proposals) <= MANY,
            )
        )  # fmt: skip

    @blueprint.get("/consultas/<slug>/barrios/<place>/cartel.pdf")
    @limiter.limit("20 per minute")
    def neighbourhood_poster(slug: str, place: str) -> Response:
        with reading(desk.engine) as connection:
            city, listed = found(connection, slug)
        there = city.city.territory.places.get(place) or abort(404)
        site = public.url + url_for(".consultation", slug=slug)
        ways = invitation.ways(public, language(), slug)
        made = poster.draw(listed.seen, city.city.name, ways, site, language(), "a4", there.name)
        return kept(made, "application/pdf")


def parts(territory: Territory) -> list[tuple[Place, list[Place]]]:
    """The units with the barrios that lie in each, in the order of the city's tree."""
    places = list(territory.places.values())
    return [
        (unit, sorted((p for p in places if p.parent == unit.code), key=lambda p: p.name))
        for unit in places
        if unit.kind == "unit"
    ]


def sms_first(ways: list[Way], network: str) -> list[Way]:
    """The ways, the one that needs no data first where there are few."""
    return sorted(ways, key=lambda way: way.channel != "sms") if network != "good" else ways


def example(seen: Consultation) -> str:
    """Numbers as one writes them, as many as the ballot takes."""
    return " ".join(str(n) for n in CHOICES if n <= len(seen.proposals)) if seen.most >= len(CHOICES) else "1"
