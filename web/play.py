"""The demo's stage: the browser plays a phone on another channel, as somebody new or as a resident of 2022.

Only the demo has it. No provider is behind these channels there, so what is answered waits for the page.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from flask import Blueprint, Response, request, url_for

from bot.channels.browser import NAME
from bot.turn import Desk
from flows.language import Phrase, _
from storage import contacts
from storage.database import reading
from web.chat import Visitor, from_here, oneself

COOKIE = "cuenta_demo"
CHANNELS: Sequence[tuple[str, Phrase]] = (
    (NAME, _("This browser")),
    ("whatsapp", _("WhatsApp")),
    ("telegram", _("Telegram")),
    ("sms", _("Text message (SMS)")),
)
PERSONAS: Sequence[tuple[str, Phrase]] = (
    ("new", _("Somebody new")),
    ("resident", _("Somebody who voted in 2022")),
)
ROLE = re.compile(rf"({'|'.join(n for n, _label in CHANNELS)})-({'|'.join(n for n, _label in PERSONAS)})-(\d{{1,7}})")
NUMBERS = {"whatsapp": "whatsapp:+1555{:07}", "sms": "+1555{:07}", "telegram": "555{:07}"}


@dataclass(frozen=True)
class Role:
    """Who is played: a channel, somebody new or of 2022, and which one of them."""

    channel: str = NAME
    persona: str = "new"
    number: int = 0

    channels = CHANNELS
    personas = PERSONAS


class Stage:
    """Who each visitor of the demo plays."""

    def __init__(self, desk: Desk):
        self._desk = desk

    def role(self) -> Role:
        found = ROLE.fullmatch(request.cookies.get(COOKIE, ""))
        return Role(found[1], found[2], int(found[3])) if found else Role()

    def visitor(self, token: str) -> Visitor:
        role = self.role()
        if role.persona == "resident":
            with reading(self._desk.engine) as connection:
                known = contacts.someone(connection, role.channel, role.number)
            if known is not None:
                return Visitor(role.channel, known)
        if role.channel == NAME:
            return oneself(f"{token}{role.number or ''}")
        own = int(sha256(f"{token}|{role.number}".encode()).hexdigest(), 16) % 10_000_000
        return Visitor(role.channel, NUMBERS[role.channel].format(own))

    def add(self, blueprint: Blueprint) -> None:
        """Add the form that changes the role."""

        @blueprint.post("/chat/papel")
        @from_here
        def play() -> Response:
            role = f"{request.form.get('channel')}-{request.form.get('persona')}-{secrets.randbelow(10_000_000)}"
            answer = Response(status=303, headers={"Location": url_for(".chat")})
            if ROLE.fullmatch(role):
                answer.set_cookie(COOKIE, role, httponly=True, samesite="Lax", secure=request.is_secure, path="/")
            return answer
