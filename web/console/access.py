"""Access: who may open what in the console. Each route has its rule beside it; one gate keeps them all.

Roles are of OWASP ASVS 5.0, 8.2 (function and object); sessions of 7.3 to 7.5: half an hour idle (a quarter for who
receives complaints), eight hours in all, and password and code again before what is sensitive.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, Response, current_app, g, request, session, url_for
from flask_wtf import CSRFProtect
from sqlalchemy import Row

from bot.desk import Desk
from flows.language import Text, _
from storage import audit, sessions
from storage import catalogue as shelf
from storage.database import reading, transaction
from web.chat import is_foreign
from web.console.answers import see
from web.console.credentials import Safe
from web.rendering import moment, page

P = ParamSpec("P")
R = TypeVar("R")

WHOLE = timedelta(hours=8)
IDLE = timedelta(minutes=30)
IDLE_RECEIVER = timedelta(minutes=15)
FRESH = timedelta(minutes=15)
"""How long a session lasts, and how long it stays open without being used; how long a proof of password and code
serves for what is sensitive (facts of ASVS 7.3.1, 7.3.2 and 7.5.3)."""

NOTED = timedelta(minutes=1)
"""A session's last use is noted to the minute: that spares a write for each page."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

csrf = CSRFProtect()


class Role(StrEnum):
    """What an account may do. One account can have several, as long as they do not watch over each other."""

    ADMINISTRATOR = "administrator"
    PARTICIPATION = "participation"
    COMMUNICATIONS = "communications"
    APPROVER = "approver"
    OFFICE = "office"
    RECEIVER = "receiver"
    CASE_OFFICER = "case-officer"
    MONITOR = "monitor"
    AUDITOR = "auditor"


LABELS: dict[Role, Text] = {
    Role.ADMINISTRATOR: _("Administrator: accounts and settings"),
    Role.PARTICIPATION: _("Participation: consultations, people and ballots on paper"),
    Role.COMMUNICATIONS: _("Communications: drafts announcements"),
    Role.APPROVER: _("Approver: agrees to what others ask"),
    Role.OFFICE: _("Office: reports on its own milestones"),
    Role.RECEIVER: _("Receiver: reads complaints"),
    Role.CASE_OFFICER: _("Case officer: sees the state and dates of complaints"),
    Role.MONITOR: _("Monitor: reads and grades"),
    Role.AUDITOR: _("Auditor: reads the record of what was done"),
}

TRUSTED = frozenset({Role.APPROVER, Role.RECEIVER})
"""No administrator has one of these, and nobody gets one from one person alone, not from the operator either."""

TWO_PEOPLE = TRUSTED | {Role.ADMINISTRATOR}
"""Who gets one of these in the console is invited by two people: an administrator who made another one alone could
agree to what they asked themselves."""


RECEIVES = "denuncia:"
"""What stands before the office that a receiver is of, in an account's offices; no plan's office begins so."""


def receives(roles: Iterable[str], offices: Iterable[str]) -> str:
    """The office for which an account receives complaints; '' for none."""
    of = (office.removeprefix(RECEIVES) for office in offices if office.startswith(RECEIVES))
    return next(of, "") if Role.RECEIVER in roles else ""


@dataclass(frozen=True)
class Staff:
    """Who is signed in. `offices` are `<plan>/<office>`, and for a receiver RECEIVES with an office of the intake."""

    id: int
    login: str
    name: str
    roles: frozenset[Role]
    offices: tuple[str, ...]

    @property
    def receives(self) -> str:
        """The office for which they receive complaints; '' for none."""
        return receives(self.roles, self.offices)

    @classmethod
    def of(cls, row: Row[Any]) -> "Staff":
        return cls(row.id, row.login, row.name, frozenset(map(Role, row.roles.split())), tuple(row.offices.split()))


@dataclass(frozen=True)
class Rule:
    """Who may open a route: these roles, or anybody when there are none; `fresh` asks for a proof of late.

    `most` is how many bytes a form with files may have; others as many as any form of the site.
    """

    roles: frozenset[Role]
    fresh: bool = False
    most: int | None = None


class Unruled(Exception):
    """A route of the console says not who may open it."""


def allows(*roles: Role, fresh: bool = False, most: int | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let these roles open a route; `fresh`: when they gave password and code within the last quarter of an hour;
    `most`: with a form of so many bytes, because it brings files."""
    assert roles, "name the roles; `everybody` is for what has to be open"
    return _marked(Rule(frozenset(roles), fresh, most))


def everybody(view: Callable[P, R]) -> Callable[P, R]:
    """Let also those in who are not signed in."""
    return _marked(Rule(frozenset()))(view)


def _marked(rule: Rule) -> Callable[[Callable[P, R]], Callable[P, R]]:
    def mark(view: Callable[P, R]) -> Callable[P, R]:
        view.rule = rule  # type: ignore[attr-defined]
        return view

    return mark


def rule_of(app: Flask, endpoint: str) -> Rule:
    """The rule of a route. Raises Unruled."""
    rule = getattr(app.view_functions[endpoint], "rule", None)
    if not isinstance(rule, Rule):
        raise Unruled(endpoint)
    return rule


def check(app: Flask) -> None:
    """Raises Unruled where a route of the console has no rule: the desk does not start."""
    for endpoint in app.view_functions:
        if ".console." in endpoint:
            rule_of(app, endpoint)


def staff() -> Staff:
    """Who is signed in; only where a rule names roles."""
    found: Staff = g.staff
    return found


def has(*roles: Role) -> bool:
    """Whether who is signed in has one of these roles."""
    return not staff().roles.isdisjoint(roles)


def may_open(endpoint: str) -> bool:
    """Whether who is signed in may open a route, for the links that lead there."""
    return not staff().roles.isdisjoint(rule_of(current_app, endpoint).roles)


def shown(template: str, status: int = 200, **values: Any) -> Response:
    """A page of the console."""
    return Response(page(template, **values), status, content_type="text/html; charset=utf-8")


def local(value: datetime) -> str:
    """A moment as the city's clocks show it."""
    return moment(value.astimezone(g.zone))


def begin(token: str) -> None:
    """Put a new session into the browser; whatever was there before is gone with its CSRF token."""
    session.clear()
    session["token"] = token


def renew(token: str) -> None:
    """Put another token of the same session into the browser. Its forms stay good: they may stand open elsewhere."""
    session["token"] = token


def token_hash(safe: Safe) -> str:
    """What is kept of this browser's session; of none, what no session has."""
    return safe.hashed("session", session.get("token", ""))


def guard(blueprint: Blueprint, desk: Desk, safe: Safe) -> None:
    """Stand the gate before every route of the console."""

    @blueprint.before_request
    def gate() -> Response | None:
        rule = rule_of(current_app, request.endpoint or "")
        if request.method not in SAFE_METHODS:
            if is_foreign():
                return shown("console/refused.html", 403)
            if rule.most is not None and "token" in session:  # the token below is looked for in the form
                request.max_content_length = rule.most
            csrf.protect()
        if not rule.roles:
            return None
        now = desk.clock()
        with reading(desk.engine) as connection:
            row = sessions.find(connection, token_hash(safe))
            g.zone = ZoneInfo(desk.catalogue(connection, shelf.revision(connection)).city.zone)
        if row is None or now - row.begun_at >= WHOLE:
            return _elsewhere("entrance", _("Your session has ended"))
        g.staff, g.session = Staff.of(row), row
        if now - row.seen_at >= _idle(g.staff) or (rule.fresh and now - row.proved_at >= FRESH):
            return _elsewhere("confirm", _("Is it still you?"))
        if g.staff.roles.isdisjoint(rule.roles):
            _note_refusal(desk, now)
            return shown("console/refused.html", 403)
        if now - row.seen_at >= NOTED:
            with transaction(desk.engine) as connection:
                sessions.seen(connection, token_hash(safe), now)
        return None

    @blueprint.after_request
    def kept_nowhere(answer: Response) -> Response:
        answer.headers["Cache-Control"] = "no-store"
        return answer


def _idle(who: Staff) -> timedelta:
    return IDLE_RECEIVER if Role.RECEIVER in who.roles else IDLE


def _elsewhere(view: str, title: Text) -> Response:
    """Where one proves who one is. What was typed into a form stays in it: its page can be sent once more then."""
    if request.method in SAFE_METHODS:
        back = request.full_path.rstrip("?")
        return see(f".{view}", sigue=back)
    return shown("console/again.html", 401, title=title, door=url_for(f".{view}"))


def _note_refusal(desk: Desk, now: datetime) -> None:
    with transaction(desk.engine) as connection:
        audit.note(connection, now, staff().id, "access.refused", (request.endpoint or "").rpartition(".")[2])
