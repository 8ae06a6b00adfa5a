"""WhatsApp and SMS over Twilio: form parameters in, messages out (facts: Twilio API 2010-04-01; channels.md 3)."""

import json
import logging
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from twilio.base.exceptions import TwilioException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from bot import failures
from bot.channels import gsm7, pieces
from bot.channels.files import download
from bot.channels.twilio_codes import FAILURES
from bot.messages import Incoming, Kind, Outbound, Reply
from flows.language import Attachment

WHATSAPP, SMS = "whatsapp", "sms"
LONGEST = 1600
SMS_LONGEST = 918
"""Six segments: a longer SMS is cut, since phones on weak networks lose long chains whole."""

MOST_HOURLY = 40
"""Five whole votes in an hour; what asks for more is a machine, and each answer has its price."""

API_URL = "https://api.twilio.com"
SECONDS, TO_CONNECT = 10.0, 5.0
MOST_WAIT = 300.0
"""Seconds that the account rests for one 429."""

E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
SID = re.compile(r"[A-Za-z0-9_-]{1,64}")
ADDRESS = re.compile(r"[\x21-\x7e]{1,160}")
OWN_ADDRESS = re.compile(rf"(?:whatsapp:)?{E164.pattern}|whatsapp:[A-Z]{{2}}\.[A-Za-z0-9]{{1,128}}", re.ASCII)
"""A sender in full: a number, or WhatsApp's own id of somebody who hides theirs (channels.md 3.2)."""

MOST_REPLIES, REPLY_TITLE = 3, 20
MOST_LISTED, LISTED_TITLE = 10, 24

WORD = "word:"
"""What the data of a template's button begins with: it belongs to no question, and says the word that follows."""

NOT_THERE = 20404
NOT_REDACTED = 30029
"""The account may not ask for what `RETAINS_NOTHING` asks for (channels.md 3.12)."""

RETAINS_NOTHING: Mapping[str, str] = {"content_retention": "discard", "address_retention": "obfuscate"}
"""Asks Twilio to keep neither the text of a message nor whom it went to."""

BECOMES = {
    "sent": "sent", "delivered": "delivered", "read": "read", "undelivered": "failed", "failed": "failed",
    "canceled": "failed",
}  # fmt: skip
"""The statuses of Twilio that change what we know; the others come before `sent`."""


class WhatsAppShape:
    """A picture goes by itself, after the text.

    Twilio takes a message at once and says later that it could not fetch the picture (63019): a text that went with it
    would be lost, since by then it is erased here.
    """

    name = WHATSAPP
    short = False
    most_hourly: int | None = MOST_HOURLY

    def shape(self, reply: Reply) -> list[Outbound]:
        if reply.edit is not None:  # nothing can be redrawn here: the question is shown again
            reply = replace(reply, edit=None)
        parts = pieces(reply.text, LONGEST)
        buttons = reply.buttons if reply.wide and len(parts) == 1 and len(reply.buttons) <= MOST_LISTED else ()
        return [
            *(Outbound(part) for part in parts[:-1]),
            Outbound(parts[-1], buttons, bare=reply.bare if buttons else ""),
            *([Outbound("", picture=reply.picture)] if reply.picture else []),
        ]

    def phone_of(self, address: str) -> str | None:
        """WhatsApp may hide the number behind an id of its own; only a real number proves one (channels.md 3.2)."""
        number = address.removeprefix("whatsapp:")
        return number if E164.fullmatch(number) else None


class SmsShape:
    name = SMS
    short = True
    most_hourly: int | None = MOST_HOURLY

    def shape(self, reply: Reply) -> list[Outbound]:
        text = gsm7.plain(re.sub(r"\n{2,}", "\n", reply.text))
        return [Outbound(part, segments=gsm7.segments(part)) for part in pieces(text, SMS_LONGEST)]

    def phone_of(self, address: str) -> str | None:
        return address if E164.fullmatch(address) else None


def read(form: Mapping[str, str]) -> Incoming | None:
    """What a webhook call (or a listed message) says; None if it lacks what every message has.

    Twilio adds parameters without notice, so only those that are used are looked at.
    """
    sid, sender = form.get("MessageSid") or form.get("SmsSid"), form.get("From")
    if not sid or not sender or not SID.fullmatch(sid) or not ADDRESS.fullmatch(sender):
        return None
    channel = WHATSAPP if sender.startswith("whatsapp:") else SMS
    if sender == form.get("To") or (channel == SMS and not E164.fullmatch(sender)):
        return None  # ourselves, or a sender that takes no answer: a short code, a company's name
    opted = {"STOP": "opted_out", "START": "opted_in"}.get(form.get("OptOutType", "").upper())
    if opted == "opted_out":
        return Incoming(channel, sender, sid, "opted_out")
    if opted == "opted_in":
        return Incoming(channel, sender, sid, "opted_in")
    pressed = form.get("ListId") or form.get("ButtonPayload") or ""
    if pressed and not pressed.startswith(WORD):
        return Incoming(channel, sender, sid, "press", pressed=pressed[:200])
    text = pressed.removeprefix(WORD) or form.get("Body", "")
    media = form.get("NumMedia", "0") not in ("", "0") or "Latitude" in form
    kind: Kind = "media" if media else "text"
    return Incoming(channel, sender, sid, kind, text=text, attachment=_attachment(form))


def _attachment(form: Mapping[str, str]) -> Attachment | None:
    """The picture or document of a message; Twilio tells neither its name nor its size."""
    url, kind = form.get("MediaUrl0", ""), form.get("MediaContentType0", "")
    if not url or not kind.startswith(("image/", "application/")):
        return None
    return Attachment(url[:1000], kind[:40])


def answered_by_twilio(form: Mapping[str, str]) -> bool:
    """Advanced Opt-Out has already answered HELP, STOP and START itself: nothing more is to be said."""
    return form.get("OptOutType", "").upper() == "HELP"


class LeanHttp(AsyncHttpClient):  # type: ignore[misc]
    """Twilio's asynchronous client with time limits that hold; its own ignores them (channels.md 3.13)."""

    def __init__(self) -> None:
        super().__init__(logging.getLogger("twilio.http_client"), True)
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  the library's own signature
        allow_redirects: bool = False,
    ) -> Response:
        """One call. Raises NotNow when it was never sent, Unsure when the answer was lost, Throttled with the wait."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS, connect=TO_CONNECT))
        body = urlencode({k: v for k, v in data.items() if v is not None}, doseq=True) if data else None
        with_auth = {**(headers or {}), **({"Authorization": _basic(*auth)} if auth else {})}
        clean = {k: v for k, v in params.items() if v is not None} if params else None
        try:
            async with self._session.request(
                method, url, params=clean, data=body, headers=with_auth, allow_redirects=False
            ) as response:
                text = await response.text()
                if response.status == 429:  # the client's own error tells neither the wait nor its headers
                    raise failures.Throttled(_code(text), _wait(response.headers.get("Retry-After", "")))
                return Response(response.status, text, dict(response.headers))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise failures.NotNow("connect") from None
        except (aiohttp.ClientError, TimeoutError):
            raise failures.Unsure("timeout") from None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _code(text: str) -> str:
    """The code in the body of an error, or what HTTP says of it."""
    try:
        return str(int(json.loads(text)["code"]) or 429)
    except (ValueError, KeyError, TypeError):
        return "429"


def _wait(asked: str) -> float:
    """The seconds that a provider asks for, as far as they make sense."""
    return min(float(asked), MOST_WAIT) if asked.isascii() and asked.isdecimal() and len(asked) < 9 else 1.0


def _basic(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


@dataclass(frozen=True)
class Account:
    """A Twilio account and how it sends. `contents` are content templates by kind and size, such as `reply-2`."""

    sid: str
    token: str
    api_url: str
    status_url: str
    whatsapp_from: str = ""
    sms_from: str = ""
    messaging_service: str = ""
    contents: Mapping[str, str] = None  # type: ignore[assignment]


class TwilioLine:
    """The account's REST client, shared by WhatsApp, SMS and the reconciler. Lives in one event loop.

    `not_redacted`: it said lately that it does not do what `RETAINS_NOTHING` asks.
    """

    def __init__(self, account: Account):
        self.account = account
        self.not_redacted = False
        self.http = LeanHttp()
        self.client = Client(account.sid, account.token, http_client=self.http)
        if account.api_url:
            self.client.api.base_url = self.client.content.base_url = account.api_url

    async def close(self) -> None:
        await self.http.close()

    async def delete(self, sid: str) -> bool:
        """Delete a message and its media; False where that is not possible now."""
        try:
            return bool(await self.client.messages(sid).delete_async())
        except TwilioException as error:
            return int(getattr(error, "code", 0) or 0) == NOT_THERE
        except failures.NotDelivered:
            return False

    async def fetch(self, source: str, most: int) -> bytes:
        """A picture or document that somebody sent, by its address in the API. Raises failures.NotDelivered."""
        own = urlsplit(self.account.api_url or API_URL)
        given = urlsplit(source)
        if (given.scheme, given.netloc) != (own.scheme, own.netloc):
            raise failures.Refused("where")  # our password goes nowhere else
        return await download(source, most, {"Authorization": _basic(self.account.sid, self.account.token)})


class TwilioSender:
    """Sends on one channel of the account."""

    def __init__(self, name: str, line: TwilioLine):
        self.name = name
        self._line = line

    async def send(self, address: str, message: Outbound, message_id: int) -> str | None:
        """Send it; its sid. Without a number it is confidential: nothing is to be told of it, nor kept."""
        account = self._line.account
        if not message_id and self.name == WHATSAPP:
            return await self._confidentially(address, message)
        callback = f"{account.status_url}?{_asked(message, message_id)}" if account.status_url and message_id else None
        return await self._create(address, {**self._content(message), "status_callback": callback})

    async def _confidentially(self, address: str, message: Outbound) -> str:
        """As text alone: of templates and their variables nobody has seen that they are not kept.

        Where the account keeps messages, one with a number of a complaint does not go; what says nothing does.
        """
        try:
            return await self._create(address, {"body": message.text, **RETAINS_NOTHING})
        except failures.Refused as refused:
            if refused.reason != str(NOT_REDACTED):
                raise
            self._line.not_redacted = True
            if message.secret:
                raise
        return await self._create(address, {"body": message.text})

    async def _create(self, address: str, given: Mapping[str, str | None]) -> str:
        try:
            sent = await self._line.client.messages.create_async(to=address, **self._origin(), **given)
        except TwilioException as error:
            raise failure(error) from None
        return str(sent.sid)

    async def forget(self, _address: str, messages: Sequence[str]) -> None:
        """Delete messages at Twilio; the phones keep theirs. Raises failures.NotNow."""
        if not all([await self._line.delete(sid) for sid in messages]):
            raise failures.NotNow("delete")

    async def find(self, address: str, message: Outbound, since: datetime) -> str | None:
        """A message of ours whose answer was lost, as the account lists it; none older than `since`.

        A template is listed with its variables filled in.
        """
        words = {_words(message.text), _words(message.bare) if message.buttons else ""} - {""}
        listed = await self._line.client.messages.list_async(to=address, date_sent_after=since, limit=50)
        for each in listed:
            when = sent_at(each)
            if each.direction != "inbound" and _words(each.body or "") in words and (when is None or when >= since):
                return str(each.sid)
        return None

    def _origin(self) -> dict[str, str]:
        account = self._line.account
        if self.name == WHATSAPP:
            return {"from_": account.whatsapp_from}
        if account.messaging_service:
            return {"messaging_service_sid": account.messaging_service}
        return {"from_": account.sms_from}

    def _content(self, message: Outbound) -> dict[str, str]:
        if self.name == WHATSAPP and message.template:
            filled = json.dumps(dict(message.variables), ensure_ascii=False)
            return {"content_sid": message.template, "content_variables": filled}
        template = content(message, self._line.account.contents or {}) if self.name == WHATSAPP else None
        if message.picture:
            return {"media_url": message.picture}
        return template or {"body": message.text}


def _asked(message: Outbound, message_id: int) -> str:
    """What a status is to bring back: which message it is of and, where it was one, by which template."""
    return urlencode({"m": message_id, **({"t": message.template} if message.template else {})})


def _words(text: str) -> str:
    """A text without its line breaks: providers are not exact about white space."""
    return " ".join(text.split())


def content(message: Outbound, templates: Mapping[str, str]) -> dict[str, str] | None:
    """The message as a content template with buttons (up to 3) or a list (up to 10), where there is one of that size.

    Variables may hold no line break, and every one must be given (channels.md 3.6); what does not fit goes as text.
    """
    number = len(message.buttons)
    kind, most = ("reply", REPLY_TITLE) if number <= MOST_REPLIES else ("list", LISTED_TITLE)
    sid = templates.get(f"{kind}-{number}")
    body = _words(message.bare)
    if not sid or not body or len(body) > 1024 or any(not 0 < len(label) <= most for label, _ in message.buttons):
        return None
    variables = {"1": body}
    for place, (label, data) in enumerate(message.buttons):
        variables |= {str(2 * place + 2): label, str(2 * place + 3): data}
    return {"content_sid": sid, "content_variables": json.dumps(variables, ensure_ascii=False)}


def failure(error: TwilioException) -> failures.NotDelivered:
    """What follows from an error of Twilio's API."""
    code, status = int(getattr(error, "code", 0) or 0), int(getattr(error, "status", 0) or 0)
    return FAILURES.get(code, _by_status(status))(str(code or status or "answer"))


def _by_status(status: int) -> type[failures.NotDelivered]:
    """What follows where there is no code, or one that is not known."""
    if status == 429:
        return failures.Throttled
    if status in (401, 403):
        return failures.Misconfigured
    return failures.Refused if 400 <= status < 500 else failures.Unsure


def listed(message: Any) -> Incoming | None:
    """An inbound message as the account lists it, for those whose webhook never reached us.

    None where it does not name its sender in full.
    """
    form = {
        "MessageSid": message.sid,
        "From": message.from_,
        "Body": message.body or "",
        "NumMedia": message.num_media or "0",
    }
    if not OWN_ADDRESS.fullmatch(message.from_ or ""):
        return None  # an account that hides who wrote lists another sender: nobody could be answered there
    told = read(form)
    return replace(told, sent_at=sent_at(message)) if told is not None else None


def sent_at(message: Any) -> datetime | None:
    """When a listed message was sent; the client gives a datetime or the raw RFC 2822 text."""
    value = message.date_sent or message.date_created
    return parsedate_to_datetime(value) if isinstance(value, str) else value
