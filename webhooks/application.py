"""What takes messages in: a WSGI application of its own, without anything that only pages need.

Each route answers only after what it took in is committed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.wrappers import Request, Response

from bot.desk import Away, Desk, whereabouts
from webhooks import health, telegram, twilio
from webhooks.routes import Routes, View

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = structlog.get_logger()

BEGINNINGS = ("/webhooks", "/healthz", "/readyz", "/metrics")
"""How the paths begin that are served here."""

MOST_BYTES = 1_000_000

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Nothing here is a page: a browser that is led here shows and runs nothing."""


class Call(Request):
    max_content_length = MOST_BYTES
    max_form_memory_size = MOST_BYTES


@dataclass(frozen=True)
class Hooks:
    """The application. Its errors have no page: nobody reads these answers but a machine."""

    routes: Routes

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        answer = self._answer(Call(environ))
        answer.headers.update(HEADERS)
        return answer(environ, start_response)

    def _answer(self, call: Request) -> Response:
        try:
            return self._route(call)(call)
        except Away:  # the provider tries again; nothing was taken in
            return Response("", 503, {"Retry-After": "5"})
        except HTTPException as error:  # the status alone: it repeats nothing of the request
            return Response("", error.code or 500)
        except Exception as error:  # a bug: only where it is goes to the log, never the exception's text
            log.error("web.bug", place=whereabouts(error))
            return Response("", 500)

    def _route(self, call: Request) -> View:
        """What answers; a slash at the end of the path makes no difference. Raises HTTPException."""
        path = call.path.rstrip("/")
        found = self.routes.get(("GET" if call.method == "HEAD" else call.method, path))
        if found is None:
            raise MethodNotAllowed if any(path == known for _method, known in self.routes) else NotFound
        return found


def hooks(desk: Desk, telegram_secret: str, twilio_gate: twilio.Gate | None, checks: health.Checks) -> Hooks:
    """The application with health and the channels that are configured."""
    routes = dict(health.routes(checks))
    if telegram_secret:
        routes |= telegram.routes(desk, telegram_secret)
    if twilio_gate is not None:
        routes |= twilio.routes(desk, twilio_gate)
    return Hooks(routes)
