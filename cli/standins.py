"""Stand-ins for Telegram's and Twilio's servers, on this machine: for the demo, replays, benchmarks and tests.

They answer as the real ones do (form-encoded calls, error descriptions and codes, message ids that rise), deliver
nothing to anybody, and can be told to fail in the ways real ones fail.
"""

import asyncio
import base64
import json
import secrets
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator

TOKEN = "123456:stand-in-for-the-token-of-a-bot"  # noqa: S105  nobody's
ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "stand-in-for-an-auth-token"  # noqa: S105  nobody's

METHODS = frozenset(
    [
        "sendMessage",
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

How = Literal["answer", "accept_then_drop", "drop", "accept_then_hang"]


@dataclass(frozen=True)
class Delivered:
    """A message that a provider took: for `to`, with its buttons (label, data) and all parameters as they came."""

    channel: str
    to: str
    text: str
    buttons: tuple[tuple[str, str], ...]
    raw: dict[str, str]
    at: float


@dataclass
class Fault:
    """What to do to the next `times` calls that fit `to` (any address if empty).

    `answer` gives `status` and `body`; `drop` closes the connection before accepting, `accept_then_drop` after;
    `accept_then_hang` never answers.
    """

    times: int = 1
    how: How = "answer"
    status: int = 500
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    to: str = ""


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


class Standins:
    """Both providers on one port of 127.0.0.1. Start and stop it in the event loop that it is to live in."""

    def __init__(
        self,
        callbacks: bool = False,
        check: Callable[[str, str, dict[str, str]], None] | None = None,
        steady: Callable[[], float] = time.monotonic,
        keep: bool = True,
    ):
        self.token, self.account_sid, self.auth_token = TOKEN, ACCOUNT_SID, AUTH_TOKEN
        self.sent: deque[Delivered] = deque(maxlen=None if keep else 1000)
        self.calls: deque[tuple[str, str, dict[str, str]]] = deque(maxlen=10_000)
        self.faults: list[Fault] = []
        self.blocked: set[str] = set()
        self.inbound: list[dict[str, Any]] = []
        self.outbound: dict[str, dict[str, Any]] = {}
        self.webhook: dict[str, Any] = {"url": "", "allowed_updates": [], "pending_update_count": 0}
        self.numbers: list[dict[str, Any]] = []
        self.on_message: Callable[[Delivered], None] | None = None
        self.wrong: list[str] = []
        self._callbacks, self._check, self._steady = callbacks, check, steady
        self._counts: dict[str, int] = defaultdict(int)
        self._arrived = threading.Condition()
        self._hanging = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        self._ids = 0
        self.port = 0

    @property
    def telegram_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    twilio_url = telegram_url

    async def start(self) -> None:
        """Listen on a free port."""
        app = web.Application()
        app.router.add_route("*", "/bot{token}/{method}", self._telegram)
        app.router.add_route("*", "/2010-04-01/Accounts/{rest:.*}", self._twilio)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Let go of whoever hangs, and stop listening."""
        self._hanging.set()
        for task in list(self._tasks):
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> "Standins":
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    def fail(self, **how: Any) -> None:
        """Script a fault; see Fault."""
        self.faults.append(Fault(**how))

    def count(self, address: str) -> int:
        """How many messages went to an address."""
        return self._counts[address]

    def to(self, address: str) -> list[Delivered]:
        return [message for message in self.sent if message.to == address]

    def wait_for(self, address: str, count: int, timeout: float) -> None:
        """Block, in another thread than the server's, until so many messages went there. Raises TimeoutError."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: self._counts[address] >= count, timeout):
                raise TimeoutError(f"{self._counts[address]} of {count} messages arrived")

    def receive(self, sender: str, to: str, text: str, at: datetime, sid: str = "") -> dict[str, Any]:
        """A message that Twilio took in from a person, which its list then shows; newest first, as the real one."""
        resource = self._resource(sid or f"SM{secrets.token_hex(16)}", sender, to, text, "inbound", "received", at)
        self.inbound.insert(0, resource)
        return resource

    # Telegram

    async def _telegram(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        if request.match_info["token"] != self.token:
            return _json(telegram_error(401, "Unauthorized"), 401)
        if method not in METHODS:
            return _json(telegram_error(404, "Not Found"), 404)
        given = await _parameters(request)
        self._note("telegram", method, given)
        chat = given.get("chat_id", "")
        fault = self._fault(chat) if method.startswith(("send", "edit")) else None
        if fault is not None and fault.how == "answer":
            return _json(fault.body or telegram_error(fault.status, "error"), fault.status, fault.headers)
        if fault is not None and fault.how == "drop":
            return _drop(request)
        if chat in self.blocked:
            return _json(telegram_error(403, "Forbidden: bot was blocked by the user"), 403)
        refusal = _refused(method, given)
        if refusal:
            return _json(telegram_error(400, f"Bad Request: {refusal}"), 400)
        result = self._telegram_result(method, given)
        if fault is not None:
            return await self._silent(request, fault)
        return _json({"ok": True, "result": result})

    def _telegram_result(self, method: str, given: dict[str, str]) -> Any:
        if method == "sendMessage":
            chat = given["chat_id"]
            self._deliver("telegram", chat, given["text"], _inline(given.get("reply_markup")), given)
            message = {"message_id": self._counts[chat], "date": int(time.time()), "text": given["text"]}
            return {**message, "chat": {"id": int(chat), "type": "private"}}
        if method == "setWebhook":
            self.webhook["url"] = given.get("url", "")
            self.webhook["allowed_updates"] = json.loads(given.get("allowed_updates", "[]"))
            return True
        if method == "getWebhookInfo":
            return {"has_custom_certificate": False, **self.webhook}
        if method == "getMe":
            return {"id": 123456, "is_bot": True, "first_name": "Cuenta", "username": "cuenta_stand_in_bot"}
        if method == "getMyCommands":
            return []
        return True

    # Twilio

    async def _twilio(self, request: web.Request) -> web.StreamResponse:
        expected = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {expected}":
            return _json(twilio_error(20003, 401), 401)
        rest = request.match_info["rest"]
        if rest == f"{self.account_sid}.json":
            return _json({"sid": self.account_sid, "status": "active", "friendly_name": "stand-in"})
        account, _slash, resource = rest.partition("/")
        if account != self.account_sid:
            return _json(twilio_error(20404, 404), 404)
        if resource == "IncomingPhoneNumbers.json":
            return _json({"incoming_phone_numbers": self.numbers, "page": 0, "page_size": 50, "next_page_uri": None})
        if resource == "Messages.json" and request.method == "POST":
            return await self._create(request)
        if resource == "Messages.json":
            return self._list(request)
        return await self._one(request, resource.removeprefix("Messages/").removesuffix(".json"))

    async def _create(self, request: web.Request) -> web.StreamResponse:
        given = await _parameters(request)
        self._note("twilio", "CreateMessage", given)
        to, body = given.get("To", ""), given.get("Body", "")
        fault = self._fault(to)
        if fault is not None and fault.how == "answer":
            return _json(fault.body or twilio_error(20500, fault.status), fault.status, fault.headers)
        if fault is not None and fault.how == "drop":
            return _drop(request)
        if len(body) > 1600:
            return _json(twilio_error(21617), 400)
        if not body and not given.get("ContentSid"):
            return _json(twilio_error(21602), 400)
        sid = f"SM{secrets.token_hex(16)}"
        sender = given.get("From") or given.get("MessagingServiceSid", "")
        resource = self._resource(sid, sender, to, body, "outbound-api", "queued", datetime.now(UTC))
        self.outbound[sid] = resource
        channel = "whatsapp" if to.startswith("whatsapp:") else "sms"
        self._deliver(channel, to, body or given.get("ContentVariables", ""), (), given)
        if self._callbacks and given.get("StatusCallback"):
            self._later(self._report(given["StatusCallback"], sid, to, sender))
        if fault is not None:
            return await self._silent(request, fault)
        return _json(resource, 201)

    def _list(self, request: web.Request) -> web.Response:
        wanted = request.query
        self._note("twilio", "ListMessage", dict(wanted))
        found = [m for m in (*self.inbound, *reversed(self.outbound.values())) if _listed(m, wanted)]
        size, page = int(wanted.get("PageSize", 50)), int(wanted.get("Page", 0))
        following = None
        if len(found) > (page + 1) * size:
            following = f"{request.path}?{urlencode({**wanted, 'Page': page + 1})}"
        part = found[page * size : (page + 1) * size]
        return _json({"messages": part, "page": page, "page_size": size, "next_page_uri": following})

    async def _one(self, request: web.Request, sid: str) -> web.Response:
        known = self.outbound.get(sid) or next((m for m in self.inbound if m["sid"] == sid), None)
        if known is None:
            return _json(twilio_error(20404, 404), 404)
        if request.method == "DELETE":
            self.outbound.pop(sid, None)
            self.inbound = [m for m in self.inbound if m["sid"] != sid]
            return web.Response(status=204)
        if request.method == "POST":
            known["body"] = (await _parameters(request)).get("Body", "")
        return _json(known)

    def _resource(
        self, sid: str, sender: str, to: str, body: str, direction: str, status: str, at: datetime
    ) -> dict[str, Any]:
        when = format_datetime(at.astimezone(UTC))
        return {
            "sid": sid, "account_sid": self.account_sid, "from": sender, "to": to, "body": body, "status": status,
            "direction": direction, "num_media": "0", "num_segments": "1", "date_created": when, "date_sent": when,
            "date_updated": when, "api_version": "2010-04-01", "error_code": None, "error_message": None, "price": None,
            "price_unit": "USD", "messaging_service_sid": None, "subresource_uris": {},
            "uri": f"/2010-04-01/Accounts/{self.account_sid}/Messages/{sid}.json",
        }  # fmt: skip

    async def _report(self, url: str, sid: str, to: str, sender: str) -> None:
        for status in ("sent", "delivered"):
            await self.report(url, sid, status, to, sender)

    async def report(self, url: str, sid: str, status: str, to: str, sender: str, **more: str) -> int:
        """Send one signed status callback; the HTTP status it was answered with."""
        form = {"MessageSid": sid, "MessageStatus": status, "To": to, "From": sender, "AccountSid": self.account_sid}
        form |= more
        signature = RequestValidator(self.auth_token).compute_signature(url, form)
        headers = {"X-Twilio-Signature": signature}
        limit = aiohttp.ClientTimeout(total=10)
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.post(url, data=form, headers=headers) as answer,
        ):
            return answer.status

    # Both

    def _note(self, api: str, method: str, given: dict[str, str]) -> None:
        self.calls.append((api, method, given))
        if self._check is not None:
            try:
                self._check(api, method, given)
            except AssertionError as error:
                self.wrong.append(str(error))

    def _fault(self, to: str) -> Fault | None:
        for fault in self.faults:
            if fault.to in ("", to):
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def _deliver(
        self, channel: str, to: str, text: str, buttons: tuple[tuple[str, str], ...], raw: dict[str, str]
    ) -> None:
        message = Delivered(channel, to, text, buttons, raw, self._steady())
        self.sent.append(message)
        with self._arrived:
            self._counts[to] += 1
            self._arrived.notify_all()
        if self.on_message is not None:
            self.on_message(message)

    async def _silent(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault.how == "accept_then_hang":
            await self._hanging.wait()
        return _drop(request)

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _parameters(request: web.Request) -> dict[str, str]:
    given = dict(request.query)
    if request.content_type == "application/x-www-form-urlencoded":
        given.update(parse_qsl((await request.read()).decode(), keep_blank_values=True))
    elif request.can_read_body:
        given.update({name: str(value) for name, value in (await request.post()).items()})
    return given


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), status=status, headers=headers, content_type="application/json")


def _drop(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _refused(method: str, given: dict[str, str]) -> str | None:
    """Why the Bot API would not take a call."""
    text = given.get("text", "")
    if method == "sendMessage" and not text.strip():
        return "message text is empty"
    if len(text) > 4096:
        return "message is too long"
    if method.startswith("send") and not given.get("chat_id", "").lstrip("-").isdecimal():
        return "chat not found"
    if any(len(data.encode()) > 64 for _label, data in _inline(given.get("reply_markup"))):
        return "BUTTON_DATA_INVALID"
    return None


def _inline(markup: str | None) -> tuple[tuple[str, str], ...]:
    """The buttons of an inline keyboard."""
    rows = json.loads(markup).get("inline_keyboard", []) if markup else []
    return tuple((key["text"], key.get("callback_data", "")) for row in rows for key in row)


def _listed(message: dict[str, Any], wanted: Any) -> bool:
    if "To" in wanted and message["to"] != wanted["To"]:
        return False
    if "From" in wanted and message["from"] != wanted["From"]:
        return False
    since = wanted.get("DateSent>")
    if since:
        limit = datetime.fromisoformat(since.replace("Z", "+00:00"))
        limit = limit if limit.tzinfo else limit.replace(tzinfo=UTC)
        return parsedate_to_datetime(message["date_sent"]) >= limit.replace(microsecond=0)
    return True


@contextmanager
def running_standins(**options: Any) -> Iterator[Standins]:
    """Stand-ins in a thread with a loop of their own, for callers that block."""
    ready = threading.Event()
    found: list[Any] = []

    async def serve() -> None:
        providers, stopping = Standins(**options), asyncio.Event()
        async with providers:
            found.extend([providers, stopping, asyncio.get_running_loop()])
            ready.set()
            await stopping.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="standins", daemon=True)
    thread.start()
    if not ready.wait(20):
        raise RuntimeError("the stand-ins did not start")
    providers, stopping, loop = found
    try:
        yield providers
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(20)
