"""People without spying: how many there are, and requests of one person about their own data."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request
from sqlalchemy import Connection, Row
from wtforms import DateField, Form, RadioField, SelectField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired, Regexp, ValidationError

from bot import headcount, requests
from bot.catalogue import Catalogue
from bot.desk import Desk
from bot.lifecycle import NotPossible
from bot.requests import Asked, Refused
from flows.language import Month, Phrase, Text, _
from flows.tongue import LANGUAGES
from flows.topics import TOPICS
from storage import approvals, audit, headcounts
from storage import catalogue as shelf
from storage import requests as register
from storage.approvals import Approval
from storage.database import Moved, reading, transaction
from web.console.access import Role, allows, shown, staff
from web.console.answers import download, see
from web.console.approvals import Step, withdraw_request
from web.console.forms import PLAIN, choices
from web.invitation import Public
from web.paging import asked as page_asked

MOST = 50
"""Requests of a page."""

PAPER = "data-request.paper"

KINDS: Mapping[str, Text] = {
    "export": _("See their data and take them along"),
    "correct": _("Correct their data"),
    "delete": _("Delete their data"),
}
OUTCOMES: Mapping[str, Text] = {
    "done": _("Done as asked"),
    "nothing": _("We keep nothing of this person"),
    "unproven": _("The person could not show that the chat is theirs"),
    "withdrawn": _("The person does not want it any more"),
}
REASONS: Mapping[str, Text] = {
    "lost-phone": _("The phone is lost or broken"),
    "new-number": _("The number belongs to somebody else now"),
    "no-phone": _("The person used a phone that is not theirs"),
}
CHANNELS: Mapping[str, Text | str] = {"whatsapp": "WhatsApp", "sms": _("Text message"), "telegram": "Telegram"}
PROBLEMS: Mapping[str, Text] = {
    "often": _("That was asked too often. Wait an hour, or go on another day."),
    "contact": _("Write the whole number with the country, such as +57 300 123 4567."),
    "future": _("That day has not come yet."),
    "over": _("This request is not waiting for that any more."),
    "late": _("The last day for an answer has passed: it cannot be put off any more."),
    "twice": _("An answer can be put off once."),
    "proof": _("First the person has to show that the chat is theirs."),
    "person": _("Say which of the people on this chat it is."),
}
ENDING = 3
"""Digits of a number that a second person compares with the paper: they find a slip, and point at nobody."""

TRIED: Mapping[str, Text] = {
    "wrong": _("That is not the code. Ask the person to read it again."),
    "over": _("The code is too old or was tried too often. Send a new one."),
}
MOVED = _("Something changed in the meantime. Please try again.")
AWAY = _("The ballot box of an open vote cannot be read now, so nothing was deleted. Tell the operator, and try again.")
BY: Mapping[str, Text] = {"channel": _("Channel"), "language": _("Language"), "group": _("Group")}


class New(Form):
    """What a person asks for, and the contact they give."""

    kind = RadioField(_("What the person wants"), choices=choices(KINDS), validators=[InputRequired(_("Choose one."))])
    channel = RadioField(
        _("Where they write to us"), choices=choices(CHANNELS), validators=[InputRequired(_("Choose one."))]
    )
    contact = StringField(
        _("Their number"),
        filters=PLAIN,
        description=_("As the person says it, whole and with the country: +57 300 123 4567. We do not keep it here."),
    )
    received_on = DateField(
        _("Day on which they asked"),
        [InputRequired(_("Write the day."))],
        description=_("The law's days count from here."),
    )


class Again(Form):
    """The contact once more, to send another code."""

    channel = New.channel
    contact = New.contact


class Read(Form):
    """The code that the person reads."""

    code = StringField(_("Code that the person reads from their chat"), filters=PLAIN)


class Paper(Form):
    """Why no code can be read, the paper that stands for it, and whose number it is about."""

    reason = RadioField(
        _("Why no code can be read"), choices=choices(REASONS), validators=[InputRequired(_("Choose one."))]
    )
    number = StringField(
        _("File number of the signed paper"),
        [Regexp(r"[0-9A-Za-z][0-9A-Za-z/.-]{0,39}$", message=_("Write letters, digits and hyphens, 40 at most."))],
        filters=PLAIN,
        description=_("The number your office gave it. No name, no identity number."),
    )
    channel = New.channel
    contact = StringField(
        _("Number that stands on the paper"),
        filters=PLAIN,
        description=_("Whole, as on the paper. Only its last {n} digits are kept, for the second person.", n=ENDING),
    )


class Right(Form):
    """What is right; nothing of what is kept is shown."""

    age, sex, group = SelectField(_("Age")), SelectField(_("Sex")), SelectField(_("Group"))
    language = SelectField(_("Language"))
    place = StringField(_("Barrio"), filters=PLAIN, description=_("Leave it empty to keep what there is."))
    forget_place = SelectField(
        _("Barrio that we keep"), choices=[SelectChoice("", _("Leave as it is")), SelectChoice("-", _("Forget it"))]
    )


class Ending(Form):
    """How a request ended."""

    outcome = RadioField(_("How it ended"), choices=choices(OUTCOMES), validators=[InputRequired(_("Choose one."))])


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages."""

    def city(connection: Connection) -> Catalogue:
        return desk.catalogue(connection, shelf.revision(connection))

    def known(connection: Connection, id: int) -> Row[Any]:
        return register.of(connection, id) or abort(404)

    def note(connection: Connection, action: str, id: int, **facts: Any) -> None:
        audit.note(connection, desk.clock(), staff().id, action, str(id), **facts)

    def the_page(id: int, problem: Phrase | None = None, status: int = 200, **forms: Form) -> Response:
        with reading(desk.engine) as connection:
            row, zone = known(connection, id), city(connection).hours
            proven = requests.is_proven(row, desk.clock())
            people = requests.people_there(connection, row) if proven else 0
            whose = requests.whose(connection, row) if proven else None
            waits = approvals.about(connection, PAPER, str(id))
        values = {"code": Read(), "again": Again(), **forms}
        return shown(
            "console/data_request.html", status, row=row, today=zone.today(desk.clock()), proven=proven, people=people,
            unclear=people > 1 and whose is None, waits=waits, problem=problem, kinds=KINDS, outcomes=OUTCOMES,
            most_codes=requests.MOST_CODES, **values,
        )  # fmt: skip

    def done(id: int, work: Callable[[Connection], Phrase | None]) -> Response:
        """Change something of a request and come back to its page, or say there why not."""
        try:
            with transaction(desk.engine) as connection:
                known(connection, id)
                problem = work(connection)
        except Refused as refused:
            problem = PROBLEMS[refused.why]
        except Moved:
            problem = MOVED
        return the_page(id, problem, 409) if problem else see(".data_request", id=id)

    @blueprint.get("/personas")
    @allows(Role.ADMINISTRATOR, Role.PARTICIPATION, Role.COMMUNICATIONS, Role.APPROVER)
    def people() -> Response:
        with reading(desk.engine) as connection:
            noted, seen = headcounts.latest(connection), city(connection)
        return shown("console/people.html", **_headcount(noted, seen))

    @blueprint.get("/personas/solicitudes")
    @allows(Role.PARTICIPATION)
    def data_requests() -> Response:
        number = max(1, min(page_asked(), 1000))
        with reading(desk.engine) as connection:
            today = city(connection).hours.today(desk.clock())
            waiting, late = register.waiting(connection, today)
            open_ones = register.open_ones(connection, MOST) if number == 1 else []
            closed = register.closed_ones(connection, MOST + 1, (number - 1) * MOST)
        return shown(
            "console/data_requests.html", open=open_ones, closed=closed[:MOST], more=len(closed) > MOST, number=number,
            waiting=waiting, late=late, today=today, kinds=KINDS, outcomes=OUTCOMES,
        )  # fmt: skip

    @blueprint.route("/personas/solicitudes/nueva", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION, fresh=True)
    def new_data_request() -> Response:
        with reading(desk.engine) as connection:
            today = city(connection).hours.today(desk.clock())
        form = New(request.form) if request.method == "POST" else New(data={"received_on": today})
        if request.method == "GET" or not form.validate():
            return shown("console/new_data_request.html", 422 if request.method == "POST" else 200, form=form)
        asked = Asked(form.kind.data, form.channel.data, form.contact.data, form.received_on.data)
        try:
            with transaction(desk.engine) as connection:
                id, found = requests.receive(desk, connection, asked, staff().id)
                note(connection, "request.received", id, kind=asked.kind, found=found)
        except Refused as refused:
            where = {"contact": form.contact, "future": form.received_on}.get(refused.why)
            if where is not None:
                where.errors = [PROBLEMS[refused.why]]
            problem = None if where is not None else PROBLEMS[refused.why]
            return shown("console/new_data_request.html", 422, form=form, problem=problem)
        return see(".data_request", id=id)

    @blueprint.get("/personas/solicitudes/<int(max=2147483647):id>")
    @allows(Role.PARTICIPATION)
    def data_request(id: int) -> Response:
        return the_page(id)

    @blueprint.post("/personas/solicitudes/<int(max=2147483647):id>/codigo")
    @allows(Role.PARTICIPATION)
    def data_request_code(id: int) -> Response:
        def tried(connection: Connection) -> Phrase | None:
            outcome = requests.prove(desk, connection, id, Read(request.form).code.data)
            note(connection, "request.proven" if outcome == "proven" else "request.refused", id)
            return TRIED.get(outcome)

        return done(id, tried)

    @blueprint.post("/personas/solicitudes/<int(max=2147483647):id>/otro-codigo")
    @allows(Role.PARTICIPATION)
    def data_request_again(id: int) -> Response:
        form = Again(request.form)
        if not form.validate():
            return the_page(id, None, 422, again=form)

        def sent(connection: Connection) -> None:
            found = requests.send_code(desk, connection, id, form.channel.data, form.contact.data)
            note(connection, "request.code", id, found=found)

        return done(id, sent)

    @blueprint.route("/personas/solicitudes/<int(max=2147483647):id>/papel", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION, fresh=True)
    def data_request_paper(id: int) -> Response:
        form = Paper(request.form)
        with reading(desk.engine) as connection:
            row = known(connection, id)
        if request.method == "GET" or not form.validate():
            return shown("console/proof_paper.html", 422 if request.method == "POST" else 200, form=form, row=row)

        def ask(connection: Connection) -> Phrase | None:
            if row.closed_on is not None or requests.is_proven(row, desk.clock()):
                return PROBLEMS["over"]
            detail = {
                "reason": form.reason.data, "number": form.number.data, "about": _about(row), "kind": row.kind,
                "channel": form.channel.data, "ending": re.sub(r"\D", "", form.contact.data)[-ENDING:],
                "same": requests.is_of(connection, row, form.channel.data, form.contact.data),
            }  # fmt: skip
            approvals.ask(connection, PAPER, str(id), detail, staff().id, desk.clock())
            note(connection, "request.paper", id, reason=form.reason.data)
            return None

        return done(id, ask)

    @blueprint.post("/personas/solicitudes/<int(max=2147483647):id>/persona")
    @allows(Role.PARTICIPATION)
    def data_request_person(id: int) -> Response:
        def chosen(connection: Connection) -> None:
            number = request.form.get("numero", 0, int)
            requests.choose(desk, connection, id, number)
            note(connection, "request.person", id, person=number)

        return done(id, chosen)

    def exported(id: int) -> tuple[dict[str, Any], Catalogue] | Response:
        try:
            with transaction(desk.engine) as connection:
                known(connection, id)
                found = requests.data(desk, connection, id)
                note(connection, "request.shown", id)
                return found, city(connection)
        except Refused as refused:
            return the_page(id, PROBLEMS[refused.why], 409)
        except Moved:
            return the_page(id, MOVED, 409)

    @blueprint.get("/personas/solicitudes/<int(max=2147483647):id>/datos")
    @allows(Role.PARTICIPATION, fresh=True)
    def data_request_data(id: int) -> Response:
        found = exported(id)
        if isinstance(found, Response):
            return found
        data, seen = found
        return shown(
            "console/own_data.html",
            id=id,
            data=data,
            facts=_profile(data, seen),
            today=_today(desk, seen),
            consented_on=_day(data["consented_on"]),
            topics=[TOPICS[f"topic:{topic}"] for topic in data["topics"]],
        )

    @blueprint.get("/personas/solicitudes/<int(max=2147483647):id>/datos.json")
    @allows(Role.PARTICIPATION, fresh=True)
    def data_request_file(id: int) -> Response:
        found = exported(id)
        if isinstance(found, Response):
            return found
        return download(jsonify(found[0]).data, "application/json", "mis-datos.json")

    @blueprint.route("/personas/solicitudes/<int(max=2147483647):id>/corregir", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION, fresh=True)
    def data_request_correct(id: int) -> Response:
        with reading(desk.engine) as connection:
            row, seen = known(connection, id), city(connection)
        if row.kind != "correct" or not requests.is_proven(row, desk.clock()):
            return the_page(id, PROBLEMS["proof"], 409)
        form = _right(seen, request.form)
        place = None
        if request.method == "POST" and form.validate():
            try:
                place = _place(seen, form.place.data, form.forget_place.data)
            except ValidationError as wrong:
                form.place.errors = [wrong.args[0]]
        if request.method == "GET" or form.errors or form.place.errors:
            return shown("console/correct.html", 422 if request.method == "POST" else 200, form=form, row=row)
        profile = {name: _kept(form[name].data) for name in ("age", "sex", "group")}

        def corrected(connection: Connection) -> None:
            requests.correct(desk, connection, id, {**profile, "place": place}, form.language.data or None)
            note(connection, "request.corrected", id)

        return done(id, corrected)

    @blueprint.route("/personas/solicitudes/<int(max=2147483647):id>/borrar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION, fresh=True)
    def data_request_delete(id: int) -> Response:
        with reading(desk.engine) as connection:
            row = known(connection, id)
        if row.kind != "delete" or not requests.is_proven(row, desk.clock()):
            return the_page(id, PROBLEMS["proof"], 409)
        if request.method == "GET":
            return shown("console/delete.html", row=row)

        def deleted(connection: Connection) -> Phrase | None:
            if not requests.erase(desk, connection, id):
                return AWAY
            note(connection, "request.deleted", id)
            return None

        return done(id, deleted)

    @blueprint.route("/personas/solicitudes/<int(max=2147483647):id>/aplazar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def data_request_extend(id: int) -> Response:
        if request.method == "GET":
            with reading(desk.engine) as connection:
                row = known(connection, id)
            return shown("console/extend.html", row=row, term=requests.TERMS[row.kind])

        def extended(connection: Connection) -> None:
            requests.extend(desk, connection, id)
            note(connection, "request.extended", id)

        return done(id, extended)

    @blueprint.route("/personas/solicitudes/<int(max=2147483647):id>/cerrar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def data_request_close(id: int) -> Response:
        form = Ending(request.form)
        with reading(desk.engine) as connection:
            row = known(connection, id)
        if request.method == "GET" or not form.validate():
            return shown("console/end.html", 422 if request.method == "POST" else 200, form=form, row=row)

        def ended(connection: Connection) -> None:
            requests.close(desk, connection, id, form.outcome.data)
            note(connection, "request.closed", id, outcome=form.outcome.data)
            withdraw_request(connection, PAPER, str(id), staff().id, desk.clock())

        return done(id, ended)


def _headcount(noted: tuple[date, Mapping[str, Any]] | None, city: Catalogue) -> dict[str, Any]:
    """What the page of people shows: the tables, and the number for the filter that was asked for."""
    labels, places = _labels(city), city.city.territory.places
    localities = {place.code: place.name for place in places.values() if place.kind == "locality"}
    asked = {name: request.args.get(name, "") for name in ("lugar", "por")}
    by, _colon, option = asked["por"].partition(":")
    values: dict[str, Any] = {"noted": noted, "labels": labels, "localities": localities, "by": BY, "asked": asked}
    if noted is None:
        return values
    month, tables = noted
    filtered = asked["lugar"] in localities or by in BY
    number = headcount.number(tables, asked["lugar"] or None, by if by in BY else None, option) if filtered else None
    names: dict[str, Phrase] = {"": _("Not told"), **{place.code: place.name for place in places.values()}}
    rows = {name: _rows(tables[name], labels.get(name, names)) for name in ("locality", "unit", *BY)}
    return {**values, "month": Month(month), "tables": tables, "filtered": filtered, "number": number, "rows": rows}


def _rows(table: Mapping[str, int | None], names: Mapping[str, Phrase]) -> list[tuple[Phrase, int | None]]:
    """A table with its words, in the order of these; what has none any more is left out."""
    return [(label, table[key]) for key, label in names.items() if key in table]


def _labels(city: Catalogue) -> dict[str, dict[str, Phrase]]:
    """The options of each kind of group, as people read them; in the city's order."""
    groups = {option.id: option.label for option in city.city.questions.get("group", ())}
    channels: dict[str, Phrase] = {**CHANNELS, "web": _("Chat in the browser"), "terminal": _("Terminal")}
    languages: dict[str, Phrase] = {option.id: option.label for option in LANGUAGES}
    return {"channel": channels, "language": languages, "group": {**groups, "": _("Not told")}}


def _profile(data: Mapping[str, Any], city: Catalogue) -> list[tuple[Phrase, Phrase]]:
    """What somebody told of themselves, in words."""
    facts: list[tuple[Phrase, Phrase]] = []
    for name, label in (("age", _("Age")), ("sex", _("Sex")), ("group", _("Group"))):
        option = next((o for o in city.city.questions.get(name, ()) if o.id == data.get(name)), None)
        if option is not None:
            facts.append((label, option.label))
    place = city.city.territory.places.get(data.get("place") or "")
    return [*facts, (_("Barrio"), city.city.territory.described(place))] if place else facts


def _right(city: Catalogue, given: Any) -> Right:
    form = Right(given)
    for name in ("age", "sex", "group"):
        form[name].choices = [*_LEAVE, *(SelectChoice(o.id, o.label) for o in city.city.questions.get(name, ()))]
    form.language.choices = [_LEAVE[0], *(SelectChoice(o.id, o.label) for o in LANGUAGES)]
    return form


_LEAVE = (SelectChoice("", _("Leave as it is")), SelectChoice("-", _("Forget it")))


def _kept(chosen: str) -> str | None:
    """A choice as a profile takes it: None leaves a field as it is, an empty text forgets it."""
    return {"": None, "-": ""}.get(chosen, chosen)


def _place(city: Catalogue, typed: str, forget: str) -> str | None:
    """The barrio that was typed. Raises ValidationError where it is not one and only one."""
    if not typed:
        return "" if forget else None
    territory = city.city.territory
    found = [place for place in territory.find(typed) if territory.is_called(place, typed)]
    if len(found) != 1:
        raise ValidationError(_("Write the whole name of the barrio, as the city has it."))
    return found[0].code


def _day(stated: str | None) -> date | None:
    return date.fromisoformat(stated) if stated else None


def _today(desk: Desk, city: Catalogue) -> date:
    return city.hours.today(desk.clock())


def _says_paper(asked: Approval) -> Phrase:
    detail = asked.detail
    return _(
        "Take the signed paper {number} instead of a code, for data request {id}: {kind}. {channel}, number that ends"
        " in {ending}. Reason: {why}",
        number=detail["number"], id=asked.subject, kind=KINDS[detail["kind"]], channel=CHANNELS[detail["channel"]],
        ending=detail["ending"], why=REASONS[detail["reason"]],
    )  # fmt: skip


def _about(row: Row[Any]) -> str:
    """Which contact a paper is about, without naming it: with each code that is sent it can be another one."""
    return f"{row.sent} {row.sent_at.isoformat()}"


def _do_paper(connection: Connection, asked: Approval, _by: int, now: datetime) -> None:
    detail, row = asked.detail, register.lock(connection, int(asked.subject))
    if row is None or _about(row) != detail["about"]:
        raise NotPossible(_("Another code was sent after this was asked for. Ask again."))
    if not detail["same"]:
        raise NotPossible(_("The number on the paper is not the one of this request. Whoever asked has to ask again."))
    if not requests.accept_paper(connection, int(asked.subject), detail["reason"], detail["number"], now):
        raise NotPossible(_("This request is not waiting for a paper any more."))


STEPS = (
    Step(
        PAPER, (Role.PARTICIPATION,), (Role.APPROVER,), _says_paper, _do_paper,
        compare=_("Compare with the signed paper: its file number, the end of the phone number, and what is asked."),
    ),
)  # fmt: skip
