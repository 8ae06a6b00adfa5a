"""Calls of machines and what they are answered, over RSGI (Granian's own interface)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, ClientDisconnected, RequestEntityTooLarge


class Headers(Protocol):
    """Headers by names in small letters; `get_all` where one came several times."""

    def get(self, name: str) -> str | None: ...

    def get_all(self, name: str) -> Sequence[str]: ...

    def keys(self) -> Iterable[str]: ...


class Scope(Protocol):
    """What RSGI tells of a call; the path is decoded, the query is as it was called."""

    method: str
    path: str
    query_string: str
    http_version: str
    scheme: str
    server: str
    client: str
    authority: str | None

    @property
    def headers(self) -> Headers: ...


class Line(Protocol):
    """What RSGI calls a protocol: a call's body comes by it, whole or in pieces, and its answer goes."""

    def __call__(self) -> Awaitable[bytes]: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def client_disconnect(self) -> Awaitable[None]: ...

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None: ...


MOST_BYTES = 1_000_000
MOST_OF_FORM = 100_000
"""Bytes of a form: it is read before anybody knows who sends it, and Twilio's longest has half of that."""

MOST_FIELDS = 1_000
PATIENCE = 20.0
"""Seconds in which a body must have come: a provider's network is no phone's."""


def length_of(scope: Scope) -> int | None:
    """What a call says the length of its body is; None where it says nothing. Raises BadRequest."""
    told = scope.headers.get("content-length")
    if told is None:
        return None
    if not (told.isascii() and told.isdecimal() and len(told) < 20):
        raise BadRequest
    return int(told)


@dataclass(frozen=True)
class Call:
    """A request; headers go by names in small letters."""

    scope: Scope = field(repr=False)
    line: Line = field(repr=False)

    def header(self, name: str) -> str:
        """The value of a header, empty where there is none."""
        return self.scope.headers.get(name) or ""

    @property
    def arguments(self) -> MultiDict[str, str]:
        """What the query asks, decoded."""
        return _fields(self.scope.query_string)

    async def body(self, most: int = MOST_BYTES) -> bytes:
        """The whole body. Raises BadRequest, RequestEntityTooLarge, and ClientDisconnected where it is not whole."""
        length = length_of(self.scope)
        if (length or 0) > most:
            raise RequestEntityTooLarge
        try:
            async with asyncio.timeout(PATIENCE):
                body = await self.line() if length is not None else await _unmeasured(self.line, most)
        except (TimeoutError, ProtocolClosed):
            raise ClientDisconnected from None
        if length is not None and len(body) != length:  # a connection that breaks off ends without a word
            raise ClientDisconnected
        return body

    async def form(self) -> MultiDict[str, str]:
        """The fields of a form; none where the body is no form. Raises as `body` does."""
        body = await self.body(MOST_OF_FORM)
        try:
            return _fields(body.decode())
        except UnicodeDecodeError:
            return MultiDict()


async def _unmeasured(line: Line, most: int) -> bytes:
    body = bytearray()
    async for piece in line:
        body += piece
        if len(body) > most:
            raise RequestEntityTooLarge
    return bytes(body)


def _fields(encoded: str) -> MultiDict[str, str]:
    try:
        return MultiDict(parse_qsl(encoded, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        return MultiDict()


@dataclass(frozen=True)
class Answer:
    """What a call is answered. `kind` is the body's content type."""

    status: int = 200
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)

    def send(self, line: Line, always: Mapping[str, str]) -> None:
        """Send it, with the headers that every answer has."""
        headers = [("content-type", self.kind), *self.headers.items(), *always.items()]
        line.response_bytes(self.status, headers, self.body)


View = Callable[[Call], Awaitable[Answer]]
Routes = Mapping[tuple[str, str], View]
"""What answers a method and a path."""
