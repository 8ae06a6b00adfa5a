"""The ideas of residents: read, put together, answered in the city's words; and those from paper and workshops.

Who sent an idea is nowhere here. The words are shown to this role alone, and never changed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, request
from sqlalchemy import Connection, Row
from wtforms import Form, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice
from wtforms.validators import ValidationError

from bot.catalogue import Catalogue
from bot.desk import Desk
from bot.idea_commands import answer_of, is_code, new_code
from flows.ideas import MOST_LETTERS, Answer, Collection, came_of
from flows.language import Phrase, Text, _
from storage import audit, ideas
from storage import catalogue as shelf
from storage.database import reading, transaction
from storage.drafts import print_of
from web import invitation, paging
from web.console.access import Role, allows, shown, staff
from web.console.answers import see
from web.console.forms import PLAIN, Within, choices, plain
from web.invitation import Public
from web.paging import Part
from web.rendering import language

MOST = 50
"""Ideas of a page."""

MOST_ENTERED = 60
"""Ideas entered at once: those of a workshop."""

LATEST = 100
"""Drafts of answers that an idea can be put under."""

LETTERS = {"summary": 200, "reason": 400}

WHAT: Mapping[str, Text] = {
    "merged": _("It is part of a proposal or commitment"),
    "selected": _("It is a proposal or commitment by itself"),
    "not-selected": _("It was not selected, because …"),
    "outside": _("The city has no power over it: it goes to …"),
}
"""What can come of an idea, as staff choose it."""

STANDINGS: Mapping[str, Text] = {
    "new": _("Without an answer"),
    "drafted": _("The answer is a draft"),
    "answered": _("Answered"),
    "withdrawn": _("Taken back"),
}
VIAS: Mapping[str, Text] = {"chat": _("Chat"), "paper": _("Paper"), "workshop": _("Workshop")}


class AnswerForm(Form):
    """What came of some ideas, in the city's words."""

    what = SelectField(_("What came of it"), choices=choices(WHAT))
    subject = SelectField(_("Which proposal or commitment"), description=_("Only for the first two."))
    summary_es = StringField(
        _("What was proposed, in Spanish"),
        [Within(5, LETTERS["summary"], _("Write 5 to 200 letters."))],
        filters=PLAIN,
        description=_("In your own words, without names: it is published."),
    )
    summary_en = StringField(
        _("The same in English, if you like"),
        [Within(0, LETTERS["summary"], _("Write at most 200 letters."))],
        filters=PLAIN,
    )
    reason_es = TextAreaField(
        _("Why, or where it goes, in Spanish"),
        [Within(0, LETTERS["reason"], _("Write at most 400 letters."))],
        filters=PLAIN,
        description=_("Whoever proposed it reads this in the chat, and it is published."),
    )
    reason_en = TextAreaField(
        _("The same in English, if you like"),
        [Within(0, LETTERS["reason"], _("Write at most 400 letters."))],
        filters=PLAIN,
    )

    def validate_subject(self, field: Any) -> None:
        if self.what.data in ("merged", "selected") and not field.data:
            raise ValidationError(_("Choose which one."))
        if self.what.data not in ("merged", "selected"):
            field.data = ""

    def validate_reason_es(self, field: Any) -> None:
        if self.what.data in ("not-selected", "outside") and len(field.data) < 5:
            raise ValidationError(_("People are owed a reason. Write it in plain words."))

    def words(self, name: str) -> dict[str, str]:
        """A text by language, as far as it was written."""
        given = {each: self[f"{name}_{each}"].data for each in ("es", "en")}
        return {each: text for each, text in given.items() if text}


class Entered(Form):
    """Ideas from paper or a workshop, one in each line."""

    once = HiddenField()
    via = SelectField(
        _("Where they come from"), choices=[SelectChoice(name, VIAS[name]) for name in ("workshop", "paper")]
    )
    texts = TextAreaField(
        _("The ideas, one in each line"),
        filters=PLAIN,
        description=_("As they were said, without names or numbers of people. Each gets a slip with a code."),
    )

    def validate_texts(self, field: Any) -> None:
        lines = self.lines()
        if not 1 <= len(lines) <= MOST_ENTERED:
            raise ValidationError(_("Write from 1 to {n} ideas.", n=MOST_ENTERED))
        if any(len(line) > MOST_LETTERS for line in lines):
            raise ValidationError(_("One of them is longer than {n} letters.", n=MOST_LETTERS))

    def lines(self) -> list[str]:
        return [line.strip() for line in (self.texts.data or "").splitlines() if line.strip()]


@dataclass(frozen=True)
class Draft:
    """An answer and what is said of it in lists. `words` are those of its summary, where it was written."""

    row: Row[Any]
    answer: Answer

    @property
    def came(self) -> Phrase:
        return came_of(self.answer) if self.row.what else _("Not written yet")


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages."""

    def read(connection: Connection) -> Catalogue:
        return desk.catalogue(connection, shelf.revision(connection))

    def known(city: Catalogue, slug: str) -> Collection:
        return city.collections.get(slug) or abort(404)

    def found(connection: Connection, slug: str, id: int) -> tuple[Catalogue, Collection, Draft]:
        """An answer of a collection; 404 for one of another."""
        city = read(connection)
        collection = known(city, slug)
        row = ideas.outcome(connection, slug, id)
        if row is None:
            abort(404)
        return city, collection, Draft(row, answer_of(city, row))

    def note(connection: Connection, action: str, subject: str, **facts: Any) -> None:
        audit.note(connection, desk.clock(), staff().id, action, subject, **facts)

    @blueprint.get("/ideas")
    @allows(Role.PARTICIPATION)
    def ideas_() -> Response:
        with reading(desk.engine) as connection:
            city, numbers = read(connection), ideas.numbers(connection)
        collecting = city.collecting(desk.clock())
        return shown(
            "console/ideas.html", collections=city.collections.values(), numbers=numbers, collecting=collecting
        )

    @blueprint.get("/ideas/<slug>")
    @allows(Role.PARTICIPATION)
    def ideas_of(slug: str) -> Response:
        asked = {name: plain(request.args.get(name))[:100] for name in ("estado", "via", "buscar", "lugar")}
        asked["estado"] = asked["estado"] if asked["estado"] in STANDINGS else ""
        number = max(1, min(paging.asked(), 100_000))
        with reading(desk.engine) as connection:
            city = read(connection)
            collection, territory = known(city, slug), city.city.territory
            rows, total = ideas.listed(
                connection,
                slug,
                standing=asked["estado"],
                via=asked["via"],
                words=asked["buscar"],
                places=_within(city, asked["lugar"]),
                skip=(number - 1) * MOST,
                most=MOST,
            )
            drafts = [d for d in _drafts(connection, city, slug) if d.row.sent_at is None][-LATEST:]
            numbers = ideas.numbers(connection).get(slug, {})
        part = Part(rows, number, max(1, -(-total // MOST)))
        if number > part.of:
            abort(404)
        return shown(
            "console/ideas_of.html", collection=collection, part=part, total=total, drafts=drafts, numbers=numbers,
            asked={name: value for name, value in asked.items() if value}, standings=STANDINGS, vias=VIAS,
            territory=territory, localities=[p for p in territory.places.values() if p.kind == "locality"],
        )  # fmt: skip

    @blueprint.post("/ideas/<slug>/juntar")
    @allows(Role.PARTICIPATION)
    def gather(slug: str) -> Response:
        ids = [int(id) for id in request.form.getlist("idea")[:MOST] if id.isdecimal() and len(id) < 10]
        into = request.form.get("respuesta", "")
        with transaction(desk.engine) as connection:
            known(read(connection), slug)
            if not ids:
                return see(".ideas_of", slug=slug)
            if into.isdecimal() and len(into) < 10:
                _city, collection, draft = found(connection, slug, int(into))
                id = draft.row.id
                if draft.row.sent_at is not None and "seguro" not in request.form:
                    rows = [row for row in ideas.some(connection, slug, ids) if not (row.sent_at or row.withdrawn_at)]
                    return shown("console/add_idea.html", collection=collection, draft=draft, ideas=rows)
            else:
                id = ideas.draft(connection, slug, desk.clock())
            number = ideas.put(connection, slug, ids, id)
            note(connection, "ideas.gathered", str(id), ideas=number)
        return see(".idea_answer", slug=slug, id=id)

    @blueprint.get("/ideas/<slug>/respuestas")
    @allows(Role.PARTICIPATION)
    def idea_answers(slug: str) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection)
            collection, every = known(city, slug), _drafts(connection, city, slug)[::-1]
        part = paging.part(every, paging.asked(), most=MOST)
        return shown("console/idea_answers.html", collection=collection, part=part)

    @blueprint.route("/ideas/<slug>/respuestas/<int(max=2147483647):id>", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def idea_answer(slug: str, id: int) -> Response:
        with transaction(desk.engine) if request.method == "POST" else reading(desk.engine) as connection:
            _city, collection, draft = found(connection, slug, id)
            row, inside = draft.row, ideas.ideas_in(connection, id)
            form = _form(row, collection)
            if request.method == "POST" and form.validate():
                # What was decided stays as it was told; words can be mended, a name that slipped in above all.
                what, subject = (row.what, row.subject) if row.sent_at else (form.what.data, form.subject.data)
                ideas.write(connection, id, what, subject, form.words("summary"), form.words("reason"))
                note(connection, "ideas.mended" if row.sent_at else "ideas.written", str(id))
                following = ".idea_answer" if row.sent_at else ".send_answer"
                return see(following, slug=slug, id=id)
        return shown(
            "console/idea_answer.html", 422 if request.method == "POST" else 200, collection=collection, draft=draft,
            ideas=inside, form=form, vias=VIAS,
        )  # fmt: skip

    @blueprint.post("/ideas/<slug>/respuestas/<int(max=2147483647):id>/sacar")
    @allows(Role.PARTICIPATION)
    def take_out(slug: str, id: int) -> Response:
        given = request.form.get("idea", "")
        with transaction(desk.engine) as connection:
            _city, _collection, draft = found(connection, slug, id)
            number = int(given) if given.isdecimal() and len(given) < 10 else 0
            if draft.row.sent_at is None and number in {row.id for row in ideas.ideas_in(connection, id)}:
                ideas.take_out(connection, number, id)
                note(connection, "ideas.parted", str(id), idea=number)
        return see(".idea_answer", slug=slug, id=id)

    @blueprint.route("/ideas/<slug>/respuestas/<int(max=2147483647):id>/enviar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION, fresh=True)
    def send_answer(slug: str, id: int) -> Response:
        with transaction(desk.engine) if request.method == "POST" else reading(desk.engine) as connection:
            _city, collection, draft = found(connection, slug, id)
            number, people = len(ideas.ideas_in(connection, id)), ideas.people_of(connection, id)
            ready = bool(draft.row.what) and number > 0 and draft.row.sent_at is None and not _lost(draft)
            print = _print(draft.row, number)
            same = request.form.get("seen") == print
            if request.method == "POST" and ready and same and ideas.publish(connection, id, desk.clock()):
                note(connection, "ideas.answered", str(id), ideas=number)
                return see(".idea_answers", slug=slug)
        return shown(
            "console/send_answer.html", 409 if request.method == "POST" else 200, collection=collection, draft=draft,
            number=number, people=people, ready=ready, seen=print,
        )  # fmt: skip

    @blueprint.route("/ideas/<slug>/respuestas/<int(max=2147483647):id>/descartar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def discard_answer(slug: str, id: int) -> Response:
        with transaction(desk.engine) if request.method == "POST" else reading(desk.engine) as connection:
            _city, collection, draft = found(connection, slug, id)
            if draft.row.sent_at is not None:
                abort(404)
            if request.method == "POST" and ideas.discard(connection, id):
                note(connection, "ideas.discarded", str(id))
                return see(".ideas_of", slug=slug)
        return shown("console/discard_answer.html", collection=collection, draft=draft)

    @blueprint.route("/ideas/<slug>/anotar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def enter_ideas(slug: str) -> Response:
        form = Entered(request.form) if request.method == "POST" else Entered(data={"once": new_code()})
        with transaction(desk.engine) if request.method == "POST" else reading(desk.engine) as connection:
            collection = known(read(connection), slug)
            if request.method == "POST" and is_code(form.once.data or "") and form.validate():
                first = ideas.entered(connection, form.once.data)
                if first is None:  # a form that is sent twice enters its ideas once
                    codes = [form.once.data, *(new_code() for _line in form.lines()[1:])]
                    common = {"collection": slug, "via": form.via.data, "place": None}
                    rows = [
                        {**common, "code": code, "text": line} for code, line in zip(codes, form.lines(), strict=True)
                    ]
                    ideas.enter(connection, rows, desk.clock())
                    note(connection, "ideas.entered", slug, ideas=len(rows))
                    first = ideas.entered(connection, form.once.data)
                return see(".slips", slug=slug, desde=first)
        return shown(
            "console/enter_ideas.html", 422 if request.method == "POST" else 200, collection=collection, form=form
        )

    @blueprint.get("/ideas/<slug>/papeles")
    @allows(Role.PARTICIPATION)
    def slips(slug: str) -> Response:
        first = max(0, min(request.args.get("desde", 0, int), 2**31 - 1))
        with reading(desk.engine) as connection:
            collection = known(read(connection), slug)
            rows = ideas.codes(connection, slug, first, MOST_ENTERED)
        made = [(row, invitation.slip(public, language(), row.code)) for row in rows]
        return shown("console/slips.html", collection=collection, slips=made)


def _drafts(connection: Connection, city: Catalogue, slug: str) -> list[Draft]:
    return [Draft(row, answer_of(city, row)) for row in ideas.outcomes(connection, slug)]


def _within(city: Catalogue, place: str) -> Sequence[str]:
    """The barrios of a locality, none where there is no such place."""
    territory = city.city.territory
    if place not in territory.places:
        return ()
    return [code for code in territory.places if any(each.code == place for each in territory.above(code))]


def _form(row: Row[Any], collection: Collection) -> AnswerForm:
    words = {name: json.loads(row._mapping[name]) for name in LETTERS}
    given = {f"{name}_{each}": words[name].get(each, "") for name in words for each in ("es", "en")}
    kept = {"what": row.what or "merged", "subject": row.subject}
    form = AnswerForm(request.form) if request.method == "POST" else AnswerForm(data={**given, **kept})
    targets = [SelectChoice(t.id, _("{number}. {title}", number=t.number, title=t.title)) for t in _sorted(collection)]
    form.subject.choices = [SelectChoice("", _("None")), *targets]
    if row.sent_at is not None:  # it was told: these two are not asked any more
        form.what.data, form.subject.data = row.what, row.subject
        form.subject.validate_choice = False
    return form


def _sorted(collection: Collection) -> list[Any]:
    return sorted(collection.targets.values(), key=lambda target: target.number)


def _lost(draft: Draft) -> bool:
    """Whether the proposal that an answer names is not there any more."""
    return bool(draft.row.subject) and draft.answer.target is None


def _print(row: Row[Any], number: int) -> str:
    """What was looked at before it is sent: if it changes meanwhile, it is looked at again."""
    return print_of([row.what, row.subject, row.summary, row.reason, number])
