"""The public site: what is being asked, how to take part, what came out, and whether one's own ballot is in it."""

from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, request
from flask_limiter import Limiter
from sqlalchemy import Connection

from bot.catalogue import Catalogue, Listed
from bot.commands import look_up
from bot.turn import Desk
from bot.upkeep import RETENTION
from flows.consultation import Receipt
from storage import catalogue as shelf
from storage import counts, turnouts
from storage.database import reading
from web import chat, invitation
from web.invitation import Public
from web.play import Stage
from web.record import record
from web.rendering import language, page
from web.turnout import by_place

KEPT = "public, max-age=60"
"""A page may be a minute old: that spares somebody with little data, and the server in a rush."""


def routes(desk: Desk, public: Public, limiter: Limiter) -> Blueprint:
    """The pages; registered once for each language."""
    blueprint = Blueprint("site", __name__, template_folder="templates")
    published = Published(desk)

    def read(connection: Connection) -> Catalogue:
        return desk.catalogue(connection, shelf.revision(connection))

    @blueprint.get("/")
    def home() -> Response:
        with reading(desk.engine) as connection:
            city = read(connection)
        now = desk.clock()
        listed = [(each, each.phase(now)) for each in city.consultations.values() if each.phase(now) != "draft"]
        return _kept(page("home.html", city=city.city, listed=listed[::-1], ways=invitation.ways(public)))

    @blueprint.get("/consultas/<slug>")
    def consultation(slug: str) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection)
            listed = _known(city, slug, desk)
            if listed.row.state == "published":
                return _kept(published.page(connection, city, listed, language()))
            noted = turnouts.latest(connection, slug)
        return _kept(
            page(
                "consultation.html",
                city=city.city,
                listed=listed,
                seen=listed.seen,
                phase=listed.phase(desk.clock()),
                ways=invitation.ways(public, slug),
                turnout=by_place(noted, city.city.territory, ZoneInfo(city.city.zone)) if noted else None,
            )
        )

    @blueprint.get("/consultas/<slug>/recuento")
    def recount(slug: str) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection)
            listed = _known(city, slug, desk)
            count = counts.of(connection, slug)
        if count is None or listed.row.state != "published":
            abort(404)
        return _kept(page("recount.html", city=city.city, seen=listed.seen, count=count))

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

    @blueprint.get("/privacidad")
    def privacy() -> Response:
        with reading(desk.engine) as connection:
            city = read(connection)
        return _kept(page("privacy.html", city=city.city, retention=RETENTION))

    return blueprint


class Published:
    """Pages of published results, kept as they were made: they never change, and many look at once."""

    def __init__(self, desk: Desk):
        self._desk = desk
        self._made: dict[tuple[str, str], tuple[object, str]] = {}

    def page(self, connection: Connection, city: Catalogue, listed: Listed, language: str) -> str:
        key, state = (listed.row.slug, language), (city.revision, listed.row.digest)
        made = self._made.get(key)
        if made is None or made[0] != state:
            made = self._made[key] = (state, self._make(connection, city, listed))
        return made[1]

    def _make(self, connection: Connection, city: Catalogue, listed: Listed) -> str:
        count = counts.of(connection, listed.row.slug)
        if count is None:
            abort(404)
        return page(
            "results.html", city=city.city, seen=listed.seen, count=count, record=record(count, city.city, listed)
        )


def _known(city: Catalogue, slug: str, desk: Desk) -> Listed:
    """A consultation that is not a draft any more; 404 otherwise."""
    listed = city.consultations.get(slug)
    if listed is None or listed.phase(desk.clock()) == "draft":
        abort(404)
    return listed


def _kept(body: str) -> Response:
    return Response(body, content_type="text/html; charset=utf-8", headers={"Cache-Control": KEPT})


def _private(body: str) -> Response:
    return Response(body, content_type="text/html; charset=utf-8", headers={"Cache-Control": "no-store"})
