"""Accounts: what Telegram and Twilio know of this desk, and whether it can be reached. Nothing is changed here."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urldefrag, urlsplit

import aiohttp
from telegram import WebhookInfo
from telegram.error import TelegramError
from twilio.base.exceptions import TwilioRestException

from bot import failures
from bot.channels.telegram import UPDATES
from bot.channels.twilio import TwilioLine
from cli.findings import Finding, kept_async
from cli.settings import Settings
from cli.telegram_setup import PATH, THIS_MACHINE, explain, open_bot
from cli.wiring import Clock, twilio_line

SECONDS = 10.0
SKEW = timedelta(seconds=10)
"""The clock opens and closes a vote; a Date header is exact to a second, and the answer takes some more."""

RECENT = timedelta(hours=1)
MANY = 100
"""Updates that wait at Telegram; below this they may only be passing through."""

TWILIO_PATH = "/webhooks/twilio"
RETRIES = "#rc=3&rp=5xx,ct,rt"
"""Without it Twilio tries a message once, and loses it when the desk answers 500 or too late (channels.md 3.4)."""

TWILIO_SERVER = "https://api.twilio.com"
TELEGRAM_FIX = "Run: cuenta telegram setup"


async def look(settings: Settings, clock: Clock) -> list[Finding]:
    """Every check that asks over the network, side by side; each waits ten seconds for an answer at most."""
    found = await asyncio.gather(
        kept_async("public address", public(settings)),
        kept_async("address of complaints", complaints(settings)),
        kept_async("clock", clock_skew(settings, clock)),
        kept_async("Telegram", telegram(settings, clock())),
        kept_async("Twilio", twilio(settings)),
    )
    return [finding for group in found for finding in group]


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS))


async def public(settings: Settings) -> list[Finding]:
    """Whether the desk answers at the address that providers were told."""
    name = "public address"
    if not settings.public_url:
        if not (settings.telegram or settings.whatsapp or settings.sms):
            return [Finding(name, None, "PUBLIC_URL is not set, and no channel needs it")]
        return [Finding(name, False, "PUBLIC_URL is not set", "Set it to the https:// address of this desk.")]
    parts = urlsplit(settings.public_url)
    if parts.scheme != "https" and parts.hostname not in THIS_MACHINE:
        fix = "Put a proxy with a certificate before the desk, and set PUBLIC_URL to its https:// address."
        return [Finding(name, False, "is not https: providers would not call it", fix)]
    try:
        async with _session() as session, session.get(f"{settings.public_url}/healthz", allow_redirects=False) as got:
            status, body = got.status, await got.content.read(16)
    except aiohttp.ClientConnectorCertificateError:
        return [Finding(name, False, "its certificate is not valid", "Renew it with a public authority.")]
    except (aiohttp.ClientError, TimeoutError):
        fix = "Start the desk (cuenta run), and see that the name and the proxy lead to it from outside."
        return [Finding(name, False, "cannot be reached from here", fix)]
    if status in range(300, 400):
        fix = "Set PUBLIC_URL to where it redirects: for providers a redirect is a failure."
        return [Finding(name, False, "redirects", fix)]
    if status != 200 or body.strip() != b"ok":
        fix = "Let the proxy pass /healthz and /webhooks/ to the desk, path and query unchanged."
        return [Finding(name, False, f"answers {status}, but not as this desk does", fix)]
    return [Finding(name, True, "the desk answers there")]


async def complaints(settings: Settings) -> list[Finding]:
    """Whether complaints have a name of their own, which no log of the other pages sees, and the desk answers there."""
    name, host, desk = "address of complaints", settings.complaints_host, urlsplit(settings.public_url).hostname
    if not host:
        says = "COMPLAINTS_HOST is not set: they are at /denuncia of the public address. A name of their own is better"
        return [Finding(name, True, says)]
    if host in (desk, settings.console_host):
        whose = "of the desk" if host == desk else "of the console"
        fix = "Set COMPLAINTS_HOST to a name of its own, such as denuncia.cuenta.example.gov.co, or leave it empty."
        return [Finding(name, False, f"COMPLAINTS_HOST is the name {whose}: the other pages would be gone there", fix)]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, 443)
    except OSError:
        fix = "Enter the name in the DNS, or correct COMPLAINTS_HOST. People get it in chats, and it leads nowhere."
        return [Finding(name, False, "its name is not found", fix)]
    if desk not in THIS_MACHINE and not all(_reachable(each[4][0]) for each in found):
        fix = "Enter the address of the proxy in the DNS. Phones that are told this name would call themselves."
        return [Finding(name, False, "its name leads to no machine that others can reach", fix)]
    return [await _answers(name, complaints_address(host))]


def complaints_address(host: str) -> str:
    """The address that people are given, always https."""
    return f"https://{host}"


def _reachable(address: str | int) -> bool:
    where = ip_address(str(address).partition("%")[0])
    return not (where.is_loopback or where.is_unspecified or where.is_link_local or where.is_multicast)


async def _answers(name: str, address: str) -> Finding:
    try:
        async with _session() as session, session.get(f"{address}/healthz", allow_redirects=False) as got:
            status, body = got.status, await got.content.read(16)
    except aiohttp.ClientConnectorCertificateError:
        return Finding(name, False, "its certificate is not valid", "Have one made that names this host too.")
    except (aiohttp.ClientError, TimeoutError):
        fix = "Give the proxy a server of that name with a certificate (docs/deploy.md has one for nginx)."
        return Finding(name, False, "cannot be reached over https from here", fix)
    if status != 200 or body.strip() != b"ok":
        fix = "Let the proxy pass that name to this desk, with the Host header unchanged."
        return Finding(name, False, f"answers {status}, but not as this desk does", fix)
    return Finding(name, True, "is a name of its own, and the desk answers there over https")


async def clock_skew(settings: Settings, clock: Clock) -> list[Finding]:
    """This machine's clock beside a provider's, by the Date of an answer."""
    name = "clock"
    if settings.telegram:
        server = settings.telegram_api_url
    elif settings.twilio_account_sid:
        server = settings.twilio_api_url or TWILIO_SERVER
    else:
        return [Finding(name, None, "no provider is configured to compare it with")]
    try:
        async with _session() as session, session.head(server, allow_redirects=False) as got:
            told = parsedate_to_datetime(got.headers["Date"])
    except (aiohttp.ClientError, TimeoutError, KeyError, ValueError):
        return [Finding(name, None, "cannot be compared: the provider did not tell its time")]
    away = abs(clock() - told.replace(tzinfo=UTC))  # HTTP knows no other zone
    if away > SKEW:
        says = f"differs from the provider's by {int(away.total_seconds())} seconds: votes would open and close wrong"
        return [Finding(name, False, says, "Switch on the machine's time service: timedatectl set-ntp true")]
    return [Finding(name, True, "agrees with the provider's")]


async def telegram(settings: Settings, now: datetime) -> list[Finding]:
    """The bot, and its webhook as Telegram has it."""
    if not settings.telegram:
        return [Finding("Telegram", None, "is off: TELEGRAM_BOT_TOKEN is not set")]
    try:
        async with open_bot(settings) as bot:
            me = await bot.get_me()
            known = await bot.get_webhook_info()
    except TelegramError as error:
        return [Finding("Telegram", False, "does not serve this bot", explain(error))]
    return [Finding("Telegram", True, f"serves @{me.username}"), *_webhook(settings, known), _last_error(known, now)]


def _webhook(settings: Settings, known: WebhookInfo) -> list[Finding]:
    mine = bool(settings.public_url) and known.url == settings.public_url + PATH
    says = "leads here" if mine else "leads elsewhere" if known.url else "is not set: no message comes in"
    asked = set(known.allowed_updates or ()) == set(UPDATES)
    few = known.pending_update_count < MANY
    return [
        Finding("Telegram webhook", mine, says, "" if mine else TELEGRAM_FIX),
        Finding(
            "Telegram updates", asked, "are those we read" if asked else "are not those we read",
            "" if asked else TELEGRAM_FIX,
        ),
        Finding(
            "Telegram queue", few, f"{known.pending_update_count} updates wait at Telegram",
            "" if few else "See that the desk answers at its public address; they come in by themselves then.",
        ),
    ]  # fmt: skip


CAUSES = (
    (r"certificate|ssl", "the certificate is not accepted", "Use one of a public authority, with its whole chain."),
    (r"\b403\b", "the desk answered 403", "The secret differs: run cuenta telegram setup, then restart the desk."),
    (r"\b404\b", "the desk answered 404", "See that PUBLIC_URL leads to this desk and that Telegram is on there."),
    (r"\b3\d\d\b", "the address redirects", "Set PUBLIC_URL to where it redirects."),
    (r"\b5\d\d\b", "the desk answered with a 5xx", "Look at the desk's log: most often its database was away."),
    (r"timed? ?out", "the desk did not answer in time", "Look at the desk's load and at its database."),
    (r"resol|host", "the host name was not found", "Correct PUBLIC_URL or its entry in the DNS."),
    (r"connect", "the desk could not be reached", "See that it runs and that the firewall lets Telegram in."),
)
"""What Telegram says of a failed call, as one of a few causes: its own words are not passed on."""


def _last_error(known: WebhookInfo, now: datetime) -> Finding:
    name = "Telegram last error"
    if known.last_error_date is None:
        return Finding(name, True, "there was none")
    words = (known.last_error_message or "").lower()
    cause, fix = next(
        ((cause, fix) for pattern, cause, fix in CAUSES if re.search(pattern, words)),
        ("the call failed", "See that the desk answers at its public address."),
    )
    says = f"on {known.last_error_date:%Y-%m-%d %H:%M} UTC {cause}"
    recent = now - known.last_error_date < RECENT
    return Finding(name, not recent, says, fix if recent else "")


async def twilio(settings: Settings) -> list[Finding]:
    """The account, and where it sends what people write."""
    off = [
        Finding(name, None, f"is off: {needed}")
        for name, on, needed in (
            ("WhatsApp", settings.whatsapp, "TWILIO_ACCOUNT_SID and TWILIO_WHATSAPP_FROM are not both set"),
            ("SMS", settings.sms, "TWILIO_ACCOUNT_SID and a number or messaging service are not both set"),
        )
        if not on
    ]
    if not settings.twilio_account_sid:
        return off
    line = twilio_line(settings)
    try:
        found = await kept_async("Twilio", _account(line, settings))
        if settings.whatsapp:
            found.append(_whatsapp(settings))
        if settings.sms and settings.twilio_messaging_service_sid:
            found += await kept_async("SMS webhook", _service(line, settings))
        elif settings.sms:
            found += await kept_async("SMS webhook", _number(line, settings))
    finally:
        await line.close()
    return [*off, *found]


async def _account(line: TwilioLine, settings: Settings) -> list[Finding]:
    try:
        account = await line.client.api.accounts(settings.twilio_account_sid).fetch_async()
    except (TwilioRestException, failures.NotDelivered) as error:
        return [Finding("Twilio", False, "does not serve this account", _explain(error))]
    if account.status != "active":
        return [Finding("Twilio", False, "the account is not active", "See Twilio's console: a payment may be due.")]
    return [Finding("Twilio", True, "serves this account")]


def _explain(error: TwilioRestException | failures.NotDelivered) -> str:
    """What to do about a failed call. The error's own words hold the account's address."""
    if isinstance(error, failures.NotDelivered):
        return "Twilio cannot be reached. Check this machine's way to the Internet, then repeat."
    if error.status in (401, 403, 404):
        return "Copy TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN again from Twilio's console."
    return f"Twilio answered {error.status} (code {int(error.code or 0)}). Look up that code in its documentation."


def _whatsapp(settings: Settings) -> Finding:
    """A sender's address cannot be read over the API that we use (2010-04-01): the operator compares it."""
    address = settings.public_url + TWILIO_PATH
    says = (
        "check in Twilio's console (Messaging, Senders, WhatsApp senders), both with POST —"
        f" webhook: {address}{RETRIES} — fallback: {address}"
    )
    return Finding("WhatsApp webhook", None, says)


async def _number(line: TwilioLine, settings: Settings) -> list[Finding]:
    """The number or short code that SMS come in on."""
    number = settings.twilio_sms_from
    account = line.client.api.accounts(settings.twilio_account_sid)
    try:
        if number.startswith("+"):
            listed = await account.incoming_phone_numbers.list_async(phone_number=number, limit=20)
            mine = next((each for each in listed if each.phone_number == number), None)
        else:
            listed = await account.short_codes.list_async(short_code=number, limit=20)
            mine = next((each for each in listed if each.short_code == number), None)
    except (TwilioRestException, failures.NotDelivered) as error:
        return [Finding("SMS webhook", False, "cannot be read", _explain(error))]
    if mine is None:
        fix = "Set TWILIO_SMS_FROM to a number of this account, as its console shows it."
        return [Finding("SMS number", False, "is not one of this account", fix)]
    if getattr(mine, "sms_application_sid", None):
        fix = "In the console, configure the number with webhooks, not with a TwiML app."
        return [Finding("SMS webhook", False, "an application takes its place", fix)]
    return _webhooks(settings, mine.sms_url, mine.sms_method, mine.sms_fallback_url, mine.sms_fallback_method)


async def _service(line: TwilioLine, settings: Settings) -> list[Finding]:
    """The messaging service, which may leave it to each of its numbers."""
    if settings.twilio_api_url:
        line.client.messaging.base_url = settings.twilio_api_url
    try:
        service: Any = await line.client.messaging.v1.services(settings.twilio_messaging_service_sid).fetch_async()
    except (TwilioRestException, failures.NotDelivered) as error:
        return [Finding("SMS webhook", False, "the messaging service cannot be read", _explain(error))]
    if service.use_inbound_webhook_on_number:
        address = settings.public_url + TWILIO_PATH
        says = f"is each number's own; check them in the console — webhook: {address}{RETRIES} — fallback: {address}"
        return [Finding("SMS webhook", None, says)]
    return _webhooks(
        settings, service.inbound_request_url, service.inbound_method, service.fallback_url, service.fallback_method
    )


def _webhooks(
    settings: Settings, url: str | None, method: str | None, fallback: str | None, fallback_method: str | None
) -> list[Finding]:
    """Where Twilio sends an SMS, how often it tries, and where it turns then."""
    address = settings.public_url + TWILIO_PATH
    paste = f"In Twilio's console set, with POST, “A message comes in” to {address}{RETRIES}"
    leads, fragment = urldefrag(url or "")
    if leads != address or method != "POST":
        says = "is not set" if not leads else "leads elsewhere" if leads != address else "is called with GET"
        webhook = Finding("SMS webhook", False, says, paste)
    else:
        webhook = Finding("SMS webhook", True, "leads here")
    retried = (
        Finding("SMS retries", True, "are on") if retries(fragment) else Finding("SMS retries", False, "are off", paste)
    )
    if urldefrag(fallback or "")[0] == address and fallback_method == "POST":
        return [webhook, retried, Finding("SMS fallback", True, "leads here")]
    fix = f"In Twilio's console set, with POST, “Primary handler fails” to {address}"
    return [webhook, retried, Finding("SMS fallback", False, "is not this desk: a message could be lost", fix)]


def retries(fragment: str) -> bool:
    """Whether a webhook's fragment makes Twilio try again after a refused connection, a late answer and a 5xx."""
    asked = parse_qs(fragment)
    times, after = asked.get("rc", ["1"])[-1], set(asked.get("rp", ["ct"])[-1].split(","))
    return times.isdecimal() and int(times) > 0 and ("all" in after or {"5xx", "ct", "rt"} <= after)
