"""What the voices say in the console: an office reports and answers objections, the monitor grades; with evidence."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, abort, request, url_for
from sqlalchemy import Row
from werkzeug.datastructures import FileStorage
from wtforms import Form, MultipleFileField, RadioField, TextAreaField

from bot import evidence, plan_commands
from bot.desk import Desk
from bot.monitor import LONGEST_GRADE
from flows.answers import tidy
from flows.language import Phrase, _
from flows.office import LARGEST, MOST_FILES, MOST_LETTERS
from flows.plan import GRADES, STATES
from storage import audit, voices
from storage.database import reading, transaction
from web import paging
from web.console.access import Role, allows, shown, staff
from web.console.answers import go, see
from web.console.forms import choices
from web.console.plans import Sight, known_commitment, known_milestone, known_plan, read, today
from web.history import office_name
from web.invitation import Public

UPLOAD = MOST_FILES * LARGEST + 1_000_000
"""Bytes of a form with evidence."""

FILES_HINT = _("Photos or PDF files: at most {n}, each of at most 10 megabytes. All of it is public.", n=MOST_FILES)


class ReportForm(Form):
    state = RadioField(_("Where it stands"))
    office = RadioField(_("In the name of which office"))
    text = TextAreaField(
        _("What was done"), description=_("In plain words, at most {n} letters. It is public.", n=MOST_LETTERS)
    )
    files = MultipleFileField(_("Evidence"), description=FILES_HINT)


class GradeForm(Form):
    grade = RadioField(_("What you found"))
    text = TextAreaField(_("Why"), description=_("In plain words, at most {n} letters. It is public.", n=LONGEST_GRADE))
    files = MultipleFileField(_("Evidence"), description=FILES_HINT)


class AnswerForm(Form):
    text = TextAreaField(
        _("The answer of the office"),
        description=_("At most {n} letters. It is published together with the objection.", n=MOST_LETTERS),
    )


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages."""

    @blueprint.route("/hitos/<milestone>/informe", methods=["GET", "POST"])
    @allows(Role.OFFICE, most=UPLOAD)
    def report(milestone: str) -> Response:
        with reading(desk.engine) as connection:
            sight, promised, step = known_milestone(read(connection, desk), milestone)
        mine = sight.reports(step)
        if not mine:
            abort(404)
        form = ReportForm(request.form, data={"office": mine[0]})
        form.state.choices = choices(STATES)
        form.office.choices = choices({id: office_name(sight.plan, id) for id in mine})
        page: dict[str, Any] = {
            "plan": sight.plan,
            "commitment": promised,
            "milestone": step,
            "form": form,
            "one": len(mine) == 1,
        }
        if request.method == "GET":
            return shown("console/report.html", **page)
        said, files = _text(form, MOST_LETTERS), _files(form)
        for field, known in ((form.state, STATES), (form.office, mine)):
            if field.data not in known:
                field.errors = [_("Please choose one of the list.")]
        if _wrong(form):
            return shown("console/report.html", 422, again=bool(_given()), **page)
        now = desk.clock()
        with transaction(desk.engine) as connection:
            # Once more, in this transaction: the plan may have been edited while the form was open.
            sight, _promised, step = known_milestone(read(connection, desk), milestone)
            if form.office.data not in sight.reports(step):
                abort(404)
            number = plan_commands.file_report(
                connection, step.id, form.office.data, form.state.data, said, "console", now
            )
            evidence.attach(connection, files, now, report_id=number)
            audit.note(connection, now, staff().id, "milestone.reported", step.id, report=number, files=len(files))
        return see(".milestone", milestone=step.id)

    @blueprint.get("/objeciones")
    @allows(Role.OFFICE, Role.PARTICIPATION, Role.MONITOR)
    def objections() -> Response:
        with reading(desk.engine) as connection:
            city = read(connection, desk)
            rows = [row for row in voices.unanswered(connection) if city.plan_of(row.milestone) and _may_see(city, row)]
        part = paging.part(rows, paging.asked())
        plans = {row.id: city.plan_of(row.milestone) for row in part.items}
        zone, day = city.hours.zone, today(desk, city)
        days = {row.id: (day - row.at.astimezone(zone).date()).days for row in part.items}
        return shown(
            "console/objections.html", part=part, number=len(rows), plans=plans, days=days, office_name=office_name
        )

    @blueprint.route("/objeciones/<int(max=2147483647):number>", methods=["GET", "POST"])
    @allows(Role.OFFICE)
    def objection(number: int) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection, desk)
            row = voices.objection(connection, number)
            reported = voices.one_report(connection, row.report_id) if row is not None else None
        plan = city.plan_of(row.milestone) if row is not None else None
        # The office that reported answers, as in the chat, also where others answer for the milestone by now.
        if row is None or plan is None or row.reporter not in Sight.of(plan).offices:
            abort(404)
        form = AnswerForm(request.form)
        page: dict[str, Any] = {
            "row": row,
            "plan": plan,
            "milestone": plan.milestones.get(row.milestone),
            "report": reported,
        }
        if request.method == "GET" or row.answer is not None:
            return shown("console/objection.html", form=form, **page)
        said = _text(form, MOST_LETTERS)
        if _wrong(form):
            return shown("console/objection.html", 422, form=form, **page)
        with transaction(desk.engine) as connection:
            if voices.answer(connection, number, row.reporter, said, desk.clock()):
                audit.note(connection, desk.clock(), staff().id, "objection.answered", str(number))
        return see(".objection", number=number)

    @blueprint.route("/planes/<plan>/calificaciones/<subject>", methods=["GET", "POST"])
    @allows(Role.MONITOR, most=UPLOAD)
    def grade(plan: str, subject: str) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection, desk)
            found = known_plan(city, plan)
        if subject not in found.milestones and found.commitment(subject) is None:
            abort(404)
        if "." in subject:
            _sight, promised, step = known_milestone(city, subject)
            title, back = step.title, url_for(".milestone", milestone=subject)
        else:
            _sight, promised = known_commitment(city, subject)
            title, back = promised.title, url_for(".commitment", commitment=subject)
        form = GradeForm(request.form)
        form.grade.choices = choices(GRADES)
        page: dict[str, Any] = {"plan": found, "title": title, "form": form, "back": back}
        if request.method == "GET":
            return shown("console/grade.html", **page)
        said, files = _text(form, LONGEST_GRADE), _files(form)
        if form.grade.data not in GRADES:
            form.grade.errors = [_("Please choose one of the list.")]
        if _wrong(form):
            return shown("console/grade.html", 422, again=bool(_given()), **page)
        now = desk.clock()
        with transaction(desk.engine) as connection:
            number = voices.grade(connection, found.slug, subject, form.grade.data, said, now)
            evidence.attach(connection, files, now, grade_id=number)
            audit.note(connection, now, staff().id, "plan.graded", subject, grade=number, files=len(files))
        return go(back)


def _may_see(city: Any, row: Row[Any]) -> bool:
    sight = Sight.of(city.plan_of(row.milestone))
    return sight.whole or row.reporter in sight.offices


def _text(form: Form, most: int) -> str:
    """What was written, as it is kept from a chat too; its field says what is wrong with it."""
    typed = form["text"].data or ""
    if len(typed) > most:
        form["text"].errors = [_("This has {n} letters. At most {most} fit.", n=len(typed), most=most)]
    elif not tidy(typed):
        form["text"].errors = [_("Please fill this in.")]
    return tidy(typed)


def _given() -> list[FileStorage]:
    """The files that came with the form; a browser sends one without a name where none was chosen."""
    return [file for file in request.files.getlist("files") if file.filename]


def _files(form: Form) -> Sequence[evidence.File]:
    """The evidence, checked as what comes from a chat; the field says which file is unfit, and why."""
    given = _given()
    if len(given) > MOST_FILES:
        form["files"].errors = [_("These are too many files. Choose at most {n}.", n=MOST_FILES)]
        return []
    found: list[evidence.File] = []
    faults: list[Phrase] = []
    for file in given:
        name = tidy(file.filename or "")[:60]
        try:
            found.append(evidence.checked(file.stream.read(LARGEST + 1), name))
        except evidence.Unfit as unfit:
            faults.append(_unfit(unfit.reason, name))
    form["files"].errors = faults
    return found


def _unfit(reason: str, name: str) -> Phrase:
    if reason == "size":
        return _("{name} is too large. A file has at most 10 megabytes.", name=name)
    return _("{name} is neither a photo nor a PDF file.", name=name)


def _wrong(form: Form) -> bool:
    return any(field.errors for field in form)
