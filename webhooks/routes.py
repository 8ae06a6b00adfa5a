"""What the routes of machines are: functions from a request to an answer."""

from collections.abc import Callable, Mapping

from werkzeug.wrappers import Request, Response

View = Callable[[Request], Response]
Routes = Mapping[tuple[str, str], View]
"""What answers a method and a path."""
