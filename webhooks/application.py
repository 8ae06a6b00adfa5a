"""What takes messages in: an application of its own, without anything that only pages need.

Each route answers only after what it took in is committed.
"""

from dataclasses import dataclass

import structlog
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from bot.desk import Away, Desk, whereabouts
from bot.intake import Intake
from webhooks import health, telegram, twilio
from webhooks.calls import Answer, Call, Line, Routes, Scope, View

log = structlog.get_logger()

BEGINNINGS = ("/webhooks", "/healthz", "/readyz", "/metrics")
"""How the paths begin that are served here."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Nothing here is a page: a browser that is led here shows and runs nothing."""


@dataclass(frozen=True)
class Hooks:
    """The application. Its errors have no page: nobody reads these answers but a machine."""

    routes: Routes

    async def __call__(self, scope: Scope, line: Line) -> None:
        answer = await self._answer(Call(scope, line))
        answer.send(line, HEADERS)

    async def _answer(self, call: Call) -> Answer:
        try:
            return await self._route(call)(call)
        except Away:  # the provider tries again
            return Answer(503, headers={"Retry-After": "5"})
        except HTTPException as error:  # the status alone: it repeats nothing of the request
            return Answer(error.code or 500)
        except Exception as error:  # a bug: only where it is goes to the log, never the exception's text
            log.error("web.bug", place=whereabouts(error))
            return Answer(500)

    def _route(self, call: Call) -> View:
        """What answers; a slash at the end of the path makes no difference. Raises HTTPException."""
        method, path = call.scope.method, call.scope.path.rstrip("/")
        found = self.routes.get(("GET" if method == "HEAD" else method, path))
        if found is None:
            raise MethodNotAllowed if any(path == known for _method, known in self.routes) else NotFound
        return found


def hooks(desk: Desk, telegram_secret: str, twilio_gate: twilio.Gate | None, checks: health.Checks) -> Hooks:
    """The application with health and the channels that are configured."""
    routes, intake = dict(health.routes(checks)), Intake(desk)
    if telegram_secret:
        routes |= telegram.routes(intake, telegram_secret)
    if twilio_gate is not None:
        routes |= twilio.routes(desk, intake, twilio_gate)
    return Hooks(routes)
