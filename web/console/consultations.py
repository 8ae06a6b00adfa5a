"""Consultations under way: where each is, who took part (never what they chose), and its next step.

A consultation that is open cannot be changed. It can be corrected by a public erratum; closing it early and annulling
it need a second person and a public notice. Counting and publishing finish it.
"""

import hashlib
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, request
from sqlalchemy import Connection
from wtforms import Form, StringField, TextAreaField

from bot import lifecycle
from bot.catalogue import Catalogue, Listed
from bot.desk import Desk
from bot.lifecycle import NotPossible
from flows.language import Local, Phrase, _
from storage import approvals, audit, batches, counts, drafts, public_notices, turnouts
from storage import catalogue as shelf
from storage.approvals import Approval
from storage.consultations import ConsultationRow
from storage.database import reading, transaction
from storage.drafts import TooMany
from storage.pages import Words, fault
from storage.typed import cut, tidy, typed_of
from web import invitation, paging, poster
from web.console.access import Role, allows, shown, staff
from web.console.answers import download, see
from web.console.approvals import Step
from web.console.forms import Within, phrase, plain
from web.invitation import Public
from web.turnout import by_place

PER_PAGE = 40
CLOSE, ANNUL = "consultation.close", "consultation.annul"
READERS = (Role.PARTICIPATION, Role.APPROVER, Role.MONITOR)


class Notice(Form):
    """A public notice, in both languages."""

    es = TextAreaField(_("Text in Spanish"), description=_("At most {most} letters.", most=public_notices.MOST))
    en = TextAreaField(_("Text in English"), description=_("At most {most} letters.", most=public_notices.MOST))

    @property
    def words(self) -> Words:
        return {"es": tidy(self.es.data or ""), "en": tidy(self.en.data or "")}

    def complete(self) -> bool:
        """Whether both texts can be published; what is wrong stands beside each."""
        for name, text in self.words.items():
            reason = fault(text, public_notices.MOST)
            self[name].errors = [phrase(reason)] if reason else []
        return not (self.es.errors or self.en.errors)


class Office(Form):
    """Who counts."""

    office = StringField(
        _("Which office counts"),
        [Within(1, 120, _("Write the office, in 120 letters or less."))],
        filters=[plain],
        description=_("It stands in the public record of the count."),
    )


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages."""

    def city(connection: Connection) -> Catalogue:
        return desk.catalogue(connection, shelf.revision(connection))

    def known(connection: Connection, slug: str) -> tuple[Catalogue, Listed]:
        """A consultation; 404 without."""
        here = city(connection)
        return here, here.consultations.get(slug) or abort(404)

    def one(slug: str) -> Listed:
        with reading(desk.engine) as connection:
            return known(connection, slug)[1]

    @blueprint.get("/consultas")
    @allows(*READERS)
    def consultations() -> Response:
        now = desk.clock()
        with reading(desk.engine) as connection:
            here, found = city(connection), drafts.every(connection)
        listed = [(each, each.phase(now)) for each in reversed(list(here.consultations.values()))]
        part = paging.part(listed, paging.asked(), most=PER_PAGE)
        return shown("console/consultations.html", drafts=found, part=part, phases=lifecycle.PHASES)

    @blueprint.get("/consultas/<slug>")
    @allows(*READERS)
    def consultation(slug: str) -> Response:
        with reading(desk.engine) as connection:
            here, listed = known(connection, slug)
            count, noted = counts.of(connection, slug), turnouts.latest(connection, slug)
            asked = [each for kind in (CLOSE, ANNUL) if (each := approvals.about(connection, kind, slug))]
            draft = drafts.about(connection, slug)
        turnout = by_place(noted, here.city.territory, ZoneInfo(here.city.zone)) if noted else None
        now = desk.clock()
        return shown(
            "console/consultation.html", listed=listed, seen=listed.seen, phase=listed.phase(now),
            phases=lifecycle.PHASES, count=count, turnout=turnout, asked=asked, draft=draft,
            countable=now >= listed.row.paper_until,
            paper=listed.row.paper_until.astimezone(listed.seen.closes.tzinfo), steps={s.kind: s for s in STEPS},
        )  # fmt: skip

    @blueprint.post("/consultas/<slug>/retomar")
    @allows(Role.PARTICIPATION)
    def take_up(slug: str) -> Response:
        with transaction(desk.engine) as connection:
            _here, listed = known(connection, slug)
            if listed.row.state != "draft":
                abort(409)
            id = drafts.about(connection, slug)
            if id is None:
                try:
                    id = drafts.start(connection, typed_of(listed.row), staff().id, desk.clock())
                except TooMany:
                    return see(".consultations")
                audit.note(connection, desk.clock(), staff().id, "draft.begun", str(id))
        return see(".draft", id=id)

    @blueprint.route("/consultas/<slug>/corregir", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION, fresh=True)
    def correction(slug: str) -> Response:
        form, problem = Notice(request.form), None
        if request.method == "POST" and form.complete():
            try:
                lifecycle.correct(desk.engine, one(slug).row.slug, form.words, desk.clock(), staff().id)
                return see(".consultation", slug=slug)
            except NotPossible as reason:
                problem = reason.reason
        return _page("correction.html", slug, form, problem)

    @blueprint.route("/consultas/<slug>/cerrar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION, fresh=True)
    def early_close(slug: str) -> Response:
        return _ask(slug, CLOSE, ("open",), "early_close.html")

    @blueprint.route("/consultas/<slug>/anular", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION, fresh=True)
    def annulment(slug: str) -> Response:
        return _ask(slug, ANNUL, ("scheduled", "open", "closed"), "annulment.html")

    def _ask(slug: str, kind: str, phases: tuple[str, ...], template: str) -> Response:
        """Ask a second person for a step, with the notice that will be published."""
        form, problem, listed = Notice(request.form), None, one(slug)
        if listed.phase(desk.clock()) not in phases:
            problem = _("This is no longer possible: the vote is at another point.")
        elif request.method == "POST" and form.complete():
            detail = {**form.words, "title": listed.seen.title.by_language, "print": _print(listed.row)}
            with transaction(desk.engine) as connection:
                id = approvals.ask(connection, kind, slug, detail, staff().id, desk.clock())
                audit.note(connection, desk.clock(), staff().id, "approval.asked", str(id), kind=kind, about=slug)
            return see(".consultation", slug=slug)
        return _page(template, slug, form, problem)

    @blueprint.route("/consultas/<slug>/contar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION, fresh=True)
    def counting(slug: str) -> Response:
        form, problem = Office(request.form), None
        if request.method == "POST" and form.validate():
            try:
                lifecycle.count(
                    desk.engine, desk.keys, one(slug).row.slug, desk.clock(), cut(form.office.data), staff().id
                )
                return see(".consultation", slug=slug)
            except NotPossible as reason:
                problem = reason.reason
        return _page("counting.html", slug, form, problem)

    @blueprint.route("/consultas/<slug>/publicar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION, fresh=True)
    def publication(slug: str) -> Response:
        problem: Phrase | None = None
        if request.method == "POST":
            try:
                lifecycle.publish(desk.engine, one(slug).row.slug, desk.clock(), by=staff().id)
                return see(".consultation", slug=slug)
            except NotPossible as reason:
                problem = reason.reason
        return _page("publication.html", slug, Form(), problem)

    @blueprint.get("/consultas/<slug>/cartel-<size>.pdf")
    @allows(*READERS)
    def poster_file(slug: str, size: str) -> Response:
        tongue = "en" if request.args.get("idioma") == "en" else "es"
        with reading(desk.engine) as connection:
            here, listed = known(connection, slug)
        if size not in poster.SIZES or listed.phase(desk.clock()) not in ("scheduled", "open"):
            abort(404)
        site = f"{public.url}{'/en' if tongue == 'en' else ''}/consultas/{slug}"
        ways = invitation.ways(public, tongue, slug)
        made = poster.draw(listed.seen, here.city.name, ways, site, tongue, size)
        return download(made, "application/pdf", f"{slug}-{size}-{tongue}.pdf")

    def _page(template: str, slug: str, form: Form, problem: Phrase | None) -> Response:
        """A page on which a step is confirmed."""
        with reading(desk.engine) as connection:
            _here, listed = known(connection, slug)
            count = counts.of(connection, slug)
            unconfirmed = batches.papers(connection, slug, batches.UNCONFIRMED)
        wrong = problem is not None or any(field.errors for field in form)
        return shown(
            f"console/{template}", 422 if wrong else 200, listed=listed, seen=listed.seen, form=form, problem=problem,
            phase=listed.phase(desk.clock()), count=count, now=desk.clock(), unconfirmed=unconfirmed,
            paper=listed.row.paper_until.astimezone(listed.seen.closes.tzinfo),
        )  # fmt: skip


def _print(row: ConsultationRow) -> str:
    """What a second person agrees to: this consultation as it is, with these dates."""
    what = f"{row.slug} {row.digest} {row.state} {row.opens_at.isoformat()} {row.closes_at.isoformat()}"
    return hashlib.sha256(what.encode()).hexdigest()


def _still(connection: Connection, asked: Approval) -> None:
    """Raises NotPossible where the consultation is no longer what the request was about."""
    row = lifecycle.hold(connection, asked.subject)
    if _print(row) != asked.detail["print"]:
        raise NotPossible(_("The vote changed after this was asked for. Ask again."))


def _words(asked: Approval) -> Words:
    return {language: str(asked.detail[language]) for language in ("es", "en")}


def _close(connection: Connection, asked: Approval, by: int, now: datetime) -> None:
    _still(connection, asked)
    lifecycle.close_in(connection, asked.subject, now, _words(asked), by)


def _annul(connection: Connection, asked: Approval, by: int, now: datetime) -> None:
    _still(connection, asked)
    lifecycle.annul_in(connection, asked.subject, _words(asked), now, by)


def _says(msgid: str) -> Any:
    def says(asked: Approval) -> Phrase:
        return _(msgid, title=Local(asked.detail["title"]), why=Local(_words(asked)))

    return says


CLOSES = _("Close the vote {title} early. The public notice: {why}", title="", why="")
ANNULS = _("Annul the vote {title}. The public notice: {why}", title="", why="")

STEPS = (
    Step(CLOSE, (Role.PARTICIPATION,), (Role.APPROVER,), _says(CLOSES.msgid), _close),
    Step(
        ANNUL, (Role.PARTICIPATION,), (Role.APPROVER,), _says(ANNULS.msgid), _annul,
        lambda desk, asked: lifecycle.seal(desk.engine, desk.keys, asked.subject),
    ),
)  # fmt: skip
"""Closing early and annulling: one asks, another agrees."""
