"""Telegram: updates in, messages with inline buttons out (facts: Bot API 10.1; python-telegram-bot 22.8)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import BaseRequest, RequestData
from telegram.request._requestparameter import RequestParameter

from bot import failures
from bot.channels import pieces
from bot.channels.files import download
from bot.messages import Incoming, Outbound, Reply
from flows.language import Attachment

NAME = "telegram"
LONGEST = 4096
CAPTION = 1024
DATA_BYTES = 64
MOST_BUTTONS = 100
PER_ROW = 6
SECONDS, TO_CONNECT = 10.0, 5.0
MOST_SOURCE = 300
"""Characters of a file's id; the Bot API states no limit, and they have about a hundred."""

MOST_DIGITS = 18
"""Ids have at most 52 bits (channels.md 1.3); a longer number is no id."""

PHONE = re.compile(r"[1-9]\d{6,14}", re.ASCII)

UPDATES = ["message", "callback_query", "my_chat_member"]
"""The updates we ask for. Edits are left out: what was sent first is what counts."""

MEDIA = (
    "photo",
    "voice",
    "video",
    "video_note",
    "audio",
    "document",
    "sticker",
    "location",
    "contact",
    "poll",
    "animation",
)


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""An encoder made once: to make one costs as much as to write a keyboard."""


class TelegramShape:
    name = NAME
    short = False
    most_hourly: int | None = None

    def shape(self, reply: Reply) -> list[Outbound]:
        buttons = tuple((label[:60], data) for label, data in reply.buttons if len(data.encode()) <= DATA_BYTES)
        if len(buttons) > MOST_BUTTONS or len(buttons) < len(reply.buttons):
            buttons = ()  # a keyboard that lacks an answer would mislead; the numbers in the text always work
        if reply.edit is not None and buttons:
            return [Outbound("", buttons, reply.wide, edit=reply.edit)]
        parts = pieces(reply.text, LONGEST)
        last = Outbound(parts[-1], buttons, reply.wide, reply.wants_phone)
        if reply.picture and len(reply.text) <= CAPTION:
            return [replace(last, picture=reply.picture)]
        after = [Outbound("", picture=reply.picture)] if reply.picture else []
        return [*(Outbound(part) for part in parts[:-1]), last, *after]

    def phone_of(self, address: str) -> None:
        return None


def read(update: Any) -> Incoming | None:
    """What an update says to us; None for what we do not take part in (groups, channels, edits, unknown kinds).

    Reads the plain dict: parsing an Update object costs as much as the rest of a turn.
    """
    update_id = _id(update.get("update_id")) if isinstance(update, dict) else None
    if update_id is None:
        return None
    for kind, reader in READERS.items():
        payload = update.get(kind)
        if isinstance(payload, dict):
            return reader(payload, update_id)
    return None


def _id(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**MOST_DIGITS:
        return str(value)
    return None


def _private(chat: Any) -> str | None:
    return _id(chat.get("id")) if isinstance(chat, dict) and chat.get("type") == "private" else None


def _sender(payload: Mapping[str, Any]) -> tuple[str | None, str | None]:
    sender = payload.get("from")
    if not isinstance(sender, dict):
        return None, None
    language = sender.get("language_code")
    return _id(sender.get("id")), language if isinstance(language, str) else None


def _own_phone(contact: Any, sender: str | None) -> str | None:
    """The number on a card, if it is the sender's own: anyone can forward anybody's card."""
    if not isinstance(contact, dict) or sender is None or _id(contact.get("user_id")) != sender:
        return None
    digits = re.sub(r"[^0-9]", "", str(contact.get("phone_number")))
    return f"+{digits}" if PHONE.fullmatch(digits) else None


def _message(message: dict[str, Any], update_id: str) -> Incoming | None:
    chat = _private(message.get("chat"))
    if chat is None:
        return None
    sender, language = _sender(message)
    own = _id(message.get("message_id"))
    phone = _own_phone(message.get("contact"), sender)
    if phone is not None:
        return Incoming(NAME, chat, update_id, "phone", phone=phone, language=language, message=own)
    text = message.get("text", message.get("caption"))
    if isinstance(message.get("text"), str):
        return Incoming(NAME, chat, update_id, "text", text=message["text"], language=language, message=own)
    if any(kind in message for kind in MEDIA):
        words = text if isinstance(text, str) else ""
        sent = _attachment(message)
        return Incoming(NAME, chat, update_id, "media", text=words, language=language, attachment=sent, message=own)
    return None


def _attachment(message: Mapping[str, Any]) -> Attachment | None:
    """A photo in its largest size, or a document; other media show nothing that could be kept as evidence."""
    sizes, document = message.get("photo"), message.get("document")
    if isinstance(sizes, list) and sizes:
        found: Any = sizes[-1]
    else:
        found = document
    if not isinstance(found, dict) or not isinstance(found.get("file_id"), str):
        return None
    size, name = found.get("file_size"), found.get("file_name")
    return Attachment(
        found["file_id"][:MOST_SOURCE],
        str(found.get("mime_type", "image/jpeg" if found is not document else ""))[:40],
        size if isinstance(size, int) else 0,
        name if isinstance(name, str) else "",
    )


def _press(query: dict[str, Any], update_id: str) -> Incoming | None:
    message = query.get("message")
    chat = _private(message.get("chat")) if isinstance(message, dict) else None
    if chat is None or not isinstance(query.get("data"), str):
        return None
    _presser, language = _sender(query)
    on = _id(message.get("message_id")) if isinstance(message, dict) else None
    return Incoming(
        NAME, chat, update_id, "press", pressed=query["data"][:DATA_BYTES], pressed_on=on, language=language
    )


def _membership(change: dict[str, Any], update_id: str) -> Incoming | None:
    chat, new = _private(change.get("chat")), change.get("new_chat_member")
    status = new.get("status") if isinstance(new, dict) else None
    if chat is None or status not in ("kicked", "member"):
        return None
    return Incoming(NAME, chat, update_id, "blocked" if status == "kicked" else "unblocked")


READERS = {"message": _message, "callback_query": _press, "my_chat_member": _membership}


def acknowledgement(update: Any) -> dict[str, str] | None:
    """The call that stops a pressed button's progress bar; it rides on the webhook's own answer."""
    query = update.get("callback_query") if isinstance(update, dict) else None
    if isinstance(query, dict) and isinstance(query.get("id"), str):
        return {"method": "answerCallbackQuery", "callback_query_id": query["id"]}
    return None


class NotConnected(NetworkError):
    """The call never left."""


class LeanRequest(BaseRequest):
    """python-telegram-bot's request layer on aiohttp: the same errors, a fraction of the default's processor time."""

    def __init__(self, connections: int = 64):
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        return SECONDS

    async def initialize(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
            timeout=aiohttp.ClientTimeout(total=SECONDS, connect=TO_CONNECT),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Content-Type": "application/json"},
        )

    async def shutdown(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *_timeouts: Any, **_more: Any
    ) -> tuple[int, bytes]:
        """One call. Raises TimedOut when the answer was lost, NotConnected when it was never sent."""
        if self._session is None:
            await self.initialize()
        assert self._session is not None
        data = request_data.json_payload if request_data else None
        try:
            async with self._session.request(method, url, data=data, allow_redirects=False) as response:
                return response.status, await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotConnected("not connected") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TimedOut("no answer") from error


class TelegramSender:
    """Sends through the Bot API at `api_url` (Telegram's, or a local Bot API server)."""

    name = NAME

    def __init__(self, token: str, api_url: str, request: LeanRequest | None = None):
        self._base = f"{api_url}/bot{token}/"
        self._files = f"{api_url}/file/bot{token}/"
        self._request = request or LeanRequest()

    async def close(self) -> None:
        await self._request.shutdown()

    async def send(self, address: str, message: Outbound, _message_id: int) -> str | None:
        try:
            return await self._call(address, message)
        except failures.Refused:
            if not (message.picture and message.text):
                raise
        # It was the picture (not fetched, not liked) and nothing has gone out yet: the text says the same.
        return await self._call(address, replace(message, picture=""))

    async def fetch(self, source: str, most: int) -> bytes:
        """A file that somebody sent, by its id. The Bot API hands out up to 20 MB. Raises failures.NotDelivered."""
        try:
            found = await self._request.post(self._base + "getFile", form({"file_id": source}))
        except NotConnected:
            raise failures.NotNow("connect") from None
        except BadRequest:
            raise failures.Refused("gone") from None
        except TelegramError:
            raise failures.NotNow("network") from None
        file: dict[str, Any] = found if isinstance(found, dict) else {}
        path, size = file.get("file_path"), file.get("file_size") or 0
        if not path or size > most:
            raise failures.Refused("size")
        return await download(f"{self._files}{path}", most)

    async def forget(self, address: str, messages: Sequence[str]) -> None:
        """Delete messages, ours and the person's, for both. The Bot API deletes up to 100, none older than 48 hours.

        Those that are gone already are passed over. Raises failures.NotDelivered.
        """
        listed = json.dumps([int(message) for message in messages])
        try:
            await self._request.post(self._base + "deleteMessages", form({"chat_id": address, "message_ids": listed}))
        except RetryAfter as error:
            raise failures.Throttled("429", _seconds(error)) from None
        except (BadRequest, Forbidden):
            raise failures.Refused("400") from None
        except TelegramError:
            raise failures.NotNow("network") from None

    async def webhook_failed_at(self) -> datetime | None:
        """When Telegram last could not hand us an update, if it ever could not. Raises failures.NotNow."""
        try:
            found = await self._request.post(self._base + "getWebhookInfo", form({}))
        except TelegramError:
            raise failures.NotNow("network") from None
        told = found.get("last_error_date") if isinstance(found, dict) else None
        return datetime.fromtimestamp(told, UTC) if isinstance(told, int) else None

    async def _call(self, address: str, message: Outbound) -> str | None:
        method, parameters = call(address, message)
        try:
            answer = await self._request.post(self._base + method, form(parameters))
        except RetryAfter as error:
            raise failures.Throttled("429", _seconds(error)) from None
        except Forbidden:
            raise failures.Unreachable("403") from None
        except (InvalidToken, Conflict):
            raise failures.Misconfigured("token") from None
        except ChatMigrated:
            raise failures.Unreachable("migrated") from None
        except BadRequest as error:
            if message.edit is not None:
                return None  # not modified, too old or gone: the question still stands in the chat
            raise _bad_request(error) from None
        except NotConnected:
            raise failures.NotNow("connect") from None
        except TimedOut:
            raise failures.Unsure("timeout") from None
        except TelegramError:  # 5xx, or an answer that is none: it may have been delivered all the same
            raise failures.Unsure("network") from None
        return str(answer["message_id"]) if isinstance(answer, dict) and "message_id" in answer else None


def _seconds(error: RetryAfter) -> float:
    after = error.retry_after
    return after.total_seconds() if isinstance(after, timedelta) else float(after)


def _bad_request(error: BadRequest) -> failures.NotDelivered:
    words = error.message.lower()
    if "chat not found" in words or "user is deactivated" in words:
        return failures.Unreachable("400")
    return failures.Refused("400")


def form(parameters: dict[str, str]) -> RequestData:
    """Parameters as python-telegram-bot's request layer takes them; they are strings already."""
    return RequestData([RequestParameter(name, value, None) for name, value in parameters.items()])


def call(address: str, message: Outbound) -> tuple[str, dict[str, str]]:
    """The Bot API method and its parameters, all as form strings."""
    if message.edit is not None:
        method, parameters = "editMessageReplyMarkup", {"message_id": message.edit}
    elif message.picture:
        method, parameters = "sendPhoto", {"photo": message.picture, "caption": message.text}
    else:
        method, parameters = "sendMessage", {"text": message.text}
    markup = keyboard(message)
    if message.secret:
        parameters |= {"protect_content": "true", "disable_notification": "true"}
    if markup is not None:
        parameters["reply_markup"] = _compact(markup)
    return method, {"chat_id": address, **parameters}


def keyboard(message: Outbound) -> dict[str, Any] | None:
    if message.wants_phone:
        button = {"text": message.wants_phone, "request_contact": True}
        return {"keyboard": [[button]], "one_time_keyboard": True, "resize_keyboard": True}
    if not message.buttons:
        return None
    keys = [{"text": label, "callback_data": data} for label, data in message.buttons]
    width = 1 if message.wide else PER_ROW
    return {"inline_keyboard": [keys[i : i + width] for i in range(0, len(keys), width)]}
