"""Wiring: the one place where everything is put together. Tests call it with their own clock and addresses."""

import asyncio
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Engine
from werkzeug.middleware.proxy_fix import ProxyFix

from bot import failures
from bot.channels.browser import BrowserShape
from bot.channels.telegram import TelegramSender, TelegramShape
from bot.channels.terminal import TerminalShape
from bot.channels.twilio import Account, SmsShape, TwilioLine, TwilioSender, WhatsAppShape
from bot.complaints.confidential import Confidential
from bot.complaints.redaction import Check
from bot.complaints.ways import FORM, Ways
from bot.desk import Desk
from bot.pace import Pace
from bot.sender import Lane
from bot.speech import LANGUAGES, catalogue
from bot.worker import Worker
from cli.front import Front
from cli.settings import Settings
from storage import volatile
from storage.audiences import UNREAD
from storage.ballot_keys import BallotKeys
from storage.database import open_database, time_of
from storage.ink import Ink
from storage.schema import is_current
from web import application
from web.hosts import Own
from web.invitation import Public
from webhooks import application as webhooks
from webhooks.health import Checks
from webhooks.twilio import Gate

Clock = Callable[[], datetime]

CHAT_SECONDS = 5.0
"""Telegram lets about one message a second into a chat, and short bursts (channels.md 1.5)."""


def now() -> datetime:
    return datetime.now(UTC)


def desk(settings: Settings, clock: Clock = now) -> Desk:
    """What turns need. Raises NoCatalogue when a language has no compiled messages."""
    for language in LANGUAGES:
        catalogue(language)
    shapes = (TelegramShape(), WhatsAppShape(), SmsShape(), BrowserShape(), TerminalShape())
    made = Desk(
        engine=open_database(settings.database_url),
        ink=Ink(settings.ballot_keys_dir),
        keys=BallotKeys(settings.ballot_keys_dir),
        clock=clock,
        channels={shape.name: shape for shape in shapes},
        secret=settings.secret_key.encode(),
        public_url=settings.public_url,
        volatile=_volatile(settings.volatile_path),
    )
    return replace(made, confidential=Confidential(made, ways(settings)))


TAKE_COMPLAINTS = frozenset({"telegram", "web", "terminal"})
"""Channels that take complaints in the chat: their company deletes what it is asked to, or there is none."""

CARRIED = frozenset({"telegram", "whatsapp", "sms"})
"""Channels whose replies the worker sends."""


def ways(settings: Settings) -> Ways:
    """How complaints are taken: the form's address is the same for everybody."""
    page = f"https://{settings.complaints_host}" if settings.complaints_host else settings.public_url
    fetch = partial(fetched, settings) if settings.telegram else None
    checked = frozenset({"whatsapp"}) if settings.whatsapp and settings.whatsapp_complaints else frozenset()
    return Ways(f"{page}{FORM}", TAKE_COMPLAINTS, CARRIED, fetch, checked)


def fetched(settings: Settings, channel: str, source: str, most: int) -> bytes:
    """A file that somebody sent in a chat that takes complaints. Raises failures.NotDelivered."""
    if channel != "telegram":
        raise failures.Refused("type")

    async def fetch() -> bytes:
        sender = TelegramSender(settings.telegram_bot_token, settings.telegram_api_url)
        try:
            return await sender.fetch(source, most)
        finally:
            await sender.close()

    return asyncio.run(fetch())


def _volatile(path: Path) -> Engine | None:
    """The volatile store; none where the file would lie on a disk, or others could look into its folder."""
    if not volatile.is_in_memory(path):
        return None
    try:
        return volatile.open_store(path)
    except (OSError, volatile.NotOurs):
        return None


def front(
    settings: Settings, clock: Clock = now, demo: bool = False, beside: AbstractContextManager[Any] | None = None
) -> Front:
    """All that one web process serves: the pages, and what only machines call beside them."""
    pages = app(settings, clock, demo)
    made: Desk = pages.extensions["desk"]
    return Front(pages, hooks(settings, made), own(settings), beside or nullcontext())


def app(settings: Settings, clock: Clock = now, demo: bool = False) -> Flask:
    """The pages. In a demo their chat is on."""
    pages = Flask("cuenta", static_folder=None)
    pages.url_map.strict_slashes = False
    pages.url_map.merge_slashes = False  # a redirect would name whatever host the request did
    pages.extensions["desk"] = desk(settings, clock)
    application.attach(pages, pages.extensions["desk"], public(settings, demo))
    if settings.proxies:
        pages.wsgi_app = ProxyFix(pages.wsgi_app, settings.proxies, settings.proxies)  # type: ignore[method-assign]
    return pages


def hooks(settings: Settings, made: Desk) -> webhooks.Hooks:
    """The webhooks of the channels that are configured, health and metrics."""
    tokens = tuple(filter(None, (settings.twilio_auth_token, settings.twilio_auth_token_previous)))
    gate = Gate(settings.public_url, tokens, settings.twilio_account_sid) if settings.twilio_account_sid else None
    checks = Checks(made.engine, made.clock, is_current, made.volatile)
    return webhooks.hooks(made, settings.telegram_webhook_secret if settings.telegram else "", gate, checks)


def own(settings: Settings) -> Own:
    """The hosts that the console and complaints have for themselves."""
    return Own(settings.console_host, settings.complaints_host)


def public(settings: Settings, demo: bool = False) -> Public:
    """What the pages tell of how to reach the desk."""
    return Public(
        url=settings.public_url,
        whatsapp=settings.twilio_whatsapp_from if settings.whatsapp else "",
        telegram=settings.telegram_bot_name if settings.telegram else "",
        sms=settings.twilio_sms_from if settings.sms else "",
        chat=settings.browser_chat or demo,
        demo=demo,
        own=own(settings),
        whatsapp_complaints=bool(settings.whatsapp_complaints),
    )


def worker(settings: Settings, clock: Clock = now, demo: bool = False) -> Worker:
    """The worker. Call it inside the event loop that runs it. In a demo the browser fetches for every channel."""
    telegram = TelegramSender(settings.telegram_bot_token, settings.telegram_api_url) if settings.telegram else None
    line = twilio_line(settings) if settings.whatsapp or settings.sms else None
    lanes: list[Lane] = []
    if telegram is not None:
        lanes.append(Lane(telegram, Pace(settings.telegram_per_second, (settings.telegram_per_chat, CHAT_SECONDS))))
    for name, on, rate in (
        ("whatsapp", settings.whatsapp, settings.whatsapp_per_second),
        ("sms", settings.sms, settings.sms_per_second),
    ):
        if on and line is not None:
            sender = TwilioSender(name, line)
            lanes.append(Lane(sender, Pace(rate), sender))
    holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"[:64]
    # A clock that was passed in is the only one there is, for a replay of the past and for tests.
    made, by = desk(settings, clock), time_of if clock is now else None
    check = None
    if line is not None and made.volatile is not None and (known := ways(settings)).checked:
        check = Check(line, made, known, settings.whatsapp_complaints)
    fetched = (*UNREAD, *sorted(CARRIED - {lane.name for lane in lanes})) if demo else UNREAD
    return Worker(made, holder, telegram, line, lanes, by, check, fetched)


def twilio_line(settings: Settings) -> TwilioLine:
    """Twilio's account. Call it inside the event loop that uses it."""
    status = f"{settings.public_url}/webhooks/twilio/status" if settings.public_url else ""
    return TwilioLine(
        Account(
            settings.twilio_account_sid, settings.twilio_auth_token, settings.twilio_api_url, status,
            settings.twilio_whatsapp_from, settings.twilio_sms_from, settings.twilio_messaging_service_sid,
            settings.twilio_contents,
        )
    )  # fmt: skip
