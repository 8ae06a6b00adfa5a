"""What Telegram and Twilio accept, refuse and answer: the rules that the stand-ins keep (channels.md 1 and 3)."""

import base64
import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

ME = {"id": 123456, "is_bot": True, "first_name": "Cuenta", "username": "cuenta_stand_in_bot"}


METHODS = frozenset(
    [
        "sendMessage",
        "sendPhoto",
        "editMessageReplyMarkup",
        "editMessageText",
        "answerCallbackQuery",
        "sendChatAction",
        "deleteMessage",
        "deleteMessages",
        "setWebhook",
        "deleteWebhook",
        "getWebhookInfo",
        "getMe",
        "setMyCommands",
        "getMyCommands",
        "setMyDescription",
        "setMyShortDescription",
        "getFile",
    ]
)


# Twilio's operations by verb and resource, named as in its API description.
COLLECTIONS = {
    ("GET", ".json"): "FetchAccount",
    ("GET", "/IncomingPhoneNumbers.json"): "ListIncomingPhoneNumber",
    ("GET", "/Messages.json"): "ListMessage",
    ("POST", "/Messages.json"): "CreateMessage",
}


# Of content templates: by verb, whether one is named, and what of it.
CONTENTS = {
    ("GET", False, ""): "ListContent",
    ("POST", False, ""): "CreateContent",
    ("GET", True, ""): "FetchContent",
    ("GET", True, "ApprovalRequests"): "FetchApprovalFetch",
    ("POST", True, "ApprovalRequests/whatsapp"): "CreateApprovalCreate",
}


ONE_MESSAGE = {"GET": "FetchMessage", "POST": "UpdateMessage", "DELETE": "DeleteMessage"}


WORDS = {
    400: "Bad Request: chat not found",
    403: "Forbidden: bot was blocked by the user",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


NOT_REDACTED = 30029
"""Message Redaction is not enabled for the account."""

CODES = {401: 20003, 404: 20404, 429: 20429}


class Refusal(Exception):
    """A provider says no: `status` of HTTP, `words` for Telegram, `code` for Twilio, `retry_after` in seconds."""

    def __init__(self, status: int, words: str = "", code: int = 0, retry_after: int | None = None):
        super().__init__(words or str(code))
        self.status, self.words, self.retry_after = status, words or WORDS.get(status, "error"), retry_after
        self.code = code or CODES.get(status, 20500)


def telegram_error(code: int, description: str, retry_after: int | None = None) -> dict[str, Any]:
    """The body of a Bot API error."""
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    return {**body, "parameters": {"retry_after": retry_after}} if retry_after is not None else body


def twilio_error(code: int, status: int = 400) -> dict[str, Any]:
    """The body of an error of Twilio's API."""
    return {
        "code": code,
        "message": "error",
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


def check_telegram(method: str, given: dict[str, str]) -> None:
    """Raises what the Bot API would not take."""
    text = given.get("text", "")
    if method.startswith("send") and not given.get("chat_id", "").lstrip("-").isdecimal():
        raise Refusal(400, "Bad Request: chat not found")
    if method in ("sendMessage", "editMessageText") and not text.strip():
        raise Refusal(400, "Bad Request: message text is empty")
    if method == "sendPhoto":
        check_photo(given)
    if len(text) > 4096:
        raise Refusal(400, "Bad Request: message is too long")
    if method == "answerCallbackQuery" and len(text) > 200:
        raise Refusal(400, "Bad Request: MESSAGE_TOO_LONG")
    if any(len(data.encode()) > 64 for _label, data in buttons(given.get("reply_markup"))):
        raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")
    if method == "deleteMessages" and not 1 <= len(loads(given.get("message_ids", ""), "message identifiers")) <= 100:
        raise Refusal(400, "Bad Request: wrong number of message identifiers")
    if method == "setMyCommands":
        check_commands(given.get("commands", ""))


def check_photo(given: dict[str, str]) -> None:
    """An address alone is looked at: what it leads to is not fetched here."""
    if not is_address(given.get("photo", "")):
        raise Refusal(400, "Bad Request: wrong file identifier/HTTP URL specified")
    if len(given.get("caption", "")) > 1024:
        raise Refusal(400, "Bad Request: message caption is too long")


def is_address(text: str) -> bool:
    return bool(re.fullmatch(r"https?://[^\s/]+/\S*", text))


def check_commands(commands: str) -> None:
    for command in loads(commands, "commands"):
        if not re.fullmatch(r"[a-z0-9_]{1,32}", command.get("command", "")):
            raise Refusal(400, "Bad Request: BOT_COMMAND_INVALID")
        if not 1 <= len(command.get("description", "")) <= 256:
            raise Refusal(400, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID")


def buttons(markup: str | None) -> tuple[tuple[str, str], ...]:
    """The keys of a keyboard in reading order, with the data that an inline one sends."""
    if not markup:
        return ()
    keyboard = loads(markup, "reply keyboard markup")
    rows = [*keyboard.get("inline_keyboard", ()), *keyboard.get("keyboard", ())]
    keys = [key if isinstance(key, dict) else {"text": key} for row in rows for key in row]
    return tuple((key["text"], key.get("callback_data", "")) for key in keys)


def loads(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Refusal(400, f"Bad Request: can't parse {what} JSON object") from None


def message(chat: str, number: int, text: str, markup: str, photo: str = "") -> dict[str, Any]:
    """A Message of the Bot API."""
    message: dict[str, Any] = {"message_id": number, "from": ME, "date": int(time.time())}
    if photo:
        file = f"{number:024}"
        message["photo"] = [{"file_id": file, "file_unique_id": file[-8:], "width": 1080, "height": 1080}]
        message["caption"] = text
    else:
        message["text"] = text
    message["chat"] = {"id": int(chat), "type": "group" if chat.startswith("-") else "private"}
    if "inline_keyboard" in markup:  # other keyboards do not come back
        message["reply_markup"] = json.loads(markup)
    return message


def audience(given: dict[str, str]) -> tuple[str, str]:
    """Whom commands are for: the scope's type, and the language."""
    return json.loads(given.get("scope", "{}")).get("type", "default"), given.get("language_code", "")


@cache
def basic(name: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def channel(address: str) -> str:
    return "whatsapp" if address.startswith("whatsapp:") else "sms"


def check_message(given: dict[str, str]) -> None:
    """Raises what Twilio would not take."""
    to, sender, body = given.get("To", ""), given.get("From", ""), given.get("Body", "")
    if not to:
        raise Refusal(400, code=21604)
    if not sender and not given.get("MessagingServiceSid"):
        raise Refusal(400, code=21603)
    if sender and channel(sender) != channel(to):
        raise Refusal(400, code=21910)
    if channel(to) == "sms" and not re.fullmatch(r"\+\d{7,15}", to):
        raise Refusal(400, code=21211)
    if len(body) > 1600:
        raise Refusal(400, code=21617)
    if not body and not given.get("ContentSid") and not given.get("MediaUrl"):
        raise Refusal(400, code=21602)
    if given.get("MediaUrl") and not is_address(given["MediaUrl"]):
        raise Refusal(400, code=21620)


def variables(text: str) -> dict[str, str]:
    """Content variables: a JSON object of strings, none of them empty and none with a line break."""
    try:
        values = json.loads(text or "{}")
    except ValueError:
        raise Refusal(400, code=92007) from None
    if not isinstance(values, dict) or not all(isinstance(v, str) and v and "\n" not in v for v in values.values()):
        raise Refusal(400, code=92007)
    return values


def listed(message: dict[str, Any], wanted: Mapping[str, str]) -> bool:
    if wanted.get("To", message["to"]) != message["to"] or wanted.get("From", message["from"]) != message["from"]:
        return False
    sent = when(message["date_sent"])
    return (
        ("DateSent" not in wanted or compared(sent, wanted["DateSent"]) == 0)
        and ("DateSent<" not in wanted or compared(sent, wanted["DateSent<"]) <= 0)
        and ("DateSent>" not in wanted or compared(sent, wanted["DateSent>"]) >= 0)
    )


@cache
def when(date_sent: str) -> datetime:
    return parsedate_to_datetime(date_sent)


def compared(sent: datetime, bound: str) -> int:
    """-1, 0, 1: before, within or after a day (in GMT) or a second, both ISO 8601."""
    try:
        if len(bound) == len("2022-11-15"):
            day = date.fromisoformat(bound)
            return (sent.date() > day) - (sent.date() < day)
        moment = datetime.fromisoformat(bound)
    except ValueError:
        raise Refusal(400, code=20001) from None
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).replace(microsecond=0)
    return (sent > moment) - (sent < moment)


def read_token(token: str) -> tuple[float, int]:
    try:
        at, order = token.removeprefix("PA").split("_")
        return float(at), int(order)
    except ValueError:
        raise Refusal(400, code=20001) from None
