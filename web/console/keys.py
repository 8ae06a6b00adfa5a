"""The keys that open complaints: whose there are, what is lacking, how a newcomer gets in and a leaver goes out."""

from collections.abc import Sequence
from datetime import datetime

from flask import Blueprint, Response, abort, request
from sqlalchemy import Connection, Row
from wtforms import Form, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice

from bot.catalogue import Catalogue
from bot.complaints import cases, casework, redaction
from bot.complaints.redaction import Standing
from bot.desk import Desk
from bot.lifecycle import NotPossible
from flows.language import Joined, Local, Phrase, _
from storage import approvals, audit, printed, receivers, sessions, vault
from storage import cases as shelf
from storage import catalogue as catalogues
from storage import staff as accounts
from storage.approvals import Approval
from storage.database import reading, transaction
from storage.vault import Unopened
from web.console import ring
from web.console.access import Role, allows, has, shown, staff
from web.console.answers import download, see
from web.console.approvals import Step
from web.console.credentials import Safe
from web.console.forms import PLAIN
from web.invitation import Public

ZIP = "application/zip"


class Paper(Form):
    """The public half of a paper key, and who holds the secret one."""

    public = TextAreaField(
        _("Public half of the paper key"),
        filters=PLAIN,
        description=_("As “cuenta vault paper-key” printed it: fourteen groups. Never the secret half."),
    )
    office = SelectField(_("Who holds the envelope"))


class Word(Form):
    word = StringField(_("The word that the file told"), filters=PLAIN, description=_("Four groups of four letters."))


class Nothing(Form):
    """Only a button."""


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages."""

    def city(connection: Connection) -> Catalogue:
        return desk.catalogue(connection, catalogues.revision(connection))

    def one(id: int) -> Row[object]:
        with reading(desk.engine) as connection:
            return receivers.one(connection, id) or abort(404)

    @blueprint.get("/claves")
    @allows(Role.ADMINISTRATOR, Role.APPROVER, Role.RECEIVER)
    def keys() -> Response:
        with reading(desk.engine) as connection:
            seen, found = city(connection), receivers.active(connection)
            who = accounts.logins(connection, (key.staff_id for key in found))
            today = seen.hours.today(desk.clock())
            # Not those of today: the number would rise in the minute in which one is filed.
            opens, closed = shelf.openable_by(connection, today), cases.shut(connection, desk.volatile, seen)
            told = by_whatsapp(public, redaction.standing(connection, desk.clock()), seen)
        late = {key.id for key in found if key.staff_id is None and casework.drill_overdue(key, today)}
        own = ring.mine(desk) if has(Role.RECEIVER) else None
        return shown(
            "console/keys.html", keys=found, who=who, opens=opens, late=late, own=own.id if own else None,
            why=[why(seen, code) for code in closed], holder=lambda office: holder(seen, office), whatsapp=told,
            mark=lambda key: printed.mark(bytes(key.public)),
        )  # fmt: skip

    @blueprint.route("/claves/<int(max=2147483647):id>/dar", methods=["GET", "POST"])
    @allows(Role.RECEIVER)
    def give_key(id: int) -> Response:
        taker, key = one(id), ring.key(desk)
        if key is None:
            return see(".own_key")
        with reading(desk.engine) as connection:
            number = len(shelf.to_give(connection, key.id, taker.id, taker.office))
            who = accounts.logins(connection, (taker.staff_id,)).get(taker.staff_id or 0, "")
        if request.method == "GET":
            mark = printed.mark(bytes(taker.public))
            return shown("console/key_give.html", id=id, number=number, who=who, mark=mark, paper=not taker.staff_id)
        try:
            with transaction(desk.engine) as connection:
                given = casework.hand_on(connection, key, taker)
                audit.note(connection, desk.clock(), staff().id, "key.given", str(id), cases=given)
        except Unopened:
            return shown("console/key_give.html", 409, id=id, number=number, who=who, mark="", damaged=True)
        return see(".keys")

    @blueprint.route("/claves/<int(max=2147483647):id>/quitar", methods=["GET", "POST"])
    @allows(Role.ADMINISTRATOR, fresh=True)
    def remove_key(id: int) -> Response:
        row, now = one(id), desk.clock()
        with reading(desk.engine) as connection:
            who = accounts.logins(connection, (row.staff_id,)).get(row.staff_id or 0, "")
            seen = city(connection)
        if request.method == "GET":
            return shown("console/key_remove.html", row=row, who=who, mark=printed.mark(bytes(row.public)))
        with transaction(desk.engine) as connection:
            if row.staff_id is None:
                detail = {"mark": printed.mark(bytes(row.public))}
                approvals.ask(connection, "key.paper-removed", str(id), detail, staff().id, now)
            else:
                receivers.remove(connection, id, seen.hours.today(now))
                sessions.end_all(connection, row.staff_id)
            what = "key.asked" if row.staff_id is None else "key.removed"
            audit.note(connection, now, staff().id, what, str(id))
        if row.staff_id is None:
            return see(".pending")
        ring.end(desk, row.staff_id)
        return see(".keys")

    @blueprint.route("/claves/papel", methods=["GET", "POST"])
    @allows(Role.ADMINISTRATOR, Role.RECEIVER, fresh=True)
    def paper_key() -> Response:
        form = Paper(request.form)
        with reading(desk.engine) as connection:
            seen = city(connection)
        intake = seen.city.intake
        form.office.choices = [
            *(SelectChoice(office.id, office.name) for office in (intake.offices if intake else ())),
            SelectChoice(receivers.ELSEWHERE, holder(seen, receivers.ELSEWHERE)),
        ]
        half = _half(form) if request.method == "POST" and form.validate() else None
        if half is None:
            return shown("console/key_paper.html", 422 if request.method == "POST" else 200, form=form)
        with transaction(desk.engine) as connection:
            detail = {"public": half.hex(), "mark": printed.mark(half), "office": form.office.data}
            approvals.ask(connection, "key.paper", printed.mark(half), detail, staff().id, desk.clock())
            audit.note(connection, desk.clock(), staff().id, "key.asked", printed.mark(half))
        return see(".pending")

    def drill_page(row: Row[object], form: Form, status: int = 200) -> Response:
        with reading(desk.engine) as connection:
            late = casework.drill_overdue(row, city(connection).hours.today(desk.clock()))
        return shown("console/key_drill.html", status, row=row, form=form, late=late)

    @blueprint.route("/claves/<int(max=2147483647):id>/prueba", methods=["GET", "POST"])
    @allows(Role.RECEIVER)
    def drill(id: int) -> Response:
        row, form = _paper(one(id)), Word(request.form)
        if request.method == "GET":
            return drill_page(row, form)
        word = vault.read_access_key(form.word.data or "") or ""
        with transaction(desk.engine) as connection:
            today = city(connection).hours.today(desk.clock())
            right = receivers.end_drill(connection, id, Safe(desk.secret).hashed("drill", word), today)
            audit.note(connection, desk.clock(), staff().id, "key.drilled" if right else "key.refused", str(id))
        if right:
            return see(".keys")
        form.word.errors = [_("That is not the word of the last file that was made here.")]
        return drill_page(row, form, 422)

    @blueprint.post("/claves/<int(max=2147483647):id>/prueba/archivo")
    @allows(Role.RECEIVER)
    def drill_file(id: int) -> Response:
        row = _paper(one(id))
        body, word = casework.drill(bytes(row.public), desk.clock())
        with transaction(desk.engine) as connection:
            receivers.begin_drill(connection, id, Safe(desk.secret).hashed("drill", word))
            audit.note(connection, desk.clock(), staff().id, "key.drill", str(id))
        return download(body, ZIP, "prueba.zip")


def _paper(row: Row[object]) -> Row[object]:
    return row if row.staff_id is None else abort(404)


def _half(form: Paper) -> bytes | None:
    """The public half as it was typed; None where it is none, and the field says why."""
    try:
        return printed.read_public(form.public.data or "")
    except printed.Secret:
        form.public.errors = [
            _("That is the secret half, and now others may have seen it. Make another key and bring the public half.")
        ]
    except printed.Mistyped:
        form.public.errors = [_("A letter is wrong or missing. Compare group by group.")]
    return None


def holder(city: Catalogue, office: str) -> Phrase:
    """Who holds a key, in words."""
    found = city.city.intake.office(office) if city.city.intake else None
    if found is not None:
        name: Local = found.name
        return name
    return _("Another body") if office == receivers.ELSEWHERE else office


def why(city: Catalogue, code: str) -> Phrase:
    """Why complaints are not taken, in plain words, by a code of `bot.complaints.cases.shut`."""
    kind, _colon, office = code.partition(":")
    if kind == "keys" and office:
        return _(
            "A complaint about {office} could not be opened. Without its own people there must be two others with a"
            " key, and a paper key.",
            office=holder(city, office),
        )
    if kind == "stranger":
        return _(
            "There are keys of {office}, which is none of the offices that receive complaints. Take them out of use.",
            office=office,
        )
    known: dict[str, Phrase] = {
        "no-intake": _("The city says nothing of who receives complaints."),
        "no-memory": _("The desk has no place in memory for what people write. Tell whoever runs it."),
        "keys": _("There must be two people with a key, and a paper key."),
    }
    return known.get(kind) or _("Whoever runs the desk finds the reason under the word {word}.", word=code)


UNREDACTED: dict[str, Phrase] = {
    "never": _(
        "Twilio was not yet seen to keep no text. Write one word to the desk by WhatsApp, and wait two minutes."
    ),
    "off": _("Twilio said that it keeps texts. Whoever runs the desk must switch on its redaction."),
    "sent": _("Twilio kept a text that we asked it not to keep. Whoever runs the desk must ask Twilio."),
    "received": _(
        "Twilio kept a text that somebody wrote by WhatsApp. Whoever runs the desk must switch on its redaction."
    ),
    "old": _("The check is more than a day old. Write one word to the desk by WhatsApp, and wait two minutes."),
    "unwatched": _("The desk has not looked for ten minutes. Whoever runs it must see that its worker runs."),
}
"""Why WhatsApp takes no complaints now, by a code of `bot.complaints.redaction.standing`."""


def by_whatsapp(public: Public, at: Standing, city: Catalogue) -> tuple[str, Phrase] | None:
    """Whether complaints can be told by WhatsApp (open, stop, or nothing wanted), and why; None without WhatsApp."""
    if not public.whatsapp:
        return None
    if not public.whatsapp_complaints:
        return "", _("By WhatsApp people get the form's address: the city has not switched complaints on there.")
    if at.why or at.at is None:
        return "stop", Joined([_("By WhatsApp people get the form's address."), UNREDACTED[at.why]], mark=" ")
    when = at.at.astimezone(city.hours.zone)
    return "open", _("Complaints can be told by WhatsApp: Twilio was last seen to keep no text on {when}.", when=when)


GRANTS = (Role.APPROVER, Role.RECEIVER)


def _says_paper(asked: Approval) -> Phrase:
    return _(
        "Let the paper key {mark} open complaints. Compare these letters with the paper.", mark=asked.detail["mark"]
    )


def _says_removed(asked: Approval) -> Phrase:
    return _("Take the paper key {mark} out of use. Then it opens nothing.", mark=asked.detail["mark"])


def _do_paper(connection: Connection, asked: Approval, _by: int, now: datetime) -> None:
    half = bytes.fromhex(asked.detail["public"])
    if receivers.known(connection, half):
        raise NotPossible(_("That key is or was in use. Make another one."))
    receivers.add_paper(connection, asked.detail["office"], half, now.date())


def _do_removed(connection: Connection, asked: Approval, _by: int, now: datetime) -> None:
    if receivers.one(connection, int(asked.subject)) is None:
        raise NotPossible(_("That key is not in use any more."))
    receivers.remove(connection, int(asked.subject), now.date())


STEPS: Sequence[Step] = (
    Step("key.paper", (Role.ADMINISTRATOR, Role.RECEIVER), GRANTS, _says_paper, _do_paper),
    Step("key.paper-removed", (Role.ADMINISTRATOR,), GRANTS, _says_removed, _do_removed),
)
