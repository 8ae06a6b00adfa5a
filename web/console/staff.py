"""The accounts of the staff: who has one, what it may do, and the links that make one."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any

from flask import Blueprint, Response, abort, request, url_for
from sqlalchemy import Connection, Row
from wtforms import Form, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import Regexp

from bot.catalogue import Catalogue
from bot.desk import Desk
from bot.lifecycle import NotPossible
from flows.language import Joined, Phrase, _
from storage import approvals, audit, receivers, sessions
from storage import catalogue as shelf
from storage import staff as accounts
from storage.approvals import INVITES, Approval
from storage.database import reading, transaction
from web.console import ring
from web.console.access import LABELS, RECEIVES, TRUSTED, TWO_PEOPLE, Role, allows, receives, shown, staff
from web.console.answers import see
from web.console.approvals import Step, withdraw_request
from web.console.credentials import Safe
from web.console.forms import PLAIN, Boxes, Within, choices, plain
from web.invitation import Public

LASTS = timedelta(hours=72)
"""How long a link serves: over a weekend."""

HASH = re.compile(r"[0-9a-f]{64}")
LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{2,79}\Z")
"""A form's check looks at a beginning only, hence the mark of the end."""


OFFICES = _("Only for the roles of an office and of a receiver. A receiver is of one office.")


class Person(Form):
    """Who is invited, and what for."""

    login = StringField(
        _("User name"),
        [Regexp(LOGIN, message=_("Use 3 to 80 small letters, digits, dots, hyphens or @."))],
        filters=[lambda text: plain(text).lower()],
        description=_("Their work address, for example."),
    )
    name = StringField(
        _("Name"),
        [Within(1, 80, _("Write the name, in 80 letters or less."))],
        filters=PLAIN,
    )
    roles = Boxes(_("What they do"), choices=choices(LABELS))
    offices = Boxes(_("For which offices"), description=OFFICES)


class Rights(Form):
    """What an account may do."""

    roles = Boxes(_("What they do"), choices=choices(LABELS))
    offices = Boxes(_("For which offices"), description=OFFICES)


def add(blueprint: Blueprint, desk: Desk, public: Public, safe: Safe) -> None:
    """Add the pages."""

    def city(connection: Connection) -> Catalogue:
        return desk.catalogue(connection, shelf.revision(connection))

    @blueprint.get("/personal")
    @allows(Role.ADMINISTRATOR)
    def members() -> Response:
        with reading(desk.engine) as connection:
            people, invited = accounts.every(connection), accounts.invitations(connection)
        return shown("console/members.html", people=people, invited=invited, now=desk.clock(), labels=LABELS)

    @blueprint.route("/personal/invitar", methods=["GET", "POST"])
    @allows(Role.ADMINISTRATOR, fresh=True)
    def invite() -> Response:
        with reading(desk.engine) as connection:
            form = Person(request.form)
            form.offices.choices = _offices(city(connection))
        if request.method == "GET" or not (form.validate() and _agree(form)):
            return shown("console/invite.html", 422 if request.method == "POST" else 200, form=form)
        link, agreed = invited(
            desk, safe, form.login.data, form.name.data, form.roles.data, form.offices.data, staff().id, desk.clock()
        )
        address = url_for(".invitation", token=link, _external=True)
        return shown("console/invited.html", address=address, agreed=agreed, name=form.name.data, hours=72)

    @blueprint.route("/personal/<int(max=2147483647):id>", methods=["GET", "POST"])
    @allows(Role.ADMINISTRATOR, fresh=True)
    def member(id: int) -> Response:
        with reading(desk.engine) as connection:
            row = accounts.one(connection, id)
            known = _offices(city(connection))
        if row is None:
            abort(404)
        given = {"roles": row.roles.split(), "offices": row.offices.split()}
        form = Rights(request.form) if request.method == "POST" else Rights(data=given)
        form.offices.choices = known
        if request.method == "GET" or not (form.validate() and _agree(form)):
            return shown("console/member.html", 422 if request.method == "POST" else 200, form=form, row=row)
        asked = _change(desk, id, form.roles.data, form.offices.data)
        return see(".pending" if asked else ".members")

    @blueprint.post("/personal/<int(max=2147483647):id>/nuevo-comienzo")
    @allows(Role.ADMINISTRATOR, fresh=True)
    def anew(id: int) -> Response:
        with reading(desk.engine) as connection:
            row = accounts.one(connection, id)
        if row is None:
            abort(404)
        roles, offices = row.roles.split(), row.offices.split()
        link, agreed = invited(desk, safe, row.login, row.name, roles, offices, staff().id, desk.clock())
        address = url_for(".invitation", token=link, _external=True)
        return shown("console/invited.html", address=address, agreed=agreed, name=row.name, hours=72)

    @blueprint.route("/personal/<int(max=2147483647):id>/cerrar", methods=["GET", "POST"])
    @allows(Role.ADMINISTRATOR, fresh=True)
    def close(id: int) -> Response:
        with reading(desk.engine) as connection:
            row = accounts.one(connection, id)
        if row is None or not row.active:
            abort(404)
        if request.method == "GET" or id == staff().id:
            return shown("console/close.html", row=row, oneself=id == staff().id)
        with transaction(desk.engine) as connection:
            accounts.change(connection, id, active=False)
            _uninvite(connection, row.login, staff().id, desk.clock())
            sessions.end_all(connection, id)
            if receivers.settle(connection, id, "", desk.clock().date()):
                audit.note(connection, desk.clock(), staff().id, "key.removed", str(id))
            audit.note(connection, desk.clock(), staff().id, "account.closed", str(id))
        ring.end(desk, id)
        return see(".members")

    @blueprint.post("/personal/invitaciones/<code>/retirar")
    @allows(Role.ADMINISTRATOR)
    def withdraw(code: str) -> Response:
        if not HASH.fullmatch(code):
            abort(404)
        with transaction(desk.engine) as connection:
            if not accounts.forget(connection, code):
                abort(404)
            audit.note(connection, desk.clock(), staff().id, "invitation.withdrawn")
            withdraw_request(connection, INVITES, code, staff().id, desk.clock())
        return see(".members")


def invited(
    desk: Desk, safe: Safe, login: str, name: str, roles: Sequence[str], offices: Sequence[str], by: int | None,
    now: datetime,
) -> tuple[str, bool]:  # fmt: skip
    """Make a one-time link: its secret part, and whether it serves at once or waits for a second person.

    `by` is nobody where the operator asks on the command line. Raises NotPossible.
    """
    clash = conflict(roles)
    if clash is not None:
        raise NotPossible(clash)
    token = token_urlsafe(32)
    needs_two = TRUSTED if by is None else TWO_PEOPLE
    code, agreed = safe.hashed("invitation", token), needs_two.isdisjoint(map(Role, roles))
    values = {
        "code": code, "login": login, "name": name, "roles": " ".join(roles), "offices": " ".join(offices),
        "agreed": agreed, "invited_by": by, "expires_at": now + LASTS,
    }  # fmt: skip
    with transaction(desk.engine) as connection:
        _uninvite(connection, login, by, now)
        accounts.invite(connection, values)
        if not agreed:
            approvals.ask(connection, INVITES, code, {"login": login, "roles": list(roles)}, by, now)
        audit.note(connection, now, by, "invitation.made", roles=sorted(roles))
    return token, agreed


def conflict(roles: Iterable[str]) -> Phrase | None:
    """Why these roles cannot be one account's, or None: who manages accounts neither approves nor receives."""
    given = set(map(Role, roles))
    if not given:
        return _("Choose at least one role.")
    if Role.ADMINISTRATOR in given and given & TRUSTED:
        return _("Who manages accounts neither approves nor receives complaints. Make two accounts.")
    return None


def _agree(form: Person | Rights) -> bool:
    """Whether the roles go together, and the offices with them; the fields say what does not."""
    roles, chosen = form.roles.data or (), form.offices.data or []
    clash, wrong = conflict(roles), _misfit(roles, chosen)
    form.roles.errors = [clash] if clash else []
    form.offices.errors = [wrong] if wrong else []
    form.offices.data = [
        each for each in chosen if (Role.RECEIVER if each.startswith(RECEIVES) else Role.OFFICE) in roles
    ]
    return clash is None and wrong is None


def _misfit(roles: Iterable[str], offices: Iterable[str]) -> Phrase | None:
    """Why these offices do not go with the roles, or None."""
    receiving = sum(each.startswith(RECEIVES) for each in offices)
    if Role.OFFICE in roles and receiving == len(list(offices)):
        return _("Choose at least one office.")
    if Role.RECEIVER in roles and receiving > 1:
        return _("A receiver is of one office: choose one that receives complaints.")
    return None


def _change(desk: Desk, id: int, roles: list[str], offices: list[str]) -> bool:
    """Give an account other rights, now, or ask a second person; whether it was asked."""
    now = desk.clock()
    with transaction(desk.engine) as connection:
        row = accounts.hold(connection, id) or abort(404)
        gains = (set(roles) - set(row.roles.split())) & TWO_PEOPLE or _moves(row, roles, offices)
        if gains:
            detail = {"login": row.login, "roles": roles, "offices": offices, "before": _rights(row)}
            approvals.ask(connection, "staff.rights", str(id), detail, staff().id, now)
        else:
            _write_rights(connection, row, roles, offices, staff().id, now)
        audit.note(connection, now, staff().id, "account.asked" if gains else "account.rights", str(id), roles=roles)
    if not gains:
        ring.end(desk, id)
    return bool(gains)


def _moves(row: Row[Any], roles: list[str], offices: list[str]) -> bool:
    """Whether a receiver would receive for another office: which complaints they open hangs on it."""
    after = receives(roles, offices)
    return bool(after) and after != receives(row.roles.split(), row.offices.split())


def _write_rights(
    connection: Connection, row: Row[Any], roles: list[str], offices: list[str], by: int, now: datetime
) -> None:
    # Rights are read anew with each request: what was taken away is gone at once (ASVS 8.3.2). A link to a new start
    # that was made before would bring it back.
    accounts.change(connection, row.id, roles=" ".join(roles), offices=" ".join(offices))
    _uninvite(connection, row.login, by, now)
    if receivers.settle(connection, row.id, receives(roles, offices), now.date()):
        audit.note(connection, now, None, "key.removed", str(row.id))


def _uninvite(connection: Connection, login: str, by: int | None, now: datetime) -> None:
    """Withdraw what was sent to a login, and what waits for a second person about it."""
    for code in accounts.uninvite(connection, login):
        withdraw_request(connection, INVITES, code, by, now)


def _rights(row: Row[Any]) -> list[str]:
    """What an account may do as it stands: roles and offices, or nothing once it was closed."""
    return [row.roles, row.offices] if row.active else []


def _says_invite(asked: Approval) -> Phrase:
    return _("Invite {login}. Roles: {roles}", login=asked.detail["login"], roles=_named(asked))


def _says_rights(asked: Approval) -> Phrase:
    return _("Give {login} other rights. Roles: {roles}", login=asked.detail["login"], roles=_named(asked))


def _named(asked: Approval) -> Phrase:
    return Joined([LABELS[Role(role)] for role in asked.detail["roles"]], "; ")


def _do_invite(connection: Connection, asked: Approval, _by: int, now: datetime) -> None:
    if not accounts.agree(connection, asked.subject, now):
        raise NotPossible(_("That invitation was withdrawn or has run out."))


def _do_rights(connection: Connection, asked: Approval, by: int, now: datetime) -> None:
    row = accounts.hold(connection, int(asked.subject))
    if row is None or _rights(row) != asked.detail["before"]:
        raise NotPossible(_("The account changed after this was asked for. Ask again."))
    _write_rights(connection, row, asked.detail["roles"], asked.detail["offices"], by, now)


def _lock_key(desk: Desk, asked: Approval) -> None:
    ring.end(desk, int(asked.subject))


GRANTS = (Role.ADMINISTRATOR, Role.APPROVER)
STEPS = (
    Step(INVITES, (Role.ADMINISTRATOR,), GRANTS, _says_invite, _do_invite),
    Step("staff.rights", (Role.ADMINISTRATOR,), GRANTS, _says_rights, _do_rights, _lock_key),
)


def _offices(city: Catalogue) -> list[SelectChoice]:
    """The offices of all plans, and those that receive complaints, as a form lists them."""
    intake = city.city.intake
    return [
        SelectChoice(f"{plan.slug}/{office.id}", office.name)
        for plan in city.plans.values()
        for office in plan.offices.values()
    ] + [
        SelectChoice(f"{RECEIVES}{office.id}", _("Receives complaints: {office}", office=office.name))
        for office in (intake.offices if intake else ())
    ]
