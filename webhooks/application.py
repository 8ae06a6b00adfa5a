"""The routes that take messages in. Each one answers only after what it took in is committed."""

import structlog
from flask import Blueprint, Flask, Response
from werkzeug.exceptions import HTTPException

from bot.turn import Away, Desk, whereabouts
from webhooks import health, telegram, twilio

log = structlog.get_logger()


def attach(
    app: Flask, desk: Desk, telegram_secret: str, twilio_gate: twilio.Gate | None, checks: health.Checks
) -> None:
    """Add the routes of health and of the channels that are configured."""
    blueprints = [health.routes(checks)]
    if telegram_secret:
        blueprints.append(telegram.routes(desk, telegram_secret))
    if twilio_gate is not None:
        blueprints.append(twilio.routes(desk, twilio_gate))
    for blueprint in blueprints:
        _explain_to_machines(blueprint)
        app.register_blueprint(blueprint)


def _explain_to_machines(blueprint: Blueprint) -> None:
    """Errors without a page: nobody reads these answers but a provider."""
    blueprint.register_error_handler(Away, _away)
    blueprint.register_error_handler(HTTPException, _plain)
    blueprint.register_error_handler(Exception, _broken)


def _away(_error: Away) -> Response:
    """The database cannot serve: the provider tries again, nothing was taken in."""
    return Response("", 503, {"Retry-After": "5"})


def _plain(error: HTTPException) -> Response:
    """The status alone: it repeats nothing of the request."""
    return Response("", error.code or 500)


def _broken(error: Exception) -> Response:
    """A bug: only where it is goes to the log; Flask's own report would show the exception's text."""
    log.error("web.bug", place=whereabouts(error))
    return Response("", 500)
