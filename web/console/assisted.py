"""Tables: ballots that officers take from people without a phone, one by one; `web/console/paper.py` has the paper."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from flask import Blueprint, Response, abort, request
from sqlalchemy import Connection
from wtforms import BooleanField, Form, IntegerField, RadioField, SelectChoice, SelectField, StringField
from wtforms.validators import InputRequired, Optional

from bot import assisted, booths
from bot.assisted import Already, Entered
from bot.booths import MOST_NAME, Booth, NotTaken
from bot.catalogue import Catalogue
from bot.desk import Desk
from flows.city import City
from flows.language import Phrase, _
from storage import audit, batches
from storage import catalogue as shelf
from storage.batches import Batch
from storage.database import reading, transaction
from web.console import paper, slips
from web.console.access import Role, allows, shown, staff
from web.console.answers import download, see
from web.console.forms import PLAIN, Boxes, Within
from web.invitation import Public
from web.rendering import say

T = TypeVar("T")

OPEN_PHASES = ("open", "closed")
ORIGINS: dict[str, Phrase] = {
    "assisted": _("Help at the table: each person's ballot is entered here, while they wait"),
    "paper": _("Paper: people mark signed paper, and it is typed in here afterwards"),
}
WAYS: dict[str, Phrase] = {
    "document": _("By identity document. Its number is not kept"),
    "slips": _("By numbered slips. Each serves once"),
}
STATES: dict[str, Phrase] = {
    "open": _("Open"),
    "waiting": _("Waits for a second person"),
    "boxed": _("In the ballot box"),
    "ended": _("Ended"),
    "discarded": _("Discarded"),
}
NEEDED = InputRequired(_("Choose from the list."))


class Table(Form):
    """A table that is opened."""

    origin = RadioField(
        _("What happens at this table"),
        [NEEDED],
        choices=[SelectChoice(origin, label) for origin, label in ORIGINS.items()],
        default="assisted",
    )
    name = StringField(
        _("Name of the table"),
        [Within(1, MOST_NAME, _("Write the name of the table, in 60 letters or less."))],
        filters=PLAIN,
        description=_("For example its place. Nobody's name."),
    )
    way = RadioField(_("How its voters are told apart"), [NEEDED])
    first = IntegerField(_("First slip"), [Optional()], description=_("Only for slips: the number printed on it."))
    last = IntegerField(_("Last slip"), [Optional()])


class Ballot(Form):
    """An assisted ballot, while the person stands at the table. The document is typed twice: a slip of the hand would
    be somebody else."""

    agreed = BooleanField(
        _("I read the notice to the person, and they agree"),
        [InputRequired(_("Without the person's agreement nothing is kept."))],
    )
    no_chat = BooleanField(
        _("The person says that they did not vote in a chat"),
        [InputRequired(_("Who voted in a chat changes that ballot in the chat, and not here."))],
    )
    shown = StringField("", filters=PLAIN)
    once_more = StringField(_("The same number once more"), filters=PLAIN)
    choices = Boxes(_("What the person chooses"))
    age = SelectField(_("Age"), [Optional()])
    sex = SelectField(_("Sex"), [Optional()])
    group = SelectField(_("Group"), [Optional()])
    place = StringField(_("Barrio or village"), filters=PLAIN)
    again = BooleanField(_("The person wants to change the ballot that they cast at a table"))


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages."""

    def city(connection: Connection) -> Catalogue:
        return desk.catalogue(connection, shelf.revision(connection))

    @blueprint.get("/mesas")
    @allows(Role.PARTICIPATION, Role.APPROVER)
    def tables() -> Response:
        now = desk.clock()
        with reading(desk.engine) as connection:
            listed = [each for each in city(connection).consultations.values() if each.phase(now) in OPEN_PHASES]
            found = batches.of(connection, [each.row.slug for each in listed])
            entered = batches.entered(connection, [batch.id for batch in found if batch.id])
        at = {each.row.slug: [batch for batch in found if batch.consultation == each.row.slug] for each in listed}
        return shown("console/tables.html", listed=listed[::-1], at=at, entered=entered, states=STATES, now=now)

    @blueprint.route("/mesas/abrir/<slug>", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def open_table(slug: str) -> Response:
        with reading(desk.engine) as connection:
            booth = _booth(desk, connection, slug)
        form = Table(request.form)
        form.way.choices = [SelectChoice(way, WAYS[way]) for way in booths.ways(booth.listed)]
        closed = booths.refusal(booth, "paper")
        problem: Phrase | None = None
        if request.method == "POST" and form.validate():
            try:
                return see(".table", id=_opened(desk, slug, form))
            except NotTaken as refused:
                problem = refused.why
        status = 422 if request.method == "POST" else 200
        return shown("console/table_open.html", status, form=form, booth=booth, closed=closed, problem=problem)

    @blueprint.route("/mesas/<int(max=2147483647):id>", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION, Role.APPROVER)
    def table(id: int) -> Response:
        with reading(desk.engine) as connection:
            batch, booth = _table(desk, connection, id)
            if batch.origin == "paper":
                return paper.page(booth, batch)
            entered = batches.entered(connection, [id]).get(id, 0)
        form, done, problem = _ballot(booth.city, booth, batch), None, booths.refusal(booth, "assisted")
        already = False
        if request.method == "POST":
            if Role.PARTICIPATION not in staff().roles:
                return shown("console/refused.html", 403)
            try:
                done = _entered(desk, batch, form) if _agree(form, batch) else None
            except NotTaken as refused:
                problem, already = refused.why, isinstance(refused, Already)
        if done is not None:
            return shown("console/receipt.html", batch=batch, booth=booth, done=done)
        return shown(
            "console/table.html", 422 if request.method == "POST" else 200, batch=batch, booth=booth, form=form,
            entered=entered, states=STATES, ways=WAYS, problem=problem, already=already or form.again.data,
            enters=batch.state == "open" and booths.refusal(booth, "assisted") is None,
        )  # fmt: skip

    @blueprint.route("/mesas/<int(max=2147483647):id>/terminar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def end_table(id: int) -> Response:
        with reading(desk.engine) as connection:
            batch, booth = _table(desk, connection, id, "assisted")
            entered = batches.entered(connection, [id]).get(id, 0)
        if request.method == "GET":
            return shown("console/table_end.html", batch=batch, booth=booth, entered=entered, problem=None)

        def ended(booth: Booth) -> None:
            booths.end(booth, id)
            number = batches.entered(booth.connection, [id]).get(id, 0)
            note(booth, "table.ended", id, ballots=number)

        problem = attempt(desk, batch, ended)
        if problem is not None:
            return shown("console/table_end.html", 409, batch=batch, booth=booth, entered=entered, problem=problem)
        return see(".tables")

    @blueprint.get("/mesas/<int(max=2147483647):id>/papeletas.pdf")
    @allows(Role.PARTICIPATION)
    def printed_slips(id: int) -> Response:
        with reading(desk.engine) as connection:
            batch, booth = _table(desk, connection, id)
        if batch.first_slip is None or batch.last_slip is None:
            abort(404)
        numbers = range(batch.first_slip, batch.last_slip + 1)
        printed = slips.sheet(booth.listed.seen, batch.name, numbers, say)
        return download(printed, "application/pdf", f"papeletas-{id}.pdf")

    paper.add(blueprint, desk, partial(_table, origin="paper"))


def _booth(desk: Desk, connection: Connection, slug: str) -> Booth:
    """Work in a consultation; 404 without."""
    booth = Booth.at(desk, connection, slug, staff().id)
    if booth is None:
        abort(404)
    return booth


def _table(desk: Desk, connection: Connection, id: int, origin: str = "") -> tuple[Batch, Booth]:
    """A table, of that origin where one is named, and its consultation; 404 without."""
    batch = batches.one(connection, id)
    if batch is None or (origin and batch.origin != origin):
        abort(404)
    return batch, _booth(desk, connection, batch.consultation)


def attempt(desk: Desk, batch: Batch, work: Callable[[Booth], T]) -> Phrase | None:
    """Do something at a table in one transaction; why not, or None when it is done."""
    try:
        with transaction(desk.engine) as connection:
            work(_booth(desk, connection, batch.consultation))
    except NotTaken as refused:
        return refused.why
    return None


def note(booth: Booth, action: str, id: int, **facts: Any) -> None:
    """Note what was done at a table: the batch, never a ballot."""
    audit.note(booth.connection, booth.now, booth.by, action, str(id), consultation=booth.slug, **facts)


def _opened(desk: Desk, slug: str, form: Table) -> int:
    """Open a table; its id. Raises NotTaken."""
    with transaction(desk.engine) as connection:
        booth = _booth(desk, connection, slug)
        slips_of = (form.first.data or 0, form.last.data or 0) if form.way.data == "slips" else None
        id = booths.open_(booth, form.origin.data, form.name.data, form.way.data, slips_of)
        note(booth, "table.opened", id, origin=form.origin.data, way=form.way.data)
    return id


def _ballot(city: City, booth: Booth, batch: Batch) -> Ballot:
    """The form of a ballot, with this consultation's proposals and the city's questions."""
    form = Ballot(request.form)
    form.choices.choices = [
        SelectChoice(p.id, _("{number}. {title}", number=p.number, title=p.title)) for p in booth.listed.seen.proposals
    ]
    form.choices.description = assisted.how_many(booth)
    document, slip = _("Number of the document"), _("Number of the slip")
    form.shown.label.text = slip if batch.way == "slips" else document
    for name in ("age", "sex", "group"):
        answers = [SelectChoice(option.id, option.label) for option in city.questions[name]]
        form[name].choices = [SelectChoice("", _("Not said")), *answers]
    return form


def _agree(form: Ballot, batch: Batch) -> bool:
    """Whether the form is whole, and the document the same both times."""
    whole = form.validate()
    if batch.way == "document" and form.shown.data != form.once_more.data:
        form.once_more.errors = [_("The two numbers are not the same.")]
        return False
    return bool(whole)


def _entered(desk: Desk, batch: Batch, form: Ballot) -> Entered:
    """Put the ballot in the box. Raises NotTaken. Nothing of it is noted: the record names the table's batch alone."""
    with transaction(desk.engine) as connection:
        booth = _booth(desk, connection, batch.consultation)
        place = booths.read_place(booth.city, form.place.data) if form.place.data else None
        profile = {"age": form.age.data, "sex": form.sex.data, "group": form.group.data, "place": place}
        assert batch.id is not None
        return assisted.enter(booth, batch.id, form.shown.data, form.choices.data, profile, form.again.data)
