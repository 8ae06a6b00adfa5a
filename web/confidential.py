"""Confidential pages: what a form brings stays in memory, who sends it is counted and not kept, and what every answer
carries."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from io import BytesIO
from ipaddress import IPv6Address, ip_address, ip_network
from typing import IO, Any

from flask import Flask, Response, request
from flask_limiter.util import get_remote_address
from sqlalchemy import Engine
from werkzeug.formparser import parse_form_data

from bot.desk import Desk
from storage import volatile_tallies
from storage.database import transaction
from web.hosts import Own, is_confidential
from web.rendering import clip, page

MOST_BYTES = 60_000_000
"""Bytes of a form with files, all together."""

MOST_TEXT = 500_000
"""Bytes of one answer, or of a form without files."""

MOST_PARTS = 100

POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
"""A stylesheet and nothing more: no script, no picture, nobody else."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
OPEN = ("/denuncia", "/denuncia/reserva")
"""What search machines may show, in either language: whoever looks for it has to find it."""

UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


STYLES = "/static/complaints.css"
"""No other page has it: where a browser kept it, it would show that somebody was here."""


def guard(app: Flask, own: Own) -> None:
    """Give every answer of these pages its headers, errors as well."""

    @app.context_processor
    def knows() -> dict[str, Any]:
        return {"confidential": is_confidential(request.host, request.path, own)}

    @app.after_request
    def guarded(answer: Response) -> Response:
        if request.path == STYLES:
            answer.headers["Cache-Control"] = "no-store"
        if request.path.startswith("/static/") or not is_confidential(request.host, request.path, own):
            return answer
        answer.headers.update(HEADERS)
        if request.path.removeprefix("/en") in OPEN and request.method == "GET":
            del answer.headers["X-Robots-Tag"]
        return answer


def shown(template: str, status: int = 200, **values: Any) -> Response:
    """A page of complaints."""
    return Response(page(f"complaints/{template}", **values), status, content_type="text/html; charset=utf-8")


@dataclass(frozen=True)
class Sent:
    """A file of a form. Its name is shown to whoever sent it, and kept nowhere."""

    name: str = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Given:
    """What a form brought: its fields, as text without signs that nobody can see, and the files."""

    fields: Mapping[str, str] = field(repr=False)
    files: Sequence[Sent] = field(repr=False)

    def text(self, name: str) -> str:
        """What was written there; a line break is one letter."""
        return UNSEEN.sub("", self.fields.get(name, "").replace("\r\n", "\n")).strip()


def given() -> Given:
    """The form of this request, read into memory: the framework would put large files on a disk.

    Raises RequestEntityTooLarge. `request.form` must not be asked for in these pages.
    """
    most = MOST_BYTES if request.mimetype == "multipart/form-data" else MOST_TEXT
    _rest, fields, files = parse_form_data(request.environ, _in_memory, MOST_TEXT, most, max_form_parts=MOST_PARTS)
    sent = [Sent(clip(each.filename, 60), each.stream.read()) for each in files.getlist("archivos") if each.filename]
    return Given(fields.to_dict(), sent)


def _in_memory(
    total_content_length: int | None,
    content_type: str | None,
    filename: str | None,
    content_length: int | None = None,
) -> IO[bytes]:
    return BytesIO()


def sender(desk: Desk) -> str:
    """Whom the limits count, as a hash that only the running desk can make: an address, or a network of IPv6."""
    where = get_remote_address()
    try:
        parsed = ip_address(where)
        where = str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else where
    except ValueError:
        pass  # a proxy's own way of naming it
    return blake2b(where.encode(), key=sha256(desk.secret).digest(), digest_size=16).hexdigest()


def may(desk: Desk, store: Engine, what: str, most: int, who: str) -> bool:
    """Whether somebody may do that once more within the hour; counts it."""
    with transaction(store) as connection:
        return volatile_tallies.count(connection, f"{what}:{who}", desk.clock()) <= most
