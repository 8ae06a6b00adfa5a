"""Complaints: the queue by deadline, a case as its receivers read it, and what they do with it.

Whoever has no key to a case finds nothing under its address, as if there were none. A case officer sees the queue
alone: states and dates.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, request
from sqlalchemy import Connection, Row
from wtforms import Form

from bot.catalogue import Catalogue
from bot.complaints import case_days, casework, exports
from bot.complaints.cases import Told
from bot.complaints.casework import Changed, Key
from bot.desk import Desk
from bot.lifecycle import NotPossible
from flows.case import ASKED, EXTENDED, MOVES, REASONS, SAID, STATES
from flows.language import Phrase, _, many
from storage import approvals, vault
from storage import cases as shelf
from storage import catalogue as catalogues
from storage.approvals import Approval
from storage.cases import SealedPart
from storage.database import reading, transaction
from storage.vault import Unopened
from web.console import ring
from web.console.access import Role, allows, has, shown, staff
from web.console.answers import download, see
from web.console.approvals import Step
from web.console.case_forms import (
    FOR_GOOD,
    ONCE,
    TITLES,
    TO_THEM,
    TWO,
    Asking,
    Copying,
    Extending,
    Holding,
    Moving,
    Referring,
    Words,
    half_of,
)
from web.console.forms import Between, choices
from web.console.keys import ZIP
from web.invitation import Public
from web.paging import asked as page_asked

ID = re.compile(r"[0-9a-f]{32}")
MOST = 50
"""Finished cases of a page."""

SANDBOX = "sandbox; default-src 'none'"


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages."""

    def city(connection: Connection) -> Catalogue:
        return desk.catalogue(connection, catalogues.revision(connection))

    def mine(case: str) -> tuple[Row[Any], int]:
        """A case that who is signed in has a key to, and the number of its steps; 404 for any other."""
        key = ring.mine(desk)
        if key is None or not ID.fullmatch(case):
            abort(404)
        with reading(desk.engine) as connection:
            row = shelf.case(connection, case)
            if row is None or shelf.wrap_for(connection, case, key.id) is None:
                abort(404)
            return row, len(shelf.steps(connection, case))

    def note(row: Row[Any], action: str) -> None:
        with transaction(desk.engine) as connection:
            casework.note(connection, city(connection), row, action, staff().id, desk.clock())

    def opened(row: Row[Any], key: Key) -> bytes | None:
        """The case's private key; None where its wrap does not open, which is noted."""
        try:
            with reading(desk.engine) as connection:
                return casework.private_of(connection, row.id, key)
        except Unopened:
            note(row, "damaged")
            return None

    def act(case: str, work: Callable[[Connection, Catalogue, Row[Any]], str]) -> Response:
        """Do something with a case in one transaction, if it still is what its form was made from."""
        try:
            with transaction(desk.engine) as connection:
                seen = city(connection)
                row = casework.hold(connection, case, request.form.get("seen", ""))
                action = work(connection, seen, row)
                casework.note(connection, seen, row, action, staff().id, desk.clock())
        except Changed:
            return shown("console/case_changed.html", 409, case=case)
        return see(".case", case=case)

    def part_of_form() -> str:
        """The id under which the form's words are sealed: sent again it is the same. Raises Changed."""
        given = request.form.get("part", "")
        if not ID.fullmatch(given):
            raise Changed
        return given

    def tell(connection: Connection, row: Row[Any], kind: str, text: str) -> None:
        if text:
            casework.say(connection, row, part_of_form(), kind, text, desk.clock())

    def form_page(
        row: Row[Any], steps: int, form: Form, title: Phrase, button: Phrase, warning: Phrase | None = None
    ) -> Response:
        given = request.form.get("part", "")
        return shown(
            "console/case_act.html", 422 if request.method == "POST" else 200, row=row, form=form, title=title,
            button=button, warning=warning, seen=request.form.get("seen") or casework.as_seen(row, steps),
            words=given if ID.fullmatch(given) else vault.new_id(),
        )  # fmt: skip

    @blueprint.get("/denuncias")
    @allows(Role.RECEIVER, Role.CASE_OFFICER)
    def cases() -> Response:
        number, own = max(1, min(page_asked(), 1000)), ring.mine(desk) if has(Role.RECEIVER) else None
        with reading(desk.engine) as connection:
            seen, today = city(connection), city(connection).hours.today(desk.clock())
            can = shelf.openable(connection, own.id) if own else set()
            # Who cannot open a case learns of it the day after: its row would appear as it is filed.
            waiting = [
                row
                for row in (shelf.listed(connection, casework.OPEN) if number == 1 else ())
                if row.received_on < today or row.id in can
            ]
            over = shelf.latest(connection, casework.OVER, MOST + 1, (number - 1) * MOST)
        left = {row.id: case_days.days_left(seen, row.due_on, today) for row in waiting}
        return shown(
            "console/cases.html", waiting=waiting, over=over[:MOST], more=len(over) > MOST, number=number, can=can,
            left=left, in_words=in_words, states=STATES, receives=has(Role.RECEIVER), own=own,
            unlocked=own is not None and ring.key(desk) is not None,
        )  # fmt: skip

    @blueprint.get("/denuncias/<case>")
    @allows(Role.RECEIVER)
    def case(case: str) -> Response:
        row, _steps = mine(case)
        key = ring.key(desk)
        if key is None:
            return see(".own_key", caso=case)
        private = opened(row, key)
        with reading(desk.engine) as connection:
            seen, steps = city(connection), shelf.steps(connection, case)
            entries = casework.entries(connection, case, private) if private else []
            waits = approvals.about(connection, "case.not-admitted", case)
        note(row, "opened")
        if any(entry.inside is None for entry in entries):
            note(row, "damaged")
        today = seen.hours.today(desk.clock())
        return shown(
            "console/case.html", row=row, steps=steps, entries=entries, broken=private is None, waits=waits,
            states=STATES, said=SAID, asked=ASKED, moves=MOVES[row.state], alone=TITLES, extended=EXTENDED,
            left=case_days.days_left(seen, row.due_on, today), in_words=in_words, stopped=row.state in casework.OVER,
            may_extend=casework.may_extend(seen, row, desk.clock()),
        )  # fmt: skip

    @blueprint.get("/denuncias/<case>/adjuntos/<part>")
    @allows(Role.RECEIVER)
    def case_file(case: str, part: str) -> Response:
        row, _steps = mine(case)
        key = ring.key(desk)
        if key is None:
            return see(".own_key", caso=case)
        private = opened(row, key)
        with reading(desk.engine) as connection:
            found = shelf.part(connection, case, part) if ID.fullmatch(part) else None
        if found is None or found.kind != "file":
            abort(404)
        try:
            inside = casework.opened(private or b"", case, found)
        except Unopened:
            note(row, "damaged")
            return shown("console/case_damaged.html", 409, case=case)
        if isinstance(inside, Told):
            abort(404)
        answer = download(inside.body, "application/octet-stream", exports.name("file", inside.place, inside))
        answer.headers["Content-Security-Policy"] = SANDBOX
        return answer

    @blueprint.route("/denuncias/<case>/paso/<after>", methods=["GET", "POST"])
    @allows(Role.RECEIVER)
    def case_move(case: str, after: str) -> Response:
        row, steps = mine(case)
        if after not in REASONS or after == "referred":
            abort(404)
        form = (Asking if after == "asked" else Moving)(request.form)
        form.reason.choices = choices({code: SAID[code] for code in REASONS[after]})
        title = TITLES.get(after) or _("Next: {state}", state=STATES[after])
        if request.method == "GET" and after not in MOVES[row.state]:
            return shown("console/case_changed.html", 409, case=case)
        if request.method == "GET" or not form.validate():
            warning = TWO if after == "not-admitted" else None
            return form_page(row, steps, form, title, _("Ask a second person") if warning else title, warning)

        def moved(connection: Connection, seen: Catalogue, held: Row[Any]) -> str:
            casework.move(connection, seen, held, after, form.reason.data, staff().id, desk.clock())
            tell(connection, held, "reply", form.text.data)
            return "moved"

        def asked(connection: Connection, seen: Catalogue, held: Row[Any]) -> str:
            waits = approvals.about(connection, "case.not-admitted", case) is not None
            if after not in MOVES[held.state] or waits or held.received_on >= seen.hours.today(desk.clock()):
                raise Changed
            sealed = _sealed_reply(connection, held, part_of_form(), form.text.data, desk.clock())
            detail = {
                "locator": held.locator, "excluded": held.excluded, "reason": form.reason.data, "reply": sealed,
                "seen": request.form.get("seen", ""),
            }  # fmt: skip
            approvals.ask(connection, "case.not-admitted", case, detail, staff().id, desk.clock())
            return "asked"

        return act(case, asked if after == "not-admitted" else moved)

    @blueprint.route("/denuncias/<case>/remision", methods=["GET", "POST"])
    @allows(Role.RECEIVER)
    def case_refer(case: str) -> Response:
        row, steps = mine(case)
        form = Referring(request.form)
        form.reason.choices = choices({code: SAID[code] for code in REASONS["referred"]})
        if request.method == "GET" and "referred" not in MOVES[row.state]:
            return shown("console/case_changed.html", 409, case=case)
        if request.method == "GET" or not form.validate():
            return form_page(row, steps, form, TITLES["referred"], TITLES["referred"], FOR_GOOD)

        def referred(connection: Connection, seen: Catalogue, held: Row[Any]) -> str:
            casework.move(connection, seen, held, "referred", form.reason.data, staff().id, desk.clock())
            tell(connection, held, "reply", form.text.data)
            told = "\n".join(filter(None, (form.entity.data, form.number.data)))
            casework.say(connection, held, vault.new_id(), "note", told, desk.clock())
            return "moved"

        answer = act(case, referred)
        return see(".case_copy", case=case) if answer.status_code == 303 else answer

    @blueprint.route("/denuncias/<case>/copia", methods=["GET", "POST"])
    @allows(Role.RECEIVER, fresh=True)
    def case_copy(case: str) -> Response:
        row, _steps = mine(case)
        key = ring.key(desk)
        if key is None:
            return see(".own_key", caso=case)
        form = Copying(request.form)
        half = half_of(form) if request.method == "POST" else None
        if half is None:
            status = 422 if request.method == "POST" else 200
            return shown("console/case_copy.html", status, row=row, form=form)
        private = opened(row, key)
        try:
            with reading(desk.engine) as connection:
                body = casework.export_for(connection, row, private or b"", half, ("note",))
        except Unopened:
            note(row, "damaged")
            return shown("console/case_damaged.html", 409, case=case)
        note(row, "exported")
        return download(body, ZIP, "denuncia.zip")

    @blueprint.route("/denuncias/<case>/respuesta", methods=["GET", "POST"])
    @allows(Role.RECEIVER)
    def case_reply(case: str) -> Response:
        return _words(case, "reply", _("Write to who filed it"), "answered", TO_THEM)

    @blueprint.route("/denuncias/<case>/nota", methods=["GET", "POST"])
    @allows(Role.RECEIVER)
    def case_note(case: str) -> Response:
        return _words(case, "note", _("Internal note"), "noted", _("Only receivers with a key read this."))

    def _words(case: str, kind: str, title: Phrase, action: str, warning: Phrase) -> Response:
        row, steps = mine(case)
        form = Words(request.form)
        if request.method == "GET" or not form.validate():
            return form_page(row, steps, form, title, _("Seal and keep"), warning)

        def said(connection: Connection, _seen: Catalogue, held: Row[Any]) -> str:
            tell(connection, held, kind, form.text.data)
            return action

        return act(case, said)

    @blueprint.route("/denuncias/<case>/plazo", methods=["GET", "POST"])
    @allows(Role.RECEIVER)
    def case_extend(case: str) -> Response:
        row, steps = mine(case)
        with reading(desk.engine) as connection:
            seen = city(connection)
        most = seen.city.intake.days if seen.city.intake else 0
        if not casework.may_extend(seen, row, desk.clock()):
            return shown("console/case_changed.html", 409, case=case)
        form = Extending(request.form)
        wrong = _("Write a whole number from 1 to {most}.", most=most)
        given = {"days": [Between(1, most, wrong)]}
        if request.method == "GET" or not form.validate(given):
            return form_page(row, steps, form, _("Take more time"), _("Take more time"), ONCE)

        def extended(connection: Connection, now_seen: Catalogue, held: Row[Any]) -> str:
            casework.extend(connection, now_seen, held, form.days.data, staff().id, desk.clock())
            tell(connection, held, "reply", form.text.data)
            return "extended"

        return act(case, extended)

    @blueprint.route("/denuncias/<case>/retener", methods=["GET", "POST"])
    @allows(Role.RECEIVER)
    def case_hold(case: str) -> Response:
        row, steps = mine(case)
        form = Holding(request.form)
        title = _("Let it be deleted in its time") if row.held else _("Keep it from being deleted")
        if request.method == "GET" or not form.validate():
            return form_page(row, steps, form, title, title)

        def held_(connection: Connection, seen: Catalogue, held: Row[Any]) -> str:
            shelf.keep(connection, case, not held.held)
            return "released" if held.held else "held"

        return act(case, held_)


def in_words(left: int) -> Phrase:
    """How long there is until the last day."""
    if left < 0:
        return _("Late")
    return many("{n} working day left", "{n} working days left", left) if left else _("The last day is today")


def _sealed_reply(connection: Connection, row: Row[Any], part: str, text: str, now: datetime) -> list[str]:
    """A reply that waits for a second person, sealed: its id and bytes; nothing where nothing was written."""
    if not text:
        return []
    return [part, casework.sealed(connection, row, part, "reply", text, now).body.hex()]


def steps(desk: Desk) -> Sequence[Step]:
    """What of a complaint needs two people."""

    def do(connection: Connection, asked: Approval, by: int, now: datetime) -> None:
        """Only who can open the case agrees: with a key of the office that it concerns nobody can."""
        key, seen = ring.mine(desk), desk.catalogue(connection, catalogues.revision(connection))
        if key is None or shelf.wrap_for(connection, asked.subject, key.id) is None:
            raise NotPossible(_("Only a receiver with a key to this complaint can agree."))
        try:
            row = casework.hold(connection, asked.subject, asked.detail["seen"])
            casework.move(connection, seen, row, "not-admitted", asked.detail["reason"], by, now)
        except Changed:
            raise NotPossible(_("The complaint changed after this was asked for. Ask again.")) from None
        if asked.detail["reply"]:
            part, body = asked.detail["reply"]
            shelf.add(connection, row.id, SealedPart(part, "reply", bytes.fromhex(body)))
        casework.note(connection, seen, row, "moved", by, now)

    def sees(asked: Approval) -> bool:
        return bool(staff().receives) and asked.detail["excluded"] != staff().receives

    return (Step("case.not-admitted", (Role.RECEIVER,), (Role.RECEIVER,), _says, do, sees=sees),)


def _says(asked: Approval) -> Phrase:
    reason = SAID[asked.detail["reason"]]
    return _("Do not admit the complaint {locator}. Reason: {reason}", locator=asked.detail["locator"], reason=reason)
