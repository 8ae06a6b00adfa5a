"""Drafts of consultations: typed into forms or brought along in a spreadsheet, seen as voters will, then scheduled.

Whatever is typed is kept, finished or not, and each fault stands beside its field. A form names what it was made from:
who saves after somebody else did sees what that one wrote, and nothing is overwritten unseen.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, request
from sqlalchemy import Connection
from wtforms import Field, Form, IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import Optional

from bot import lifecycle, preview, tables
from bot.catalogue import Catalogue
from bot.desk import Desk
from flows.language import Joined, Phrase, _
from storage import audit, definition, drafts, proposal_sheet, typed
from storage import catalogue as shelf
from storage import staff as accounts
from storage.database import reading, transaction
from storage.definition import LENGTHS, MOST_PROPOSALS, PROPOSAL_COLUMNS
from storage.drafts import Changed, Gone, Kept, TooMany, print_of
from storage.faults import Fault
from storage.sheets import Unreadable
from storage.typed import CELLS, Checked, check, check_proposals
from web import paging
from web.console.access import Role, allows, shown, staff
from web.console.answers import CSV, XLSX, download, see
from web.console.forms import UPLOAD, Boxes, choices, phrase
from web.invitation import Public
from web.rendering import say

PER_PAGE = 50
"""Proposals on one page of the console."""

GROUPS: Mapping[str, Phrase] = {
    "age": _("Age"),
    "sex": _("Sex"),
    "group": _("Group"),
    "locality": _("Locality"),
    "unit": _("Part of the city"),
    "origin": _("Channel"),
    "level": _("What they showed"),
}
ASKED: Mapping[str, Phrase] = {**{name: GROUPS[name] for name in definition.QUESTIONS}, "place": _("Where they live")}
LEVELS: Mapping[str, Phrase] = {
    "": _("Choose one"),
    "contact": _("Nothing: a chat is enough"),
    "phone": _("Their own phone number, confirmed"),
    "document": _("Their identity document, in person"),
}
WAYS: Mapping[str, Phrase] = {
    "document": _("By their identity document, never written down"),
    "slips": _("By numbered slips, each for one vote"),
}
CELL_NAMES: Mapping[str, Phrase] = {
    "id": _("Id"),
    "number": _("Number"),
    "title_es": _("Title in Spanish"),
    "title_en": _("Title in English"),
    "short_es": _("Short title in Spanish, for text messages"),
    "short_en": _("Short title in English, for text messages"),
    "more_es": _("Explanation in Spanish"),
    "more_en": _("Explanation in English"),
    "official": _("Official text, word for word"),
}
HOUR = _("In hours of 24, such as 18:00")
DAY = _("Day, month and year, such as 30/11/2026")


class Frame(Form):
    """The title, the dates and the rules."""

    title_es = StringField(_("Title in Spanish"))
    title_en = StringField(_("Title in English"))
    slug = StringField(_("Address"), description=_("How its page ends. Left empty, it is made from the title."))
    ideas_until_day = StringField(
        _("Ideas until: day"), description=_("Only if residents send ideas first. Scheduling ends it too.")
    )
    ideas_until_hour = StringField(_("Ideas until: hour"), description=HOUR)
    opens_day = StringField(_("Opens: day"), description=DAY)
    opens_hour = StringField(_("Opens: hour"), description=HOUR)
    closes_day = StringField(_("Closes: day"), description=DAY)
    closes_hour = StringField(_("Closes: hour"), description=HOUR)
    paper_until_day = StringField(_("Paper until: day"), description=_("Only if there are ballots on paper."))
    paper_until_hour = StringField(_("Paper until: hour"), description=HOUR)
    least = StringField(_("How many proposals at least"))
    most = StringField(_("How many proposals at most"))
    identity = SelectField(_("What people have to show"), choices=choices(LEVELS), validate_choice=False)
    people_per_contact = StringField(_("How many people may vote from one phone"), description=_("From 1 to 50."))
    asks = Boxes(_("What is asked before one votes"), choices=choices(ASKED))
    desk = Boxes(
        _("How those are told apart who vote at a table"),
        description=_("For people without a phone. Tick nothing if there are no tables."),
        choices=choices(WAYS),
    )
    who_es = TextAreaField(_("Who may vote, in Spanish"))
    who_en = TextAreaField(_("Who may vote, in English"))
    tie_es = TextAreaField(_("What happens in a tie, in Spanish"))
    tie_en = TextAreaField(_("What happens in a tie, in English"))
    shown = Boxes(
        _("Where numbers below 5 are published"),
        description=_("A small number can point to a person. Tick only what you have a reason for."),
        choices=choices(GROUPS),
    )


class Proposal(Form):
    """One proposal, and its place in the list."""

    title_es = StringField(CELL_NAMES["title_es"])
    title_en = StringField(CELL_NAMES["title_en"])
    short_es = StringField(CELL_NAMES["short_es"])
    short_en = StringField(CELL_NAMES["short_en"])
    more_es = TextAreaField(CELL_NAMES["more_es"])
    more_en = TextAreaField(CELL_NAMES["more_en"])
    official = TextAreaField(CELL_NAMES["official"])
    id = StringField(CELL_NAMES["id"], description=_("Ballots carry it. Left empty, we give it one."))
    place = IntegerField(CELL_NAMES["number"], [Optional()], description=_("Its place in the list."))


MOST: Mapping[str, int] = {
    **{f"title_{language}": definition.MOST_TITLE for language in ("es", "en")},
    **{f"{name}_{language}": definition.MOST_RULE for name in ("who", "tie") for language in ("es", "en")},
}
"""Letters that a field of the frame may have."""

IN_PROPOSAL = {name: LENGTHS[name.split("_")[0]] for name in CELLS if name != "id"}


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages."""

    def city(connection: Connection) -> Catalogue:
        return desk.catalogue(connection, shelf.revision(connection))

    def looked_at(id: int) -> tuple[Kept, Checked, Catalogue]:
        """A draft with what is wrong in it; 404 without."""
        with reading(desk.engine) as connection:
            found, here = drafts.one(connection, id), city(connection)
            if found is None:
                abort(404)
            return found, check(found.typed, here.hours.zone, drafts.taken(connection, found)), here

    def change(id: int, edit: Any) -> Kept:
        """Change a draft and note that it was. Raises Changed; 404 where it is gone."""
        try:
            with transaction(desk.engine) as connection:
                kept = drafts.change(connection, id, edit, staff().id, desk.clock())
                audit.note(connection, desk.clock(), staff().id, "draft.changed", str(id))
        except Gone:
            abort(404)
        return kept

    @blueprint.route("/borradores/nuevo", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def draft_new() -> Response:
        form, problem = Frame(request.form), None
        if request.method == "POST":
            try:
                with transaction(desk.engine) as connection:
                    id = drafts.start(connection, _framed(form), staff().id, desk.clock())
                    audit.note(connection, desk.clock(), staff().id, "draft.begun", str(id))
                return see(".sheet" if "hoja" in request.form else ".draft", id=id)
            except TooMany:
                problem = _("There are too many drafts. Discard those that nobody needs.")
        return shown("console/draft_new.html", 422 if problem else 200, form=form, problem=problem)

    @blueprint.route("/borradores/<int(max=2147483647):id>", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def draft(id: int) -> Response:
        theirs: Mapping[str, Any] | None = None
        given = Frame(request.form)
        if request.method == "POST":
            mine = _framed(given)

            def edit(now: dict[str, Any]) -> dict[str, Any]:
                _unchanged({name: value for name, value in now.items() if name != "proposals"})
                return {**mine, "proposals": now.get("proposals", [])}

            try:
                change(id, edit)
                return see(".draft", id=id, guardado=1)
            except Changed:
                theirs = mine
        found, checked, _here = looked_at(id)
        form = Frame(data=dict(found.fields if theirs is None else theirs))
        differ = {} if theirs is None else _differing(form, found.fields, theirs)
        if theirs is None:
            _mark(form, checked)
        _measure(form, MOST)
        with reading(desk.engine) as connection:
            who = accounts.logins(connection, {found.changed_by} - {None})
        return shown(
            "console/draft.html", 409 if theirs is not None else 200, form=form, draft=found, checked=checked,
            seen=print_of(found.fields), differ=differ, who=who.get(found.changed_by or 0, ""),
            saved="guardado" in request.args,
        )  # fmt: skip

    @blueprint.get("/borradores/<int(max=2147483647):id>/propuestas")
    @allows(Role.PARTICIPATION)
    def proposals(id: int) -> Response:
        found, checked, _here = looked_at(id)
        rows = [(place, row, checked.of_proposal(place)) for place, row in enumerate(found.proposals)]
        part = paging.part(rows, paging.asked(), most=PER_PAGE)
        return shown("console/proposals.html", draft=found, checked=checked, part=part, most=MOST_PROPOSALS)

    @blueprint.route("/borradores/<int(max=2147483647):id>/propuestas/nueva", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def proposal_new(id: int) -> Response:
        found, _checked, _here = looked_at(id)
        if len(found.proposals) >= MOST_PROPOSALS:
            return see(".proposals", id=id)
        form = Proposal(request.form)
        if request.method == "POST":
            added = len(found.proposals)

            def edit(now: dict[str, Any]) -> dict[str, Any]:
                rows = [*now.get("proposals", ()), _proposed(form)]
                return {**now, "proposals": _moved(proposal_sheet.with_ids(rows), len(rows) - 1, form)[:MOST_PROPOSALS]}

            kept = change(id, edit)
            place = min(_wished(form, added), len(kept.proposals) - 1)
            return see(".proposal", id=id, place=place, guardado=1)
        _measure(form, IN_PROPOSAL)
        return shown("console/proposal.html", draft=found, form=form, place=None, seen="", differ={}, saved=False)

    @blueprint.route("/borradores/<int(max=2147483647):id>/propuestas/<int:place>", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def proposal(id: int, place: int) -> Response:
        given, mine = Proposal(request.form), None
        if request.method == "POST":
            mine = _proposed(given)

            def edit(now: dict[str, Any]) -> dict[str, Any]:
                rows = list(now.get("proposals", ()))
                _unchanged(rows[place] if place < len(rows) else None)
                rows[place] = _proposed(given)
                return {**now, "proposals": _moved(proposal_sheet.with_ids(rows), place, given)}

            try:
                kept = change(id, edit)
                return see(".proposal", id=id, place=min(_wished(given, place), len(kept.proposals) - 1), guardado=1)
            except Changed:
                pass
        found, checked, _here = looked_at(id)
        if place >= len(found.proposals):
            abort(404)
        now = found.proposals[place]
        form = Proposal(data={**(mine or now), "place": place + 1})
        if mine is None:
            _mark_cells(form, checked.of_proposal(place))
        _measure(form, IN_PROPOSAL)
        return shown(
            "console/proposal.html", 409 if mine is not None else 200, draft=found, form=form, place=place,
            seen=print_of(now), differ=_differing(form, now, mine) if mine is not None else {},
            saved="guardado" in request.args,
        )  # fmt: skip

    @blueprint.route("/borradores/<int(max=2147483647):id>/propuestas/<int:place>/quitar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def proposal_gone(id: int, place: int) -> Response:
        if request.method == "POST":

            def edit(now: dict[str, Any]) -> dict[str, Any]:
                rows = list(now.get("proposals", ()))
                _unchanged(rows[place] if place < len(rows) else None)
                del rows[place]
                return {**now, "proposals": rows}

            try:
                change(id, edit)
                return see(".proposals", id=id)
            except Changed:
                pass
        found, _checked, _here = looked_at(id)
        if place >= len(found.proposals):
            abort(404)
        row = found.proposals[place]
        changed = request.method == "POST"
        return shown(
            "console/proposal_gone.html", 409 if changed else 200, draft=found, place=place, row=row,
            seen=print_of(row), changed=changed,
        )  # fmt: skip

    @blueprint.get("/borradores/<int(max=2147483647):id>/propuestas.csv")
    @allows(Role.PARTICIPATION)
    def proposals_file(id: int) -> Response:
        found, _checked, _here = looked_at(id)
        rows = [[row.get(name, "") for name in CELLS] for row in found.proposals]
        numbered = [[row[0], place, *row[1:]] for place, row in enumerate(rows, start=1)]
        return download(tables.as_csv([PROPOSAL_COLUMNS, *numbered]), CSV, "propuestas.csv")

    @blueprint.get("/borradores/plantilla.<kind>")
    @allows(Role.PARTICIPATION)
    def template(kind: str) -> Response:
        tongue = "en" if request.path.startswith("/en/") else "es"
        if kind not in ("csv", "xlsx"):
            abort(404)
        if kind == "csv":
            made = b"\xef\xbb\xbf" + tables.as_csv([list(proposal_sheet.HEADINGS[tongue].values())])
            return download(made, CSV, "plantilla.csv")
        made = proposal_sheet.blank(tongue, {name: say(_told(name)) for name in PROPOSAL_COLUMNS}, say(_("Help")))
        return download(made, XLSX, "plantilla.xlsx")

    @blueprint.route("/borradores/<int(max=2147483647):id>/hoja", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION, most=UPLOAD)
    def sheet(id: int) -> Response:
        problem: Phrase | None = None
        if request.method == "POST":
            file = request.files.get("archivo")
            try:
                read = proposal_sheet.read(file.read()) if file else None
                if read is None or not file or not file.filename:
                    problem = _("Choose a file first.")
                else:
                    _lay(desk, id, _kept(read))
                    return see(".sheet", id=id)
            except Unreadable as unreadable:
                problem = _("The file {reason}.", reason=phrase(unreadable.reason))
        found, _checked, _here = looked_at(id)
        rows: list[tuple[int, Mapping[str, str], Mapping[str, Sequence[Fault]]]] = []
        if found.sheet is not None:
            checked = _checked_sheet(found.sheet)
            rows = [(n, row, checked.of_proposal(n)) for n, row in enumerate(found.sheet["rows"])]
        return shown(
            "console/sheet.html", 422 if problem else 200, draft=found, problem=problem, rows=rows, phrase=phrase,
            bad=sum(bool(faults) for _n, _row, faults in rows), cells=CELL_NAMES, seen=print_of(found.sheet),
            part=paging.part(rows, paging.asked(), most=PER_PAGE),
        )  # fmt: skip

    @blueprint.post("/borradores/<int(max=2147483647):id>/hoja/<what>")
    @allows(Role.PARTICIPATION)
    def sheet_done(id: int, what: str) -> Response:
        if what not in ("usar", "dejar"):
            abort(404)
        with transaction(desk.engine) as connection:
            try:
                found = drafts.hold(connection, id)
            except Gone:
                abort(404)
            if found.sheet is None or print_of(found.sheet) != request.form.get("seen"):
                return see(".sheet", id=id)
            drafts.lay(connection, id, None)
            if what == "usar":
                rows = found.sheet["rows"]
                drafts.change(connection, id, lambda now: {**now, "proposals": rows}, staff().id, desk.clock())
                audit.note(connection, desk.clock(), staff().id, "draft.filled", str(id), proposals=len(rows))
            else:
                audit.note(connection, desk.clock(), staff().id, "draft.unfilled", str(id))
        return see(".proposals" if what == "usar" else ".sheet", id=id)

    @blueprint.get("/borradores/<int(max=2147483647):id>/vista")
    @allows(Role.PARTICIPATION)
    def draft_preview(id: int) -> Response:
        found, checked, here = looked_at(id)
        own = "en" if request.path.startswith("/en/") else "es"
        spoken = request.args.get("idioma", own)
        spoken = spoken if spoken in ("es", "en") else own
        scenes = None
        if checked.consultation is not None:
            scenes = preview.scenes(checked.consultation, here.city, desk.channels, spoken)
        return shown(
            "console/preview.html", draft=found, checked=checked, scenes=scenes, spoken=spoken, most=preview.CHANNELS,
        )  # fmt: skip

    @blueprint.route("/borradores/<int(max=2147483647):id>/programar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION, fresh=True)
    def scheduling(id: int) -> Response:
        problem: Phrase | None = None
        if request.method == "POST":
            try:
                seen = request.form.get("seen", "")
                slug = lifecycle.schedule(desk.engine, desk.keys, id, seen, desk.clock(), staff().id)
                return see(".consultation", slug=slug)
            except lifecycle.NotPossible as reason:
                problem = reason.reason
            except Gone:
                abort(404)
        found, checked, here = looked_at(id)
        return shown(
            "console/scheduling.html", 409 if problem else 200, draft=found, checked=checked, problem=problem,
            seen=print_of(found.typed), zone=ZoneInfo(here.city.zone), now=desk.clock(), url=public.url,
        )  # fmt: skip

    @blueprint.route("/borradores/<int(max=2147483647):id>/ideas", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION, fresh=True)
    def collecting(id: int) -> Response:
        problem: Phrase | None = None
        if request.method == "POST":
            try:
                slug = lifecycle.collect(desk.engine, id, request.form.get("seen", ""), desk.clock(), staff().id)
                return see(".ideas_of", slug=slug)
            except lifecycle.NotPossible as reason:
                problem = reason.reason
            except Gone:
                abort(404)
        with reading(desk.engine) as connection:
            found, here = drafts.one(connection, id), city(connection)
            if found is None:
                abort(404)
            zone = ZoneInfo(here.city.zone)
            checked = check(found.typed, zone, drafts.taken(connection, found), to_collect=True)
        whole = checked.consultation
        return shown(
            "console/collecting.html", 409 if problem else 200, draft=found, checked=checked, problem=problem,
            seen=print_of(found.typed),
            until=datetime.fromisoformat(whole.rules[definition.IDEAS]).astimezone(zone) if whole else None,
        )  # fmt: skip

    @blueprint.route("/borradores/<int(max=2147483647):id>/descartar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def draft_gone(id: int) -> Response:
        if request.method == "POST":
            try:
                with transaction(desk.engine) as connection:
                    if print_of(drafts.hold(connection, id).typed) == request.form.get("seen"):
                        drafts.discard(connection, id)
                        audit.note(connection, desk.clock(), staff().id, "draft.discarded", str(id))
                        return see(".consultations")
            except Gone:
                abort(404)
        found, _checked, _here = looked_at(id)
        return shown("console/draft_gone.html", draft=found, seen=print_of(found.typed))


def _framed(form: Frame) -> dict[str, Any]:
    """What was typed into the form."""
    texts = {name: typed.cut(form[name].data or "") for name in typed.FIELDS}
    return {**texts, **{name: [each for each in form[name].data or () if each in known] for name, known in TICKED}}


TICKED = (("asks", tuple(ASKED)), ("desk", tuple(WAYS)), ("shown", tuple(GROUPS)))


def _proposed(form: Proposal) -> dict[str, str]:
    return {name: typed.cut(form[name].data or "") for name in CELLS}


def _unchanged(now: Any) -> None:
    """Raises Changed where this is no longer what the form was made from."""
    if now is None or print_of(now) != request.form.get("seen"):
        raise Changed


def _wished(form: Proposal, place: int) -> int:
    """Where a proposal shall stand, counted from 0."""
    wished = form.place.data
    return place if wished is None else max(0, min(wished, MOST_PROPOSALS) - 1)


def _moved(rows: list[dict[str, str]], place: int, form: Proposal) -> list[dict[str, str]]:
    row = rows.pop(place)
    rows.insert(_wished(form, place), row)
    return rows


def _mark(form: Frame, checked: Checked) -> None:
    """Put what is wrong beside each field."""
    for field in form:
        moment = field.name.removesuffix("_day")
        faults = checked.of(moment if moment in (*definition.TIMES, definition.IDEAS) else field.name)
        field.errors = [phrase(fault) for fault in faults]


def _mark_cells(form: Proposal, faults: Mapping[str, Sequence[Fault]]) -> None:
    for field in form:
        field.errors = [phrase(fault) for fault in faults.get(field.name, ())]


def _measure(form: Form, most: Mapping[str, int]) -> None:
    """Say at each field how many letters it has, and may have."""
    for name, letters in most.items():
        _measured(form[name], letters)


def _measured(field: Field, most: int) -> None:
    told = _("{n} of at most {most} letters.", n=len(typed.tidy(field.data or "")), most=most)
    field.description = Joined([field.description, told], " ") if field.description else told


def _differing(form: Form, theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> dict[str, tuple[Phrase, str]]:
    """The fields in which what is kept now differs from what was typed: their labels, and what is kept."""
    return {
        name: (form[name].label.text, ", ".join(value) if isinstance(value, list) else str(value or ""))
        for name, value in theirs.items()
        if name in form and (value or "") != (mine.get(name) or "")
    }


def _told(column: str) -> Phrase:
    """What belongs into a column of the template."""
    if column == "id":
        return _("Letters a to z, digits and hyphens. Ballots carry it. Left empty, we give it one.")
    if column == "number":
        return _("1, 2, 3 and so on, in the order of the rows. It can stay empty.")
    most = LENGTHS[column.split("_")[0]]
    if column.startswith("short"):
        return _("At most {most} letters. In a text message á, í, ó and ú have no accent.", most=most)
    return _("At most {most} letters.", most=most)


def _kept(read: proposal_sheet.Sheet) -> dict[str, Any]:
    """A read sheet as it waits beside the draft."""
    faults = [[list(where), fault.msgid, dict(fault.values)] for where, fault in read.faults.items()]
    return {"rows": list(read.rows), "faults": faults}


def _checked_sheet(sheet: Mapping[str, Any]) -> Checked:
    """What is wrong in a sheet's cells; what Excel made of a cell goes before what that leads to."""
    found = dict(check_proposals(sheet["rows"]).faults)
    for where, msgid, values in sheet["faults"]:
        found[tuple(where)] = [Fault(msgid, **values)]
    return Checked(None, found)


def _lay(desk: Desk, id: int, sheet: Mapping[str, Any]) -> None:
    try:
        with transaction(desk.engine) as connection:
            drafts.hold(connection, id)
            drafts.lay(connection, id, sheet)
            audit.note(connection, desk.clock(), staff().id, "draft.sheet", str(id), proposals=len(sheet["rows"]))
    except Gone:
        abort(404)
