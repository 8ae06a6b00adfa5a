"""A stand-in for Twilio's API: messages with their statuses, the list of all of them, content templates, numbers."""

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator
from yarl import URL

from cli import provider_rules as rules
from cli.content_standin import WITHHELD, Contents
from cli.traffic import Traffic, as_json, drop, parameters

ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "stand-in-for-an-auth-token"  # noqa: S105  nobody's
WINDOW, OUTSIDE = timedelta(hours=24), 63016


class TwilioStandin:
    """Answers the calls of one account; `callbacks` posts delivery statuses. `url` is where it listens.

    Where `heard` is a dictionary, the 24 hours of WhatsApp are kept: it says when each person last wrote, by `clock`.
    With `shuffle` the statuses of a message come in any order.
    Where it `redacts`, it keeps no text of what comes in, nor of what it is asked not to keep (channels.md 3.12).
    """

    def __init__(self, traffic: Traffic, callbacks: bool):
        self.url, self.auth_token = "", AUTH_TOKEN
        self.inbound: list[dict[str, Any]] = []
        self.outbound: dict[str, dict[str, Any]] = {}
        self.numbers: list[dict[str, Any]] = []
        self.contents = Contents(ACCOUNT_SID)
        self.heard: dict[str, datetime] | None = None
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.shuffle: Random | None = None
        self.redacts = False
        self.unreported = 0
        self._traffic, self._callbacks = traffic, callbacks
        # Ids of two runs must differ: a client keeps them in a database that outlives the stand-ins.
        self._run, self._order = secrets.token_hex(8), 0
        self._orders: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(16)
        self._session: aiohttp.ClientSession | None = None

    async def stop(self) -> None:
        """Give up the callbacks that are under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def settled(self) -> None:
        """Wait until every status callback that is under way was answered or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def content(self, sid: str, types: dict[str, Any], language: str = "es") -> None:
        """Have a content template. Messages by one that is kept here show its words and buttons; others their
        variables."""
        self.contents.add(sid, types, language, sid)

    def receive(self, sender: str, to: str, text: str, at: datetime, sid: str = "") -> dict[str, Any]:
        """A message that Twilio took in from a person, which its list then shows; newest first, as the real one."""
        if self.heard is not None:
            self.heard[sender] = at
        kept = "" if self.redacts else text
        resource = self._resource(sid or self._sid(), sender, to, kept, "inbound", "received", at)
        self.inbound.insert(0, resource)
        return resource

    async def answer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        try:
            if request.headers.get("Authorization") != rules.basic(ACCOUNT_SID, self.auth_token):
                raise rules.Refusal(401)
            method, sid = self._operation(request.method, path)
            given = await parameters(request)
            self._traffic.note("content" if path.startswith("/v1/") else "twilio", method, given)
            to = given.get("To", "")
            fault = self._traffic.planned(method, to)
            if fault is not None and fault.how == "answer" and fault.body:
                return as_json(fault.body, fault.status, fault.headers)
            if fault is not None and fault.how == "drop":
                return drop(request)
            answered = self._answered(method, sid, path, given)
        except rules.Refusal as no:
            headers = {"Retry-After": str(no.retry_after)} if no.retry_after is not None else None
            return as_json(rules.twilio_error(no.code, no.status), no.status, headers)
        return await self._traffic.silent(request, fault) if fault is not None else answered

    def _operation(self, verb: str, path: str) -> tuple[str, str]:
        """The operation that a request names, and the sid of its subject if it has one."""
        if path == "/v1/Content" or path.startswith("/v1/Content/"):
            sid, _slash, rest = path.removeprefix("/v1/Content").strip("/").partition("/")
            if method := rules.CONTENTS.get((verb, bool(sid), rest)):
                return method, sid
        account = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
        resource = path.removeprefix(account) if path.startswith(account) else ""
        if method := rules.COLLECTIONS.get((verb, resource)):
            return method, ""
        if resource.startswith("/Messages/") and verb in rules.ONE_MESSAGE:
            return rules.ONE_MESSAGE[verb], resource.removeprefix("/Messages/").removesuffix(".json")
        raise rules.Refusal(404)

    def _answered(self, method: str, sid: str, path: str, given: dict[str, str]) -> web.Response:
        match method:
            case "CreateMessage":
                return as_json(self._create(given), 201)
            case "ListMessage":
                return as_json(self._list(path, given))
            case "FetchAccount":
                return as_json({"sid": ACCOUNT_SID, "status": "active", "friendly_name": "stand-in", "type": "Full"})
            case "ListIncomingPhoneNumber":
                wanted = given.get("PhoneNumber", "")
                found = [number for number in self.numbers if wanted in number.get("phone_number", "")]
                return as_json({"incoming_phone_numbers": found, "page": 0, "page_size": 50, "next_page_uri": None})
            case "ListContent":
                meta = {"key": "contents", "page": 0, "page_size": 50, "next_page_url": None}
                return as_json({"contents": list(self.contents.made.values()), "meta": meta})
            case "CreateContent":
                return as_json(self.contents.create(given), 201)
            case "CreateApprovalCreate":
                return as_json(self.contents.submit(sid, given), 201)
            case "FetchApprovalFetch":
                return as_json(self.contents.approval(sid))
            case "FetchContent" if sid in self.contents.made:
                return as_json(self.contents.made[sid])
        return self._one(method, sid, given)

    def _create(self, given: dict[str, str]) -> dict[str, Any]:
        to, body = given.get("To", ""), given.get("Body", "")
        sender, service = given.get("From", ""), given.get("MessagingServiceSid", "")
        rules.check_message(given)
        discards, hides = given.get("ContentRetention") == "discard", given.get("AddressRetention") == "obfuscate"
        if (discards or hides) and not self.redacts:
            raise rules.Refusal(400, code=rules.NOT_REDACTED)
        channel = rules.channel(to)
        if self._traffic.is_blocked(to):
            raise rules.Refusal(400, code=21610 if channel == "sms" else 63024)
        words, buttons = self.contents.rendered(given) if "ContentSid" in given else (body, ())
        self._traffic.keep_pace(channel, to)
        sid = self._sid()
        resource = self._resource(sid, sender or service, to, words, "outbound-api", "queued", datetime.now(UTC))
        resource |= {"messaging_service_sid": service or None, "num_media": "1" if given.get("MediaUrl") else "0"}
        self.outbound[sid] = resource
        if discards:
            resource["body"] = ""
        if hides:
            resource["to"] = f"{to[:-4]}XXXX"
        if not self._traffic.keep and len(self.outbound) > 1000:
            oldest = next(iter(self.outbound))
            del self.outbound[oldest], self._orders[oldest]
        error = self._fails_later(to, given)
        if not error:
            self._traffic.deliver(channel, to, words, buttons, given, sid)
        if self._callbacks and given.get("StatusCallback"):
            self._later(self._report(given["StatusCallback"], sid, to, sender or service, error))
        return resource | {"date_sent": None}  # not sent yet, as far as the one who asked is told

    def _fails_later(self, to: str, given: dict[str, str]) -> int:
        """The error of a message that is taken first: by a template that is withheld, or with words of our own when
        the person has not written for a day. 0 for none."""
        if rules.channel(to) != "whatsapp":
            return 0
        status = self.contents.status(given.get("ContentSid", ""))
        if status in WITHHELD:
            return WITHHELD[status]
        heard = self.heard.get(to) if self.heard is not None else None
        shut = self.heard is not None and (heard is None or self.clock() - heard > WINDOW)
        return OUTSIDE if shut and status != "approved" else 0

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
        return as_json(known)

    def _sid(self) -> str:
        return f"SM{self._run}{self._order + 1:016x}"

    def _resource(
        self, sid: str, sender: str, to: str, body: str, direction: str, status: str, at: datetime
    ) -> dict[str, Any]:
        self._order += 1
        self._orders[sid] = self._order
        when = format_datetime(at.astimezone(UTC))
        return {
            "sid": sid, "account_sid": ACCOUNT_SID, "from": sender, "to": to, "body": body, "status": status,
            "direction": direction, "num_media": "0", "num_segments": "1", "date_created": when, "date_sent": when,
            "date_updated": when, "api_version": "2010-04-01", "error_code": None, "error_message": None, "price": None,
            "price_unit": "USD", "messaging_service_sid": None, "subresource_uris": {},
            "uri": f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{sid}.json",
        }  # fmt: skip

    async def _report(self, url: str, sid: str, to: str, sender: str, error: int) -> None:
        statuses = ["undelivered"] if error else ["sent", "delivered"]
        if self.shuffle is not None:
            self.shuffle.shuffle(statuses)
        for status in statuses:
            try:
                await self.report(url, sid, status, to, sender, **({"ErrorCode": str(error)} if error else {}))
            except (aiohttp.ClientError, TimeoutError):
                self.unreported += 1

    async def report(self, url: str, sid: str, status: str, to: str, sender: str, **more: str) -> int:
        """Send one signed status callback; the HTTP status it was answered with.

        Raises aiohttp.ClientError or TimeoutError when nothing answers.
        """
        form = {"MessageSid": sid, "MessageStatus": status, "To": to, "From": sender, "AccountSid": ACCOUNT_SID}
        form |= more
        if sid in self.outbound:
            self.outbound[sid] |= {"status": status, "error_code": int(more.get("ErrorCode", 0)) or None}
        target = url.partition("#")[0]  # the fragment is for Twilio alone, and is not signed
        headers = {"X-Twilio-Signature": RequestValidator(self.auth_token).compute_signature(target, form)}
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        async with self._gate, self._session.post(URL(target, encoded=True), data=form, headers=headers) as answer:
            return answer.status

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
