"""The console of the city's staff: its areas, what leads to them, and what every page of it carries."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Blueprint, Flask, current_app, g
from flask_limiter import Limiter

from bot.desk import Desk
from flows.language import Text, _
from web.console import (
    access,
    announcements,
    approvals,
    assisted,
    cases,
    consultations,
    drafts,
    entrance,
    home,
    ideas,
    keys,
    networks,
    own_key,
    paper,
    people,
    plan_edits,
    plans,
    progress,
    record,
    reminders,
    seats,
    staff,
    templates,
    texts,
    walk,
)
from web.console.credentials import Safe
from web.console.forms import attributes
from web.invitation import Public

AREAS = (
    announcements,
    cases,
    keys,
    own_key,
    consultations,
    drafts,
    ideas,
    assisted,
    plans,
    plan_edits,
    progress,
    seats,
    walk,
    people,
    templates,
    texts,
    networks,
)
"""Each adds its routes with `add(blueprint, desk, public)`."""

STEPS = (*announcements.STEPS, *staff.STEPS, *consultations.STEPS, *people.STEPS)
"""What needs two people."""

NAVIGATION: Sequence[Sequence[tuple[str, Text]]] = (
    (("home", _("Today")), ("pending", _("Second person"))),
    (("consultations", _("Consultations")), ("ideas_", _("Ideas")), ("tables", _("Tables"))),
    (("announcements", _("Announcements")), ("templates_", _("Templates")), ("networks", _("Connection"))),
    (("plans", _("Plan")), ("objections", _("Objections"))),
    (("cases", _("Complaints")), ("keys", _("Keys"))),
    (("people", _("People")), ("texts", _("Texts")), ("members", _("Staff")), ("record", _("Record"))),
)
"""What leads where, what belongs together in a group; each sees what they may open."""


def routes(desk: Desk, public: Public, limiter: Limiter) -> Blueprint:
    """The console, to be nested in the site: once for each language."""
    blueprint = Blueprint("console", __name__, url_prefix="/consola")
    safe = Safe(desk.secret)
    access.guard(blueprint, desk, safe)
    entrance.add(blueprint, desk, public, safe, limiter)
    staff.add(blueprint, desk, public, safe)
    steps = (*STEPS, *paper.steps(desk), *cases.steps(desk), *keys.STEPS)
    approvals.add(blueprint, desk, steps)
    home.add(blueprint, desk, public, steps)
    record.add(blueprint, desk)
    reminders.add(blueprint, desk)
    for area in AREAS:
        area.add(blueprint, desk, public)
    return blueprint


def attach(app: Flask, desk: Desk, public: Public) -> None:
    """What the console needs of the application around it; after its routes are there. Raises Unruled."""
    secure = urlsplit(public.url).scheme == "https"
    app.secret_key = Safe(desk.secret).cookie_key
    app.config |= {
        # With that prefix no neighbour under the same domain can give a browser its own cookie.
        "SESSION_COOKIE_NAME": "__Host-cuenta_staff" if secure else "cuenta_staff",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Strict",
        "WTF_CSRF_CHECK_DEFAULT": False,  # the gate asks for it
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the session: a form may stand open over lunch
        "WTF_CSRF_SSL_STRICT": False,  # it would want a Referer, which our pages tell nobody; the gate looks at Origin
    }
    access.csrf.init_app(app)
    access.check(app)
    app.jinja_env.globals |= {"navigation": navigation, "may_open": _may_open, "attributes": attributes}
    app.jinja_env.filters["local"] = access.local


def navigation() -> list[list[tuple[str, Text]]]:
    """What who is signed in may open, in groups; nothing for others."""
    if not hasattr(g, "staff"):
        return []
    found = [[(name, label) for name, label in group if _may_open(name)] for group in NAVIGATION]
    return [group for group in found if group]


def _may_open(name: str) -> bool:
    """Whether who is signed in may open a route of the console."""
    return access.may_open(f"es.console.{name}") and f"es.console.{name}" in current_app.view_functions
