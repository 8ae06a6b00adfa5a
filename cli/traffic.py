"""What passes through the stand-ins: calls, messages that were taken, planned faults, the pace that is kept."""

import asyncio
import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from random import Random
from typing import Any, Literal
from urllib.parse import parse_qsl

from aiohttp import web

from cli import provider_rules as rules

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


@dataclass(frozen=True)
class Trouble:
    """What a provider has to do with every day: of all addresses `blocked` take nothing, of all messages that were
    taken the answers of `lost` never arrive (shares from 0 to 1). The same `seed` gives the same."""

    blocked: float = 0.0
    lost: float = 0.0
    seed: int = 0

    def blocks(self, to: str) -> bool:
        """Whether an address is one of those: the same ones each time."""
        return Random(f"{self.seed}|{to}").random() < self.blocked  # noqa: S311  only tests and benchmarks are troubled


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


class Traffic:
    """Of both providers. It lives in the event loop of their server."""

    def __init__(
        self,
        check: Callable[[str, str, dict[str, str]], None] | None = None,
        steady: Callable[[], float] = time.monotonic,
        keep: bool = True,
        limits: Mapping[str, Limit] | None = None,
        trouble: Trouble = Trouble(),
    ):
        """`check` sees each call; `limits` is by channel and paced by `steady`.

        Without `keep` only the latest thousand messages are remembered.
        """
        self.sent: deque[Delivered] = deque(maxlen=None if keep else 1000)
        self.calls: deque[tuple[str, str, dict[str, str]]] = deque(maxlen=10_000)
        self.faults: list[Fault] = []
        self.blocked: set[str] = set()
        self.on_message: Callable[[Delivered], None] | None = None
        self.wrong: list[str] = []
        self.refused = 0
        self.keep = keep
        self._check, self._steady, self._limits = check, steady, limits or {}
        self._trouble, self._luck = trouble, Random(trouble.seed)  # noqa: S311
        self._counts: dict[str, int] = defaultdict(int)
        self._arrived = threading.Condition()
        self._hanging = asyncio.Event()
        self._windows: dict[str, deque[float]] = defaultdict(deque)
        self._awaited: dict[str, list[tuple[int, asyncio.Future[None]]]] = {}

    def fail(self, **how: Any) -> None:
        """Script a fault; see Fault."""
        self.faults.append(Fault(**how))

    def count(self, address: str) -> int:
        """How many messages went to an address."""
        return self._counts[address]

    def is_blocked(self, address: str) -> bool:
        """Whether an address takes nothing from us."""
        return address in self.blocked or self._trouble.blocks(address)

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

    def note(self, api: str, method: str, given: dict[str, str]) -> None:
        """Remember a call, and what is wrong with it."""
        self.calls.append((api, method, given))
        if self._check is not None:
            try:
                self._check(api, method, given)
            except AssertionError as error:
                self.wrong.append(str(error))

    def planned(self, method: str, to: str) -> Fault | None:
        """The next fault planned for a call; raises the one that is an answer in the provider's own form."""
        for fault in list(self.faults):
            if fault.fits(method, to):
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                if fault.how == "answer" and not fault.body:
                    raise rules.Refusal(fault.status, fault.words, fault.code, fault.retry_after)
                return fault
        if self._trouble.lost and Fault().fits(method, to) and self._luck.random() < self._trouble.lost:
            return Fault(how="accept_then_drop")
        return None

    def keep_pace(self, channel: str, to: str) -> None:
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

    def deliver(
        self, channel: str, to: str, text: str, buttons: tuple[tuple[str, str], ...], raw: dict[str, str], number: str
    ) -> None:
        """Take a message, and wake who waits for it."""
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

    async def silent(self, request: web.BaseRequest, fault: Fault) -> web.StreamResponse:
        """Accept without an answer, at once or after a while."""
        if fault.how == "accept_then_hang":
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hanging.wait(), fault.seconds)
        return drop(request)

    def release(self) -> None:
        """Let go of whoever hangs."""
        self._hanging.set()


async def parameters(request: web.BaseRequest) -> dict[str, Any]:
    """The parameters of the query and of the form together; the last counts where one is given twice."""
    given = dict(parse_qsl(request.query_string, keep_blank_values=True)) if request.query_string else {}
    try:
        if request.content_type == "multipart/form-data":
            given.update({name: str(value) for name, value in (await request.post()).items()})
        elif request.body_exists:
            body = (await request.read()).decode()
            typed = request.content_type == "application/json"
            given.update(json.loads(body) if typed else parse_qsl(body, keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError:
        raise rules.Refusal(400, "Bad Request: strings must be encoded in UTF-8", 20001) from None
    return given


def as_json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """An answer with a body of JSON."""
    return web.Response(body=json.dumps(body).encode(), status=status, headers=headers, content_type="application/json")


def drop(request: web.BaseRequest) -> web.StreamResponse:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
