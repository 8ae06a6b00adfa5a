"""Stand-ins for Telegram's and Twilio's servers, on this machine: for the demo, replays, benchmarks and tests.

They answer as the real ones do (form-encoded calls, error descriptions and codes, message ids that rise), deliver
nothing to anybody, and can be told to fail in the ways real ones fail.
"""

import asyncio
import json
import re
import secrets
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from math import ceil
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator
from yarl import URL

from cli import provider_rules as rules

TOKEN = "123456:stand-in-for-the-token-of-a-bot"  # noqa: S105  nobody's
ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "stand-in-for-an-auth-token"  # noqa: S105  nobody's


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
    id: str = ""

    @property
    def picture(self) -> str:
        """The address of its picture, if it has one."""
        return self.raw.get("photo", "") or self.raw.get("MediaUrl", "")


@dataclass(frozen=True)
class Limit:
    """How many messages a provider takes in any one second: over all, and for each address."""

    overall: int
    each: int


@dataclass
class Fault:
    """What to do to the next `times` calls that fit `to` (any address if empty) and `method`.

    Without a method only messages being sent or edited are meant; "*" is any call.
    `answer` gives `status` and `body`, or without a body the provider's own form of `status`, `words` (Telegram),
    `code` (Twilio) and `retry_after` (seconds). `drop` closes the connection before accepting, `accept_then_drop`
    after; `accept_then_hang` says nothing for `seconds`, or until the stand-ins stop, and then closes it.
    """

    times: int = 1
    how: How = "answer"
    status: int = 500
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    to: str = ""
    method: str = ""
    words: str = ""
    code: int = 0
    retry_after: int | None = None
    seconds: float = 60.0

    def fits(self, method: str, to: str) -> bool:
        if self.to not in ("", to):
            return False
        return self.method in (method, "*") if self.method else method.startswith(("send", "edit", "CreateMessage"))


class Standins:
    """Both providers on one port of 127.0.0.1. Start and stop it in the event loop that it is to live in."""

    def __init__(
        self,
        callbacks: bool = False,
        check: Callable[[str, str, dict[str, str]], None] | None = None,
        steady: Callable[[], float] = time.monotonic,
        keep: bool = True,
        limits: Mapping[str, Limit] | None = None,
        port: int = 0,
    ):
        """`callbacks` posts delivery statuses; `limits` is by channel and paced by `steady`; port 0 is any free one.

        Without `keep` only the latest thousand messages are remembered.
        """
        self.token, self.account_sid, self.auth_token = TOKEN, ACCOUNT_SID, AUTH_TOKEN
        self.sent: deque[Delivered] = deque(maxlen=None if keep else 1000)
        self.calls: deque[tuple[str, str, dict[str, str]]] = deque(maxlen=10_000)
        self.faults: list[Fault] = []
        self.blocked: set[str] = set()
        self.inbound: list[dict[str, Any]] = []
        self.outbound: dict[str, dict[str, Any]] = {}
        self.webhook: dict[str, Any] = {"url": "", "allowed_updates": [], "pending_update_count": 0}
        self.webhook_secret = ""
        self.commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.numbers: list[dict[str, Any]] = []
        self.contents: dict[str, dict[str, Any]] = {}
        self.on_message: Callable[[Delivered], None] | None = None
        self.wrong: list[str] = []
        self._callbacks, self._check, self._steady = callbacks, check, steady
        self._counts: dict[str, int] = defaultdict(int)
        self._arrived = threading.Condition()
        self._hanging = asyncio.Event()
        self.unreported = 0
        self.refused = 0
        self._keep, self._limits = keep, limits or {}
        self._windows: dict[str, deque[float]] = defaultdict(deque)
        self._awaited: dict[str, list[tuple[int, asyncio.Future[None]]]] = {}
        self._deleted: set[tuple[str, str]] = set()
        self._edited: dict[tuple[str, str], tuple[str, str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(16)
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.ServerRunner | None = None
        # Ids of two runs must differ: a client keeps them in a database that outlives the stand-ins.
        self._run, self._order = secrets.token_hex(8), 0
        self._orders: dict[str, int] = {}
        self._telegram_path = f"/bot{self.token}/"
        self.port = port

    @property
    def telegram_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    twilio_url = telegram_url

    async def start(self) -> None:
        """Listen on the port."""
        # The bare server: routing and an application's request cost more than the answers do.
        self._runner = web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Let go of whoever hangs, and stop listening."""
        self._hanging.set()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
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

    async def arrived(self, address: str, count: int = 1) -> None:
        """Wait, in the server's own loop, until so many messages went to an address."""
        if self._counts[address] < count:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._awaited.setdefault(address, []).append((count, future))
            await future

    async def settled(self) -> None:
        """Wait until every status callback that is under way was answered or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def content(self, sid: str, types: dict[str, Any], language: str = "es") -> None:
        """Have a content template, such as {"twilio/quick-reply": {"body": "…", "actions": [{"title", "id"}]}}.

        Messages by a template that is kept here show its words and buttons; others show their variables.
        """
        self.contents[sid] = {
            "sid": sid, "account_sid": self.account_sid, "friendly_name": sid, "language": language, "variables": {},
            "types": types, "date_created": "2022-01-01T00:00:00Z", "date_updated": "2022-01-01T00:00:00Z",
            "url": f"{self.twilio_url}/v1/Content/{sid}", "links": {},
        }  # fmt: skip

    def receive(self, sender: str, to: str, text: str, at: datetime, sid: str = "") -> dict[str, Any]:
        """A message that Twilio took in from a person, which its list then shows; newest first, as the real one."""
        resource = self._resource(sid or self._sid(), sender, to, text, "inbound", "received", at)
        self.inbound.insert(0, resource)
        return resource

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.startswith("/bot"):
            return await self._telegram(request, path)
        return await self._twilio(request, path)

    # Telegram

    async def _telegram(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        try:
            if not path.startswith(self._telegram_path):
                raise rules.Refusal(401, "Unauthorized")
            method = path[len(self._telegram_path) :]
            if method not in rules.METHODS:
                raise rules.Refusal(404, "Not Found")
            given = await _parameters(request)
            self._note("telegram", method, given)
            chat = given.get("chat_id", "")
            fault = self._fault(method, chat)
            if fault is not None and fault.how == "answer" and fault.body:
                return _json(fault.body, fault.status, fault.headers)
            if fault is not None and fault.how == "drop":
                return _drop(request)
            if chat in self.blocked:
                raise rules.Refusal(403)
            rules.check_telegram(method, given)
            result = self._telegram_result(method, given)
        except rules.Refusal as no:
            return _json(rules.telegram_error(no.status, no.words, no.retry_after), no.status)
        return await self._silent(request, fault) if fault is not None else _json({"ok": True, "result": result})

    def _telegram_result(self, method: str, given: dict[str, str]) -> Any:
        match method:
            case "sendMessage" | "sendPhoto":
                return self._send(given)
            case "editMessageText" | "editMessageReplyMarkup":
                return self._edit(given)
            case "deleteMessage":
                return self._delete_message(given)
            case "setWebhook":
                return self._set_webhook(given)
            case "deleteWebhook":
                self.webhook, self.webhook_secret = {"url": "", "allowed_updates": [], "pending_update_count": 0}, ""
            case "getWebhookInfo":
                return {"has_custom_certificate": False, **self.webhook}
            case "getMe":
                return rules.ME
            case "setMyCommands":
                self.commands[rules.audience(given)] = json.loads(given["commands"])
            case "getMyCommands":
                return self.commands.get(rules.audience(given), [])
            case "getFile":
                file = given.get("file_id", "")
                return {"file_id": file, "file_unique_id": file[-8:], "file_size": 1, "file_path": "documents/file_0"}
        return True

    def _send(self, given: dict[str, str]) -> dict[str, Any]:
        chat, photo, markup = given["chat_id"], given.get("photo", ""), given.get("reply_markup", "")
        text = given.get("caption", "") if photo else given["text"]
        self._keep_pace("telegram", chat)
        number = self._counts[chat] + 1
        self._deliver("telegram", chat, text, rules.buttons(markup), given, str(number))
        return rules.message(chat, number, text, markup, photo)

    def _edit(self, given: dict[str, str]) -> dict[str, Any]:
        # A message of an earlier run is not known here and may yet be on the person's screen: it is taken as it comes.
        chat, number, markup = given.get("chat_id", ""), given.get("message_id", ""), given.get("reply_markup", "")
        if (chat, number) in self._deleted:
            raise rules.Refusal(400, "Bad Request: message to edit not found")
        shown = self._shown(chat, number)
        edited = (given.get("text", shown[0] if shown else ""), markup)
        if edited == shown:
            raise rules.Refusal(400, "Bad Request: message is not modified: same content and reply markup")
        self._edited[chat, number] = edited
        return rules.message(chat, int(number or 0), *edited)

    def _shown(self, chat: str, number: str) -> tuple[str, str] | None:
        """The text and keyboard of a message as the person sees it."""
        if (chat, number) in self._edited:
            return self._edited[chat, number]
        found = next((m for m in reversed(self.sent) if m.id == number and m.to == chat), None)
        return (found.text, found.raw.get("reply_markup", "")) if found else None

    def _delete_message(self, given: dict[str, str]) -> bool:
        # The person's own messages may be deleted too, and their ids are not known here.
        message = (given.get("chat_id", ""), given.get("message_id", ""))
        if message in self._deleted:
            raise rules.Refusal(400, "Bad Request: message to delete not found")
        self._deleted.add(message)
        return True

    def _set_webhook(self, given: dict[str, str]) -> bool:
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", given.get("secret_token", "")):
            raise rules.Refusal(400, "Bad Request: secret token contains unallowed characters")
        self.webhook["url"], self.webhook_secret = given.get("url", ""), given.get("secret_token", "")
        if "allowed_updates" in given:  # left out, the previous list stays
            self.webhook["allowed_updates"] = json.loads(given["allowed_updates"])
        if "max_connections" in given:
            self.webhook["max_connections"] = int(given["max_connections"])
        return True

    # Twilio

    async def _twilio(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        try:
            if request.headers.get("Authorization") != rules.basic(self.account_sid, self.auth_token):
                raise rules.Refusal(401)
            method, sid = self._operation(request.method, path)
            given = await _parameters(request)
            self._note("content" if path.startswith("/v1/") else "twilio", method, given)
            to = given.get("To", "")
            fault = self._fault(method, to)
            if fault is not None and fault.how == "answer" and fault.body:
                return _json(fault.body, fault.status, fault.headers)
            if fault is not None and fault.how == "drop":
                return _drop(request)
            answer = self._twilio_answer(method, sid, path, given)
        except rules.Refusal as no:
            headers = {"Retry-After": str(no.retry_after)} if no.retry_after is not None else None
            return _json(rules.twilio_error(no.code, no.status), no.status, headers)
        return await self._silent(request, fault) if fault is not None else answer

    def _operation(self, verb: str, path: str) -> tuple[str, str]:
        """The operation that a request names, and the sid of its subject if it has one."""
        if verb == "GET" and path.startswith("/v1/Content"):
            sid = path.removeprefix("/v1/Content").strip("/")
            return ("FetchContent" if sid else "ListContent"), sid
        account = f"/2010-04-01/Accounts/{self.account_sid}"
        resource = path.removeprefix(account) if path.startswith(account) else ""
        if method := rules.COLLECTIONS.get((verb, resource)):
            return method, ""
        if resource.startswith("/Messages/") and verb in rules.ONE_MESSAGE:
            return rules.ONE_MESSAGE[verb], resource.removeprefix("/Messages/").removesuffix(".json")
        raise rules.Refusal(404)

    def _twilio_answer(self, method: str, sid: str, path: str, given: dict[str, str]) -> web.Response:
        match method:
            case "CreateMessage":
                return _json(self._create(given), 201)
            case "ListMessage":
                return _json(self._list(path, given))
            case "FetchAccount":
                return _json({"sid": self.account_sid, "status": "active", "friendly_name": "stand-in", "type": "Full"})
            case "ListIncomingPhoneNumber":
                wanted = given.get("PhoneNumber", "")
                found = [number for number in self.numbers if wanted in number.get("phone_number", "")]
                return _json({"incoming_phone_numbers": found, "page": 0, "page_size": 50, "next_page_uri": None})
            case "ListContent":
                meta = {"key": "contents", "page": 0, "page_size": 50, "next_page_url": None}
                return _json({"contents": list(self.contents.values()), "meta": meta})
            case "FetchContent" if sid in self.contents:
                return _json(self.contents[sid])
        return self._one(method, sid, given)

    def _create(self, given: dict[str, str]) -> dict[str, Any]:
        to, body = given.get("To", ""), given.get("Body", "")
        sender, service = given.get("From", ""), given.get("MessagingServiceSid", "")
        rules.check_message(given)
        channel = rules.channel(to)
        if to in self.blocked:
            raise rules.Refusal(400, code=21610)
        words, buttons = self._rendered(given) if "ContentSid" in given else (body, ())
        self._keep_pace(channel, to)
        sid = self._sid()
        resource = self._resource(sid, sender or service, to, words, "outbound-api", "queued", datetime.now(UTC))
        resource |= {"messaging_service_sid": service or None, "num_media": "1" if given.get("MediaUrl") else "0"}
        self.outbound[sid] = resource
        if not self._keep and len(self.outbound) > 1000:
            oldest = next(iter(self.outbound))
            del self.outbound[oldest], self._orders[oldest]
        self._deliver(channel, to, words, buttons, given, sid)
        if self._callbacks and given.get("StatusCallback"):
            self._later(self._report(given["StatusCallback"], sid, to, sender or service))
        return resource | {"date_sent": None}  # not sent yet, as far as the one who asked is told

    def _rendered(self, given: dict[str, str]) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The words and buttons that a content template makes of its variables."""
        content, variables = self.contents.get(given["ContentSid"]), given.get("ContentVariables", "")
        if content is None:
            return given.get("Body", "") or variables, ()
        values = rules.variables(variables)

        def fill(text: str) -> str:
            return re.sub(r"\{\{(\w+)\}\}", lambda found: values.get(found[1], found[0]), text)

        template = next(iter(content["types"].values()))
        buttons = [(action["title"], action.get("id", "")) for action in template.get("actions", ())]
        buttons += [(item["item"], item.get("id", "")) for item in template.get("items", ())]
        return fill(template.get("body", "")), tuple((fill(label), fill(data)) for label, data in buttons)

    def _list(self, path: str, wanted: dict[str, str]) -> dict[str, Any]:
        found = [m for m in (*self.inbound, *self.outbound.values()) if rules.listed(m, wanted)]
        found.sort(key=self._place, reverse=True)
        if token := wanted.get("PageToken"):
            found = [m for m in found if self._place(m) < rules.read_token(token)]
        size, page = min(int(wanted.get("PageSize", 50)), 1000), int(wanted.get("Page", 0))
        part = found[:size]
        following = None
        if len(found) > size:
            # A place in the order, not a number of rows: pages stay whole while messages come in or are deleted.
            at, order = self._place(part[-1])
            query = {**wanted, "PageSize": size, "Page": page + 1, "PageToken": f"PA{at:.0f}_{order}"}
            following = f"{path}?{urlencode(query)}"
        return {
            "messages": part, "page": page, "page_size": size, "start": page * size, "end": page * size + len(part),
            "uri": path, "first_page_uri": path, "previous_page_uri": None, "next_page_uri": following,
        }  # fmt: skip

    def _place(self, message: dict[str, Any]) -> tuple[float, int]:
        """Newest first is by the second it was sent, then by arrival."""
        return rules.when(message["date_sent"]).timestamp(), self._orders.get(message["sid"], 0)

    def _one(self, method: str, sid: str, given: dict[str, str]) -> web.Response:
        known = self.outbound.get(sid) or next((m for m in self.inbound if m["sid"] == sid), None)
        if known is None:
            raise rules.Refusal(404)
        if method == "DeleteMessage":
            self.outbound.pop(sid, None)
            self.inbound = [m for m in self.inbound if m["sid"] != sid]
            return web.Response(status=204)
        if method == "UpdateMessage":
            if given.get("Body") != "":  # only redaction is known here
                raise rules.Refusal(400, code=20001)
            known["body"] = ""
        return _json(known)

    def _sid(self) -> str:
        return f"SM{self._run}{self._order + 1:016x}"

    def _resource(
        self, sid: str, sender: str, to: str, body: str, direction: str, status: str, at: datetime
    ) -> dict[str, Any]:
        self._order += 1
        self._orders[sid] = self._order
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
            try:
                await self.report(url, sid, status, to, sender)
            except (aiohttp.ClientError, TimeoutError):
                self.unreported += 1

    async def report(self, url: str, sid: str, status: str, to: str, sender: str, **more: str) -> int:
        """Send one signed status callback; the HTTP status it was answered with.

        Raises aiohttp.ClientError or TimeoutError when nothing answers.
        """
        form = {"MessageSid": sid, "MessageStatus": status, "To": to, "From": sender, "AccountSid": self.account_sid}
        form |= more
        if sid in self.outbound:
            self.outbound[sid] |= {"status": status, "error_code": int(more.get("ErrorCode", 0)) or None}
        target = url.partition("#")[0]  # the fragment is for Twilio alone, and is not signed
        headers = {"X-Twilio-Signature": RequestValidator(self.auth_token).compute_signature(target, form)}
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        async with self._gate, self._session.post(URL(target, encoded=True), data=form, headers=headers) as answer:
            return answer.status

    # Both

    def _note(self, api: str, method: str, given: dict[str, str]) -> None:
        self.calls.append((api, method, given))
        if self._check is not None:
            try:
                self._check(api, method, given)
            except AssertionError as error:
                self.wrong.append(str(error))

    def _fault(self, method: str, to: str) -> Fault | None:
        """The next fault planned for a call; raises the one that is an answer in the provider's own form."""
        for fault in list(self.faults):
            if fault.fits(method, to):
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                if fault.how == "answer" and not fault.body:
                    raise rules.Refusal(fault.status, fault.words, fault.code, fault.retry_after)
                return fault
        return None

    def _keep_pace(self, channel: str, to: str) -> None:
        """Count a message against the pace of its channel; raises if it comes too fast."""
        limit = self._limits.get(channel)
        if limit is None:
            return
        now = self._steady()
        windows = ((self._windows[channel], limit.overall), (self._windows[f"{channel}|{to}"], limit.each))
        for window, most in windows:
            while window and window[0] <= now - 1:
                window.popleft()
            if len(window) >= most:
                self.refused += 1
                wait = max(1, ceil(window[0] + 1 - now))
                raise rules.Refusal(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        for window, _most in windows:
            window.append(now)

    def _deliver(
        self, channel: str, to: str, text: str, buttons: tuple[tuple[str, str], ...], raw: dict[str, str], number: str
    ) -> None:
        message = Delivered(channel, to, text, buttons, raw, self._steady(), number)
        self.sent.append(message)
        with self._arrived:
            self._counts[to] += 1
            self._arrived.notify_all()
        if to in self._awaited:
            self._wake(to)
        if self.on_message is not None:
            self.on_message(message)

    def _wake(self, to: str) -> None:
        waiting = []
        for count, future in self._awaited.pop(to):
            if self._counts[to] < count:
                waiting.append((count, future))
            elif not future.done():
                future.set_result(None)
        if waiting:
            self._awaited[to] = waiting

    async def _silent(self, request: web.BaseRequest, fault: Fault) -> web.StreamResponse:
        if fault.how == "accept_then_hang":
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hanging.wait(), fault.seconds)
        return _drop(request)

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _parameters(request: web.BaseRequest) -> dict[str, str]:
    """The parameters of the query and of the form together; the last counts where one is given twice."""
    given = dict(parse_qsl(request.query_string, keep_blank_values=True)) if request.query_string else {}
    try:
        if request.content_type == "multipart/form-data":
            given.update({name: str(value) for name, value in (await request.post()).items()})
        elif request.body_exists:
            body = (await request.read()).decode()
            as_json = request.content_type == "application/json"
            given.update(json.loads(body) if as_json else parse_qsl(body, keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError:
        raise rules.Refusal(400, "Bad Request: strings must be encoded in UTF-8", 20001) from None
    return given


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), status=status, headers=headers, content_type="application/json")


def _drop(request: web.BaseRequest) -> web.StreamResponse:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


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
