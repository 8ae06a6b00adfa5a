"""Pages, which are WSGI, over RSGI (Granian's own interface): the event loop reads what is sent, threads answer."""

import asyncio
import io
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]
from werkzeug.exceptions import ClientDisconnected, HTTPException, LengthRequired, ServiceUnavailable

from cli.spool import Spool
from web.application import HEADERS
from web.confidential import MOST_BYTES as MOST_FILES
from web.hosts import COMPLAINTS, CONSOLE
from webhooks.calls import MOST_BYTES, Line, Scope, length_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

THREADS = 20
"""Pages that one web process makes at once."""

MOST_WAITING = 200
"""Pages that wait for a thread: who comes after them would have gone before their turn came."""

MOST_HELD = 360_000_000
"""Bytes of forms in memory at once, counted as they come: who announces much and sends little takes nobody's room."""

PATIENCE, LONG_PATIENCE = 60.0, 660.0
"""Seconds for a form to come whole, of a megabyte and of ten files."""

STALLED = 15.0
"""Seconds without a byte of a form. A stop of the process waits longer (`cli/processes.py`), for a form that comes."""

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

    def header(self, name: str) -> str:
        """The value of a header, empty where there is none."""
        return next((value for known, value in self.headers if known.lower() == name), "")


@dataclass
class Form:
    """What came of a call's body, and how much that is. It is held once, also while it is answered."""

    body: io.BytesIO = field(default_factory=io.BytesIO)
    size: int = 0


class Pages:
    """An application's pages. A form is read whole before it takes a thread; who has gone away by then takes none."""

    def __init__(self, app: "WSGIApplication"):
        self._app = app
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pages")
        self._spool = Spool()
        self._room = asyncio.Semaphore(THREADS)
        self._held = self._waiting = 0

    async def __call__(self, scope: Scope, line: Line) -> None:
        form = Form()
        try:
            await self._read(scope, line, form)
            await self._answer(scope, line, form)
        except HTTPException as error:
            line.response_bytes(error.code or 500, [*HEADERS.items(), *NOT_TAKEN], LOST.encode())
        finally:
            self._held -= form.size

    async def _read(self, scope: Scope, line: Line, form: Form) -> None:
        """Read a form whole. One that is too long is not read: the application says so in its own words, by the length.

        Raises LengthRequired, BadRequest, ServiceUnavailable, and ClientDisconnected where it does not come whole.
        """
        length = _length(scope)
        takes_files = length > MOST_BYTES and _takes_files(scope.path)
        if length > (MOST_FILES if takes_files else MOST_BYTES):
            return
        try:
            async with asyncio.timeout(LONG_PATIENCE if takes_files else PATIENCE):
                pieces = aiter(line)
                while form.size < length:
                    async with asyncio.timeout(STALLED):
                        piece = await anext(pieces)
                    if self._held + len(piece) > MOST_HELD:
                        raise ServiceUnavailable
                    self._held += len(piece)
                    form.size += form.body.write(piece)
        except (TimeoutError, ProtocolClosed, StopAsyncIteration):  # a connection that breaks off ends without a word
            raise ClientDisconnected from None

    async def _answer(self, scope: Scope, line: Line, form: Form) -> None:
        if self._waiting >= MOST_WAITING:
            raise ServiceUnavailable
        self._waiting += 1
        gone = asyncio.ensure_future(line.client_disconnect())
        try:
            async with self._room:
                if not gone.done():
                    loop = asyncio.get_running_loop()
                    await loop.run_in_executor(self._threads, self._make, environ_of(scope, form.body), line)
        finally:
            self._waiting -= 1
            gone.cancel()

    def _make(self, environ: "WSGIEnvironment", line: Line) -> None:
        """Make the answer, in a thread, and hand it on: at once where its length is known, else as a file."""
        started = Started()
        answered = self._app(environ, started)
        try:
            pieces: Iterator[bytes] = iter(answered)
            first = next(pieces, b"")  # status and headers may come with the first piece
            if not first or started.header("content-length"):
                line.response_bytes(started.status, started.headers, b"".join(chain([first], pieces)))
            else:
                held = self._spool.hold(started.header("etag"), chain([first], pieces))
                line.response_file(started.status, [*started.headers, ("content-length", str(held.size))], held.path)
        finally:
            getattr(answered, "close", lambda: None)()


def _length(scope: Scope) -> int:
    """What a call says the length of its body is. Raises LengthRequired: a form that broke off would pass for whole;
    and BadRequest."""
    if scope.headers.get("transfer-encoding") is not None:
        raise LengthRequired
    return length_of(scope) or 0


def _takes_files(path: str) -> bool:
    return bool(COMPLAINTS.match(path) or CONSOLE.match(path))


def environ_of(scope: Scope, body: io.BytesIO) -> "WSGIEnvironment":
    """A call as WSGI has it (PEP 3333)."""
    body.seek(0)
    host, _colon, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string.encode().decode("latin-1"),
        "SERVER_NAME": host.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name in scope.headers.keys():  # noqa: SIM118
        if "_" not in name:  # WSGI could not tell it from the one with a hyphen, which a proxy may have set
            values = scope.headers.get_all(name)
            key = _NAMES.get(name, f"HTTP_{name.upper().replace('-', '_')}")
            environ[key] = ("; " if name == "cookie" else ",").join(values)
    return environ


_NAMES = {"content-length": "CONTENT_LENGTH", "content-type": "CONTENT_TYPE"}
