"""Editing a plan: its commitments and milestones, each edit with a reason that the public history shows."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, request, url_for
from sqlalchemy import Connection
from wtforms import Form, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice

from bot import plan_edits
from bot.catalogue import Catalogue
from bot.desk import Desk
from bot.plan_edits import Edit, Stale, Unfit
from flows.language import Joined, Phrase, _
from flows.plan import Plan
from storage import audit
from storage import plans as promises
from storage.database import reading, transaction
from web.console.access import Role, allows, shown, staff
from web.console.answers import go, see
from web.console.forms import Boxes, choices
from web.console.plans import known_commitment, known_milestone, known_plan, read
from web.invitation import Public

CHANGED = _("Somebody changed this while you wrote. What stands now is below: look at it, and send yours again.")
DAY_HINT = _("A month like 2023-02 or a day like 2023-02-15.")
SHORT_HINT = _("For text messages (SMS): at most 28 letters, without accents.")


class Because(Form):
    """Why it is edited; `seen` is the digest of what was shown."""

    reason = TextAreaField(
        _("Why you change it"), description=_("At most 300 letters. It stands in the public history.")
    )
    seen = HiddenField()


class MilestoneForm(Because):
    title_es = StringField(_("Title in Spanish"))
    title_en = StringField(_("Title in English"))
    short_es = StringField(_("Short title in Spanish"), description=SHORT_HINT)
    short_en = StringField(_("Short title in English"), description=SHORT_HINT)
    official = TextAreaField(_("Official text, word for word"))
    offices = Boxes(_("Offices that answer for it"))
    starts = StringField(_("First month or day"), description=DAY_HINT)
    ends = StringField(_("Last month or day"), description=DAY_HINT)


class CommitmentForm(Because):
    title_es = StringField(_("Title in Spanish"))
    title_en = StringField(_("Title in English"))
    short_es = StringField(_("Short title in Spanish"), description=SHORT_HINT)
    short_en = StringField(_("Short title in English"), description=SHORT_HINT)
    more_es = TextAreaField(_("What it is, in plain Spanish"))
    more_en = TextAreaField(_("What it is, in plain English"))
    official = TextAreaField(_("Official text, word for word"))
    objective = SelectField(_("Objective that it serves"))
    leads = Boxes(_("Offices that answer for it"))
    partners = TextAreaField(_("Others who take part"), description=_("One on each line. It can be empty."))
    areas = Boxes(_("Policy areas"))
    values = Boxes(_("Values of open government"))
    sdgs = StringField(
        _("Sustainable Development Goals"), description=_("Their numbers, with commas between them. It can be empty.")
    )
    origin = SelectField(_("Where it came from"))
    starts = StringField(_("First month or day"), description=DAY_HINT)
    ends = StringField(_("Last month or day"), description=DAY_HINT)


class NewCommitmentForm(CommitmentForm):
    id = StringField(
        _("Name in links"), description=_("Small letters, digits and hyphens, such as agua-diaria. It stays for ever.")
    )
    first_title_es = StringField(_("Milestone: title in Spanish"))
    first_title_en = StringField(_("Milestone: title in English"))
    first_short_es = StringField(_("Milestone: short title in Spanish"), description=SHORT_HINT)
    first_short_en = StringField(_("Milestone: short title in English"), description=SHORT_HINT)
    first_official = TextAreaField(_("Milestone: official text"))
    first_offices = Boxes(_("Milestone: offices that answer for it"))
    first_starts = StringField(_("Milestone: first month or day"), description=DAY_HINT)
    first_ends = StringField(_("Milestone: last month or day"), description=DAY_HINT)


class WithdrawForm(Form):
    withdrawn_es = TextAreaField(
        _("Why it is withdrawn, in Spanish"), description=_("At most 300 letters. It is public.")
    )
    withdrawn_en = TextAreaField(_("Why it is withdrawn, in English"))
    seen = HiddenField()


@dataclass(frozen=True)
class Kept:
    """The id of what was edited; or what is wrong, and what stands now where it differs from what was typed."""

    id: str = ""
    problem: Phrase | None = None
    stands: Sequence[tuple[Phrase, str]] = ()


Act = Callable[[Connection, Edit], str]
"""Does an edit and gives the id of what was edited."""


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages."""

    def edit(plan: Plan, form: Form) -> Edit:
        why = form.data.get("reason") or ""
        return Edit(plan.slug, staff().id, why, desk.clock(), form.data.get("seen") or "")

    def kept(plan: Plan, form: Form, action: str, act: Act, id: str = "") -> Kept:
        """Do it in one transaction with its line in the record. `id` is what is edited, where it is there already."""
        with transaction(desk.engine) as connection:
            try:
                done = act(connection, edit(plan, form))
                audit.note(connection, desk.clock(), staff().id, action, done)
                return Kept(done)
            except Unfit as unfit:
                return Kept(problem=_refused(form, unfit.faults))
            except Stale:
                return Kept(problem=CHANGED, stands=_stands(form, promises.body_of(connection, plan.slug) or {}, id))
            except plan_edits.Missing:
                abort(404)

    def page(form: Form, title: Phrase, back: str, problem: Phrase | None = None, **more: Any) -> Response:
        status = 422 if request.method == "POST" else 200
        return shown("console/edit.html", status, form=form, title=title, back=back, problem=problem, **more)

    def edited(
        plan: Plan, id: str, form: Form, title: Phrase, back: str, act: Act, action: str, **more: Any
    ) -> Response:
        """A page on which something of the plan is edited, or the way back to it once that is kept."""
        form["seen"].data = form["seen"].data or _seen(desk, plan, id)
        if request.method == "GET":
            return page(form, title, back, **more)
        done = kept(plan, form, action, act, id)
        return go(back) if done.problem is None else page(form, title, back, done.problem, stands=done.stands, **more)

    @blueprint.route("/compromisos/<commitment>/editar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def edit_commitment(commitment: str) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection, desk)
            sight, promised = known_commitment(city, commitment)
            given = plan_edits.fields_of(promises.body_of(connection, sight.plan.slug) or {}, promised.id)
        form = CommitmentForm(request.form) if request.method == "POST" else CommitmentForm(data=given)
        whence = _origins(city)
        _choices(form, sight.plan, {**{given["origin"]: given["origin"]}, **whence} if given["origin"] else whence)

        def act(connection: Connection, edit: Edit) -> str:
            plan_edits.change_commitment(connection, promised.id, form.data, set(whence), edit)
            return promised.id

        title = _("Edit the commitment: {title}", title=promised.title)
        back = url_for(".commitment", commitment=promised.id)
        return edited(sight.plan, promised.id, form, title, back, act, "commitment.edited")

    @blueprint.route("/hitos/<milestone>/editar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def edit_milestone(milestone: str) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection, desk)
            sight, _promised, step = known_milestone(city, milestone)
            given = plan_edits.fields_of(promises.body_of(connection, sight.plan.slug) or {}, step.id)
        form = MilestoneForm(request.form) if request.method == "POST" else MilestoneForm(data=given)
        form.offices.choices = _offices(sight.plan)

        def act(connection: Connection, edit: Edit) -> str:
            plan_edits.change_milestone(connection, step.id, form.data, edit)
            return step.id

        title = _("Edit the milestone: {title}", title=step.title)
        return edited(
            sight.plan, step.id, form, title, url_for(".milestone", milestone=step.id), act, "milestone.edited"
        )

    @blueprint.route("/compromisos/<commitment>/hitos", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def new_milestone(commitment: str) -> Response:
        with reading(desk.engine) as connection:
            sight, promised = known_commitment(read(connection, desk), commitment)
        given = {"offices": promised.leads}
        form = MilestoneForm(request.form) if request.method == "POST" else MilestoneForm(data=given)
        form.offices.choices = _offices(sight.plan)
        title = _("New milestone of: {title}", title=promised.title)
        back = url_for(".commitment", commitment=promised.id)
        if request.method == "GET":
            return page(form, title, back)

        def act(connection: Connection, edit: Edit) -> str:
            return plan_edits.add_milestone(connection, promised.id, form.data, edit)

        done = kept(sight.plan, form, "milestone.added", act)
        return page(form, title, back, done.problem) if done.problem else see(".milestone", milestone=done.id)

    @blueprint.route("/planes/<plan>/compromisos", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def new_commitment(plan: str) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection, desk)
            found = known_plan(city, plan)
        whence = _origins(city)
        form = (
            NewCommitmentForm(request.form)
            if request.method == "POST"
            else NewCommitmentForm(data=_begun(city, whence))
        )
        _choices(form, found, whence)
        form.first_offices.choices = _offices(found)
        title, back = _("New commitment"), url_for(".plan", plan=found.slug)
        if request.method == "GET":
            return page(form, title, back)

        def act(connection: Connection, edit: Edit) -> str:
            return plan_edits.add_commitment(connection, form.data, set(whence), edit)

        done = kept(found, form, "commitment.added", act)
        return page(form, title, back, done.problem) if done.problem else see(".commitment", commitment=done.id)

    @blueprint.route("/hitos/<milestone>/quitar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def remove_milestone(milestone: str) -> Response:
        with reading(desk.engine) as connection:
            sight, promised, step = known_milestone(read(connection, desk), milestone)
            body = promises.body_of(connection, sight.plan.slug) or {}
            barred = plan_edits.removable(connection, body, step.id)
        form = Because(request.form)

        def act(connection: Connection, edit: Edit) -> str:
            plan_edits.remove_milestone(connection, step.id, edit)
            return step.id

        title = _("Take this milestone out of the plan: {title}", title=step.title)
        back = url_for(".commitment", commitment=promised.id)
        if barred is not None:
            return page(form, title, url_for(".milestone", milestone=step.id), barred, barred=True)
        says = _("It goes from the plan and from the public page. The history keeps its title and your reason.")
        return edited(sight.plan, step.id, form, title, back, act, "milestone.removed", says=says, danger=True)

    @blueprint.route("/compromisos/<commitment>/retirar", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def withdraw_commitment(commitment: str) -> Response:
        with reading(desk.engine) as connection:
            sight, promised = known_commitment(read(connection, desk), commitment)
        form = WithdrawForm(request.form)

        def act(connection: Connection, edit: Edit) -> str:
            plan_edits.withdraw(connection, promised.id, form.data, edit)
            return promised.id

        back = url_for(".commitment", commitment=promised.id)
        says = _("It stays on the public page, marked as withdrawn, with your reason. Who follows it is told.")
        title = _("Withdraw the commitment: {title}", title=promised.title)
        return edited(sight.plan, promised.id, form, title, back, act, "commitment.withdrawn", says=says, danger=True)

    @blueprint.route("/compromisos/<commitment>/reponer", methods=["GET", "POST"])
    @allows(Role.PARTICIPATION)
    def reinstate_commitment(commitment: str) -> Response:
        with reading(desk.engine) as connection:
            sight, promised = known_commitment(read(connection, desk), commitment)
        form = Because(request.form)

        def act(connection: Connection, edit: Edit) -> str:
            plan_edits.reinstate(connection, promised.id, edit)
            return promised.id

        title = _("Let this commitment stand again: {title}", title=promised.title)
        back = url_for(".commitment", commitment=promised.id)
        return edited(sight.plan, promised.id, form, title, back, act, "commitment.reinstated")


def _refused(form: Form, faults: Mapping[str, Phrase]) -> Phrase | None:
    """Put what is wrong beside the fields; what is wrong with the whole, or a word for all."""
    for name, why in faults.items():
        if name in form:
            form[name].errors = [why]
    return faults.get("") or _("Nothing was kept yet.")


def _seen(desk: Desk, plan: Plan, id: str) -> str:
    with reading(desk.engine) as connection:
        return plan_edits.seen(promises.body_of(connection, plan.slug) or {}, id)


def _stands(form: Form, body: Mapping[str, Any], id: str) -> list[tuple[Phrase, str]]:
    """What stands in the plan now where something else was typed; a form that is sent again is then about that."""
    form["seen"].data, stands = plan_edits.seen(body, id), plan_edits.fields_of(body, id)
    found = [
        (form[name].label.text, value) for name, value in stands.items() if name in form and form[name].data != value
    ]
    return [(label, ", ".join(value) if isinstance(value, list | tuple) else str(value)) for label, value in found]


def _choices(form: CommitmentForm, plan: Plan, origins: Mapping[str, Phrase]) -> None:
    form.objective.choices = choices(plan.objectives)
    form.leads.choices = _offices(plan)
    form.areas.choices = choices(plan.areas)
    form.values.choices = choices(plan.values)
    form.origin.choices = choices({"": _("From no consultation"), **origins})


def _offices(plan: Plan) -> list[SelectChoice]:
    return choices({office.id: office.name for office in plan.offices.values()})


def _origins(city: Catalogue) -> dict[str, Phrase]:
    """The published consultations and their proposals, as what a commitment can come from."""
    found: dict[str, Phrase] = {}
    for slug in city.published():
        seen = city.consultations[slug].seen
        found[slug] = seen.title
        for proposal in seen.proposals:
            found[f"{slug}/{proposal.id}"] = Joined([seen.title, f"{proposal.number}", proposal.title], " · ")
    return found


def _begun(city: Catalogue, origins: Collection[str]) -> Mapping[str, Any]:
    """A commitment begun from the proposal that the address names."""
    slug, _slash, id = request.args.get("de", "").partition("/")
    if f"{slug}/{id}" not in origins:
        return {}
    proposal = city.consultations[slug].seen.proposal(id)
    words = {"title": proposal.title, "short": proposal.short, "more": proposal.more}
    texts = {f"{name}_{language}": text for name, by in words.items() for language, text in by.by_language.items()}
    return {**texts, "origin": f"{slug}/{id}"}
