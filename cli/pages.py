"""Pages, which are WSGI, over RSGI (Granian's own interface): the event loop reads what is sent, threads answer."""

import asyncio
import io
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from time import monotonic
from typing import TYPE_CHECKING, Any

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]
from werkzeug.exceptions import HTTPException, LengthRequired, RequestEntityTooLarge, ServiceUnavailable

from web.application import HEADERS
from web.confidential import MOST_BYTES as MOST_FILES
from web.hosts import COMPLAINTS, CONSOLE
from webhooks.calls import MOST_BYTES, Line, Scope, body_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

THREADS = 20
"""Pages that one web process makes at once."""

MOST_WAITING = 200
"""Pages that wait for a thread: who comes after them would have gone before their turn came."""

LARGE = 6
"""Forms of more than a megabyte that are read at once: they are held in memory."""

PATIENCE, LONG_PATIENCE = 60.0, 660.0
"""Seconds for a form to come whole, of a megabyte and of ten files; for a piece of a download to be taken, and all."""

LOST = """\
Lo que envió no llegó completo, o hay demasiada gente a la vez. No se guardó nada. Vuelva atrás e intente otra vez.

What you sent did not come whole, or there are too many people at once. Nothing was kept. Go back and try again.
"""
"""For who is not heard at all: which language they read is not known yet."""

NOT_TAKEN = [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store"), ("retry-after", "60")]


@dataclass
class Started:
    """What the application said before its body."""

    status: int = 500
    headers: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, status: str, headers: list[tuple[str, str]], _error: Any = None) -> Any:
        self.status, self.headers = int(status[:3]), headers


class Pages:
    """An application's pages. A form is read whole before it takes a thread; who has gone away by then takes none."""

    def __init__(self, app: "WSGIApplication"):
        self._app = app
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pages")
        self._room = asyncio.Semaphore(THREADS)
        self._large = asyncio.Semaphore(LARGE)
        self._waiting = 0

    async def __call__(self, scope: Scope, line: Line) -> None:
        try:
            if _length(scope) <= MOST_BYTES or not _takes_files(scope.path):
                await self._answer(scope, line, MOST_BYTES, PATIENCE)
            else:
                async with self._large:
                    await self._answer(scope, line, MOST_FILES, LONG_PATIENCE)
        except HTTPException as error:
            line.response_bytes(error.code or 500, [*HEADERS.items(), *NOT_TAKEN], LOST.encode())

    async def _answer(self, scope: Scope, line: Line, most: int, seconds: float) -> None:
        try:
            body = await body_of(scope, line, most, seconds)
        except RequestEntityTooLarge:
            body = b""  # the application says so in its own words: it goes by the length
        if self._waiting >= MOST_WAITING:
            raise ServiceUnavailable
        self._waiting += 1
        gone = asyncio.ensure_future(line.client_disconnect())
        try:
            async with self._room:
                if not gone.done():
                    loop = asyncio.get_running_loop()
                    await loop.run_in_executor(self._threads, self._make, environ_of(scope, body), line, loop)
        finally:
            self._waiting -= 1
            gone.cancel()

    def _make(self, environ: "WSGIEnvironment", line: Line, loop: asyncio.AbstractEventLoop) -> None:
        """Make the answer, in a thread, and hand it on: at once where its length is known, else piece by piece."""
        started = Started()
        answered = self._app(environ, started)
        try:
            pieces = iter(answered)
            whole = chain([next(pieces, b"")], pieces)  # status and headers may come with the first piece
            if any(name.lower() == "content-length" for name, _value in started.headers):
                line.response_bytes(started.status, started.headers, b"".join(whole))
            else:
                _stream(whole, line.response_stream(started.status, started.headers), loop)
        finally:
            getattr(answered, "close", lambda: None)()


def _stream(pieces: Iterable[bytes], transport: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Each piece when the one before was taken; nothing more for who has gone away, or takes nothing any more."""

    ends = monotonic() + LONG_PATIENCE

    async def send(piece: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            await transport.send_bytes(piece)

    try:
        for piece in pieces:
            if monotonic() > ends:
                return
            asyncio.run_coroutine_threadsafe(send(piece), loop).result()
    except (ProtocolClosed, TimeoutError):
        return


def _length(scope: Scope) -> int:
    """What a call says the length of its body is. Raises LengthRequired: a form that broke off would pass for whole."""
    if "chunked" in (scope.headers.get("transfer-encoding") or "").lower():
        raise LengthRequired
    length = scope.headers.get("content-length") or "0"
    return int(length) if length.isdecimal() else 0


def _takes_files(path: str) -> bool:
    return bool(COMPLAINTS.match(path) or CONSOLE.match(path))


def environ_of(scope: Scope, body: bytes) -> "WSGIEnvironment":
    """A call as WSGI has it (PEP 3333)."""
    host, _colon, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name in scope.headers.keys():  # noqa: SIM118
        if "_" not in name:  # WSGI could not tell it from the one with a hyphen, which a proxy may have set
            values = scope.headers.get_all(name)
            environ[_NAMES.get(name, f"HTTP_{name.upper().replace('-', '_')}")] = ",".join(values)
    return environ


_NAMES = {"content-length": "CONTENT_LENGTH", "content-type": "CONTENT_TYPE"}
