"""The browser chat: a channel of its own through the same turn. Plain forms; a script only makes it quicker.

A visitor is known by a random cookie; the desk's address of them is its hash, so that a copy of the database opens
nobody's chat. Each message carries an id that its page made: sent twice, it is taken in once. What we answered waits
until the page says that it was shown.
"""

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from hashlib import sha256
from typing import Protocol

from flask import Blueprint, Response, abort, request, url_for
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from sqlalchemy import Connection

from bot.channels.browser import NAME
from bot.desk import Desk
from bot.messages import Incoming, Outbound
from bot.turn import SILENT
from flows.language import _
from storage import catalogue as shelf
from storage import outbox, volatile_outbox
from storage.database import reading, transaction
from web.rendering import language, page

COOKIE = "cuenta_chat"
TOKEN = re.compile(r"[A-Za-z0-9_-]{32,64}")
ID = re.compile(r"[A-Za-z0-9-]{8,64}")
LONGEST = 1000
"""Characters of one message: more than anybody types here, little enough to answer at once."""

NO_COOKIE = _("The chat needs a cookie")
WITHOUT_COOKIE = _("Allow cookies for this page, open the chat again and write once more. Nothing was kept.")

LASTS = SILENT
"""Counted from the last visit: the cookie ends when the desk would ask for consent again anyway."""


@dataclass(frozen=True)
class Visitor:
    """Who chats: a channel and its address. Outside the demo the channel is always the browser's own."""

    channel: str
    address: str


@dataclass(frozen=True)
class Shown:
    """One message as the page shows it; `segments` is what it would cost as SMS, `size` its bytes."""

    id: int
    text: str
    buttons: tuple[tuple[str, str], ...]
    boxes: bool
    size: int
    segments: int


class Stage(Protocol):
    """Who a visitor plays in the demo."""

    def role(self) -> object: ...

    def visitor(self, token: str) -> Visitor: ...


def oneself(token: str) -> Visitor:
    """A visitor as themselves."""
    return Visitor(NAME, sha256(token.encode()).hexdigest())


def add(blueprint: Blueprint, desk: Desk, limiter: Limiter, stage: Stage | None) -> None:
    """Add the chat to the site; with a stage, visitors may play others."""
    plays = stage.visitor if stage else oneself

    @blueprint.get("/chat")
    def chat() -> Response:
        token = visiting() or secrets.token_urlsafe(32)
        visitor = plays(token)
        with reading(desk.engine) as connection:
            city = desk.catalogue(connection, shelf.revision(connection)).city
            messages = _waiting(desk, connection, visitor)
        body = page(
            "chat.html", city=city, messages=messages, id=secrets.token_hex(16), visitor=visitor, longest=LONGEST,
            mark=sha256(visitor.address.encode()).hexdigest()[:16], without_cookie=WITHOUT_COOKIE,
            play=stage.role() if stage else None,
        )  # fmt: skip
        answer = Response(body, content_type="text/html; charset=utf-8", headers={"Cache-Control": "no-store"})
        answer.set_cookie(
            _cookie(), token, max_age=LASTS, httponly=True, secure=request.is_secure, samesite="Lax", path="/"
        )
        return answer

    @blueprint.post("/chat")
    @from_here
    @limiter.limit("40 per minute", key_func=_who)
    @limiter.limit("400 per minute", key_func=get_remote_address)
    def say() -> Response:
        token = visiting()
        if token is None:
            return Response(page("error.html", title=NO_COOKIE, what_to_do=WITHOUT_COOKIE), 400)
        visitor = plays(token)
        _shown_to(desk, visitor, _number("seen"))
        told = _incoming(visitor)
        if told is not None:
            desk.take(told)
        return _answer(desk, visitor)

    @blueprint.get("/chat/mensajes")
    @limiter.limit("60 per minute", key_func=_who)
    def messages() -> Response:
        """What waits, for the page's script."""
        token = visiting()
        if token is None:
            abort(404)
        return _answer(desk, plays(token))

    @blueprint.post("/chat/salir")
    @from_here
    def leave() -> Response:
        """Forget this visitor in this browser: for a computer that others use too."""
        answer = Response(status=303, headers={"Location": url_for(f"{language()}.home")})
        answer.delete_cookie(_cookie(), path="/", secure=request.is_secure)
        return answer


def from_here(view: Callable[[], Response]) -> Callable[[], Response]:
    """A form on another site must not speak for a visitor."""

    @wraps(view)
    def guarded() -> Response:
        if is_foreign():
            abort(403)
        return view()

    return guarded


def is_foreign() -> bool:
    """Whether a form of another site sent this request."""
    origin = request.headers.get("Origin", "")
    # Our own forms say "null": the policy is to tell nobody where one comes from.
    if origin not in ("", "null") and origin.partition("://")[2] != request.host:
        return True
    # A neighbour under the same domain is foreign too, though browsers send it our cookie.
    return request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")


def _cookie() -> str:
    """The cookie's name. With that prefix no neighbour under the same domain can give a visitor its own token."""
    return f"__Host-{COOKIE}" if request.is_secure else COOKIE


def visiting() -> str | None:
    token = request.cookies.get(_cookie(), "")
    return token if TOKEN.fullmatch(token) else None


def _who() -> str:
    """Whom the limits count: the visitor, or the address of one who has no cookie yet."""
    token = visiting()
    return sha256(token.encode()).hexdigest() if token else get_remote_address()


def _number(name: str) -> int:
    given = request.form.get(name, "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 16 else 0


def _incoming(visitor: Visitor) -> Incoming | None:
    """What the form says: a pressed button, ticked boxes, or a text. None if it says nothing."""
    given = request.form.get("id", "")
    if not ID.fullmatch(given):
        abort(400)
    pressed, picked = request.form.get("press", ""), request.form.getlist("pick")
    text = " ".join(picked[:200]) if picked else request.form.get("text", "")
    # An id is the visitor's own and of what they say: nobody can use up another's, and who goes back in the browser
    # and answers otherwise is heard.
    once = sha256(json.dumps([visitor.address, given, pressed, text]).encode()).hexdigest()[:40]
    if pressed:
        return Incoming(visitor.channel, visitor.address, once, "press", pressed=pressed[:200], language=language())
    if not text.strip():
        return None
    return Incoming(visitor.channel, visitor.address, once, text=text[:LONGEST], language=language())


APART = 10**12
"""What is added to the id of a confidential message, so that it comes after all others."""


def _shown_to(desk: Desk, visitor: Visitor, last: int) -> None:
    """The page has shown the messages up to this one. Who is in a confidential conversation changes nothing else."""
    if last <= APART:
        with transaction(desk.engine) as connection:
            outbox.shown(connection, visitor.channel, visitor.address, last, desk.clock())
    elif desk.volatile is not None:
        with transaction(desk.volatile) as connection:
            volatile_outbox.shown(connection, visitor.channel, visitor.address, last - APART)


def _waiting(desk: Desk, connection: Connection, visitor: Visitor) -> list[Shown]:
    found = []
    for row in outbox.waiting(connection, visitor.channel, visitor.address):
        body = desk.ink.open(row.sealed) if row.sealed else None
        if body is not None:
            found.append(_shown(row.id, Outbound.unpacked(body), visitor))
    if desk.volatile is not None:
        with reading(desk.volatile) as store:
            apart = volatile_outbox.waiting(store, visitor.channel, visitor.address)
        found += [_shown(APART + row.id, Outbound.unpacked(bytes(row.body)), visitor) for row in apart]
    return found


def _shown(id: int, message: Outbound, visitor: Visitor) -> Shown:
    boxes = visitor.channel == NAME and not message.wide
    return Shown(id, message.text, message.buttons, boxes, len(message.text.encode()), message.segments)


def _answer(desk: Desk, visitor: Visitor) -> Response:
    """What waits now: to the script as JSON, to a plain form by way of the page."""
    if request.accept_mimetypes.best_match(("text/html", "application/json")) != "application/json":
        return _back()
    with reading(desk.engine) as connection:
        messages = [vars(message) for message in _waiting(desk, connection, visitor)]
    return Response(
        json.dumps(messages, ensure_ascii=False), content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def _back() -> Response:
    return Response(status=303, headers={"Location": url_for(f"{request.blueprint}.chat") + "#log"})
