"""Host names: the console can have one of its own, apart from what residents see (OWASP ASVS 5.0, 3.5.4)."""

import re

from flask import Flask, Response, abort, request

CONSOLE = re.compile(r"(/en)?/consola(/|$)")
SHARED = ("/static/", "/healthz", "/readyz")


def separate(app: Flask, console: str) -> None:
    """Answer the console on that host alone, and nothing else there but our files. Without one, all is on any host."""
    if not console:
        return

    @app.before_request
    def apart() -> Response | None:
        if request.path.startswith(SHARED):
            return None
        if (request.host.partition(":")[0] == console) != bool(CONSOLE.match(request.path)):
            abort(404)
        return None
