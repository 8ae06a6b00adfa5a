"""Host names: the console can have one of its own, apart from what residents see (OWASP ASVS 5.0, 3.5.4)."""

import re

from flask import Flask, abort, request

CONSOLE = re.compile(r"(/en)?/consola(/|$)")
SHARED = ("/static/", "/healthz", "/readyz")


def astray(host: str, path: str, console: str) -> bool:
    """Whether that path is not to be had on that host: `console` has the console alone, and nothing else but our files.

    Without a host for the console all is on any.
    """
    if not console or path.startswith(SHARED):
        return False
    return (host.partition(":")[0] == console) != bool(CONSOLE.match(path))


def is_console(host: str, path: str, console: str) -> bool:
    """Whether who asks for that path on that host is at the console, also where there is no such page."""
    return host.partition(":")[0] == console if console else bool(CONSOLE.match(path))


def separate(app: Flask, console: str) -> None:
    """Say 404 to what is not to be had on the host it was asked of."""

    @app.before_request
    def apart() -> None:
        if astray(request.host, request.path, console):
            abort(404)
