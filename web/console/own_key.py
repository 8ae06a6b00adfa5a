"""A receiver's own key: made with a passphrase of its own, unlocked to work, locked again, and recovered from paper."""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy import Row
from wtforms import Form, PasswordField, StringField

from bot.desk import Desk
from flows.language import Phrase, _
from storage import audit, printed, receivers, vault, volatile_tallies
from storage import catalogue as shelf
from storage import staff as accounts
from storage.database import reading, transaction
from storage.vault import KeyPair, Locked, Unopened
from web.console import credentials, ring
from web.console.access import Role, allows, shown, staff
from web.console.answers import see
from web.invitation import Public

TRIES, WINDOW = 5, timedelta(hours=1)
"""Wrong passphrases and recovery codes of an account, and in how long."""

TYPED_BACK = 9
"""Letters and hyphen of the last two groups of a recovery code."""

WRONG = _("That is not right. Look at each letter and try again.")
TOO_OFTEN = _("That was tried too often. Try again in an hour.")
NEW = _("{least} letters or more, and not your password. Nobody can give you another one.", least=credentials.LEAST)


NOTED = frozenset({"begun", "locked", "proved", "refused", "unlocked"})
"""What is put into the record of one's own key."""


class Unlocking(Form):
    passphrase = PasswordField(_("Passphrase of your key"))


class Making(Form):
    """What a new key needs."""

    new = PasswordField(_("A new passphrase"), description=NEW)


class Changing(Form):
    passphrase = PasswordField(_("Passphrase of your key"))
    new = PasswordField(_("A new passphrase"), description=NEW)


class Recovering(Form):
    recovery = StringField(_("Recovery code"), description=_("The one that you wrote down when you made your key."))
    new = PasswordField(_("A new passphrase"), description=NEW)


class Typed(Form):
    """A part of the code, to show that it was written down."""

    last = StringField(_("The last two groups of the code"), description=_("Copy them from your paper."))


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages; without a volatile store they only say why there is nothing to be done."""

    def the_page(problem: Phrase | None = None, status: int = 200) -> Response:
        found = ring.mine(desk)
        unlocked = ring.key(desk) is not None
        mark = printed.mark(bytes(found.public)) if found else ""
        return shown(
            "console/own_key.html", status, form=Unlocking(), problem=problem, key=found, unlocked=unlocked, mark=mark,
            ready=desk.volatile is not None, office=staff().receives, after=_after(),
        )  # fmt: skip

    @blueprint.get("/mi-clave")
    @allows(Role.RECEIVER)
    def own_key() -> Response:
        return the_page()

    @blueprint.post("/mi-clave/abrir")
    @allows(Role.RECEIVER)
    def unlock_key() -> Response:
        row = ring.mine(desk)
        if row is None or desk.volatile is None:
            return the_page(status=409)
        private = _tried(
            desk, lambda: vault.unlock(receivers.locked(row), Unlocking(request.form).passphrase.data or "")
        )
        if isinstance(private, bytes):
            _note(desk, "unlocked")
            return ring.begin(desk, _onward(), ring.OPEN, private)
        _note(desk, "refused")
        return the_page(private, 403)

    @blueprint.post("/mi-clave/cerrar")
    @allows(Role.RECEIVER)
    def lock_key() -> Response:
        ring.end(desk, staff().id)
        _note(desk, "locked")
        return ring.drop(desk, see(".own_key"))

    def form_page(title: Phrase, form: Form, button: Phrase, problem: Phrase | None = None) -> Response:
        status = 422 if request.method == "POST" else 200
        return shown("console/key_form.html", status, title=title, form=form, button=button, problem=problem)

    @blueprint.route("/mi-clave/nueva", methods=["GET", "POST"])
    @allows(Role.RECEIVER, fresh=True)
    def make_key() -> Response:
        with reading(desk.engine) as connection:
            has = receivers.of(connection, staff().id) is not None
        if has or desk.volatile is None or not staff().receives:
            return the_page(status=409 if request.method == "POST" else 200)
        form = Making(request.form)
        if request.method == "GET" or not _strong(desk, form.new):
            return form_page(_("Make your key"), form, _("Make the key"))
        _note(desk, "begun")
        return _prepared(desk, vault.key_pair(), form.new.data)

    @blueprint.route("/mi-clave/cambiar", methods=["GET", "POST"])
    @allows(Role.RECEIVER, fresh=True)
    def change_key() -> Response:
        row, form, problem = ring.mine(desk), Changing(request.form), None
        if row is None or desk.volatile is None:
            return the_page(status=409 if request.method == "POST" else 200)
        if request.method == "POST" and _strong(desk, form.new):
            private = _tried(desk, lambda: vault.unlock(receivers.locked(row), form.passphrase.data or ""))
            if isinstance(private, bytes):
                _note(desk, "proved")
                return _prepared(desk, KeyPair(bytes(row.public), private), form.new.data)
            _note(desk, "refused")
            problem = private
        return form_page(_("Change the passphrase"), form, _("Change the passphrase"), problem)

    @blueprint.route("/mi-clave/recuperar", methods=["GET", "POST"])
    @allows(Role.RECEIVER, fresh=True)
    def recover_key() -> Response:
        row, form, problem = ring.mine(desk), Recovering(request.form), None
        if row is None or desk.volatile is None:
            return the_page(status=409 if request.method == "POST" else 200)
        if request.method == "POST" and _strong(desk, form.new):
            code = vault.read_recovery(form.recovery.data or "")
            private = _tried(desk, lambda: vault.recover(receivers.locked(row), code)) if code else WRONG
            if isinstance(private, bytes):
                _note(desk, "proved")
                return _prepared(desk, KeyPair(bytes(row.public), private), form.new.data)
            _note(desk, "refused")
            problem = private
        return form_page(_("Recover your key"), form, _("Recover the key"), problem)

    @blueprint.post("/mi-clave/guardar")
    @allows(Role.RECEIVER)
    def keep_key() -> Response:
        held = ring.look(desk, ring.NEW)
        if held is None:
            return the_page(_("That took too long. Begin again."), 409)
        locked, private, recovery = _unpacked(held.kept)
        if _groups(request.form.get("last", "")) != recovery[-TYPED_BACK:]:
            return _recovery_page(recovery, 422, WRONG)
        with transaction(desk.engine) as connection:
            before = receivers.of(connection, staff().id)
            if before is None and staff().receives:
                city = desk.catalogue(connection, shelf.revision(connection))
                today = city.hours.today(desk.clock())
                receivers.add(connection, staff().id, staff().receives, locked, today)
                audit.note(connection, desk.clock(), staff().id, "key.made")
            elif before is not None and bytes(before.public) == locked.public:
                receivers.relock(connection, before.id, locked)
                audit.note(connection, desk.clock(), staff().id, "key.relocked")
            else:
                return the_page(_("You have a key already."), 409)
        return ring.begin(desk, see(".own_key"), ring.OPEN, private)


def _prepared(desk: Desk, pair: KeyPair, passphrase: str) -> Response:
    """The page with the recovery code of a key; nothing is kept of it before that was written down."""
    recovery = vault.new_recovery()
    kept = _packed(vault.lock(pair, passphrase, recovery), pair.private, recovery)
    return ring.begin(desk, _recovery_page(recovery), ring.NEW, kept)


def _recovery_page(recovery: str, status: int = 200, problem: Phrase | None = None) -> Response:
    form = Typed()
    form.last.errors = [problem] if problem else []
    return shown("console/key_recovery.html", status, form=form, code=recovery)


def _packed(locked: Locked, private: bytes, recovery: str) -> bytes:
    raw: Sequence[bytes] = (locked.public, locked.salt, locked.by_passphrase, locked.by_recovery, private)
    return json.dumps([*(each.hex() for each in raw), recovery]).encode()


def _unpacked(kept: bytes) -> tuple[Locked, bytes, str]:
    *raw, recovery = json.loads(kept)
    *locked, private = map(bytes.fromhex, raw)
    return Locked(*locked), private, recovery


def _groups(typed: str) -> str:
    """Letters in groups of four, however they were typed."""
    return vault.shown_key("".join(typed.upper().translate(vault.LOOKS_LIKE).replace("-", " ").split()))


def _strong(desk: Desk, field: Any) -> bool:
    """Whether a new passphrase will do; its field says why not."""
    with reading(desk.engine) as connection:
        row: Row[Any] | None = accounts.one(connection, staff().id)
    assert row is not None
    weak = credentials.weakness(field.data or "", (staff().login, *staff().name.split()))
    if weak is None and credentials.is_password(row.password, field.data):
        weak = _("That is your password. The key needs a passphrase of its own.")
    field.errors = [weak] if weak else []
    return weak is None


def _tried(desk: Desk, work: Callable[[], bytes]) -> bytes | Phrase:
    """A private key, or why not. Counted before it is tried."""
    assert desk.volatile is not None
    name = f"unlock:{staff().id}"
    with transaction(desk.volatile) as store:
        if volatile_tallies.count(store, name, desk.clock()) > TRIES:
            return TOO_OFTEN
    try:
        private = work()
    except Unopened:
        return WRONG
    with transaction(desk.volatile) as store:
        volatile_tallies.forgive(store, name)
    return private


def _note(desk: Desk, what: str) -> None:
    assert what in NOTED
    with transaction(desk.engine) as connection:
        audit.note(connection, desk.clock(), staff().id, f"key.{what}")


def _after() -> str:
    """The case that one wanted to open; nothing where that is not one."""
    wanted = request.values.get("caso", "")
    return wanted if len(wanted) == 32 and wanted.isalnum() and wanted.isascii() else ""


def _onward() -> Response:
    return see(".case", case=_after()) if _after() else see(".cases")
