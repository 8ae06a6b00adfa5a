"""Visits: whoever has the two codes of a complaint sees where it stands, reads what the office told, and adds to it.

A cookie is set here and nowhere else in these pages, after a right key: it is sent from our own pages alone, ends with
the browser or after a quarter of an hour, and opens the case's key, which nothing else on the desk does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hmac import compare_digest
from typing import Any

from flask import Blueprint, Response, abort, request, url_for
from sqlalchemy import Engine, Row
from werkzeug.exceptions import RequestEntityTooLarge

from bot.catalogue import Catalogue
from bot.complaints import attachments as complaint_attachments
from bot.complaints import cases
from bot.complaints.cases import Opened, Told
from bot.desk import Desk
from bot.tokens import Token
from flows.case import FULL, MOST_FILES, STATES, STOPPED
from flows.language import Text, _
from storage import cases as kept
from storage import vault, volatile, volatile_visits
from storage.cases import SealedPart
from storage.database import reading, transaction
from web import complaint_files as files
from web.chat import from_here
from web.complaint_files import Ready, Refused, Waiting
from web.complaints import AGAIN, HEAVY, LONGEST, TOO_LONG, WAIT, standing
from web.confidential import Given, given, may, sender, shown
from web.rendering import language

COOKIE = "cuenta_caso"
KIND = "complainant"
LASTS = timedelta(minutes=15)

ADDINGS = 30
"""What may be added to cases from one address in an hour."""

WRONG = _("The number and the key do not fit, or they were tried too often. Look at each letter, or wait an hour.")
SPENT = _("There were many wrong keys from your network. Wait an hour, or use another network.")
ENDED = _("Your visit has ended, or your browser keeps no cookies. Please type the two codes again.")
NOTHING_ADDED = _("Write something, or choose a file.")
CLOSED = (_("This page is closed just now"), _("Please come back later. Your complaint is safe."))


@dataclass(frozen=True)
class Visit:
    """A browser that has a case open."""

    token: Token = field(repr=False)
    opened: Opened = field(repr=False)

    @property
    def seal(self) -> str:
        """What the forms of this visit carry: only who has the cookie can make it, and only our pages show it."""
        return self.token.mark("form")


@dataclass(frozen=True)
class Asked:
    """What one request asks for, and whose visit it is."""

    desk: Desk
    store: Engine
    city: Catalogue
    form: Given
    visit: Visit | None = None

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        return shown(template, status, city=self.city.city, **values)


def add(blueprint: Blueprint, desk: Desk) -> None:
    """Add the page of a case."""
    steps: Mapping[str, Callable[[Asked, Visit], Response]] = {
        "agregar": _added,
        "archivos": _decided,
        "salir": _left,
    }

    def asked(form: Given) -> Asked | Response:
        city, _shut = standing(desk)
        if desk.volatile is None:
            return shown("notice.html", 503, city=city.city, told=CLOSED)
        found = Asked(desk, desk.volatile, city, form)
        return replace(found, visit=_visit(found))

    @blueprint.get("/denuncia/consultar")
    def complaint_case() -> Response:
        found = asked(Given({}, ()))
        if isinstance(found, Response):
            return found
        if found.visit is None:
            return _door(found, ENDED if "abierta" in request.args else None)
        return _case(found, found.visit, added="agregado" in request.args)

    @blueprint.post("/denuncia/consultar", endpoint="complaint_case_told")
    @from_here
    def told() -> Response:
        try:
            found = asked(given())
        except RequestEntityTooLarge:
            return shown("notice.html", 413, city=standing(desk)[0].city, told=HEAVY)
        if isinstance(found, Response):
            return found
        name = found.form.text("paso")
        if name == "entrar":
            return _entered(found)
        if name not in steps:
            abort(400)
        visit = found.visit
        if visit is None or not compare_digest(found.form.text("sello").encode(), visit.seal.encode()):
            return _door(found, ENDED, 403)
        return steps[name](found, visit)


def _cookie() -> str:
    """The cookie's name. With that prefix no neighbour under the same domain can set it, or is sent it."""
    return f"__Host-{COOKIE}" if request.is_secure else COOKIE


def _visit(asked: Asked) -> Visit | None:
    token = Token.read(request.cookies.get(_cookie(), ""))
    if token is None:
        return None
    with reading(asked.store) as connection:
        row = volatile_visits.visit(connection, token.hashed, KIND, asked.desk.clock())
    if row is None:
        return None
    private = vault.disclose(bytes(row.kept), token.secret)
    with reading(asked.desk.engine) as connection:
        case = kept.case(connection, row.subject)
    return None if case is None else Visit(token, Opened(case, private or None))


def _door(asked: Asked, fault: Text | None = None, status: int = 200) -> Response:
    """Where the codes are typed. Words that were written for a visit that has ended are kept in the page."""
    return asked.page(
        "enter.html", status, fault=fault, locator=asked.form.text("numero")[:20], text=asked.form.text("texto")
    )


def _entered(asked: Asked) -> Response:
    """The codes were typed. Wrong ones, and those of no case, get the same words for the same work."""
    who = sender(asked.desk)
    now = asked.desk.clock()
    with reading(asked.store) as connection:
        spent = cases.is_spent(connection, who, now)
    if spent:
        return _door(asked, SPENT, 429)
    locator, key = asked.form.text("numero"), asked.form.text("clave")
    opened = cases.open_case(asked.desk.engine, asked.store, locator, key, who, now)
    if opened is None:
        return _door(asked, WRONG, 403)
    token = Token.new()
    body = vault.enclose(opened.private or b"", token.secret)
    with transaction(asked.store) as connection:
        volatile_visits.begin_visit(connection, token.hashed, KIND, opened.case.id, body, now + LASTS)
    text = asked.form.text("texto")
    answer = _case(asked, Visit(token, opened), text=text) if text else _see("abierta")
    answer.set_cookie(_cookie(), token.shown, httponly=True, secure=request.is_secure, samesite="Strict", path="/")
    return answer


def _see(what: str) -> Response:
    return Response(status=303, headers={"Location": f"{url_for(f'{language()}.complaint_case')}?{what}"})


def _case(
    asked: Asked,
    visit: Visit,
    status: int = 200,
    added: bool = False,
    text: str = "",
    fault: Text | None = None,
    refused: Sequence[Refused] = (),
) -> Response:
    """Where it stands, and a form to add something."""
    case = visit.opened.case
    with reading(asked.desk.engine) as connection:
        replies = cases.replies(connection, visit.opened)
        own = cases.own_parts(connection, visit.opened)
    return asked.page(
        "case.html", status, case=case, locator=vault.shown_key(case.locator), state=STATES[case.state],
        due=None if case.state in STOPPED else case.due_on, replies=[_shown(asked, each) for each in replies], own=own,
        readable=visit.opened.private is not None, sello=visit.seal, vez=Token.new().shown, added=added, text=text,
        fault=fault, refused=refused, again=AGAIN if asked.form.files else None, most=MOST_FILES,
        longest=LONGEST, minutes=int(LASTS.total_seconds()) // 60,
    )  # fmt: skip


def _shown(asked: Asked, told: Told) -> Mapping[str, Any]:
    return {"on": asked.city.hours.today(told.at), "text": told.text}


def _added(asked: Asked, visit: Visit) -> Response:
    """Words and files are added, once however often the form is sent."""
    once, text = _once(asked), asked.form.text("texto")
    if _was_added(asked, once):
        return _see("agregado")
    fault = _fault(asked.form, text)
    if fault is not None:
        return _case(asked, visit, text=text, fault=fault)
    if not may(asked.desk, asked.store, "add", ADDINGS, sender(asked.desk)):
        return _case(asked, visit, 429, text=text, fault=WAIT)
    ready, refused = files.look(asked.form.files, asked.store)
    if refused:
        return _case(asked, visit, text=text, refused=refused)
    waiting = _sealed(asked, visit.opened.case, once, text, ready)
    unsure = [(number, each) for number, each in enumerate(ready, start=1) if not each.sure]
    if not unsure:
        return _add(asked, visit, once, [each.part for each in waiting])
    with transaction(asked.store) as connection:
        room = files.keep(connection, once, waiting, asked.desk.clock())
    if not room:
        return _case(asked, visit, 503, text=text, fault=FULL)
    return asked.page(
        "decide.html", files=unsure, action=".complaint_case", paso="archivos", sello=visit.seal, vez=once.shown
    )


def _fault(form: Given, text: str) -> Text | None:
    if len(text) > LONGEST:
        return TOO_LONG
    if len(form.files) > MOST_FILES:
        return files.MANY
    return None if text or form.files else NOTHING_ADDED


def _sealed(asked: Asked, case: Row[Any], once: Token, text: str, ready: Sequence[Ready]) -> list[Waiting]:
    """What is added, sealed under ids that the same form gives again."""
    now = asked.desk.clock()
    words = cases.seal_told(case.public, case.id, "told", Told(now, 0, "", text), once.mark("words"))
    waiting = [Waiting(words)] if text else []
    for number, each in enumerate(ready, start=1):
        mark = once.mark(f"file {number}")
        part = complaint_attachments.sealed(case.public, case.id, each.clean, each.sure, now, number, mark)
        waiting.append(Waiting(part, None if each.sure else number))
    return waiting


def _decided(asked: Asked, visit: Visit) -> Response:
    """It was said which files are added as they are."""
    once = _once(asked)
    if _was_added(asked, once):
        return _see("agregado")
    with reading(asked.store) as connection:
        parts = files.decided(connection, once, asked.form)
    if not parts:
        return _case(asked, visit, fault=NOTHING_ADDED)
    return _add(asked, visit, once, parts)


def _once(asked: Asked) -> Token:
    """The token of a form that adds something; 400 if it is none."""
    return Token.read(asked.form.text("vez")) or abort(400)


def _was_added(asked: Asked, once: Token) -> bool:
    with reading(asked.store) as connection:
        return volatile.was_taken(connection, f"agregado:{once.hashed}")


def _add(asked: Asked, visit: Visit, once: Token, parts: Sequence[SealedPart]) -> Response:
    cases.add(asked.desk.engine, visit.opened.case.id, parts)
    with transaction(asked.store) as connection:
        volatile.end_draft(connection, once.hashed)
        volatile.take(connection, f"agregado:{once.hashed}", asked.desk.clock())
    return _see("agregado")


def _left(asked: Asked, visit: Visit) -> Response:
    """The visit ends, in this browser and on the desk."""
    with transaction(asked.store) as connection:
        volatile_visits.end_visit(connection, visit.token.hashed)
    answer = asked.page("left.html")
    answer.delete_cookie(_cookie(), path="/", secure=request.is_secure, httponly=True, samesite="Strict")
    return answer
