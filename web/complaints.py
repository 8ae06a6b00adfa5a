"""Complaints: told on the web, without script, without a cookie, and filed once however often the form is sent.

These forms need no token against forged requests: nothing is done here in anybody's name, and no cookie speaks for
whoever sends them. What is typed goes to nobody else and, until it is sealed, lies in memory alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, abort, request
from sqlalchemy import Engine
from werkzeug.exceptions import RequestEntityTooLarge

from bot.catalogue import Catalogue
from bot.complaints import attachments as complaint_attachments
from bot.complaints import cases
from bot.complaints.cases import Begun, Told
from bot.desk import Desk
from bot.tokens import Token
from flows.case import ASKED, FULL, MOST_FILES
from flows.city import City
from flows.language import Phrase, Text, _
from storage import cases as kept
from storage import catalogue as shelf
from storage import vault
from storage.cases import SealedPart
from storage.database import reading, transaction
from web import complaint_drafts as drafts
from web import complaint_files as files
from web.complaint_files import Ready, Refused, Waiting
from web.confidential import Given, given, may, sender, shown

NOBODY = "ninguna"
"""The answer that a complaint concerns none of the offices that receive complaints."""

LONGEST = 10_000
"""Letters of an answer: about five pages."""

FILINGS = 30
"""Complaints from one address in an hour: on a mobile network many people have the same one."""


@dataclass(frozen=True)
class Question:
    """Something that one may tell: its id in the part, what is asked, a hint, and the lines of its field."""

    id: str
    label: Phrase
    hint: Text
    lines: int


QUESTIONS = (
    Question("what", ASKED["what"], _("Tell it in your own words. Facts help to look into it."), 8),
    Question("where", ASKED["where"], _("An address, an office or a neighbourhood."), 2),
    Question("when", ASKED["when"], _("A date, more or less. Say if it still goes on."), 2),
    Question("who", ASKED["who"], _("Names, posts or companies, if you know them."), 3),
    Question("how", ASKED["how"], _("You saw it, you were told, or you have a paper."), 3),
    Question("elsewhere", ASKED["elsewhere"], _("Say whom, and when."), 2),
    Question("danger", ASKED["danger"], _("Say who, and why. If it is urgent, call first."), 2),
    Question("name", _("Do you want to give your name?"), _("You need not. Leave it empty to stay anonymous."), 1),
)
NOTHING_TOLD = _("Tell us something, or choose a file.")
TOO_LONG = _("This is too long. Shorten it; you can add the rest later.")
CHOOSE = _("Choose one of these answers.")
AGAIN = _("Choose your files again. For your safety we did not keep them.")
WAIT = _("There are many complaints from your network now. Wait an hour, or use another network.")
NOT_THE_SAME = _("That is not what the key ends in. Look at your paper again.")

HEAVY = (
    _("That is too much at once"),
    _("All your files together may have 60 megabytes. Nothing was sent. Go back and choose fewer files."),
)
OVER = (
    _("Your time is over"),
    _("For your safety we keep an unfinished complaint for half an hour. Nothing was sent. Please begin again."),
)
NOTHING_LEFT = (_("There is nothing to send"), _("You left the files out, and wrote nothing. Nothing was sent."))


@dataclass(frozen=True)
class Faults:
    """What stands beside the fields of the form, and above it."""

    above: Text | None = None
    fields: Mapping[str, Text] | None = None
    files: Sequence[Refused] = ()
    many: bool = False

    def __bool__(self) -> bool:
        return bool(self.above or self.fields or self.files or self.many)


def add(blueprint: Blueprint, desk: Desk) -> None:
    """Add the form, and the page that says who knows what."""
    steps: Mapping[str, Callable[[Asked], Response]] = {
        "oficina": _told_office,
        "contar": _told,
        "archivos": _decided,
        "clave": _wrote_down,
    }

    @blueprint.route("/denuncia", methods=["GET", "POST"])
    def complaint() -> Response:
        city, shut = standing(desk)
        if city.city.intake is None:
            abort(404)
        if shut or desk.volatile is None:
            return shown("closed.html", 503 if request.method == "POST" else 200, city=city.city)
        if request.method != "POST":
            return shown("start.html", city=city.city, nobody=NOBODY)
        try:
            form = given()
        except RequestEntityTooLarge:
            return shown("notice.html", 413, city=city.city, told=HEAVY)
        step = steps.get(form.text("paso"))
        return step(Asked(desk, desk.volatile, city, form)) if step else abort(400)

    @blueprint.get("/denuncia/reserva")
    def complaint_promises() -> Response:
        city, _shut = standing(desk)
        if city.city.intake is None:
            abort(404)
        return shown("promises.html", city=city.city)


def standing(desk: Desk) -> tuple[Catalogue, Sequence[str]]:
    """The city, and why it takes no complaints just now."""
    with reading(desk.engine) as connection:
        city = desk.catalogue(connection, shelf.revision(connection))
        return city, cases.shut(connection, desk.volatile, city)


@dataclass(frozen=True)
class Asked:
    """What one request asks for."""

    desk: Desk
    store: Engine
    city: Catalogue
    form: Given

    @property
    def token(self) -> Token:
        """The token of the form; 400 if it is none."""
        return Token.read(self.form.text("hoja")) or abort(400)

    @property
    def excluded(self) -> str | None:
        """The office that it concerns ('' for none); None if none was chosen."""
        chosen, intake = self.form.text("oficina"), self.city.city.intake
        assert intake is not None
        if chosen == NOBODY:
            return ""
        return chosen if intake.office(chosen) else None

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        return shown(template, status, city=self.city.city, **values)


def _told_office(asked: Asked) -> Response:
    if asked.excluded is None:
        return asked.page("start.html", nobody=NOBODY, fault=CHOOSE)
    return _form(asked, Token.new(), Faults())


def _form(asked: Asked, token: Token, faults: Faults, status: int = 200) -> Response:
    """The questions, with what was typed so far."""
    return asked.page(
        "tell.html", status, questions=QUESTIONS, longest=LONGEST, hoja=token.shown, nobody=NOBODY,
        office=asked.excluded, faults=faults, typed={each.id: asked.form.text(each.id) for each in QUESTIONS},
        most=MOST_FILES, again=AGAIN if asked.form.files else None,
    )  # fmt: skip


def _told(asked: Asked) -> Response:
    """The form was sent: file it, or ask about files that may tell who sent them."""
    token, excluded = asked.token, asked.excluded
    if excluded is None:
        return asked.page("start.html", nobody=NOBODY, fault=CHOOSE)
    already = _already(asked, token)
    if already is not None:
        return already
    faults = _looked_over(asked.form)
    if faults:
        return _form(asked, token, faults)
    if not may(asked.desk, asked.store, "file", FILINGS, sender(asked.desk)):
        return _form(asked, token, Faults(above=WAIT), 429)
    ready, refused = files.look(asked.form.files, asked.store)
    if refused:
        return _form(asked, token, Faults(files=refused))
    new = drafts.begin(asked.desk, asked.store, token, excluded)
    return asked.page("done.html") if new is None else _sealed(asked, token, new, ready)


def _sealed(asked: Asked, token: Token, new: Begun, ready: Sequence[Ready]) -> Response:
    """Seal what was told; then it is filed, unless a file needs a decision."""
    now = asked.desk.clock()
    waiting = [Waiting(part) for part in _words(asked.form, new, now)]
    for number, each in enumerate(ready, start=1):
        part = complaint_attachments.sealed(new.new.public, new.new.id, each.clean, each.sure, now, len(waiting))
        waiting.append(Waiting(part, None if each.sure else number))
    unsure = [(number, each) for number, each in enumerate(ready, start=1) if not each.sure]
    if not unsure:
        return _file(asked, token, new, [each.part for each in waiting])
    with transaction(asked.store) as connection:
        room = files.keep(connection, token, waiting, now)
    if not room:
        return _form(asked, token, Faults(above=FULL), 503)
    return asked.page("decide.html", files=unsure, hoja=token.shown, action=".complaint", paso="archivos")


def _words(form: Given, new: Begun, now: datetime) -> list[SealedPart]:
    told = [(each.id, form.text(each.id)) for each in QUESTIONS if form.text(each.id)]
    return [
        cases.seal_told(new.new.public, new.new.id, "told", Told(now, place, question, text))
        for place, (question, text) in enumerate(told)
    ]


def _looked_over(form: Given) -> Faults:
    """What is wrong with a form before its files are looked at."""
    long = {each.id: TOO_LONG for each in QUESTIONS if len(form.text(each.id)) > LONGEST}
    told = form.files or any(form.text(each.id) for each in QUESTIONS if each.id != "name")
    return Faults(
        fields=long if told else {"what": NOTHING_TOLD},
        many=len(form.files) > MOST_FILES,
    )


def _decided(asked: Asked) -> Response:
    """It was said which files go as they are."""
    token = asked.token
    already = _already(asked, token)
    if already is not None:
        return already
    new = drafts.begun(asked.desk, asked.store, token)
    with reading(asked.store) as connection:
        parts = files.decided(connection, token, asked.form)
    if new is None:
        return asked.page("notice.html", 410, told=OVER)
    if not parts:
        return asked.page("notice.html", told=NOTHING_LEFT)
    return _file(asked, token, new, parts)


def _file(asked: Asked, token: Token, new: Begun, parts: Sequence[SealedPart]) -> Response:
    drafts.file(asked.desk, asked.store, asked.city, token, new, parts)
    return codes(asked.desk, asked.city.city, token, new)


def _already(asked: Asked, token: Token) -> Response | None:
    """The answer to a form that was filed before; None if it was not."""
    new = drafts.filed(asked.desk, asked.store, token)
    if new is not None:
        return codes(asked.desk, asked.city.city, token, new)
    return asked.page("done.html") if drafts.was_filed(asked.store, token) else None


def codes(desk: Desk, city: City, token: Token, new: Begun, fault: Text | None = None) -> Response:
    """The codes, for as long as they can be shown."""
    with reading(desk.engine) as connection:
        case = kept.case(connection, new.new.id)
    return shown(
        "codes.html", city=city, locator=vault.shown_key(new.new.locator), key=new.access_key, hoja=token.shown,
        fault=fault, minutes=int(drafts.SHOWN.total_seconds()) // 60, due=case.due_on if case else None,
    )  # fmt: skip


def _wrote_down(asked: Asked) -> Response:
    """The codes were written down: they are shown no more. Who types the last group is told whether it is right."""
    token, typed = asked.token, asked.form.text("final")
    new = drafts.filed(asked.desk, asked.store, token)
    if new is None and not drafts.was_filed(asked.store, token):
        return asked.page("notice.html", 410, told=OVER)
    if new is not None and typed:
        # What is typed is only a part of the key: the rest is put before it, so that o and 0 are the same here too.
        whole = vault.read_access_key(new.access_key[:-4] + typed)
        if whole != new.access_key:
            return codes(asked.desk, asked.city.city, token, new, NOT_THE_SAME)
    drafts.close(asked.store, token)
    return asked.page("done.html")
