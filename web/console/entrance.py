"""The entrance of the console: signing in and out, the link that makes an account, one's own account."""

from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any

from flask import Blueprint, Response, abort, g, request, session, url_for
from flask_limiter import Limiter
from sqlalchemy import Connection, Row
from wtforms import Form, PasswordField, StringField

from bot.desk import Desk
from flows.language import Phrase, _
from storage import attempts, audit, receivers, sessions
from storage import catalogue as shelf
from storage import staff as accounts
from storage.database import reading, transaction
from web.console import credentials, ring
from web.console.access import (
    LABELS,
    RECEIVES,
    Role,
    allows,
    begin,
    everybody,
    receives,
    renew,
    shown,
    staff,
    token_hash,
)
from web.console.answers import go, see
from web.console.credentials import Safe
from web.invitation import Public

TRIES, WINDOW = 5, timedelta(minutes=1)
"""Attempts to sign in to one account (facts of ASVS 6.3.1), whoever makes them."""

WRONG = _("The name, the password or the code is not right. A code works once: wait for the next one.")
TOO_OFTEN = _("That was tried too often. Wait a minute and try again.")
NOT_A_CODE = _("That code is not right. Look whether the clock of your phone is, and take the next code.")


class SignIn(Form):
    """Name, password and code at once: nobody learns which of them was wrong."""

    login = StringField(_("User name"))
    password = PasswordField(_("Password"))
    code = StringField(_("Code"), description=_("Six digits from the app on your phone, or a recovery code."))


class Proof(Form):
    """What is asked again before a sensitive step."""

    password = PasswordField(_("Password"))
    code = StringField(_("Code"), description=_("Six digits from the app on your phone, or a recovery code."))


class Beginning(Form):
    """What a new account needs."""

    password = PasswordField(
        _("A new password"),
        description=_("{least} letters or more: four words that do not belong together, for example.", least=15),
    )
    code = StringField(_("The code that the app shows"), description=_("Six digits."))


class NewPassword(Form):
    password = PasswordField(
        _("A new password"),
        description=_("{least} letters or more: four words that do not belong together, for example.", least=15),
    )


class NewGenerator(Form):
    code = StringField(_("The code that the app shows"), description=_("Six digits."))


def add(blueprint: Blueprint, desk: Desk, public: Public, safe: Safe, limiter: Limiter) -> None:
    """Add the entrance; in the demo one may come in as anybody."""
    stage: dict[str, Any] = {"demo": public.demo, "roles": LABELS.items()}

    @blueprint.get("/entrar")
    @everybody
    def entrance() -> Response:
        return shown("console/entrance.html", form=SignIn(), after=_after(), **stage)

    @blueprint.post("/entrar")
    @limiter.limit("30 per minute")
    @everybody
    def sign_in() -> Response:
        form, now = SignIn(request.form), desk.clock()
        login = (form.login.data or "").replace("\0", "").strip().lower()[:80]
        token = token_urlsafe(32)
        problem = _signed_in(desk, safe, login, form, now, token)
        if problem is not None:
            return shown("console/entrance.html", 403, form=form, after=_after(), problem=problem, **stage)
        begin(token)
        return _onward()

    if public.demo:

        @blueprint.post("/demo")
        @everybody
        def play() -> Response:
            role, token = request.form.get("role", ""), token_urlsafe(32)
            if role not in list(Role):
                abort(400)
            _play(desk, safe, Role(role), token)
            begin(token)
            return see(".home")

    @blueprint.post("/salir")
    @everybody
    def sign_out() -> Response:
        with transaction(desk.engine) as connection:
            row = sessions.find(connection, token_hash(safe))
            if row is not None:
                sessions.end(connection, token_hash(safe))
                audit.note(connection, desk.clock(), row.id, "session.ended")
        if row is not None:
            ring.end(desk, row.id)
        session.clear()
        answer = ring.drop(desk, see(".entrance"))
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'
        return answer

    @blueprint.route("/confirmar", methods=["GET", "POST"])
    @limiter.limit("30 per minute", methods=["POST"])
    @everybody
    def confirm() -> Response:
        with reading(desk.engine) as connection:
            row = sessions.find(connection, token_hash(safe))
        if row is None:
            return see(".entrance", sigue=_after())
        form = Proof(request.form)
        if request.method == "GET":
            return shown("console/confirm.html", form=form, login=row.login, after=_after())
        token = token_urlsafe(32)
        problem = _proved(desk, safe, row.login, form, desk.clock(), token)
        if problem is not None:
            return shown("console/confirm.html", 403, form=form, login=row.login, after=_after(), problem=problem)
        renew(token)
        return _onward()

    @blueprint.route("/invitacion/<token>", methods=["GET", "POST"])
    @limiter.limit("30 per minute")
    @everybody
    def invitation(token: str) -> Response:
        with transaction(desk.engine) as connection:
            invited = accounts.invitation(connection, safe.hashed("invitation", token))
        if invited is None or not invited.agreed or invited.expires_at <= desk.clock():
            return shown("console/no_invitation.html", 404, waits=invited is not None and not invited.agreed)
        form, secret = Beginning(request.form), safe.generator(token)
        if request.method == "POST":
            step = _fit(form, secret, invited, desk.clock())
            if step is not None:
                return _made(desk, safe, invited, form.password.data or "", secret, step)
        return shown(
            "console/invitation.html", 422 if request.method == "POST" else 200, form=form, invited=invited,
            secret=_grouped(secret), code=credentials.picture(secret, invited.login),
        )  # fmt: skip

    @blueprint.get("/cuenta")
    @allows(*Role)
    def account() -> Response:
        return shown("console/account.html", **_mine(desk, safe))

    @blueprint.post("/cuenta/sesiones")
    @allows(*Role)
    def end_others() -> Response:
        with transaction(desk.engine) as connection:
            ended = sessions.end_all(connection, staff().id, token_hash(safe))
            audit.note(connection, desk.clock(), staff().id, "session.others", number=ended)
        ring.end(desk, staff().id)
        return see(".account")

    @blueprint.post("/cuenta/codigos")
    @allows(*Role, fresh=True)
    def new_codes() -> Response:
        codes = credentials.recovery_codes()
        with transaction(desk.engine) as connection:
            accounts.replace_codes(connection, staff().id, [safe.hashed("recovery", code) for code in codes])
            audit.note(connection, desk.clock(), staff().id, "account.codes")
        return shown("console/codes.html", codes=[_grouped(code) for code in codes], fresh=False)

    @blueprint.route("/cuenta/clave", methods=["GET", "POST"])
    @allows(*Role, fresh=True)
    def password() -> Response:
        form = NewPassword(request.form)
        if request.method == "GET":
            return shown("console/password.html", form=form)
        weak = credentials.weakness(form.password.data or "", (staff().login, *staff().name.split()))
        if weak is not None:
            form.password.errors = [weak]
            return shown("console/password.html", 422, form=form)
        _changed(desk, safe, "account.password", password=credentials.hash_password(form.password.data or ""))
        return see(".account")

    @blueprint.route("/cuenta/generador", methods=["GET", "POST"])
    @allows(*Role, fresh=True)
    def generator() -> Response:
        # The same secret until it is taken or the session is proved anew: a page that is loaded again shows it again.
        secret = safe.generator(f"{token_hash(safe)}|{g.session.proved_at.isoformat()}")
        form = NewGenerator(request.form)
        step = credentials.used_step(secret, form.code.data or "", desk.clock()) if request.method == "POST" else None
        if step is None:
            form.code.errors = [NOT_A_CODE] if request.method == "POST" else []
            code = credentials.picture(secret, staff().login)
            status = 422 if request.method == "POST" else 200
            return shown("console/generator.html", status, form=form, secret=_grouped(secret), code=code)
        _changed(desk, safe, "account.generator", totp=safe.seal(secret), step=step)
        return see(".account")


def _play(desk: Desk, safe: Safe, role: Role, token: str) -> None:
    """Let a visitor of the demo in as somebody with a role. Nobody knows the password that is made here."""
    now = desk.clock()
    with transaction(desk.engine) as connection:
        city = desk.catalogue(connection, shelf.revision(connection))
        offices = {
            Role.OFFICE: [f"{plan.slug}/{office}" for plan in city.plans.values() for office in plan.offices],
            Role.RECEIVER: [
                f"{RECEIVES}{office.id}" for office in (city.city.intake.offices if city.city.intake else ())
            ],
        }
        values = {
            "login": f"demo-{role}", "name": f"Demo ({role})", "roles": role.value, "made_at": now,
            "offices": " ".join(offices.get(role, [])[:1]),
            "password": credentials.hash_password(token_urlsafe(32)), "totp": safe.seal(safe.generator(token)),
        }  # fmt: skip
        id = accounts.make(connection, values)
        sessions.begin(connection, safe.hashed("session", token), id, now)
        audit.note(connection, now, id, "session.begun")


def _signed_in(desk: Desk, safe: Safe, login: str, form: SignIn, now: datetime, token: str) -> Phrase | None:
    """Begin a session, or say why not. Whether or not there is such an account, the same is done."""
    row, problem = _attempt(desk, safe, login, form.password.data or "", form.code.data or "", now)
    with transaction(desk.engine) as connection:
        if problem is None and row is not None:
            sessions.begin(connection, safe.hashed("session", token), row.id, now)
            audit.note(connection, now, row.id, "session.begun")
        else:
            _refused(connection, row, now)
    return problem


def _proved(desk: Desk, safe: Safe, login: str, form: Proof, now: datetime, token: str) -> Phrase | None:
    """Let this session go on under a new token (ASVS 7.2.4), or say why not."""
    row, problem = _attempt(desk, safe, login, form.password.data or "", form.code.data or "", now)
    with transaction(desk.engine) as connection:
        if problem is None and row is not None:
            sessions.renew(connection, token_hash(safe), safe.hashed("session", token), now)
            audit.note(connection, now, row.id, "session.proved")
        else:
            _refused(connection, row, now)
    return problem


def _refused(connection: Connection, row: Row[Any] | None, now: datetime) -> None:
    """Count what the clock will note once an hour (`upkeep.note_refused`): the record does not grow with guesses.

    It is the same work for an account as for none.
    """
    attempts.tally(connection, f"{accounts.REFUSED}{row.id if row else 0}", now)


def _attempt(
    desk: Desk, safe: Safe, login: str, password: str, code: str, now: datetime
) -> tuple[Row[Any] | None, Phrase | None]:
    """Try password and code of an account: the account, and what is wrong. What is right uses the code up."""
    key = safe.hashed("attempt", login)
    with transaction(desk.engine) as connection:
        tried = attempts.count(connection, key, now, WINDOW)
        row = accounts.known(connection, login)
    if tried > TRIES:
        return row, TOO_OFTEN
    right = credentials.is_password(row.password if row else credentials.nobodys(), password)
    step = credentials.used_step(safe.open(row.totp) if row else safe.generator("nobody"), code, now)
    with transaction(desk.engine) as connection:
        # Each is tried whatever the others gave, and a code is used up even beside a wrong password.
        id = row.id if row else 0
        if step is None:
            proved = accounts.use_code(connection, id, safe.hashed("recovery", credentials.tidy(code)))
        else:
            proved = accounts.use_step(connection, id, step)
        if not (right and proved and row is not None and row.active):
            return row, WRONG
        attempts.forget(connection, key)
    return row, None


def _fit(form: Beginning, secret: str, invited: Row[Any], now: datetime) -> int | None:
    """The half minute of the code, if the form is right; otherwise its fields say what is not."""
    weak = credentials.weakness(form.password.data or "", (invited.login, *invited.name.split()))
    step = credentials.used_step(secret, form.code.data or "", now)
    form.password.errors = [weak] if weak else []
    form.code.errors = [] if step is not None else [NOT_A_CODE]
    return step if not weak else None


def _made(desk: Desk, safe: Safe, invited: Row[Any], password: str, secret: str, step: int) -> Response:
    """Make the account that a link is for, sign in, and show the recovery codes, once."""
    codes, token, now = credentials.recovery_codes(), token_urlsafe(32), desk.clock()
    values = {
        "login": invited.login, "name": invited.name, "roles": invited.roles, "offices": invited.offices,
        "password": credentials.hash_password(password), "totp": safe.seal(secret), "step": step, "made_at": now,
    }  # fmt: skip
    with transaction(desk.engine) as connection:
        if not accounts.forget(connection, invited.code):  # somebody was quicker with the same link
            abort(404)
        id = accounts.make(connection, values)
        accounts.replace_codes(connection, id, [safe.hashed("recovery", code) for code in codes])
        sessions.end_all(connection, id)
        sessions.begin(connection, safe.hashed("session", token), id, now)
        if receivers.settle(connection, id, receives(invited.roles.split(), invited.offices.split()), now.date()):
            audit.note(connection, now, id, "key.removed", str(id))
        audit.note(connection, now, id, "account.made", str(id))
    ring.end(desk, id)
    begin(token)
    return shown("console/codes.html", codes=[_grouped(code) for code in codes], fresh=True)


def _changed(desk: Desk, safe: Safe, action: str, **values: Any) -> None:
    """Change one's own account; whoever is signed in to it elsewhere is not any more."""
    with transaction(desk.engine) as connection:
        accounts.change(connection, staff().id, **values)
        sessions.end_all(connection, staff().id, token_hash(safe))
        audit.note(connection, desk.clock(), staff().id, action)
    ring.end(desk, staff().id)


def _mine(desk: Desk, safe: Safe) -> dict[str, Any]:
    with reading(desk.engine) as connection:
        return {
            "who": staff(),
            "here": token_hash(safe),
            "sessions": sessions.of(connection, staff().id),
            "left": accounts.codes_left(connection, staff().id),
            "labels": LABELS,
        }


def _grouped(code: str) -> str:
    """A code in fours, as one reads it aloud."""
    return " ".join(code[start : start + 4] for start in range(0, len(code), 4))


def _after() -> str:
    """Where one wanted to go: a page of the console and of nobody else; nothing where that is not one."""
    wanted = request.values.get("sigue", "")[:500]
    own = url_for(".entrance").removesuffix("entrar")
    return wanted if wanted.startswith(own) and "\\" not in wanted and "//" not in wanted else ""


def _onward() -> Response:
    return go(_after() or url_for(".home"))
