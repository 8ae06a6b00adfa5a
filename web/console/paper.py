"""Paper of a table: typed or sent as a spreadsheet, looked at row by row, sent to a second person, who confirms it."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request, url_for
from sqlalchemy import Connection
from wtforms import FileField, Form, IntegerField, TextAreaField

from bot import booths, papers
from bot.booths import MOST_SLIPS, Booth, NotTaken
from bot.desk import Desk
from bot.lifecycle import NotPossible
from bot.papers import HEADERS, MOST_ROWS, Row, Sheet
from flows.language import Local, Phrase, _
from storage import approvals, audit, batches, sheets
from storage.approvals import Approval, Decided
from storage.batches import Batch
from storage.database import reading, transaction
from web import paging
from web.console.access import Role, allows, shown, staff
from web.console.answers import XLSX, download, see
from web.console.approvals import Step
from web.console.forms import UPLOAD, Between, phrase
from web.rendering import language

KIND = "table.paper"
SHOWN = 50
"""Rows of a page of the preview; those with a mistake come first."""

STATED = Between(0, MOST_SLIPS, _("Write a whole number, 0 if there is none."))
NAMES: dict[str, Phrase] = {
    "slip": _("Slip"),
    "document": _("Document"),
    "choices": _("Proposals"),
    "age": _("Age"),
    "sex": _("Sex"),
    "group": _("Group"),
    "place": _("Barrio or village"),
}

Find = Callable[[Desk, Connection, int], tuple[Batch, Booth]]


class Papers(Form):
    """What an officer types of a table: the totals of its signed sheet, and a row for each paper that chooses."""

    valid = IntegerField(_("Ballots that choose something"), [STATED])
    blank = IntegerField(_("Blank ballots"), [STATED])
    void = IntegerField(_("Void ballots"), [STATED])
    file = FileField(
        _("Spreadsheet"), description=_("CSV or XLSX, up to 1,000 rows. It replaces what was typed before.")
    )
    rows = TextAreaField(_("Or type the rows here"), description=_("One paper in each line, with ; between its cells."))


def add(blueprint: Blueprint, desk: Desk, find: Find) -> None:
    """Add the pages."""

    def at_work(id: int, work: Callable[[Booth], Any]) -> Phrase | None:
        """Do something with a batch in one transaction; why not, or None when it is done."""
        try:
            with transaction(desk.engine) as connection:
                work(find(desk, connection, id)[1])
        except NotTaken as refused:
            return refused.why
        return None

    def again(id: int, problem: Phrase | None, status: int = 409) -> Response:
        if problem is None:
            return see(".table", id=id)
        with reading(desk.engine) as connection:
            batch, booth = find(desk, connection, id)
            return page(booth, batch, problem=problem, status=status)

    @blueprint.post("/mesas/<int(max=2147483647):id>/filas")
    @allows(Role.PARTICIPATION, most=UPLOAD)
    def type_rows(id: int) -> Response:
        with reading(desk.engine) as connection:
            batch, booth = find(desk, connection, id)
            form = Papers(request.form)
            if not form.validate():
                return page(booth, batch, form=form, status=422)
        try:
            rows = papers.arranged(batch.way, _sent())
        except NotTaken as refused:
            with reading(desk.engine) as connection:
                return page(find(desk, connection, id)[1], batch, form=form, problem=refused.why, status=422)
        sheet = Sheet(form.valid.data, form.blank.data, form.void.data)

        def keep(booth: Booth) -> None:
            papers.keep(booth, id, rows, sheet)
            _note(booth, "paper.typed", id, rows=len(rows))

        return again(id, at_work(id, keep))

    @blueprint.route("/mesas/<int(max=2147483647):id>/enviar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def send_paper(id: int) -> Response:
        if request.method == "GET":
            return _asked(desk, find, id, "console/paper_send.html")

        def send(booth: Booth) -> None:
            digest = papers.send(booth, id)
            batch = batches.one(booth.connection, id)
            assert batch is not None
            detail = {"digest": digest, "consultation": booth.slug, "name": batch.name, "valid": batch.valid}
            detail |= {"blank": batch.blank, "void": batch.void, "slips": [batch.first_slip, batch.last_slip]}
            detail |= {"title": booth.listed.seen.title.by_language}
            approvals.ask(booth.connection, KIND, str(id), detail, booth.by, booth.now)
            _note(booth, "paper.sent", id, rows=batch.valid)

        return again(id, at_work(id, send))

    @blueprint.post("/mesas/<int(max=2147483647):id>/devolver")
    @allows(Role.PARTICIPATION, Role.APPROVER)
    def take_back_paper(id: int) -> Response:
        def take_back(booth: Booth) -> None:
            _withdraw(booth, id)
            papers.take_back(booth, id)
            _note(booth, "paper.back", id)

        return again(id, at_work(id, take_back))

    @blueprint.route("/mesas/<int(max=2147483647):id>/descartar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def discard_paper(id: int) -> Response:
        if request.method == "GET":
            return _asked(desk, find, id, "console/paper_discard.html")

        def discard(booth: Booth) -> None:
            _withdraw(booth, id)
            papers.discard(booth, id)
            _note(booth, "paper.discarded", id)

        return again(id, at_work(id, discard))

    @blueprint.get("/mesas/<int(max=2147483647):id>/plantilla.xlsx")
    @allows(Role.PARTICIPATION)
    def paper_template(id: int) -> Response:
        with reading(desk.engine) as connection:
            batch, _booth = find(desk, connection, id)
        return download(template(batch), XLSX, f"mesa-{id}.xlsx")


def page(
    booth: Booth, batch: Batch, form: Papers | None = None, problem: Phrase | None = None, status: int = 200
) -> Response:
    """A batch of paper: what was typed of it, with what is wrong, and what can be done next."""
    typed = papers.typed_rows(booth.ink, batch)
    rows: list[Row] = []
    try:
        rows = papers.checked(booth, batch, typed) if batch.state in batches.UNCONFIRMED else []
    except NotTaken as refused:
        problem = problem or refused.why
    sheet = papers.stated(batch)
    if form is None:
        text = "\n".join("; ".join(row).rstrip("; ") for row in typed)
        form = Papers(valid=sheet.valid, blank=sheet.blank, void=sheet.void, rows=text)
    ordered = sorted(rows, key=lambda row: not any(cell.wrong for cell in row.cells))
    asked = approvals.about(booth.connection, KIND, str(batch.id)) if batch.state == "waiting" else None
    return shown(
        "console/paper.html", status, booth=booth, batch=batch, form=form, problem=problem, sheet=sheet, asked=asked,
        part=paging.part(ordered, paging.asked(), most=SHOWN), number=len(rows),
        names=[NAMES[name] for name in papers.columns(batch.way)], faults=papers.faults(rows, batch, sheet),
        closed=booths.refusal(booth, "paper"), lost=batch.sealed is not None and not typed and batch.valid > 0,
        mine=staff().id in (batch.entered_by, batch.sent_by), types=Role.PARTICIPATION in staff().roles,
    )  # fmt: skip


def template(batch: Batch) -> bytes:
    """A spreadsheet for a table: the columns, the table's slips, and cells that are text, so that 1-4 is no date."""
    names = [HEADERS[name][0 if language() == "es" else 1] for name in papers.columns(batch.way)]
    slips: Sequence[int] = ()
    if batch.first_slip is not None and batch.last_slip is not None:
        slips = range(batch.first_slip, batch.last_slip + 1)[:MOST_ROWS]
    book, _sheet = sheets.blank(names, MOST_ROWS, [str(number) for number in slips])
    return sheets.packed(book)


def steps(desk: Desk) -> tuple[Step, ...]:
    """What needs a second person: the paper of a table."""

    def confirm(connection: Connection, asked: Approval, by: int, _now: datetime) -> None:
        booth = Booth.at(desk, connection, asked.detail["consultation"], by)
        assert booth is not None
        try:
            number = papers.confirm(booth, int(asked.subject), asked.detail["digest"])
        except NotTaken as refused:
            raise NotPossible(refused.why) from None
        _note(booth, "paper.boxed", int(asked.subject), ballots=number)

    return (
        Step(
            KIND, (Role.PARTICIPATION,), (Role.APPROVER,), _says, confirm,
            compare=_("Compare the rows with the papers, and the totals with the sheet that the table signed."),
            look=lambda asked: url_for(".table", id=int(asked.subject)),
        ),
    )  # fmt: skip


def _says(asked: Approval) -> Phrase:
    detail = asked.detail
    stated = {name: detail[name] for name in ("name", "valid", "blank", "void")}
    first, last = detail["slips"]
    slips = _(" (slips {first} to {last})", first=first, last=last) if first is not None else ""
    return _(
        "{title}, table {id} ({name}){slips}. Put its paper in the box: {valid} ballots, {blank} blank, {void} void",
        id=asked.subject, title=Local(detail["title"]), slips=slips, **stated,
    )  # fmt: skip


def _asked(desk: Desk, find: Find, id: int, name: str) -> Response:
    with reading(desk.engine) as connection:
        batch, booth = find(desk, connection, id)
    return shown(name, batch=batch, booth=booth, sheet=papers.stated(batch))


def _sent() -> list[list[sheets.Cell]]:
    """The rows of the file, if one was sent, or else those that were typed. Raises NotTaken."""
    sent = request.files.get("file")
    if sent is not None and sent.filename:
        try:
            return sheets.rows(sent.read())
        except sheets.Unreadable as unreadable:
            raise NotTaken(_("The file {reason}.", reason=phrase(unreadable.reason))) from None
    try:
        return sheets.rows_of_text(request.form.get("rows", ""))
    except sheets.Unreadable as unreadable:
        raise NotTaken(_("What you typed {reason}.", reason=phrase(unreadable.reason))) from None


def _withdraw(booth: Booth, id: int) -> None:
    """Nobody is asked to confirm it any more. The request comes before the batch, as where somebody agrees to it."""
    asked = approvals.about(booth.connection, KIND, str(id))
    if asked is not None:
        with suppress(Decided):  # just now: the batch is then no longer what it was, and says so
            approvals.decide(booth.connection, asked.id, booth.by, "withdrawn", booth.now)


def _note(booth: Booth, action: str, id: int, **facts: Any) -> None:
    """Note what was done with a batch; never a ballot."""
    audit.note(booth.connection, booth.now, booth.by, action, str(id), consultation=booth.slug, **facts)
