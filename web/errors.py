"""Errors as pages: what went wrong and what one can do, in the reader's language."""

import structlog
from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from bot.catalogue import NothingLoaded
from bot.desk import Away, whereabouts
from flows.language import Text, _
from storage.database import is_away
from web.hosts import Own, is_console
from web.rendering import page

log = structlog.get_logger()

TITLES = {
    400: _("We could not read that"),
    404: _("There is no such page"),
    405: _("That cannot be done here"),
    413: _("That is too much at once"),
    429: _("Too many requests at once"),
    503: _("We cannot serve you just now"),
}
WHAT_TO_DO = {
    400: _("Go back, look at what you wrote, and send it again. Nothing was kept."),
    404: _("The address may be cut or misspelt. From the first page you can reach everything."),
    405: _("Open the page from the first page and try again. Nothing was changed."),
    413: _("Send less text. Nothing was kept."),
    429: _("Wait a minute and try again. What you had sent before is kept."),
    503: _("Try again in a few minutes. What you had sent before is kept."),
}
BROKEN = (_("Something went wrong here"), _("The fault is ours and it was noted. Try again in a few minutes."))


def attach(app: Flask, own: Own) -> None:
    """Answer errors with pages; who is at the console stays there."""
    app.config["OWN_HOSTS"] = own
    app.register_error_handler(HTTPException, _explained)
    app.register_error_handler(Exception, _broken)


def _explained(error: HTTPException) -> Response:
    """What the status means; of the error's own headers those that say what would be taken, and when."""
    code = error.code or 500
    known = 400 if code not in TITLES and code < 500 else code
    answer = _page(code, TITLES.get(known, BROKEN[0]), WHAT_TO_DO.get(known, BROKEN[1]))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    if code == 429:
        answer.headers["Retry-After"] = "60"
    return answer


def _broken(error: Exception) -> Response:
    """A database that is away, a desk without a city, or a bug: only where a bug is goes to the log."""
    if isinstance(error, Away | NothingLoaded) or is_away(error):
        answer = _page(503, TITLES[503], WHAT_TO_DO[503])
        answer.headers["Retry-After"] = "30"
        return answer
    log.error("web.bug", place=whereabouts(error))
    return _page(500, *BROKEN)


def _page(code: int, title: Text, what_to_do: Text) -> Response:
    at_console = is_console(request.host, request.path, current_app.config["OWN_HOSTS"])
    template = "console/error.html" if at_console else "error.html"
    answer = Response(page(template, title=title, what_to_do=what_to_do), code)
    answer.headers["Cache-Control"] = "no-store"
    return answer
