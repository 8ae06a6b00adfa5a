"""The pages people see: what every answer carries, and how errors speak."""

from flask import Blueprint, Flask, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from bot.desk import Desk
from web import confidential, downloads, errors, hosts, openapi, plans, rendering, site
from web.console import application as console
from web.invitation import Public

MOST_BYTES = 1_000_000
A_YEAR = 365 * 24 * 60 * 60
"""Seconds that a browser may keep a file of ours: its address changes when it does (`rendering.asset`)."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Nothing inline and nothing from elsewhere: a script that somebody smuggles into a title does not run."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def attach(app: Flask, desk: Desk, public: Public) -> None:
    """Add the pages, in both languages, and the headers of every answer."""
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = MOST_BYTES
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = A_YEAR
    rendering.prepare(app)
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", headers_enabled=False)
    hosts.separate(app, public.own)
    pages = site.routes(desk, public, limiter)
    pages.register_blueprint(console.routes(desk, public, limiter))
    app.register_blueprint(pages, name="es")
    app.register_blueprint(pages, name="en", url_prefix="/en")
    app.register_blueprint(downloads.routes(desk))
    app.register_blueprint(plans.evidence(desk))
    app.register_blueprint(openapi.routes())
    app.register_blueprint(_files())
    app.after_request(_guarded)
    confidential.guard(app, public.own)  # goes first: what it sets stays
    errors.attach(app, public.own)
    console.attach(app, desk, public)


def _files() -> Blueprint:
    return Blueprint("files", __name__, static_folder="static", static_url_path="/static")


def _guarded(answer: Response) -> Response:
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    if request.is_secure:
        answer.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return answer
