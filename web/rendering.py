"""Rendering: templates in the reader's language, which is the one of the address (`/en/…` is English), and answers."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from babel.numbers import format_decimal
from flask import Flask, Response, render_template, request, url_for
from markupsafe import Markup

from bot.speech import REGION, Speaker, catalogue
from flows.language import Phrase

STATIC = Path(__file__).parent / "static"
OTHER = {"es": "en", "en": "es"}
KEPT = "public, max-age=60"
"""A page may be a minute old: that spares somebody with little data, and the server in a rush."""


def prepare(app: Flask) -> None:
    """Give the templates their words."""
    env = app.jinja_env
    env.trim_blocks = env.lstrip_blocks = True
    env.globals |= {
        "_": words,
        "many": many,
        "asset": asset,
        "other_language": other_language,
        "turned": turned,
        "language": language,
    }
    env.filters |= {"say": say, "moment": moment, "day": day, "number": number, "clip": clip, "weight": weight}


def page(template: str, **values: Any) -> str:
    """A page of the site."""
    return render_template(template, **values)


@dataclass(frozen=True)
class Printed:
    """What is sent as it is, with the digest by which a browser knows whether it has it."""

    body: bytes
    digest: str

    @classmethod
    def of(cls, body: bytes) -> "Printed":
        return cls(body, hashlib.sha256(body).hexdigest()[:32])


def kept(made: str | bytes | Printed, kind: str = "text/html; charset=utf-8") -> Response:
    """A public page, picture or file, or 304 to who has it as it is."""
    printed = made if isinstance(made, Printed) else Printed.of(made.encode() if isinstance(made, str) else made)
    answer = Response(printed.body, content_type=kind, headers={"Cache-Control": KEPT})
    answer.set_etag(printed.digest)
    answer.make_conditional(request)
    return answer


def language() -> str:
    return "en" if request.path == "/en" or request.path.startswith("/en/") else "es"


def words(msgid: str, **values: Any) -> Markup:
    """A message of the catalogue; its values are escaped."""
    return Markup(catalogue(language()).gettext(msgid)).format(**values)  # noqa: S704  the catalogue is ours


def many(one: str, more: str, n: int, **values: Any) -> Markup:
    """A message with a form for one and a form for any other number."""
    text = catalogue(language()).ngettext(one, more, n)
    return Markup(text).format(n=number(n), **values)  # noqa: S704


def say(phrase: Phrase) -> str:
    return Speaker(language()).say(phrase)


def moment(value: datetime) -> str:
    return Speaker(language()).dated(value)


def day(value: date) -> str:
    return Speaker(language()).day(value)


def clip(text: str, most: int) -> str:
    """A text up to so many letters; a longer one ends in dots."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def weight(size: int) -> str:
    """Bytes as people say them."""
    return f"{number(max(1, round(size / 1000)))} kB" if size < 1_000_000 else f"{number(round(size / 1e6, 1))} MB"


def number(value: int | float) -> str:
    return format_decimal(value, locale=REGION[language()])


def other_language(number: int = 1) -> str:
    """The address of this page, or of that part of its list, in the other language; of the first page if there is none.

    Of the query only the part's number goes in: a page that is kept in memory must be the same for everybody.
    """
    mine, theirs = language(), OTHER[language()]
    endpoint = request.endpoint or ""
    if endpoint.startswith(f"{mine}.") and request.url_rule and "GET" in (request.url_rule.methods or ()):
        return url_for(theirs + endpoint.removeprefix(mine), **_part(number))
    return url_for(f"{theirs}.home")


def turned(number: int, asked: Mapping[str, str] | None = None) -> str:
    """The address of another part of this page's list, which was asked for in these words of the query."""
    return url_for(request.endpoint or "", **{**_part(number), **(asked or {})})


def _part(number: int) -> dict[str, Any]:
    searched = (request.endpoint or "").endswith(".plans") and "buscar" in request.args
    asked = {"buscar": request.args["buscar"]} if searched else {}
    return {**(request.view_args or {}), **asked, **({"pagina": number} if number > 1 else {})}


def asset(name: str) -> str:
    """The address of a file of ours, with a mark that changes when it does: it can be kept for a year."""
    return url_for("files.static", filename=name, v=_mark(name))


@cache
def _mark(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]
