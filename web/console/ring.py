"""The key ring: a receiver's key while they work, in memory, sealed with what only their browser holds.

The row in the volatile store opens with the cookie alone; it is found only in the session in which the key was
unlocked, and its time is over after a quarter of an hour without use.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from flask import Response, request, session
from sqlalchemy import Row

from bot.complaints.casework import Key
from bot.desk import Desk
from storage import receivers, vault, volatile_visits
from storage.database import reading, transaction
from storage.vault import Unopened
from web.console.access import staff

IDLE = timedelta(minutes=15)
OPEN, NEW = "receiver", "new-key"
"""Kinds of visits: with an unlocked key; with one whose recovery code was not typed back yet."""

TOKEN = 32


@dataclass(frozen=True)
class Held:
    """What a browser's visit gives: the bytes that were kept, and the token that opened them."""

    kept: bytes = field(repr=False)
    token: bytes = field(repr=False)


def mine(desk: Desk) -> Row[Any] | None:
    """The key of who is signed in, if it is one of the office that they receive for."""
    with reading(desk.engine) as connection:
        row = receivers.of(connection, staff().id)
    return row if row is not None and row.office == staff().receives else None


def key(desk: Desk) -> Key | None:
    """The key of who is signed in, where it is unlocked; its quarter of an hour begins anew."""
    row, held = mine(desk), look(desk, OPEN)
    if row is None or held is None:
        return None
    keep(desk, OPEN, held.kept, held.token)
    return Key(row.id, row.office, held.kept)


def look(desk: Desk, kind: str) -> Held | None:
    """What this browser has open."""
    token = _token()
    if desk.volatile is None or token is None:
        return None
    with reading(desk.volatile) as store:
        row = volatile_visits.visit(store, _name(token), kind, desk.clock())
    if row is None or row.subject != str(staff().id):
        return None
    try:
        return Held(vault.disclose(bytes(row.kept), token), token)
    except Unopened:
        return None


def keep(desk: Desk, kind: str, kept: bytes, token: bytes) -> None:
    """Keep something for this browser, for a quarter of an hour."""
    assert desk.volatile is not None
    until: datetime = desk.clock() + IDLE
    with transaction(desk.volatile) as store:
        volatile_visits.begin_visit(store, _name(token), kind, str(staff().id), vault.enclose(kept, token), until)


def begin(desk: Desk, answer: Response, kind: str, kept: bytes) -> Response:
    """Keep something for this browser, under a new token; whatever it had open ends."""
    token = secrets.token_bytes(TOKEN)
    end(desk, staff().id)
    keep(desk, kind, kept, token)
    secure = _secure(desk)
    answer.set_cookie(_cookie(desk), token.hex(), secure=secure, httponly=True, samesite="Strict", path="/")
    return answer


def end(desk: Desk, staff_id: int) -> None:
    """Lock an account's key, wherever it is unlocked."""
    if desk.volatile is not None:
        with transaction(desk.volatile) as store:
            for kind in (OPEN, NEW):
                volatile_visits.end_visits(store, kind, str(staff_id))


def drop(desk: Desk, answer: Response) -> Response:
    """Take the token out of this browser."""
    answer.delete_cookie(_cookie(desk), secure=_secure(desk), httponly=True, samesite="Strict", path="/")
    return answer


def _secure(desk: Desk) -> bool:
    return urlsplit(desk.public_url).scheme == "https"


def _cookie(desk: Desk) -> str:
    return "__Host-cuenta_key" if _secure(desk) else "cuenta_key"


def _token() -> bytes | None:
    """The token that this browser sends; the same name whether it came over TLS or not."""
    sent = request.cookies.get("__Host-cuenta_key") or request.cookies.get("cuenta_key") or ""
    try:
        token = bytes.fromhex(sent)
    except ValueError:
        return None
    return token if len(token) == TOKEN else None


def _name(token: bytes) -> str:
    """What is kept of a token: with another session it is another name."""
    return sha256(session.get("token", "").encode() + b"|" + token).hexdigest()
