"""The public site: what is being asked, how to take part, what came out, and whether one's own ballot is in it."""

from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, request, url_for
from flask_limiter import Limiter
from sqlalchemy import Connection

from bot.catalogue import Catalogue, Listed
from bot.commands import look_up
from bot.desk import Desk
from flows.consultation import Receipt
from storage import audit, counts, turnouts
from storage import catalogue as shelf
from storage.counts import Count
from storage.database import reading
from web import (
    announcements,
    card,
    case_list,
    chat,
    complaint_links,
    complaint_visits,
    complaints,
    ideas,
    invitation,
    neighbourhoods,
    paging,
    plans,
)
from web.dossier import came_of
from web.invitation import Public
from web.made import Made
from web.play import Stage
from web.record import record
from web.rendering import kept, language, many, page, say
from web.turnout import by_place

HEADS = 30
"""Days of the staff's record whose heads the page shows; the file has all of them."""


def routes(desk: Desk, public: Public, limiter: Limiter) -> Blueprint:
    """The pages; registered once for each language."""
    blueprint = Blueprint("site", __name__, template_folder="templates")
    made = Made()

    def read(connection: Connection) -> Catalogue:
        return desk.catalogue(connection, shelf.revision(connection))

    @blueprint.get("/")
    def home() -> Response:
        with reading(desk.engine) as connection:
            city = read(connection)
        now = desk.clock()
        listed = [(each, each.phase(now)) for each in city.consultations.values() if each.phase(now) != "draft"]
        collecting = [city.collections[slug] for slug in city.collecting(now)]
        ways = invitation.ways(public, language())
        return kept(
            page(
                "home.html",
                city=city.city,
                listed=listed[::-1],
                collecting=collecting,
                ways=ways,
                complaints=public.complaints + url_for(f"{language()}.complaint"),
            )
        )

    @blueprint.get("/consultas/<slug>")
    def consultation(slug: str) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection)
            listed = _known(city, slug, desk)
            if listed.row.state == "published":
                return kept(
                    made.get(f"results/{slug}", city.revision, lambda: as_page(connection, city, listed, public.url))
                )
            noted = turnouts.latest(connection, slug)
            proposed = ideas.with_ideas(connection, city, slug)
        return kept(
            page(
                "consultation.html",
                city=city.city,
                listed=listed,
                seen=listed.seen,
                part=paging.part(listed.seen.proposals, paging.asked()),
                phase=listed.phase(desk.clock()),
                ways=invitation.ways(public, language(), slug),
                collected=slug in city.collections,
                proposed=proposed,
                turnout=by_place(noted, city.city.territory, ZoneInfo(city.city.zone)) if noted else None,
            )
        )

    @blueprint.get("/consultas/<slug>/tarjeta.png")
    def picture(slug: str) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection)
            listed = _known(city, slug, desk)
            if listed.row.state != "published":
                abort(404)
            drawn = made.get(f"card/{slug}", city.revision, lambda: as_picture(connection, city, listed, public.url))
        return kept(drawn, "image/png")

    @blueprint.get("/consultas/<slug>/recuento")
    def recount(slug: str) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection)
            listed = _known(city, slug, desk)
            count = counts.of(connection, slug)
        if count is None or listed.row.state != "published":
            abort(404)
        return kept(page("recount.html", city=city.city, seen=listed.seen, count=count))

    @blueprint.route("/recibo", methods=["GET", "POST"])
    @limiter.limit("30 per minute", methods=["POST"])
    def receipt() -> Response:
        typed = request.form.get("recibo", "")
        found: Receipt | None = None
        with reading(desk.engine) as connection:
            city = read(connection)
            if typed.strip():
                found = look_up(connection, city, typed)
        listed = city.consultations.get(found.slug or "") if found else None
        return _private(page("receipt.html", city=city.city, typed=typed[:40], found=found, listed=listed))

    if public.chat:
        stage = Stage(desk) if public.demo else None
        chat.add(blueprint, desk, limiter, stage)
        if stage is not None:
            stage.add(blueprint)

    plans.add(blueprint, desk, public)
    ideas.add(blueprint, desk, public)
    neighbourhoods.add(blueprint, desk, public, limiter)
    announcements.add(blueprint, desk)
    complaints.add(blueprint, desk)
    complaint_visits.add(blueprint, desk)
    complaint_links.add(blueprint, desk)
    case_list.add(blueprint, desk)

    @blueprint.get("/registro")
    def heads() -> Response:
        with reading(desk.engine) as connection:
            city, found = read(connection), audit.heads(connection, HEADS)
        return kept(page("heads.html", city=city.city, heads=found))

    @blueprint.get("/privacidad")
    def privacy() -> Response:
        with reading(desk.engine) as connection:
            city = read(connection)
        return kept(page("privacy.html", city=city.city, retention=city.retention))

    return blueprint


def as_page(connection: Connection, city: Catalogue, listed: Listed, site: str) -> bytes:
    seen, count = listed.seen, _counted(connection, listed)
    found, promised = record(count, city.city, listed), came_of(city, seen.slug)
    return page(
        "results.html",
        city=city.city,
        seen=seen,
        count=count,
        record=found,
        promised=promised,
        site=site,
        collected=seen.slug in city.collections,
    ).encode()


def as_picture(connection: Connection, city: Catalogue, listed: Listed, site: str) -> bytes:
    found = record(_counted(connection, listed), city.city, listed)
    voted = str(many("{n} person voted.", "{n} people voted.", found.ballots))
    return card.draw(say(listed.seen.title), voted, found, urlsplit(site).netloc, say)


def _counted(connection: Connection, listed: Listed) -> Count:
    count = counts.of(connection, listed.row.slug)
    return abort(404) if count is None else count


def _known(city: Catalogue, slug: str, desk: Desk) -> Listed:
    """A consultation that is not a draft any more; 404 otherwise."""
    listed = city.consultations.get(slug)
    if listed is None or listed.phase(desk.clock()) == "draft":
        abort(404)
    return listed


def _private(body: str) -> Response:
    return Response(body, content_type="text/html; charset=utf-8", headers={"Cache-Control": "no-store"})
