"""Host names: the console and complaints can have one of their own, apart from the rest (OWASP ASVS 5.0, 3.5.4)."""

import re
from dataclasses import dataclass

from flask import Flask, Response, abort, request

CONSOLE = re.compile(r"(/en)?/consola(/|$)")
COMPLAINTS = re.compile(r"(/en)?/denuncia(/|$)")
SHARED = ("/static/", "/healthz", "/readyz")

DOORS = {"/": "/denuncia", "/en": "/en/denuncia", "/en/": "/en/denuncia"}
"""What the first page is where there are complaints alone."""

KNOWN = re.compile(r"(/en)?/denuncia(/consultar|/reserva)?")
"""Addresses of complaints that may be written elsewhere, on posters or in chats."""


@dataclass(frozen=True)
class Own:
    """The host names under which alone the console and complaints are; empty where they are on any."""

    console: str = ""
    complaints: str = ""


def astray(host: str, path: str, own: Own) -> bool:
    """Whether that path is not to be had on that host: a host of its own has its pages alone, and our files."""
    if path.startswith(SHARED):
        return False
    name = _name(host)
    kinds = ((own.console, CONSOLE), (own.complaints, COMPLAINTS))
    return any(mine and (name == mine) != bool(kind.match(path)) for mine, kind in kinds)


def is_console(host: str, path: str, own: Own) -> bool:
    """Whether who asks for that path on that host is at the console, also where there is no such page."""
    return _name(host) == own.console if own.console else bool(CONSOLE.match(path))


def is_confidential(host: str, path: str, own: Own) -> bool:
    """Whether an answer is one of the pages of complaints, or an error in their place."""
    return bool(COMPLAINTS.match(path)) or bool(own.complaints and _name(host) == own.complaints)


def _name(host: str) -> str:
    return host.partition(":")[0]


def separate(app: Flask, own: Own) -> None:
    """Say 404 to what is not to be had on the host it was asked of, or where the pages of complaints are."""

    @app.before_request
    def apart() -> Response | None:
        if not astray(request.host, request.path, own):
            return None
        if own.complaints and request.method in ("GET", "HEAD"):
            if _name(request.host) == own.complaints and request.path in DOORS:
                return _see(DOORS[request.path])
            if KNOWN.fullmatch(request.path):
                return _see(f"{request.scheme}://{own.complaints}{request.path}")
        abort(404)


def _see(where: str) -> Response:
    return Response(status=302, headers={"Location": where, "Cache-Control": "no-store"})
