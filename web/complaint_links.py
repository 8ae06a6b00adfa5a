"""Links from a chat to an access key: a page with a button, since programs that show what a link is open its page.

Whoever presses it gets the codes as the form gives them; the link shows nothing after that.
"""

from flask import Blueprint, Response, abort, request

from bot.complaints import links as links
from bot.desk import Desk
from bot.tokens import Token
from storage.database import reading, transaction
from web import complaint_drafts as drafts
from web.complaint_visits import CLOSED
from web.complaints import codes, standing
from web.confidential import shown


def add(blueprint: Blueprint, desk: Desk) -> None:
    """Add the page of a link."""

    @blueprint.route("/denuncia/clave/<token>", methods=["GET", "POST"])
    def complaint_key(token: str) -> Response:
        known, store = Token.read(token) or abort(404), desk.volatile
        city = standing(desk)[0].city
        if store is None:
            return shown("notice.html", 503, city=city, told=CLOSED)
        if request.method != "POST":
            with reading(store) as connection:
                works = links.works(connection, known, desk.clock())
            return shown("link.html", city=city) if works else shown("link_over.html", 410, city=city)
        with transaction(store) as connection:
            new = links.use_up(connection, known, desk.clock())
        if new is None:
            return shown("link_over.html", 410, city=city)
        fresh = Token.new()
        drafts.show(desk, store, fresh, new)
        return codes(desk, city, fresh, new)
