"""The demo's stage: the browser plays a phone on another channel: somebody new, of 2022, of the committee or an office.

Only the demo has it. No provider is behind these channels there, so what is answered waits for the page.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from flask import Blueprint, Response, request, url_for

from bot import plan_commands
from bot.channels.browser import NAME
from bot.delivery import HOME
from bot.desk import Desk
from bot.messages import Incoming
from flows.language import Phrase, _
from storage import catalogue as shelf
from storage import contacts
from storage.database import reading, transaction
from web.chat import Visitor, from_here, oneself, visiting

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
    ("seat", _("Somebody of the citizen committee")),
    ("office", _("Somebody who reports for an office")),
)
ROLE = re.compile(rf"({'|'.join(n for n, _label in CHANNELS)})-({'|'.join(n for n, _label in PERSONAS)})-(\d{{1,7}})")
CODED = {"seat": "silla", "office": "oficina"}
NUMBERS = {"whatsapp": "whatsapp:{country}555{own:07}", "sms": "{country}555{own:07}", "telegram": "555{own:07}"}


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
        return _role(request.cookies.get(COOKIE, "")) or Role()

    def visitor(self, token: str) -> Visitor:
        return self._as(self.role(), token)

    def _as(self, role: Role, token: str) -> Visitor:
        if role.persona == "resident" and role.channel != NAME:  # here are only other visitors
            with reading(self._desk.engine) as connection:
                known = contacts.someone(connection, role.channel, role.number)
            if known is not None:
                return Visitor(role.channel, known)
        if role.channel == NAME:
            return oneself(f"{token}{role.number or ''}")
        own = int(sha256(f"{token}|{role.number}".encode()).hexdigest(), 16) % 10_000_000
        city = self._desk.city()
        country = city.delivery.home if city is not None else HOME
        return Visitor(role.channel, NUMBERS[role.channel].format(country=country, own=own))

    def add(self, blueprint: Blueprint) -> None:
        """Add the form that changes the role."""

        @blueprint.post("/chat/papel")
        @from_here
        def play() -> Response:
            given = f"{request.form.get('channel')}-{request.form.get('persona')}-{secrets.randbelow(10_000_000)}"
            answer = Response(status=303, headers={"Location": url_for(".chat")})
            role = _role(given)
            if role is not None:
                self._seat(role)
                answer.set_cookie(COOKIE, given, httponly=True, samesite="Lax", secure=request.is_secure, path="/")
            return answer

    def _seat(self, role: Role) -> None:
        """Let a visitor who plays the committee or an office use a code for it, as somebody who was given one would."""
        word, token = CODED.get(role.persona), visiting()
        if word is None or token is None:
            return
        with transaction(self._desk.engine) as connection:
            city = self._desk.catalogue(connection, shelf.revision(connection))
            plan = next((plan for plan in city.plans.values() if plan.example), None)
            if plan is None:
                return
            subjects = list(plan.seats if role.persona == "seat" else plan.offices)
            subject = subjects[role.number % len(subjects)]
            now = self._desk.clock()
            code = plan_commands.invite(connection, self._desk.secret, role.persona, plan.slug, subject, now)
        visitor = self._as(role, token)
        for text in (f"{word} {code}", "1"):  # the code, and yes to the notice
            self._desk.take(Incoming(visitor.channel, visitor.address, secrets.token_hex(16), text=text))


def _role(given: str) -> Role | None:
    found = ROLE.fullmatch(given)
    return Role(found[1], found[2], int(found[3])) if found else None
