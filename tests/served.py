"""The whole desk as the outside calls it, pages and machines, without a socket: all calls in one event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from cli import wiring
from cli.front import Front
from cli.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@cache
def loop() -> asyncio.AbstractEventLoop:
    """An event loop in a thread of its own, which ends with the tests."""
    made = asyncio.new_event_loop()
    threading.Thread(target=made.run_forever, name="served", daemon=True).start()
    return made


def served(settings: Settings, clock: wiring.Clock = wiring.now) -> Client:
    """A client of what one web process serves; many threads may use it at once."""
    return Client(whole(settings, clock), Response, use_cookies=False)


def whole(settings: Settings, clock: wiring.Clock = wiring.now) -> "WSGIApplication":
    """All that one web process serves, in the form that test clients know."""
    front = wiring.front(settings, clock)

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        answer = asyncio.run_coroutine_threadsafe(ask(front, Request(environ)), loop()).result(60)
        return answer(environ, start_response)

    return serve


async def ask(front: Front, request: Request) -> Response:
    """One call as Granian makes it, its body in two pieces."""
    body = request.get_data(cache=False)
    line = Line([body[: len(body) // 2], body[len(body) // 2 :]])
    headers = Headers([(name.lower(), value) for name, value in request.headers])
    await front.__rsgi__(Scope(request.method, request.path, request.query_string.decode(), headers), line)
    assert line.answer is not None
    status, given, answered = line.answer
    return Response(answered, status, given)


class Headers:
    """Headers of a call, by names in small letters."""

    def __init__(self, given: list[tuple[str, str]]):
        self._given = given

    def get(self, name: str) -> str | None:
        return next(iter(self.get_all(name)), None)

    def get_all(self, name: str) -> list[str]:
        return [value for known, value in self._given if known == name]

    def keys(self) -> list[str]:
        return [name for name, _value in self._given]


@dataclass
class Scope:
    """A call to a server on this machine."""

    method: str
    path: str
    query_string: str
    headers: Headers
    http_version: str = "1.1"
    scheme: str = "http"
    server: str = "127.0.0.1:80"
    client: str = "127.0.0.1:1"
    authority: str | None = None


@dataclass
class Line:
    """What comes of a call's body, and what was answered. A body that does not end never comes."""

    pieces: list[bytes]
    ends: bool = True
    answer: tuple[int, list[tuple[str, str]], bytes] | None = None
    has_gone: bool = False

    async def __call__(self) -> bytes:
        if self.has_gone:
            raise ProtocolClosed
        return b"".join([piece async for piece in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if not self.ends:
            await asyncio.Event().wait()

    async def client_disconnect(self) -> None:
        if not self.has_gone:
            await asyncio.Event().wait()

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        assert self.answer is None
        self.answer = status, headers, body

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
        self.response_bytes(status, headers, Path(file).read_bytes())
