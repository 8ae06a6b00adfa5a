"""The web application: routes that take messages in. Each one answers only after what it took in is committed."""

import structlog
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from bot.turn import Away, Desk, whereabouts
from webhooks import health, telegram, twilio

log = structlog.get_logger()

MOST_BYTES = 1_000_000


def create(desk: Desk, telegram_secret: str, twilio_gate: twilio.Gate | None, checks: health.Checks) -> Flask:
    """The application with the routes of the channels that are configured."""
    app = Flask("cuenta", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = MOST_BYTES
    app.url_map.strict_slashes = False
    app.register_blueprint(health.routes(checks))
    if telegram_secret:
        app.register_blueprint(telegram.routes(desk, telegram_secret))
    if twilio_gate is not None:
        app.register_blueprint(twilio.routes(desk, twilio_gate))
    app.register_error_handler(Away, _away)
    app.register_error_handler(HTTPException, _plain)
    app.register_error_handler(Exception, _broken)
    return app


def _away(_error: Away) -> Response:
    """The database cannot serve: the provider tries again, nothing was taken in."""
    return Response("", 503, {"Retry-After": "5"})


def _plain(error: HTTPException) -> Response:
    """An error without a page: nobody reads these answers but a provider, and they repeat nothing of the request."""
    return Response("", error.code or 500)


def _broken(error: Exception) -> Response:
    """A bug: only where it is goes to the log; Flask's own report would show the exception's text."""
    log.error("web.bug", place=whereabouts(error))
    return Response("", 500)
